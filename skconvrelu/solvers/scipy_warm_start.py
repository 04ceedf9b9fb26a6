"""The scipy backend where a good start is at hand: the proximal Newton method, with the interior point to finish or to fall back on.

What has no cones, and is not searched for, is left to the interior point.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np

from skconvrelu.costs import interior_point_iteration
from skconvrelu.program import ConvexProgram
from skconvrelu.solution import Solution, evaluate, price_bounds
from skconvrelu.solvers import working_set
from skconvrelu.solvers.interior_point import InteriorPoint
from skconvrelu.solvers.proximal_newton import ProximalNewton

#: variables of all blocks, in units of the number of outputs, and operations of an iteration, up to which the interior point costs no more
_FEW, _CHEAP = 1.25, 3e8
#: ... and operations where the loss has kinks, however many variables there are
_CHEAP_KINKED = 1e9
#: operations of an iteration of the interior point from which the proximal method's solution is taken as it is, with the gap it has
_EXPENSIVE = 3e11
#: relative gap down to which the proximal method is fast where the loss has kinks; the interior point finishes on the blocks that
#: price within a few percent of beta
_KINKED, _NEAR = 1e-4, 0.97


def solve(program: ConvexProgram, *, tol: float, max_iter: int, start: Solution | None = None) -> Solution:
    """Solve over all blocks, most of whose nonzero ones are expected to be in ``start``."""
    few = program.n_blocks * program.X.shape[1] <= _FEW * program.Y.size
    flops = interior_point_iteration(program)
    cheap = few and flops <= _CHEAP if program.loss.smooth else flops <= _CHEAP_KINKED
    if start is None or not len(start.blocks) or cheap or not program.constrained:
        return working_set.solve_all(program, tol=tol, max_iter=max_iter, start=start)
    solution = None
    # where it breaks down the interior point, whose matrices are lifted and steps shorter, takes over
    with suppress(np.linalg.LinAlgError):
        solution = _proximal(program, tol, max_iter, start)
    if solution is not None and (solution.is_optimal(tol) or flops > _EXPENSIVE or solution.n_iter >= max_iter):
        return solution
    finished = working_set.solve_all(program, tol=tol, max_iter=max_iter, start=solution or start)
    return finished if solution is None else replace(finished, n_iter=solution.n_iter + finished.n_iter)


def _proximal(program: ConvexProgram, tol: float, max_iter: int, start: Solution) -> Solution:
    """The proximal method's solution; beyond its reach finished by the interior point on the blocks that matter."""
    rtol = min(1e-9, 0.01 * tol)
    reach = tol if program.loss.smooth else max(tol, _KINKED)
    candidate = ProximalNewton(program, start).run(tol=0.5 * reach, max_iter=max_iter)
    solution = evaluate(program, candidate, solver="scipy", rtol=rtol)
    if program.loss.smooth or solution.is_optimal(tol):
        return solution
    near = np.flatnonzero(price_bounds(program, candidate, rtol=1e-3) > _NEAR * program.beta)
    near = np.union1d(near, solution.blocks)
    local_start = replace(solution, blocks=np.searchsorted(near, solution.blocks))
    local = InteriorPoint(program.restrict(near), local_start).run(tol=0.5 * tol, max_iter=max_iter)
    finished = replace(local, blocks=near, priced=near, n_iter=candidate.n_iter + local.n_iter)
    return evaluate(program, finished, solver="scipy", rtol=rtol)
