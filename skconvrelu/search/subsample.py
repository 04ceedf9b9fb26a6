"""Many rows: the first rounds of the search see a part of them, which grows; descent is in float32 and by the time it takes.

A network that is good on fifteen thousand rows is a good start for a million, at a hundredth of the cost of a round there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skconvrelu.costs import descent_step
from skconvrelu.policy import Policy
from skconvrelu.program import ConvexProgram
from skconvrelu.search.alternation import alternate
from skconvrelu.search.beta_path import falling
from skconvrelu.search.descent import descend
from skconvrelu.search.new_units import newcomers
from skconvrelu.search.nonnegative_lasso import rescale
from skconvrelu.search.pricing import price_round
from skconvrelu.search.units import Units
from skconvrelu.stopping import may_end_early

#: L-BFGS steps of many rows after which the units are pruned, or only balanced, anew
_PIECE = 75


def first_rounds(
    program: ConvexProgram,
    units: Units,
    tol: float,
    rng: np.random.RandomState,
    n_jobs: int | None,
    *,
    policy: Policy,
    fresh: bool,
) -> Units:
    """Rounds of descent, pruning and pricing on parts of the rows of a program with a smooth loss.

    Where all units are ``fresh`` those on the first part follow falling penalties: a small one alone leaves descent with many small
    units that are all still on their way.
    """
    size = policy.part
    while 2 * size <= len(program.X):
        part = _part(program, size, rng)
        penalties = falling(part, policy) if fresh and size == policy.part else []
        for beta in penalties + [program.beta] * (policy.part_rounds - len(penalties)):
            stage = replace(part, beta=beta)
            units = rescale(stage, descend_in_time(stage, units, policy, policy.part_seconds, n_jobs))
            found = None
            with may_end_early():
                found = price_round(stage, units, stage.dual_point(units.outputs(stage.X)), rng, n_jobs, tol, policy)
            if found is None:
                return units
            if not len(found.violators) and beta == program.beta:
                break
            units = units + newcomers(stage, found.violators[: max(policy.new_units, len(units))], units)
        size = policy.part_growth * size
    return units


def _part(program: ConvexProgram, size: int, rng: np.random.RandomState) -> ConvexProgram:
    """The program on so many rows, any of them as likely as another."""
    return program.on_rows(np.sort(rng.choice(len(program.X), size=size, replace=False)))


def descend_in_time(program: ConvexProgram, units: Units, policy: Policy, seconds: float, n_jobs: int | None) -> Units:
    """Descent in float32 and pruning in turn, the fewer steps the more expensive one is."""
    each = policy.seconds(max(descent_step(program, len(units)), 1.0))
    steps = int(np.clip(seconds / each, policy.piece, policy.steps))
    return alternate(
        program, units, steps=steps, piece=_PIECE, pruning_steps=policy.pruning_steps, dtype=np.float32, n_jobs=n_jobs,
        least_gain=policy.least_gain,
    )  # fmt: skip


def descend_as_far_as_it_pays(program: ConvexProgram, units: Units, policy: Policy, n_jobs: int | None) -> Units:
    """Descent of a round; with prunings between its steps where they are to do much of the work of a convex program."""
    if policy.sees_parts(program):
        return descend_in_time(program, units, policy, policy.descent_seconds, n_jobs)
    expensive = policy.is_expensive(program, units.coef.size) or not policy.is_solved(program, len(units))
    if expensive and not program.shared:
        return alternate(
            program, units, steps=policy.steps, piece=policy.piece, pruning_steps=policy.pruning_steps, n_jobs=n_jobs
        )
    return descend(program, units, steps=policy.steps, n_jobs=n_jobs)
