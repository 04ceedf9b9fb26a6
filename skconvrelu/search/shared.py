"""Pricing where units are shared by all outputs: local maximisers of ``||Lambda' (X u)_+||_2`` on the unit ball.

For a fixed output direction v this is the price of one output with the dual point ``Lambda v``; for a fixed u the best v is
``Lambda' (X u)_+`` itself. Starts climb in the directions at hand first, many at a time; the best then alternate between the two.
"""

from __future__ import annotations

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from skconvrelu.kernels.blas_threads import one_blas_thread
from skconvrelu.program import ConvexProgram
from skconvrelu.search.convex_concave import climb, pulls
from skconvrelu.search.gradient_ascent import ascend
from skconvrelu.search.units import Units, no_units
from skconvrelu.search.whitening import Spread
from skconvrelu.stopping import current, under

Array = NDArray[np.float64]

#: output directions that one search draws from random gates, and from the present units
_BLIND_SIDES, _KNOWN_SIDES = 10, 10
#: share of the level from which a start is worth alternating, how many at most, and how often
_PROMISING, _ALTERNATED, _TIMES = 0.9, 80, 4
#: inner steps of a climb between two updates of the direction
_SHORT = (20,) * 4


def best_directions(X: Array, dual: Array, U: Array) -> tuple[Array, Array]:
    """The output direction (m, K) of each row of ``U`` (m, d) and the price ``||Lambda' (X u)_+|| / ||u||``."""
    pull = pulls(X, dual, U)
    lengths, sizes = np.linalg.norm(pull, axis=1), np.linalg.norm(U, axis=1)
    directions = pull / np.where(lengths > 0.0, lengths, 1.0)[:, None]
    directions[lengths == 0.0] = np.eye(dual.shape[1])[0]
    return directions, lengths / np.where(sizes > 0.0, sizes, 1.0)


def climb_shared(
    X: Array,
    dual: Array,
    starts: list[tuple[Array, Array]],
    *,
    level: float,
    ascending: bool,
    spread: Spread,
    n_jobs: int | None,
) -> list[tuple[Units, Array]]:
    """Improve starts: each item is a direction (K,) and starts (m, d) for it; each answer units and their prices, best first."""
    stop = current()
    if ascending:
        return Parallel(n_jobs=n_jobs, prefer="threads")(
            delayed(under)(stop, _ascend, X, dual, side, begin) for side, begin in starts
        )
    first = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(under)(stop, _along, X, dual, side, begin, level, spread) for side, begin in starts
    )
    most = max(1, _ALTERNATED // max(len(starts), 1))
    return list(
        Parallel(n_jobs=n_jobs, prefer="threads")(
            delayed(under)(stop, _alternate, X, dual, found, most, level, spread) for found in first
        )
    )


def sides_of(
    program: ConvexProgram, dual: Array, units: Units, gates: Array, rng: np.random.RandomState
) -> tuple[Array, Array]:
    """Output directions to start in: those that random gates ask for, which know nothing of the units, and some of the units' own."""
    blind = best_directions(program.X, dual, gates[:_BLIND_SIDES])[0]
    if not len(units):
        return blind, no_units(program).directions
    chosen = rng.permutation(len(units))[:_KNOWN_SIDES]
    return blind, units.directions[chosen]


def _along(X: Array, dual: Array, side: Array, starts: Array, level: float, spread: Spread) -> Array:
    with one_blas_thread():
        return climb(X, dual @ side, starts, dtype=np.float32, level=level, spread=spread)


def _ascend(X: Array, dual: Array, side: Array, starts: Array) -> tuple[Units, Array]:
    """Ascents of unit and direction together."""
    with one_blas_thread():
        U = ascend(X, dual, starts, np.tile(side, (len(starts), 1)), free=True)
        directions, prices = best_directions(X, dual, U)
    order = np.argsort(-prices, kind="stable")
    return Units(U[order], directions[order]), prices[order]


def _alternate(X: Array, dual: Array, U: Array, most: int, level: float, spread: Spread) -> tuple[Units, Array]:
    """Alternate unit and direction for the most promising starts."""
    with one_blas_thread():
        directions, prices = best_directions(X, dual, U)
        order = np.argsort(-prices, kind="stable")
        U, directions, prices = U[order], directions[order], prices[order]
        for i in np.flatnonzero(prices > _PROMISING * level)[:most]:
            for _ in range(_TIMES):
                u = climb(X, dual @ directions[i], U[i : i + 1], schedule=_SHORT, level=level, spread=spread)
                side, price = best_directions(X, dual, u)
                gain = price[0] - prices[i]
                if gain > 0.0:
                    U[i], directions[i], prices[i] = u[0], side[0], price[0]
                if gain <= 1e-6 * level:
                    break
    return Units(U, directions), prices
