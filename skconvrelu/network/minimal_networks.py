"""Fewer terms for the same sum: Caratheodory's theorem, one linear dependence at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skconvrelu.row_space import null_space

Array = NDArray[np.float64]

#: singular values below this fraction of the largest, after columns are given unit length, count as zero
_DEPENDENT = 1e-11


def independent_scales(A: Array, cost: Array) -> list[Array]:
    """Nonnegative scales of the columns of A, step by step from all ones to linearly independent columns, the sum unchanged.

    Each step moves along a linear dependence, in the direction that does not raise ``cost' alpha``, until a scale is zero.

    Parameters
    ----------
    A : ndarray of shape (q, m)
    cost : ndarray of shape (m,)
        Nonnegative.

    Returns
    -------
    steps : list of ndarray of shape (m,)
        The scales after each step, the first all ones; ``A @ alpha`` is the same for all, ``cost @ alpha`` never increases, and the last
        one has at most ``rank(A)`` nonzero entries.
    """
    m = A.shape[1]
    sizes = np.linalg.norm(A, axis=0)
    alpha = np.where(sizes > 0.0, 1.0, 0.0)  # columns that contribute nothing go at once
    steps = [np.ones(m)] if (sizes > 0.0).all() else [np.ones(m), alpha.copy()]
    live = np.flatnonzero(sizes > 0.0)
    null = null_space(A[:, live] / sizes[live], _DEPENDENT) / sizes[live][:, None]
    while null.shape[1]:
        direction = null[:, -1] * (-1.0 if cost[live] @ null[:, -1] > 0.0 else 1.0)
        ratio = _reach(alpha[live], direction)
        if abs(cost[live] @ direction) <= _DEPENDENT * (cost[live] @ np.abs(direction)):
            # of no cost, so the other way is as good, and the shorter one keeps the scales small
            other = _reach(alpha[live], -direction)
            if other.min() < ratio.min():
                direction, ratio = -direction, other
        gone = int(ratio.argmin())
        alpha[live] = np.maximum(alpha[live] + ratio[gone] * direction, 0.0)
        alpha[live[gone]] = 0.0
        steps.append(alpha.copy())
        null = np.delete(_without(null, gone), gone, axis=0)
        live = np.delete(live, gone)
    return steps


def _reach(alpha: Array, direction: Array) -> Array:
    """How far along ``direction`` each scale stays nonnegative."""
    return np.where(direction < 0.0, alpha / np.where(direction < 0.0, -direction, 1.0), np.inf)


def _without(null: Array, row: int) -> Array:
    """Basis of those vectors of the span whose entry ``row`` is zero, one fewer: a Householder reflection of the basis."""
    v = null[row].copy()
    size = np.linalg.norm(v)
    if size == 0.0:
        return null[:, :-1]
    v[-1] += np.copysign(size, v[-1])
    reflected = null - np.outer(null @ v, v) * (2.0 / (v @ v))
    return reflected[:, :-1]
