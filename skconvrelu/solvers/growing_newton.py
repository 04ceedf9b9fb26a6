"""The scipy backend from nothing: the proximal Newton method on a working set of blocks that grows.

Few blocks are nonzero at the optimum. Those outside the working set are priced at the dual point of each round by projections that
remember their faces; the dearest above beta enter, and the solve ends when none is left. The multipliers of the projections prove the
final dual bound, so nothing is projected twice.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skconvrelu.program import ConvexProgram, Index
from skconvrelu.solution import Solution, evaluate
from skconvrelu.solvers.cone_faces import ConeFaces
from skconvrelu.solvers.proximal_newton import ProximalNewton
from skconvrelu.solvers.working_set import FIRST, LOOSEST, dearest_outside

Array = NDArray[np.float64]

logger = logging.getLogger(__name__)


def solve(program: ConvexProgram, *, tol: float, max_iter: int, start: Solution | None = None) -> Solution:
    """Solve a program with a smooth loss to a relative duality gap of ``tol``, as far as the method goes; the gap is honest.

    Raises
    ------
    LinAlgError
        If a Newton system breaks down.
    """
    rtol = min(1e-9, 0.01 * tol)
    pricing = _Pricing(program)
    priced = pricing(program.zero_dual() if start is None else start.dual)
    working = np.sort(np.argsort(-priced.prices, kind="stable")[:FIRST])
    if start is None or not len(start.blocks):
        begin = _seed(program, priced)
    else:
        working = np.union1d(working, start.blocks)
        begin = start
    round_tol, n_iter = max(LOOSEST, tol), 0
    newton = _on(program, working, begin)
    while True:
        local = newton.run(tol=0.5 * round_tol, max_iter=max_iter - n_iter)
        candidate = replace(local, blocks=working[local.blocks], n_iter=n_iter + local.n_iter)
        priced = pricing(local.dual)
        entering = dearest_outside(priced.prices, working, program.beta * (1.0 + max(0.1 * round_tol, rtol)))
        logger.debug(
            "working set of %d of %d blocks, %d enter, tolerance %.1e, %d Newton steps so far",
            len(working), program.n_blocks, len(entering), round_tol, candidate.n_iter,
        )  # fmt: skip
        if (not len(entering) and (round_tol <= tol or not local.converged)) or candidate.n_iter >= max_iter:
            proven = replace(candidate, priced=priced.blocks, multipliers=priced.multipliers, tight=True)
            return evaluate(program, proven, solver="scipy", rtol=rtol)
        if not len(entering):
            round_tol = tol
            continue
        round_tol = max(tol, 0.1 * round_tol)
        working = np.union1d(working, entering)
        n_iter = candidate.n_iter
        newton = _on(program, working, Solution.unverified(program, candidate.blocks, candidate.coef))


class _Priced(NamedTuple):
    """Prices (B,) at one dual point; the blocks whose gradients are longer than beta, with their multipliers and projections."""

    prices: Array
    blocks: Index
    multipliers: Array
    projections: Array


class _Pricing:
    """Exact prices above beta; the faces of the last projections are where the next ones begin."""

    def __init__(self, program: ConvexProgram) -> None:
        self.program = program
        self.every = np.arange(program.n_blocks)
        self.faces = ConeFaces(program.X, program.masks(self.every)) if program.constrained else None

    def __call__(self, dual: Array) -> _Priced:
        program = self.program
        V = program.gradients(dual, self.every)
        prices = np.sqrt(np.einsum("bi,bi->b", V, V))
        long = np.flatnonzero(prices > program.beta)
        if self.faces is None:
            return _Priced(prices, long, np.zeros((len(long), len(program.X))), V[long])
        # the multipliers of the last projection bound prices, too: most of them are still below beta
        known = np.sqrt(np.square(self.faces.bounded(V[long], long)).sum(axis=1))
        open_ = long[known > program.beta]
        self.faces.project(V[open_], open_)
        moved, rho = self.faces.moved(V[long], long, len(program.X))
        prices[long] = np.sqrt(np.einsum("bi,bi->b", moved, moved))
        return _Priced(prices, long, rho, moved)


def _on(program: ConvexProgram, working: Index, start: Solution) -> ProximalNewton:
    return ProximalNewton(program.restrict(working), replace(start, blocks=np.searchsorted(working, start.blocks)))


def _seed(program: ConvexProgram, priced: _Priced) -> Solution:
    """A unit along the projection of the dearest block, half as long as the loss's curvature at the constant suggests."""
    dearest = np.array([priced.prices.argmax()])
    where = np.flatnonzero(priced.blocks == dearest)
    direction = priced.projections[where[0]] if len(where) else program.gradients(program.zero_dual(), dearest)[0]
    price = float(np.linalg.norm(direction))
    unit = direction / price if price > 0.0 else direction
    zero = np.zeros_like(program.Y)
    root = program.loss.curvature_root(zero + program.best_intercept(zero), program.Y)
    bend = np.einsum("nkl,nk->nl", root, program.outputs(dearest, unit[None]))
    bend = float(program.weights @ np.square(bend).sum(axis=1))
    length = 0.5 * max(price - program.beta, 0.0) / bend if bend > 0.0 else 0.0
    return Solution.unverified(program, dearest, (length or 1e-12) * unit[None])
