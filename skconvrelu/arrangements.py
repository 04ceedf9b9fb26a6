"""Hyperplane arrangements: gates, the patterns they cut into the data, samplers, exact enumeration and counting.

A gate ``g`` activates sample i when ``x_i' g >= 0``; its pattern is the diagonal of ``D = diag(1[X g >= 0])``. X is the matrix that
the gates multiply: with hidden biases its last column is constant one.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skconvrelu.row_space import row_space_basis

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: "exact" is refused above this many patterns (in general position; real data never have more)
MAX_EXACT = 10_000


def patterns_of(X: Any, gates: Array) -> Mask:
    """Patterns ``1[X g >= 0]`` as rows, bool (P, n); X X or sparse (n, d), gates (d, P)."""
    return np.ascontiguousarray((np.asarray(X @ gates) >= 0.0).T)


def merge_patterns(X: Any, gates: Array) -> tuple[Array, Mask]:
    """Drop gates whose pattern is all off or was seen before; returns the gates (d, P') and patterns (P', n) kept, in order."""
    patterns = patterns_of(X, gates)
    packed = np.packbits(patterns, axis=1)
    _, first = np.unique(packed, axis=0, return_index=True)
    keep = np.sort(first)
    keep = keep[patterns[keep].any(axis=1)]
    return np.ascontiguousarray(gates[:, keep]), np.ascontiguousarray(patterns[keep])


def n_patterns_general_position(n: int, rank: int) -> int:
    """Number of full-dimensional patterns of n points in general position, ``2 sum_{k < r} C(n - 1, k)`` (Cover 1965)."""
    return 2 * sum(comb(n - 1, k) for k in range(rank)) if n else 1


def gaussian_gates(X: Array, scale: Array, count: int, rng: np.random.RandomState) -> Array:
    """Standard normal gates in the coordinates in which every column of X has unit ``scale``."""
    return rng.standard_normal((X.shape[1], count)) / scale[:, None]


def sparse_gates(X: Array, count: int, rng: np.random.RandomState, *, constant: bool) -> Array:
    """Gates that look at few features (one to three, drawn uniformly), with a threshold at a random sample.

    With ``constant`` (the last column of X is one) the hyperplane passes near a data point; without, it passes through zero.
    """
    d = X.shape[1]
    features = d - 1 if constant else d
    spread = X.std(axis=0) if constant else np.sqrt(np.mean(X * X, axis=0))
    gates = np.zeros((d, count))
    for column in gates.T:
        chosen = rng.choice(features, size=rng.randint(1, min(3, features) + 1), replace=False)
        column[chosen] = rng.standard_normal(len(chosen)) / np.where(spread[chosen] > 0.0, spread[chosen], 1.0)
        if constant:
            # halfway between two neighbouring values, so that no sample lies on the hyperplane
            values = np.unique(X @ column)
            k = rng.randint(max(len(values) - 1, 1))
            column[-1] = -0.5 * (values[k] + values[min(k + 1, len(values) - 1)])
    return gates


def data_gates(X: Array, count: int, rng: np.random.RandomState) -> Array:
    """Gates through r - 1 random samples (r = rank), moved off them to one side, so that their cells touch the data.

    Every cell of the arrangement has such a vertex direction in its closure, and around each vertex cells of all sizes meet:
    the sampler reaches narrow cells that Gaussian gates almost never hit.
    """
    n, d = X.shape
    values, basis = _row_space(X)
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


def _row_space(X: Array) -> tuple[Array, Array]:
    """Coordinates (n, r) of the rows in an orthonormal basis (d, r) of their span."""
    basis = row_space_basis(X)
    return X @ basis, basis


def exact_gates(X: Array, *, max_patterns: int = MAX_EXACT) -> Array:
    """One interior gate for every full-dimensional pattern of X, (d, P); patterns without interior are faces of these.

    Rows are inserted one by one. A cell is cut by the new hyperplane exactly when the arrangement restricted to that hyperplane
    has a cell with its pattern, so the cells to split come from the same problem one dimension lower: the cost is
    proportional to the number of patterns, without a linear program.

    Raises
    ------
    ValueError
        If the count in general position exceeds ``max_patterns``.
    """
    values, basis = _row_space(X)
    rows = _distinct_hyperplanes(values)
    bound = n_patterns_general_position(len(rows), basis.shape[1])
    if bound > max_patterns:
        raise ValueError(
            f"arrangements='exact' would enumerate up to {bound} patterns for {len(rows)} distinct hyperplanes of rank "
            f"{basis.shape[1]}, more than {max_patterns}. Use arrangements='gaussian' or 'data', fewer samples or features."
        )
    return basis @ _cells(rows).T


def _distinct_hyperplanes(points: Array) -> Array:
    """Unit normals of the nonzero rows, one for each line (x and -x cut the same hyperplane)."""
    sizes = np.linalg.norm(points, axis=1)
    unit = points[sizes > 1e-12 * sizes.max(initial=0.0)]
    unit = unit / np.linalg.norm(unit, axis=1)[:, None] if len(unit) else unit
    kept: list[int] = []
    for i in range(len(unit)):
        if not kept or np.abs(unit[kept] @ unit[i]).max() < 1.0 - 1e-14:
            kept.append(i)
    return unit[kept]


def _cells(normals: Array) -> Array:
    """Interior points (P, r) of all cells of the central arrangement with distinct unit ``normals`` (m, r)."""
    r = normals.shape[1]
    if r == 1 or not len(normals):
        return np.vstack([np.eye(r)[:1], -np.eye(r)[:1]]) if len(normals) else np.eye(r)[:1]
    cells = np.vstack([normals[0], -normals[0]])
    for k in range(1, len(normals)):
        normal, before = normals[k], normals[:k]
        # orthonormal basis of the new hyperplane; the earlier hyperplanes restricted to it
        plane = np.linalg.svd(normal[None, :])[2][1:].T
        inside = _cells(_distinct_hyperplanes(before @ plane)) @ plane.T
        cut = _signs(before, inside)
        split = np.isin(_keys(_signs(before, cells)), _keys(cut))
        both = np.vstack([_step_aside(before, inside, normal), _step_aside(before, inside, -normal)])
        cells = np.vstack([cells[~split], both])
    return cells


def _step_aside(normals: Array, points: Array, direction: Array) -> Array:
    """Points moved along a unit ``direction``, at most halfway to the first of the hyperplanes."""
    at = points @ normals.T
    speed = normals @ direction
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(at * speed < 0.0, -at / speed, np.inf).min(axis=1)
    sizes = np.linalg.norm(points, axis=1)
    moved = points + np.minimum(0.5 * reach, sizes)[:, None] * direction
    return moved / np.linalg.norm(moved, axis=1)[:, None]


def _signs(normals: Array, points: Array) -> Mask:
    return points @ normals.T >= 0.0


def _keys(signs: Mask) -> NDArray[np.void]:
    packed = np.ascontiguousarray(np.packbits(signs, axis=1))
    return (
        packed.view([("", packed.dtype)] * packed.shape[1]).ravel() if packed.shape[1] else np.zeros(len(signs), "V1")
    )


GateSampler = Callable[[Array, int, np.random.RandomState], Array]


def sample_gates(
    X: Array, arrangements: str, count: int, rng: np.random.RandomState, *, weights: Array, constant: bool
) -> Array:
    """Gates (d, count) of one of the named samplers; ``weights`` only set the units in which columns are measured."""
    if arrangements == "exact":
        return exact_gates(X)
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
    gates = gaussian_gates(X, np.where(spread > 1e-12 * np.abs(mean), spread, 1.0), count, rng)
    # hidden biases in the centred coordinates: a shift of the features shifts the hyperplanes with them
    gates[-1] -= mean @ gates
    return gates
