"""Samples on the hyperplanes of hidden units, where activations have kinks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


#: roundings that a hidden value may carry
_ROUNDINGS = 8.0


def hidden_and_kinks(X: Array, W: Array, kink_tol: float) -> tuple[Array, NDArray[np.bool_]]:
    """Hidden values ``X W`` (n, m), and where they are at most ``kink_tol`` of the largest one of their unit, or rounding.

    The sizes of the two vectors are no measure: far from the origin they are much larger than any difference between samples.
    With ``kink_tol`` zero only hidden values of zero count, with a negative one none.
    """
    values = X @ W
    rounding = _ROUNDINGS * np.finfo(float).eps * np.outer(np.linalg.norm(X, axis=1), np.linalg.norm(W, axis=0))
    allowed = np.maximum(kink_tol * np.abs(values).max(axis=0, initial=0.0), rounding if kink_tol > 0.0 else -1.0)
    return values, np.abs(values) <= allowed
