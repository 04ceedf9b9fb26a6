"""The scipy backend from nothing: the proximal Newton method on a growing working set, or the interior point."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from skconvrelu.program import ConvexProgram
from skconvrelu.solution import Solution
from skconvrelu.solvers import growing_newton, working_set
from skconvrelu.solvers.newton_system import iteration_flops

#: beta, in units of its maximum, from which few blocks are nonzero; and with cones, where the gradients overstate that maximum
_STRONG, _STRONG_IN_CONES = 0.1, 0.2
#: iterations of the interior point that Newton steps are weighed against, somewhat fewer than it takes; products with all blocks in a
#: Newton step with cones (a dozen steps of projections and more); and what either takes besides, in multiply-adds
_ITERATIONS, _PRODUCTS, _BESIDES = 18.0, 70.0, 1.5e7


def solve(program: ConvexProgram, *, tol: float, max_iter: int, start: Solution | None = None) -> Solution:
    """Solve to a relative duality gap of ``tol``; never raises for slow convergence, the solution carries its honest gap.

    Unless few blocks are nonzero the interior point is the faster one without cones, since its systems are small, and where few blocks
    already have more variables than there are samples. Where the loss has kinks it is the more accurate one. The Newton method is
    given up after about as much work as the interior point would take, whose iterations hardly depend on how many blocks are nonzero
    and which does better without a start than with a rough one.
    """
    if program.loss.smooth and program.n_blocks > working_set.FIRST and _suits_newton(program):
        # where it breaks down the interior point, whose matrices are lifted and steps shorter, takes over
        with suppress(np.linalg.LinAlgError):
            steps = min(max_iter, _steps_worth_it(program))
            solution = growing_newton.solve(program, tol=tol, max_iter=steps, start=start)
            if solution.is_optimal(tol) or solution.n_iter >= max_iter:
                return solution
    return working_set.solve(program, tol=tol, max_iter=max_iter, start=start)


def _steps_worth_it(program: ConvexProgram) -> int:
    """Newton steps that take as much work as a solve by the interior point."""
    step = _PRODUCTS * program.n_blocks * program.X.size if program.constrained else iteration_flops(program)
    return int(_ITERATIONS * (iteration_flops(program) + _BESIDES) / (step + _BESIDES))


def _suits_newton(program: ConvexProgram) -> bool:
    if program.constrained and working_set.FIRST * program.X.shape[1] <= len(program.X):
        return True
    gradients = program.gradients(program.zero_dual(), np.arange(program.n_blocks))
    share = _STRONG_IN_CONES if program.constrained else _STRONG
    return bool(program.beta >= share * np.linalg.norm(gradients, axis=1).max(initial=0.0))
