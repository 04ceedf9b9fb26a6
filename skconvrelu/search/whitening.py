"""Coordinates in which the values of hidden units on the samples are uncorrelated: where starts are drawn and units told apart.

Distances in them do not depend on how the user scaled or combined the columns. Features that are small beside the constant column make
units look alike whose hyperplanes lie on opposite sides of the data; here they are as different as their values are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from skconvrelu.rounding import positive

Array = NDArray[np.float64]

#: variances below this share of the largest, once the columns are scaled, count as so much
_LEAST = 1e-12
#: how far neighbouring penalty parameters of a climb are apart where the squared sizes of directions differ by more than two such steps
_STEP = 1e2


@dataclass(frozen=True, eq=False)
class Spread:
    """How much the columns of X, and directions of its samples, differ in size; formed when first asked for."""

    X: Array

    @cached_property
    def sizes(self) -> Array:
        """Of the columns (d,), see :func:`column_sizes`."""
        return column_sizes(self.X)

    @cached_property
    def _moments(self) -> Array:
        scaled = self.X / self.sizes
        return np.asarray(scaled.T @ scaled)

    @cached_property
    def flattest(self) -> float:
        """The least eigenvalue of the second moments where columns have length one, rounding at least."""
        lengths = np.sqrt(np.diagonal(self._moments))
        used = lengths > 0.0
        cosines = self._moments[np.ix_(used, used)] / lengths[used][:, None] / lengths[used]
        least = float(np.linalg.eigvalsh(cosines)[0]) if used.any() else 1.0
        return max(least, float(np.finfo(float).eps))

    @cached_property
    def ratio(self) -> float:
        """Logarithm of how much smaller the squared size of the smallest direction is than that of a typical column.

        Large for features far from zero beside their spread, and for columns of different sizes. Directions that are smaller than rounding
        makes of the others count as so large.
        """
        lengths = np.sqrt(np.diagonal(self._moments)) * self.sizes
        logs = np.log(lengths[lengths > 0.0])
        if not len(logs):
            return 0.0
        return min(2.0 * float(logs.mean() - logs.min()) - np.log(self.flattest), -np.log(np.finfo(float).eps))

    @property
    def steps(self) -> int:
        """How many penalty parameters of a climb the directions need, one after another, beside the first."""
        count = int(self.ratio / np.log(_STEP))
        return count if count > 1 else 0


@dataclass(frozen=True, eq=False)
class Whitening:
    """The linear map that makes values on the samples uncorrelated.

    Attributes
    ----------
    outward : ndarray of shape (d, d)
        Takes a vector of these coordinates to one of those of X; standard normal ones become gates that depend neither on the scales nor
        on the correlations of the columns.
    inward : ndarray of shape (d, d)
        Its inverse.
    spread : Spread
        Of the samples, whatever their weights.
    """

    outward: Array
    inward: Array
    spread: Spread

    @classmethod
    def of(cls, X: Array, weights: Array) -> Whitening:
        """From the weighted second moments of the columns, which are brought to one size first."""
        spread = Spread(X)
        sizes = spread.sizes
        scaled = X / sizes
        values, vectors = np.linalg.eigh((scaled * weights[:, None]).T @ scaled)
        # samples that are all zero tell no direction from another
        roots = np.sqrt(np.maximum(values, _LEAST * values[-1])) if values[-1] > 0.0 else np.ones_like(values)
        return cls((vectors / roots) / sizes[:, None], (vectors * roots).T * sizes, spread)

    def draw(self, count: int, rng: np.random.RandomState) -> Array:
        """Random gates (count, d)."""
        return rng.standard_normal((count, len(self.outward))) @ self.outward.T

    def directions(self, U: Array) -> Array:
        """Unit vectors in these coordinates for the rows of ``U`` (m, d); zero for zero."""
        Z = U @ self.inward.T
        sizes = np.sqrt(np.einsum("mi,mi->m", Z, Z))
        return Z / positive(sizes)[:, None]


def column_sizes(X: Array) -> Array:
    """Powers of two near the root mean squares of the columns, one for a column of zeros."""
    largest = np.abs(X).max(axis=0)
    scaled = X / positive(largest)
    sizes = largest * np.sqrt(np.einsum("ni,ni->i", scaled, scaled) / len(X))
    return np.where(sizes > 0.0, np.exp2(np.round(np.log2(positive(sizes)))), 1.0)
