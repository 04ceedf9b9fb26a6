"""Merging of identical samples, which makes sample weights exact and the fit independent of the order of the rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from skconvrelu.rounding import exact_sum, gamma

Array = NDArray[np.float64]

#: weights below this share of the largest cannot be carried: products with squares would underflow
_LEAST_WEIGHT = 2.0**-500


@dataclass(frozen=True, eq=False)
class Rows:
    """Distinct samples with positive weight, in an order that depends on their values alone.

    Attributes
    ----------
    X, Y : ndarray of shapes (n, d) and (n, K)
    weights : ndarray of shape (n,)
        ``s_i / S``, summing to one.
    weight_error : float
        Bound of the relative error of each weight.
    inverse : ndarray of shape (n_samples,)
        Row of each sample of the original data, -1 where its weight is zero.
    share : ndarray of shape (n_samples,)
        Fraction of its row's weight that each original sample holds.
    """

    X: Array
    Y: Array
    weights: Array
    weight_error: float
    inverse: NDArray[np.intp]
    share: Array

    def expand(self, values: Array) -> Array:
        """Quantities that add over samples (dual points) on the original samples, shape (n_samples, ...)."""
        spread = values[np.maximum(self.inverse, 0)] * self.share[:, None]
        spread[self.inverse < 0] = 0.0
        return spread

    def among(self, used: NDArray[np.intp], n_samples: int) -> Rows:
        """The same rows as those of the samples ``used`` of a larger data set, the others of weight zero."""
        inverse, share = np.full(n_samples, -1, dtype=np.intp), np.zeros(n_samples)
        inverse[used], share[used] = self.inverse, self.share
        return replace(self, inverse=inverse, share=share)


def merge_rows(X: Any, Y: Array, sample_weight: Array) -> Rows:
    """Drop samples of weight zero and merge identical pairs (x, y) by summing their weights.

    Weights are divided by a power of two near the largest first, so that their sum stays a number.

    Raises
    ------
    ValueError
        If positive weights differ by more than what can be carried.
    """
    positive = np.flatnonzero(sample_weight > 0.0)
    given = sample_weight[positive]
    if given.min() < _LEAST_WEIGHT * given.max():
        raise ValueError(
            f"sample_weight: {given.min():.3g} is less than 1e-150 of the largest weight, {given.max():.3g}; set such weights to zero."
        )
    given = np.ldexp(given, -int(np.frexp(given.max())[1]))
    dense = X[positive].toarray() if sparse.issparse(X) else X[positive]
    # adding zero turns -0.0 into 0.0, which compares equal but differs in bytes
    table = np.ascontiguousarray(np.hstack([dense, Y[positive]]), dtype=np.float64) + 0.0
    keys = table.view(np.dtype((np.void, table.itemsize * table.shape[1]))).ravel()
    _, first, inner = np.unique(keys, return_index=True, return_inverse=True)
    weights = np.bincount(inner, weights=given)
    inverse = np.full(len(sample_weight), -1, dtype=np.intp)
    inverse[positive] = inner
    share = np.zeros(len(sample_weight))
    share[positive] = given / weights[inner]
    d = dense.shape[1]
    rows = table[first]
    return Rows(
        X=np.ascontiguousarray(rows[:, :d]),
        Y=np.ascontiguousarray(rows[:, d:]),
        weights=weights / exact_sum(weights),
        weight_error=gamma(int(np.bincount(inner).max()) + 4),
        inverse=inverse,
        share=share,
    )
