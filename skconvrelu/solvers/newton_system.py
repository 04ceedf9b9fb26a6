"""The Newton system of the interior point: one d x d block for each arrangement, coupled only through the n fits.

The matrix is ``blockdiag(H_j) + Z' W Z`` with ``H_j = X' diag(q_j) X + S_j`` (the signs of a cone's rows square away, so all H_j are
ONE product of column products of X with q) and ``Z = [D_j X v_j']``. It is factored on the cheaper side: a Gram matrix of size
B d, or by Woodbury a matrix of size n K. Without cones ``H_j^-1 = h_j I + r_j r_j'``, and the matrix of size n K is one product of
the masks, entry by entry times X X', and one of the activities of the r_j: d times less work. Nothing of size (B n) x (B d) is ever formed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from skconvrelu.costs import factorisations
from skconvrelu.program import Index
from skconvrelu.rounding import TINY
from skconvrelu.rows import Rows, in_memory

Array = NDArray[np.float64]


class FreeBlocks(NamedTuple):
    """Matrices ``h_j I + r_j r_j'``, one a block, or minus those products: what inverse Hessians are without cones."""

    h: Array
    R: Array
    sign: float = 1.0


class BlockFits:
    """The linear maps between block vectors and outputs: ``u -> sum_j D_j X u_j v_j'`` and its adjoint."""

    def __init__(self, X: Array, masks: Array, directions: Array) -> None:
        self.X, self.masks, self.directions = X, masks, directions

    def of(self, blocks: Index | slice) -> BlockFits:
        """The maps of some blocks."""
        return BlockFits(self.X, self.masks[blocks], self.directions[blocks])

    def outputs(self, coef: Array) -> Array:
        """Outputs (n, K) of block vectors (B, d)."""
        if self.directions.shape[1] == 1:  # sums first: the masks are read once, and nothing of their size is written
            return np.einsum("ni,ni->n", self.masks.T @ (self.directions * coef), self.X)[:, None]
        return (self.masks * (coef @ self.X.T)).T @ self.directions

    def adjoint(self, G: Array) -> Array:
        """``X' D_j G v_j`` for every block, (B, d)."""
        if self.directions.shape[1] == 1:
            return np.asarray(self.directions * (self.masks @ (G * self.X)))
        return (self.masks * (self.directions @ G.T)) @ self.X


def outputs_gram(fits: BlockFits, root: Array, free: FreeBlocks) -> Array:
    """``S' (sum_j Z_j (h_j I +- r_j r_j') Z_j') S`` (n L, n L); outputs ``Z_j = D_j X . v_j'``, ``S`` (n, K, L) of each sample."""
    h, R, sign = free
    n, _, L = root.shape
    parts = list(in_memory(len(h), n * L))
    matrix = np.zeros((n * L, n * L))
    for part in parts:
        half = activities(fits.of(part), root, np.sqrt(h[part])[:, None])
        matrix += half.T @ half
    pairs = matrix.reshape(n, L, n, L)  # a view
    for some in in_memory(n, n):
        pairs[some] *= (fits.X[some] @ fits.X.T)[:, None, :, None]
    for part in parts:
        half = activities(fits.of(part), root, R[part] @ fits.X.T)
        matrix += sign * (half.T @ half)
    return matrix


def activities(fits: BlockFits, root: Array, hidden: Array) -> Array:
    """``S' (D_j h_j v_j')`` of blocks with hidden values (B, n), or (B, 1), before their gates, (B, n L)."""
    omega = np.einsum("nkl,bk->bnl", root, fits.directions) * fits.masks[:, :, None]
    omega *= hidden[:, :, None]
    return omega.reshape(len(omega), root.shape[0] * root.shape[2])


def blocks_gram(fits: BlockFits, root: Array, basis: Array) -> Array:
    """``(basis, Z)' S S' (basis, Z)`` of all blocks, (q + B d, q + B d)."""
    size = basis.shape[1] + fits.directions.shape[0] * fits.X.shape[1]

    def gram(X: Array, masks: Array, root: Array) -> Array:
        design = blocks_design(X, masks, fits.directions, root, basis)
        return design.T @ design

    return np.asarray(Rows.in_memory(size * root.shape[2], fits.X, fits.masks.T, root).sum(gram))


def blocks_design(X: Array, masks: Array, directions: Array, root: Array, basis: Array) -> Array:
    """Rows of ``S' (basis, Z)``, (n l, q + B d), from as many rows of ``masks`` (n, B)."""
    q = basis.shape[1]
    (n, _, width), (B, _), d = root.shape, directions.shape, X.shape[1]
    design = np.empty((n, width, q + B * d))
    np.einsum("nkl,kq->nlq", root, basis, out=design[:, :, :q])
    omega = np.einsum("nkl,bk->nlb", root, directions) * masks[:, None, :]
    np.multiply(omega[:, :, :, None], X[:, None, None, :], out=design[:, :, q:].reshape(n, width, B, d))
    return design.reshape(n * width, q + B * d)


class NewtonSystem:
    """Factor and solve the system for one set of blocks; ``constant_curvature`` lets the Gram side keep its data term.

    ``unbounded_curvature`` asks for the Woodbury side, the only one that stays accurate where curvatures tend to infinity;
    ``constrained`` says that there are cones.
    """

    def __init__(
        self,
        fits: BlockFits,
        intercept_basis: Array,
        *,
        constant_curvature: bool,
        unbounded_curvature: bool = False,
        constrained: bool = True,
    ) -> None:
        self._fits = fits
        self._basis = intercept_basis
        self._constant = constant_curvature
        self._gram: Array | None = None
        self._inverse: FreeBlocks | None = None
        gram, woodbury = factorisations(fits.X.shape, fits.directions.shape, constant_curvature, constrained)
        self.uses_gram = gram <= woodbury and not unbounded_curvature

    def factor(self, blocks: Array, root: Array, inverse: FreeBlocks | None = None) -> None:
        """Factor with the block Hessians (B, d, d) and the loss curvature root (n, K, K) of the weighted loss.

        Without cones ``inverse`` holds the inverses of the block Hessians.
        """
        self._H, self._root, self._inverse = blocks, root, inverse
        n, K, _ = root.shape
        self._border = np.einsum("nkl,kq->nlq", root, self._basis).reshape(n * K, self._basis.shape[1])
        if self.uses_gram:
            self._factor_gram()
        else:
            self._factor_woodbury()

    def solve(self, rhs: Array, rhs_intercept: Array) -> tuple[Array, Array]:
        """Block vectors and intercept coordinates, with iterative refinement against the unfactored system."""
        x, c = self._solve_once(rhs, rhs_intercept)
        scale = max(np.abs(rhs).max(initial=0.0), np.abs(rhs_intercept).max(initial=0.0))
        previous = np.inf
        for _ in range(4):
            rx, rc = self._residual(x, c, rhs, rhs_intercept)
            error = max(np.abs(rx).max(initial=0.0), np.abs(rc).max(initial=0.0))
            if error <= 1e-12 * scale or not error < 0.5 * previous:
                break
            previous = error
            dx, dc = self._solve_once(rx, rc)
            x, c = x + dx, c + dc
        return x, c

    def solve_split(self, rhs: Array, rhs_intercept: Array, shift: Array) -> tuple[Array, Array, Array]:
        """Block vectors, intercept coordinates and ``q = W (Z x + basis c - shift)`` as an unknown of its own (Woodbury side only).

        ``H x + Z' q = rhs``, ``basis' q = rhs_intercept``. Where W is huge, q taken from x would have no correct digit.
        """
        x, c, q = self._solve_split_once(rhs, rhs_intercept, shift)
        previous = np.inf
        for _ in range(4):
            fitted = self._fits.outputs(x) + c @ self._basis.T
            back = self._root_times(fitted - shift).reshape(self._root.shape[0], -1)
            scaled = np.linalg.solve(self._root, q[:, :, None])[:, :, 0]  # S^-1 q, which S'(fitted - shift) must equal
            r = rhs - np.einsum("bij,bj->bi", self._H, x) - self._fits.adjoint(q)
            rc = rhs_intercept - self._basis.T @ q.sum(axis=0)
            turned = np.linalg.solve(self._root.transpose(0, 2, 1), (scaled - back)[:, :, None])
            rs = np.asarray(turned[:, :, 0], dtype=np.float64)
            error = max(
                np.abs(r).max(initial=0.0) / max(np.abs(rhs).max(initial=0.0), TINY),
                np.abs(rc).max(initial=0.0) / max(np.abs(q).sum(), TINY),
                np.abs(rs).max(initial=0.0) / max(np.abs(fitted).max(), np.abs(shift).max(), TINY),
            )
            if error <= 1e-13 or not error < 0.5 * previous:
                break
            previous = error
            dx, dc, dq = self._solve_split_once(r, rc, rs)
            x, c, q = x + dx, c + dc, q + dq
        return x, c, q

    def _solve_split_once(self, rhs: Array, rhs_intercept: Array, shift: Array) -> tuple[Array, Array, Array]:
        x = self._block_solve(rhs)
        m = cho_solve(self._factor, self._root_times(self._fits.outputs(x) - shift), check_finite=False)
        schur = self._border.T @ self._border_solution
        c = np.linalg.solve(schur, rhs_intercept - self._border.T @ m) if len(rhs_intercept) else rhs_intercept
        q = self._root_transposed(m + self._border_solution @ c)
        return x - self._block_solve(self._fits.adjoint(q)), c, q

    def _residual(self, x: Array, c: Array, rhs: Array, rhs_intercept: Array) -> tuple[Array, Array]:
        m = self._root_times(self._fits.outputs(x)) + self._border @ c
        back = self._root_transposed(m)
        return rhs - np.einsum("bij,bj->bi", self._H, x) - self._fits.adjoint(back), rhs_intercept - self._border.T @ m

    def _root_times(self, F: Array) -> Array:
        return np.einsum("nkl,nk->nl", self._root, F).reshape(-1)

    def _root_transposed(self, m: Array) -> Array:
        n, _, L = self._root.shape
        return np.einsum("nkl,nl->nk", self._root, m.reshape(n, L))

    # Gram side

    def _factor_gram(self) -> None:
        B, d, _ = self._H.shape
        if self._gram is None or not self._constant:
            self._gram = blocks_gram(self._fits, self._root, self._basis)
        matrix = self._gram.copy()
        index = self._basis.shape[1] + np.arange(B * d).reshape(B, d)
        matrix[index[:, :, None], index[:, None, :]] += self._H
        diagonal = np.diagonal(matrix).copy()
        # relative to each diagonal entry: it only lifts what rounding made indefinite, refinement removes its effect
        matrix[np.diag_indices_from(matrix)] += 1e-15 * diagonal + np.finfo(float).tiny
        self._factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)

    # Woodbury side

    def _factor_woodbury(self) -> None:
        matrix = self._outputs_matrix()
        matrix[np.diag_indices_from(matrix)] += 1.0
        self._factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
        self._border_solution = cho_solve(self._factor, self._border, check_finite=False)

    def _outputs_matrix(self) -> Array:
        """``S' Z blockdiag(H_j)^-1 Z' S``."""
        fits = self._fits
        if self._inverse is not None:
            return outputs_gram(fits, self._root, self._inverse)
        B, d, _ = self._H.shape
        n, K = self._root.shape[:2]
        trace = np.einsum("bii->b", self._H)
        lifted = self._H + (1e-14 * trace)[:, None, None] * np.eye(d)
        self._inverse_root = np.linalg.inv(np.linalg.cholesky(lifted))
        matrix = np.zeros((n * K, n * K))
        for part in in_memory(B, n * K * d):
            omega = np.einsum("nkl,bk->bnl", self._root, fits.directions[part]) * fits.masks[part][:, :, None]
            half = self._inverse_root[part] @ fits.X.T
            half = (half[:, :, :, None] * omega[:, None, :, :]).reshape(-1, n * K)
            matrix += half.T @ half
        return matrix

    def _block_solve(self, rhs: Array) -> Array:
        if self._inverse is not None:
            h, R, sign = self._inverse
            return h[:, None] * rhs + sign * R * np.einsum("bi,bi->b", R, rhs)[:, None]
        half = np.einsum("bij,bj->bi", self._inverse_root, rhs)
        return np.einsum("bji,bj->bi", self._inverse_root, half)

    def _solve_once(self, rhs: Array, rhs_intercept: Array) -> tuple[Array, Array]:
        if self.uses_gram:
            flat = cho_solve(self._factor, np.concatenate([rhs_intercept, rhs.ravel()]), check_finite=False)
            return flat[len(rhs_intercept) :].reshape(rhs.shape), flat[: len(rhs_intercept)]
        x = self._block_solve(rhs)
        m = cho_solve(self._factor, self._root_times(self._fits.outputs(x)), check_finite=False)
        schur = self._border.T @ self._border_solution
        c = np.linalg.solve(schur, rhs_intercept - self._border.T @ m) if len(rhs_intercept) else rhs_intercept
        m = m + self._border_solution @ c
        return x - self._block_solve(self._fits.adjoint(self._root_transposed(m))), c
