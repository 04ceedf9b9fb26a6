"""Units that enter the search: the sampled gates at its beginning, and those that pricing found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skconvrelu.program import ConvexProgram
from skconvrelu.search.shared import best_directions
from skconvrelu.search.units import Units, signed_axes
from skconvrelu.search.whitening import column_sizes

Array = NDArray[np.float64]


def first_units(program: ConvexProgram, gates: Array) -> Units:
    """The sampled gates as directions of a small balanced network, signs and outputs taken in turn; zero is no direction."""
    gates = gates[gates.any(axis=1)]
    sides = signed_axes(program.Y.shape[1])
    directions = sides[np.arange(len(gates)) % len(sides)]
    if program.shared:
        directions = best_directions(program.X, program.zero_dual(), gates)[0]
    columns = column_sizes(program.X)
    return Units(gates, directions).scaled(_small_size(program, columns), columns)


def _small_size(program: ConvexProgram, columns: Array) -> float:
    """A length, where columns have these sizes, whose unit changes the outputs by a small part of what the targets ask for."""
    rms = np.sqrt(program.weights @ np.square(program.X / columns).sum(axis=1)) or 1.0
    reach = np.sqrt(program.loss_value(np.zeros_like(program.Y))) or 1.0
    return float(1e-4 * reach / rms)


def newcomers(program: ConvexProgram, found: Units, units: Units) -> Units:
    """New units at a weight that descent can grow or shrink: small beside the present ones."""
    columns = column_sizes(program.X)
    if len(units):
        return found.scaled(1e-3 * float(np.median(np.linalg.norm(units.coef * columns, axis=1))), columns)
    return found.scaled(_small_size(program, columns), columns)


def strongest(program: ConvexProgram, units: Units, most: int) -> Units:
    """The longest units, at most so many, in their order: the others make room for new ones."""
    if len(units) <= most:
        return units
    lengths = np.linalg.norm(units.coef * column_sizes(program.X), axis=1)
    return units[np.sort(np.argsort(-lengths, kind="stable")[:most])]
