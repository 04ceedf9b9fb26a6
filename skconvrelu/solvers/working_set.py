"""Column generation over given blocks: a solver on a working set of them, and pricing of the others, which enter where they violate.

Few blocks are nonzero at the optimum, so a solver sees only those whose price can matter. Blocks outside are priced at the dual point of
each round; the largest above beta enter, and the solve ends when none is left. Early rounds are rough: their prices already tell which
blocks matter.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skconvrelu.program import ConvexProgram, Index
from skconvrelu.solution import Candidate, Solution, evaluate, price_accuracy, price_bounds
from skconvrelu.solvers.choice import DEFAULT, Choice
from skconvrelu.solvers.interior_point import InteriorPoint
from skconvrelu.stopping import due, grace, may_end_early

Array = NDArray[np.float64]
#: ``run(tol=..., max_iter=...)`` over some blocks, numbered among themselves; its candidate counts its own iterations, and another run
#: goes on where it ended
Run = Callable[..., Candidate]

logger = logging.getLogger(__name__)

#: entering blocks, as a share of the working set, up to which the next round is the last
_FEW = 0.3


def grow(
    program: ConvexProgram,
    working: Index,
    begin: Callable[[Index, Candidate | None], Run],
    price: Callable[[Candidate, float], tuple[Array, Candidate]],
    *,
    tol: float,
    rough: float,
    rtol: float,
    max_iter: int,
    used: int = 0,
    most: int = 0,
    widest: int | None = None,
    solver: str = "scipy",
) -> tuple[Solution, Array]:
    """Solve to a relative duality gap of ``tol`` over a working set of blocks that grows.

    Parameters
    ----------
    program : ConvexProgram
    working : ndarray of int
        The first blocks, in order.
    begin : callable
        ``begin(working, candidate)`` returns a solver over these blocks, from the candidate of the last round.
    price : callable
        ``price(candidate, slack)`` returns prices (B,) of all blocks at its dual point, near beta to a relative accuracy of ``slack``, and
        the candidate with what proves them.
    rough : float
        Relative gap of the first round.
    rtol : float
        Accuracy of prices in the final bound.
    max_iter, used : int
        Iterations, and how many of them were taken before.
    most : int, default=0
        Blocks that may enter at once, if that is more than the working set has.
    widest : int, default=None
        Blocks from which all of them are worked on.

    Returns
    -------
    solution : Solution
        Verified; never raises for slow convergence, the gap is honest.
    dual : ndarray of shape (n, K)
        The solver's own dual point, unscaled.
    """
    round_tol, n_iter = max(rough, tol), used
    run = begin(working, None)
    while True:
        local = run(tol=0.5 * round_tol, max_iter=max(max_iter - n_iter, 1))
        n_iter += local.n_iter
        slack = max(0.1 * round_tol, rtol)
        inside = replace(local, blocks=working[local.blocks], priced=working[local.priced], n_iter=n_iter)
        priced = None
        with may_end_early():
            priced = price(inside, slack)
        if priced is None:
            with grace():
                return evaluate(program, inside, solver=solver, rtol=rtol), inside.dual
        prices, candidate = priced
        entering = largest_outside(prices, working, program.beta * (1.0 + slack), max(most, len(working)))
        logger.debug(
            "working set of %d of %d blocks, %d enter, tolerance %.1e, %d iterations so far",
            len(working), program.n_blocks, len(entering), round_tol, n_iter,
        )  # fmt: skip
        ended = n_iter >= max_iter or due()
        if not len(entering) or ended:
            solution = evaluate(program, candidate, solver=solver, rtol=rtol)
            if round_tol <= tol or not local.converged or ended or solution.is_optimal(tol):
                return solution, candidate.dual
            round_tol = tol
            continue
        round_tol = max(tol, 0.1 * round_tol) if len(entering) > _FEW * len(working) else tol
        working = np.union1d(working, entering)
        if widest is not None and len(working) > widest:
            working, round_tol = np.arange(program.n_blocks), tol
        run = begin(working, candidate)


def largest_outside(prices: Array, working: Index, level: float, most: int) -> Index:
    """Blocks outside the working set with the largest prices above ``level``; so many at most."""
    outside = prices.copy()
    outside[working] = 0.0
    order = np.argsort(-outside, kind="stable")[:most]
    return order[outside[order] > level]


def solve(
    program: ConvexProgram, *, tol: float, max_iter: int, start: Solution | None = None, choice: Choice = DEFAULT
) -> Solution:
    """Solve by the interior point to a relative duality gap of ``tol``; ``start``'s nonzero blocks are in the first working set.

    Never raises for slow convergence: the solution carries its honest gap.
    """
    if choice.is_direct(program):
        return solve_all(program, tol=tol, max_iter=max_iter, start=start, choice=choice)

    def begin(working: Index, candidate: Candidate | None) -> Run:
        return InteriorPoint(program.restrict(working)).run

    def price(candidate: Candidate, slack: float) -> tuple[Array, Candidate]:
        return price_bounds(program, candidate, rtol=slack), candidate

    first, rtol, widest = _first_blocks(program, start, choice.first), price_accuracy(tol), program.n_blocks // 2
    return grow(program, first, begin, price, tol=tol, rough=choice.rough, rtol=rtol, max_iter=max_iter, widest=widest)[
        0
    ]


def solve_all(
    program: ConvexProgram, *, tol: float, max_iter: int, start: Solution | None = None, used: int = 0,
    choice: Choice = DEFAULT,
) -> Solution:  # fmt: skip
    """One direct interior-point solve over all blocks, from ``start`` if there is one; ``used`` iterations were spent before.

    From a rough start it may hardly move; after ten times as many iterations as it takes, it begins anew without.
    """
    left = max(max_iter - used, 1)
    most = left if start is None else min(left, int(10 * choice.iterations))
    candidate = InteriorPoint(program, start).run(tol=0.5 * tol, max_iter=most)
    candidate = replace(candidate, n_iter=used + candidate.n_iter)
    solution = evaluate(program, candidate, solver="scipy", rtol=price_accuracy(tol))
    if most == left or candidate.n_iter < used + most or solution.is_optimal(tol) or due():
        return solution
    anew = solve_all(program, tol=tol, max_iter=max_iter, used=candidate.n_iter, choice=choice)
    return anew if anew.gap <= solution.gap else replace(solution, n_iter=anew.n_iter)


def _first_blocks(program: ConvexProgram, start: Solution | None, least: int) -> Index:
    dual = program.zero_dual() if start is None else start.dual
    upper = program.prices(dual, rtol=1e-2)[0]
    size = least if start is None else max(least, 2 * len(start.blocks))
    first = np.argsort(-upper, kind="stable")[:size]
    return np.union1d(first, start.blocks) if start is not None else np.sort(first)
