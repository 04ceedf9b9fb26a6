"""Many rows: the first rounds of the search see a part of them, which grows; descent is in float32 and by the work it takes.

A network that is good on fifteen thousand rows is a good start for a million, at a hundredth of the cost of a round there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skconvrelu.program import ConvexProgram
from skconvrelu.search.alternation import alternate
from skconvrelu.search.descent import STEPS
from skconvrelu.search.entering import newcomers
from skconvrelu.search.follow import falling
from skconvrelu.search.pruning import rescale
from skconvrelu.search.units import Units
from skconvrelu.search.violators import look

#: rows from which the first rounds see a part, its first size, and how many times larger the next one is
LARGE, SUBSAMPLE, _GROWTH = 30_000, 15_000, 4
#: rounds on the first part, and on each of the others
_FIRST, _NEXT = 4, 2
#: penalty of the first round, as a share of the largest price at the zero network, from which those on the first part fall to beta
_SHARE = 1e-2
#: L-BFGS steps after which the units are weighed, or only balanced, anew
_PIECE = 75
#: least L-BFGS steps of a round, and operations up to which there are more, on all rows and on a part
_LEAST, _WORK, _WORK_ON_PART = 40, 1e13, 2e12
#: gain of a step, as a share of the zero network's loss, that is not worth another pass over many rows
_LEAST_GAIN = 1e-7
#: units that one round may add, beside as many as there are
ENTER = 300


def first_rounds(
    program: ConvexProgram, units: Units, tol: float, rng: np.random.RandomState, n_jobs: int | None, *, fresh: bool
) -> Units:
    """Rounds of descent, pruning and pricing on parts of the rows of a program with a smooth loss.

    Where all units are ``fresh`` those on the first part follow falling penalties: a small one alone leaves descent with many small
    units that are all still on their way.
    """
    size, count = SUBSAMPLE, _FIRST
    while 2 * size <= len(program.X):
        part = _part(program, size, rng)
        penalties = falling(part, _SHARE) if fresh and size == SUBSAMPLE else []
        for beta in penalties + [program.beta] * (count - len(penalties)):
            stage = replace(part, beta=beta)
            units = rescale(stage, descend_by_work(stage, units, n_jobs, work=_WORK_ON_PART))
            found = look(stage, units, stage.dual_point(units.outputs(stage.X)), rng, n_jobs, tol)
            if not len(found.violators) and beta == program.beta:
                break
            units = units + newcomers(stage, found.violators[: max(ENTER, len(units))], units)
        size, count = _GROWTH * size, _NEXT
    return units


def _part(program: ConvexProgram, size: int, rng: np.random.RandomState) -> ConvexProgram:
    """The program on so many rows, any of them as likely as another."""
    return program.on_rows(np.sort(rng.choice(len(program.X), size=size, replace=False)))


def descend_by_work(program: ConvexProgram, units: Units, n_jobs: int | None, *, work: float = _WORK) -> Units:
    """Descent in float32 and weighing in turn, the fewer steps the dearer one is."""
    n, d = program.X.shape
    each = 8.0 * n * len(units) * (d + program.Y.shape[1])
    steps = int(np.clip(work / max(each, 1.0), _LEAST, STEPS))
    return alternate(program, units, steps=steps, piece=_PIECE, dtype=np.float32, n_jobs=n_jobs, least_gain=_LEAST_GAIN)
