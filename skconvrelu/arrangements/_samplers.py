"""Samplers of gates: Gaussian, of few features, beside data points, on patches of an image."""

from __future__ import annotations

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skconvrelu._by_value import hash_of_values, same_values
from skconvrelu._checks import check_choice, check_count, check_flag, check_matrix, check_rng, check_shape, check_vector
from skconvrelu.arrangements._enumeration import exact_gates
from skconvrelu.arrangements._patterns import merge_sampled
from skconvrelu.rounding import positive
from skconvrelu.row_space import row_space_coordinates

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: a column whose spread is smaller beside its mean is constant but for rounding
CONSTANT = 1e-12


def gaussian_gates(X: Array, scale: Array, count: int, rng: np.random.RandomState) -> Array:
    """Standard normal gates in the coordinates in which every column of X has unit ``scale``."""
    return rng.standard_normal((X.shape[1], count)) / scale[:, None]


def sparse_gates(X: Array, count: int, rng: np.random.RandomState, *, constant: bool) -> Array:
    """Gates that look at few features (one to three, drawn uniformly), with a threshold at a random sample.

    With ``constant`` (the last column of X is one) the hyperplane passes near a data point; without, it passes through zero.
    """
    d = X.shape[1]
    features = d - 1 if constant else d
    spread = _spread(X, constant=constant)
    gates = np.zeros((d, count))
    for column in gates.T:
        chosen = rng.choice(features, size=rng.randint(1, min(3, features) + 1), replace=False)
        column[chosen] = rng.standard_normal(len(chosen)) / spread[chosen]
        if constant:
            column[-1] = _threshold(X @ column, rng)
    return gates


def _spread(X: Array, *, constant: bool) -> Array:
    """Units (d,) of the columns: standard deviations, or root mean squares of columns without a constant beside them.

    One of columns that are constant but for rounding: coefficients as large as that rounding is small would be left to cancel.
    """
    if not constant:
        return positive(np.sqrt(np.mean(X * X, axis=0)))
    return _unless_constant(X.std(axis=0), X.mean(axis=0))


def _unless_constant(spread: Array, mean: Array) -> Array:
    return np.where(spread > CONSTANT * np.abs(mean), spread, 1.0)


def _threshold(values: Array, rng: np.random.RandomState) -> float:
    """A bias that puts the hyperplane halfway between two neighbouring values, so that no sample lies on it."""
    values = np.unique(values)
    k = rng.randint(max(len(values) - 1, 1))
    return float(-0.5 * (values[k] + values[min(k + 1, len(values) - 1)]))


def data_gates(X: Array, count: int, rng: np.random.RandomState) -> Array:
    """Gates through r - 1 random samples (r = rank), moved off them to one side, so that their cells touch the data.

    Every cell of the arrangement has such a vertex direction in its closure, and around each vertex cells of all sizes meet:
    the sampler reaches narrow cells that Gaussian gates almost never hit.
    """
    n, d = X.shape
    values, basis = row_space_coordinates(X)
    rank = basis.shape[1]
    gates = np.empty((d, count))
    for j in range(count):
        if rank == 1:
            direction = np.array([rng.choice([-1.0, 1.0])])
            gates[:, j] = basis @ direction
            continue
        chosen = rng.choice(n, size=min(rank - 1, n), replace=False)
        points = values[chosen]
        null = np.linalg.svd(points, full_matrices=True)[2][len(points) :]
        direction = null.T @ rng.standard_normal((len(null),))
        nudge = rng.standard_normal((rank,))
        gates[:, j] = basis @ _move_off(values, direction, nudge)
    return gates


def _move_off(points: Array, direction: Array, nudge: Array) -> Array:
    """``direction + eps * nudge`` with eps small enough that only samples on the hyperplane of ``direction`` change side."""
    sizes = np.linalg.norm(points, axis=1)
    here = points @ (direction / np.linalg.norm(direction))
    there = points @ (nudge / np.linalg.norm(nudge))
    apart = np.abs(here) > 1e-9 * sizes
    crossing = apart & (here * there < 0.0)
    eps = 0.5 * float(np.min(np.abs(here[crossing] / there[crossing]), initial=1.0))
    return direction / np.linalg.norm(direction) + eps * nudge / np.linalg.norm(nudge)


def patch_gates(
    X: Array, count: int, rng: np.random.RandomState, *, constant: bool, image: tuple[int, ...], patch: tuple[int, int]
) -> Array:
    """Standard normal gates on one patch of the image each, drawn uniformly; zero elsewhere.

    Pixels are in the units of their own column, and the hyperplane passes near a random sample, as in :func:`sparse_gates`.
    """
    height, width = image[:2]
    gates = np.zeros((X.shape[1], count))
    spread = _spread(X, constant=constant)
    for column in gates.T:
        top, left = rng.randint(height - patch[0] + 1), rng.randint(width - patch[1] + 1)
        inside = np.zeros(image, dtype=bool)
        inside[top : top + patch[0], left : left + patch[1]] = True
        chosen = np.flatnonzero(inside.ravel())
        column[chosen] = rng.standard_normal(len(chosen)) / spread[chosen]
        if constant:
            column[-1] = _threshold(X @ column, rng)
    return gates


def check_room(X: Array, count: int) -> None:
    """Refuse to draw more gates than there are addresses for: each takes a number for every column of X and one for every row."""
    most = np.iinfo(np.intp).max // (np.dtype(np.float64).itemsize * sum(X.shape))
    if count > most:
        raise ValueError(
            f"n_arrangements, the count of gates, must be at most {most} for X of shape {X.shape}: gates and their products with X would "
            f"take more bytes than there are addresses; got {count}."
        )


def sample_gates(
    X: Array, arrangements: str, count: int, rng: np.random.RandomState, *, weights: Array, constant: bool
) -> Array:
    """Gates (d, count) of one of the named samplers; ``weights`` only set the units in which columns are measured."""
    check_choice(arrangements, "arrangements", ("gaussian", "sparse", "data", "exact"))
    X, rng, constant = check_matrix(X), check_rng(rng, "rng"), check_flag(constant, "constant")
    count = check_count(count, "count", 0, most=None)
    weights = check_vector(weights, "weights")
    if weights.shape != (len(X),):
        raise ValueError(f"weights must be a number for each of the {len(X)} rows of X, got shape {weights.shape}.")
    if arrangements == "exact":
        return exact_gates(X)
    check_room(X, count)
    try:
        return _drawn(X, arrangements, count, rng, weights=weights, constant=constant)
    except MemoryError as error:
        raise ValueError(f"n_arrangements={count} gates do not fit into memory ({error}); draw fewer.") from error


def _drawn(
    X: Array, arrangements: str, count: int, rng: np.random.RandomState, *, weights: Array, constant: bool
) -> Array:
    if arrangements == "data":
        return data_gates(X, count, rng)
    if arrangements == "sparse":
        return sparse_gates(X, count, rng, constant=constant)
    if not constant:
        square = weights @ np.square(X)
        return gaussian_gates(X, np.sqrt(np.where(square > 0.0, square, 1.0)), count, rng)
    mean = weights @ X
    spread = np.sqrt(weights @ np.square(X - mean))
    spread[-1] = 1.0
    mean[-1] = 0.0
    gates = gaussian_gates(X, _unless_constant(spread, mean), count, rng)
    # hidden biases in the centred coordinates: a shift of the features shifts the hyperplanes with them
    gates[-1] -= mean @ gates
    return gates


class SampledArrangements(NamedTuple):
    """Gates and their patterns.

    Attributes
    ----------
    gates : ndarray of shape (d, P)
        One for each distinct pattern; ``d = n_features``, and one more with ``fit_intercept``. They can be given to an estimator as its
        ``arrangements``.
    patterns : bool ndarray of shape (n_samples, P)
        ``1[X g >= 0]``.
    """

    gates: Array
    patterns: Mask

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple) and same_values(tuple(self), tuple(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash_of_values(self)


def sample_arrangements(
    X: Any,
    n_arrangements: int = 100,
    *,
    kind: str = "gaussian",
    image_shape: tuple[int, ...] | None = None,
    patch_shape: tuple[int, int] | None = None,
    fit_intercept: bool = False,
    random_state: Any = None,
) -> SampledArrangements:
    """Sample arrangement patterns, as the estimators do.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    n_arrangements : int, default=100
        Gates to draw; repeated patterns and the one that is off everywhere are dropped.
    kind : {"gaussian", "sparse", "data", "patches", "exact"}, default="gaussian"
        "gaussian": standard normal in standardised features. "sparse": one to three features. "data": beside ``rank - 1`` random samples.
        "patches": normal on a random patch of the image, zero elsewhere. "exact": a gate for every full-dimensional pattern.
    image_shape : tuple (height, width) or (height, width, channels), default=None
        For "patches": the shape whose raveled values (C order) a row of X holds.
    patch_shape : tuple (height, width), default=None
        For "patches".
    fit_intercept : bool, default=False
        Append the constant column for hidden biases; the gates then have a last entry for it.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    sampled : SampledArrangements

    Raises
    ------
    ValueError
        If X is not a finite matrix, ``kind`` is unknown, or the shapes do not fit X or each other.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skconvrelu.arrangements import sample_arrangements
    >>> X = load_digits().data
    >>> sampled = sample_arrangements(X, 5, kind="patches", image_shape=(8, 8), patch_shape=(3, 3), random_state=0)
    >>> int((sampled.gates != 0).sum(axis=0).max())
    9
    """
    X = check_matrix(X)
    check_choice(kind, "kind", ("gaussian", "sparse", "data", "patches", "exact"))
    fit_intercept = check_flag(fit_intercept, "fit_intercept")
    n_arrangements = check_count(n_arrangements, "n_arrangements", most=None)
    rng = check_rng(random_state)
    biased = np.hstack([X, np.ones((len(X), 1))]) if fit_intercept else X
    if kind == "patches":
        image, patch = _check_shapes(image_shape, patch_shape, X.shape[1])
        check_room(biased, n_arrangements)
        gates = patch_gates(biased, n_arrangements, rng, constant=fit_intercept, image=image, patch=patch)
    else:
        weights = np.full(len(X), 1.0 / len(X))
        gates = sample_gates(biased, kind, n_arrangements, rng, weights=weights, constant=fit_intercept)
    gates, patterns = merge_sampled(biased, gates, gates[:, :0])
    return SampledArrangements(gates, np.ascontiguousarray(patterns.T))


def _check_shapes(image: Any, patch: Any, n_features: int) -> tuple[tuple[int, ...], tuple[int, int]]:
    if image is None or patch is None:
        raise ValueError("kind='patches' needs image_shape and patch_shape.")
    for name, shape in (("image_shape", image), ("patch_shape", patch)):
        if len(check_shape(shape, name)) != 1 or not all(isinstance(k, Integral) for k in shape):
            raise ValueError(f"{name} must be a tuple of integers, got {shape!r}.")
    image, patch = tuple(int(k) for k in image), tuple(int(k) for k in patch)
    if len(image) not in (2, 3) or int(np.prod(image)) != n_features:
        raise ValueError(
            f"image_shape {image} must be (height, width) or (height, width, channels) of {n_features} values, as X has."
        )
    if len(patch) != 2 or not all(1 <= p <= size for p, size in zip(patch, image, strict=False)):
        raise ValueError(f"patch_shape {patch} must be (height, width), each from 1 to that of image_shape {image}.")
    return image, patch
