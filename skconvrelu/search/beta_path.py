"""Following the optimum as beta falls: descent, pruning and a few searches for violators a penalty, each from the units of the last.

This is the search without its convex programs. The objectives it reaches are mostly within a few percent of the optimum (further above
it with many rows and small penalties) and its predictions differ less, at a hundredth of the cost: enough to choose beta by, after
which :mod:`skconvrelu.search.column_generation` does the rest; and a way for that to reach a small penalty, from which alone descent
would still have many small units on their way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from skconvrelu.policy import Policy
from skconvrelu.program import ConvexProgram
from skconvrelu.search.descent import descend
from skconvrelu.search.new_units import first_units, newcomers
from skconvrelu.search.nonnegative_lasso import rescale
from skconvrelu.search.pricing import search_violators
from skconvrelu.search.units import Units
from skconvrelu.stopping import due, may_end_early

Array = NDArray[np.float64]

#: patterns that tell the largest price at the zero network well enough
_TOLD = 10


def follow(
    program: ConvexProgram,
    gates: Array,
    betas: Iterable[float],
    rng: np.random.RandomState,
    start: Units | None = None,
    n_jobs: int | None = None,
    *,
    policy: Policy,
) -> Iterator[tuple[ConvexProgram, Units]]:
    """The program and a good network at each of the (falling) penalties, or of the first of them where work is to stop.

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
    policy : Policy
        Steps, pricings and starts at each penalty.
    """
    units = start
    for beta in betas:
        program = program.at_beta(beta)
        smooth = program.smoothed(policy.rounded)
        if units is None or not len(units):
            units = first_units(program, gates)
        else:
            fresh = rng.permutation(len(gates))[: policy.path_starts]
            units = units + newcomers(program, first_units(program, gates[fresh]), units)
        units = _settled(smooth, units, policy, n_jobs)
        for _ in range(policy.path_pricings):
            dual = program.dual_point(units.outputs(program.X))
            found = None
            with may_end_early():
                found = search_violators(
                    program, dual, units, rng, n_starts=policy.path_starts, level=policy.path_above * program.beta,
                    policy=policy, neighbours=False, quick=True, n_jobs=n_jobs,
                )  # fmt: skip
            if found is None or not len(found.violators):
                break
            new = newcomers(program, found.violators[: policy.new_units], units)
            units = _settled(smooth, units + new, policy, n_jobs)
            if found.largest <= policy.path_far * program.beta:
                break
        yield program, units
        if due():
            return


def approach(
    program: ConvexProgram, gates: Array, rng: np.random.RandomState, policy: Policy, n_jobs: int | None = None
) -> Units | None:
    """Units at the program's beta from the penalties that fall to it; None where it is one to begin with."""
    betas = falling(program, policy)
    if len(betas) == 1:
        return None
    *_, (_, units) = follow(program, gates, betas, rng, n_jobs=n_jobs, policy=policy)
    return units


def falling(program: ConvexProgram, policy: Policy) -> list[float]:
    """Penalties from a share of the largest price at the zero network down to beta; beta alone where that is not less."""
    some = program.restrict(np.arange(min(_TOLD, program.n_blocks)))
    first = policy.path_begin * some.spectral_price(program.zero_dual())
    if first <= program.beta:
        return [program.beta]
    count = 1 + int(np.ceil(np.log(first / program.beta) / np.log(policy.path_ratio)))
    return [float(beta) for beta in np.geomspace(first, program.beta, count)]


def _settled(program: ConvexProgram, units: Units, policy: Policy, n_jobs: int | None) -> Units:
    """Units after descent and with their best scales, as far as doubles hold them: a path goes on with what there is."""
    units = descend(program, units, steps=policy.path_steps, n_jobs=n_jobs)
    with suppress(np.linalg.LinAlgError):
        units = rescale(program, units)
    units = units if program.shared else units.merged(program.X)
    return units[units.norms() > 0.0]  # a vector whose square is zero changes nothing
