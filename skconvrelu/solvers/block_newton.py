"""The scipy backend from nothing, without cones and with few nonzero blocks: Newton's method on those, by way of falling penalties.

Where no block vanishes the objective is as smooth as its loss, and Newton's method has quadratic convergence in the nonzero blocks
alone: ``H = Z' S S' Z + blockdiag(beta / ||u_j|| (I - a_j a_j'))``, ``a_j`` the unit vector along ``u_j``. A block whose step leads past
the origin becomes zero, and one whose price is above beta enters with a length that lowers the objective.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from skconvrelu.costs import block_system
from skconvrelu.program import ConvexProgram, Index
from skconvrelu.rounding import TINY
from skconvrelu.solution import Candidate, Solution, evaluate, price_accuracy
from skconvrelu.solvers.block_systems import BlockSystems
from skconvrelu.solvers.newton_system import BlockFits
from skconvrelu.stopping import due

Array = NDArray[np.float64]

logger = logging.getLogger(__name__)

#: penalties fall by this factor, down to a relative gap at each
_FALL, _ROUGH = 0.4, 0.1
#: blocks that may enter at a time, or as many as there are
_ENTERING = 8
#: expected decrease of a Newton step, relative to the gap asked for or to so much of the last one, from which it is the last before
#: blocks are priced again
_SMALL, _OF_LAST = 0.1, 0.1
#: Newton steps between two pricings of all blocks, and shortenings of one
_STEPS, _SHORTER = 20, 10
#: pricings without a better gap, or an objective lower by this share of it, after which rounding must be what is left; and what it may add
#: to an objective, relative to it
_PATIENCE, _GAIN, _ROUNDING = 3, 1e-3, 1e-15
#: Newton steps that are likely to be left at any time; what each takes besides its system, in multiply-adds; and the exponent by which
#: weaker penalties have more nonzero blocks
_LIKELY, _BESIDES, _MORE = 6.0, 5e6, 0.6
#: lift of the diagonal, relative to the largest entry, at least and at most, and by what it grows where a step lowers nothing: equal
#: blocks and flat pieces of a loss leave the Hessian singular
_LEAST_LIFT, _MOST_LIFT, _MORE_LIFT = 1e-14, 1.0, 1e3


def solve(
    program: ConvexProgram, *, tol: float, max_iter: int, worth: float = np.inf, start: Solution | None = None
) -> Solution:
    """Solve a program without cones and with a smooth loss to a relative gap of ``tol``, as far as the method goes; the gap is honest.

    It stops early when it seems to need more than ``worth`` multiply-adds, since too many blocks are nonzero.
    """
    newton = BlockNewton(program, start, worth)
    beta = program.beta if start is not None and len(start.blocks) else newton.top_price()
    while beta * _FALL > program.beta and newton.n_iter < max_iter and newton.pays(beta) and not due():
        beta *= _FALL
        newton.run(beta, _ROUGH, max_iter)
    candidate = newton.run(program.beta, 0.5 * tol, max_iter)
    return evaluate(program, candidate, solver="scipy", rtol=price_accuracy(tol))


def pays(program: ConvexProgram, n_blocks: int, stronger: float, worth: float, steps: float = _LIKELY) -> bool:
    """Whether so many steps take at most ``worth`` multiply-adds, if so many blocks are nonzero at a penalty so many times beta."""
    return steps * _step_flops(program, min(n_blocks * stronger**_MORE, program.n_blocks)) <= worth


def _step_flops(program: ConvexProgram, n_blocks: float) -> float:
    return block_system(program, n_blocks) + _BESIDES


class BlockNewton:
    """The nonzero blocks of a program without cones, and the steps that move them."""

    def __init__(self, program: ConvexProgram, start: Solution | None, worth: float) -> None:
        self.program = program
        self.every = np.arange(program.n_blocks)
        self.basis = program.intercept_basis
        self.fits = BlockFits(program.X, program.masks(self.every), program.block_directions)
        self.systems = BlockSystems(program, self.fits)
        self.n_iter, self.worth, self.lift = 0, worth, _LEAST_LIFT
        if start is None:
            start = Solution.unverified(program, self.every[:0], np.zeros((0, program.X.shape[1])))
        self.blocks, self.moving = self.every[:0], self.fits.of(self.every[:0])
        order = np.argsort(start.blocks)
        self._move(start.blocks[order], start.coef[order], self.basis.T @ start.intercept)

    def _move(self, blocks: Index, coef: Array, c: Array, F: Array | None = None) -> None:
        """Be at other vectors; those that are zero do not stay. ``F`` are the outputs there, if all stay."""
        keep = coef.any(axis=1)
        if not np.array_equal(blocks[keep], self.blocks):
            self.blocks, self.moving, F = blocks[keep], self.fits.of(blocks[keep]), None
        self.coef, self.c = coef[keep], c
        self.F = self._outputs(self.coef, c) if F is None else F

    def _value(self, program: ConvexProgram) -> float:
        return program.loss_value(self.F) + program.penalty(self.coef)

    def _outputs(self, coef: Array, c: Array) -> Array:
        return self.moving.outputs(coef) + self.basis @ c

    def top_price(self) -> float:
        """The largest price at the present outputs."""
        return float(np.linalg.norm(self.fits.adjoint(self.program.dual_point(self.F)), axis=1).max(initial=0.0))

    def pays(self, beta: float) -> bool:
        """Whether what is left for it is likely to do, from a penalty on."""
        return pays(self.program, len(self.blocks), beta / self.program.beta, self.worth)

    def run(self, beta: float, tol: float, max_iter: int) -> Candidate:
        """Newton steps and entering blocks until the relative gap at a penalty is below ``tol``, or nothing is gained any more."""
        program = replace(self.program, beta=beta)
        best: Candidate | None = None
        least, lowest, in_vain = np.inf, np.inf, 0
        while True:
            candidate, V, prices, objective, gap = self._priced(program, tol)
            in_vain = 0 if gap < 0.9 * least or objective < lowest - _GAIN * gap else in_vain + 1
            lowest = min(lowest, objective)
            if best is None or gap < least:
                best, least = candidate, gap
            logger.debug(
                "beta %.1e: objective %.10g, gap %.1e, %d blocks, %d Newton steps so far",
                beta, objective, gap / max(objective, TINY), len(self.blocks), self.n_iter,
            )  # fmt: skip
            ended = self.n_iter >= max_iter or in_vain >= _PATIENCE or due()
            if candidate.converged or ended or not self.pays(beta):
                return best
            # where pricings are in vain, each is to come after all that its blocks can do
            small = _SMALL * max(tol * objective, 0.0 if in_vain else _OF_LAST * gap)
            self._enter(program, V, prices)
            for _ in range(min(_STEPS, max_iter - self.n_iter)):
                if not self.pays(beta) or due():
                    break
                expected = self._newton_step(program)
                if expected <= small:
                    break

    def _priced(self, program: ConvexProgram, tol: float) -> tuple[Candidate, Array, Array, float, float]:
        """The point with its dual point, its gradients and prices, its objective and gap."""
        fitted = self.F - self.basis @ self.c
        objective = program.loss_value(fitted + program.best_intercept(fitted)) + program.penalty(self.coef)
        dual = program.dual_point(fitted)
        V = self.fits.adjoint(dual)
        prices = np.sqrt(np.einsum("bi,bi->b", V, V))
        worst = float(prices.max(initial=0.0))
        bound = program.dual_value(dual * min(1.0, program.beta / worst) if worst > 0.0 else dual)
        candidate = Candidate(
            blocks=self.blocks, coef=self.coef, dual=dual, n_iter=self.n_iter,
            converged=objective - bound <= tol * max(objective, TINY),
        )  # fmt: skip
        return candidate, V, prices, objective, objective - bound

    def _enter(self, program: ConvexProgram, V: Array, prices: Array) -> None:
        """The blocks outside with the largest prices, along their gradients.

        Each is as long as it alone would be; all are shortened to where they lower most.
        """
        outside = prices.copy()
        outside[self.blocks] = 0.0
        new = np.argsort(-outside, kind="stable")[: max(_ENTERING, len(self.blocks))]
        new = new[outside[new] > program.beta]
        if not len(new):
            return
        unit, excess = V[new] / prices[new, None], prices[new] - program.beta
        root = self._root(program)
        turned = np.einsum("nkl,bk->bnl", root, self.fits.directions[new])
        outputs = (self.fits.masks[new] * (unit @ program.X.T))[:, :, None] * turned
        bend = np.einsum("bnl,bnl->b", outputs, outputs)
        length = excess / np.maximum(bend, TINY + 1e-12 * bend.max())
        together = np.square(np.einsum("b,bnl->nl", length, outputs)).sum()
        length *= min(1.0, float(excess @ length) / max(float(together), TINY))
        blocks = np.concatenate([self.blocks, new])
        order = np.argsort(blocks)
        value = self._value(program)
        before = self.blocks, self.coef, self.c
        for _ in range(_SHORTER):
            self._move(blocks[order], np.concatenate([before[1], length[:, None] * unit])[order], before[2])
            if self._value(program) <= value + _ROUNDING * abs(value):
                return
            length *= 0.25
        self._move(*before)

    def _root(self, program: ConvexProgram) -> Array:
        """Curvature ``S`` (n, K, l) of the weighted loss."""
        root: Array = program.loss.curvature_root(self.F, program.Y)
        return np.sqrt(program.weights)[:, None, None] * root

    def _newton_step(self, program: ConvexProgram) -> float:
        """One step with backtracking on the objective; how much it was expected to gain, nothing where it gained nothing."""
        self.n_iter += 1
        self.worth -= _step_flops(program, len(self.blocks))
        lengths = np.sqrt(np.einsum("bi,bi->b", self.coef, self.coef))
        along = self.coef / lengths[:, None]
        terms = program.weights[:, None] * program.loss.gradient(self.F, program.Y)
        gradient = np.concatenate(
            [self.basis.T @ terms.sum(axis=0), (self.moving.adjoint(terms) + program.beta * along).ravel()]
        )
        value, root = self._value(program), partial(self._root, program)
        while self.lift <= _MOST_LIFT:
            step = self.systems.step(
                self.blocks, self.moving, along, program.beta / lengths, gradient, root, self.lift,
                exact=self.lift > _LEAST_LIFT,
            )  # fmt: skip
            if step is not None and self._along(program, step, value, expected := -float(gradient @ step)):
                self.lift = max(_LEAST_LIFT, self.lift / _MORE_LIFT)
                return expected
            self.lift *= _MORE_LIFT
        self.lift = _LEAST_LIFT
        return 0.0

    def _along(self, program: ConvexProgram, step: Array, value: float, expected: float) -> bool:
        """Move along a step, as far as it lowers the objective enough; whether it does."""
        q, t = len(self.c), 1.0
        for _ in range(_SHORTER):
            coef, c = self.coef + t * step[q:].reshape(self.coef.shape), self.c + t * step[:q]
            coef[np.einsum("bi,bi->b", coef, self.coef) <= 0.0] = 0.0
            F = self._outputs(coef, c)
            trial = program.loss_value(F) + program.penalty(coef)
            if trial <= value - 1e-4 * t * expected + _ROUNDING * abs(value):
                self._move(self.blocks, coef, c, F)
                return True
            t *= 0.4
        return False
