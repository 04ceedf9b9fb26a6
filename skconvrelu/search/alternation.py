"""Descent and pruning in turn: what improves a network where a convex program is expensive or does not follow at all.

New units enter at a small weight and grow slowly; those that are not needed any more shrink to zero only in the limit. Their best
scales, which a nonnegative Lasso finds at no more than the cost of a piece of descent, mend both. With many features, where networks
are far from their optimum even after hundreds of steps, as many steps in pieces gain more.

Units that feed all outputs are not pruned but only balanced anew: new ones have to turn their directions first, and a Lasso over the
present directions would drop nearly all of them.
"""

from __future__ import annotations

import numpy as np

from skconvrelu import costs
from skconvrelu.program import ConvexProgram
from skconvrelu.search.convex_concave import DType
from skconvrelu.search.descent import descend
from skconvrelu.search.nonnegative_lasso import rescale
from skconvrelu.search.units import Units


def alternate(
    program: ConvexProgram,
    units: Units,
    *,
    steps: int,
    piece: int,
    pruning_steps: int,
    dtype: DType = np.float64,
    n_jobs: int | None = None,
    least_gain: float = 1e-13,
) -> Units:
    """The best scales of the units and a piece of descent, in turn until ``steps`` are done; never worse than the units given.

    Parameters
    ----------
    program : ConvexProgram
        Data, a smooth loss and beta; its patterns play no part.
    units : Units
        Start. Units that are not worth their penalty are dropped.
    steps : int
        L-BFGS steps altogether.
    piece : int
        ... and between two prunings.
    pruning_steps : int
        Newton steps of a pruning, at most.
    dtype, n_jobs, least_gain
        Of :func:`~skconvrelu.search.descent.descend`; the last piece is also the one that gains less.
    """
    value, least = units.objective(program), least_gain * program.loss_value(np.zeros_like(program.Y))
    for done in range(0, steps, piece):
        affordable = min(pruning_steps, _newton_steps(program, len(units), piece))
        if affordable:  # without one its activations would be formed for nothing
            units = rescale(program, units, max_iter=affordable)
        units = descend(
            program, units, steps=min(piece, steps - done), dtype=dtype, n_jobs=n_jobs, least_gain=least_gain
        )
        before, value = value, units.objective(program)
        if before - value <= least:
            break
    return units


def _newton_steps(program: ConvexProgram, n_units: int, piece: int) -> int:
    """Newton steps of a pruning: as many as take the work of a piece."""
    if program.shared:
        return 0
    return int(piece * costs.descent_step(program, max(n_units, 1)) // costs.pruning_step(program, n_units))
