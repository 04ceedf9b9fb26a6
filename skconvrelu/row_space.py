"""The span of the rows of X, in which every optimal hidden unit lies: a part of u orthogonal to all samples costs norm and does nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def row_space_basis(X: Array) -> Array:
    """Orthonormal basis (d, r) of the row space, r >= 1; ``X @ basis`` loses nothing but rounding."""
    _, s, Vt = np.linalg.svd(X, full_matrices=False)
    rank = int((s > max(X.shape) * np.finfo(float).eps * s.max(initial=0.0)).sum())
    return np.ascontiguousarray(Vt[: max(rank, 1)].T)


def has_full_column_rank(X: Array) -> bool:
    """Cheap and conservative test: False may also mean that X is badly conditioned."""
    n, d = X.shape
    if n < d:
        return False
    eigenvalues = np.linalg.eigvalsh(X.T @ X)
    return bool(eigenvalues[0] > 1e-10 * eigenvalues[-1])


def row_space_coordinates(X: Array) -> tuple[Array, Array]:
    """Coordinates (n, r) of the rows in an orthonormal basis (d, r) of their span."""
    basis = row_space_basis(X)
    return X @ basis, basis
