"""The linear systems of the proximal Newton method: ``(I + S' Z' Z S) x = r`` with a row of Z for each degree of freedom.

Row p of Z is the output of one direction that its block can move in (a row of L), or of the intercept. The matrix is factored on
its cheaper side, degrees of freedom or outputs; Z is formed in parts of bounded size only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from skconvrelu.rows import Rows, in_memory
from skconvrelu.solvers.newton_system import BlockFits

Array = NDArray[np.float64]
Index = NDArray[np.intp]


class SemismoothSystem:
    """``Q = Z'Z`` is the derivative of the fits by the dual point, ``S S'`` the curvature of the loss.

    Parameters
    ----------
    fits : BlockFits
    L : ndarray of shape (p, d)
        Directions of the blocks.
    owner : ndarray of shape (p,)
        Block of each direction.
    border : ndarray of shape (K, q)
        Output directions of a free intercept, times the root of its weight in Q.
    root : ndarray of shape (n, K, l)
        ``S`` of each sample.
    """

    def __init__(self, fits: BlockFits, L: Array, owner: Index, border: Array, root: Array) -> None:
        self.fits, self.L, self.owner, self.border, self.root = fits, L, owner, border, root
        self._border_rows = np.einsum("nkl,kq->qnl", root, border)

    def solve(self, r: Array) -> Array:
        """``x`` (n, l) for ``r`` (n, l)."""
        by_outputs = len(self.L) + self.border.shape[1] >= r.size
        matrix = self._outputs_gram() if by_outputs else self._gram()
        matrix[np.diag_indices_from(matrix)] += 1.0
        factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
        if by_outputs:
            return np.asarray(cho_solve(factor, r.ravel(), check_finite=False)).reshape(r.shape)
        blocks, c = self._gather(r)
        inner = cho_solve(factor, np.concatenate([blocks, c]), check_finite=False)
        return r - np.einsum("nkl,nk->nl", self.root, self._outputs(inner[: len(blocks)], inner[len(blocks) :]))

    def derivative(self, G: Array) -> Array:
        """``Q G`` for G (n, K)."""
        along = np.einsum("pi,pi->p", self.fits.adjoint(G)[self.owner], self.L)
        return self._outputs(along, self.border.T @ G.sum(axis=0))

    def _gather(self, r: Array) -> tuple[Array, Array]:
        G = np.einsum("nkl,nl->nk", self.root, r)
        return np.einsum("pi,pi->p", self.fits.adjoint(G)[self.owner], self.L), self.border.T @ G.sum(axis=0)

    def _outputs(self, along: Array, c: Array) -> Array:
        moved = np.zeros((len(self.fits.masks), self.L.shape[1]))
        np.add.at(moved, self.owner, along[:, None] * self.L)
        return self.fits.outputs(moved) + self.border @ c

    def _rows(self, some: slice, X: Array, masks: Array, root: Array) -> Array:
        """Rows of Z S for some directions at samples, masks (n, B), (directions, n l)."""
        fits, owner = self.fits, self.owner[some]
        activity = (self.L[some] @ X.T) * masks.T[owner]
        if root.shape[1] == 1 and root.shape[2] == 1:
            activity *= fits.directions[owner] * root[:, 0, 0]
            return activity
        turned = np.einsum("nkl,pk->pnl", root, fits.directions[owner])
        return (activity[:, :, None] * turned).reshape(len(owner), turned.shape[1] * turned.shape[2])

    def _gram(self) -> Array:
        """``Z S S' Z'`` with the intercept last."""
        p = len(self.L) + self.border.shape[1]

        def gram(X: Array, masks: Array, root: Array, border: Array) -> Array:
            border = border.transpose(1, 0, 2)
            rows = np.vstack(
                [
                    self._rows(slice(None), X, masks, root),
                    border.reshape(len(border), border.shape[1] * border.shape[2]),
                ]
            )
            return rows @ rows.T

        arrays = self.fits.X, self.fits.masks.T, self.root, self._border_rows.transpose(1, 0, 2)
        return np.asarray(Rows.in_memory(p * self.root.shape[2], *arrays).sum(gram))

    def _outputs_gram(self) -> Array:
        """``S' Z' Z S`` over all outputs."""
        n, _, width = self.root.shape
        border = self._border_rows.reshape(self.border.shape[1], n * width)
        matrix = border.T @ border
        for some in in_memory(len(self.L), n * width):
            rows = self._rows(some, self.fits.X, self.fits.masks.T, self.root)
            matrix += rows.T @ rows
        return matrix
