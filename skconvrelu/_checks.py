"""Checks of what users hand to functions that are not estimators."""

from __future__ import annotations

from numbers import Integral, Real
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
    check_no_missing(y)
    classes = np.unique(y)
    if y.shape != (n,) or len(classes) != 2:
        raise ValueError(
            f"y must hold one of two labels for each of the {n} samples; got shape {y.shape}, {len(classes)} distinct values."
        )
    return np.where(y == classes[1], 1.0, -1.0)


def check_no_missing(y: NDArray[Any]) -> None:
    """Refuse targets or labels that hold NaN, infinities or None."""
    if y.dtype.kind in "fc":
        missing = not np.isfinite(y).all()
    else:
        missing = y.dtype.kind == "O" and any(value is None or value != value for value in y.ravel())
    if missing:
        raise ValueError("y holds NaN, infinite or missing values; drop those samples or impute them.")


def check_weights(sample_weight: Any, n: int) -> Array:
    """Nonnegative weights (n,) that sum to one; equal ones for None."""
    if sample_weight is None:
        return np.full(n, 1.0 / n)
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sample_weight must be {n} numbers, got {sample_weight!r}.") from error
    if weights.shape != (n,) or not (np.isfinite(weights) & (weights >= 0.0)).all() or not weights.any():
        raise ValueError(
            f"sample_weight must be {n} finite nonnegative numbers, not all zero, got shape {weights.shape}."
        )
    return weights / weights.sum()


def check_number(
    value: Any, name: str, *, above: float = -np.inf, least: float = -np.inf, below: float = np.inf
) -> float:
    """A finite number above one bound, at least another, below a third."""
    if not isinstance(value, Real) or isinstance(value, bool) or not np.isfinite(float(value)):
        raise ValueError(f"{name} must be a finite number, got {value!r}.")
    number = float(value)
    if not (above < number < below and number >= least):
        bounds = [("above", above), ("at least", least), ("below", below)]
        said = " and ".join(f"{word} {bound:g}" for word, bound in bounds if np.isfinite(bound))
        raise ValueError(f"{name} must be {said}, got {value!r}.")
    return number


def check_method(method: Any, time_limit: Any) -> None:
    """Validate how prices are found, and for how long."""
    if method not in ("search", "exact"):
        raise ValueError(f"method must be 'search' or 'exact', got {method!r}.")
    if time_limit is not None and not (isinstance(time_limit, Real) and float(time_limit) >= 0.0):
        raise ValueError(f"time_limit must be None or a nonnegative number of seconds, got {time_limit!r}.")


def check_count(value: Any, name: str, least: int = 1) -> int:
    """An integer of at least ``least``."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}.")
    return int(value)
