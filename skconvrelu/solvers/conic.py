"""The program as a neutral cone program, built once from sparse triplets and handed to any conic solver.

``min c'x + offset`` subject to ``row_lower <= A x <= row_upper`` and ``F x + g`` in a product of cones. Conventions are MOSEK's:
rotated quadratic ``2 x1 x2 >= ||x3..||^2``, exponential ``x1 >= x2 exp(x3 / x2)``. Two sides exist: the primal program, and for
the squared error its dual, which is the cheaper one to factor when n is large against d P^(2/3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skconvrelu.losses import SquaredError
from skconvrelu.program import ConvexProgram
from skconvrelu.solution import Candidate
from skconvrelu.solvers.conic_losses import conic_loss

Array = NDArray[np.float64]
Index = NDArray[np.int32]
Where = NDArray[np.intp] | int  # variable or row indices, broadcast against each other


Entries = tuple[NDArray[np.intp], NDArray[np.intp], Array]


@dataclass(frozen=True, eq=False)
class Triplets:
    """A sparse matrix in coordinates, no entry twice; indices are int32, which conic solvers take without a copy."""

    rows: Index
    cols: Index
    values: Array


@dataclass(frozen=True)
class ConePart:
    """``count`` consecutive cones of one ``kind`` ("quadratic", "rotated", "exponential") and dimension."""

    kind: str
    dim: int
    count: int


@dataclass(frozen=True, eq=False)
class ConicSolution:
    """What a conic solver returns: ``x``, multipliers of the rows and of the cones, in the Lagrangian
    ``c'x + offset - rows'(A x) - cones'(F x + g)``; so a multiplier of a lower row bound is nonnegative and every cone
    multiplier lies in the dual cone.
    """

    x: Array
    rows: Array
    cones: Array
    n_iter: int
    optimal: bool


@dataclass(frozen=True, eq=False)
class ConicForm:
    """See the module's docstring; ``read`` turns a solver's point back into a candidate for the program."""

    cost: Array
    offset: float
    A: Triplets
    row_lower: Array
    row_upper: Array
    F: Triplets
    g: Array
    cones: tuple[ConePart, ...]
    read: Callable[[ConicSolution], Candidate]

    @property
    def n_variables(self) -> int:
        return len(self.cost)


class Builder:
    """Collects rows and cones block by block."""

    def __init__(self) -> None:
        self.n_variables = 0
        self.n_rows = 0
        self.n_cone_rows = 0
        self._A: list[Entries] = []
        self._F: list[Entries] = []
        self._bounds: list[tuple[Array, Array]] = []
        self._g: list[Array] = []
        self._cones: list[ConePart] = []
        self._cost: list[Array] = []

    def variables(self, count: int, cost: float | Array = 0.0) -> NDArray[np.intp]:
        first = self.n_variables
        self.n_variables += count
        self._cost.append(np.broadcast_to(np.asarray(cost, dtype=np.float64), (count,)))
        return np.arange(first, first + count)

    def rows(self, count: int, lower: float | Array, upper: float | Array) -> NDArray[np.intp]:
        first = self.n_rows
        self.n_rows += count
        self._bounds.append((np.broadcast_to(lower, (count,)), np.broadcast_to(upper, (count,))))
        return np.arange(first, first + count)

    def cone(self, kind: str, dim: int, g: Array) -> NDArray[np.intp]:
        """Rows (count, dim) of ``count`` cones with constants ``g`` (count, dim)."""
        count, first = len(g), self.n_cone_rows
        self.n_cone_rows += count * dim
        self._cones.append(ConePart(kind, dim, count))
        self._g.append(np.ravel(g))
        return np.arange(first, first + count * dim).reshape(count, dim)

    def in_rows(self, rows: Where, cols: Where, values: Array | float) -> None:
        self._A.append(_entries(rows, cols, values))

    def in_cones(self, rows: Where, cols: Where, values: Array | float) -> None:
        self._F.append(_entries(rows, cols, values))

    def finish(self, offset: float, read: Callable[[ConicSolution], Candidate]) -> ConicForm:
        return ConicForm(
            cost=np.concatenate(self._cost),
            offset=offset,
            A=_join(self._A),
            row_lower=np.concatenate([np.zeros(0), *(b[0] for b in self._bounds)]),
            row_upper=np.concatenate([np.zeros(0), *(b[1] for b in self._bounds)]),
            F=_join(self._F),
            g=np.concatenate(self._g),
            cones=tuple(self._cones),
            read=read,
        )


def _entries(rows: Where, cols: Where, values: Array | float) -> Entries:
    r, c, v = np.broadcast_arrays(rows, cols, values)
    keep = v.ravel() != 0.0
    return r.ravel()[keep], c.ravel()[keep], v.ravel()[keep]


def _join(parts: list[Entries]) -> Triplets:
    if not parts:
        return Triplets(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0))
    rows, cols, values = (np.concatenate([part[i] for part in parts]) for i in range(3))
    return Triplets(rows.astype(np.int32), cols.astype(np.int32), np.ascontiguousarray(values, dtype=np.float64))


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
    offset = conic_loss(program, build, f)

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
