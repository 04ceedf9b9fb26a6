"""The last convex program of a search: over sampled and found arrangements together, solved over a working set that grows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skconvrelu.program import ConvexProgram
from skconvrelu.search.unit_blocks import blocks_of, joined_gates, own_program
from skconvrelu.search.units import Units
from skconvrelu.solution import Candidate, Solution, evaluate

Array = NDArray[np.float64]


def everything_met(program: ConvexProgram, gates: Array, units: Units) -> tuple[ConvexProgram, Array, NDArray[np.intp]]:
    """The program over the sampled patterns, of these gates, and those of the units; its gates; and the units' blocks.

    Shared units have directions of their own, so that their program has a block for each of them and no others.
    """
    if program.shared:
        return own_program(program, units), units.gates(program.X), np.arange(len(units))
    own = units.patterns(program.X)
    gates, patterns = joined_gates(gates, program.patterns, units.gates(program.X), own)
    everything = program.with_patterns(patterns)
    return everything, gates, blocks_of(everything, own, units.directions)


def solve_growing(
    program: ConvexProgram, start: Solution, solve: Callable[[ConvexProgram, Solution], Solution], tol: float, most: int
) -> tuple[Solution, Array]:
    """Solve over a working set of blocks that grows, by at most ``most`` or its own number, until no block is violated; and its dual."""
    level = program.beta * (1.0 + 0.3 * tol)
    working = np.sort(start.blocks)
    while True:
        begin = replace(start, blocks=np.searchsorted(working, start.blocks))
        local = solve(program.restrict(working), begin)
        candidate = Candidate(working[local.blocks], local.coef, local.dual, local.n_iter, True)
        upper, _ = program.prices(local.dual, level=level, rtol=0.1 * tol)
        entering = np.setdiff1d(np.flatnonzero(upper > level), working)
        if not len(entering):
            return evaluate(program, candidate, solver=local.solver, rtol=0.1 * tol), local.dual
        order = np.argsort(-upper[entering], kind="stable")[: max(most, len(working))]
        working = np.sort(np.concatenate([working, entering[order]]))
