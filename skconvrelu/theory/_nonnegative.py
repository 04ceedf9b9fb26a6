"""Least squares over nonnegative and bounded variables, by active sets: exact up to rounding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

Array = NDArray[np.float64]


def nonnegative_least_squares(A: Array, b: Array) -> Array:
    """``argmin_{x >= 0} ||A x - b||``; scipy's nnls is wrong on some degenerate systems in the oldest version supported."""
    return bounded_least_squares(A, b, np.inf)


def bounded_least_squares(A: Array, b: Array, most: float) -> Array:
    """``argmin_{0 <= x <= most} ||A x - b||``; by default scipy gives up after as many steps as there are variables."""
    if not A.shape[1]:
        return np.zeros(0)
    return np.asarray(lsq_linear(A, b, bounds=(0.0, most), method="bvls", tol=1e-15, max_iter=10 * sum(A.shape)).x)


def project_on_cone(C: Array, v: Array) -> Array:
    """Projection of ``v`` on ``{u : C u >= 0}``: ``v + C' rho`` with the best ``rho >= 0`` (Moreau)."""
    return v + C.T @ nonnegative_least_squares(C.T, -v)
