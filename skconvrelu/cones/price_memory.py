"""What is known of the prices of blocks at one dual point: several steps of a search ask for them, each to its own accuracy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skconvrelu.stopping import due

Array = NDArray[np.float64]
Index = NDArray[np.intp]


class PriceMemory:
    """Bounds (B,) of the prices at the last dual point that was asked for; those of another one are forgotten.

    Attributes
    ----------
    upper, lower : ndarray of shape (B,)
    """

    def __init__(self, n_blocks: int) -> None:
        self._n_blocks = n_blocks
        self._forget(np.zeros((0, 0)))

    def _forget(self, dual: Array) -> None:
        self._dual = dual.copy()
        self.upper, self.lower = np.full(self._n_blocks, np.inf), np.zeros(self._n_blocks)
        # how exactly each was asked for, and beside what level (zero for none)
        self._rtol, self._level = np.full(self._n_blocks, np.inf), np.full(self._n_blocks, np.nan)

    def at(self, dual: Array) -> PriceMemory:
        """Itself, at this dual point."""
        if not np.array_equal(self._dual, dual):
            self._forget(dual)
        return self

    def unsettled(self, blocks: Index, level: float | None, rtol: float) -> Index:
        """Those that were not asked for as exactly before, and are not certainly on one side of the level, if there is one."""
        settled = (self._rtol[blocks] <= rtol) & np.isin(self._level[blocks], (0.0, level or 0.0))
        if level is not None:
            upper, lower = self.upper[blocks], self.lower[blocks]
            settled |= (upper <= level) | ((lower > level) & (upper <= 1.01 * lower))
        return blocks[~settled]

    def add(self, blocks: Index, upper: Array, lower: Array, level: float | None, rtol: float) -> None:
        """What was found of some blocks; where work is to stop it may be rough, and whoever may still take time asks again."""
        self.upper[blocks] = np.minimum(self.upper[blocks], upper)
        self.lower[blocks] = np.maximum(self.lower[blocks], lower)
        self._rtol[blocks], self._level[blocks] = np.inf if due() else rtol, level or 0.0
