"""Hidden units as the search sees them: vectors and output directions, the pattern of each being the signs of ``X u``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skconvrelu.arrangements._patterns import patterns_of
from skconvrelu.program import ConvexProgram
from skconvrelu.rounding import lengths_of_any_size, positive
from skconvrelu.rows import Rows
from skconvrelu.solution import Solution

Array = NDArray[np.float64]

#: step from a unit to its gate, relative to the unit
_ASIDE = 1e-7


@dataclass(frozen=True, eq=False)
class Units:
    """ReLU units ``(X u_j)_+ v_j'`` with the output intercept left to :meth:`ConvexProgram.best_intercept`.

    Attributes
    ----------
    coef : ndarray of shape (m, d)
        Vectors ``u_j``, none zero.
    directions : ndarray of shape (m, K)
        Unit output directions ``v_j``.
    """

    coef: Array
    directions: Array

    def __len__(self) -> int:
        return len(self.coef)

    def __add__(self, other: Units) -> Units:
        return Units(np.vstack([self.coef, other.coef]), np.vstack([self.directions, other.directions]))

    @classmethod
    def stacked(cls, parts: list[Units]) -> Units:
        """All units of several networks."""
        return cls(np.vstack([part.coef for part in parts]), np.vstack([part.directions for part in parts]))

    def __getitem__(self, keep: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Units:
        return Units(self.coef[keep], self.directions[keep])

    def norms(self) -> Array:
        """``||u_j||``, shape (m,)."""
        return np.sqrt(np.einsum("mi,mi->m", self.coef, self.coef))

    def outputs(self, X: Array) -> Array:
        """Network outputs (n, K) before the intercept; formed once for the samples that they are asked for again and again."""
        known = self.__dict__.get("_known")
        if known is None or known[0] is not X:
            F = Rows.in_cache(len(self), X).map(lambda X: np.maximum(X @ self.coef.T, 0.0) @ self.directions)
            F.flags.writeable = False
            known = X, F
            object.__setattr__(self, "_known", known)
        return known[1]

    def __getstate__(self) -> dict[str, Array]:
        return {"coef": self.coef, "directions": self.directions}

    def objective(self, program: ConvexProgram) -> float:
        """Training objective of the network, with the best intercept, from above: units that nearly cancel leave rounding only."""
        F = self.outputs(program.X)
        F = F + program.best_intercept(F)
        error = program.objective_error(F, self.coef)
        return program.loss_value(F) + float(program.beta * self.norms().sum()) + error

    def gates(self, X: Array) -> Array:
        """Gates (m, d) whose patterns are those of the units, with a side chosen for samples that lie on a unit's hyperplane.

        The sides that rounding would choose may belong to no cell at all, or to a sliver, where ties or repeated values let more
        hyperplanes meet than the rank; a common small step off all of them lands in a cell of full size.
        """
        aside = np.tile(X.sum(axis=0), (len(self), 1))
        aside += Rows.in_memory(len(self), X).sum(lambda X: np.sign(X @ self.coef.T).T @ X)
        reach = np.sqrt(np.einsum("mi,mi->m", aside, aside))
        return self.coef + (_ASIDE * self.norms() / np.where(reach > 0.0, reach, 1.0))[:, None] * aside

    def patterns(self, X: Array) -> NDArray[np.bool_]:
        """Patterns (m, n) of the gates."""
        gates = self.gates(X).T
        return np.ascontiguousarray(Rows.in_memory(len(self), X).map(lambda X: patterns_of(X, gates).T).T)

    def scaled(self, size: float, columns: Array) -> Units:
        """The same directions, every length equal to ``size`` where columns have these sizes."""
        lengths = positive(lengths_of_any_size(self.coef * columns))
        return Units(self.coef / lengths[:, None] * size, self.directions)

    def merged(self, X: Array) -> Units:
        """Units of one pattern and direction added up: their sum lies in the same cone, fits the same and costs no more."""
        keys = np.hstack([np.packbits(self.patterns(X), axis=1), self.directions.view(np.uint8)])
        _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first, kind="stable")
        position = np.empty_like(order)
        position[order] = np.arange(len(order))
        coef = np.zeros((len(first), self.coef.shape[1]))
        np.add.at(coef, position[inverse.ravel()], self.coef)
        return Units(coef, self.directions[first[order]])


def units_of(program: ConvexProgram, solution: Solution) -> Units:
    """The hidden units of a solution."""
    return Units(solution.coef, program.block_directions[solution.blocks])


def no_units(program: ConvexProgram) -> Units:
    """The zero network."""
    return Units(np.zeros((0, program.X.shape[1])), np.zeros((0, program.Y.shape[1])))


def signed_axes(n_outputs: int) -> Array:
    """The output directions ``+-e_k`` of units that feed one output each, (2 K, K)."""
    return np.vstack([np.eye(n_outputs), -np.eye(n_outputs)])
