"""The scipy backend from nothing: the proximal Newton method on a growing working set for ReLU programs, else the interior point."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from skconvrelu.program import ConvexProgram
from skconvrelu.solution import Solution
from skconvrelu.solvers import growing_newton, working_set


def solve(program: ConvexProgram, *, tol: float, max_iter: int, start: Solution | None = None) -> Solution:
    """Solve to a relative duality gap of ``tol``; never raises for slow convergence, the solution carries its honest gap.

    Without cones, and where few blocks already have more variables than there are samples, the interior point's systems are small and it is
    the faster one; where the loss has kinks it is the more accurate one.
    """
    narrow = working_set.FIRST * program.X.shape[1] <= len(program.X)
    if program.constrained and program.loss.smooth and narrow and program.n_blocks > working_set.FIRST:
        # where it breaks down the interior point, whose matrices are lifted and steps shorter, takes over
        with suppress(np.linalg.LinAlgError):
            solution = growing_newton.solve(program, tol=tol, max_iter=max_iter, start=start)
            if solution.is_optimal(tol) or solution.n_iter >= max_iter:
                return solution
            # without a dual bound its point is no good start either
            start = solution if np.isfinite(solution.dual_objective) else start
    return working_set.solve(program, tol=tol, max_iter=max_iter, start=start)
