"""The scipy backend from nothing: a Newton method on few blocks where few are nonzero, or the interior point."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np

from skconvrelu.costs import interior_point_iteration
from skconvrelu.program import ConvexProgram
from skconvrelu.solution import Solution
from skconvrelu.solvers import block_newton, growing_newton, working_set

#: iterations of the interior point with cones that Newton steps are compared with, somewhat fewer than it takes; products with the
#: blocks of a working set in a Newton step (a dozen steps of projections and more); and what either takes besides, in multiply-adds
_ITERATIONS, _PRODUCTS, _SEEN, _BESIDES = 18.0, 45.0, 200, 1.5e7
#: Newton steps with cones that a solve takes at this beta in units of its maximum, at weaker ones inversely to its root; and by what they
#: are cheaper at stronger ones, with few nonzero blocks
_STEPS, _STRONG, _CHEAPER = 20.0, 0.2, 3.0
#: iterations without cones; what the Newton method may take more before it is given up; beta where about a first working set of blocks
#: is nonzero, and the least with few of them
_ITERATIONS_WITHOUT, _MORE, _TYPICAL, _WEAKEST = 9.0, 2.5, 0.2, 0.002
#: Newton steps of full size without cones that a solve takes at this beta in units of its maximum, and the exponent by which it takes
#: more at weaker ones
_STEPS_WITHOUT, _AT, _GROWTH = 8.0, 0.3, 0.35


def solve(program: ConvexProgram, *, tol: float, max_iter: int, start: Solution | None = None) -> Solution:
    """Solve to a relative duality gap of ``tol``; never raises for slow convergence, the solution carries its honest gap.

    The Newton methods see the nonzero blocks only, and few others. The interior point sees all, in iterations whose cost and number
    hardly depend on how many are nonzero: it is the faster one where its systems are small or many blocks are nonzero, and the more
    accurate one where the loss has kinks. The Newton methods are given up after about as much work as it would take; it does better
    without a start than with a rough one.
    """
    spent = 0
    if program.loss.smooth and program.n_blocks > working_set.FIRST:
        # where it breaks down the interior point, whose matrices are lifted and steps shorter, takes over
        with suppress(np.linalg.LinAlgError):
            newton = _in_cones if program.constrained else _without_cones
            solution = newton(program, tol, max_iter, start)
            if solution is not None:
                if solution.is_optimal(tol) or solution.n_iter >= max_iter:
                    return solution
                spent = solution.n_iter
    solution = working_set.solve(program, tol=tol, max_iter=max_iter - spent, start=start)
    return replace(solution, n_iter=spent + solution.n_iter)


def _in_cones(program: ConvexProgram, tol: float, max_iter: int, start: Solution | None) -> Solution | None:
    """By the growing Newton method, as far as it pays; None where it does not."""
    strength = _strength(program)
    steps = _steps_in_cones(program, strength)
    if steps < _STEPS * np.sqrt(_STRONG / strength):
        return None
    return growing_newton.solve(program, tol=tol, max_iter=min(max_iter, steps), start=start)


def _steps_in_cones(program: ConvexProgram, strength: float) -> int:
    """Newton steps that take as much work as a solve by the interior point."""
    (n, d), seen = program.X.shape, min(program.n_blocks, _SEEN)
    step = _PRODUCTS * seen * d * (n + d**2) / (_CHEAPER if strength >= _STRONG else 1.0)
    return int(_ITERATIONS * (interior_point_iteration(program) + _BESIDES) / (step + _BESIDES))


def _without_cones(program: ConvexProgram, tol: float, max_iter: int, start: Solution | None) -> Solution | None:
    """By Newton's method on the nonzero blocks, as far as it pays; None where it does not."""
    worth = _ITERATIONS_WITHOUT * (interior_point_iteration(program) + _BESIDES)
    strength = _strength(program)
    steps = _STEPS_WITHOUT * (_AT / strength) ** _GROWTH
    if strength < _WEAKEST or not block_newton.pays(program, working_set.FIRST, _TYPICAL / strength, worth, steps):
        return None
    return block_newton.solve(program, tol=tol, max_iter=max_iter, worth=_MORE * worth, start=start)


def _strength(program: ConvexProgram) -> float:
    """Beta in units of the longest gradient of the zero network."""
    longest = float(np.linalg.norm(program.zero_gradients, axis=1).max(initial=0.0))
    return program.beta / longest if longest > 0.0 else np.inf
