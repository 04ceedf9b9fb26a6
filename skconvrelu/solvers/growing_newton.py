"""The scipy backend from nothing, with cones: the proximal Newton method on a working set of blocks, by way of falling penalties.

Few blocks are nonzero at the optimum, and those at one penalty are mostly those at the next. Rough solutions at falling penalties
lead to a working set; blocks outside are priced at the dual point of each round by projections that remember their faces, the largest
above beta enter, and the solve ends when none is left. The multipliers of the projections prove the final dual bound, so nothing is
projected twice.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skconvrelu.cones.cone_faces import FEASIBLE, ConeFaces
from skconvrelu.program import ConvexProgram, Index
from skconvrelu.solution import Candidate, Solution, evaluate, price_accuracy
from skconvrelu.solvers.choice import DEFAULT, Choice
from skconvrelu.solvers.proximal_newton import ProximalNewton
from skconvrelu.solvers.working_set import Run, grow
from skconvrelu.stopping import due, grace, may_end_early

Array = NDArray[np.float64]

logger = logging.getLogger(__name__)

#: penalties of the approach fall by this factor, down to a relative gap at each; blocks that price above a share of the next penalty
#: are worked on there, several times as many as were nonzero at most
_FALL, _ROUGH, _HOT, _TIMES = 0.3, 0.1, 0.7, 4
#: violation of cones up to which prices are good enough to choose blocks by
_LOOSE = 1e-2
#: share of all Newton steps that the approach may take: what is at the penalty itself takes several times as many
_APPROACH = 0.3
#: relative gap of the first round after it
_AFTER = 1e-3


def solve(
    program: ConvexProgram, *, tol: float, max_iter: int, start: Solution | None = None, choice: Choice = DEFAULT
) -> Solution:
    """Solve a program with cones and a smooth loss to a relative duality gap of ``tol``, as far as the method goes; the gap is honest.

    Raises
    ------
    LinAlgError
        If a Newton system breaks down.
    """
    rtol = price_accuracy(tol)
    pricing = _Pricing(program)
    n_iter = 0
    if start is None or not len(start.blocks):
        limit = max(1, int(_APPROACH * max_iter))
        start, n_iter = _approach(program, pricing, limit, choice.first)
        if due():
            with grace():
                point = Candidate(start.blocks, start.coef, start.dual, n_iter, False)
                return evaluate(program, point, solver="scipy", rtol=rtol)
        max_iter = max_iter if n_iter < limit else n_iter  # it would not be done in time
    working = _near(pricing(start.dual, program.beta, _LOOSE).prices, start.blocks, choice.first)
    first = start

    def begin(working: Index, candidate: Candidate | None) -> Run:
        known = candidate and Solution.unverified(program, candidate.blocks, candidate.coef)
        newton = _on(program, working, known or first, pricing)
        return partial(_counted, newton)

    def price(candidate: Candidate, slack: float) -> tuple[Array, Candidate]:
        priced = pricing(candidate.dual, program.beta)
        proven = replace(candidate, priced=priced.blocks, multipliers=priced.multipliers, tight=True)
        return priced.prices, proven

    rough = _AFTER if n_iter else choice.rough
    return grow(program, working, begin, price, tol=tol, rough=rough, rtol=rtol, max_iter=max_iter, used=n_iter)[0]


def _counted(newton: ProximalNewton, *, tol: float, max_iter: int) -> Candidate:
    """A run of the method, with its own steps only."""
    before = newton.n_iter
    local = newton.run(tol=tol, max_iter=before + max_iter)
    return replace(local, n_iter=local.n_iter - before)


def _approach(program: ConvexProgram, pricing: _Pricing, max_iter: int, least: int) -> tuple[Solution, int]:
    """A rough solution at a somewhat stronger penalty, by way of falling ones, and the Newton steps it took.

    Blocks that matter at one penalty are mostly those that do at the next, so that few of the steps go into those that will not.
    """
    priced = pricing(program.zero_dual(), _FALL * program.beta, _LOOSE)
    beta = float(priced.prices.max())
    point, n_iter = _seed(program, priced), 0
    while beta * _FALL > program.beta and n_iter < max_iter and not due():
        beta *= _FALL
        working = _near(np.where(priced.prices > _HOT * beta, priced.prices, 0.0), point.blocks, least)
        newton = _on(replace(program, beta=beta), working, point, pricing)
        local = newton.run(tol=_ROUGH, max_iter=max_iter - n_iter)
        n_iter += newton.n_iter
        point = Solution.unverified(program, working[local.blocks], local.coef)
        with may_end_early():
            priced = pricing(local.dual, _HOT * _FALL * beta, _LOOSE)
        logger.debug(
            "beta %.1e: working set of %d blocks, %d nonzero, %d Newton steps so far",
            beta, len(working), len(point.blocks), n_iter,
        )  # fmt: skip
    return point, n_iter


def _near(prices: Array, used: Index, least: int) -> Index:
    """The blocks with the largest prices, a few times as many as are used, and those."""
    largest = np.argsort(-prices, kind="stable")[: max(least, _TIMES * len(used))]
    return np.union1d(largest[prices[largest] > 0.0], used)


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
        self.faces = ConeFaces(program.X, program.masks(self.every))

    def __call__(self, dual: Array, level: float, feasible: float = FEASIBLE) -> _Priced:
        program = self.program
        V = program.gradients(dual, self.every)
        prices = np.sqrt(np.einsum("bi,bi->b", V, V))
        long = np.flatnonzero(prices > level)
        # the multipliers of the last projection bound prices, too: most of them are still below beta
        known = np.sqrt(np.square(self.faces.bounded(V[long], long)).sum(axis=1))
        open_ = long[known > level]
        self.faces.project(V[open_], open_, level=level, feasible=feasible)
        moved, rho = self.faces.moved(V[long], long, len(program.X))
        prices[long] = np.sqrt(np.einsum("bi,bi->b", moved, moved))
        return _Priced(prices, long, rho, moved)


def _on(program: ConvexProgram, working: Index, start: Solution, pricing: _Pricing) -> ProximalNewton:
    """On a working set, faces taken over from the pricing at the dual point of the start."""
    local = replace(start, blocks=np.searchsorted(working, start.blocks))
    newton = ProximalNewton(program.restrict(working), local)
    newton.faces.begin_at(pricing.faces, working, newton.sigma)
    return newton


def _seed(program: ConvexProgram, priced: _Priced) -> Solution:
    """A unit along the projection of the block with the largest price, half as long as the loss's curvature at the constant suggests."""
    largest = np.array([priced.prices.argmax()])
    where = np.flatnonzero(priced.blocks == largest)
    direction = priced.projections[where[0]] if len(where) else program.zero_gradients[largest[0]]
    price = float(np.linalg.norm(direction))
    unit = direction / price if price > 0.0 else direction
    zero = np.zeros_like(program.Y)
    root = program.loss.curvature_root(zero + program.best_intercept(zero), program.Y)
    bend = np.einsum("nkl,nk->nl", root, program.outputs(largest, unit[None]))
    bend = float(program.weights @ np.square(bend).sum(axis=1))
    length = 0.5 * max(price - program.beta, 0.0) / bend if bend > 0.0 else 0.0
    return Solution.unverified(program, largest, (length or 1e-12) * unit[None])
