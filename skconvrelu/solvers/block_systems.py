"""Newton systems of nonzero blocks without cones, on the cheaper side: ``Z' S S' Z + blockdiag(c_j (I - a_j a_j'))``.

Either the matrix itself, of as many rows as blocks have entries, or, where samples are fewer, by Woodbury: the moves of blocks across
their directions ``a_j`` have the invertible diagonal ``c_j`` and are eliminated through a matrix of the size of the outputs; what is left
is a system in the intercept and one length a block.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dposv, dpotrf

from skconvrelu.program import ConvexProgram, Index
from skconvrelu.solvers.block_grams import BlockGrams
from skconvrelu.solvers.newton_system import BlockFits, FreeBlocks, activities, outputs_gram

Array = NDArray[np.float64]


def system_flops(program: ConvexProgram, n_blocks: float) -> float:
    """Multiply-adds of forming and factoring the system of so many blocks on the cheaper side."""
    return min(_sides(program.Y.size, n_blocks, program.X.shape[1], constant=program.loss.quadratic))


def _sides(n_outputs: int, n_blocks: float, d: int, *, constant: bool) -> tuple[float, float]:
    """Multiply-adds on the side of the blocks, where a constant curvature need not be formed, and on that of the outputs."""
    size = n_blocks * d
    by_blocks = (0.0 if constant else n_outputs * size**2) + size**3 / 3
    return by_blocks, n_outputs**2 * (d + 2.0 * n_blocks + n_outputs / 3)


class BlockSystems:
    """The systems of a program; under ``constant`` curvature the products of blocks are remembered."""

    def __init__(self, fits: BlockFits, basis: Array, *, constant: bool) -> None:
        self.basis, self.constant = basis, constant
        self.grams = BlockGrams(fits, basis, constant=constant)

    def step(
        self,
        blocks: Index,
        fits: BlockFits,
        along: Array,
        bends: Array,
        gradient: Array,
        root: Callable[[], Array],
        lift: float,
    ) -> Array | None:
        """The Newton step (q + m d,) of blocks with directions (m, d) and curvatures (m,) across them, intercept first.

        The diagonal is lifted by a share of its largest entry; None where that is not enough for a Cholesky factorisation.
        """
        if not len(gradient):
            return gradient
        n_outputs = len(fits.X) * fits.directions.shape[1]
        by_blocks, by_outputs = _sides(n_outputs, *along.shape, constant=self.constant)
        if by_outputs < by_blocks:
            return self._by_outputs(fits, along, bends, gradient, root(), lift)
        return _solution(self._hessian(blocks, along, bends, root), gradient, lift)

    def _hessian(self, blocks: Index, along: Array, bends: Array, root: Callable[[], Array]) -> Array:
        """The matrix without its lift."""
        matrix = self.grams(blocks, root)
        (m, d), q = along.shape, self.basis.shape[1]
        own = np.einsum("iaib->iab", matrix[q:, q:].reshape(m, d, m, d))  # a view
        own -= (bends[:, None] * along)[:, :, None] * along[:, None, :]
        np.einsum("iaa->ia", own)[...] += bends[:, None]
        return matrix

    def _by_outputs(
        self, fits: BlockFits, along: Array, bends: Array, gradient: Array, root: Array, lift: float
    ) -> Array | None:
        q, (n, _, width) = self.basis.shape[1], root.shape
        border = np.hstack(
            [
                np.einsum("nkl,kq->nlq", root, self.basis).reshape(n * width, q),
                activities(fits, root, along @ fits.X.T).T,
            ]
        )
        added = lift * max(float(bends.max(initial=1e-300)), float(np.square(border).sum(axis=0).max()))
        inverse = 1.0 / (bends + added)
        turned = gradient[q:].reshape(along.shape)
        lengthwise = np.einsum("bi,bi->b", turned, along)
        across = inverse[:, None] * (turned - lengthwise[:, None] * along)
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
        drawn -= np.einsum("bi,bi->b", drawn, along)[:, None] * along
        step = short[q:, None] * along - across - inverse[:, None] * drawn
        return np.concatenate([short[:q], step.ravel()])


def _solution(hessian: Array, gradient: Array, lift: float, added: float = 0.0) -> Array | None:
    """The Newton step with a lifted diagonal; none where that is not enough for a Cholesky factorisation. Overwrites the Hessian."""
    diagonal = np.einsum("ii->i", hessian)  # a view
    diagonal += lift * float(diagonal.max(initial=1e-300)) + added
    # LAPACK itself: scipy's checks take as long as a small system
    _, step, info = dposv(hessian.T, -gradient, overwrite_a=True, overwrite_b=True)
    return np.asarray(step) if info == 0 else None
