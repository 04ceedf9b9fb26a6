"""Lower bounds of the training objective from a dual point and the largest price at it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skconvrelu.program import ConvexProgram

Array = NDArray[np.float64]

#: roundings that a term of a price may carry
_ROUNDINGS = 8.0


def searched_bound(program: ConvexProgram, dual: Array, largest: float) -> float:
    """Lower bound of the training objective if no arrangement prices above ``largest`` at ``dual``."""
    scaled = dual * min(1.0, program.beta / largest) if largest > 0.0 else dual
    return max(program.dual_value(scaled), program.least_loss())


def violation_level(program: ConvexProgram, tol: float) -> float:
    """The price above which a unit is worth adding to a network that is to be optimal to ``tol``."""
    return program.beta * (1.0 + 0.1 * tol)


def tolerable_price(program: ConvexProgram, dual: Array, target: float) -> float:
    """The largest price, at least beta, that still leaves a lower bound of ``target``."""
    low, high = program.beta, 2.0 * program.beta
    if searched_bound(program, dual, high) >= target:
        return high
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if searched_bound(program, dual, middle) >= target else (low, middle)
    return low


def price_rounding(X: Array, dual: Array) -> float:
    """What rounding may take from a price ``dual' (X u)_+``, and a proof has to add; dual (n,) or (n, K)."""
    sizes = np.linalg.norm(dual.reshape(len(X), -1), axis=1)
    return float(_ROUNDINGS * np.finfo(float).eps * (sizes @ np.linalg.norm(X, axis=1)))
