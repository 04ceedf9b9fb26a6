"""The only loop over samples: sums, largest values and results row by row.

What many samples ask for is written as a kernel, a function of parts of arrays that have one row a sample, and handed to
:class:`Rows`, which knows how many rows it can work on at once. Nothing but this module cuts samples into parts, so that samples
that are somewhere else need another :class:`Rows` and no other kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skconvrelu.limits import limits

Array = NDArray[np.float64]
Kernel = Callable[..., Any]
#: ``map``, or that of a pool of threads; results in their order
Run = Callable[..., Iterator[Any]]


class Rows:
    """Arrays with one row a sample, ``step`` rows at a time.

    Parameters
    ----------
    step : int
        Rows that a kernel is given at once.
    *arrays : ndarray or sparse array of shape (n, ...)
    """

    def __init__(self, step: int, *arrays: Any) -> None:
        self.step, self.arrays = step, arrays

    @classmethod
    def in_memory(cls, width: int, *arrays: Any) -> Rows:
        """So many rows at once that ``width`` numbers for each of them make one temporary."""
        return cls(max(1, limits().temporary // max(width, 1)), *arrays)

    @classmethod
    def in_cache(cls, width: int, *arrays: Any, numbers: int | None = None) -> Rows:
        """So many that ``width`` numbers for each of them, ``numbers`` in all, stay in a core's cache."""
        return cls(max(limits().least_rows, (numbers or limits().cached) // max(width, 1)), *arrays)

    def __len__(self) -> int:
        return int(self.arrays[0].shape[0])

    @property
    def n_parts(self) -> int:
        """Parts that a kernel is given one after another."""
        return -(-len(self) // self.step)

    def _parts(self) -> Iterator[slice]:
        # without samples one part without rows, which has the results' shape
        return batches(len(self), self.step) if len(self) else iter([slice(0, 0)])

    def _results(self, kernel: Kernel, run: Run) -> Iterator[Any]:
        return run(lambda rows: kernel(*(array[rows] for array in self.arrays)), self._parts())

    def sum(self, kernel: Kernel, run: Run = map) -> Any:
        """The sum of what the kernel returns, an array or several of them, added up in the order of the rows whoever ``run`` has work."""
        return reduce(_added, self._results(kernel, run))

    def map(self, kernel: Kernel) -> Array:
        """What the kernel returns for each row, (n, ...)."""
        results = list(self._results(kernel, map))
        return np.asarray(results[0] if len(results) == 1 else np.concatenate(results))

    def largest(self, kernel: Kernel) -> Array:
        """The largest of what the kernel returns, entry by entry."""
        return np.asarray(reduce(np.maximum, self._results(kernel, map)))


def _added(one: Any, other: Any) -> Any:
    if isinstance(one, tuple):
        return tuple(a + b for a, b in zip(one, other, strict=True))
    return one + other


def batches(count: int, step: int) -> Iterator[slice]:
    """Consecutive parts of ``step``; of blocks, cones or starts as well as of samples."""
    return (slice(first, min(first + step, count)) for first in range(0, count, step))


def in_memory(count: int, width: int) -> Iterator[slice]:
    """Parts of blocks, cones or starts, so many that ``width`` numbers for each of them make one temporary."""
    return batches(count, max(1, limits().temporary // max(width, 1)))
