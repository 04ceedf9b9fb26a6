"""The scipy backend: the structured interior point on a growing working set of blocks.

Few blocks are nonzero at the optimum, so the interior point sees only those whose price can matter. Blocks outside are priced by
cone projections at the dual point of the last round; the ones above beta enter, and the solve ends when none is left.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skconvrelu.program import ConvexProgram, Index
from skconvrelu.solution import Candidate, Solution, evaluate, price_bounds
from skconvrelu.solvers.choice import DEFAULT, Choice
from skconvrelu.solvers.interior_point import InteriorPoint

Array = NDArray[np.float64]

logger = logging.getLogger(__name__)


def solve(
    program: ConvexProgram, *, tol: float, max_iter: int, start: Solution | None = None, choice: Choice = DEFAULT
) -> Solution:
    """Solve to a relative duality gap of ``tol``; ``start``'s nonzero blocks are in the first working set.

    Never raises for slow convergence: the solution carries its honest gap.
    """
    rtol = min(1e-9, 0.01 * tol)
    if choice.is_direct(program):
        return solve_all(program, tol=tol, max_iter=max_iter, start=start, choice=choice)

    working = _first_blocks(program, start, choice.first)
    inner = InteriorPoint(program.restrict(working))
    round_tol, n_iter = max(choice.rough, tol), 0
    while True:
        local = inner.run(tol=0.5 * round_tol, max_iter=max_iter - n_iter)
        n_iter += local.n_iter
        candidate = replace(local, blocks=working, priced=working, n_iter=n_iter)
        entering = _violators(program, candidate, working, max(0.1 * round_tol, rtol))
        logger.debug(
            "working set of %d of %d blocks, %d enter, tolerance %.1e, %d iterations so far",
            len(working),
            program.n_blocks,
            len(entering),
            round_tol,
            n_iter,
        )
        finished = not len(entering) and (round_tol <= tol or not local.converged)
        if finished or n_iter >= max_iter:
            return evaluate(program, candidate, solver="scipy", rtol=rtol)
        if len(working) + len(entering) > program.n_blocks // 2:
            return solve_all(program, tol=tol, max_iter=max_iter, used=n_iter, choice=choice)
        round_tol = max(tol, 0.1 * round_tol)
        if len(entering):
            working = np.sort(np.concatenate([working, entering]))
            inner = InteriorPoint(program.restrict(working))


def solve_all(
    program: ConvexProgram, *, tol: float, max_iter: int, start: Solution | None = None, used: int = 0,
    choice: Choice = DEFAULT,
) -> Solution:  # fmt: skip
    """One direct interior-point solve over all blocks, from ``start`` if there is one; ``used`` iterations were spent before.

    From a rough start it may hardly move; then it begins anew without.
    """
    left = max(max_iter - used, 1)
    most = left if start is None else min(left, choice.from_start)
    candidate = InteriorPoint(program, start).run(tol=0.5 * tol, max_iter=most)
    candidate = replace(candidate, n_iter=used + candidate.n_iter)
    solution = evaluate(program, candidate, solver="scipy", rtol=min(1e-9, 0.01 * tol))
    if most == left or candidate.n_iter < used + most or solution.is_optimal(tol):
        return solution
    anew = solve_all(program, tol=tol, max_iter=max_iter, used=candidate.n_iter, choice=choice)
    return anew if anew.gap <= solution.gap else replace(solution, n_iter=anew.n_iter)


def _first_blocks(program: ConvexProgram, start: Solution | None, least: int) -> Index:
    dual = program.zero_dual() if start is None else start.dual
    upper = program.prices(dual, rtol=1e-2)[0]
    size = least if start is None else max(least, 2 * len(start.blocks))
    first = np.argsort(-upper, kind="stable")[:size]
    return np.union1d(first, start.blocks) if start is not None else np.sort(first)


def _violators(program: ConvexProgram, candidate: Candidate, working: Index, slack: float) -> Index:
    """Blocks outside the working set with the largest prices above ``beta (1 + slack)``; at most as many as it holds."""
    return largest_outside(price_bounds(program, candidate, rtol=slack), working, program.beta * (1.0 + slack))


def largest_outside(prices: Array, working: Index, level: float) -> Index:
    """Blocks outside the working set with the largest prices above ``level``; at most as many as it holds."""
    outside = prices.copy()
    outside[working] = 0.0
    order = np.argsort(-outside, kind="stable")[: len(working)]
    return order[outside[order] > level]
