"""What a search can afford: which convex programs are dear, which are not solved at all, and where prices go without projections."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skconvrelu.cones import SCREENED
from skconvrelu.program import ConvexProgram
from skconvrelu.search.ascent import MANY_ROWS
from skconvrelu.search.units import Units

Array = NDArray[np.float64]

#: multiplications of a Newton step, about a second, from which the convex program is dear, however few the rows
_DEAR = 2e10
#: numbers in one array over rows and blocks beyond which the convex program is not solved
_POLISHABLE = 15_000_000
#: ... and units times cubed features, since vectors are projected on cones by active sets with up to as many constraints as features
_CONES = 2e9
#: multiplications of a step of the projection on one cone of all samples beyond which no vector is projected to bound a price
_PROJECTABLE = 2e9
#: ... and on all cones, each with no more than the samples from which a part of them screens the cones first
_ALL_PROJECTABLE = 2e11


def newton_work(program: ConvexProgram, coef: Array) -> float:
    """Multiplications of a Newton step over so many coefficients."""
    few, many = sorted((program.Y.size, coef.size))
    return float(few) ** 2 * many


def is_dear(program: ConvexProgram, units: Units) -> bool:
    """Whether the convex program over the patterns of the units takes much longer than a round of descent."""
    return len(program.X) > MANY_ROWS or has_long_steps(program, units)


def has_long_steps(program: ConvexProgram, units: Units) -> bool:
    """Whether a Newton step of that program alone takes as long as a look at prices."""
    return newton_work(program, units.coef) > _DEAR


def is_polishable(program: ConvexProgram, n_units: int) -> bool:
    """Whether the convex program over the patterns of so many units is solved at all."""
    n, d = program.X.shape
    return n_units * n <= _POLISHABLE and n_units * d**3 <= _CONES


def is_projectable(program: ConvexProgram, n_blocks: int) -> bool:
    """Whether vectors are projected on so many cones to bound the prices of a network."""
    n, d = program.X.shape
    return n * d * d <= _PROJECTABLE and n_blocks * min(n, SCREENED) * d * d <= _ALL_PROJECTABLE
