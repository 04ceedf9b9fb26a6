"""Pricing with many rows: gradient ascent on the price over the unit sphere.

The kinks of ``h(u) = lambda' (X u)_+`` are as many as the rows and each of them the smaller; with ten thousand rows h is all but smooth,
and steps of Barzilai and Borwein (1988) reach better maximisers than the convex-concave procedure of
:mod:`skconvrelu.search.convex_concave`, at a tenth of its products. Where output directions are free they follow their units.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skconvrelu.limits import limits
from skconvrelu.rounding import TINY, lengths_of_any_size, positive, power_of_two
from skconvrelu.rows import Rows
from skconvrelu.search.whitening import column_sizes
from skconvrelu.stopping import check

Array = NDArray[np.float64]
Single = NDArray[np.float32]

#: steps of an ascent
STEPS = 30
#: length of the tangential part of a gradient, relative to the price, at which a start has arrived
_ARRIVED = 1e-4
#: longest step on the sphere
_LONGEST = 0.5


def ascend(X: Array, dual: Array, U: Array, directions: Array, *, free: bool, steps: int = STEPS) -> Array:
    """Improve starts by ascent on ``directions_m' Lambda' (X u_m)_+``, in float32.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    dual : ndarray of shape (n, K)
    U : ndarray of shape (m, d)
        Starts; their lengths do not matter.
    directions : ndarray of shape (m, K)
        Output directions of the starts.
    free : bool
        Directions follow their units: the price is ``||Lambda' (X u)_+||``.
    steps : int

    Returns
    -------
    U : ndarray of shape (m, d)
        Unit vectors (or zero), the best that each start met.
    """
    # prices only matter up to a factor, and single precision holds nothing smaller than 1e-38
    dual = dual / np.exp2(power_of_two(float(np.abs(dual).max(initial=0.0))))
    X_, dual_ = X.astype(np.float32), dual.astype(np.float32)
    # slopes and steps are those in coordinates in which the columns have one size; lengths stay what they are
    sizes = column_sizes(X)
    best = U / positive(lengths_of_any_size(U))[:, None]
    values, moving = np.full(len(U), -np.inf), np.arange(len(U))
    U, V = best.copy(), directions
    last, length = (U, U), np.zeros(len(U))
    for step in range(steps):
        check()
        G, V = _gradients(X_, dual_, U, V, free=free)
        price = np.einsum("mi,mi->m", G, U)
        up = price > values[moving]
        best[moving[up]], values[moving[up]] = U[up], price[up]
        T = (G - price[:, None] * U) / sizes
        slope = np.sqrt(np.einsum("mi,mi->m", T, T))
        left = slope > _ARRIVED * np.abs(price)
        if not left.any():
            break
        longest = _LONGEST / np.where(slope > 0.0, slope, 1.0)
        if step == 0:
            length = _LONGEST / np.maximum(np.hypot(price, slope), TINY)
        else:
            moved, bent = (U - last[0]) * sizes, last[1] - T
            curved = np.einsum("mi,mi->m", moved, bent)
            ratio = np.einsum("mi,mi->m", moved, moved) / np.where(curved > 0.0, curved, 1.0)
            length = np.where(curved > 0.0, ratio, 2.0 * length)
        length = np.minimum(length, longest)[left]
        U, V, T, moving = U[left], V[left], T[left], moving[left]
        last = (U, T)
        U = U + length[:, None] * T / sizes
        U /= np.linalg.norm(U, axis=1)[:, None]
    return best


def _gradients(X: Single, dual: Single, U: Array, V: Array, *, free: bool) -> tuple[Array, Array]:
    """Gradients (m, d) of the prices, and the directions (m, K) that they belong to."""
    U_: Single = U.astype(np.float32)
    rows = Rows.in_cache(len(U), X, dual, numbers=4 * limits().cached)

    def pull_of(X: Single, dual: Single) -> Array:
        hidden = U_ @ X.T
        return (np.maximum(hidden, 0.0, out=hidden) @ dual).astype(np.float64)

    if free:
        pull = rows.sum(pull_of)
        sizes = np.linalg.norm(pull, axis=1)[:, None]
        V = np.where(sizes > 0.0, pull / np.where(sizes > 0.0, sizes, 1.0), V)
    V_: Single = V.astype(np.float32)

    def gradient(X: Single, dual: Single) -> Array:
        weights = V_ @ dual.T
        weights *= U_ @ X.T > 0.0
        return (weights @ X).astype(np.float64)

    return rows.sum(gradient), V
