"""The Clarabel backend: the neutral cone program in Clarabel's form ``A x + s = b, s in K``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from skconvrelu.program import ConvexProgram
from skconvrelu.solution import Solution, evaluate
from skconvrelu.solvers._errors import SolverError, SolverUnavailableError
from skconvrelu.solvers.conic import conic_form
from skconvrelu.solvers.conic_form import ConicForm, ConicSolution
from skconvrelu.stopping import seconds_left

Array = NDArray[np.float64]

_SQRT_HALF = np.sqrt(0.5)


def solve(program: ConvexProgram, *, tol: float, max_iter: int, start: Solution | None = None) -> Solution:
    """Solve with Clarabel; ``start`` is not used (its interior point cannot be warm-started)."""
    form = conic_form(program)
    solution = solve_form(form, accuracy=min(1e-8, max(1e-4 * tol, 1e-12)), max_iter=max_iter)
    return evaluate(program, form.read(solution), solver="clarabel")


def solve_form(form: ConicForm, *, accuracy: float, max_iter: int) -> ConicSolution:
    """Solve a neutral cone program.

    Raises
    ------
    SolverUnavailableError
        If clarabel is not installed.
    SolverError
        If Clarabel ends with anything but a point (infeasible, numerical error).
    """
    try:
        import clarabel
    except ImportError as error:
        raise SolverUnavailableError(
            "solver='clarabel' needs the package clarabel: install it with `pip install skconvrelu[clarabel]`."
        ) from error

    A = sparse.coo_array(
        (form.A.values, (form.A.rows, form.A.cols)), shape=(len(form.row_lower), form.n_variables)
    ).tocsr()
    F = sparse.coo_array((form.F.values, (form.F.rows, form.F.cols)), shape=(len(form.g), form.n_variables)).tocsr()
    equal = np.flatnonzero(form.row_lower == form.row_upper)
    below = np.flatnonzero((form.row_lower < form.row_upper) & np.isfinite(form.row_lower))
    above = np.flatnonzero((form.row_lower < form.row_upper) & np.isfinite(form.row_upper))
    T, cones = _cone_transform(form, clarabel)
    matrix = sparse.vstack([A[equal], -A[below], A[above], -(T @ F)]).tocsc()
    b = np.concatenate([form.row_lower[equal], -form.row_lower[below], form.row_upper[above], T @ form.g])
    head = [clarabel.ZeroConeT(len(equal))] if len(equal) else []
    if len(below) + len(above):
        head.append(clarabel.NonnegativeConeT(len(below) + len(above)))

    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_iter = max_iter
    settings.max_threads = 1
    settings.time_limit = seconds_left()
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = accuracy
    empty = sparse.csc_array((form.n_variables, form.n_variables))
    result = clarabel.DefaultSolver(empty, form.cost, matrix, b, [*head, *cones], settings).solve()
    status = str(result.status)
    if status not in ("Solved", "AlmostSolved", "MaxIterations", "MaxTime", "InsufficientProgress"):
        raise SolverError(f"Clarabel ended with status {status}.")
    z = np.asarray(result.z)
    rows = np.zeros(len(form.row_lower))
    ends = np.cumsum([len(equal), len(below), len(above)])
    # Clarabel's z is the multiplier of A x + s = b with + sign; ours multiply -(A x) and -(F x + g)
    rows[equal] = -z[: ends[0]]
    rows[below] += z[ends[0] : ends[1]]
    rows[above] -= z[ends[1] : ends[2]]
    return ConicSolution(
        x=np.asarray(result.x),
        rows=rows,
        cones=T.T @ z[ends[2] :],
        n_iter=int(result.iterations),
        optimal=status == "Solved",
    )


def _cone_transform(form: ConicForm, clarabel: object) -> tuple[sparse.csr_array, list[object]]:
    """Orthogonal T with ``T (F x + g)`` in Clarabel's cones: rotated cones turned by 45 degrees, exponential ones reversed."""
    cones: list[object] = []
    parts = []
    for part in form.cones:
        if part.kind == "quadratic":
            local = sparse.identity(part.dim, format="csr")
            cones += [clarabel.SecondOrderConeT(part.dim)] * part.count  # type: ignore[attr-defined]
        elif part.kind == "rotated":
            turn = np.array([[_SQRT_HALF, _SQRT_HALF], [_SQRT_HALF, -_SQRT_HALF]])
            local = sparse.block_diag([turn, sparse.identity(part.dim - 2)], format="csr")
            cones += [clarabel.SecondOrderConeT(part.dim)] * part.count  # type: ignore[attr-defined]
        else:
            local = sparse.csr_array(np.eye(3)[::-1])
            cones += [clarabel.ExponentialConeT()] * part.count  # type: ignore[attr-defined]
        parts.append(sparse.kron(sparse.identity(part.count), local, format="csr"))
    return sparse.block_diag(parts, format="csr"), cones
