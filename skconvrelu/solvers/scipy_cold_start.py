"""The scipy backend from nothing: a Newton method on few blocks where few are nonzero, or the interior point."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np

from skconvrelu.program import ConvexProgram
from skconvrelu.solution import Solution
from skconvrelu.solvers import block_newton, growing_newton, working_set
from skconvrelu.solvers.choice import DEFAULT, Choice, strength_of
from skconvrelu.stopping import due


def solve(
    program: ConvexProgram, *, tol: float, max_iter: int, start: Solution | None = None, choice: Choice = DEFAULT
) -> Solution:
    """Solve to a relative duality gap of ``tol``; never raises for slow convergence, the solution carries its honest gap.

    The Newton methods are given up after about as much work as the interior point would take, which is the more accurate one where the loss
    has kinks and does better without a start than with a rough one.
    """
    spent = 0
    if program.loss.smooth and program.n_blocks > choice.first:
        # where it breaks down the interior point, whose matrices are lifted and steps shorter, takes over
        with suppress(np.linalg.LinAlgError):
            newton = _in_cones if program.constrained else _without_cones
            solution = newton(program, tol, max_iter, start, choice)
            if solution is not None:
                if solution.is_optimal(tol) or solution.n_iter >= max_iter or due():
                    return solution
                spent = solution.n_iter
    solution = working_set.solve(program, tol=tol, max_iter=max_iter - spent, start=start, choice=choice)
    return replace(solution, n_iter=spent + solution.n_iter)


def _in_cones(
    program: ConvexProgram, tol: float, max_iter: int, start: Solution | None, choice: Choice
) -> Solution | None:
    """By the growing Newton method, as far as it pays; None where it does not."""
    steps = choice.newton_steps(program)
    if steps is None:
        return None
    return growing_newton.solve(program, tol=tol, max_iter=min(max_iter, steps), start=start, choice=choice)


def _without_cones(
    program: ConvexProgram, tol: float, max_iter: int, start: Solution | None, choice: Choice
) -> Solution | None:
    """By Newton's method on the nonzero blocks, as far as it pays; None where it does not."""
    worth, strength = choice.solve_work(program), strength_of(program)
    steps = choice.steps_without_cones(strength)
    if not block_newton.pays(program, choice.first, choice.strong / strength, worth, steps):
        return None
    return block_newton.solve(program, tol=tol, max_iter=max_iter, worth=choice.more * worth, start=start)
