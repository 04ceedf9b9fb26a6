"""Losses with a second derivative everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, softmax, xlogy

from skconvrelu.losses import conic_forms
from skconvrelu.losses._base import CanonicalTargets, Loss, canonical_residuals
from skconvrelu.rounding import TINY, gamma, power_of_two

Array = NDArray[np.float64]

#: outputs beyond which exponentials would overflow
_LARGEST = 500.0


def _diagonal(entries: Array) -> Array:
    """Diagonal matrices (n, K, K) of rows (n, K)."""
    return entries[:, :, None] * np.eye(entries.shape[1])


class SquaredError(Loss):
    """``l = ||f - y||^2 / 2``, summed over the outputs; conjugate ``||a||^2 / 2 + <a, y>``."""

    name = "squared_error"
    quadratic = True

    def value(self, F: Array, Y: Array) -> Array:
        return 0.5 * np.square(F - Y).sum(axis=1)

    def gradient(self, F: Array, Y: Array) -> Array:
        return F - Y

    def curvature_root(self, F: Array, Y: Array) -> Array:
        return np.broadcast_to(np.eye(F.shape[1]), (F.shape[0], F.shape[1], F.shape[1]))

    def conjugate(self, A: Array, Y: Array) -> Array:
        return (0.5 * A * A + A * Y).sum(axis=1)

    def conjugate_size(self, A: Array, Y: Array) -> Array:
        return np.asarray((0.5 * A * A + np.abs(A * Y)).sum(axis=1))

    def dual_room(self, A: Array, Y: Array) -> Array:
        return np.full(A.shape, np.inf)

    def outputs_at(self, A: Array, Y: Array) -> Array:
        return A + Y

    def best_constant(self, F: Array, Y: Array, weights: Array) -> Array:
        first = weights @ (Y - F) / weights.sum()
        # the rounding of a large mean would be all there is where targets are constant
        return np.asarray(first + weights @ (Y - F - first) / weights.sum())

    def canonical(self, Y: Array, *, free: bool) -> CanonicalTargets:
        return canonical_residuals(self, Y, free=free, degree=2)

    def conic_form(self, Y: Array, weights: Array, build: Any, f: NDArray[np.intp]) -> float:
        return conic_forms.squared_error(self, Y, weights, build, f)


class SquaredErrorOnCodes(SquaredError):
    """Squared error on labels coded -1/+1, ``(1 - y f)^2 / 2``: for classes, whose codes have no unit."""

    unitless = True

    def canonical(self, Y: Array, *, free: bool) -> CanonicalTargets:
        return Loss.canonical(self, Y, free=free)


class Poisson(Loss):
    """``exp(f) - y f`` plus ``y log y - y``, which makes it half the deviance; ``q = a + y >= 0``, conjugate ``q log q - q - y log y + y``.

    The network predicts the logarithm of the mean.
    """

    name = "poisson"
    nonnegative_targets = True

    def value(self, F: Array, Y: Array) -> Array:
        return (np.exp(np.minimum(F, _LARGEST)) - Y * F).sum(axis=1) + self.dropped(Y)

    def dropped(self, Y: Array) -> Array:
        return np.asarray((xlogy(Y, Y) - Y).sum(axis=1))

    def gradient(self, F: Array, Y: Array) -> Array:
        return np.exp(np.minimum(F, _LARGEST)) - Y

    def curvature_root(self, F: Array, Y: Array) -> Array:
        return _diagonal(np.exp(0.5 * np.minimum(F, _LARGEST)))

    def conjugate(self, A: Array, Y: Array) -> Array:
        q = np.maximum(A + Y, 0.0)
        return np.asarray((xlogy(q, q) - q).sum(axis=1)) - self.dropped(Y)

    def conjugate_size(self, A: Array, Y: Array) -> Array:
        q = np.maximum(A + Y, 0.0)
        return np.asarray((np.abs(xlogy(q, q)) + q + np.abs(xlogy(Y, Y)) + Y).sum(axis=1))

    def dual_room(self, A: Array, Y: Array) -> Array:
        return A + Y

    def canonical(self, Y: Array, *, free: bool) -> CanonicalTargets:
        # a factor of the targets is a constant of the outputs, which are logarithms
        if not free:
            return super().canonical(Y, free=free)
        exponent = power_of_two(float(Y.mean(axis=0).max()))
        centre = np.full(Y.shape[1], exponent * np.log(2.0))
        return CanonicalTargets(self, np.ldexp(Y, -exponent), None, centre, 0, exponent)

    def project_dual(self, A: Array, Y: Array) -> Array:
        return np.maximum(A, -Y)

    def outputs_at(self, A: Array, Y: Array) -> Array:
        return np.log(np.maximum(A + Y, TINY))

    def best_constant(self, F: Array, Y: Array, weights: Array) -> Array:
        top = F.max(axis=0)
        return np.log(weights @ Y) - top - np.log(weights @ np.exp(F - top))

    def mean(self, F: Array) -> Array:
        return np.exp(np.minimum(F, _LARGEST))

    def check_targets(self, y: Array, free: Array | None = None) -> None:
        super().check_targets(y, free)
        if free is not None and not (y.reshape(len(y), -1)[free > 0.0] > 0.0).any(axis=0).all():
            raise ValueError(
                "y is zero wherever its weight is not: with loss='poisson' the intercept would be minus infinity. "
                "Leave such a target out."
            )

    def conic_form(self, Y: Array, weights: Array, build: Any, f: NDArray[np.intp]) -> float:
        return conic_forms.poisson(self, Y, weights, build, f)


class BinaryLogLoss(Loss):
    """``l = log(1 + exp(-y f))`` with y in {-1, +1}; with ``p = -y a`` in [0, 1] the conjugate is ``p log p + (1 - p) log(1 - p)``."""

    name = "log_loss"
    gives_probabilities = True
    unitless = True

    def value(self, F: Array, Y: Array) -> Array:
        return np.logaddexp(0.0, -Y * F).sum(axis=1)

    def gradient(self, F: Array, Y: Array) -> Array:
        return -Y * expit(-Y * F)

    def curvature_root(self, F: Array, Y: Array) -> Array:
        return _diagonal(np.sqrt(expit(F) * expit(-F)))

    def conjugate(self, A: Array, Y: Array) -> Array:
        p = -Y * A
        return (xlogy(p, p) + xlogy(1.0 - p, 1.0 - p)).sum(axis=1)

    def conjugate_size(self, A: Array, Y: Array) -> Array:
        p = -Y * A
        return np.asarray((np.abs(xlogy(p, p)) + p + np.abs(xlogy(1.0 - p, 1.0 - p)) + (1.0 - p)).sum(axis=1))

    def dual_room(self, A: Array, Y: Array) -> Array:
        p = -Y * A
        return np.minimum(p, 1.0 - p)

    def project_dual(self, A: Array, Y: Array) -> Array:
        return -Y * np.clip(-Y * A, 0.0, 1.0)

    def outputs_at(self, A: Array, Y: Array) -> Array:
        return -Y * logit(np.clip(-Y * A, TINY, 1.0 - 1e-16))

    def conic_form(self, Y: Array, weights: Array, build: Any, f: NDArray[np.intp]) -> float:
        return conic_forms.binary_log_loss(self, Y, weights, build, f)


class MultinomialLogLoss(Loss):
    """Softmax cross-entropy ``log sum_k exp(f_k) - <y, f>`` with one-hot y.

    With ``p = a + y`` in the simplex the conjugate is ``sum_k p_k log p_k``.
    """

    name = "log_loss"
    gives_probabilities = True
    separable = False
    unitless = True

    def value(self, F: Array, Y: Array) -> Array:
        # against the label's own output, so that losses far below one keep their digits
        own = (F * Y).sum(axis=1, keepdims=True)
        others = np.where(Y > 0.0, -np.inf, F - own)
        top = np.maximum(others.max(axis=1, initial=0.0), 0.0)
        return np.asarray(top + np.log1p(np.exp(others - top[:, None]).sum(axis=1) + np.expm1(-top)))

    def gradient(self, F: Array, Y: Array) -> Array:
        return softmax(F, axis=1) - Y

    def curvature_root(self, F: Array, Y: Array) -> Array:
        # with q = sqrt(p) a unit vector, I - q q^T is its own square, so diag(p) - p p^T has this closed root
        q = np.sqrt(softmax(F, axis=1))
        return q[:, :, None] * (np.eye(F.shape[1]) - q[:, :, None] * q[:, None, :])

    def conjugate(self, A: Array, Y: Array) -> Array:
        p = A + Y
        return xlogy(p, p).sum(axis=1)

    def conjugate_size(self, A: Array, Y: Array) -> Array:
        p = A + Y
        return np.asarray((np.abs(xlogy(p, p)) + p).sum(axis=1))

    def dual_room(self, A: Array, Y: Array) -> Array:
        return A + Y  # above, the other classes of the sample end before

    def dual_drift(self, A: Array, Y: Array) -> Array:
        p = A + Y
        return np.abs(p.sum(axis=1) - 1.0) + gamma(A.shape[1] + 2)

    def project_dual(self, A: Array, Y: Array) -> Array:
        p = np.clip(A + Y, 0.0, None)
        return p / p.sum(axis=1, keepdims=True) - Y

    def outputs_at(self, A: Array, Y: Array) -> Array:
        return np.log(np.maximum(A + Y, TINY))

    def intercept_basis(self, n_outputs: int) -> Array:
        # adding one constant to all classes changes nothing: intercepts are kept at mean zero
        centred = np.eye(n_outputs) - 1.0 / n_outputs
        return np.linalg.svd(centred)[0][:, : n_outputs - 1]

    def conic_form(self, Y: Array, weights: Array, build: Any, f: NDArray[np.intp]) -> float:
        return conic_forms.multinomial_log_loss(self, Y, weights, build, f)
