"""Products of X with many sets of row weights at once, in bounded memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: floats that one temporary may hold (64 MiB): larger products are cut into chunks of rows or blocks
CHUNK = 8_000_000


class ColumnProducts:
    """``X' diag(q_j) X`` for many weight rows ``q_j`` at once."""

    def __init__(self, X: Array) -> None:
        self._X = X
        n, d = X.shape
        self._upper = np.triu_indices(d)
        width = len(self._upper[0])
        self._rows = max(1, CHUNK // max(width, 1))
        self._cached = self._products(slice(0, n)) if self._rows >= n else None

    def _products(self, rows: slice) -> Array:
        X = self._X[rows]
        return X[:, self._upper[0]] * X[:, self._upper[1]]

    def __call__(self, q: Array) -> Array:
        """Matrices (B, d, d) for weights ``q`` (B, n)."""
        n, d = self._X.shape
        if self._cached is not None:
            packed = q @ self._cached
        else:
            packed = np.zeros((len(q), len(self._upper[0])))
            for start in range(0, n, self._rows):
                rows = slice(start, start + self._rows)
                packed += q[:, rows] @ self._products(rows)
        full = np.empty((len(q), d, d))
        full[:, self._upper[0], self._upper[1]] = packed
        full[:, self._upper[1], self._upper[0]] = packed
        return full
