"""What every loss knows: value, gradient, curvature, conjugate, dual domain, link."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skconvrelu.rounding import power_of_two

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CanonicalTargets:
    """Targets in units in which they are of moderate size, see :class:`skconvrelu.problem.Coordinates`.

    Attributes
    ----------
    loss : Loss
        The loss in these units.
    Y : ndarray of shape (n, K)
    error : ndarray of shape (n, K) or None
        Bound of what was rounded off; None where nothing was.
    centre : ndarray of shape (K,)
        Outputs are these, plus the outputs in these units times ``2**output_exponent``.
    output_exponent, loss_exponent : int
    """

    loss: Loss
    Y: Array
    error: Array | None
    centre: Array
    output_exponent: int = 0
    loss_exponent: int = 0


class NoConicForm(ValueError):
    """A loss that conic solvers cannot be given."""


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
    #: targets are not negative
    nonnegative_targets: ClassVar[bool] = False
    #: outputs of a classifier are log-odds
    gives_probabilities: ClassVar[bool] = False

    def check_targets(self, y: Array, free: Array | None = None) -> None:
        """Refuse targets outside the domain of the loss, or without a finite optimum where ``free`` (n,) weights an intercept."""
        if self.nonnegative_targets and (y < 0.0).any():
            raise ValueError(
                f"y has negative entries, which loss={self.name!r} cannot fit; its targets must be y >= 0."
            )

    def conic_form(self, Y: Array, weights: Array, build: Any, f: NDArray[np.intp]) -> float:
        """Add variables, rows and cones whose least cost is the weighted loss at outputs ``f`` (n, K); returns a constant on top.

        ``build`` is a :class:`skconvrelu.solvers.conic_form.Builder`.

        Raises
        ------
        NoConicForm
            Where the loss has none: conic solvers cannot be used then.
        """
        raise NoConicForm(f"the loss {self.name!r} has no conic form; use solver='scipy'")

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

    @abstractmethod
    def conjugate_size(self, A: Array, Y: Array) -> Array:
        """What the rounding error of :meth:`conjugate` is relative to, shape (n,): the sum of the sizes of what it adds up.

        The error is at most ``gamma(K + 12)`` times this.
        """

    @abstractmethod
    def dual_room(self, A: Array, Y: Array) -> Array:
        """How far (n, K) each entry of ``A`` may move, either way, without leaving the dual domain; infinite where it has no end."""

    def dual_drift(self, A: Array, Y: Array) -> Array:
        """Bound (n,) of the distance of ``A`` from the dual domain that rounding leaves after :meth:`project_dual`."""
        return np.zeros(len(Y))

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

    def canonical(self, Y: Array, *, free: bool) -> CanonicalTargets:
        """Targets and loss in canonical units; ``free`` says that a free intercept takes up a shift of the outputs."""
        return CanonicalTargets(self, Y, None, np.zeros(Y.shape[1]))

    def intercept_basis(self, n_outputs: int) -> Array:
        """Orthonormal columns (K, q): the directions in which a constant output changes the loss."""
        return np.eye(n_outputs)


def canonical_residuals(loss: Loss, Y: Array, *, free: bool, degree: int) -> CanonicalTargets:
    """Canonical units of a loss of ``f - y`` that is homogeneous of some degree: ``loss`` is the one in these units' place.

    Targets are moved by the middle one of their distinct values, which is exact for all within a factor of two of it, and divided by a
    power of two near the mean distance from it.
    """
    centre, error = np.zeros(Y.shape[1]), None
    if free:
        centre = np.array([_middle(column) for column in Y.T])
        with np.errstate(over="ignore"):
            moved = Y - centre
        if not np.isfinite(moved).all():
            raise ValueError(
                f"y: targets from {Y.min():.3g} to {Y.max():.3g} are further apart than the largest double; divide y by 10."
            )
        # what the subtraction rounded off, exactly (Knuth 1969)
        back = moved + centre
        lost = (Y - back) + ((back - moved) - centre)
        Y, error = moved, np.abs(lost) if lost.any() else None
    largest = float(np.abs(Y).max(initial=0.0))
    top = power_of_two(largest)
    exponent = top + power_of_two(float(np.mean(np.abs(np.ldexp(Y, -top))))) if largest > 0.0 else 0
    return CanonicalTargets(
        loss, np.ldexp(Y, -exponent), None if error is None else np.ldexp(error, -exponent), centre, exponent,
        degree * exponent,
    )  # fmt: skip


def _middle(column: Array) -> float:
    """The middle one of the distinct values, whatever their weights."""
    distinct = np.unique(column)
    return float(distinct[len(distinct) // 2])
