"""The output intercept, which is free: the best one for given outputs, and dual points whose sum it makes vanish."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skconvrelu.losses import Loss

Array = NDArray[np.float64]


def best_intercept(loss: Loss, Y: Array, weights: Array, basis: Array, F: Array) -> Array:
    """The intercept (K,) in the span of ``basis`` (K, q) that minimises the loss for outputs ``F``: a formula, or Newton to rounding."""
    c = np.zeros(basis.shape[1])
    if not len(c):
        return np.zeros(Y.shape[1])
    constant = loss.best_constant(F, Y, weights)
    if constant is not None:
        return constant

    def at(c: Array) -> tuple[float, Array, float, float]:
        terms = weights[:, None] * loss.gradient(F + basis @ c, Y)
        gradient = basis.T @ terms.sum(axis=0)
        return (
            float(weights @ loss.value(F + basis @ c, Y)),
            gradient,
            float(np.linalg.norm(gradient)),
            float(np.abs(terms).sum()),
        )

    def curvature(c: Array) -> Array:
        root = np.tensordot(loss.curvature_root(F + basis @ c, Y), basis, axes=(1, 0))
        root *= np.sqrt(weights)[:, None, None]
        root = root.reshape(-1, len(c))
        return root.T @ root

    value, gradient, size, total = at(c)
    hessian, lift = curvature(c), 0.0
    for _ in range(200):
        if size <= 1e-16 * total:
            break
        # Levenberg: where the loss is saturated its curvature vanishes and a plain Newton step is meaningless; in units of what there
        # is, since weights as unequal as 1e7 : 1 leave little of both
        diagonal = (lift + 1e-14) * (np.trace(hessian) + size)
        trial = c - np.linalg.solve(hessian + diagonal * np.eye(len(c)), gradient)
        new = at(trial)
        rounding = 1e-14 * abs(value) + 1e-15 * float(np.abs(F + basis @ c).max())
        # far away the value is the merit; when it has no digits left, the gradient is
        if new[0] < value - rounding or (new[0] <= value + rounding and new[2] < size):
            c, (value, gradient, size, total), lift = trial, new, 0.1 * lift
            hessian = curvature(c)
        elif lift > 1e3 or size <= 1e-14 * total:  # only rounding is left to gain
            break
        else:
            lift = max(10.0 * lift, 1e-8)
    return basis @ c


def balanced(A: Array, loss: Loss, Y: Array, weights: Array) -> Array:
    """Gradients in the dual domain whose weighted sum vanishes: shifted, by bisection on a monotone sum; the rest is scaled away."""
    reach = 2.0 * np.abs(A).max(axis=0)
    low, high = -reach, reach
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = weights @ loss.project_dual(A + middle, Y) > 0.0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    A = loss.project_dual(A + 0.5 * (low + high), Y)
    up, down = weights @ np.maximum(A, 0.0), weights @ np.maximum(-A, 0.0)
    least = np.minimum(up, down)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(A > 0.0, np.nan_to_num(least / up), np.nan_to_num(least / down)) * A
