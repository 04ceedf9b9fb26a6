"""Samples on the hyperplanes of hidden units, where activations have kinks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def hidden_and_kinks(X: Array, W: Array, kink_tol: float) -> tuple[Array, NDArray[np.bool_]]:
    """Hidden values ``X W`` (n, m), and where they are at most ``kink_tol`` of the sizes of both vectors."""
    values = X @ W
    sizes = np.outer(np.linalg.norm(X, axis=1), np.linalg.norm(W, axis=0))
    return values, np.abs(values) <= kink_tol * sizes
