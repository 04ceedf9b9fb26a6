"""Structured primal-dual interior point for the convex program: Nesterov-Todd scaling, Mehrotra predictor-corrector.

Variables of a block are its vector u, the head t >= ||u|| (eliminated in closed form), slacks ``s = (2D - I) X u`` with
multipliers ``rho``, and the dual vector ``w``, ``||w|| <= beta``. A smooth loss enters through gradient and curvature only, a
piecewise linear or quadratic one through slacks of its own (:mod:`skconvrelu.solvers.loss_slacks`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skconvrelu.cones.second_order_cone import Pair, Scaling, jordan_product, step_to_boundary
from skconvrelu.kernels.column_products import ColumnProducts
from skconvrelu.losses import PiecewiseQuadratic
from skconvrelu.program import ConvexProgram
from skconvrelu.rounding import TINY
from skconvrelu.solution import Candidate, Solution
from skconvrelu.solvers.loss_slacks import LossSlacks, SlackStep
from skconvrelu.solvers.newton_system import BlockFits, FreeBlocks, NewtonSystem
from skconvrelu.stopping import due

Array = NDArray[np.float64]

logger = logging.getLogger(__name__)

_TO_BOUNDARY = 0.99
_AHEAD = 1e4
#: length of the units of a cold start at most, in units of those whose outputs have the size of the loss
_LONGEST = 1e6
#: barrier of a warm start, as a share of what the loss and the number of cones suggest; and the least slack, in its units
_WARM_BARRIER, _WARM_SLACK = 0.3, 10.0


@dataclass(eq=False)
class _State:
    coef: Array  # (B, d)
    intercept: Array  # (q,) coordinates in the intercept basis
    slack: Array  # (B, m), m constraint rows (none for gated blocks)
    rho: Array  # (B, m)
    w: Array  # (B, d)
    cones: Scaling
    loss: LossSlacks | None = None  # for piecewise linear losses


@dataclass(eq=False)
class _Residuals:
    coef: Array
    intercept: Array
    slack: Array
    mu: float
    outputs: Array


@dataclass(eq=False)
class _Direction:
    coef: Array
    intercept: Array
    slack: Array
    rho: Array
    primal: Pair  # scaled change of (t, u)
    dual: Pair  # scaled change of (beta, w)
    loss: SlackStep | None


class InteriorPoint:
    """One solve over all blocks of a program; ``run`` returns a :class:`Candidate` whose blocks are all of them."""

    def __init__(self, program: ConvexProgram, start: Solution | None = None) -> None:
        self.program = program
        blocks = np.arange(program.n_blocks)
        masks = program.masks(blocks)
        self.fits = BlockFits(program.X, masks, program.block_directions)
        self.basis = program.intercept_basis
        rows = np.flatnonzero(program.X.any(axis=1)) if program.constrained else np.zeros(0, dtype=np.intp)
        self.rows = rows
        self.A = np.ascontiguousarray(program.X[rows])
        self.signs = 2.0 * masks[:, rows] - 1.0
        self.products = ColumnProducts(self.A) if len(rows) else None
        # steps need no damping where the optimality conditions are linear but for complementarity
        slacks = isinstance(program.loss, PiecewiseQuadratic)
        self.quadratic = program.loss.quadratic or slacks
        self.system = NewtonSystem(
            self.fits,
            self.basis,
            constant_curvature=program.loss.quadratic,
            unbounded_curvature=slacks,
            constrained=program.constrained,
        )
        self.degree = self.signs.size + program.n_blocks
        if isinstance(program.loss, PiecewiseQuadratic):
            self.degree += LossSlacks.count(program.loss, program.Y)
        with np.errstate(all="ignore"):  # what is not finite ends the run
            self._state = self._start() if start is None else self._start_near(start)
        # turns a stationarity residual into the complementarity that belongs to it
        self.unit = program.loss_value(np.zeros_like(program.Y)) / (program.beta * self.degree)

    def run(self, *, tol: float, max_iter: int) -> Candidate:
        """Iterate until the gap of the iterate is below ``tol`` times its objective, or nothing improves any more.

        A second call goes on where the first one stopped.
        """
        state = self._state
        best: tuple[float, _State, _Residuals] | None = None
        converged, since_best, n_iter, least = False, 0, 0, (np.inf, np.inf)
        while True:
            with np.errstate(over="ignore", invalid="ignore"):
                residuals = self._residuals(state)
            if best is not None and not (np.isfinite(residuals.mu) and np.isfinite(residuals.outputs).all()):
                # LAPACK answers singular systems with NaN and raises nothing
                logger.debug("iteration %d: stopped, the step was not finite", n_iter)
                break
            with np.errstate(over="ignore", invalid="ignore"):
                objective, gap = self._gap(state, residuals)
            infeasible = np.abs(residuals.slack).max(initial=0.0) / max(np.abs(state.slack).max(initial=0.0), TINY)
            merit = gap / objective if infeasible <= 1e-9 else np.inf
            logger.debug("iteration %d: objective %.10g, gap %.2e, mu %.2e", n_iter, objective, gap, residuals.mu)
            since_best += 1
            if best is None or merit < 0.9 * best[0] or not np.isfinite(best[0]):
                best = (merit, replace(state), residuals)
                # while slacks are infeasible, crawling on is as much as can be asked for
                if np.isfinite(merit) or gap < 0.98 * least[0] or infeasible < 0.98 * least[1]:
                    since_best, least = 0, (gap, infeasible)
            converged = merit <= tol
            if converged or n_iter >= max_iter or since_best >= 40 or due():
                break
            try:
                with np.errstate(invalid="raise", divide="raise", over="raise"):
                    self._iterate(state, residuals)
            except (np.linalg.LinAlgError, FloatingPointError) as error:
                logger.debug("iteration %d: stopped at the accuracy of floating point (%s)", n_iter, error)
                break
            n_iter += 1
        assert best is not None
        return self._candidate(best[1], best[2], n_iter, converged)

    def _start(self) -> _State:
        program = self.program
        B, d = program.n_blocks, program.X.shape[1]
        base = program.best_intercept(np.zeros_like(program.Y))
        loss_there = program.loss_value(np.zeros_like(program.Y) + base)
        # units that could pay for the whole loss, unless beta is so small that they would be far too long to fit the targets
        longest = np.sqrt(loss_there / max(float(program.weights @ np.square(program.X).sum(axis=1)), TINY))
        t = np.full(B, max(min(loss_there / (program.beta * B), _LONGEST * longest), TINY))
        w = np.zeros((B, d))
        cones = Scaling((t, np.zeros((B, d))), (np.full(B, program.beta), w))
        slack = t[:, None] * np.linalg.norm(self.A, axis=1)[None, :]
        rho = (t * program.beta)[:, None] / slack
        loss = self._loss_slacks(np.zeros_like(program.Y) + base, None, float(t[0]) * program.beta)
        return _State(np.zeros((B, d)), self.basis.T @ base, slack, rho, w, cones, loss)

    def _loss_slacks(self, F: Array, dual: Array | None, mu: float) -> LossSlacks | None:
        if not isinstance(self.program.loss, PiecewiseQuadratic):
            return None
        return LossSlacks.start(self.program.loss, F, self.program.Y, self.program.weights, dual, mu)

    def _start_near(self, start: Solution) -> _State:
        """A point well inside all cones beside a good one: it takes half the iterations of a cold start or fewer.

        Vectors stay where they are; heads, slacks and multipliers are set on the central path of a moderate barrier mu, so that
        whatever is small at the start can still grow.
        """
        program, beta = self.program, self.program.beta
        coef = np.zeros((program.n_blocks, program.X.shape[1]))
        coef[start.blocks] = start.coef
        F = self.fits.outputs(coef)
        # losses that a fit can bring to zero say nothing about the size of the problem; the penalty does
        size = max(program.loss_value(F + start.intercept), 0.01 * program.penalty(coef))
        mu = _WARM_BARRIER * size / self.degree
        if not mu > 0.0:
            return self._start()
        sizes = np.linalg.norm(coef, axis=1)
        t = np.hypot(sizes, mu / beta) + mu / beta
        floor = (_WARM_SLACK * mu / beta) * np.linalg.norm(self.A, axis=1)
        slack = np.maximum(self.signs * (coef @ self.A.T), floor)
        rho = mu / slack
        w = self.fits.adjoint(-start.dual) - (self.signs * rho) @ self.A
        w *= np.minimum(1.0, beta * (1.0 - 1e-3) / np.maximum(np.linalg.norm(w, axis=1), TINY))[:, None]
        used = sizes > 0.0
        centred = beta * np.clip(1.0 - mu / np.maximum(sizes[used] * beta, TINY), 0.0, 1.0 - 1e-6)
        w[used] = -coef[used] * (centred / sizes[used])[:, None]
        cones = Scaling((t, coef), (np.full(len(t), beta), w))
        loss = self._loss_slacks(F + start.intercept, start.dual, mu)
        return _State(coef, self.basis.T @ start.intercept, slack, rho, w, cones, loss)

    def _loss_gradient(self, F: Array) -> Array:
        return self.program.weights[:, None] * self.program.loss.gradient(F, self.program.Y)

    def _residuals(self, state: _State) -> _Residuals:
        F = self.fits.outputs(state.coef) + self.basis @ state.intercept
        gradient = self._loss_gradient(F) if state.loss is None else state.loss.gradient()
        complementarity = np.einsum("bn,bn->", state.slack, state.rho) + state.cones.complementarity()
        if state.loss is not None:
            complementarity += state.loss.complementarity()
        return _Residuals(
            coef=self.fits.adjoint(gradient) - (self.signs * state.rho) @ self.A - state.w,
            intercept=self.basis.T @ gradient.sum(axis=0),
            slack=self.signs * (state.coef @ self.A.T) - state.slack,
            mu=complementarity / self.degree,
            outputs=F,
        )

    def _gap(self, state: _State, residuals: _Residuals) -> tuple[float, float]:
        """Objective and gap of the iterate itself (verification afterwards is :func:`skconvrelu.solution.evaluate`'s)."""
        program = self.program
        objective = program.loss_value(residuals.outputs) + program.penalty(state.coef)
        dual = self._dual_point(state, residuals)
        moved = self.fits.adjoint(dual) + (self.signs * state.rho) @ self.A
        worst = np.linalg.norm(moved, axis=1).max(initial=0.0)
        scale = min(1.0, program.beta / worst) if worst > 0.0 else 1.0
        return objective, objective - program.dual_value(scale * dual)

    def _dual_point(self, state: _State, residuals: _Residuals) -> Array:
        if state.loss is not None:
            return self.program.balanced_dual(-state.loss.gradient())
        return self.program.dual_point(residuals.outputs - self.basis @ state.intercept)

    def _iterate(self, state: _State, residuals: _Residuals) -> None:
        program, cones = self.program, state.cones
        ratio = state.rho / state.slack
        reduced = cones.reduced_hessian()
        blocks = reduced if self.products is None else reduced + self.products(ratio)
        if state.loss is None:
            root = np.sqrt(program.weights)[:, None, None] * program.loss.curvature_root(residuals.outputs, program.Y)
        else:
            root = state.loss.curvature_root(residuals.outputs)
        self.system.factor(blocks, root, FreeBlocks(*cones.reduced_inverse()) if self.products is None else None)

        point = cones.point
        square = jordan_product(point, point)
        affine = self._direction(
            state, residuals, ratio, reduced, (-square[0], -square[1]), -state.slack * state.rho, 0.0, None
        )
        mu = residuals.mu
        after = self._complementarity_after(state, affine, self._length(state, affine))
        centring = float(np.clip(after / mu, 0.0, 1.0) ** 3)
        if np.abs(residuals.coef).max() * self.unit > _AHEAD * mu:
            # complementarity must not run ahead of stationarity, or the last digits are never reached
            centring = max(centring, 0.5)
        second = jordan_product(affine.primal, affine.dual)
        target: Pair = (centring * mu - square[0] - second[0], -square[1] - second[1])
        target_rho = centring * mu - state.slack * state.rho - affine.slack * affine.rho
        step = self._direction(state, residuals, ratio, reduced, target, target_rho, centring * mu, affine.loss)
        a = self._length(state, step)
        if not self.quadratic:
            a = self._damp(state, residuals, step, a)
        self._move(state, step, a)

    def _direction(
        self,
        state: _State,
        residuals: _Residuals,
        ratio: Array,
        reduced: Array,
        target: Pair,
        target_rho: Array,
        target_loss: float,
        predicted: SlackStep | None,
    ) -> _Direction:
        cones = state.cones
        p = cones.divide(target)
        head, tail = cones.apply_inverse(p)
        m_tt, m_tu = cones.head_row()
        rhs = (
            -residuals.coef
            + (self.signs * (target_rho / state.slack - ratio * residuals.slack)) @ self.A
            + tail
            - m_tu * (head / m_tt)[:, None]
        )
        loss = None
        if state.loss is None:
            du, dc = self.system.solve(rhs, -residuals.intercept)
        else:
            shift = state.loss.shift(target_loss, predicted)
            du, dc, change = self.system.solve_split(rhs, -residuals.intercept, shift)
            loss = state.loss.step(change)
        dt = (head - np.einsum("bi,bi->b", m_tu, du)) / m_tt
        ds = self.signs * (du @ self.A.T) + residuals.slack
        primal = cones.apply_inverse((dt, du))
        return _Direction(
            du, dc, ds, (target_rho - state.rho * ds) / state.slack, primal, (p[0] - primal[0], p[1] - primal[1]), loss
        )

    @staticmethod
    def _length(state: _State, step: _Direction) -> float:
        point = state.cones.point
        hit = max((-step.slack / state.slack).max(initial=0.0), (-step.rho / state.rho).max(initial=0.0), TINY)
        if state.loss is not None and step.loss is not None:
            hit = max(hit, state.loss.hit(step.loss))
        boundary = min(1.0 / hit, step_to_boundary(point, step.primal), step_to_boundary(point, step.dual))
        return min(1.0, _TO_BOUNDARY * boundary)

    def _complementarity_after(self, state: _State, step: _Direction, a: float) -> float:
        (l0, l1), (p0, p1), (d0, d1) = state.cones.point, step.primal, step.dual
        total = np.einsum("bn,bn->", state.slack + a * step.slack, state.rho + a * step.rho)
        if state.loss is not None and step.loss is not None:
            total += state.loss.moved(step.loss, a).complementarity()
        total += ((l0 + a * p0) * (l0 + a * d0)).sum() + ((l1 + a * p1) * (l1 + a * d1)).sum()
        return float(total) / self.degree

    def _damp(self, state: _State, residuals: _Residuals, step: _Direction, a: float) -> float:
        """Shorten a step along which the loss leaves its quadratic model: stationarity must not get worse."""
        size = np.abs(residuals.coef).max()
        dF = self.fits.outputs(step.coef) + self.basis @ step.intercept
        dw = (self.signs * step.rho) @ self.A + state.cones.apply_inverse(step.dual)[1]
        gradient = self._loss_gradient(residuals.outputs)
        for _ in range(12):
            change = self._loss_gradient(residuals.outputs + a * dF) - gradient
            after = residuals.coef + self.fits.adjoint(change) - a * dw
            if np.abs(after).max() <= max((1.0 - 0.1 * a) * size, 0.01 * self.program.beta):
                break
            a *= 0.5
        return a

    @staticmethod
    def _move(state: _State, step: _Direction, a: float) -> None:
        (l0, l1), (p0, p1), (d0, d1) = state.cones.point, step.primal, step.dual
        state.w = state.w + a * state.cones.apply_inverse(step.dual)[1]
        state.coef = state.coef + a * step.coef
        state.intercept = state.intercept + a * step.intercept
        state.slack = state.slack + a * step.slack
        state.rho = state.rho + a * step.rho
        if state.loss is not None and step.loss is not None:
            state.loss = state.loss.moved(step.loss, a)
        state.cones.advance((l0 + a * p0, l1 + a * p1), (l0 + a * d0, l1 + a * d1))

    def _candidate(self, state: _State, residuals: _Residuals, n_iter: int, converged: bool) -> Candidate:
        program = self.program
        blocks = np.arange(program.n_blocks)
        multipliers = np.zeros((len(blocks), len(program.X)))
        multipliers[:, self.rows] = state.rho
        return Candidate(
            blocks=blocks,
            coef=state.coef,
            dual=self._dual_point(state, residuals),
            n_iter=n_iter,
            converged=converged,
            priced=blocks,
            multipliers=multipliers,
        )
