"""What training takes and gives: the estimator's parameters that matter to it, and a verified solution with its certificate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skconvrelu.certificate import Certificate
from skconvrelu.policy import DEFAULT, Policy
from skconvrelu.program import ConvexProgram
from skconvrelu.solution import Solution
from skconvrelu.solvers import Solve

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Options:
    """What the estimator's parameters say about solving."""

    solver: str | Solve
    tol: float
    max_iter: int
    n_jobs: int | None
    rounds: int
    policy: Policy = DEFAULT

    @classmethod
    def of(cls, estimator: Any) -> Options:
        flag = isinstance(estimator.refine, (bool, np.bool_))
        policy: Policy = estimator._policy
        rounds = policy.max_rounds * bool(estimator.refine) if flag else int(estimator.refine)
        return cls(estimator.solver, estimator.tol, estimator.max_iter, estimator.n_jobs, rounds, policy)


@dataclass(frozen=True, eq=False)
class Trained:
    """A verified solution, the gates (d, P) of its program in the coordinates of the data, and what is known about it."""

    program: ConvexProgram
    solution: Solution
    gates: Array
    certificate: Certificate
    objectives: list[float]
