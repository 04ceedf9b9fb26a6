"""The two landscapes of one unit on one sample: nonconvex in the weights, convex in the cone program, with equal minima."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skconvrelu._checks import check_number, check_vector

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Landscape1D:
    """Both problems at one penalty, see :func:`landscape_1d`.

    Attributes
    ----------
    beta : float
    minimum : float
        Of both.
    product : float
        ``max(u, 0) a`` at every minimiser of the nonconvex problem, and v at the one of the convex problem, where w is zero.
    """

    beta: float
    minimum: float
    product: float

    def nonconvex(self, u: NDArray[np.floating], a: NDArray[np.floating]) -> Array:
        """``(1 - max(u, 0) a)^2 + (beta / 2) (u^2 + a^2)``, elementwise."""
        u, a = check_vector(u, "u"), check_vector(a, "a")
        return np.square(1.0 - np.maximum(u, 0.0) * a) + 0.5 * self.beta * (u * u + a * a)

    def convex(self, v: NDArray[np.floating], w: NDArray[np.floating]) -> Array:
        """``(1 - v + w)^2 + beta (v + w)`` for v, w >= 0, elementwise; infinite elsewhere."""
        v, w = check_vector(v, "v"), check_vector(w, "w")
        value = np.square(1.0 - v + w) + self.beta * (v + w)
        return np.where((v >= 0.0) & (w >= 0.0), value, np.inf)

    def minimiser(self) -> tuple[float, float]:
        """``(u, a)`` of the balanced minimiser of the nonconvex problem; the origin where the penalty is too large."""
        root = float(np.sqrt(self.product))
        return root, root


def landscape_1d(beta: float) -> Landscape1D:
    """The landscapes of ``L(u, a) = (1 - max(u, 0) a)^2 + (beta/2) (u^2 + a^2)`` and of its convex program.

    With ``p = max(u, 0) a >= 0`` the penalty is at least ``beta p``, so both have the minimum of ``(1 - p)^2 + beta p``:
    ``beta - beta^2 / 4`` at ``p = 1 - beta / 2``, or 1 at ``p = 0`` for ``beta >= 2``.

    Parameters
    ----------
    beta : float
        Positive.

    Returns
    -------
    landscape : Landscape1D

    Raises
    ------
    ValueError
        If beta is not positive.

    Examples
    --------
    >>> from skconvrelu.theory import landscape_1d
    >>> landscape = landscape_1d(0.5)
    >>> landscape.minimum, landscape.product
    (0.4375, 0.75)
    """
    beta = check_number(beta, "beta", above=0.0)
    product = max(0.0, 1.0 - 0.5 * beta)
    return Landscape1D(float(beta), float((1.0 - product) ** 2 + beta * product), float(product))
