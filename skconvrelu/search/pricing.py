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

from skconvrelu.costs import pricing_steps
from skconvrelu.kernels.blas_threads import one_blas_thread
from skconvrelu.limits import limits
from skconvrelu.policy import Policy
from skconvrelu.program import ConvexProgram
from skconvrelu.rows import batches, in_memory
from skconvrelu.search.bounds import violation_level
from skconvrelu.search.convex_concave import SCHEDULE, SETTLE, climb, price, pulls
from skconvrelu.search.facets import walk
from skconvrelu.search.gradient_ascent import STEPS, ascend
from skconvrelu.search.shared import best_directions, climb_shared, sides_of
from skconvrelu.search.tally import SAME, Tally, first_alike
from skconvrelu.search.units import Units, signed_axes
from skconvrelu.search.whitening import Whitening
from skconvrelu.stopping import current, under

Array = NDArray[np.float64]

#: starts whose first price is at least this share of the level are settled to full accuracy, at most so many of a batch
_PROMISING, _SETTLED = 0.97, 60
#: starts that are improved together, by the convex-concave procedure and by ascents; fixed, so that results do not depend on n_jobs
_BATCH, _ASCENDING = 250, 64


@dataclass(frozen=True, eq=False)
class Found:
    """What one search found.

    Attributes
    ----------
    violators : Units
        Unit vectors that price above the level, largest first, no two the same.
    largest : float
        Largest price met, that of the present units included.
    known : bool ndarray of shape (m,)
        The present units that price near the level, as all of an optimum do: maximisers that a search should meet.
    rediscovered : bool ndarray of shape (m,)
        The present units that independent starts ended in.
    tally : Tally
        Where independent starts ended, near the level and above.
    """

    violators: Units
    largest: float
    known: NDArray[np.bool_]
    rediscovered: NDArray[np.bool_]
    tally: Tally

    @property
    def n_starts(self) -> int:
        """Independent starts."""
        return self.tally.n_starts

    @property
    def recall(self) -> float:
        """Share of the known maximisers that independent starts ended in; one where none is known."""
        return float(self.rediscovered[self.known].mean()) if self.known.any() else 1.0


def starts_per_side(program: ConvexProgram, policy: Policy) -> int:
    """Independent starts of one search for each output and sign."""
    sides = 2 * program.Y.shape[1]
    affordable = int(policy.pricing_seconds / search_seconds(program, policy, sides))
    wanted = min(policy.starts_per_dimension * program.X.shape[1], policy.most_starts // sides)
    return max(1, min(wanted, affordable))


def search_seconds(program: ConvexProgram, policy: Policy, n_starts: int) -> float:
    """Of a search from so many independent starts, and about as many others."""
    steps = STEPS if policy.has_many_rows(program) else sum(SCHEDULE)
    return policy.seconds(2.0 * pricing_steps(program, n_starts, steps))


def price_round(
    program: ConvexProgram,
    units: Units,
    dual: Array,
    rng: np.random.RandomState,
    n_jobs: int | None,
    tol: float,
    policy: Policy,
    *,
    walks: bool = False,
    quick: bool = False,
) -> Found:
    """The search of one round, for violators worth adding to a network that is to be optimal to ``tol``."""
    level = violation_level(program, tol)
    count = starts_per_side(program, policy)
    return search_violators(
        program, dual, units, rng, n_starts=count, level=level, policy=policy, walks=walks, quick=quick, n_jobs=n_jobs
    )


def search_violators(
    program: ConvexProgram,
    dual: Array,
    units: Units,
    rng: np.random.RandomState,
    *,
    n_starts: int,
    level: float,
    policy: Policy,
    neighbours: bool = True,
    from_gates: bool = False,
    walks: bool = False,
    quick: bool = False,
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
    policy : Policy
        How many samples are climbed, and how few of features far from zero walked.
    neighbours : bool, default=True
        Start beside the present units, too.
    from_gates : bool, default=False
        Independent starts are random gates themselves instead of the directions that their patterns pull in: starts of another kind,
        for where these miss what is known.
    walks : bool, default=False
        Walk (:mod:`skconvrelu.search.facets`) wherever samples are few enough, not only where climbs are poor: where directions of the
        samples differ in size.
    quick : bool, default=False
        Climb by gradient ascents, as with many samples, and walk nowhere: poorer maximisers at a tenth of the products.
    n_jobs : int, default=None
        Threads that share the starts.
    """
    whitening = Whitening.of(program.X, program.weights)
    climbed = _climb_shared if program.shared else _climb_apart
    ascending = quick or policy.has_many_rows(program)
    n_walks = n_starts if not quick and policy.is_walked(program) and (walks or whitening.spread.steps) else 0
    results, count = climbed(
        program, dual, units, whitening, rng, n_starts, level, neighbours, from_gates, ascending, n_walks, n_jobs
    )
    alone = [(found, values) for found, values, independent in results if independent]
    prices = np.concatenate([values for _, values, _ in results])
    every = Units.stacked([found for found, _, _ in results])
    largest = float(prices.max(initial=0.0))
    rediscovered, own_prices = np.zeros(len(units), dtype=bool), np.zeros(len(units))
    if len(units):
        own_prices = unit_prices(program, dual, units)
        largest = max(largest, float(own_prices.max()))
        own = whitening.directions(units.coef)
        for found, _ in alone:
            same = (whitening.directions(found.coef) @ own.T > SAME) & (found.directions @ units.directions.T > SAME)
            rediscovered |= same.any(axis=0)
    above = np.flatnonzero(prices > level)
    places = whitening.directions(every.coef[above])
    violators = every[above[_distinct(places, prices[above], every.directions[above])]]
    near = _PROMISING * min(level, largest)
    return Found(violators, largest, own_prices >= near, rediscovered, _tally(alone, whitening, near, count))


def _tally(ends: list[tuple[Units, Array]], whitening: Whitening, least: float, n_starts: int) -> Tally:
    """Where starts ended that reached a price of at least ``least``."""
    found, prices = Units.stacked([units for units, _ in ends]), np.concatenate([values for _, values in ends])
    near = np.flatnonzero(prices >= least)
    near = near[np.argsort(-prices[near], kind="stable")]
    places, sides = whitening.directions(found.coef[near]), found.directions[near]
    ones = np.ones(len(near), dtype=np.intp)
    return Tally.empty(places.shape[1], sides.shape[1]) + Tally(places, sides, prices[near], ones, n_starts)


def unit_prices(program: ConvexProgram, dual: Array, units: Units) -> Array:
    """Prices (m,) of the units: in their own directions, or in the best ones where outputs share them."""
    if program.shared:
        return best_directions(program.X, dual, units.coef)[1]
    pull = pulls(program.X, dual, units.coef)
    return np.asarray(np.einsum("mk,mk->m", pull, units.directions) / units.norms())


def _climb_apart(
    program: ConvexProgram, dual: Array, units: Units, whitening: Whitening, rng: np.random.RandomState,
    n_starts: int, level: float, neighbours: bool, from_gates: bool, ascending: bool, n_walks: int, n_jobs: int | None,
) -> tuple[list[tuple[Units, Array, bool]], int]:  # fmt: skip
    """Where starts ended, their prices and whether they were independent; for each output and sign. And how many were."""
    X = program.X
    sides = signed_axes(program.Y.shape[1])
    tasks, owners, stop = [], [], current()
    step = _ASCENDING if ascending else min(_BATCH, max(1, limits().temporary // len(X)))
    for side in sides:
        signed = dual @ side
        blind = _independent_starts(X, signed, whitening, n_starts, from_gates, rng)
        own = units.coef[(units.directions == side).all(axis=1)]
        near = _neighbour_starts(own, whitening, n_starts, rng) if neighbours else blind[:0]
        for starts, independent in ((blind, True), (near, False)):
            for some in batches(len(starts), step):
                tasks.append(delayed(under)(stop, _improve, X, signed, starts[some], level, whitening, ascending))
                owners.append((side, independent))
        if n_walks:
            tasks.append(delayed(under)(stop, _walked, X, signed, whitening.draw(n_walks, rng) @ X.T > 0.0))
            owners.append((side, True))
    ends = Parallel(n_jobs=n_jobs, prefer="threads")(tasks)
    count = (n_starts + n_walks) * len(sides)
    results = [
        (Units(U, np.tile(side, (len(U), 1))), values, independent)
        for (U, values), (side, independent) in zip(ends, owners, strict=True)
    ]
    return results, count


def _climb_shared(
    program: ConvexProgram, dual: Array, units: Units, whitening: Whitening, rng: np.random.RandomState,
    n_starts: int, level: float, neighbours: bool, from_gates: bool, ascending: bool, n_walks: int, n_jobs: int | None,
) -> tuple[list[tuple[Units, Array, bool]], int]:  # fmt: skip
    """The same for units that feed all outputs: a unit is its vector and its direction, and both must be found again."""
    X = program.X
    total = 2 * program.Y.shape[1] * n_starts
    gates = whitening.draw(total, rng)
    blind, known = sides_of(program, dual, units, gates, rng)
    count = max(4, total // len(blind))
    starts = [(side, _independent_starts(X, dual @ side, whitening, count, from_gates, rng)) for side in blind]
    if neighbours:
        for side in known:
            near = units.coef[np.argsort(-(units.directions @ side), kind="stable")[: max(5, len(units) // 5)]]
            starts.append((side, _neighbour_starts(near, whitening, count, rng)))
    ends = climb_shared(X, dual, starts, level=level, ascending=ascending, spread=whitening.spread, n_jobs=n_jobs)
    results = [(found, values, i < len(blind)) for i, (found, values) in enumerate(ends)]
    if len(units) and neighbours:  # a present unit may do better in another direction
        own = units.coef / units.norms()[:, None]
        directions, values = best_directions(X, dual, own)
        results.append((Units(own, directions), values, False))
    return results, count * len(blind)


def _improve(
    X: Array, signed: Array, starts: Array, level: float, whitening: Whitening, ascending: bool
) -> tuple[Array, Array]:
    """Climb in float32, settle what looks promising in float64; returns unit vectors and prices."""
    with one_blas_thread():
        if ascending:
            U = ascend(X, signed[:, None], starts, np.ones((len(starts), 1)), free=False)
            return U, price(X, signed, U)
        U = climb(X, signed, starts, dtype=np.float32, level=level, spread=whitening.spread)
        prices = price(X, signed, U)
        close = np.flatnonzero(prices > _PROMISING * level)
        alone = np.ones((len(close), 1))
        close = close[_distinct(whitening.directions(U[close]), prices[close], alone, 0.9999)[:_SETTLED]]
        if len(close):
            U[close] = climb(X, signed, U[close], schedule=SETTLE, level=level, spread=whitening.spread)
            prices[close] = price(X, signed, U[close])
    return U, prices


def _walked(X: Array, signed: Array, patterns: NDArray[np.bool_]) -> tuple[Array, Array]:
    """The ends of walks over few samples; returns unit vectors and prices."""
    with one_blas_thread():
        U = walk(X, signed, patterns)
        U = U[U.any(axis=1)]
        return U / np.linalg.norm(U, axis=1)[:, None], price(X, signed, U)


def _independent_starts(
    X: Array, signed: Array, whitening: Whitening, count: int, from_gates: bool, rng: np.random.RandomState
) -> Array:
    """Directions ``X' D lambda`` of random patterns: steps of the convex-concave procedure from random gates.

    They are taken in units of the columns, or large columns would hide what the others can do. Where directions of the samples differ
    in size every other one is taken as it is: weights of small columns, which cost much, would hide what the large ones can do.
    """
    gates, squares = whitening.draw(count, rng), np.square(whitening.spread.sizes)
    if from_gates:
        return gates
    starts = np.empty((count, X.shape[1]))
    for part in in_memory(count, len(X)):
        starts[part] = ((gates[part] @ X.T > 0.0) * signed) @ X
    if whitening.spread.steps:
        starts[::2] /= squares
    else:
        starts /= squares
    return starts


def _neighbour_starts(coef: Array, whitening: Whitening, count: int, rng: np.random.RandomState) -> Array:
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
    sizes = np.linalg.norm(whitening.inward @ centre.T, axis=0) * 10.0 ** rng.uniform(-1.0, 0.0, size=half)
    beside = centre + (sizes / np.sqrt(own.shape[1]))[:, None] * whitening.draw(half, rng)
    return np.vstack([own, mixed, beside])


def _distinct(places: Array, prices: Array, sides: Array, same: float = SAME) -> NDArray[np.intp]:
    """Indices left, best first, when of any two units whose places and sides agree (cosines above ``same``) the cheaper one goes.

    ``places`` are unit vectors in whitened coordinates, ``sides`` output directions.
    """
    order = np.argsort(-prices, kind="stable")
    first = first_alike(places[order], sides[order], same)
    return order[first == np.arange(len(order))]
