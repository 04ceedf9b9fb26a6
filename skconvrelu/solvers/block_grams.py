"""Gram matrices of blocks without cones under constant curvature, whose entries are computed once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from skconvrelu.limits import limits
from skconvrelu.program import Index
from skconvrelu.solvers.newton_system import BlockFits, blocks_design, blocks_gram

Array = NDArray[np.float64]


class BlockGrams:
    """``(basis, Z)' S S' (basis, Z)`` of blocks, where ``S`` never moves: what was computed once is remembered.

    The memory has the blocks in the order in which they were met: their columns ``S' (basis, Z)`` and the products of those. Where it is
    full it begins anew.
    """

    def __init__(self, fits: BlockFits, basis: Array) -> None:
        self.fits, self.basis = fits, basis
        self._last: tuple[Index, Array] | None = None
        (n, d), q, (B, K) = fits.X.shape, basis.shape[1], fits.directions.shape
        # pages that nothing is written to cost nothing
        most = limits().temporary
        self._room = max(0, (min(q + B * d, most // (n * K), int(most**0.5)) - q) // d)
        size = q + self._room * d
        self._design, self._gram = np.empty((n * K, size), order="F"), np.empty((size, size))
        self._places, self._met = np.full(B, -1), 0

    def __call__(self, blocks: Index, root: Callable[[], Array]) -> Array:
        """The matrix (q + m d, q + m d) of some blocks, the caller's own; ``root`` gives the curvature where it is needed."""
        if self._last is None or not np.array_equal(blocks, self._last[0]):
            fits = len(blocks) <= self._room
            gram = self._remembered(blocks, root) if fits else blocks_gram(self.fits.of(blocks), root(), self.basis)
            self._last = blocks, gram
        return self._last[1].copy()

    def _remembered(self, blocks: Index, root: Callable[[], Array]) -> Array:
        """A selection of the memory, after the blocks that it lacks were added."""
        new = blocks[self._places[blocks] < 0]
        if self._met + len(new) > self._room:
            self._places[:], self._met, new = -1, 0, blocks
        if len(new):
            self._add(new, root())
        d, q, m = self.fits.X.shape[1], self.basis.shape[1], len(blocks)
        at, size = self._places[blocks], q + self._met * d
        rows = self._gram[q:size, q:size].reshape(self._met, d, self._met, d)[at]
        gram = rows.take(at, axis=2).reshape(m * d, m * d)
        if not q:
            return gram
        border = self._gram[:q, q:size].reshape(q, self._met, d).take(at, axis=1).reshape(q, m * d)
        return np.block([[self._gram[:q, :q], border], [border.T, gram]])

    def _add(self, new: Index, root: Array) -> None:
        """Columns and products of blocks that were not met before."""
        d, q = self.fits.X.shape[1], self.basis.shape[1]
        first = q + self._met * d if self._met else 0
        size = q + (self._met + len(new)) * d
        fits = self.fits.of(new)
        columns = blocks_design(fits.X, fits.masks.T, fits.directions, root, self.basis)
        self._design[:, first:size] = columns[:, q if self._met else 0 :]
        self._gram[:size, first:size] = self._design[:, :size].T @ self._design[:, first:size]
        self._gram[first:size, :first] = self._gram[:first, first:size].T
        self._places[new] = self._met + np.arange(len(new))
        self._met += len(new)
