"""Products of X with many sets of row weights at once, in bounded memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skconvrelu.limits import limits
from skconvrelu.rows import Rows

Array = NDArray[np.float64]


class ColumnProducts:
    """``X' diag(q_j) X`` for many nonnegative weight rows at once: one product where those of the columns are kept or serve many rows."""

    def __init__(self, X: Array) -> None:
        self._X = X
        n, d = X.shape
        self._upper = np.triu_indices(d)
        self._width = len(self._upper[0])
        self._cached = self._products(X) if n * self._width <= limits().kept else None

    def _products(self, X: Array) -> Array:
        return X[:, self._upper[0]] * X[:, self._upper[1]]

    def _one_by_one(self, q: Array) -> Array:
        """Each matrix as the Gram matrix of weighted rows, which takes half the operations of a product of two factors."""

        def gram(X: Array, weights: Array) -> Array:
            weighted = X * np.sqrt(weights)[:, None]
            return weighted.T @ weighted

        d = self._X.shape[1]
        return np.array([Rows.in_memory(d, self._X, weights).sum(gram) for weights in q]).reshape(-1, d, d)

    def __call__(self, q: Array) -> Array:
        """Matrices (B, d, d) for weights ``q`` (B, n)."""
        d = self._X.shape[1]
        if self._cached is None and len(q) < limits().grams:
            return self._one_by_one(q)
        if self._cached is not None:
            packed = q @ self._cached
        else:
            rows = Rows.in_memory(self._width, self._X, q.T)
            packed = rows.sum(lambda X, weights: weights.T @ self._products(X))
        full = np.empty((len(q), d, d))
        full[:, self._upper[0], self._upper[1]] = packed
        full[:, self._upper[1], self._upper[0]] = packed
        return full
