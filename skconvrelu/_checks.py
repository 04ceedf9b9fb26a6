"""Checks of what users hand to functions that are not estimators."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_array, check_random_state

from skconvrelu._sklearn import check_sample_weight

Array = NDArray[np.float64]


#: entries that no array of numbers can have more of, whatever the memory
MOST_ENTRIES = np.iinfo(np.intp).max // np.dtype(np.float64).itemsize


def check_matrix(X: Any) -> Array:
    """A finite dense float64 matrix with at least one row and column."""
    return np.asarray(check_features(X, accept_sparse=False, dtype=np.float64, ensure_min_samples=1), dtype=np.float64)


def check_features(X: Any, *, accept_sparse: bool = True, **kwargs: Any) -> Any:
    """A finite matrix of numbers, from any data frame whose entries are all there; an error names X."""
    kwargs = {"dtype": [np.float64, np.float32], "ensure_min_samples": 0, **kwargs}
    try:
        return check_array(X, accept_sparse=("csr", "csc") if accept_sparse else False, input_name="X", **kwargs)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"X must be a matrix of finite numbers, a row a sample: {error}") from error


def check_flag(value: Any, name: str) -> bool:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, got {value!r}.")
    return bool(value)


def check_choice(value: Any, name: str, choices: tuple[str, ...]) -> str:
    """One of some words."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}.")
    return value


def check_rng(random_state: Any, name: str = "random_state") -> np.random.RandomState:
    """The generator that a ``random_state`` stands for."""
    try:
        return check_random_state(random_state)
    except ValueError as error:
        raise ValueError(f"{name} must be None, an integer from 0 to 2**32 - 1 or a RandomState: {error}") from error


def check_shape(values: Any, name: str) -> tuple[int, ...]:
    """The shape of an array-like; an error names the argument."""
    try:
        return np.asarray(values).shape
    except ValueError as error:
        raise ValueError(f"{name} must be an array, all its rows of one length: {error}") from error


def check_vector(values: Any, name: str) -> Array:
    """Numbers as float64, of any shape; an error names the argument."""
    try:
        array = np.asarray(values)
        if array.dtype.kind in "mMc":
            raise TypeError(f"got {array.dtype}.")
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold real numbers: {error}") from error


def check_labels(y: Any, n: int) -> Array:
    """Labels of two classes as -1 and +1, the larger label positive."""
    shape = check_shape(y, "y")
    check_no_missing(y)
    classes, labels = distinct_labels(y) if shape == (n,) else (np.zeros(0), np.zeros(0))
    if len(classes) != 2:
        raise ValueError(
            f"y must hold one of two labels for each of the {n} samples; got shape {shape}, {len(classes)} distinct values."
        )
    return np.where(labels == 1, 1.0, -1.0)


def distinct_labels(y: Any) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Labels in order, and the place of each sample's among them."""
    try:
        classes, places = np.unique(np.asarray(y), return_inverse=True)
    except TypeError as error:
        raise ValueError(f"y must hold labels of one kind, which can be sorted: {error}") from error
    return classes, places.ravel()


def check_no_missing(y: Any, name: str = "y") -> None:
    """Refuse targets or labels that hold NaN, infinities, None, pandas.NA or NaT."""
    dtype = getattr(y, "dtype", None)
    known = isinstance(dtype, np.dtype) and dtype.kind != "O"
    values = np.asarray(y) if known else np.asarray(y, dtype=object)  # a list with NaN and strings would become strings
    if values.dtype.kind in "fc":
        missing = not np.isfinite(values).all()
    elif values.dtype.kind in "mM":
        missing = bool(np.isnat(values).any())
    else:
        missing = values.dtype.kind == "O" and any(_is_missing(value) for value in values.ravel())
    if missing:
        raise ValueError(f"{name} holds NaN, infinite or missing values; drop those samples or impute them.")


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Have errors about an argument name it, which not all of numpy's and scikit-learn's do."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if re.search(rf"\b{name}\b", str(error)):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from error


def check_known(y: Any, *, numbers: bool) -> None:
    """What scikit-learn does not say, or not clearly, of the targets of a fit: missing ones of every kind, and such as are no numbers."""
    if y is not None and not sparse.issparse(y):
        shape = check_shape(y, "y")
        if len(shape) not in (1, 2):
            raise ValueError(f"y must be a 1d array, or one of a row for each sample; got an array of shape {shape}.")
        if not shape[0]:
            raise ValueError("y has no samples.")
    if y is None or sparse.issparse(y) or getattr(getattr(y, "dtype", None), "kind", "O") in "biufc":  # it does
        return
    check_no_missing(y)
    if numbers:
        check_vector(y, "y")


def _is_missing(value: Any) -> bool:
    """None, and what is not equal to itself: NaN, NaT, and pandas.NA, which gives no answer at all; or infinite."""
    if value is None:
        return True
    same = value == value
    if np.ndim(same) == 0 and not (isinstance(same, (bool, np.bool_)) and same):
        return True
    return isinstance(value, Real) and not np.isfinite(float(value))


def check_class_weight(class_weight: dict[Any, Any], classes: NDArray[Any]) -> Array:
    """Weight of each class, 1 where the dict has none."""
    unknown = [label for label in class_weight if label not in set(classes.tolist())]
    if unknown:
        raise ValueError(f"class_weight: {unknown} are no labels of y, which are {classes.tolist()}.")
    for label, weight in class_weight.items():
        check_number(weight, f"class_weight of {label!r}", least=0.0)
    return np.array([float(class_weight.get(label, 1.0)) for label in classes.tolist()])


def check_fit_weights(sample_weight: Any, X: Any) -> Array:
    """Finite nonnegative weights (n,) of a fit, not all zero; None is ones, a number stands for every sample."""
    with naming("sample_weight"):
        if sample_weight is not None:
            check_vector(sample_weight, "sample_weight")
        weights = check_sample_weight(sample_weight, X, dtype=np.float64)
    if not np.isfinite(weights).all():
        raise ValueError("sample_weight holds NaN or infinite entries; weights must be finite.")
    if (weights < 0.0).any():
        raise ValueError("sample_weight has negative entries; weights must be nonnegative.")
    if not (weights > 0.0).any():
        raise ValueError("All entries of sample_weight are zero; at least one weight must be positive.")
    return weights


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


def check_method(method: Any, max_time: Any) -> None:
    """Validate how prices are found, and for how long."""
    check_choice(method, "method", ("search", "exact"))
    check_max_time(max_time)


def check_max_time(max_time: Any) -> float | None:
    """Seconds, or None for no limit."""
    if max_time is None:
        return None
    if not (isinstance(max_time, Real) and float(max_time) >= 0.0):
        raise ValueError(f"max_time must be None or a nonnegative number of seconds, got {max_time!r}.")
    return float(max_time)


def check_count(value: Any, name: str, least: int = 1, *, most: int | None = MOST_ENTRIES) -> int:
    """An integer of at least ``least``, and of at most what an array can have entries where it counts such."""
    if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}.")
    if most is not None and int(value) > most:
        raise ValueError(f"{name} must be at most {most}, more than which no array can hold; got {value!r}.")
    return int(value)
