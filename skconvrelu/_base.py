"""What regressor and classifier share: validated data -> program -> solution -> network, and the fitted attributes."""

from __future__ import annotations

import logging
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from skconvrelu._logging import verbosity
from skconvrelu._rows import Rows, merge_rows
from skconvrelu._sklearn import Interval, StrOptions, check_sample_weight
from skconvrelu.arrangements import merge_patterns, patterns_of, sample_gates
from skconvrelu.losses import Loss
from skconvrelu.network import TwoLayerReLU
from skconvrelu.program import ConvexProgram, Solution
from skconvrelu.row_space import has_full_column_rank, row_space_basis
from skconvrelu.search.pricing import searched_max_price
from skconvrelu.solvers import solve_program

Array = NDArray[np.float64]

logger = logging.getLogger(__name__)

#: beta="auto" is this fraction of beta_max; chosen by cross-validation in benchmarks/beta_auto.py
AUTO_FRACTION = 0.01
#: ... and at least this fraction of the largest price that balanced classes could have
AUTO_FLOOR = 1e-5

_SAMPLERS = {"gaussian", "sparse", "data", "exact"}


class BaseConvexReLU(BaseEstimator):
    """Common fit and prediction; not for direct use."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "beta": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "arrangements": [StrOptions(_SAMPLERS), "array-like", callable],
        "n_arrangements": [Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"relu", "gated_relu"})],
        "fit_intercept": ["boolean"],
        "solver": [StrOptions({"auto", "mosek", "clarabel", "scipy"})],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _validate_weights(self, X: Any, sample_weight: Any) -> Array:
        weights = check_sample_weight(sample_weight, X, dtype=np.float64)
        if (weights < 0.0).any():
            raise ValueError("sample_weight has negative entries; weights must be nonnegative.")
        if not (weights > 0.0).any():
            raise ValueError("All entries of sample_weight are zero; at least one weight must be positive.")
        return weights

    def _fit_network(self, X: Any, Y: Array, sample_weight: Array, loss: Loss) -> None:
        """Build and solve the program on validated data, then set the fitted attributes all at once."""
        # one BLAS thread: faster at these sizes, and the sums do not depend on how many threads share them
        with verbosity(self.verbose), threadpool_limits(limits=1):
            self._solve(X, Y, sample_weight, loss)

    def _solve(self, X: Any, Y: Array, sample_weight: Array, loss: Loss) -> None:
        rows = merge_rows(X, Y, sample_weight)
        biased = np.hstack([rows.X, np.ones((len(rows.X), 1))]) if self.fit_intercept else rows.X
        previous = self._previous_units(biased.shape[1], Y.shape[1])
        gates, patterns = self._arrange(biased, rows.weights, previous)
        basis = None if has_full_column_rank(biased) else row_space_basis(biased)
        program = ConvexProgram.over_patterns(
            biased if basis is None else np.ascontiguousarray(biased @ basis),
            rows.Y,
            rows.weights,
            patterns,
            loss,
            1.0 if self.beta == "auto" else float(self.beta),
            constrained=self.activation == "relu",
            fit_intercept=self.fit_intercept,
        )
        if self.beta == "auto":
            program = replace(program, beta=_auto_beta(program))
        start = None if previous is None else _start(program, biased, previous, basis)
        solution = solve_program(
            program,
            solver=self.solver,
            tol=self.tol,
            max_iter=self.max_iter,
            start=start,
            n_jobs=self.n_jobs,
        )
        self._set_solution(program, solution, gates, basis, rows)

    def _previous_units(self, d: int, n_outputs: int) -> dict[str, Array] | None:
        """Gates, vectors and directions of the last fit, when warm_start asks for them and they fit the data."""
        if not self.warm_start or not hasattr(self, "convex_coef_"):
            return None
        fits = self.convex_coef_.shape[1] == d and self.convex_directions_.shape[1] == n_outputs
        if not fits or not len(self.convex_coef_):
            return None
        return {
            "gates": self.arrangements_[:, self.convex_arrangements_],
            "coef": self.convex_coef_,
            "directions": self.convex_directions_,
        }

    def _arrange(self, X: Array, weights: Array, previous: dict[str, Array] | None) -> tuple[Array, NDArray[np.bool_]]:
        """Gate vectors (d, P) and their patterns (P, n), duplicates merged and all-off patterns dropped."""
        rng = check_random_state(self.random_state)
        if isinstance(self.arrangements, str):
            gates = sample_gates(
                X, self.arrangements, self.n_arrangements, rng, weights=weights, constant=self.fit_intercept
            )
        elif callable(self.arrangements):
            gates = _check_gates(self.arrangements(X, self.n_arrangements, rng), X.shape[1], self.fit_intercept)
        else:
            gates = _check_gates(self.arrangements, X.shape[1], self.fit_intercept)
        if previous is not None:
            gates = np.hstack([previous["gates"], gates])
        gates, patterns = merge_patterns(X, gates)
        if not len(patterns):
            raise ValueError(
                "arrangements: no gate activates any sample; give gates g with X @ g >= 0 for some sample."
            )
        return gates, patterns

    def _set_solution(
        self, program: ConvexProgram, solution: Solution, gates: Array, basis: Array | None, rows: Rows
    ) -> None:
        used = program.block_patterns[solution.blocks]
        coef = solution.coef if basis is None else solution.coef @ basis.T
        network = TwoLayerReLU.from_convex(
            coef,
            program.block_directions[solution.blocks],
            solution.intercept,
            biases=self.fit_intercept,
            gates=None if program.constrained else gates[:, used],
        )
        dual = rows.expand(solution.dual)
        self.convex_coef_ = coef
        self.convex_directions_ = program.block_directions[solution.blocks]
        self.convex_arrangements_ = used
        self.arrangements_ = gates
        self.coefs_ = [network.hidden_weights, network.output_weights]
        self.intercepts_ = [network.hidden_biases, network.output_biases]
        self.beta_ = program.beta
        self.objective_ = solution.objective
        self.dual_gap_ = solution.gap
        self.dual_coef_ = dual[:, 0] if dual.shape[1] == 1 else dual
        self.n_iter_ = max(1, solution.n_iter)
        self.solver_ = solution.solver
        logger.info(
            "objective %.6g, gap %.2g, %d hidden units of %d arrangements, solver %s",
            self.objective_,
            self.dual_gap_,
            len(coef),
            gates.shape[1],
            self.solver_,
        )

    def _network(self) -> TwoLayerReLU:
        gates = None
        if self.activation == "gated_relu":
            gates = self.arrangements_[:, self.convex_arrangements_]
            if not self.fit_intercept:
                gates = np.vstack([gates, np.zeros(gates.shape[1])])
        return TwoLayerReLU(self.coefs_[0], self.intercepts_[0], self.coefs_[1], self.intercepts_[1], gates)

    def _outputs(self, X: Any) -> Array:
        """Raw outputs (n_samples, n_outputs) in the dtype of X."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=("csr", "csc"), dtype=[np.float64, np.float32], reset=False)
        return self._network().outputs(X).astype(X.dtype, copy=False)


def _auto_beta(program: ConvexProgram) -> float:
    """``AUTO_FRACTION`` of the smallest beta with the zero network as optimum, over all arrangements as searched.

    Over all arrangements it does not depend on the sampler (gated units: over the given ones). For losses without a unit
    there is a floor: with classes beyond 1000 : 1 the fraction alone would follow the rare class into pure fitting.
    """
    beta_max = program.beta_max()
    if beta_max == 0.0:  # no unit can gain anything, and any penalty keeps the zero network
        return 1.0
    if program.constrained:
        dual = program.dual_point(np.zeros_like(program.Y))
        beta_max = max(beta_max, searched_max_price(program.X, dual, program.patterns))
    floor = AUTO_FLOOR * program.largest_price() if program.loss.unitless else 0.0
    return max(AUTO_FRACTION * beta_max, floor)


def _check_gates(gates: Any, d: int, fit_intercept: bool) -> Array:
    checked = np.asarray(gates, dtype=np.float64)
    if checked.ndim != 2 or checked.shape[0] != d or not checked.shape[1]:
        rows = (
            f"n_features + 1 = {d} (the last one multiplies the hidden bias)" if fit_intercept else f"n_features = {d}"
        )
        raise ValueError(
            f"arrangements must hold one gate vector a column, shape ({rows}, n_gates); got shape {checked.shape}."
        )
    if not np.isfinite(checked).all():
        raise ValueError("arrangements contains NaN or infinity; gate vectors must be finite.")
    return checked


def _start(program: ConvexProgram, X: Array, previous: dict[str, Array], basis: Array | None) -> Solution | None:
    """The last fit's blocks as a starting point of this program; units whose pattern is now all off are left out."""
    keys = {pattern.tobytes(): p for p, pattern in enumerate(program.patterns)}
    directions = {direction.tobytes(): a for a, direction in enumerate(program.block_directions[:: len(keys)])}
    blocks, kept = [], []
    for j, pattern in enumerate(patterns_of(X, previous["gates"])):
        p, a = keys.get(pattern.tobytes()), directions.get(previous["directions"][j].tobytes())
        if p is not None and a is not None:
            blocks.append(a * len(keys) + p)
            kept.append(j)
    if not kept:
        return None
    coef = previous["coef"][kept]
    return Solution.unverified(program, np.array(blocks), coef if basis is None else coef @ basis)
