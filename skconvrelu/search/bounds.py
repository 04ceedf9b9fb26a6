"""Lower bounds of the training objective from a dual point and the largest price at it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skconvrelu.duality import lower_bound
from skconvrelu.program import ConvexProgram

Array = NDArray[np.float64]

#: what a search looks for, in units of tol: prices that are so much above beta, and bounds as fine as that
SOUGHT = 0.1


def searched_bound(program: ConvexProgram, dual: Array, largest: float) -> float:
    """Lower bound of the training objective if no arrangement prices above ``largest`` at ``dual``."""
    return lower_bound(program, dual, largest).value


def violation_level(program: ConvexProgram, tol: float) -> float:
    """The price above which a unit is worth adding to a network that is to be optimal to ``tol``."""
    return program.beta * (1.0 + SOUGHT * tol)


def sought_bound(program: ConvexProgram, met: float, largest: float, objective: float, tol: float) -> float:
    """What a search says of the training objective whose largest price leaves the bound ``met``.

    Near beta it looked for units that lower the objective by a tenth of tol, as :func:`violation_level` does, and says no more.
    """
    return min(met, objective * (1.0 - SOUGHT * tol)) if largest * (1.0 + SOUGHT * tol) > program.beta else met


def tolerable_price(program: ConvexProgram, dual: Array, target: float) -> float:
    """The largest price, at least beta, that still leaves a lower bound of ``target``."""
    low, high = program.beta, 2.0 * program.beta
    if searched_bound(program, dual, high) >= target:
        return high
    for _ in range(30):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if searched_bound(program, dual, middle) >= target else (low, middle)
    return low
