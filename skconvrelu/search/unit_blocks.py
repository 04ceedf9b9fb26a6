"""From units to the blocks of a convex program: their patterns, gates and places in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skconvrelu.program import ConvexProgram
from skconvrelu.search.units import Units
from skconvrelu.solution import Solution

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def own_program(program: ConvexProgram, units: Units) -> ConvexProgram:
    """The program with exactly one block for each unit: its pattern and direction."""
    return replace(
        program,
        patterns=units.patterns(program.X),
        block_patterns=np.arange(len(units)),
        block_directions=units.directions,
    )


def joined_gates(gates: Array, patterns: Mask, more_gates: Array, more_patterns: Mask) -> tuple[Array, Mask]:
    """Gates (P, d) and patterns (P, n) with further ones added, one for each distinct pattern, in order."""
    every = np.vstack([patterns, more_patterns])
    _, first = np.unique(np.packbits(every, axis=1), axis=0, return_index=True)
    keep = np.sort(first)
    return np.vstack([gates, more_gates])[keep], np.ascontiguousarray(every[keep])


def blocks_of(program: ConvexProgram, patterns: Mask, directions: Array) -> NDArray[np.intp]:
    """Blocks, of a program over patterns, that have these patterns and directions; -1 where there is none."""
    P = len(program.patterns)
    keys = {row.tobytes(): p for p, row in enumerate(program.patterns)}
    sides = {(side + 0.0).tobytes(): s for s, side in enumerate(program.block_directions[::P])}
    found = np.full(len(patterns), -1, dtype=np.intp)
    for j, (row, v) in enumerate(zip(patterns, directions + 0.0, strict=True)):
        p, side = keys.get(row.tobytes()), sides.get(v.tobytes())
        if p is not None and side is not None:
            found[j] = side * P + p
    return found


def as_start(program: ConvexProgram, units: Units, patterns: Mask) -> Solution | None:
    """Units of given patterns as a starting point of a program; those whose block it does not have are left out."""
    blocks = blocks_of(program, patterns, units.directions)
    kept = blocks >= 0
    return Solution.unverified(program, blocks[kept], units.coef[kept]) if kept.any() else None
