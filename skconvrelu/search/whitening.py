"""Coordinates in which the values of hidden units on the samples are uncorrelated: where starts are drawn and units told apart.

Distances in them do not depend on how the user scaled or combined the columns. Features that are small beside the constant column make
units look alike whose hyperplanes lie on opposite sides of the data; here they are as different as their values are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skconvrelu.rounding import positive

Array = NDArray[np.float64]

#: variances below this share of the largest, once the columns are scaled, count as so much
_LEAST = 1e-12


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
    sizes : ndarray of shape (d,)
        Of the columns of X, see :func:`column_sizes`.
    """

    outward: Array
    inward: Array
    sizes: Array

    @classmethod
    def of(cls, X: Array, weights: Array) -> Whitening:
        """From the weighted second moments of the columns, which are brought to one size first."""
        sizes = column_sizes(X)
        scaled = X / sizes
        values, vectors = np.linalg.eigh((scaled * weights[:, None]).T @ scaled)
        # samples that are all zero tell no direction from another
        roots = np.sqrt(np.maximum(values, _LEAST * values[-1])) if values[-1] > 0.0 else np.ones_like(values)
        return cls((vectors / roots) / sizes[:, None], (vectors * roots).T * sizes, sizes)

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
