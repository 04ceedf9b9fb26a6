"""Pricing over all arrangements: local maximisers of ``h(u) = lambda' (X u)_+`` on the unit ball.

h is a difference of convex functions. The convex-concave procedure freezes the samples with lambda_k > 0 that are active, which
bounds h from below by ``g'u - sum_{lambda_k < 0} |lambda_k| (x_k'u)_+`` with ``g`` the sum of their lambda_k x_k; that concave
problem is solved through its dual, ``min_{0 <= rho <= |lambda|} ||g - X_neg' rho||``, a box-constrained least squares, for all
starts at once. Each outer step can only raise h.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def price(X: Array, dual: Array, U: Array) -> Array:
    """``lambda' (X u)_+ / ||u||`` of each row of ``U`` (m, d); zero for zero vectors. ``dual`` has shape (n,)."""
    norms = np.linalg.norm(U, axis=1)
    return np.maximum(U @ X.T, 0.0) @ dual / np.where(norms > 0.0, norms, 1.0)


def climb(X: Array, dual: Array, U: Array, *, outer: int = 6, inner: int = 60) -> Array:
    """Improve starts by the convex-concave procedure.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    dual : ndarray of shape (n,)
        One sign: call it with ``-dual`` for units of negative direction.
    U : ndarray of shape (m, d)
        Starts.
    outer, inner : int
        Convex-concave steps, and accelerated projected gradient steps in each.

    Returns
    -------
    U : ndarray of shape (m, d)
        Unit vectors (or zero) whose price is at least that of their start.
    """
    rising, falling = X[dual > 0.0], X[dual < 0.0]
    gain, loss = dual[dual > 0.0], -dual[dual < 0.0]
    curvature = float(np.linalg.norm(falling, 2)) ** 2 if len(falling) else 0.0
    best, value = _normalised(U), price(X, dual, U)
    rho = np.zeros((len(U), len(falling)))
    for _ in range(outer):
        g = (gain * (best @ rising.T > 0.0)) @ rising
        residual = g
        if curvature > 0.0:
            rho = _box_least_squares(falling, g, loss, rho, curvature, inner)
            residual = g - rho @ falling
        trial = _normalised(residual)
        reached = price(X, dual, trial)
        better = reached > value * (1.0 + 1e-9)
        if not better.any():
            break
        best[better], value[better] = trial[better], reached[better]
    return best


def _box_least_squares(A: Array, g: Array, upper: Array, rho: Array, curvature: float, steps: int) -> Array:
    """Accelerated projected gradient on ``||g - A' rho||^2 / 2`` over ``0 <= rho <= upper``, one row a problem."""
    ahead, momentum = rho, 1.0
    for _ in range(steps):
        new = np.clip(ahead + (g - ahead @ A) @ A.T / curvature, 0.0, upper)
        next_momentum = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
        ahead = new + (momentum - 1.0) / next_momentum * (new - rho)
        rho, momentum = new, next_momentum
    return rho


def _normalised(U: Array) -> Array:
    norms = np.linalg.norm(U, axis=1)[:, None]
    return np.where(norms > 0.0, U / np.where(norms > 0.0, norms, 1.0), 0.0)


def searched_max_price(X: Array, dual: Array, patterns: NDArray[np.bool_], *, n_starts: int = 24) -> float:
    """Largest ``|lambda_k' (X u)_+|`` on the unit ball that a search finds, over both signs and the columns of ``dual`` (n, K).

    Starts are the directions ``X' D lambda`` of the ``n_starts`` patterns where they are longest, and ``X' lambda``. A lower
    bound of the true maximum, usually equal to it.
    """
    largest = 0.0
    for column in dual.T:
        for signed in (column, -column):
            starts = (patterns * signed) @ X
            longest = np.argsort(-np.linalg.norm(starts, axis=1), kind="stable")[:n_starts]
            starts = np.vstack([starts[longest], signed @ X])
            largest = max(largest, float(price(X, signed, climb(X, signed, starts)).max()))
    return largest
