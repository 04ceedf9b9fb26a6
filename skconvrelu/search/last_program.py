"""The last convex program of a search: over sampled and found arrangements together, solved over a working set that grows."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skconvrelu.program import ConvexProgram, Index
from skconvrelu.search.unit_blocks import blocks_of, joined_gates, own_program
from skconvrelu.search.units import Units
from skconvrelu.solution import Candidate, Solution
from skconvrelu.solvers.working_set import Run, grow

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
    solvers = ["descent"]

    def begin(working: Index, candidate: Candidate | None) -> Run:
        known = start if candidate is None else Solution.unverified(program, candidate.blocks, candidate.coef)
        local = solve(program.restrict(working), replace(known, blocks=np.searchsorted(working, known.blocks)))
        solvers.append(local.solver)
        return lambda **_: Candidate(local.blocks, local.coef, local.dual, local.n_iter, True)

    def price(candidate: Candidate, slack: float) -> tuple[Array, Candidate]:
        level = program.beta * (1.0 + slack)
        return program.prices(candidate.dual, level=level, rtol=slack)[0], candidate

    first, limit = np.sort(start.blocks), sys.maxsize
    solution, dual = grow(program, first, begin, price, tol=tol, rough=tol, rtol=0.1 * tol, max_iter=limit, most=most)
    return replace(solution, solver=solvers[-1]), dual
