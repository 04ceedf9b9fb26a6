"""Checks of what users hand to functions that are not estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

Array = NDArray[np.float64]


def check_matrix(X: Any) -> Array:
    """A finite dense float64 matrix with at least one row and column."""
    return np.asarray(check_array(X, dtype=np.float64, input_name="X"), dtype=np.float64)


def check_labels(y: Any, n: int) -> Array:
    """Labels of two classes as -1 and +1, the larger label positive."""
    y = np.asarray(y)
    classes = np.unique(y)
    if y.shape != (n,) or len(classes) != 2:
        raise ValueError(
            f"y must hold one of two labels for each of the {n} samples; got shape {y.shape}, {len(classes)} distinct values."
        )
    return np.where(y == classes[1], 1.0, -1.0)
