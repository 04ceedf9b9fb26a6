"""Products of X with many sets of row weights at once, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: floats that one temporary may hold (64 MiB): larger products are cut into chunks of rows or blocks
CHUNK = 8_000_000
#: ... and so many that they stay in a core's cache; rows at least, since products of fewer are slow
_CACHED, _LEAST_ROWS = 65_536, 64
#: what is kept to be used again and again
_KEPT = 4 * CHUNK
#: weight rows from which it pays to form products of columns that are not kept: it takes as long as so many Gram matrices
_MANY = 64


def row_parts(n_rows: int, width: int) -> Iterator[slice]:
    """Consecutive rows, so many that ``width`` numbers for each of them make one chunk."""
    return _parts(n_rows, max(1, CHUNK // max(width, 1)))


def cached_parts(n_rows: int, width: int) -> Iterator[slice]:
    """Consecutive rows, so many that ``width`` numbers for each of them stay in a core's cache from one pass over them to the next."""
    return _parts(n_rows, max(_LEAST_ROWS, _CACHED // max(width, 1)))


def _parts(n_rows: int, step: int) -> Iterator[slice]:
    return (slice(first, min(first + step, n_rows)) for first in range(0, n_rows, step))


class ColumnProducts:
    """``X' diag(q_j) X`` for many nonnegative weight rows at once: one product where those of the columns are kept or serve many rows."""

    def __init__(self, X: Array) -> None:
        self._X = X
        n, d = X.shape
        self._upper = np.triu_indices(d)
        self._width = len(self._upper[0])
        self._cached = self._products(slice(0, n)) if n * self._width <= _KEPT else None

    def _products(self, rows: slice) -> Array:
        X = self._X[rows]
        return X[:, self._upper[0]] * X[:, self._upper[1]]

    def _one_by_one(self, q: Array) -> Array:
        """Each matrix as the Gram matrix of weighted rows, which takes half the operations of a product of two factors."""
        found = np.zeros((len(q), self._X.shape[1], self._X.shape[1]))
        for gram, weights in zip(found, q, strict=True):
            for rows in row_parts(*self._X.shape):
                weighted = self._X[rows] * np.sqrt(weights[rows])[:, None]
                gram += weighted.T @ weighted
        return found

    def __call__(self, q: Array) -> Array:
        """Matrices (B, d, d) for weights ``q`` (B, n)."""
        n, d = self._X.shape
        if self._cached is None and len(q) < _MANY:
            return self._one_by_one(q)
        if self._cached is not None:
            packed = q @ self._cached
        else:
            packed = np.zeros((len(q), len(self._upper[0])))
            for rows in row_parts(n, self._width):
                packed += q[:, rows] @ self._products(rows)
        full = np.empty((len(q), d, d))
        full[:, self._upper[0], self._upper[1]] = packed
        full[:, self._upper[1], self._upper[0]] = packed
        return full
