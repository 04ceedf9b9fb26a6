"""Descent and weighing in turn: what improves a network where a convex program is dear or does not follow at all.

New units enter at a small weight and grow slowly; those that are not needed any more shrink to zero only in the limit. Their best
scales, which a nonnegative Lasso finds at the cost of a few steps, mend both. On data of many features, which are far from their
optimum even after hundreds of steps, as many steps in pieces gain several times as much.
"""

from __future__ import annotations

from typing import Any

from skconvrelu.program import ConvexProgram
from skconvrelu.search.descent import descend
from skconvrelu.search.pruning import rescale
from skconvrelu.search.units import Units

#: L-BFGS steps of a piece
PIECE = 60
#: Newton steps of a weighing
WEIGHED = 20


def alternate(program: ConvexProgram, units: Units, *, steps: int, piece: int = PIECE, **options: Any) -> Units:
    """The best scales of the units and a piece of descent, in turn until ``steps`` are done; never worse than the units given.

    Parameters
    ----------
    program : ConvexProgram
        Data, a smooth loss and beta; its patterns play no part.
    units : Units
        Start. Units that are not worth their penalty are dropped.
    steps : int
        L-BFGS steps altogether.
    piece : int, default=PIECE
        ... and between two weighings.
    **options
        Of :func:`~skconvrelu.search.descent.descend`.
    """
    for done in range(0, steps, piece):
        units = rescale(program, units, max_iter=WEIGHED)
        units = descend(program, units, steps=min(piece, steps - done), **options)
    return units
