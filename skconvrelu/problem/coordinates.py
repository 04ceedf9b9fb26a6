"""The maps between the user's coordinates and those a problem is solved in: powers of two and a shift, undone exactly.

With ``x' = x / 2^e``, ``f = 2^o f' + c`` and a loss ``l = 2^q l'`` (up to a constant of the targets), a network
``f(x) = sum_j (x'u_j)_+ v_j + b`` has the vectors ``u_j' = 2^(e - o) u_j`` and the intercept ``(b - c) / 2^o`` there, and
``l + beta sum ||u_j|| = 2^q (l' + beta' sum ||u_j'||)`` with ``beta' = 2^(o - e - q) beta``. The penalty stays the user's: one power of two
for all columns changes the unit of length and no ratio of lengths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Exponents and shift of a problem.

    Attributes
    ----------
    x_exponent, output_exponent, loss_exponent : int
        ``e``, ``o`` and ``q`` above.
    centre : ndarray of shape (K,)
        ``c``, in the user's units.
    """

    x_exponent: int
    output_exponent: int
    loss_exponent: int
    centre: Array

    @property
    def vector_exponent(self) -> int:
        """Of a unit's vector."""
        return self.output_exponent - self.x_exponent

    @property
    def price_exponent(self) -> int:
        """Of a penalty and of every price."""
        return self.loss_exponent - self.vector_exponent

    def vectors_inward(self, coef: Array) -> Array:
        """Vectors of units, from the user's coordinates."""
        return _scaled(coef, -self.vector_exponent)

    def vectors_outward(self, coef: Array) -> Array:
        """Vectors of units, in the user's coordinates."""
        return _scaled(coef, self.vector_exponent)

    def intercept_inward(self, intercept: Array) -> Array:
        """Output intercept (K,)."""
        return _scaled(intercept - self.centre, -self.output_exponent)

    def intercept_outward(self, intercept: Array) -> Array:
        """Output intercept (K,)."""
        return _scaled(intercept, self.output_exponent) + self.centre

    def dual_inward(self, dual: Array) -> Array:
        """Dual points ``-w_i l'(f_i, y_i)``."""
        return _scaled(dual, self.output_exponent - self.loss_exponent)

    def dual_outward(self, dual: Array) -> Array:
        """Dual points ``-w_i l'(f_i, y_i)``."""
        return _scaled(dual, self.loss_exponent - self.output_exponent)

    def beta_inward(self, beta: float) -> float:
        """Penalty."""
        return float(_scaled(np.float64(beta), -self.price_exponent))

    def beta_outward(self, beta: float) -> float:
        """Penalty, or a price."""
        return float(_scaled(np.float64(beta), self.price_exponent))

    def value_inward(self, value: float) -> float:
        """Objectives and bounds."""
        return float(_scaled(np.float64(value), -self.loss_exponent))

    def value_outward(self, value: float) -> float:
        """Objectives and bounds."""
        return float(_scaled(np.float64(value), self.loss_exponent))


def _scaled(values: Array | np.float64, exponent: int) -> Array:
    """Values times a power of two; what leaves the range of doubles becomes infinite or zero, and the caller looks."""
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.ldexp(values, exponent))
