"""Exact pricing of every output and sign: a proven bound of the largest price, and the units above beta that it met."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skconvrelu.program import ConvexProgram
from skconvrelu.search.branch_and_bound import exact_price
from skconvrelu.search.units import Units, no_units, signed_axes

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Proof:
    """What exact pricing established at a dual point.

    Attributes
    ----------
    upper : float
        Proven upper bound of all prices, for every output and sign.
    lower : float
        Largest price met.
    violators : Units
        Unit vectors that price above the level.
    """

    upper: float
    lower: float
    violators: Units


def prove(
    program: ConvexProgram,
    dual: Array,
    units: Units,
    *,
    level: float | None,
    seconds: float = np.inf,
    max_nodes: int | None = None,
) -> Proof:
    """Bound ``max_{||u|| <= 1} |lambda_k' (X u)_+|`` for every output k, or find units above ``level``.

    Parameters
    ----------
    program : ConvexProgram
    dual : ndarray of shape (n, K)
    units : Units
        Known units, where the search begins.
    level : float or None
        A side is settled as soon as its price is proven to be at most ``level``, or a unit above it is known. None: every side is
        bounded as tightly as the limits allow.
    seconds : float, default=inf
        After which to stop; the bound is valid all the same. What is left of them is shared by the sides left.
    max_nodes : int, default=None
        Cones to bound for each side, at most.
    """
    sides, deadline = signed_axes(program.Y.shape[1]), time.monotonic() + seconds
    upper, lower, violators = 0.0, 0.0, no_units(program)
    for s, side in enumerate(sides):
        own = units.coef[(units.directions == side).all(axis=1)]
        left = max(0.0, deadline - time.monotonic()) / (len(sides) - s)
        starts = own / np.linalg.norm(own, axis=1)[:, None] if len(own) else None
        found = exact_price(program.X, dual @ side, level=level, max_time=left, max_nodes=max_nodes, starts=starts)
        upper, lower = max(upper, found.upper), max(lower, found.lower)
        if level is not None and found.lower > level:
            violators = violators + Units(found.unit[None, :], side[None, :])
    return Proof(upper, lower, violators)
