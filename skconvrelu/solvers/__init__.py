"""Solver backends, one a file, all with ``solve(program, *, tol, max_iter, start) -> Solution``; and the choice between them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from skconvrelu._warnings import warn
from skconvrelu.cones.cone_faces import ConeFaces
from skconvrelu.duality import lower_bound
from skconvrelu.kernels.blas_threads import one_blas_thread
from skconvrelu.program import ConvexProgram, Index
from skconvrelu.rounding import TINY
from skconvrelu.solution import Candidate, Solution, evaluate
from skconvrelu.solvers import clarabel, mosek, scipy_cold_start, scipy_warm_start
from skconvrelu.solvers._errors import SolverError, SolverUnavailableError
from skconvrelu.stopping import current, due, grace, may_end_early, reason, under

__all__ = [
    "SOLVERS",
    "SolverError",
    "SolverUnavailableError",
    "choose_solver",
    "independent_outputs",
    "polish",
    "solve_program",
]

Array = NDArray[np.float64]

logger = logging.getLogger(__name__)

#: blocks that are asked first whether the zero network can be optimal, by what factor more each further time, and by what share of beta a
#: price is clearly above it
_LONGEST, _MORE, _CLEARLY = 4, 8, 1e-3

#: a backend: ``solve(program, *, tol, max_iter, start)`` returns a solution, or a candidate that is verified here
Solve = Callable[..., Solution | Candidate]


class Backend(NamedTuple):
    """A backend and, in words, what it needs; where that is missing it raises :class:`SolverUnavailableError`."""

    solve: Solve
    needs: str


#: backends by name
SOLVERS = {
    "mosek": Backend(mosek.solve, "the package mosek and a licence"),
    "clarabel": Backend(clarabel.solve, "the package clarabel"),
    "scipy": Backend(scipy_cold_start.solve, "nothing else"),
}


def choose_solver(solver: str | Solve) -> str | Solve:
    """The backend that ``solver`` stands for: "auto" is MOSEK where it is installed and licensed, else "scipy"; a callable is one itself.

    Raises
    ------
    ValueError
        If there is no such backend.
    """
    if not isinstance(solver, str) and callable(solver):
        return solver
    if solver not in ("auto", *SOLVERS):
        known = ", ".join(f"{name!r} (needs {backend.needs})" for name, backend in SOLVERS.items())
        raise ValueError(f"solver must be 'auto', {known} or a callable, got {solver!r}.")
    if solver != "auto":
        return solver
    return "mosek" if mosek.is_available() else "scipy"


def solve_program(
    program: ConvexProgram,
    *,
    solver: str | Solve,
    tol: float,
    max_iter: int,
    start: Solution | None = None,
    n_jobs: int | None = None,
) -> Solution:
    """Solve with a backend and verify; outputs that do not interact are solved apart, in parallel by joblib.

    Every solve runs on one BLAS thread: that is faster at these sizes and makes the result independent of ``n_jobs``.

    Raises
    ------
    SolverUnavailableError
        If a named backend is not installed or not licensed.

    Warns
    -----
    ConvergenceWarning
        If a backend failed and the next one took over, or the gap stayed above ``tol`` times the objective.
    """
    parts, stop = independent_outputs(program), current()
    jobs = (
        delayed(under)(
            stop, _solve_one, part, solver, tol, max_iter, _part_of(start, blocks, k) if len(parts) > 1 else start
        )
        for k, (part, blocks) in enumerate(parts)
    )
    results = Parallel(n_jobs=n_jobs if len(parts) > 1 else 1)(jobs)
    solutions = [result[0] for result in results]
    solution = Solution.combine(solutions, [blocks for _, blocks in parts]) if len(parts) > 1 else solutions[0]
    # warnings raised in a worker process would be lost: they travel as text
    for message in dict.fromkeys(result[1] for result in results if result[1]):
        warn(message, ConvergenceWarning)
    if not solution.is_optimal(tol) and reason() != "interrupt":
        warn(
            f"The duality gap is {solution.gap / max(solution.objective, TINY):.3g} of the objective, above tol={tol:.3g}, after "
            f"{solution.n_iter} iterations of the solver {solution.solver!r}. "
            f"Increase {'max_time' if due() else 'max_iter'} or tol, or scale the features; "
            "objective_ and dual_gap_ are exact for the point returned.",
            ConvergenceWarning,
        )
    return solution


def polish(
    program: ConvexProgram, tol: float, start: Solution | None = None, *, solver: str | Solve, max_iter: int
) -> tuple[Solution, str]:
    """Solve a program of few blocks, most of which are expected to stay: no working set, no warning.

    Returns the verified solution and, where the scipy solver had to take over, the text of a warning.

    Raises
    ------
    SolverUnavailableError
        If a named backend is not installed or not licensed.
    """
    return _solve_one(program, solver, tol, max_iter, start, scipy_solve=scipy_warm_start.solve)


def _solve_one(
    program: ConvexProgram,
    solver: str | Solve,
    tol: float,
    max_iter: int,
    start: Solution | None,
    scipy_solve: Callable[..., Solution] = scipy_cold_start.solve,
) -> tuple[Solution, str]:
    """One verified solution, never worse than the start or no units at all, and a warning where the scipy solver had to take over.

    Where work is to stop before there is one it is the start.
    """
    found = None
    with may_end_early():
        found = _solved(program, solver, tol, max_iter, start, scipy_solve)
    if found is None:
        if start is None:
            start = Solution.unverified(program, np.zeros(0, dtype=np.intp), np.zeros((0, program.X.shape[1])))
        with grace():
            as_it_is = Candidate(start.blocks, start.coef, start.dual, 0, False)
            return evaluate(program, as_it_is, solver=_name(choose_solver(solver))), ""
    solution, note = found
    if not solution.is_optimal(tol):
        if start is not None:
            solution = solution.or_better(program, start.blocks, start.coef)
        solution = solution.or_better(program, np.zeros(0, dtype=np.intp), np.zeros((0, program.X.shape[1])))
    return solution, note


def _solved(
    program: ConvexProgram,
    solver: str | Solve,
    tol: float,
    max_iter: int,
    start: Solution | None,
    scipy_solve: Callable[..., Solution],
) -> tuple[Solution, str]:
    chosen = choose_solver(solver)
    name = _name(chosen)
    solve = SOLVERS[chosen].solve if isinstance(chosen, str) else chosen
    with one_blas_thread():
        if not _beats_zero(program, start):
            zero = _zero_network(program, name)
            if zero is not None:
                return zero, ""
        if chosen == "scipy":
            return scipy_solve(program, tol=tol, max_iter=max_iter, start=start), ""
        try:
            found = solve(program, tol=tol, max_iter=max_iter, start=start)
            solution = evaluate(program, found, solver=name) if isinstance(found, Candidate) else found
        except SolverUnavailableError as error:
            if solver != "auto":  # asked for by name, so another one would be a surprise
                raise
            reason = f"could not be used ({error})"
        except SolverError as error:
            reason = f"failed ({error})"
        else:
            if solution.is_optimal(tol):
                return solution, ""
            reason = f"stopped at a relative gap of {solution.gap / solution.objective:.2g}"
            start = solution
        rescued = scipy_solve(program, tol=tol, max_iter=max_iter, start=start)
        return rescued, f"The solver {name!r} {reason}; the scipy solver took over."


def _name(solver: str | Solve) -> str:
    return solver if isinstance(solver, str) else getattr(solver, "__name__", type(solver).__name__)


def _beats_zero(program: ConvexProgram, start: Solution | None) -> bool:
    """Whether a start is already better than the zero network, which then needs no test."""
    if start is None or not len(start.blocks):
        return False
    F = program.outputs(start.blocks, start.coef)
    zero = program.loss_value(np.zeros_like(F) + program.best_intercept(np.zeros_like(F)))
    return program.loss_value(F + start.intercept) + program.penalty(start.coef) < (1.0 - 1e-9) * zero


def _zero_network(program: ConvexProgram, solver: str) -> Solution | None:
    """The zero network with its exact certificate when beta is large enough for it to be optimal, else None."""
    dual = program.zero_dual()
    if _clearly_above(program):
        return None
    upper, lower = program.prices(dual, level=program.beta)
    if (lower > program.beta * (1.0 + 1e-9)).any():
        return None
    # at beta = beta_max the price equals beta up to rounding; the dual point is scaled by what is left
    above = np.flatnonzero(upper > program.beta)
    worst = float(program.prices(dual, above, rtol=1e-12)[0].max(initial=0.0))
    if worst > max(program.beta * (1.0 + 1e-9), 1e-14 * program.largest_price()):
        return None
    bound = lower_bound(program, dual, max(worst, program.beta))
    nothing = np.zeros(0, dtype=np.intp), np.zeros((0, program.X.shape[1]))
    return Solution.of(program, *nothing, bound, n_iter=0, solver=solver)


def _clearly_above(program: ConvexProgram) -> bool:
    """Whether some price of the zero network is certainly above beta: nearly always one of those with the longest gradients."""
    gradients = program.zero_gradients
    lengths, level = np.linalg.norm(gradients, axis=1), program.beta * (1.0 + _CLEARLY)
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] > level]
    if not program.constrained:
        return len(order) > 0
    first, count = 0, _LONGEST
    while first < len(order):
        some = order[first : first + count]
        faces = ConeFaces(program.X, program.masks(some))
        projected = faces.project(gradients[some], np.arange(len(some)), level=level)
        if (np.linalg.norm(projected, axis=1) > level).any():
            return True
        first, count = first + count, _MORE * count
    return False


def independent_outputs(program: ConvexProgram) -> list[tuple[ConvexProgram, Index]]:
    """One program for each output, with the blocks it owns, where loss and blocks let outputs be solved apart."""
    K = program.Y.shape[1]
    everything = [(program, np.arange(program.n_blocks))]
    if K == 1 or program.shared or not program.loss.separable:
        return everything
    touched = program.block_directions != 0.0
    if (touched.sum(axis=1) != 1).any():
        return everything
    parts = []
    for k in range(K):
        blocks = np.flatnonzero(touched[:, k])
        parts.append((program.of_output(k, blocks), blocks))
    return parts


def _part_of(solution: Solution | None, blocks: Index, k: int) -> Solution | None:
    """The piece of a start that belongs to one output."""
    if solution is None:
        return None
    keep = np.isin(solution.blocks, blocks)
    return replace(
        solution,
        blocks=np.searchsorted(blocks, solution.blocks[keep]),
        coef=solution.coef[keep],
        intercept=solution.intercept[[k]],
        dual=solution.dual[:, [k]],
    )
