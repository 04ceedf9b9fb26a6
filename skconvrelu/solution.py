"""The verified solution of a convex program: what a solver hands over, scaled into a certificate.

Nothing here trusts a solver: objective, dual bound, gap and cone violation are computed from the arrays at hand
(DESIGN: Pilanci & Ergen 2020; Wang, Lacotte & Pilanci 2022).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from skconvrelu.cones import project
from skconvrelu.duality import Bound, lower_bound
from skconvrelu.program import ConvexProgram
from skconvrelu.rounding import FINE, UNIT, row_lengths

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]

#: how far a vector may be outside its cone, beside the longest one
OUTSIDE = 1e-7


@dataclass(frozen=True, eq=False)
class Candidate:
    """What a solver hands over: points, no claims.

    ``multipliers`` (m, n) are nonnegative constraint multipliers of the blocks ``priced`` at the dual point; with them
    the price of such a block is bounded by ``||X' D Lambda v + X'(2D - I) rho||`` without a projection. ``tight`` says
    that they come from projections, so that bounds above beta are the prices themselves.
    """

    blocks: Index
    coef: Array
    dual: Array
    n_iter: int
    converged: bool
    priced: Index = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    multipliers: Array = field(default_factory=lambda: np.zeros((0, 0)))
    tight: bool = False


@dataclass(frozen=True, eq=False)
class Solution:
    """A verified point of a :class:`ConvexProgram`.

    Attributes
    ----------
    blocks : ndarray of shape (m,)
        Indices of the nonzero blocks.
    coef : ndarray of shape (m, d)
        Their vectors ``u_j``.
    intercept : ndarray of shape (K,)
    dual : ndarray of shape (n, K)
        A dual feasible point, scaled so that every block's price bound is at most beta.
    objective, dual_objective : float
        Their values, or the least loss of any outputs if that is a higher bound; the optimum over these arrangements lies between.
    scale : float
        Loss of the network that is zero everywhere: the unit in which rounding is measured.
    cone_violation : float
    n_iter : int
    solver : str
    """

    blocks: Index
    coef: Array
    intercept: Array
    dual: Array
    objective: float
    dual_objective: float
    scale: float
    cone_violation: float
    n_iter: int
    solver: str

    @classmethod
    def of(
        cls, program: ConvexProgram, blocks: Index, coef: Array, bound: Bound, *, n_iter: int, solver: str
    ) -> Solution:
        """Vectors with the best intercept, whose objective and cones are computed here, and a bound from below."""
        _, intercept, objective = _value(program, blocks, coef)
        return cls(
            blocks=blocks,
            coef=coef,
            intercept=intercept,
            dual=bound.dual,
            objective=objective,
            dual_objective=bound.value,
            scale=program.loss_value(np.zeros_like(program.Y)),
            cone_violation=program.cone_violation(blocks, coef),
            n_iter=n_iter,
            solver=solver,
        )

    @classmethod
    def combine(cls, solutions: list[Solution], blocks: list[Index]) -> Solution:
        """All outputs from one solution of each: they share nothing, so that objectives and bounds add; ``blocks`` are theirs."""
        bound = sum(s.dual_objective for s in solutions)
        return cls(
            blocks=np.concatenate([own[s.blocks] for s, own in zip(solutions, blocks, strict=True)]),
            coef=np.concatenate([s.coef for s in solutions]),
            intercept=np.concatenate([s.intercept for s in solutions]),
            dual=np.hstack([s.dual for s in solutions]),
            objective=sum(s.objective for s in solutions),
            dual_objective=bound - len(solutions) * UNIT * bound,
            scale=sum(s.scale for s in solutions),
            cone_violation=max(s.cone_violation for s in solutions),
            n_iter=max(s.n_iter for s in solutions),
            solver=solutions[0].solver,
        )

    @classmethod
    def unverified(cls, program: ConvexProgram, blocks: Index, coef: Array) -> Solution:
        """A starting point: blocks and vectors of an earlier fit, its dual point taken at their outputs, nothing certified."""
        F = program.outputs(blocks, coef)
        return cls(
            blocks=blocks,
            coef=coef,
            intercept=program.best_intercept(F),
            dual=program.dual_point(F),
            objective=np.inf,
            dual_objective=-np.inf,
            scale=1.0,
            cone_violation=np.inf,
            n_iter=0,
            solver="",
        )

    def or_better(self, program: ConvexProgram, blocks: Index, coef: Array) -> Solution:
        """With these vectors in place of its own if their objective is lower, rounding included; the dual point and its bound stay."""
        F, intercept, objective = _value(program, blocks, coef)
        own = 0.0
        if len(self.blocks):
            own = program.objective_error(program.outputs(self.blocks, self.coef) + self.intercept, self.coef)
        if not objective + program.objective_error(F, coef) < self.objective + own:
            return self
        violation = program.cone_violation(blocks, coef)
        return replace(
            self, blocks=blocks, coef=coef, intercept=intercept, objective=objective, cone_violation=violation
        )

    def in_cones(self, program: ConvexProgram) -> Solution:
        """With vectors that left their cones by more than rounding projected back, where the projections are found.

        A sample of next to no weight does not hold a solver back.
        """
        outside = np.flatnonzero(program.cone_violations(self.blocks, self.coef) > OUTSIDE)
        if not len(outside):
            return self
        patterns = program.patterns[program.block_patterns[self.blocks[outside]]]
        points = project(program.X, patterns, self.coef[outside], rtol=1e-12).points
        if not points.any(axis=1).all():
            return self
        coef = self.coef.copy()
        coef[outside] = points
        _, intercept, objective = _value(program, self.blocks, coef)
        return replace(
            self,
            coef=coef,
            intercept=intercept,
            objective=objective,
            cone_violation=program.cone_violation(self.blocks, coef),
        )

    @property
    def gap(self) -> float:
        """Absolute duality gap, never below zero."""
        return max(0.0, self.objective - self.dual_objective)

    def is_optimal(self, tol: float) -> bool:
        """Whether the gap is below ``tol`` relative to the objective, or below what rounding lets anyone compute."""
        return self.gap <= tol * self.objective + 1e-14 * self.scale


def _value(program: ConvexProgram, blocks: Index, coef: Array) -> tuple[Array, Array, float]:
    """Outputs of blocks with the best intercept, the intercept and the objective there."""
    F = program.outputs(blocks, coef)
    intercept = program.best_intercept(F)
    F = F + intercept
    return F, intercept, program.loss_value(F) + program.penalty(coef)


def price_bounds(program: ConvexProgram, candidate: Candidate, *, rtol: float) -> Array:
    """Valid upper bounds (B,) of all prices at the candidate's dual point, cheap where it brought multipliers."""
    upper, rest = _cheap_bounds(program, candidate, rtol)
    if len(rest):
        upper[rest] = np.minimum(upper[rest], program.prices(candidate.dual, rest, level=program.beta, rtol=rtol)[0])
    return upper


def worst_price(program: ConvexProgram, candidate: Candidate, *, rtol: float, level: float) -> float:
    """A valid upper bound of the largest price; below ``level`` it need not be close."""
    upper, rest = _cheap_bounds(program, candidate, rtol)
    settled = np.ones(len(upper), dtype=bool)
    settled[rest] = False
    worst = float(upper[settled].max(initial=0.0))
    left = program.top_price(candidate.dual, rest, level=max(level, worst), rtol=rtol, known=upper[rest])[0]
    return max(worst, left)


def _cheap_bounds(program: ConvexProgram, candidate: Candidate, rtol: float) -> tuple[Array, Index]:
    """Bounds from the candidate's multipliers, and the blocks that they leave open."""
    upper = np.full(program.n_blocks, np.inf)
    if program.constrained and len(candidate.priced):
        signs = 2.0 * program.masks(candidate.priced) - 1.0
        moved = program.gradients(candidate.dual, candidate.priced) + (signs * candidate.multipliers) @ program.X
        upper[candidate.priced] = row_lengths(moved) + candidate.multipliers @ program.row_error
    unclear = upper > program.beta * (1.0 + rtol)
    if candidate.tight and program.constrained:
        unclear[candidate.priced] = False
    return upper, np.flatnonzero(unclear)


def price_accuracy(tol: float) -> float:
    """Relative accuracy of prices that a gap of ``tol`` needs."""
    return min(FINE, 0.01 * tol)


def evaluate(
    program: ConvexProgram, candidate: Candidate, *, solver: str, rtol: float = FINE, level: float = 0.0
) -> Solution:
    """Verify a candidate: drop blocks that only hold rounding, find the best intercept, scale the dual point, take the gap.

    Prices are told apart above beta, or above ``level`` where a coarser bound will do.
    """
    candidate = _with_lengths(program, replace(candidate, dual=program.rebalanced(candidate.dual)))
    worst = worst_price(program, candidate, rtol=rtol, level=max(program.beta, level))
    bound = lower_bound(program, candidate.dual, worst)
    blocks, coef = _drop_negligible(program, candidate, bound.value)
    return Solution.of(program, blocks, coef, bound, n_iter=candidate.n_iter, solver=solver)


def _with_lengths(program: ConvexProgram, candidate: Candidate) -> Candidate:
    """The candidate, with a dual point of zeros in place of one whose prices have no squares in doubles: a method that diverged left it."""
    with np.errstate(over="ignore", invalid="ignore"):
        longest = float(np.abs(candidate.dual).sum(axis=1) @ program.lengths) + float(
            np.abs(candidate.multipliers).max(initial=0.0) * program.lengths.sum()
        )
        carried = np.isfinite(longest * longest)
    if carried:
        return candidate
    nothing = np.zeros((0, len(program.X)))
    return replace(
        candidate, dual=np.zeros_like(candidate.dual), priced=candidate.priced[:0], multipliers=nothing, tight=False
    )


def _drop_negligible(program: ConvexProgram, candidate: Candidate, dual_objective: float) -> tuple[Index, Array]:
    """Zero the blocks an interior method leaves barely nonzero, as many as cost at most a tenth of the gap."""
    norms = np.linalg.norm(candidate.coef, axis=1)

    def objective(keep: Mask) -> float:
        return _value(program, candidate.blocks[keep], candidate.coef[keep])[2]

    keep = norms > 0.0
    full = objective(keep)
    allowed = full + 0.1 * max(full - dual_objective, 0.0)
    for threshold in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8):
        fewer = norms > threshold * norms.max(initial=0.0)
        if objective(fewer) <= allowed:
            keep = fewer
            break
    return candidate.blocks[keep], candidate.coef[keep]
