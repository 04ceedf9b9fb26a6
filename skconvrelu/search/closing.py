"""The end of a search: what it found, and the last look around, which says what the gap is worth."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from skconvrelu.program import ConvexProgram
from skconvrelu.search.bounds import searched_bound, tolerable_price, violation_level
from skconvrelu.search.proof import prove
from skconvrelu.search.units import Units, no_units
from skconvrelu.search.violators import Found, search_violators, starts_per_side
from skconvrelu.solution import Solution

Array = NDArray[np.float64]

#: independent starts after which the last look ends
_LAST_STARTS = 16_000
#: recall at which it is satisfied; and looks without a rediscovery after which further ones are in vain
RECALL, _VAIN = 0.8, 3
#: rows up to which exact pricing takes about a tenth of a second, for each rank; and cones after which it gives up
_PROVABLE = {1: 10_000, 2: 2_000, 3: 500, 4: 60, 5: 25}
_MAX_CONES = 5_000


@dataclass(eq=False)
class Refined:
    """Where the search ended.

    Attributes
    ----------
    program : ConvexProgram
        Over the sampled patterns and those of the units found.
    gates : ndarray of shape (P, d)
        A gate for each of its patterns, the sampled ones first.
    solution : Solution
        Verified over ``program``.
    objectives : list of float
        Best objective after each round, never increasing.
    largest : float
        Largest price met at the solution's outputs, in any search from there.
    dual : ndarray of shape (n, K)
        The unscaled dual point that was priced.
    n_starts : int
        Independent starts at that dual point.
    recall : float
        Share of the active units that they ended in (1.0 when there is none).
    converged : bool
        The searched gap is at most tol times the objective.
    bound : float
        Lower bound of the objective if no arrangement prices above ``largest``.
    proven_bound : float or None
        Proven lower bound, where exact pricing is affordable.
    notes : list of str
        What went wrong on the way, for warnings.
    """

    program: ConvexProgram
    gates: Array
    solution: Solution
    objectives: list[float] = field(default_factory=list)
    largest: float = 0.0
    dual: Array = field(default_factory=lambda: np.zeros((0, 0)))
    n_starts: int = 0
    recall: float = 1.0
    converged: bool = False
    bound: float = -np.inf
    proven_bound: float | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the last look established at one dual point.

    Attributes
    ----------
    largest : float
        Largest price met.
    n_starts : int
        Independent starts.
    recall : float
        Share of the units that they ended in (1.0 when there is none).
    bound : float
        Lower bound of the objective if no arrangement prices above ``largest``.
    converged : bool
        The gap to it is at most tol times the objective.
    proven_bound : float or None
        Proven lower bound, where exact pricing is affordable.
    entering : Units
        Units above beta that exact pricing or the starts met.
    """

    largest: float
    n_starts: int
    recall: float
    bound: float
    converged: bool
    proven_bound: float | None
    entering: Units


def as_looked(program: ConvexProgram, dual: Array, found: Found, largest: float) -> Evidence:
    """What a look of a round established, where a gap is left and no further one is taken."""
    recall = float(found.rediscovered.mean()) if len(found.rediscovered) else 1.0
    bound = searched_bound(program, dual, largest)
    return Evidence(largest, found.n_starts, recall, bound, False, None, found.violators)


def last_look(
    program: ConvexProgram,
    solution: Solution,
    units: Units,
    dual: Array,
    rng: np.random.RandomState,
    *,
    largest: float,
    tol: float,
    n_jobs: int | None = None,
) -> Evidence:
    """Prove that no arrangement prices above beta, where that is affordable, and start anew until enough units are met again.

    Parameters
    ----------
    program : ConvexProgram
    solution : Solution
        Its objective is what bounds are held against.
    units : Units
        Its units.
    dual : ndarray of shape (n, K)
        Dual point to price, unscaled.
    rng : RandomState
    largest : float
        Largest price known there.
    tol : float
        Relative gap; a look that cannot meet it any more ends.
    n_jobs : int, default=None
        Threads for pricing; the result does not depend on it.
    """
    proven, entering = None, no_units(program)
    if not program.shared and len(program.X) <= _PROVABLE.get(program.X.shape[1], 0):
        level = tolerable_price(program, dual, solution.objective * (1.0 - tol))
        proven = prove(program, dual, units, level=level, max_nodes=_MAX_CONES)
        entering, largest = proven.violators, max(largest, proven.lower)
    n_starts, in_vain, rediscovered = 0, 0, np.zeros(len(units), dtype=bool)
    while True:
        found = search_violators(
            program, dual, units, rng,
            n_starts=starts_per_side(program), level=violation_level(program, tol), neighbours=n_starts == 0, n_jobs=n_jobs,
        )  # fmt: skip
        entering = entering + found.violators
        n_starts += found.n_starts
        largest = max(largest, found.largest)
        in_vain = 0 if (found.rediscovered & ~rediscovered).any() else in_vain + 1
        rediscovered |= found.rediscovered
        bound = searched_bound(program, dual, largest)
        converged = solution.objective - bound <= tol * solution.objective + 1e-14 * solution.scale
        recall = float(rediscovered.mean()) if len(units) else 1.0
        enough = proven is not None or recall >= RECALL or n_starts >= _LAST_STARTS or in_vain >= _VAIN
        if not converged or enough:
            break
    proven_bound = None if proven is None else searched_bound(program, dual, proven.upper)
    return Evidence(largest, n_starts, recall, bound, converged, proven_bound, entering)
