"""The span of the rows of X, in which every optimal hidden unit lies: a part of u orthogonal to all samples costs norm and does nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: rows for each column from which a triangular factor, which has the same row space, is found first
_TALL = 10


def row_space_basis(X: Array) -> Array:
    """Orthonormal basis (d, r) of the row space, r >= 1; ``X @ basis`` loses nothing but rounding."""
    core = np.linalg.qr(X, mode="r") if len(X) > _TALL * X.shape[1] else X
    _, s, Vt = np.linalg.svd(core, full_matrices=False)
    rank = int((s > max(X.shape) * np.finfo(float).eps * s.max(initial=0.0)).sum())
    return np.ascontiguousarray(Vt[: max(rank, 1)].T)


def unit_rows(X: Array) -> Array:
    """Rows over their lengths, zero rows as they are; squares of very large or small entries would be no numbers any more."""
    rows = X / _or_one(np.abs(X).max(axis=1))[:, None]
    return rows / _or_one(np.linalg.norm(rows, axis=1))[:, None]


def _or_one(sizes: Array) -> Array:
    return np.where(sizes > 0.0, sizes, 1.0)


def has_full_column_rank(X: Array) -> bool:
    """Cheap and conservative test: False may also mean that X is badly conditioned."""
    n, d = X.shape
    if n < d:
        return False
    eigenvalues = np.linalg.eigvalsh(X.T @ X)
    return bool(eigenvalues[0] > 1e-10 * eigenvalues[-1])


def null_space(A: Array, rtol: float) -> Array:
    """Orthonormal basis (d, k) of ``{u : A u = 0}``; singular values up to ``rtol`` times the largest count as zero."""
    _, s, Vt = np.linalg.svd(A, full_matrices=True)
    rank = int((s > rtol * s.max(initial=0.0)).sum())
    return np.ascontiguousarray(Vt[rank:].T)


@dataclass(frozen=True, eq=False)
class RowSpace:
    """Coordinates in which X has full column rank; ``basis`` None where it has that already."""

    basis: Array | None

    @classmethod
    def of(cls, X: Array) -> RowSpace:
        return cls(None if has_full_column_rank(X) else row_space_basis(X))

    def inward(self, coef: Array) -> Array:
        """Vectors (m, d), or the rows of X, in these coordinates."""
        return coef if self.basis is None else np.ascontiguousarray(coef @ self.basis)

    def outward(self, coef: Array) -> Array:
        """Vectors of these coordinates in those of the data."""
        return coef if self.basis is None else coef @ self.basis.T


def row_space_coordinates(X: Array) -> tuple[Array, Array]:
    """Coordinates (n, r) of the rows in an orthonormal basis (d, r) of their span."""
    basis = row_space_basis(X)
    return X @ basis, basis
