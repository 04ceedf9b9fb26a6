"""The scipy backend where a good start is at hand: the proximal Newton method, with the interior point to fall back on."""

from __future__ import annotations

import numpy as np

from skconvrelu.program import ConvexProgram, Solution, evaluate
from skconvrelu.solvers import working_set
from skconvrelu.solvers.proximal_newton import ProximalNewton

#: variables of all blocks, in units of the number of outputs, up to which the interior point's steps cost no more
_FEW = 1.25


def solve(program: ConvexProgram, *, tol: float, max_iter: int, start: Solution | None = None) -> Solution:
    """Solve over all blocks, most of whose nonzero ones are expected to be in ``start``."""
    variables = program.n_blocks * program.X.shape[1]
    if start is None or not len(start.blocks) or not program.loss.smooth or variables <= _FEW * program.Y.size:
        return working_set.solve_all(program, tol=tol, max_iter=max_iter, start=start)
    rtol = min(1e-9, 0.01 * tol)
    solution = None
    try:
        candidate = ProximalNewton(program, start).run(tol=0.5 * tol, max_iter=max_iter)
        solution = evaluate(program, candidate, solver="scipy", rtol=rtol)
    except np.linalg.LinAlgError:
        pass  # the interior point's matrices are lifted and its steps shorter
    if solution is not None and solution.is_optimal(tol):
        return solution
    return working_set.solve_all(program, tol=tol, max_iter=max_iter, start=solution or start)
