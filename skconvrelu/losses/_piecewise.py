"""Piecewise linear losses: two slopes and a kink, and the smooth loss that stands in for them where only a direction is wanted."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from skconvrelu.losses._base import Loss

Array = NDArray[np.float64]


class PiecewiseLinear(Loss):
    """``max(lower (f - k), upper (f - k))`` with slopes ``lower < upper`` and a kink k that depend on the target.

    The dual domain is the box ``lower <= a <= upper``, the conjugate ``a k``. A lower (upper) slope of minus (plus) infinity forbids
    outputs on that side of the kink.
    """

    smooth = False

    @abstractmethod
    def kink(self, Y: Array) -> Array:
        """Kinks (n, K)."""

    @abstractmethod
    def slopes(self, Y: Array) -> tuple[Array, Array]:
        """Lower and upper slopes, (n, K) each."""

    def value(self, F: Array, Y: Array) -> Array:
        lower, upper = self.slopes(Y)
        r = F - self.kink(Y)
        with np.errstate(invalid="ignore"):
            sides = np.where(r < 0.0, lower * r, np.where(r > 0.0, upper * r, 0.0))
        return np.asarray(sides.sum(axis=1))

    def gradient(self, F: Array, Y: Array) -> Array:
        lower, upper = self.slopes(Y)
        r = F - self.kink(Y)
        return np.where(r < 0.0, lower, np.where(r > 0.0, upper, np.clip(0.0, lower, upper)))

    def curvature_root(self, F: Array, Y: Array) -> Array:
        return np.zeros((*F.shape, F.shape[1]))

    def conjugate(self, A: Array, Y: Array) -> Array:
        return np.asarray((A * self.kink(Y)).sum(axis=1))

    def project_dual(self, A: Array, Y: Array) -> Array:
        return np.clip(A, *self.slopes(Y))

    def outputs_at(self, A: Array, Y: Array) -> Array:
        """The kinks, where every gradient of the dual domain is one."""
        return self.kink(Y)

    def best_constant(self, F: Array, Y: Array, weights: Array) -> Array:
        """A weighted quantile of the distances to the kinks."""
        lower, upper = self.slopes(Y)
        distance = self.kink(Y) - F
        constants = np.zeros(F.shape[1])
        for k in range(F.shape[1]):
            order = np.argsort(distance[:, k], kind="stable")
            jump = (weights * (upper[:, k] - lower[:, k]))[order]
            slope = float(weights @ lower[:, k]) + np.cumsum(jump)
            reached = np.flatnonzero(slope >= -1e-12 * jump.sum())
            constants[k] = distance[order[reached[0] if len(reached) else -1], k]
        return constants

    def smoothed(self, width: float) -> Loss:
        return _Smoothed(self, width)


class _Smoothed(Loss):
    """The Moreau envelope of a piecewise linear loss: gradient ``(f - k) / width`` clipped to the slopes."""

    def __init__(self, loss: PiecewiseLinear, width: float) -> None:
        self.loss, self.width = loss, width

    name = "smoothed"

    def gradient(self, F: Array, Y: Array) -> Array:
        return np.clip((F - self.loss.kink(Y)) / self.width, *self.loss.slopes(Y))

    def value(self, F: Array, Y: Array) -> Array:
        A = self.gradient(F, Y)
        return np.asarray((A * (F - self.loss.kink(Y) - 0.5 * self.width * A)).sum(axis=1))

    def curvature_root(self, F: Array, Y: Array) -> Array:
        A = (F - self.loss.kink(Y)) / self.width
        lower, upper = self.loss.slopes(Y)
        inside = ((lower <= A) & (upper >= A)) / np.sqrt(self.width)
        return inside[:, :, None] * np.eye(F.shape[1])

    def conjugate(self, A: Array, Y: Array) -> Array:
        return np.asarray((A * self.loss.kink(Y) + 0.5 * self.width * A * A).sum(axis=1))

    def project_dual(self, A: Array, Y: Array) -> Array:
        return self.loss.project_dual(A, Y)

    def outputs_at(self, A: Array, Y: Array) -> Array:
        return self.loss.kink(Y) + self.width * A


class Quantile(PiecewiseLinear):
    """``max(q (y - f), (q - 1) (y - f))``: a constant network fits the q-quantile."""

    name = "quantile"

    def __init__(self, quantile: float) -> None:
        self.quantile = float(quantile)

    def kink(self, Y: Array) -> Array:
        return Y

    def slopes(self, Y: Array) -> tuple[Array, Array]:
        return np.full(Y.shape, -self.quantile), np.full(Y.shape, 1.0 - self.quantile)


class AbsoluteError(PiecewiseLinear):
    """``|f - y|``: a constant network fits the median."""

    name = "absolute_error"

    def kink(self, Y: Array) -> Array:
        return Y

    def slopes(self, Y: Array) -> tuple[Array, Array]:
        return np.full(Y.shape, -1.0), np.full(Y.shape, 1.0)


class Hinge(PiecewiseLinear):
    """``max(0, 1 - m)`` with m = y f, y in {-1, +1}; with ``p = -y a`` in [0, 1] the conjugate is ``-p``."""

    name = "hinge"
    unitless = True

    def kink(self, Y: Array) -> Array:
        return Y

    def slopes(self, Y: Array) -> tuple[Array, Array]:
        return np.where(Y > 0.0, -1.0, 0.0), np.where(Y > 0.0, 0.0, 1.0)
