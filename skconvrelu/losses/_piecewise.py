"""Piecewise quadratic and piecewise linear losses: a kink, two slopes, and how far the kink is rounded."""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_left, bisect_right
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skconvrelu.losses import conic_forms
from skconvrelu.losses._base import CanonicalTargets, Loss, canonical_residuals

Array = NDArray[np.float64]


class PiecewiseQuadratic(Loss):
    """Gradient ``(f - k) / width`` clipped to the slopes ``lower < upper``; kink k and slopes depend on the target.

    The dual domain is the box ``lower <= a <= upper``, the conjugate ``a k + width a^2 / 2``. Solvers use this form, which is what makes
    these losses exact and robust where their curvature vanishes or, for width 0, is infinite.
    """

    #: compliance of the kink
    width: float

    @abstractmethod
    def kink(self, Y: Array) -> Array:
        """Kinks (n, K)."""

    @abstractmethod
    def slopes(self, Y: Array) -> tuple[Array, Array]:
        """Lower and upper slopes, (n, K) each."""

    def value(self, F: Array, Y: Array) -> Array:
        A = self.gradient(F, Y)
        return np.asarray((A * (F - self.kink(Y) - 0.5 * self.width * A)).sum(axis=1))

    def gradient(self, F: Array, Y: Array) -> Array:
        return np.clip((F - self.kink(Y)) / self.width, *self.slopes(Y))

    def curvature_root(self, F: Array, Y: Array) -> Array:
        A = (F - self.kink(Y)) / self.width
        lower, upper = self.slopes(Y)
        inside = ((lower <= A) & (upper >= A)) / np.sqrt(self.width)
        return inside[:, :, None] * np.eye(F.shape[1])

    def conjugate(self, A: Array, Y: Array) -> Array:
        return np.asarray((A * self.kink(Y) + 0.5 * self.width * A * A).sum(axis=1))

    def conjugate_size(self, A: Array, Y: Array) -> Array:
        return np.asarray((np.abs(A * self.kink(Y)) + 0.5 * self.width * A * A).sum(axis=1))

    def dual_room(self, A: Array, Y: Array) -> Array:
        lower, upper = self.slopes(Y)
        return np.minimum(upper - A, A - lower)

    def project_dual(self, A: Array, Y: Array) -> Array:
        return np.clip(A, *self.slopes(Y))

    def outputs_at(self, A: Array, Y: Array) -> Array:
        return self.kink(Y) + self.width * A

    def best_constant(self, F: Array, Y: Array, weights: Array) -> Array:
        distance, (lower, upper) = self.kink(Y) - F, self.slopes(Y)
        columns = range(F.shape[1])
        return np.array([_root(distance[:, k], lower[:, k], upper[:, k], self.width, weights) for k in columns])


class PiecewiseLinear(PiecewiseQuadratic):
    """``max(lower (f - k), upper (f - k))``: width 0. An infinite slope forbids outputs on its side of the kink."""

    smooth = False
    width = 0.0

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

    def conic_form(self, Y: Array, weights: Array, build: Any, f: NDArray[np.intp]) -> float:
        return conic_forms.piecewise_linear(self, Y, weights, build, f)


class _Smoothed(PiecewiseQuadratic):
    """The Moreau envelope of a piecewise linear loss."""

    name = "smoothed"

    def __init__(self, loss: PiecewiseLinear, width: float) -> None:
        self.loss, self.width = loss, width

    def kink(self, Y: Array) -> Array:
        return self.loss.kink(Y)

    def slopes(self, Y: Array) -> tuple[Array, Array]:
        return self.loss.slopes(Y)


class Huber(PiecewiseQuadratic):
    """``r^2 / 2`` for ``|r| <= epsilon``, else ``epsilon |r| - epsilon^2 / 2``, with r = f - y."""

    name = "huber"
    width = 1.0

    def __init__(self, epsilon: float) -> None:
        self.epsilon = float(epsilon)

    def canonical(self, Y: Array, *, free: bool) -> CanonicalTargets:
        targets = canonical_residuals(self, Y, free=free, degree=2)
        with np.errstate(over="ignore", under="ignore"):
            epsilon = float(np.ldexp(self.epsilon, -targets.output_exponent))
        if not (np.isfinite(epsilon) and epsilon > 0.0):
            raise ValueError(
                f"epsilon={self.epsilon:.3g} cannot be compared with targets that differ by about 2**{targets.output_exponent}; "
                "give it in the units of y."
            )
        return replace(targets, loss=Huber(epsilon))

    def kink(self, Y: Array) -> Array:
        return Y

    def slopes(self, Y: Array) -> tuple[Array, Array]:
        return np.full(Y.shape, -self.epsilon), np.full(Y.shape, self.epsilon)

    def conic_form(self, Y: Array, weights: Array, build: Any, f: NDArray[np.intp]) -> float:
        return conic_forms.huber(self, Y, weights, build, f)


class SquaredHinge(PiecewiseQuadratic):
    """``max(0, 1 - m)^2`` with m = y f, y in {-1, +1}; with ``p = -y a >= 0`` the conjugate is ``p^2 / 4 - p``."""

    name = "squared_hinge"
    unitless = True
    width = 0.5

    def kink(self, Y: Array) -> Array:
        return Y

    def slopes(self, Y: Array) -> tuple[Array, Array]:
        return np.where(Y > 0.0, -np.inf, 0.0), np.where(Y > 0.0, 0.0, np.inf)

    def conic_form(self, Y: Array, weights: Array, build: Any, f: NDArray[np.intp]) -> float:
        return conic_forms.squared_hinge(self, Y, weights, build, f)


class Quantile(PiecewiseLinear):
    """``max(q (y - f), (q - 1) (y - f))``: a constant network fits the q-quantile."""

    name = "quantile"

    def __init__(self, quantile: float) -> None:
        self.quantile = float(quantile)

    def canonical(self, Y: Array, *, free: bool) -> CanonicalTargets:
        return canonical_residuals(self, Y, free=free, degree=1)

    def kink(self, Y: Array) -> Array:
        return Y

    def slopes(self, Y: Array) -> tuple[Array, Array]:
        return np.full(Y.shape, -self.quantile), np.full(Y.shape, 1.0 - self.quantile)


class AbsoluteError(PiecewiseLinear):
    """``|f - y|``: a constant network fits the median."""

    name = "absolute_error"

    def canonical(self, Y: Array, *, free: bool) -> CanonicalTargets:
        return canonical_residuals(self, Y, free=free, degree=1)

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


class HardMargin(PiecewiseLinear):
    """Zero where ``m = y f >= 1``, infinite elsewhere; the dual domain is ``y a <= 0``, the conjugate ``a y``."""

    name = "hard_margin"
    unitless = True

    #: margins this close to one count as met
    _ROUNDING = 1e-9

    def kink(self, Y: Array) -> Array:
        return Y

    def slopes(self, Y: Array) -> tuple[Array, Array]:
        return np.where(Y > 0.0, -np.inf, 0.0), np.where(Y > 0.0, 0.0, np.inf)

    def value(self, F: Array, Y: Array) -> Array:
        return np.where((Y * F >= 1.0 - self._ROUNDING).all(axis=1), 0.0, np.inf)

    def best_constant(self, F: Array, Y: Array, weights: Array) -> Array:
        """Halfway between the classes."""
        least = np.where(Y > 0.0, F, np.inf).min(axis=0)
        largest = np.where(Y > 0.0, -np.inf, F).max(axis=0)
        return -0.5 * (least + largest)


def _root(distance: Array, lower: Array, upper: Array, width: float, weights: Array) -> float:
    """Where ``sum_i w_i clip((c - distance_i) / width, lower_i, upper_i)`` vanishes; the point nearest zero where it does so on a piece."""
    begin, end = distance + width * lower, distance + width * upper
    points = np.concatenate([begin, end])
    points = np.unique(points[np.isfinite(points)])

    def total(c: float) -> float:
        return float(weights @ np.clip((c - distance) / width, lower, upper))

    # the sum rises and is linear between its points
    above = bisect_left(points, 0.0, key=total)
    if above < len(points) and total(points[above]) == 0.0:
        last = bisect_right(points, 0.0, lo=above, key=total) - 1
        return float(np.clip(0.0, points[above], points[last]))
    left = points[above - 1] if above > 0 else -np.inf
    right = points[above] if above < len(points) else np.inf
    inside = (begin <= left) & (end >= right)
    if not inside.any():  # beyond the last point, by rounding of a sum that ends at zero
        return float(points[min(above, len(points) - 1)])
    held = ~inside
    slopes = float(weights[held] @ np.where(end[held] <= left, upper[held], lower[held]))
    share = weights[inside].sum()
    first = float((weights[inside] @ distance[inside] - width * slopes) / share)
    return first - total(first) * width / share  # without the rounding of large distances
