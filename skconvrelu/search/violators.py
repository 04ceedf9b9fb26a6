"""One search over all arrangements at a dual point: the units that price above beta, and how much the search is worth.

Independent starts know nothing of the present units. The share of the present units that they find again (capture and recapture)
is the search's recall: every active unit of an optimum prices at exactly beta, so a search that misses them has shown nothing.
Further starts, from the present units and their neighbours, look for violations where they are most likely.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from skconvrelu._products import CHUNK
from skconvrelu.program import ConvexProgram
from skconvrelu.search.pricing import SETTLE, climb, price
from skconvrelu.search.shared import best_directions, climb_shared, sides_of
from skconvrelu.search.units import Units, no_units, signed_axes

Array = NDArray[np.float64]

#: cosine from which two unit vectors count as the same maximiser
SAME = 0.99
#: starts whose first price is at least this share of the level are settled to full accuracy, at most so many of a batch
_PROMISING, _SETTLED = 0.97, 60
#: starts that are improved together; fixed, so that results do not depend on n_jobs
_BATCH = 250


@dataclass(frozen=True)
class Found:
    """What one search found.

    Attributes
    ----------
    violators : Units
        Unit vectors that price above the level, largest first, no two the same.
    largest : float
        Largest price met, that of the present units included.
    rediscovered : bool ndarray of shape (m,)
        The present units that independent starts ended in.
    n_starts : int
        Independent starts.
    """

    violators: Units
    largest: float
    rediscovered: NDArray[np.bool_]
    n_starts: int


def search_violators(
    program: ConvexProgram,
    dual: Array,
    units: Units,
    rng: np.random.RandomState,
    *,
    n_starts: int,
    level: float,
    neighbours: bool = True,
    n_jobs: int | None = None,
) -> Found:
    """Maximise the price over all arrangements for every output and sign.

    Parameters
    ----------
    program : ConvexProgram
        Its data; patterns and blocks play no part.
    dual : ndarray of shape (n, K)
        Dual point, unscaled.
    units : Units
        The present units.
    rng : RandomState
        Draws the starts; the result is a function of its state whatever ``n_jobs``.
    n_starts : int
        Independent starts for each output and sign.
    level : float
        Prices above it are violations.
    neighbours : bool, default=True
        Start beside the present units, too.
    n_jobs : int, default=None
        Threads that share the starts.
    """
    if program.shared:
        return _search_shared(program, dual, units, rng, n_starts, level, neighbours, n_jobs)
    X = program.X
    spread = _whitening(X, program.weights)
    sides = signed_axes(program.Y.shape[1])
    tasks, owners = [], []
    members = [np.flatnonzero((units.directions == side).all(axis=1)) for side in sides]
    for s, side in enumerate(sides):
        signed = dual @ side
        blind = _independent_starts(X, signed, spread, n_starts, rng)
        near = _neighbour_starts(units.coef[members[s]], spread, n_starts, rng) if neighbours else blind[:0]
        step = min(_BATCH, max(1, CHUNK // len(X)))
        for starts, independent in ((blind, True), (near, False)):
            for first in range(0, len(starts), step):
                tasks.append(delayed(_improve)(X, signed, starts[first : first + step], level))
                owners.append((s, independent))
    results = Parallel(n_jobs=n_jobs, prefer="threads")(tasks)
    rediscovered = np.zeros(len(units), dtype=bool)
    largest = 0.0
    coef, directions, prices = [no_units(program).coef], [no_units(program).directions], [np.zeros(0)]
    for s, side in enumerate(sides):
        parts = [(r, independent) for r, (owner, independent) in zip(results, owners, strict=True) if owner == s]
        own = units.coef[members[s]] / np.linalg.norm(units.coef[members[s]], axis=1)[:, None]
        U = np.vstack([part[0] for part, _ in parts])
        found = np.concatenate([part[1] for part, _ in parts])
        alone = [part[0] for part, independent in parts if independent]
        if len(own):
            rediscovered[members[s]] = (np.vstack(alone) @ own.T).max(axis=0, initial=0.0) > SAME
            largest = max(largest, float(price(X, dual @ side, own).max()))
        largest = max(largest, float(found.max(initial=0.0)))
        above = np.flatnonzero(found > level)
        kept = above[_distinct(U[above], found[above])]
        coef.append(U[kept])
        directions.append(np.tile(side, (len(kept), 1)))
        prices.append(found[kept])
    order = np.argsort(-np.concatenate(prices), kind="stable")
    violators = Units(np.vstack(coef)[order], np.vstack(directions)[order])
    return Found(violators, largest, rediscovered, n_starts * len(sides))


def _search_shared(
    program: ConvexProgram,
    dual: Array,
    units: Units,
    rng: np.random.RandomState,
    n_starts: int,
    level: float,
    neighbours: bool,
    n_jobs: int | None,
) -> Found:
    """The same for units that feed all outputs; a unit is its vector and its direction, and both must be found again."""
    X = program.X
    spread = _whitening(X, program.weights)
    total = 2 * program.Y.shape[1] * n_starts
    gates = rng.standard_normal((total, X.shape[1])) @ spread.T
    blind, known = sides_of(program, dual, units, gates, rng)
    count = max(4, total // len(blind))
    starts = [(side, _independent_starts(X, dual @ side, spread, count, rng)) for side in blind]
    if neighbours:
        for side in known:
            near = units.coef[np.argsort(-(units.directions @ side), kind="stable")[: max(5, len(units) // 5)]]
            starts.append((side, _neighbour_starts(near, spread, count, rng)))
    results = climb_shared(program, dual, units, starts, level=level, n_jobs=n_jobs)
    rediscovered = np.zeros(len(units), dtype=bool)
    largest = float(max((prices.max(initial=0.0) for _, prices in results), default=0.0))
    if len(units):
        own = units.coef / units.norms()[:, None]
        largest = max(largest, float(best_directions(X, dual, own)[1].max()))
        for found, _ in results[: len(blind)]:
            same = (found.coef @ own.T > SAME) & (found.directions @ units.directions.T > SAME)
            rediscovered |= same.any(axis=0)
    U = np.vstack([found.coef for found, _ in results])
    directions = np.vstack([found.directions for found, _ in results])
    prices = np.concatenate([values for _, values in results])
    if len(units) and neighbours:  # a present unit may do better in another direction
        sides, values = best_directions(X, dual, own)
        U, directions, prices = np.vstack([U, own]), np.vstack([directions, sides]), np.concatenate([prices, values])
    above = np.flatnonzero(prices > level)
    both = (U[above][:, :, None] * directions[above][:, None, :]).reshape(len(above), U.shape[1] * directions.shape[1])
    kept = above[_distinct(both, prices[above])]
    order = kept[np.argsort(-prices[kept], kind="stable")]
    return Found(Units(U[order], directions[order]), largest, rediscovered, count * len(blind))


def _improve(X: Array, signed: Array, starts: Array, level: float) -> tuple[Array, Array]:
    """Climb in float32, settle what looks promising in float64; returns unit vectors and prices."""
    with threadpool_limits(limits=1):
        U = climb(X, signed, starts, dtype=np.float32, level=level)
        prices = price(X, signed, U)
        close = np.flatnonzero(prices > _PROMISING * level)
        close = close[_distinct(U[close], prices[close], 0.9999)[:_SETTLED]]
        if len(close):
            U[close] = climb(X, signed, U[close], schedule=SETTLE, level=level)
            prices[close] = price(X, signed, U[close])
    return U, prices


def _whitening(X: Array, weights: Array) -> Array:
    """Matrix (d, d) that turns standard normal vectors into gates whose values on the samples are uncorrelated over the gates.

    Gates drawn so do not depend on the units or the correlations of the columns.
    """
    values, vectors = np.linalg.eigh((X * weights[:, None]).T @ X)
    return vectors / np.sqrt(np.maximum(values, 1e-12 * values[-1]))


def _independent_starts(X: Array, signed: Array, spread: Array, count: int, rng: np.random.RandomState) -> Array:
    """Directions ``X' D lambda`` of random patterns: one step of the convex-concave procedure from random gates."""
    gates = rng.standard_normal((count, X.shape[1])) @ spread.T
    starts = np.empty((count, X.shape[1]))
    step = max(1, CHUNK // len(X))
    for first in range(0, count, step):
        part = slice(first, first + step)
        starts[part] = ((gates[part] @ X.T > 0.0) * signed) @ X
    return starts


def _neighbour_starts(coef: Array, spread: Array, count: int, rng: np.random.RandomState) -> Array:
    """The present units, which climb over walls that lie in the way, points on lines through two of them, and points beside one."""
    if not len(coef):
        return coef
    own = coef / np.linalg.norm(coef, axis=1)[:, None]
    half = count // 2
    one, other = rng.randint(len(own), size=(2, half))
    share = rng.uniform(-0.5, 1.0, size=(half, 1))
    mixed = np.where(share > 0.0, 1.0 - share, 1.0) * own[one] + share * own[other]
    centre = own[rng.randint(len(own), size=half)]
    # steps of a tenth to all of the unit's own size, measured by the values on the samples
    sizes = np.linalg.norm(np.linalg.solve(spread, centre.T), axis=0) * 10.0 ** rng.uniform(-1.0, 0.0, size=half)
    beside = centre + (sizes / np.sqrt(own.shape[1]))[:, None] * (rng.standard_normal((half, own.shape[1])) @ spread.T)
    return np.vstack([own, mixed, beside])


def _distinct(U: Array, prices: Array, same: float = SAME) -> NDArray[np.intp]:
    """Indices of the rows left when of any two with a cosine above ``same`` the cheaper one goes, best first."""
    order = np.argsort(-prices, kind="stable")
    kept: list[int] = []
    chosen = np.empty_like(U)
    for i in order:
        if not kept or (chosen[: len(kept)] @ U[i]).max() < same:
            chosen[len(kept)] = U[i]
            kept.append(int(i))
    return np.array(kept, dtype=np.intp)
