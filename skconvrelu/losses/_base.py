"""What every loss knows: value, gradient, curvature, conjugate, dual domain, link."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Loss(ABC):
    """One convex loss ``l(f, y) >= 0``, convex in ``f``.

    The dual domain ``{a : l*(a, y) finite}`` of every loss is star-shaped about 0, which is what makes ``c * a`` with
    0 <= c <= 1 a valid dual point whenever ``a`` is one (DESIGN: every gradient may be scaled into a certificate).
    """

    name: ClassVar[str]
    #: outputs do not interact: a program with several outputs is several programs
    separable: ClassVar[bool] = True
    #: targets have no unit: the gradient at zero outputs is the natural unit of a price
    unitless: ClassVar[bool] = False
    #: differentiable everywhere; the others are piecewise linear (:class:`PiecewiseLinear`)
    smooth: ClassVar[bool] = True
    #: the Hessian does not depend on the outputs
    quadratic: ClassVar[bool] = False

    @abstractmethod
    def value(self, F: Array, Y: Array) -> Array:
        """Loss of each sample, shape (n,)."""

    @abstractmethod
    def gradient(self, F: Array, Y: Array) -> Array:
        """Derivative with respect to the outputs, shape (n, K); a subgradient where there is none."""

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

    def best_constant(self, F: Array, Y: Array, weights: Array) -> Array | None:
        """The constant (K,) that minimises the weighted loss of ``F + constant``, where there is a formula for it."""
        return None

    def smoothed(self, width: float) -> Loss:
        """A smooth loss from below whose gradients lie in this one's dual domain, equal to it beyond ``width`` of its kinks."""
        return self

    def mean(self, F: Array) -> Array:
        """The inverse link: what ``predict`` returns for raw outputs."""
        return F

    def dropped(self, Y: Array) -> Array:
        """Constant (n,) that ``value`` has on top of the loss as it is documented, which keeps it nonnegative."""
        return np.zeros(len(Y))

    def intercept_basis(self, n_outputs: int) -> Array:
        """Orthonormal columns (K, q): the directions in which a constant output changes the loss."""
        return np.eye(n_outputs)
