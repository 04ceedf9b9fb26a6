"""The span of the rows of X, in which every optimal hidden unit lies: a part of u orthogonal to all samples costs norm and does nothing.

What counts as zero is decided where rows and columns have one size: a row or a column that is large only because of its unit, or because
of a fill value in it, must not make the others look like rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from skconvrelu.rounding import gamma, positive, powers_of_two, row_lengths

Array = NDArray[np.float64]

#: rows for each column from which a triangular factor, which has the same row space, is found first
_TALL = 10
#: sweeps that bring rows and columns to one size
_SWEEPS = 4


def row_space_basis(X: Array) -> Array:
    """Orthonormal basis (d, r) of the row space, r >= 1, along the principal axes of X."""
    span = _span(X)
    points = X if span is None else X @ span
    _, axes = _singular(points)
    return np.ascontiguousarray(axes if span is None else span @ axes)


def _span(X: Array) -> Array | None:
    """Orthonormal basis (d, r) of the row space, r >= 1; None where that is the whole space."""
    balanced, columns = equilibrated(X)
    s, axes = _singular(balanced)
    rank = int((s > max(X.shape) * np.finfo(float).eps * s.max(initial=0.0)).sum())
    return None if rank == X.shape[1] else _orthonormal(columns[:, None] * axes[:, : max(rank, 1)])


def _singular(X: Array) -> tuple[Array, Array]:
    """Singular values, falling, and right singular vectors (d, min(n, d)) as columns."""
    core = np.linalg.qr(X, mode="r") if len(X) > _TALL * X.shape[1] else X
    _, s, Vt = np.linalg.svd(core, full_matrices=False)
    return s, Vt.T


def equilibrated(X: Array) -> tuple[Array, Array]:
    """``R X C`` with rows and columns whose largest entries are about one, and the diagonal of ``C^-1``; all powers of two."""
    balanced, columns = X, np.ones(X.shape[1])
    for _ in range(_SWEEPS):
        balanced = balanced / powers_of_two(np.abs(balanced).max(axis=1))[:, None]
        sizes = powers_of_two(np.abs(balanced).max(axis=0))
        balanced, columns = balanced / sizes, columns * sizes
    return balanced, columns


def _orthonormal(span: Array) -> Array:
    """Orthonormal basis of the columns; with rows sorted and columns pivoted small rows keep their digits (Cox & Higham 1998)."""
    order = np.argsort(-np.abs(span).max(axis=1), kind="stable")
    Q = np.empty_like(span)
    Q[order] = qr(span[order], mode="economic", pivoting=True)[0]
    return Q


def unit_rows(X: Array) -> Array:
    """Rows over their lengths, zero rows as they are; squares of very large or small entries would be no numbers any more."""
    rows = X / positive(np.abs(X).max(axis=1))[:, None]
    return rows / positive(np.linalg.norm(rows, axis=1))[:, None]


def has_full_column_rank(X: Array) -> bool:
    """Cheap and conservative test: False may also mean that X is badly conditioned, however its columns are scaled."""
    n, d = X.shape
    if n < d:
        return False
    columns = X / powers_of_two(np.abs(X).max(axis=0))
    eigenvalues = np.linalg.eigvalsh(columns.T @ columns)
    return bool(eigenvalues[0] > 1e-10 * eigenvalues[-1])


def null_space(A: Array, rtol: float) -> Array:
    """Orthonormal basis (d, k) of ``{u : A u = 0}``; singular values up to ``rtol`` times the largest count as zero."""
    _, s, Vt = np.linalg.svd(A, full_matrices=True)
    rank = int((s > rtol * s.max(initial=0.0)).sum())
    return np.ascontiguousarray(Vt[rank:].T)


@dataclass(frozen=True, eq=False)
class RowSpace:
    """Coordinates in which X has full column rank.

    Attributes
    ----------
    basis : ndarray of shape (d, r) or None
        None where X has full column rank already.
    neglected : ndarray of shape (n,) or None
        How much longer, at most, a row of X is than what these coordinates say of it: ``|x_i'u| <= |p_i'z| + neglected_i ||u||`` for
        every u, with ``p_i`` the coordinates of the row and z those of u, ``||z|| <= ||u||``.
    """

    basis: Array | None
    neglected: Array | None = None

    @classmethod
    def of(cls, X: Array) -> RowSpace:
        span = None if has_full_column_rank(X) else _span(X)
        return cls(None) if span is None else cls(span, neglected(X, span))

    def inward(self, coef: Array) -> Array:
        """Vectors (m, d), or the rows of X, in these coordinates."""
        return coef if self.basis is None else np.ascontiguousarray(coef @ self.basis)

    def outward(self, coef: Array) -> Array:
        """Vectors of these coordinates in those of the data."""
        return coef if self.basis is None else coef @ self.basis.T


def neglected(X: Array, basis: Array) -> Array:
    """Lengths (n,) of what the basis leaves out of the rows, with the rounding of finding that out and of a basis not quite orthonormal."""
    d, r = basis.shape
    points = X @ basis
    left = row_lengths(X - points @ basis.T)
    skew = float(np.linalg.norm(basis.T @ basis - np.eye(r))) + gamma(d * r)
    return left + (gamma(2 * (d + r) + 10) * np.sqrt(r) + skew) * row_lengths(X)


def row_space_coordinates(X: Array) -> tuple[Array, Array]:
    """Coordinates (n, r) of the rows in an orthonormal basis (d, r) of their span."""
    basis = row_space_basis(X)
    return X @ basis, basis
