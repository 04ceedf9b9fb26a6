"""The program as a neutral cone program (:mod:`skconvrelu.solvers.conic_form`).

Two sides exist: the primal program, and for the squared error its dual, which is the cheaper one to factor when n is large against
d P^(2/3).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skconvrelu.losses import NoConicForm, SquaredError
from skconvrelu.program import ConvexProgram
from skconvrelu.solution import Candidate
from skconvrelu.solvers._errors import SolverUnavailableError
from skconvrelu.solvers.conic_form import Builder, ConicForm, ConicSolution

Array = NDArray[np.float64]


def conic_form(program: ConvexProgram, side: str | None = None) -> ConicForm:
    """Build the cone program; ``side`` is "primal", "dual" (squared error only) or None for the cheaper one."""
    if side is None:
        n, d = program.X.shape
        large = n > d * len(program.patterns) ** (2 / 3)
        side = "dual" if large and isinstance(program.loss, SquaredError) else "primal"
    if side == "dual":
        if not isinstance(program.loss, SquaredError):
            raise ValueError(f"the dual side is built for squared_error only, got loss {program.loss.name!r}")
        return _dual_form(program)
    return _primal_form(program)


def _primal_form(program: ConvexProgram) -> ConicForm:
    n, d = program.X.shape
    K, B = program.Y.shape[1], program.n_blocks
    build = Builder()
    u = build.variables(B * d).reshape(B, d)
    t = build.variables(B, program.beta)
    f = build.variables(n * K).reshape(n, K)
    c = build.variables(program.intercept_basis.shape[1])

    fits = build.rows(n * K, 0.0, 0.0).reshape(n, K)
    build.in_rows(fits, f, 1.0)
    for q, column in enumerate(program.intercept_basis.T):
        build.in_rows(fits, c[q], -column[None, :])
    cone_rows = _cone_constraints(program, build, u)
    for j in range(B):
        on = np.flatnonzero(program.patterns[program.block_patterns[j]])
        for k in np.flatnonzero(program.block_directions[j]):
            build.in_rows(fits[on, k][:, None], u[j][None, :], -program.block_directions[j, k] * program.X[on])
    norms = build.cone("quadratic", d + 1, np.zeros((B, d + 1)))
    build.in_cones(norms[:, 0], t, 1.0)
    build.in_cones(norms[:, 1:], u, 1.0)
    try:
        offset = program.loss.conic_form(program.Y, program.weights, build, f)
    except NoConicForm as error:
        raise SolverUnavailableError(f"{error}.") from error

    def read(solution: ConicSolution) -> Candidate:
        # stationarity in f: the multiplier of the row that defines f is w l'(f), that is -lambda
        dual = program.balanced_dual(-solution.rows[fits])
        return _candidate(program, solution.x[u], dual, np.maximum(solution.rows[cone_rows], 0.0), solution)

    return build.finish(offset, read)


def _cone_constraints(program: ConvexProgram, build: Builder, u: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rows ``(2 D_j - I) X u_j >= 0``; returns their indices (B, n), or (B, 0) for gated blocks."""
    n, B = len(program.X), program.n_blocks
    if not program.constrained:
        return np.zeros((B, 0), dtype=np.intp)
    rows = build.rows(B * n, 0.0, np.inf).reshape(B, n)
    for j in range(B):
        sign = np.where(program.patterns[program.block_patterns[j]], 1.0, -1.0)
        build.in_rows(rows[j][:, None], u[j][None, :], sign[:, None] * program.X)
    return rows


def _candidate(
    program: ConvexProgram, coef: Array, dual: Array, multipliers: Array, solution: ConicSolution
) -> Candidate:
    blocks = np.arange(program.n_blocks)
    return Candidate(
        blocks=blocks,
        coef=coef,
        dual=dual,
        n_iter=solution.n_iter,
        converged=solution.optimal,
        priced=blocks if program.constrained else blocks[:0],
        multipliers=multipliers,
    )


def _dual_form(program: ConvexProgram) -> ConicForm:
    """``min sum lambda^2 / (2 w) - lambda y`` over dual feasible lambda: ``(beta, X'D Lambda v + X'(2D - I) rho)`` in each cone."""
    n, d = program.X.shape
    K, B = program.Y.shape[1], program.n_blocks
    build = Builder()
    lam = build.variables(n * K, -program.Y.ravel()).reshape(n, K)
    s = build.variables(1, 1.0)
    rho = build.variables(B * n if program.constrained else 0).reshape(B, -1)
    if program.constrained:
        positive = build.rows(B * n, 0.0, np.inf)
        build.in_rows(positive, rho.ravel(), 1.0)
    for column in program.intercept_basis.T:
        row = build.rows(1, 0.0, 0.0)
        build.in_rows(row[0], lam, column[None, :])
    head = np.tile(np.concatenate([[program.beta], np.zeros(d)]), (B, 1))
    cones = build.cone("quadratic", d + 1, head)
    for j in range(B):
        pattern = program.patterns[program.block_patterns[j]]
        on = np.flatnonzero(pattern)
        tail = cones[j, 1:][None, :]
        for k in np.flatnonzero(program.block_directions[j]):
            build.in_cones(tail, lam[on, k][:, None], program.block_directions[j, k] * program.X[on])
        if program.constrained:
            build.in_cones(tail, rho[j][:, None], np.where(pattern, 1.0, -1.0)[:, None] * program.X)
    g = np.concatenate([[1.0, 0.0], np.zeros(n * K)])
    quadratic = build.cone("rotated", len(g), g[None, :])[0]
    build.in_cones(quadratic[1], s, 1.0)
    build.in_cones(quadratic[2:].reshape(n, K), lam, 1.0 / np.sqrt(program.weights)[:, None])

    def read(solution: ConicSolution) -> Candidate:
        coef = -solution.cones[cones[:, 1:]]
        dual = program.balanced_dual(solution.x[lam])
        multipliers = np.maximum(solution.x[rho], 0.0)
        return _candidate(program, coef, dual, multipliers, solution)

    return build.finish(0.0, read)
