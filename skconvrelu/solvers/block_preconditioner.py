"""An approximate inverse of the Newton systems of nonzero blocks, close enough for a handful of conjugate gradient steps.

Half of the samples have much the same second moments as all of them, so that the products of two blocks are nearly a number times one
matrix: ``Z_j' S S' Z_k ~ R_jk C``, ``R`` the overlaps of the patterns and ``C`` the second moments of X. With the part of the penalty
that all directions share, ``R (x) C + diag(c) (x) I`` is diagonal in the eigenvectors of ``c^-1/2 R c^-1/2`` and ``C``. What the penalty
does not bend, one direction a block, is taken out again by a matrix of as many rows as blocks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotrs

from skconvrelu.rows import in_memory

Array = NDArray[np.float64]


class BlockPreconditioner:
    """Inverse of ``R (x) C + blockdiag(c_j (I - a_j a_j'))``.

    Parameters
    ----------
    overlaps : ndarray of shape (m, m)
        ``R``.
    moments : tuple of ndarrays of shapes (d,) and (d, d)
        Eigenvalues and eigenvectors of ``C``.
    bends : ndarray of shape (m,)
        ``c > 0``.
    along : ndarray of shape (m, d)
        Unit vectors ``a_j``.

    Raises
    ------
    LinAlgError
        Where rounding leaves it indefinite.
    """

    def __init__(self, overlaps: Array, moments: tuple[Array, Array], bends: Array, along: Array) -> None:
        values, self._vectors = moments
        scale = np.sqrt(bends)
        spread, Q = np.linalg.eigh(overlaps / scale[:, None] / scale)
        self._left = Q / scale[:, None]
        self._damped = 1.0 / (np.maximum(spread, 0.0)[:, None] * values + 1.0)
        self._along = along
        turned = along @ self._vectors
        inner = np.zeros_like(overlaps)
        for part in in_memory(len(values), overlaps.size):
            each = (self._left * self._damped[:, part].T[:, None, :]) @ self._left.T
            inner += np.einsum("il,jl,lij->ij", turned[:, part], turned[:, part], each)
        self._factor, info = dpotrf(np.diag(1.0 / bends) - inner)
        if info:
            raise np.linalg.LinAlgError("the preconditioner is not positive definite")

    def __call__(self, V: Array) -> Array:
        """Apply to blocks (m, d)."""
        found = self._bent(V)
        lengths, _ = dpotrs(self._factor, np.einsum("bi,bi->b", self._along, found))
        return found + self._bent(lengths.reshape(-1, 1) * self._along)

    def _bent(self, V: Array) -> Array:
        """The inverse of ``R (x) C + diag(c) (x) I``."""
        inside = (self._left.T @ V @ self._vectors) * self._damped
        return self._left @ inside @ self._vectors.T
