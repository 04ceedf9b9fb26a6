"""The scipy backend where a good start is at hand: the proximal Newton method, with the interior point to finish or to fall back on.

What has no cones, and is not searched for, is left to the interior point.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np

from skconvrelu.program import ConvexProgram
from skconvrelu.solution import Solution, evaluate, price_accuracy, price_bounds
from skconvrelu.solvers import working_set
from skconvrelu.solvers.choice import DEFAULT, Choice
from skconvrelu.solvers.interior_point import InteriorPoint
from skconvrelu.solvers.proximal_newton import ProximalNewton
from skconvrelu.stopping import due


def solve(
    program: ConvexProgram, *, tol: float, max_iter: int, start: Solution | None = None, choice: Choice = DEFAULT
) -> Solution:
    """Solve over all blocks, most of whose nonzero ones are expected to be in ``start``."""
    if start is None or not len(start.blocks) or not program.constrained or choice.improves_by_interior_point(program):
        return working_set.solve_all(program, tol=tol, max_iter=max_iter, start=start, choice=choice)
    solution = None
    # where it breaks down the interior point, whose matrices are lifted and steps shorter, takes over
    with suppress(np.linalg.LinAlgError):
        solution = _proximal(program, tol, max_iter, start, choice)
    enough = solution is not None and (solution.is_optimal(tol) or solution.n_iter >= max_iter or due())
    if solution is not None and (enough or choice.is_large(program)):
        return solution
    finished = working_set.solve_all(program, tol=tol, max_iter=max_iter, start=solution or start, choice=choice)
    return finished if solution is None else replace(finished, n_iter=solution.n_iter + finished.n_iter)


def _proximal(program: ConvexProgram, tol: float, max_iter: int, start: Solution, choice: Choice) -> Solution:
    """The proximal method's solution; beyond its reach finished by the interior point on the blocks that matter."""
    rtol = price_accuracy(tol)
    reach = tol if program.loss.smooth else max(tol, choice.kinked)
    candidate = ProximalNewton(program, start).run(tol=0.5 * reach, max_iter=max_iter)
    solution = evaluate(program, candidate, solver="scipy", rtol=rtol)
    if program.loss.smooth or solution.is_optimal(tol) or due():
        return solution
    near = np.flatnonzero(price_bounds(program, candidate, rtol=1e-3) > choice.near * program.beta)
    near = np.union1d(near, solution.blocks)
    local_start = replace(solution, blocks=np.searchsorted(near, solution.blocks))
    local = InteriorPoint(program.restrict(near), local_start).run(tol=0.5 * tol, max_iter=max_iter)
    finished = replace(local, blocks=near, priced=near, n_iter=candidate.n_iter + local.n_iter)
    return evaluate(program, finished, solver="scipy", rtol=rtol)
