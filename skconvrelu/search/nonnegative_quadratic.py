"""Convex quadratics over nonnegative variables: block principal pivoting, and an active-set method where that goes astray.

Both are exact up to rounding. Exchanging everything that is infeasible takes a handful of factorisations but may cycle where columns
depend on each other; the active-set method takes more and lowers the value in each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: exchanges that may fail to make less infeasible before the active-set method takes over
_PATIENCE = 3
#: what counts as below zero, relative to the largest entry
_ROUNDING = 1e-13


def minimise_nonnegative(H: Array, r: Array, n_signed: int) -> Array:
    """``argmin x' H x / 2 - r' x`` with the first ``n_signed`` entries of x nonnegative, the others free.

    Complementary sets of positive and zero variables are exchanged until no variable and no slope is negative (Kim & Park 2011, "Fast
    nonnegative matrix factorization: an active-set-like method and comparisons"). All variables are positive at first.

    Parameters
    ----------
    H : ndarray of shape (p, p)
        Positive definite.
    r : ndarray of shape (p,)
    n_signed : int

    Returns
    -------
    x : ndarray of shape (p,)

    Raises
    ------
    LinAlgError
        If H is not positive definite, or so nearly singular that the minimiser is not finite.
    """
    signed = np.arange(len(r)) < n_signed
    positive = np.ones(len(r), dtype=bool)
    fewest, patience = len(r) + 1, _PATIENCE
    while True:
        x = _least(H, r, positive)
        negative = signed & positive & (x < -_ROUNDING * np.abs(x).max(initial=0.0))
        negative |= ~positive & _falling(H, r, x)
        count = int(negative.sum())
        patience = _PATIENCE if count < fewest else patience - 1
        fewest = min(count, fewest)
        if not count or patience < 0:
            x[signed] = np.maximum(x[signed], 0.0)
            return x if not count else _by_active_sets(H, r, x, signed)
        positive ^= negative


def _by_active_sets(H: Array, r: Array, x: Array, signed: Mask) -> Array:
    """The minimiser from a feasible point: variables enter one at a time, and leave where they would become negative.

    Lawson and Hanson's method; values fall, so no set of variables comes twice.
    """
    positive = ~signed | (x > 0.0)
    for _ in range(3 * len(r) + 20):
        target = _least(H, r, positive)
        negative = signed & positive & (target < 0.0)
        if negative.any():
            reach = np.where(negative, x / np.where(negative, x - target, 1.0), np.inf)
            step = float(reach.min())
            x = x + step * (target - x)
            left = negative & (reach <= step)
            x[left] = 0.0
            positive &= ~left
            continue
        x = target
        entering = ~positive & _falling(H, r, x)
        if not entering.any():
            break
        positive[np.where(entering, H @ x - r, np.inf).argmin()] = True
    return x


def _least(H: Array, r: Array, positive: Mask) -> Array:
    """The minimiser over some variables, the others zero."""
    index = np.flatnonzero(positive)
    x = np.zeros(len(r))
    factor = cho_factor(H[np.ix_(index, index)], lower=True, overwrite_a=True, check_finite=False)
    x[index] = cho_solve(factor, r[index], check_finite=False)
    if not np.isfinite(x).all():  # comparisons with NaN would end the search for it as if it were found
        raise np.linalg.LinAlgError("the minimiser of the quadratic is not finite")
    return x


def _falling(H: Array, r: Array, x: Array) -> Mask:
    """Variables in which the quadratic falls."""
    return np.asarray(H @ x - r < -_ROUNDING * np.abs(r).max(initial=0.0))
