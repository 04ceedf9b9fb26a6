"""Merging of identical samples, which makes sample weights exact and the fit independent of the order of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rows:
    """Distinct samples with positive weight, in an order that depends on their values alone.

    Attributes
    ----------
    X, Y : ndarray of shapes (n, d) and (n, K)
    weights : ndarray of shape (n,)
        ``s_i / S``, summing to one.
    inverse : ndarray of shape (n_samples,)
        Row of each sample of the original data, -1 where its weight is zero.
    share : ndarray of shape (n_samples,)
        Fraction of its row's weight that each original sample holds.
    """

    X: Array
    Y: Array
    weights: Array
    inverse: NDArray[np.intp]
    share: Array

    def expand(self, values: Array) -> Array:
        """Quantities that add over samples (dual points) on the original samples, shape (n_samples, ...)."""
        spread = values[np.maximum(self.inverse, 0)] * self.share[:, None]
        spread[self.inverse < 0] = 0.0
        return spread


def merge_rows(X: Any, Y: Array, sample_weight: Array) -> Rows:
    """Drop samples of weight zero and merge identical pairs (x, y) by summing their weights."""
    positive = np.flatnonzero(sample_weight > 0.0)
    dense = X[positive].toarray() if sparse.issparse(X) else X[positive]
    # adding zero turns -0.0 into 0.0, which compares equal but differs in bytes
    table = np.ascontiguousarray(np.hstack([dense, Y[positive]]), dtype=np.float64) + 0.0
    keys = table.view(np.dtype((np.void, table.itemsize * table.shape[1]))).ravel()
    _, first, inner = np.unique(keys, return_index=True, return_inverse=True)
    weights = np.bincount(inner, weights=sample_weight[positive])
    inverse = np.full(len(sample_weight), -1, dtype=np.intp)
    inverse[positive] = inner
    share = np.zeros(len(sample_weight))
    share[positive] = sample_weight[positive] / weights[inner]
    d = dense.shape[1]
    rows = table[first]
    return Rows(
        X=np.ascontiguousarray(rows[:, :d]),
        Y=np.ascontiguousarray(rows[:, d:]),
        weights=weights / weights.sum(),
        inverse=inverse,
        share=share,
    )
