"""Newton systems of nonzero blocks without cones, in the cheapest way: ``Z' S S' Z + blockdiag(c_j (I - a_j a_j'))``.

The matrix itself is factored where blocks have few entries. Where samples are fewer, it is Woodbury's: the moves of blocks across their
directions ``a_j`` have the invertible diagonal ``c_j`` and are eliminated through a matrix of the size of the outputs; what is left is
a system in the intercept and one length a block. Where both are large, conjugate gradients take a few products with the blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dposv, dpotrf

from skconvrelu.costs import EXPECTED_STEPS, block_systems
from skconvrelu.limits import limits
from skconvrelu.program import ConvexProgram, Index
from skconvrelu.rounding import TINY
from skconvrelu.solvers.block_grams import BlockGrams
from skconvrelu.solvers.block_preconditioner import BlockPreconditioner
from skconvrelu.solvers.newton_system import BlockFits, FreeBlocks, activities, blocks_gram, outputs_gram

Array = NDArray[np.float64]


#: residual, relative to the gradient in the preconditioner's norm, that is good enough for a Newton step
_INEXACT = 0.1


class BlockSystems:
    """The systems of a program; where the curvature of its loss is constant the products of blocks are remembered."""

    def __init__(self, program: ConvexProgram, fits: BlockFits) -> None:
        self.program, self.basis, self.constant = program, program.intercept_basis, program.loss.quadratic
        self.grams = BlockGrams(fits, self.basis) if self.constant else None
        self.steps: float = EXPECTED_STEPS
        self.inexact = _INEXACT

    @cached_property
    def moments(self) -> tuple[Array, Array]:
        """Eigenvalues and eigenvectors of the second moments of X."""
        X, weights = self.program.X, self.program.weights
        values, vectors = np.linalg.eigh((X * weights[:, None]).T @ X)
        return np.maximum(values, 0.0), vectors

    def step(
        self,
        blocks: Index,
        fits: BlockFits,
        along: Array,
        bends: Array,
        gradient: Array,
        root: Callable[[], Array],
        lift: float,
        *,
        exact: bool = False,
    ) -> Array | None:
        """The Newton step (q + m d,) of blocks with directions (m, d) and curvatures (m,) across them, intercept first.

        A rough one will do unless ``exact``. The diagonal of what is factored is lifted by a share of its largest entry; None where that is
        not enough for a Cholesky factorisation.
        """
        if not len(gradient):
            return gradient
        by_blocks, by_outputs, by_gradients = block_systems(
            self.program.Y.shape, *along.shape, constant=self.constant, steps=self.steps
        )
        if not exact and by_gradients < min(by_blocks, by_outputs):
            step = self._by_gradients(fits, along, bends, gradient, root())
            if step is not None:
                return step
        if by_outputs < by_blocks:
            return self._by_outputs(fits, along, bends, gradient, root(), lift)
        return _solution(self._hessian(blocks, fits, along, bends, root), gradient, lift)

    def _hessian(self, blocks: Index, fits: BlockFits, along: Array, bends: Array, root: Callable[[], Array]) -> Array:
        """The matrix without its lift."""
        matrix = blocks_gram(fits, root(), self.basis) if self.grams is None else self.grams(blocks, root)
        (m, d), q = along.shape, self.basis.shape[1]
        own = np.einsum("iaib->iab", matrix[q:, q:].reshape(m, d, m, d))  # a view
        own -= (bends[:, None] * along)[:, :, None] * along[:, None, :]
        np.einsum("iaa->ia", own)[...] += bends[:, None]
        return matrix

    def _by_outputs(
        self, fits: BlockFits, along: Array, bends: Array, gradient: Array, root: Array, lift: float
    ) -> Array | None:
        q, (n, _, width) = self.basis.shape[1], root.shape
        border = np.hstack([self._border(root), activities(fits, root, along @ fits.X.T).T])
        added = lift * max(float(bends.max(initial=TINY)), float(np.square(border).sum(axis=0).max()))
        inverse = 1.0 / (bends + added)
        turned = gradient[q:].reshape(along.shape)
        lengthwise = np.einsum("bi,bi->b", turned, along)
        across = inverse[:, None] * _across(turned, along)
        # of the moves across: I + S' Z H^-1 Z' S
        matrix = outputs_gram(fits, root, FreeBlocks(inverse, np.sqrt(inverse)[:, None] * along, -1.0))
        np.einsum("ii->i", matrix)[...] += 1.0
        factor, info = dpotrf(matrix.T, overwrite_a=True)
        if info:
            return None
        moved = np.einsum("nkl,nk->nl", root, fits.outputs(across)).reshape(-1, 1)
        half = solve_triangular(factor, np.hstack([border, moved]), trans="T", overwrite_b=True, check_finite=False)
        schur = half[:, :-1].T @ half[:, :-1]
        short = _solution(schur, np.concatenate([gradient[:q], lengthwise]) - half[:, :-1].T @ half[:, -1], 0.0, added)
        if short is None:
            return None
        back = solve_triangular(factor, half[:, :-1] @ short - half[:, -1], check_finite=False, overwrite_b=True)
        drawn = fits.adjoint(np.einsum("nkl,nl->nk", root, back.reshape(n, width)))
        step = short[q:, None] * along - across - inverse[:, None] * _across(drawn, along)
        return np.concatenate([short[:q], step.ravel()])

    def _by_gradients(self, fits: BlockFits, along: Array, bends: Array, gradient: Array, root: Array) -> Array | None:
        """Roughly, by preconditioned conjugate gradients, whose number is remembered; None where they are too many or meet no curvature."""
        (m, d), q = along.shape, self.basis.shape[1]
        parts = activities(fits, root, np.ones((m, 1)))
        own = self._border(root)
        self.steps = 2 * limits().gradient_steps
        try:
            inverse = BlockPreconditioner(parts @ parts.T, self.moments, bends, along)
            free = np.linalg.inv(own.T @ own)
        except np.linalg.LinAlgError:
            return None

        def preconditioned(r: Array) -> Array:
            return np.concatenate([free @ r[:q], inverse(r[q:].reshape(m, d)).ravel()])

        def product(x: Array) -> Array:
            U = x[q:].reshape(m, d)
            outputs = fits.outputs(U) + self.basis @ x[:q]
            bent = np.einsum("nkl,nl->nk", root, np.einsum("nkl,nk->nl", root, outputs))
            turned = fits.adjoint(bent) + bends[:, None] * _across(U, along)
            return np.concatenate([self.basis.T @ bent.sum(axis=0), turned.ravel()])

        step, r = np.zeros_like(gradient), -gradient
        z = preconditioned(r)
        p, size = z, float(r @ z)
        enough = self.inexact**2 * size
        for k in range(1, limits().gradient_steps + 1):
            moved = product(p)
            bend = float(p @ moved)
            if not bend > 0.0:
                return None
            alpha = size / bend
            step += alpha * p
            r -= alpha * moved
            z = preconditioned(r)
            size, before = float(r @ z), size
            if size <= enough:
                self.steps = k
                return step
            p = z + size / before * p
        return None

    def _border(self, root: Array) -> Array:
        """Columns ``S' basis`` (n l, q) of the intercept."""
        return np.einsum("nkl,kq->nlq", root, self.basis).reshape(root.shape[0] * root.shape[2], self.basis.shape[1])


def _across(V: Array, along: Array) -> Array:
    """What of vectors (m, d) is orthogonal to unit vectors."""
    return V - np.einsum("bi,bi->b", V, along)[:, None] * along


def _solution(hessian: Array, gradient: Array, lift: float, added: float = 0.0) -> Array | None:
    """The Newton step with a lifted diagonal; none where that is not enough for a Cholesky factorisation. Overwrites the Hessian."""
    diagonal = np.einsum("ii->i", hessian)  # a view
    diagonal += lift * float(diagonal.max(initial=TINY)) + added
    # LAPACK itself: scipy's checks take as long as a small system
    _, step, info = dposv(hessian.T, -gradient, overwrite_a=True, overwrite_b=True)
    return np.asarray(step) if info == 0 else None
