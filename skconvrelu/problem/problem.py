"""The validated training problem: distinct weighted samples in canonical coordinates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from skconvrelu.arrangements import exact_gates, sample_gates
from skconvrelu.losses import HardMargin, Loss
from skconvrelu.problem.coordinates import Coordinates
from skconvrelu.problem.merging import Rows, merge_rows
from skconvrelu.program import ConvexProgram
from skconvrelu.rounding import TOO_FAR_APART, UNIT, exact_sum, gamma, positive, power_of_two
from skconvrelu.row_space import RowSpace
from skconvrelu.search.units import Units

Array = NDArray[np.float64]

#: factor between the sizes of two columns from which the user is told
_APART = 1e3
#: exponents of the loss of the zero network, in the user's units, that can be carried
_LOSS = 1000


@dataclass(frozen=True, eq=False)
class Problem:
    """A training problem, built once; everything downstream works in its canonical coordinates.

    X, with the constant column for hidden biases, is divided by a power of two near its largest entry; targets, where the loss allows
    it, are moved by one of them and divided by a power of two; weights sum to one; equal samples are merged; and where X lacks full
    column rank vectors live in an orthonormal basis of its row space.

    Attributes
    ----------
    rows : Rows
        Distinct samples in canonical coordinates, without the constant column.
    X : ndarray of shape (n, d)
        With the constant column.
    points : ndarray of shape (n, r)
        X in the basis of its row space.
    space : RowSpace
    loss : Loss
        In canonical units.
    target_error : ndarray of shape (n, K) or None
        What moving the targets rounded off.
    coordinates : Coordinates
    constant, constant_error : float
        What the objective has on top of the documented one, in the user's units, and a bound of its rounding error.
    fit_intercept : bool
    """

    rows: Rows
    X: Array
    points: Array
    space: RowSpace
    loss: Loss
    target_error: Array | None
    coordinates: Coordinates
    constant: float
    constant_error: float
    fit_intercept: bool

    @classmethod
    def build(cls, X: Any, Y: Array, sample_weight: Array, loss: Loss, *, fit_intercept: bool) -> Problem:
        """Validate what only the whole problem shows, and move it into canonical coordinates.

        Raises
        ------
        ValueError
            If weights, targets or features have sizes that double precision cannot carry.
        """
        used = np.flatnonzero(sample_weight > 0.0)
        X, Y, weights = X[used], Y[used], sample_weight[used]
        largest = float(abs(X).max())
        x_exponent = power_of_two(max(largest, 1.0) if fit_intercept else largest)
        targets = loss.canonical(Y, free=fit_intercept)
        coordinates = Coordinates(
            x_exponent=x_exponent,
            output_exponent=targets.output_exponent,
            # the sum of norms that a hard margin leaves has the unit of one over X
            loss_exponent=-x_exponent if isinstance(loss, HardMargin) else targets.loss_exponent,
            centre=targets.centre,
        )
        K = Y.shape[1]
        table = targets.Y if targets.error is None else np.hstack([targets.Y, targets.error])
        rows = merge_rows(_divided(X, x_exponent), table, weights).among(used, len(sample_weight))
        error = None if targets.error is None else np.ascontiguousarray(rows.Y[:, K:])
        rows = replace(rows, Y=np.ascontiguousarray(rows.Y[:, :K]))
        biased = rows.X
        if fit_intercept:
            biased = np.hstack([rows.X, np.full((len(rows.X), 1), 2.0**-x_exponent)])
        space = RowSpace.of(biased)
        constant, error_of_it = _constant(loss, Y, weights)
        problem = cls(
            rows=rows,
            X=biased,
            points=space.inward(biased),
            space=space,
            loss=targets.loss,
            target_error=error,
            coordinates=coordinates,
            constant=constant,
            constant_error=error_of_it,
            fit_intercept=fit_intercept,
        )
        problem._check_loss(Y)
        return problem

    def _check_loss(self, Y: Array) -> None:
        """Refuse targets whose losses are no numbers, or all zero, in the user's units."""
        zero = (
            self.loss.value(np.zeros_like(self.rows.Y), self.rows.Y) if not isinstance(self.loss, HardMargin) else 1.0
        )
        size = self.coordinates.value_outward(float(np.max(zero)))
        if not np.isfinite(size) or abs(self.coordinates.loss_exponent) > _LOSS:
            raise ValueError(
                f"y: with targets of up to {np.abs(Y).max():.3g} the loss leaves the range of double precision; divide y by its spread."
            )

    @property
    def biased(self) -> Array:
        """Distinct samples with the constant column of ones, in the user's coordinates."""
        return _divided(self.X, -self.coordinates.x_exponent)

    @cached_property
    def _extremes(self) -> tuple[float, int, int] | None:
        """By what factor the root mean squares of columns differ, and which is the smallest and the largest; None for zeros only."""
        largest = np.abs(self.X).max(axis=0)
        sizes = largest * np.sqrt(self.rows.weights @ np.square(self.X / positive(largest)))
        used = np.flatnonzero(sizes > 0.0)
        if not len(used):
            return None
        least, most = used[sizes[used].argmin()], used[sizes[used].argmax()]
        with np.errstate(over="ignore"):
            return float(sizes[most] / sizes[least]), int(least), int(most)

    def scale_note(self, names: Any = None) -> str | None:
        """What to tell the user where columns differ in size by orders of magnitude: by name, with the remedy."""
        if self._extremes is None or self._extremes[0] < _APART:
            return None
        return (
            f"{self._difference(names)} The penalty is that of weights on X as it is, so that small columns hardly count: scale the "
            "features, for instance by StandardScaler."
        )

    def check_columns(self, names: Any = None) -> None:
        """Refuse columns so far apart that squares of both are no numbers.

        Raises
        ------
        ValueError
            With the columns by name and the remedy.
        """
        if self._extremes is not None and self._extremes[0] > TOO_FAR_APART:
            raise ValueError(
                f"{self._difference(names)} Double precision cannot hold both; scale the features, for instance by StandardScaler."
            )

    def _difference(self, names: Any) -> str:
        assert self._extremes is not None
        factor, least, most = self._extremes

        def name(column: int) -> str:
            if column == self.rows.X.shape[1]:
                return "the constant column of the hidden biases"
            return f"feature {column}" if names is None else f"feature {names[column]!r}"

        return f"X: its columns differ in size by a factor of {factor:.1g}, from {name(least)} to {name(most)}."

    def sampled_gates(self, kind: str, count: int, rng: np.random.RandomState) -> Array:
        """Gates (d, count) of one of the named samplers, in the user's coordinates."""
        if kind == "exact":  # of the very rows whose patterns are then solved over
            return np.ascontiguousarray(self.space.outward(exact_gates(self.points).T).T)
        X = self.rows.X  # of moderate size, so that squares are numbers, beside a constant column of ones
        if self.fit_intercept:
            X = np.hstack([X, np.ones((len(X), 1))])
        gates = sample_gates(X, kind, count, rng, weights=self.rows.weights, constant=self.fit_intercept)
        features = self.rows.X.shape[1]
        gates[:features] = np.ldexp(gates[:features], -self.coordinates.x_exponent)
        return gates

    def program(self, patterns: NDArray[np.bool_], beta: float, *, constrained: bool) -> ConvexProgram:
        """The convex program over patterns (P, n); ``beta`` in canonical units."""
        return replace(
            ConvexProgram.over_patterns(
                self.points, self.rows.Y, self.rows.weights, patterns, self.loss, beta,
                constrained=constrained, fit_intercept=self.fit_intercept,
            ),
            neglected=self.space.neglected, target_error=self.target_error, weight_error=self.rows.weight_error,
            unit=self.coordinates.value_outward(1.0),
        )  # fmt: skip

    def units_inward(self, units: Units) -> Units:
        """Units of the user's coordinates in those of the program."""
        return Units(self.space.inward(self.coordinates.vectors_inward(units.coef)), units.directions)

    def units_outward(self, units: Units) -> Units:
        """Units of the program in the user's coordinates."""
        return Units(self.coordinates.vectors_outward(self.space.outward(units.coef)), units.directions)

    def gates_inward(self, gates: Array) -> Array:
        """Gates (P, d), whose lengths do not matter, in the basis of the row space."""
        return np.ascontiguousarray(self.space.inward(gates))

    def gates_outward(self, gates: Array) -> Array:
        """Gates of the program in the user's coordinates."""
        return self.space.outward(gates)

    def objective_outward(self, value: float) -> float:
        """An objective as it is documented, in the user's units."""
        return self.coordinates.value_outward(value) - self.constant

    def objective_inward(self, value: float) -> float:
        """The inverse of :meth:`objective_outward`."""
        return self.coordinates.value_inward(value + self.constant)

    def bound_outward(self, value: float) -> float:
        """A lower bound in the user's units, less what subtracting the constant rounds off."""
        moved = self.objective_outward(value)
        return moved - self.constant_error - 2.0 * UNIT * (abs(moved) + abs(self.constant)) if self.constant else moved


def _divided(X: Any, exponent: int) -> Any:
    """X over a power of two, in doubles; X itself where there is nothing to do."""
    X = X.astype(np.float64, copy=False)
    if exponent == 0:
        return X
    if sparse.issparse(X):
        X = X.copy()
        X.data = np.ldexp(X.data, -exponent)
        return X
    return np.ldexp(X, -exponent)


def _constant(loss: Loss, Y: Array, weights: Array) -> tuple[float, float]:
    """The weighted mean of what the loss has on top of the documented one, and a bound of its rounding error."""
    dropped = loss.dropped(Y)
    if not dropped.any():
        return 0.0, 0.0
    weights = np.ldexp(weights, -int(np.frexp(weights.max())[1]))
    total = exact_sum(weights)
    size = exact_sum(weights * np.abs(dropped)) / total
    return exact_sum(weights * dropped) / total, gamma(12) * size
