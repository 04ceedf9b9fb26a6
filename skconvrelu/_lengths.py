"""Lengths of vectors of any size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def lengths(vectors: Array) -> Array:
    """Euclidean lengths of rows; squares of very large or small entries would be no numbers any more."""
    size = np.abs(vectors).max(axis=1, initial=0.0)
    return size * np.linalg.norm(vectors / np.where(size > 0.0, size, 1.0)[:, None], axis=1)
