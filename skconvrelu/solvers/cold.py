"""The scipy backend from nothing: the proximal Newton method on a growing working set, or the interior point."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

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
#: iterations without cones, where a Newton step sees the blocks of a first working set; Newton steps that a solve takes at least
_ITERATIONS_WITHOUT, _LEAST = 10.0, 20


def solve(program: ConvexProgram, *, tol: float, max_iter: int, start: Solution | None = None) -> Solution:
    """Solve to a relative duality gap of ``tol``; never raises for slow convergence, the solution carries its honest gap.

    Unless few blocks are nonzero the interior point is the faster one without cones, since its systems are small, and where few blocks
    already have more variables than there are samples. Where the loss has kinks it is the more accurate one. The Newton method is
    given up after about as much work as the interior point would take, whose iterations hardly depend on how many blocks are nonzero
    and which does better without a start than with a rough one.
    """
    spent = 0
    steps = _steps_worth_it(program) if program.loss.smooth and program.n_blocks > working_set.FIRST else 0
    if steps >= _LEAST and _suits_newton(program):
        # where it breaks down the interior point, whose matrices are lifted and steps shorter, takes over
        with suppress(np.linalg.LinAlgError):
            solution = growing_newton.solve(program, tol=tol, max_iter=min(max_iter, steps), start=start)
            if solution.is_optimal(tol) or solution.n_iter >= max_iter:
                return solution
            spent = solution.n_iter
    solution = working_set.solve(program, tol=tol, max_iter=max_iter - spent, start=start)
    return replace(solution, n_iter=spent + solution.n_iter)


def _steps_worth_it(program: ConvexProgram) -> int:
    """Newton steps that take as much work as a solve by the interior point."""
    if program.constrained:
        step, iterations = _PRODUCTS * program.n_blocks * program.X.size, _ITERATIONS
    else:
        working = program.restrict(np.arange(min(program.n_blocks, working_set.FIRST)))
        step, iterations = iteration_flops(working), _ITERATIONS_WITHOUT
    return int(iterations * (iteration_flops(program) + _BESIDES) / (step + _BESIDES))


def _suits_newton(program: ConvexProgram) -> bool:
    if program.constrained and working_set.FIRST * program.X.shape[1] <= len(program.X):
        return True
    gradients = program.gradients(program.zero_dual(), np.arange(program.n_blocks))
    share = _STRONG_IN_CONES if program.constrained else _STRONG
    return bool(program.beta >= share * np.linalg.norm(gradients, axis=1).max(initial=0.0))
