"""Convex losses: value, gradient, curvature, conjugate, link.

A loss sees raw network outputs ``F`` of shape (n, K) and coded targets ``Y`` of the same shape, and works per sample; the
program multiplies by the weights ``w_i = s_i / S``. Adding a loss means one class here and one conic form in
:mod:`skconvrelu.solvers.conic`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, logit, softmax, xlogy

Array = NDArray[np.float64]

#: probabilities below this are as good as zero and would only make outputs infinite
_SMALLEST = 1e-300


class Loss(ABC):
    """One convex loss ``l(f, y)``, convex in ``f``.

    The dual domain ``{a : l*(a, y) finite}`` of every loss is star-shaped about 0, which is what makes ``c * a`` with
    0 <= c <= 1 a valid dual point whenever ``a`` is one (DESIGN: every gradient may be scaled into a certificate).
    """

    name: ClassVar[str]
    #: outputs do not interact: a program with several outputs is several programs
    separable: ClassVar[bool]
    #: targets have no unit: the gradient at zero outputs is the natural unit of a price
    unitless: ClassVar[bool]

    @abstractmethod
    def value(self, F: Array, Y: Array) -> Array:
        """Loss of each sample, shape (n,)."""

    @abstractmethod
    def gradient(self, F: Array, Y: Array) -> Array:
        """Derivative with respect to the outputs, shape (n, K)."""

    @abstractmethod
    def curvature_root(self, F: Array, Y: Array) -> Array:
        """``R`` of shape (n, K, K) with ``R_i @ R_i.T`` the Hessian of the loss of sample i."""

    @abstractmethod
    def conjugate(self, A: Array, Y: Array) -> Array:
        """``l*(a, y) = sup_f <a, f> - l(f, y)`` of each sample, shape (n,); ``A`` must lie in the dual domain."""

    def project_dual(self, A: Array, Y: Array) -> Array:
        """Nearest point of the dual domain for an ``A`` that left it by rounding."""
        return A

    @abstractmethod
    def outputs_at(self, A: Array, Y: Array) -> Array:
        """Outputs (n, K) at which the gradient is ``A``."""

    def intercept_basis(self, n_outputs: int) -> Array:
        """Orthonormal columns (K, q): the directions in which a constant output changes the loss."""
        return np.eye(n_outputs)


class SquaredError(Loss):
    """``l = ||f - y||^2 / 2``, summed over the outputs; conjugate ``||a||^2 / 2 + <a, y>``."""

    name = "squared_error"
    separable = True
    unitless = False

    def value(self, F: Array, Y: Array) -> Array:
        return 0.5 * np.square(F - Y).sum(axis=1)

    def gradient(self, F: Array, Y: Array) -> Array:
        return F - Y

    def curvature_root(self, F: Array, Y: Array) -> Array:
        return np.broadcast_to(np.eye(F.shape[1]), (F.shape[0], F.shape[1], F.shape[1]))

    def conjugate(self, A: Array, Y: Array) -> Array:
        return (0.5 * A * A + A * Y).sum(axis=1)

    def outputs_at(self, A: Array, Y: Array) -> Array:
        return A + Y


class BinaryLogLoss(Loss):
    """``l = log(1 + exp(-y f))`` with y in {-1, +1}; with ``p = -y a`` in [0, 1] the conjugate is ``p log p + (1 - p) log(1 - p)``."""

    name = "log_loss"
    separable = True
    unitless = True

    def value(self, F: Array, Y: Array) -> Array:
        return np.logaddexp(0.0, -Y * F).sum(axis=1)

    def gradient(self, F: Array, Y: Array) -> Array:
        return -Y * expit(-Y * F)

    def curvature_root(self, F: Array, Y: Array) -> Array:
        return np.sqrt(expit(F) * expit(-F))[:, :, None]

    def conjugate(self, A: Array, Y: Array) -> Array:
        p = -Y * A
        return (xlogy(p, p) + xlogy(1.0 - p, 1.0 - p)).sum(axis=1)

    def project_dual(self, A: Array, Y: Array) -> Array:
        return -Y * np.clip(-Y * A, 0.0, 1.0)

    def outputs_at(self, A: Array, Y: Array) -> Array:
        return -Y * logit(np.clip(-Y * A, _SMALLEST, 1.0 - 1e-16))


class MultinomialLogLoss(Loss):
    """Softmax cross-entropy ``log sum_k exp(f_k) - <y, f>`` with one-hot y.

    With ``p = a + y`` in the simplex the conjugate is ``sum_k p_k log p_k``.
    """

    name = "log_loss"
    separable = False
    unitless = True

    def value(self, F: Array, Y: Array) -> Array:
        return -(log_softmax(F, axis=1) * Y).sum(axis=1)

    def gradient(self, F: Array, Y: Array) -> Array:
        return softmax(F, axis=1) - Y

    def curvature_root(self, F: Array, Y: Array) -> Array:
        # with q = sqrt(p) a unit vector, I - q q^T is its own square, so diag(p) - p p^T has this closed root
        q = np.sqrt(softmax(F, axis=1))
        return q[:, :, None] * (np.eye(F.shape[1]) - q[:, :, None] * q[:, None, :])

    def conjugate(self, A: Array, Y: Array) -> Array:
        p = A + Y
        return xlogy(p, p).sum(axis=1)

    def project_dual(self, A: Array, Y: Array) -> Array:
        p = np.clip(A + Y, 0.0, None)
        return p / p.sum(axis=1, keepdims=True) - Y

    def outputs_at(self, A: Array, Y: Array) -> Array:
        return np.log(np.maximum(A + Y, _SMALLEST))

    def intercept_basis(self, n_outputs: int) -> Array:
        # adding one constant to all classes changes nothing: intercepts are kept at mean zero
        centred = np.eye(n_outputs) - 1.0 / n_outputs
        return np.linalg.svd(centred)[0][:, : n_outputs - 1]
