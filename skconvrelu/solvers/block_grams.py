"""Gram matrices of blocks without cones, of which those under constant curvature are computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skconvrelu._products import CHUNK
from skconvrelu.program import Index
from skconvrelu.solvers.newton_system import BlockFits, blocks_gram

Array = NDArray[np.float64]


@dataclass
class _Known:
    """Blocks in the order in which they were met, where each block is in it (-1: nowhere), and their matrix."""

    blocks: Index
    places: Index
    gram: Array


class BlockGrams:
    """``(basis, Z)' S S' (basis, Z)`` of blocks; under ``constant`` curvature, what was computed once is remembered."""

    def __init__(self, fits: BlockFits, basis: Array, *, constant: bool) -> None:
        self.fits, self.basis, self.constant = fits, basis, constant
        self._known = _Known(np.empty(0, dtype=np.intp), np.full(len(fits.masks), -1), np.empty((0, 0)))
        self._last: tuple[Index, Array] | None = None

    def __call__(self, blocks: Index, root: Callable[[], Array]) -> Array:
        """The matrix (q + m d, q + m d) of some blocks, the caller's own; ``root`` gives the curvature where it is needed."""
        if not self.constant:
            return blocks_gram(self.fits.of(blocks), root(), self.basis)
        if self._last is None or not np.array_equal(blocks, self._last[0]):
            d, q = self.fits.X.shape[1], self.basis.shape[1]
            at = self._places(blocks, root)
            entries = np.concatenate([np.arange(q), (q + at[:, None] * d + np.arange(d)).ravel()])
            self._last = blocks, self._known.gram.take(entries, axis=0).take(entries, axis=1)
        return self._last[1].copy()

    def _places(self, blocks: Index, root: Callable[[], Array]) -> Index:
        """Where in the memory blocks are, after those that it lacks were added."""
        known, (d, q) = self._known, (self.fits.X.shape[1], self.basis.shape[1])
        new = blocks[known.places[blocks] < 0]
        if not len(new):
            return known.places[blocks]
        if not len(known.blocks) or (q + (len(known.blocks) + len(new)) * d) ** 2 > CHUNK:
            known.blocks, known.gram = blocks, blocks_gram(self.fits.of(blocks), root(), self.basis)
            known.places[:] = -1
        else:
            known.blocks, old = np.concatenate([known.blocks, new]), len(known.gram)
            columns = blocks_gram(self.fits.of(known.blocks), root(), self.basis, old)
            known.gram = np.block([[known.gram, columns[:old]], [columns.T]])
        known.places[known.blocks] = np.arange(len(known.blocks))
        return known.places[blocks]
