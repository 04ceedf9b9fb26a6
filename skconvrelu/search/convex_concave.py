"""Pricing over all arrangements: local maximisers of ``h(u) = lambda' (X u)_+`` on the unit ball.

h is a difference of convex functions. The convex-concave procedure freezes the samples with lambda_k > 0 that are active, which
bounds h from below by ``g'u - sum_{lambda_k < 0} |lambda_k| (x_k'u)_+`` with ``g`` the sum of their lambda_k x_k, and maximises the
concave bound. Here the bound is maximised by the alternating direction method of multipliers, whose d x d solve makes it
indifferent to the conditioning of X, for all starts at once; it is cut off early at first. A start then moves while its
multipliers lag behind, passes over poor maximisers and ends in much better ones than a procedure with exact steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skconvrelu.rounding import power_of_two
from skconvrelu.rows import Rows, batches
from skconvrelu.search.gradient_ascent import STEPS, ascend
from skconvrelu.search.whitening import Spread, Whitening, column_sizes
from skconvrelu.stopping import check

Array = NDArray[np.float64]
DType = type[np.float32] | type[np.float64]

#: inner steps of each convex-concave step: short ones first, longer ones to settle
SCHEDULE = (8,) * 10 + (12,) * 5 + (20,) * 4
#: and what it takes to settle a start that is near its maximiser
SETTLE = (60,) * 6
#: penalty parameters in units of sqrt(n) / d for a typical column; neither is best on all data, so starts are shared between them
PENALTIES = (4.0, 10.0)
#: sizes of columns, beside the largest, at which single precision cannot hold both
_APART = 2.0**-40
#: ... and share of the variance that the flattest direction has, where columns have one size, at which their differences are lost in it
_FLAT = 2.0**-24
#: penalty parameter, the larger the smaller the samples of negative dual are, up to which single precision holds its products
_SINGLE = 2.0**50
#: numbers over starts and samples that are worked on at once, so that they stay in a core's cache; and starts at least
_CACHED, _LEAST_STARTS = 131_072, 16


def pulls(X: Array, dual: Array, U: Array) -> Array:
    """``Lambda' (X u)_+`` of each row of ``U`` (m, d): (m,) for ``dual`` of shape (n,), (m, K) for (n, K)."""
    return np.asarray(Rows.in_memory(len(U), X, dual).sum(lambda X, dual: np.maximum(U @ X.T, 0.0) @ dual))


def price(X: Array, dual: Array, U: Array) -> Array:
    """``lambda' (X u)_+ / ||u||`` of each row of ``U`` (m, d); zero for zero vectors. ``dual`` has shape (n,)."""
    norms = np.linalg.norm(U, axis=1)
    return pulls(X, dual, U) / np.where(norms > 0.0, norms, 1.0)


def climb(
    X: Array,
    dual: Array,
    U: Array,
    *,
    schedule: Sequence[int] = SCHEDULE,
    dtype: DType = np.float64,
    level: float = 0.0,
    spread: Spread | None = None,
) -> Array:
    """Improve starts by the convex-concave procedure.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    dual : ndarray of shape (n,)
        One sign: call it with ``-dual`` for units of negative direction.
    U : ndarray of shape (m, d)
        Starts; their lengths do not matter.
    schedule : sequence of int
        Inner steps of each convex-concave step.
    dtype : numpy floating type, default=float64
        Of the products; prices are compared in float64.
    level : float, default=0.0
        Length that starts are given, about the price expected; 0.0 takes their own prices.
    spread : Spread, default=None
        Of ``X``, where it is known already.

    Returns
    -------
    U : ndarray of shape (m, d)
        Unit vectors (or zero) whose price is at least that of their start.
    """
    start = _normalised(U)
    before = price(X, dual, start)
    lengths = np.full(len(U), level) if level > 0.0 else np.maximum(before, 0.1 * np.abs(before).max(initial=0.0))
    begin = start * lengths[:, None]
    found = np.empty_like(start)
    spread = Spread(X) if spread is None else spread
    samples = _Samples.of(X, dual, spread)
    penalties = samples.penalties()
    dtype = np.float64 if spread.flattest < _FLAT or spread.sizes.min() < _APART * spread.sizes.max() else dtype
    for offset, penalty in enumerate(penalties):
        part = slice(offset, None, len(penalties))
        own = dtype if penalty <= _SINGLE else np.float64
        found[part] = _alternate(samples, begin[part], schedule, penalty, own)
    found = _normalised(found)
    return np.where((price(X, dual, found) > before)[:, None], found, start)


@dataclass(frozen=True, eq=False)
class _Samples:
    """Those whose dual is positive and those whose it is negative, with columns of one size and duals of about one.

    Single precision holds nothing of what is smaller than 1e-38.
    """

    spread: Spread
    unit: float  # of the dual
    rising: Array
    gain: Array
    falling: Array
    loss: Array
    square: Array  # falling' falling

    @classmethod
    def of(cls, X: Array, dual: Array, spread: Spread) -> _Samples:
        unit = np.exp2(power_of_two(float(np.abs(dual).max(initial=0.0))))
        X, dual = X / spread.sizes, dual / unit
        rising, falling = X[dual > 0.0], X[dual < 0.0]
        return cls(
            spread, unit, rising, dual[dual > 0.0], falling, -dual[dual < 0.0], falling.T @ falling
        )  # fmt: skip

    def penalties(self) -> list[float]:
        """Penalty parameters that starts are shared between.

        One serves directions in which the samples have about one size. Features far from zero beside their spread, or columns of
        different sizes, leave directions that are much smaller, which only a larger one moves along in as many steps as there are.
        """
        falling = np.sqrt(np.diagonal(self.square)) * self.spread.sizes
        if not falling.any():
            return [1.0]
        # of a typical column: a few large ones, such as the constant one beside small features, say nothing about the others
        typical = float(np.exp(2.0 * np.mean(np.log(falling[falling > 0.0]))))
        wider = np.exp(np.linspace(0.0, self.spread.ratio, 1 + self.spread.steps)) if self.spread.steps else np.ones(1)
        unit = np.sqrt(len(self.falling) + len(self.rising)) / len(falling) / typical
        return [float(unit * penalty * factor) for factor in wider for penalty in PENALTIES]


def _alternate(samples: _Samples, U: Array, schedule: Sequence[int], tau: float, dtype: DType) -> Array:
    """The procedure itself; returns vectors whose direction is the answer, and whose length tends to its price."""
    sizes, d = samples.spread.sizes, U.shape[1]
    squares = np.square(sizes)
    # vectors have about the length of a price
    U = U / samples.unit * sizes
    if not len(U) or not len(samples.rising):
        return U / sizes
    gain: NDArray[Any] = samples.gain.astype(dtype)
    rising: NDArray[Any] = samples.rising.astype(dtype)
    U_: NDArray[Any] = U.astype(dtype)
    if not samples.square.any():
        for _ in schedule:
            U_ = (gain * (U_ @ rising.T > 0)) @ rising * squares.astype(dtype)
        return np.asarray(U_, dtype=np.float64) / sizes
    # the inverse of diag(1 / squares) + tau square, by a matrix that is at least the identity, rounding included
    steep = tau * sizes[:, None] * samples.square * sizes
    lifted = 1.0 + d * np.finfo(float).eps * float(np.trace(steep))
    inverse = np.linalg.inv(lifted * np.eye(d) + steep) * sizes[:, None] * sizes
    back = (tau * samples.falling @ inverse).astype(dtype)
    inverse_: NDArray[Any] = inverse.astype(dtype)
    cap = (samples.loss / tau).astype(dtype)
    down: NDArray[Any] = np.ascontiguousarray(samples.falling.T).astype(dtype)
    step = max(_LEAST_STARTS, _CACHED // len(samples.falling))
    for some in batches(len(U_), step):
        part = U_[some]
        multipliers = cap * (part @ down > 0)
        values = np.empty_like(multipliers)
        for inner in schedule:
            target = ((gain * (part @ rising.T > 0)) @ rising) @ inverse_
            check()
            for _ in range(inner):
                np.matmul(part, down, out=values)
                values += multipliers
                np.maximum(values, 0.0, out=multipliers)
                np.minimum(multipliers, cap, out=multipliers)
                values -= multipliers
                values -= multipliers
                part = target + values @ back
        U_[some] = part
    return np.asarray(U_, dtype=np.float64) / sizes


def _normalised(U: Array) -> Array:
    norms = np.linalg.norm(U, axis=1)[:, None]
    return np.where(norms > 0.0, U / np.where(norms > 0.0, norms, 1.0), 0.0)


def searched_max_price(
    X: Array, dual: Array, patterns: NDArray[np.bool_], *, ascending: bool, n_starts: int = 24
) -> float:
    """Largest ``|lambda_k' (X u)_+|`` on the unit ball that a search finds, over both signs and the columns of ``dual`` (n, K).

    Starts are the directions ``X' D lambda`` of the ``n_starts`` patterns where they are longest, ``X' lambda``, and as many gates whose
    values on the samples are uncorrelated, the same ones every time; they climb by ascents where ``ascending`` (many samples). A lower
    bound of the true maximum, usually equal to it.
    """
    largest = 0.0
    gates = Whitening.of(X, np.full(len(X), 1.0 / len(X))).draw(n_starts, np.random.RandomState(0))
    for column in dual.T:
        for signed in (column, -column):
            starts = (patterns * signed) @ X
            longest = np.argsort(-np.linalg.norm(starts, axis=1), kind="stable")[:n_starts]
            starts = np.vstack([np.vstack([starts[longest], signed @ X]) / np.square(column_sizes(X)), gates])
            if ascending:
                best = ascend(X, signed[:, None], starts, np.ones((len(starts), 1)), free=False, steps=2 * STEPS)
            else:
                best = climb(X, signed, climb(X, signed, starts), schedule=SETTLE)
            largest = max(largest, float(price(X, signed, best).max()))
    return largest
