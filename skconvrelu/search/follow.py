"""Following the optimum as beta falls: descent, pruning and a few looks for violators a penalty, each from the units of the last.

This is the search without its convex programs. The objectives it reaches are mostly within a few percent of the optimum (further above
it with many rows and small penalties) and its predictions differ less, at a hundredth of the cost: enough to choose beta by, after
which :mod:`skconvrelu.search.refine` does the rest; and a way for that to reach a small penalty, from which alone descent would still
have many small units on their way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from skconvrelu.program import ConvexProgram
from skconvrelu.search.descent import ROUNDED, descend
from skconvrelu.search.entering import first_units, newcomers
from skconvrelu.search.pruning import rescale
from skconvrelu.search.units import Units
from skconvrelu.search.violators import search_violators

Array = NDArray[np.float64]

#: L-BFGS steps before and after a look, its starts for each output and sign, and how far above beta a price must be
_STEPS, _STARTS, _ABOVE = 100, 50, 1.02
#: looks at one penalty, the next one only where the last met a price above so many times beta: such a network is far from its optimum
_LOOKS, _FAR = 4, 2.0
#: sampled gates that join at each penalty, and units that one look may add
_FRESH, _ENTER = 50, 100
#: an approach begins at this share of the largest price at the zero network, which so many patterns tell well enough, and falls so fast
_SHARE, _TOLD, _RATIO = 0.1, 10, 10.0**0.5


def follow(
    program: ConvexProgram,
    gates: Array,
    betas: Iterable[float],
    rng: np.random.RandomState,
    start: Units | None = None,
    n_jobs: int | None = None,
) -> Iterator[tuple[ConvexProgram, Units]]:
    """The program and a good network at each of the (falling) penalties.

    Parameters
    ----------
    program : ConvexProgram
        Its own beta plays no part.
    gates : ndarray of shape (P, d)
        Sampled gates: the first units, and newcomers later on.
    betas : iterable of float
    rng : RandomState
    start : Units, default=None
        Units of the last penalty of an earlier call.
    n_jobs : int, default=None
        Threads; the result does not depend on it.
    """
    units = start
    for beta in betas:
        program = program.at_beta(beta)
        smooth = program.smoothed(ROUNDED)
        if units is None or not len(units):
            units = first_units(program, gates)
        else:
            fresh = rng.permutation(len(gates))[:_FRESH]
            units = units + newcomers(program, first_units(program, gates[fresh]), units)
        units = _settled(smooth, units, n_jobs)
        for _ in range(_LOOKS):
            dual = program.dual_point(units.outputs(program.X))
            found = search_violators(
                program,
                dual,
                units,
                rng,
                n_starts=_STARTS,
                level=_ABOVE * program.beta,
                neighbours=False,
                n_jobs=n_jobs,
            )
            if not len(found.violators):
                break
            units = _settled(smooth, units + newcomers(program, found.violators[:_ENTER], units), n_jobs)
            if found.largest <= _FAR * program.beta:
                break
        yield program, units


def approach(
    program: ConvexProgram, gates: Array, rng: np.random.RandomState, n_jobs: int | None = None
) -> Units | None:
    """Units at the program's beta from the penalties that fall to it; None where it is one to begin with."""
    betas = falling(program)
    if len(betas) == 1:
        return None
    *_, (_, units) = follow(program, gates, betas, rng, n_jobs=n_jobs)
    return units


def falling(program: ConvexProgram, share: float = _SHARE) -> list[float]:
    """Penalties from a share of the largest price at the zero network down to beta; beta alone where that is not less."""
    some = program.restrict(np.arange(min(_TOLD, program.n_blocks)))
    first = share * some.spectral_price(program.zero_dual())
    if first <= program.beta:
        return [program.beta]
    count = 1 + int(np.ceil(np.log(first / program.beta) / np.log(_RATIO)))
    return [float(beta) for beta in np.geomspace(first, program.beta, count)]


def _settled(program: ConvexProgram, units: Units, n_jobs: int | None) -> Units:
    units = rescale(program, descend(program, units, steps=_STEPS, n_jobs=n_jobs))
    return units if program.shared else units.merged(program.X)
