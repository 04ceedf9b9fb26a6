"""Penalties: the largest useful one, grids, and what is given."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skconvrelu._checks import check_count, check_vector
from skconvrelu.policy import DEFAULT, Policy
from skconvrelu.problem import Problem
from skconvrelu.program import ConvexProgram
from skconvrelu.search.convex_concave import searched_max_price

Array = NDArray[np.float64]

#: the least penalty of a grid, as a fraction of the largest price that balanced classes could have
_FLOOR = 1e-5


def largest_beta(program: ConvexProgram, policy: Policy = DEFAULT) -> float:
    """The smallest beta with the zero network as optimum: over all arrangements as searched, for gated units over the given ones.

    Over all arrangements it does not depend on the sampler. Zero when no unit can gain anything.
    """
    if not program.constrained:
        return program.beta_max()
    many = policy.has_many_rows(program)
    largest = searched_max_price(program.X, program.zero_dual(), program.patterns, ascending=many)
    return largest if largest > program.least_price() else 0.0


def given_beta(problem: Problem, program: ConvexProgram, beta: float) -> float:
    """A penalty in canonical units.

    Raises
    ------
    ValueError
        If it is too small beside X and the targets to be told from none.
    """
    inward = problem.coordinates.beta_inward(beta)
    if inward < program.least_beta:
        least = problem.coordinates.beta_outward(program.least_beta)
        raise ValueError(
            f"beta={beta:.3g} is too small for features and targets of this size: below {least:.1g} doubles cannot tell it from no "
            "penalty. Scale the features, for instance by StandardScaler, or increase beta."
        )
    return inward


def _floor(program: ConvexProgram) -> float:
    """Least penalty chosen without being asked for, for losses without a unit.

    With classes beyond 1000 : 1 a fraction of the largest one would follow the rare class into pure fitting.
    """
    return _FLOOR * program.largest_price() if program.loss.unitless else 0.0


def given_betas(betas: Any) -> Array | None:
    """The penalties of a parameter ``betas``, falling and without repetition; None if it is a number of them."""
    if isinstance(betas, Integral) and not isinstance(betas, bool):
        check_count(betas, "betas")
        return None
    given = check_vector(betas, "betas")
    if given.ndim != 1 or not len(given) or not (np.isfinite(given) & (given > 0.0)).all():
        raise ValueError("betas must be a positive integer or a 1-D array of positive finite numbers.")
    return np.ascontiguousarray(np.unique(given)[::-1])


def beta_grid(
    problem: Problem, programs: list[ConvexProgram], n_betas: int, eps: float, policy: Policy = DEFAULT
) -> Array:
    """Falling geometric grid from the largest useful penalty of the programs down to ``eps`` times it, or to the floor; user's units."""
    largest = max(largest_beta(program, policy) for program in programs)
    if largest == 0.0:  # any penalty keeps the zero network
        return np.ones(1)
    least = max(eps * largest, *(_floor(program) for program in programs), 0.0)
    grid = np.geomspace(largest, least, n_betas) if n_betas > 1 and least < largest else np.array([largest])
    return np.array([problem.coordinates.beta_outward(beta) for beta in grid])
