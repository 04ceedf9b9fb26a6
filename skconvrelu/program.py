"""The convex program over a given set of arrangements: objective, dual, prices (Pilanci & Ergen 2020; Wang, Lacotte & Pilanci 2022)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from skconvrelu.cones import project
from skconvrelu.cones.price_memory import PriceMemory
from skconvrelu.intercept import balanced, best_intercept
from skconvrelu.losses import Loss, PiecewiseLinear
from skconvrelu.rounding import FINE, UNIT, gamma, positive, row_lengths, without_vanishing
from skconvrelu.rows import Rows

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]


#: blocks that are projected at once where only the largest price matters
_PRICED = 64
#: share of the typical loss over which kinks are rounded to take gradients at them
_ROUNDED = 1e-2


@dataclass(frozen=True, eq=False)
class ConvexProgram:
    """``min sum_i w_i l(f_i, y_i) + beta sum_j ||u_j||`` with ``f = sum_j D_j X u_j v_j' + b`` and ``u_j`` in its cone.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Data, the constant column for hidden biases already appended.
    Y : ndarray of shape (n, K)
        Coded targets.
    weights : ndarray of shape (n,)
        Positive, summing to one (``s_i / S``).
    patterns : bool ndarray of shape (P, n)
        Rows are the diagonals of ``D_1 .. D_P``.
    loss : Loss
    beta : float
    constrained : bool
        True keeps ``(2 D_j - I) X u_j >= 0`` (ReLU), False drops it (gated ReLU).
    fit_intercept : bool
        A free, unpenalised output intercept ``b``.
    block_patterns : ndarray of shape (B,)
        Pattern of each block.
    block_directions : ndarray of shape (B, K)
        Unit output direction of each block.
    shared : bool, default=False
        Units may feed all outputs: directions are any unit vectors, and the program is over those at hand.
    neglected : ndarray of shape (n,), default=None
        How much longer rows of the user's data may be than those of ``X`` say, see :class:`skconvrelu.row_space.RowSpace`.
    target_error : ndarray of shape (n, K), default=None
        How far ``Y`` is from the user's targets, at most.
    weight_error : float, default=0.0
        ... and each of the weights, relative to it.
    unit : float, default=1.0
        What one of the objective is in the user's units, for what is logged.
    """

    X: Array
    Y: Array
    weights: Array
    patterns: Mask
    loss: Loss
    beta: float
    constrained: bool
    fit_intercept: bool
    block_patterns: Index
    block_directions: Array
    shared: bool = False
    neglected: Array | None = None
    target_error: Array | None = None
    weight_error: float = 0.0
    unit: float = 1.0

    @classmethod
    def over_patterns(
        cls,
        X: Array,
        Y: Array,
        weights: Array,
        patterns: Mask,
        loss: Loss,
        beta: float,
        *,
        constrained: bool = True,
        fit_intercept: bool = True,
    ) -> ConvexProgram:
        """One block for each pattern, output and sign (gated blocks have no sign: their vectors are free)."""
        K = Y.shape[1]
        axes = np.vstack([np.eye(K), -np.eye(K)]) if constrained else np.eye(K)
        return cls(
            X=X,
            Y=Y,
            weights=weights,
            patterns=patterns,
            loss=loss,
            beta=beta,
            constrained=constrained,
            fit_intercept=fit_intercept,
            block_patterns=np.tile(np.arange(len(patterns)), len(axes)),
            block_directions=np.repeat(axes, len(patterns), axis=0),
        )

    def with_patterns(self, patterns: Mask) -> ConvexProgram:
        """The program over other patterns, one block for each, output and sign."""
        own = ConvexProgram.over_patterns(
            self.X, self.Y, self.weights, patterns, self.loss, self.beta, constrained=self.constrained
        )
        return replace(
            self,
            patterns=patterns,
            block_patterns=own.block_patterns,
            block_directions=own.block_directions,
            shared=False,
        )

    def of_output(self, k: int, blocks: Index) -> ConvexProgram:
        """The program of one output, with the blocks it owns."""
        return replace(
            self,
            Y=self.Y[:, [k]],
            block_patterns=self.block_patterns[blocks],
            block_directions=self.block_directions[blocks][:, [k]],
            target_error=None if self.target_error is None else self.target_error[:, [k]],
        )

    def on_rows(self, rows: Index) -> ConvexProgram:
        """The program on some of the samples, whose weights sum to one again."""
        weights = self.weights[rows]
        return replace(
            self,
            X=np.ascontiguousarray(without_vanishing(self.X[rows])),
            Y=self.Y[rows],
            weights=weights / weights.sum(),
            patterns=self.patterns[:, rows],
            neglected=None if self.neglected is None else self.neglected[rows],
            target_error=None if self.target_error is None else self.target_error[rows],
        )

    @cached_property
    def lengths(self) -> Array:
        """Upper bounds (n,) of the lengths of the user's rows."""
        lengths = row_lengths(self.X)
        return lengths if self.neglected is None else lengths + self.neglected

    @cached_property
    def row_error(self) -> Array:
        """What each row adds to the error of a price for a dual point of length one at it: rounding of products, and what is neglected."""
        error = gamma(sum(self.X.shape) + 10) * row_lengths(self.X)
        return error if self.neglected is None else error + self.neglected

    def price_error(self, dual: Array) -> float:
        """By how much a price of the user's data at ``dual`` may exceed what products with ``X`` say."""
        return float(np.linalg.norm(dual, axis=1) @ self.row_error)

    @property
    def n_blocks(self) -> int:
        return len(self.block_patterns)

    @property
    def intercept_basis(self) -> Array:
        """Columns (K, q) that a free intercept moves in; none without an intercept."""
        K = self.Y.shape[1]
        return self.loss.intercept_basis(K) if self.fit_intercept else np.zeros((K, 0))

    def at_beta(self, beta: float) -> ConvexProgram:
        """The program at another penalty; beyond what any unit could gain the network is zero all the same, and a smaller one will do."""
        return replace(self, beta=min(beta, 4.0 * self.price_bound))

    @cached_property
    def price_bound(self) -> float:
        """At least the price of every unit at the zero network; where the best constant fits exactly that would be rounding."""
        return max(float(np.linalg.norm(self.zero_dual(), axis=1) @ self.lengths), 1e-12 * self.largest_price()) or 1.0

    @cached_property
    def least_beta(self) -> float:
        """The least penalty that doubles can tell from none.

        Outputs are known to one rounding of what they have to reach. Networks that fit so well differ in their penalties by no more than
        the losses of these roundings, which are of second order for smooth losses.
        """
        reach = float(np.linalg.norm(self.zero_dual(), axis=1).sum() * np.median(self.lengths))
        return UNIT ** (2 if self.loss.smooth else 1) * reach

    def masks(self, blocks: Index) -> Array:
        """The 0/1 diagonals of the blocks as floats, (len(blocks), n)."""
        return self.patterns[self.block_patterns[blocks]].astype(np.float64)

    def restrict(self, blocks: Index) -> ConvexProgram:
        """The program on a subset of the blocks; patterns and data are shared."""
        return replace(self, block_patterns=self.block_patterns[blocks], block_directions=self.block_directions[blocks])

    def outputs(self, blocks: Index, coef: Array) -> Array:
        """Network outputs (n, K) before the intercept: a ReLU where blocks are constrained, the gates otherwise."""

        def activities(X: Array, patterns: NDArray[np.bool_]) -> Array:
            hidden = coef @ X.T
            if self.constrained:
                np.maximum(hidden, 0.0, out=hidden)
            else:
                hidden *= patterns.T[self.block_patterns[blocks]]
            return hidden.T @ self.block_directions[blocks]

        return Rows.in_cache(len(blocks), self.X, self.patterns.T).map(activities)

    def loss_value(self, F: Array) -> float:
        """Weighted mean loss of outputs."""
        return float(self.weights @ self.loss.value(F, self.Y))

    def objective_error(self, F: Array, coef: Array) -> float:
        """Bound of the rounding error of an objective at outputs ``F`` of units ``coef``: large where units nearly cancel."""
        reach = float(np.linalg.norm(coef, axis=1).sum()) * gamma(sum(coef.shape) + 10) * self.lengths[:, None]
        here = self.loss.value(F, self.Y)
        # of a convex loss of one output the ends of an interval change most; several may change in different directions
        ends = [np.abs(self.loss.value(F + side, self.Y) - here) for side in (reach, -reach)]
        change = np.maximum(*ends) * (1.0 if F.shape[1] == 1 else 2.0 * F.shape[1]) + 4.0 * UNIT * np.abs(here)
        return float(self.weights @ change)

    def penalty(self, coef: Array) -> float:
        """``beta`` times the sum of the norms."""
        return float(self.beta * np.linalg.norm(coef, axis=1).sum())

    def best_intercept(self, F: Array) -> Array:
        """The output intercept (K,) that minimises the loss for outputs ``F``."""
        return best_intercept(self.loss, self.Y, self.weights, self.intercept_basis, F)

    def smoothed(self, share: float) -> ConvexProgram:
        """The program with a smooth loss in place of a piecewise linear one; kinks are rounded over ``share`` of its typical size."""
        if self.loss.smooth:
            return self
        return replace(self, loss=self.loss.smoothed(share * self.typical_distance()))

    def typical_distance(self) -> float:
        """Mean distance of the best constant to the kinks of a piecewise linear loss: the unit of its outputs."""
        assert isinstance(self.loss, PiecewiseLinear)
        zero = np.zeros_like(self.Y)
        distance = float(np.abs(self.loss.kink(self.Y) - self.best_intercept(zero)).mean())
        return distance or 1.0

    def dual_point(self, F: Array) -> Array:
        """``lambda_i = -w_i l'(f_i, y_i)`` (n, K) at outputs ``F`` with the best intercept added, so that its sum vanishes.

        Where the loss has kinks, gradients of a slightly smoothed one: they lie in its dual domain, and their sum vanishes too.
        """
        smooth = self.smoothed(_ROUNDED)
        A = smooth.loss.gradient(F + smooth.best_intercept(F), self.Y)
        if not self.loss.smooth and self.intercept_basis.shape[1]:
            A = balanced(A, self.loss, self.Y, self.weights)
        return -self.weights[:, None] * A

    def zero_dual(self) -> Array:
        """The dual point of the zero network, exact where the loss has kinks: those that the constant meets share what balances the rest.

        Where more than one sample is met, other shares would do as well, so that prices there bound the least beta from above.
        """
        zero = np.zeros_like(self.Y)
        if not isinstance(self.loss, PiecewiseLinear):
            return self.dual_point(zero)
        r = zero + self.best_intercept(zero) - self.loss.kink(self.Y)
        met = np.abs(r) <= 1e-12 * self.typical_distance()
        lower, upper = self.loss.slopes(self.Y)
        A = np.where(met, lower, np.where(r < 0.0, lower, upper))
        if self.intercept_basis.shape[1]:
            room = self.weights @ np.where(met, upper - lower, 0.0)
            share = np.clip(-(self.weights @ A) / np.where(room > 0.0, room, 1.0), 0.0, 1.0)
            A = A + np.where(met, share * (upper - lower), 0.0)
            A = balanced(A, self.loss, self.Y, self.weights)
        else:
            A = np.where(met, np.clip(0.0, lower, upper), A)
        return -self.weights[:, None] * A

    @cached_property
    def zero_gradients(self) -> Array:
        """``X' D_j Lambda v_j`` (B, d) of all blocks at the dual point of the zero network."""
        return self.gradients(self.zero_dual(), np.arange(self.n_blocks))

    def balanced_dual(self, dual: Array) -> Array:
        """The nearest kind of dual point a certificate can use: moved into the dual domain, its sum made to vanish exactly."""
        A = self.loss.project_dual(-dual / self.weights[:, None], self.Y)
        if self.loss.smooth:
            return self.dual_point(self.loss.outputs_at(A, self.Y))
        if self.intercept_basis.shape[1]:
            A = balanced(A, self.loss, self.Y, self.weights)
        return -self.weights[:, None] * A

    def rebalanced(self, dual: Array) -> Array:
        """A solver's dual point with its sum made to vanish, where that is off by more than rounding."""
        drift = np.abs(self.intercept_basis.T @ dual.sum(axis=0)).max(initial=0.0)
        return dual if drift <= 100.0 * UNIT * np.abs(dual).sum() else self.balanced_dual(dual)

    def dual_value(self, dual: Array) -> float:
        """Dual objective ``-sum_i w_i l*(-lambda_i / w_i)`` as it comes out; :func:`skconvrelu.duality.lower_bound` makes a bound of it."""
        drift = np.abs(self.intercept_basis.T @ dual.sum(axis=0)).max(initial=0.0)
        if drift > 1e-9 * np.abs(dual).sum():  # with a free intercept it has to vanish
            return -np.inf
        A = self.loss.project_dual(-dual / self.weights[:, None], self.Y)
        return 0.0 - float(self.weights @ self.loss.conjugate(A, self.Y))

    def gradients(self, dual: Array, blocks: Index) -> Array:
        """``X' D_j Lambda v_j`` of the blocks, (len(blocks), d)."""

        def gradient(X: Array, patterns: NDArray[np.bool_], dual: Array) -> Array:
            return (patterns.T[self.block_patterns[blocks]] * (self.block_directions[blocks] @ dual.T)) @ X

        return np.asarray(Rows.in_memory(len(blocks), self.X, self.patterns.T, dual).sum(gradient))

    def prices(
        self, dual: Array, blocks: Index | None = None, *, level: float | None = None, rtol: float = FINE
    ) -> tuple[Array, Array]:
        """Upper and lower bounds of ``||Proj_{K_j}(X' D_j Lambda v_j)||``, the left-hand side of dual feasibility.

        Upper bounds are valid for the gradients as they are computed; :func:`skconvrelu.duality.lower_bound` adds the rounding of these.

        ``level`` lets the projection of a block stop once it is certain on which side of it the price lies.
        """
        blocks = np.arange(self.n_blocks) if blocks is None else blocks
        if not self.constrained:
            norms = np.linalg.norm(self.gradients(dual, blocks), axis=1)
            return norms, norms
        known = self._known.at(dual)
        if len(open_ := known.unsettled(blocks, level, rtol)):
            V, patterns = self.gradients(dual, open_), self.patterns[self.block_patterns[open_]]
            found = project(self.X, patterns, V, level=level, rtol=rtol, row_error=self.row_error)
            known.add(open_, found.upper, found.lower, level, rtol)
        return known.upper[blocks], known.lower[blocks]

    @cached_property
    def _known(self) -> PriceMemory:
        return PriceMemory(self.n_blocks)

    def top_price(
        self, dual: Array, blocks: Index, *, level: float, rtol: float, known: Array | None = None
    ) -> tuple[float, float]:
        """Valid upper and lower bounds of the largest price among blocks; below ``level`` they need not meet.

        Blocks are projected in the order of what is known about them, upper bounds (len(blocks),) or the lengths of their gradients, and
        most of them only until they are below the largest price so far.
        """
        bounds = np.linalg.norm(self.gradients(dual, blocks), axis=1)
        bounds = bounds if known is None else np.minimum(bounds, known)
        if self.constrained:
            bounds = np.minimum(bounds, self._known.at(dual).upper[blocks])
        order = np.argsort(-bounds, kind="stable")
        upper, lower = 0.0, 0.0
        for first in range(0, len(blocks), _PRICED):
            some = order[first : first + _PRICED]
            if bounds[some[0]] <= max(level, upper):
                return max(upper, float(bounds[some[0]])), lower
            found, met = self.prices(dual, blocks[some], level=max(level, lower), rtol=rtol)
            upper, lower = max(upper, float(np.minimum(found, bounds[some]).max())), max(lower, float(met.max()))
        return upper, lower

    def spectral_price(self, dual: Array) -> float:
        """``max_j ||Lambda' D_j X||_2`` over the patterns of the blocks: bounds the prices of all directions at once, cones left aside."""
        largest = 0.0
        for p in np.unique(self.block_patterns):
            on = self.patterns[p]
            largest = max(largest, float(np.linalg.norm(dual[on].T @ self.X[on], 2)))
        return largest * (1.0 + gamma(10 * sum(dual.shape)))

    def beta_max(self) -> float:
        """The smallest beta whose optimum over these blocks is the zero network: the largest price at the best constant."""
        dual = self.zero_dual()
        upper, lower = self.prices(dual, rtol=1e-3)
        leaders = np.flatnonzero(upper >= (1.0 - 1e-9) * lower.max(initial=0.0))
        largest = float(self.prices(dual, leaders, rtol=1e-12)[0].max(initial=0.0))
        return largest if largest > self.least_price() else 0.0

    def least_price(self) -> float:
        """A price at zero outputs that is no more than rounding."""
        return 1e-12 * self.largest_price()

    def largest_price(self) -> float:
        """``sum_i w_i ||l'(0, y_i)|| ||x_i||``, a bound of all prices at zero outputs and the unit in which they round."""
        gradient = self.weights[:, None] * self.loss.gradient(np.zeros_like(self.Y), self.Y)
        return float(np.linalg.norm(gradient, axis=1) @ np.linalg.norm(self.X, axis=1))

    def cone_violations(self, blocks: Index, coef: Array) -> Array:
        """Largest ``-(2D - I) X u`` of each block over the lengths of the row and of the longest vector, 0 when every constraint holds."""
        if not self.constrained:
            return np.zeros(len(blocks))

        def worst(X: Array, patterns: NDArray[np.bool_]) -> Array:
            signs = np.where(patterns.T[self.block_patterns[blocks]], 1.0, -1.0)
            # all-zero rows are on every hyperplane
            unit = X / positive(row_lengths(X))[:, None]
            return np.asarray(-(signs * (coef @ unit.T)).min(axis=1))

        largest = np.maximum(Rows.in_memory(len(blocks), self.X, self.patterns.T).largest(worst), 0.0)
        return np.asarray(largest / positive(np.linalg.norm(coef, axis=1).max(initial=0.0)))

    def cone_violation(self, blocks: Index, coef: Array) -> float:
        """The largest of :meth:`cone_violations`."""
        return float(self.cone_violations(blocks, coef).max(initial=0.0))
