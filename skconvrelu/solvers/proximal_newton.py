"""Proximal-point method with semismooth Newton steps for programs with cones: fast from a good start, exact in its zeros and kinks.

Each outer step minimises the objective plus ``||u - u_k||^2 / (2 sigma)``. Its optimality condition in the outputs F alone is

    F = sum_j D_j X prox_j(u_kj + sigma X' D_j Lambda(F) v_j) v_j' + b,      prox_j(z) = (1 - sigma beta / ||q||)_+ q,  q = Proj_{K_j}(z),

a piecewise smooth system of n K equations. A block enters its Jacobian through the tangent space of the face its projection lies
in; blocks at zero not at all. The matrix to factor is therefore of the size of the degrees of freedom of the solution (at most
about n), whatever the number of blocks. Newton steps are globalised on the dual function of the subproblem, which is convex and
differentiable (Li, Sun & Toh 2018, "A highly efficient semismooth Newton augmented Lagrangian method for solving Lasso problems").
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skconvrelu.cones.cone_faces import ConeFaces
from skconvrelu.program import ConvexProgram
from skconvrelu.rounding import TINY
from skconvrelu.rows import in_memory
from skconvrelu.solution import Candidate, Solution
from skconvrelu.solvers.loss_maps import loss_map
from skconvrelu.solvers.newton_system import BlockFits
from skconvrelu.solvers.semismooth_system import SemismoothSystem
from skconvrelu.stopping import due, may_end_early

Array = NDArray[np.float64]

logger = logging.getLogger(__name__)

#: first sigma beta, and the largest, in units of the median norm of the nonzero blocks
_FIRST_SIGMA, _LAST_SIGMA = 30.0, 1e6
#: first width of the proximal term of a piecewise linear loss, in units of the typical residual
_FIRST_WIDTH = 10.0
#: sigma of the intercept relative to that of the blocks, in units of the mean square row of X; more costs Newton steps, less outer ones
_FREE = 1.0
#: Newton steps of one outer step
_INNER = 25
#: share of the outer step's progress that may be lost by solving it inexactly
_INEXACT = 0.3
#: ... or, relative to the accuracy asked for, whatever was gained
_FLOOR = 0.3
#: length of a Newton step below which it crawls along a kink, and how many such steps in a row end an outer step unsolved
_CRAWL, _CRAWLS = 1e-3, 3
#: share of beta up to which a price need not be known
_CLEARLY_BELOW = 0.95
#: outer steps without a better gap after which rounding must be what is left
_PATIENCE = 6


@dataclass(frozen=True, eq=False)
class _Point:
    """Variables ``z`` of the loss map and what belongs to them in the present subproblem."""

    z: Array  # (n, K)
    F: Array  # (n, K), outputs that go with the dual point, intercept included
    dual: Array  # (n, K)
    q: Array  # (B, d) projections, only where longer than sigma beta
    lengths: Array  # (B,)
    coef: Array  # (B, d)
    c: Array  # intercept coordinates
    residual: Array  # (n, K)
    merit: float  # the dual function, to be minimised


class ProximalNewton:
    """One solve over all blocks of a program, from a start; ``run`` returns a :class:`Candidate`."""

    def __init__(self, program: ConvexProgram, start: Solution) -> None:
        self.program = program
        blocks = np.arange(program.n_blocks)
        masks = program.masks(blocks)
        self.fits = BlockFits(program.X, masks, program.block_directions)
        self.faces = ConeFaces(program.X, masks)
        self.basis = program.intercept_basis
        self.coef = np.zeros((program.n_blocks, program.X.shape[1]))
        self.coef[start.blocks] = start.coef
        self.c = self.basis.T @ start.intercept
        self.F = self.fits.outputs(self.coef) + self.basis @ self.c
        self.loss = loss_map(program, self.F, _FIRST_WIDTH, _LAST_SIGMA)
        self.dual = start.dual
        self.sigma = _FIRST_SIGMA * self._median_size(self.coef) / program.beta
        self.ceiling = np.inf  # of sigma, once a subproblem was too hard
        self.free = _FREE * float(program.weights @ np.square(program.X).sum(axis=1))
        self.n_iter = 0

    def run(self, *, tol: float, max_iter: int) -> Candidate:
        """Outer steps until the gap of the iterate is below ``tol`` times its objective, or nothing improves any more."""
        program = self.program
        value = program.loss_value(self.F) + program.penalty(self.coef)
        best: Candidate | None = None
        best_gap, in_vain = np.inf, 0
        z = self.F
        while True:
            z = self.loss.variables(z, self.dual)
            found = None
            with may_end_early():
                found = self._subproblem(z, value, tol, max_iter - self.n_iter)
            if found is None:
                return replace(best or self._as_begun(), n_iter=self.n_iter)
            point, primal, n_inner, solved = found
            z, self.dual = point.z, point.dual
            if solved or primal < value:
                self.F, self.coef, self.c = point.F - point.residual, point.coef, point.c
                value = program.loss_value(self.F) + program.penalty(self.coef)
            candidate, gap = self._candidate(point, tol)
            logger.debug(
                "sigma %.1e, %d Newton steps, objective %.10g, gap %.2e, %d blocks",
                self.sigma, n_inner, value, gap, len(candidate.blocks),
            )  # fmt: skip
            in_vain = 0 if gap < 0.9 * best_gap else in_vain + 1
            if best is None or gap < best_gap:
                best, best_gap = candidate, gap
            if candidate.converged or self.n_iter >= max_iter or in_vain >= _PATIENCE or due():
                return replace(best, n_iter=self.n_iter)
            self._adapt(n_inner, solved)

    def _as_begun(self) -> Candidate:
        """The start, where work is to stop before the first outer step ends."""
        blocks = np.flatnonzero(self.coef.any(axis=1))
        return Candidate(blocks=blocks, coef=self.coef[blocks], dual=self.dual, n_iter=0, converged=False)

    def _adapt(self, n_inner: int, solved: bool) -> None:
        """A larger sigma where the subproblems are easy; a smaller one, for some time, where they are not solved."""
        if not solved:
            self.ceiling = 0.2 * self.sigma
        elif n_inner <= 2:
            self.ceiling *= 2.0
        factor = 10.0 if n_inner <= 3 else 5.0 if n_inner <= 6 else 2.0
        largest = _LAST_SIGMA * self._median_size(self.coef) / self.program.beta
        sigma = min(factor * self.sigma, largest, self.ceiling)
        self.faces.restore(self.faces.remembered(), sigma / self.sigma)
        self.loss.recentre(self.F, sigma / self.sigma)
        self.sigma = sigma

    @staticmethod
    def _median_size(coef: Array) -> float:
        sizes = np.sqrt(np.einsum("bi,bi->b", coef, coef))
        return float(np.median(sizes[sizes > 0.0])) if (sizes > 0.0).any() else 1.0

    # one subproblem

    def _subproblem(self, z: Array, value: float, tol: float, max_steps: int) -> tuple[_Point, float, int, bool]:
        """Newton steps until the subproblem's own gap is a small part of what it gained."""
        point, crawled = self._at(z), 0
        for step in range(_INNER + 1):
            primal, gap = self._inner_gap(point)
            solved = step > 0 and gap <= max(
                _INEXACT * (value - primal), _FLOOR * tol * value, 1e-15 * abs(point.merit)
            )
            if solved or step >= min(_INNER, max_steps) or crawled >= _CRAWLS or due():
                break
            moved, length = self._newton_step(point)
            crawled = crawled + 1 if length < _CRAWL else 0
            self.n_iter += 1
            if moved is None:  # at the accuracy of floating point
                solved = primal <= value
                break
            point = moved
        return point, primal, step, solved

    def _at(self, z_loss: Array) -> _Point:
        sigma, level = self.sigma, self.sigma * self.program.beta
        dual, F = self.loss.dual(z_loss), self.loss.outputs(z_loss)
        z = self.coef + sigma * self.fits.adjoint(dual)
        lengths = np.sqrt(np.einsum("bi,bi->b", z, z))
        q = np.zeros_like(z)
        long = np.flatnonzero(lengths > level)  # a projection is never longer than the vector
        q[long] = self.faces.project(z[long], long, level=level)
        lengths = np.sqrt(np.einsum("bi,bi->b", q, q))
        shrink = np.maximum(1.0 - level / np.where(lengths > 0.0, lengths, 1.0), 0.0)
        coef = q * np.where(lengths > 0.0, shrink, 0.0)[:, None]
        c = self.c + sigma * self.free * (self.basis.T @ dual.sum(axis=0))
        fitted = self.fits.outputs(coef) + self.basis @ c
        conjugate = -float(np.einsum("nk,nk->", dual, F)) - self.loss.value(F)
        with np.errstate(over="ignore"):  # a step far too long has an infinite merit, and is shortened
            merit = conjugate + float(np.square(coef).sum() + np.square(c).sum() / self.free) / (2.0 * sigma)
        return _Point(z_loss, F, dual, q, lengths, coef, c, F - fitted, merit)

    def _inner_gap(self, point: _Point) -> tuple[float, float]:
        """The subproblem's value at the point's blocks, and its distance to the dual function."""
        moved = np.square(point.coef - self.coef).sum() + np.square(point.c - self.c).sum() / self.free
        origin = np.square(self.coef).sum() + np.square(self.c).sum() / self.free
        loss = self.loss.value(point.F - point.residual)
        primal = loss + self.program.penalty(point.coef) + float(moved) / (2.0 * self.sigma)
        return primal, primal + point.merit - float(origin) / (2.0 * self.sigma)

    def _newton_step(self, point: _Point) -> tuple[_Point | None, float]:
        """One semismooth Newton step with backtracking on the dual function, None when it cannot be lowered; and the step's length."""
        dz, slope = self._direction(point)
        memory = self.faces.remembered()
        step = 1.0
        size = float(np.abs(point.residual).max())
        for _ in range(30):
            trial = self._at(point.z + step * dz)
            change = trial.merit - point.merit
            if change < 0.0 and trial.merit <= point.merit + 1e-4 * step * slope:
                return trial, step
            if abs(change) <= 1e-13 * abs(point.merit) and np.abs(trial.residual).max() < 0.9 * size:
                return trial, 1.0  # the merit has no digits left, the residual has
            if step * np.abs(dz).max() <= 1e-16 * np.abs(point.z).max():
                break  # nor has the step
            bend = change - slope * step
            step *= float(np.clip(-0.5 * slope * step / bend, 0.1, 0.5)) if 0.0 < bend < np.inf else 0.1
            self.faces.restore(memory)
        return None, 0.0

    def _direction(self, point: _Point) -> tuple[Array, float]:
        """Newton direction in z, and the slope of the merit along it.

        With ``-S S'`` the derivative of the dual point by the outputs and ``Q = sigma B M B'``, M the derivative of the projections and
        shrinkages: ``dF = -(I + Q S S')^-1 R``.
        """
        root = self.loss.root(point.z, float(np.abs(point.residual).max()))
        system = self._system(point, root)
        rhs = np.einsum("nkl,nk->nl", root, point.residual)
        x = system.solve(rhs)
        dF = system.derivative(np.einsum("nkl,nl->nk", root, x)) - point.residual
        return self.loss.change(point.z, dF), -float(np.einsum("nl,nl->", rhs, x))

    def _system(self, point: _Point, root: Array) -> SemismoothSystem:
        """The outputs' system: on its face ``prox_j`` shrinks by ``1 - kappa`` across the projection and not at all along it."""
        level = self.sigma * self.program.beta
        active = np.flatnonzero(point.lengths > level)
        lengths = point.lengths[active]
        along = point.q[active] / lengths[:, None]
        keep = np.sqrt(1.0 - level / lengths)
        L, owner = [point.q[:0]], [active[:0]]  # where nothing is active
        for part in in_memory(len(active), point.q.shape[1] ** 2):
            Q, spans = self.faces.tangents(active[part])
            coordinates = np.einsum("bik,bi->bk", Q, along[part])
            moved = keep[part, None, None] * Q
            moved += ((1.0 - keep[part])[:, None] * along[part])[:, :, None] * coordinates[:, None, :]
            L.append(np.sqrt(self.sigma) * moved.transpose(0, 2, 1)[spans])
            owner.append(np.repeat(active[part], spans.sum(axis=1)))
        border = np.sqrt(self.sigma * self.free) * self.basis
        return SemismoothSystem(self.fits, np.concatenate(L), np.concatenate(owner), border, root)

    # what is handed over

    def _candidate(self, point: _Point, tol: float) -> tuple[Candidate, float]:
        """The point with multipliers that prove its dual bound, and its relative gap."""
        program = self.program
        fitted = point.F - point.residual - self.basis @ point.c
        objective = program.loss_value(fitted + program.best_intercept(fitted)) + program.penalty(point.coef)
        dual = (
            program.dual_point(point.F - self.basis @ point.c)
            if program.loss.smooth
            else program.balanced_dual(point.dual)
        )
        V = self.fits.adjoint(dual)
        prices = np.sqrt(np.einsum("bi,bi->b", V, V))
        above = np.flatnonzero(prices > program.beta)
        rho = np.zeros((len(above), len(program.X)))
        if len(above):
            memory = self.faces.remembered()
            self.faces.restore(memory, 1.0 / self.sigma)
            self.faces.project(V[above], above, level=_CLEARLY_BELOW * program.beta)
            moved, rho = self.faces.moved(V[above], above, len(program.X))
            self.faces.restore(memory)
            prices[above] = np.sqrt(np.einsum("bi,bi->b", moved, moved))
        worst = prices.max(initial=0.0)
        bound = program.dual_value(dual * min(1.0, program.beta / worst) if worst > 0.0 else dual)
        gap = (objective - bound) / max(objective, TINY)
        blocks = np.flatnonzero(point.coef.any(axis=1))
        return (
            Candidate(
                blocks=blocks, coef=point.coef[blocks], dual=dual, n_iter=self.n_iter, converged=gap <= tol,
                priced=above, multipliers=rho, tight=True,
            ),
            gap,
        )  # fmt: skip
