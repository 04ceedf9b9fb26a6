"""A neutral cone program, collected from sparse triplets and handed to any conic solver.

``min c'x + offset`` subject to ``row_lower <= A x <= row_upper`` and ``F x + g`` in a product of cones. Conventions are MOSEK's:
rotated quadratic ``2 x1 x2 >= ||x3..||^2``, exponential ``x1 >= x2 exp(x3 / x2)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skconvrelu.solution import Candidate

Array = NDArray[np.float64]
Index = NDArray[np.int32]
Where = NDArray[np.intp] | int  # variable or row indices, broadcast against each other


Entries = tuple[NDArray[np.intp], NDArray[np.intp], Array]


@dataclass(frozen=True, eq=False)
class Triplets:
    """A sparse matrix in coordinates, no entry twice; indices are int32, which conic solvers take without a copy."""

    rows: Index
    cols: Index
    values: Array


@dataclass(frozen=True)
class ConePart:
    """``count`` consecutive cones of one ``kind`` ("quadratic", "rotated", "exponential") and dimension."""

    kind: str
    dim: int
    count: int


@dataclass(frozen=True, eq=False)
class ConicSolution:
    """What a conic solver returns: ``x``, multipliers of the rows and of the cones, in the Lagrangian
    ``c'x + offset - rows'(A x) - cones'(F x + g)``; so a multiplier of a lower row bound is nonnegative and every cone
    multiplier lies in the dual cone.
    """

    x: Array
    rows: Array
    cones: Array
    n_iter: int
    optimal: bool


@dataclass(frozen=True, eq=False)
class ConicForm:
    """See the module's docstring; ``read`` turns a solver's point back into a candidate for the program."""

    cost: Array
    offset: float
    A: Triplets
    row_lower: Array
    row_upper: Array
    F: Triplets
    g: Array
    cones: tuple[ConePart, ...]
    read: Callable[[ConicSolution], Candidate]

    @property
    def n_variables(self) -> int:
        return len(self.cost)


class Builder:
    """Collects rows and cones block by block."""

    def __init__(self) -> None:
        self.n_variables = 0
        self.n_rows = 0
        self.n_cone_rows = 0
        self._A: list[Entries] = []
        self._F: list[Entries] = []
        self._bounds: list[tuple[Array, Array]] = []
        self._g: list[Array] = []
        self._cones: list[ConePart] = []
        self._cost: list[Array] = []

    def variables(self, count: int, cost: float | Array = 0.0) -> NDArray[np.intp]:
        first = self.n_variables
        self.n_variables += count
        self._cost.append(np.broadcast_to(np.asarray(cost, dtype=np.float64), (count,)))
        return np.arange(first, first + count)

    def rows(self, count: int, lower: float | Array, upper: float | Array) -> NDArray[np.intp]:
        first = self.n_rows
        self.n_rows += count
        self._bounds.append((np.broadcast_to(lower, (count,)), np.broadcast_to(upper, (count,))))
        return np.arange(first, first + count)

    def cone(self, kind: str, dim: int, g: Array) -> NDArray[np.intp]:
        """Rows (count, dim) of ``count`` cones with constants ``g`` (count, dim)."""
        count, first = len(g), self.n_cone_rows
        self.n_cone_rows += count * dim
        self._cones.append(ConePart(kind, dim, count))
        self._g.append(np.ravel(g))
        return np.arange(first, first + count * dim).reshape(count, dim)

    def in_rows(self, rows: Where, cols: Where, values: Array | float) -> None:
        self._A.append(_entries(rows, cols, values))

    def in_cones(self, rows: Where, cols: Where, values: Array | float) -> None:
        self._F.append(_entries(rows, cols, values))

    def finish(self, offset: float, read: Callable[[ConicSolution], Candidate]) -> ConicForm:
        return ConicForm(
            cost=np.concatenate(self._cost),
            offset=offset,
            A=_join(self._A),
            row_lower=np.concatenate([np.zeros(0), *(b[0] for b in self._bounds)]),
            row_upper=np.concatenate([np.zeros(0), *(b[1] for b in self._bounds)]),
            F=_join(self._F),
            g=np.concatenate(self._g),
            cones=tuple(self._cones),
            read=read,
        )


def _entries(rows: Where, cols: Where, values: Array | float) -> Entries:
    r, c, v = np.broadcast_arrays(rows, cols, values)
    keep = v.ravel() != 0.0
    return r.ravel()[keep], c.ravel()[keep], v.ravel()[keep]


def _join(parts: list[Entries]) -> Triplets:
    if not parts:
        return Triplets(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0))
    rows, cols, values = (np.concatenate([part[i] for part in parts]) for i in range(3))
    return Triplets(rows.astype(np.int32), cols.astype(np.int32), np.ascontiguousarray(values, dtype=np.float64))
