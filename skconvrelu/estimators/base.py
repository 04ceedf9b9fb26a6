"""What regressor and classifier share: validated data -> program -> solution -> network, and the fitted attributes."""

from __future__ import annotations

import logging
from abc import abstractmethod
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skconvrelu._checks import check_fit_weights, check_method, naming
from skconvrelu._logging import verbosity
from skconvrelu._sklearn import CallbackSupportMixin, Interval, StrOptions
from skconvrelu._warnings import warn
from skconvrelu.arrangements import patterns_of
from skconvrelu.certificate import Certificate
from skconvrelu.estimators.all_or_nothing import Interrupted, all_or_nothing
from skconvrelu.estimators.arrange import SAMPLERS, arrange
from skconvrelu.estimators.fitted import in_units_of, layers, trained_again
from skconvrelu.estimators.progress import Progress
from skconvrelu.kernels.blas_threads import one_blas_thread
from skconvrelu.losses import HardMargin, Loss
from skconvrelu.network import TwoLayerReLU
from skconvrelu.policy import DEFAULT, Policy
from skconvrelu.problem import Problem
from skconvrelu.program import ConvexProgram
from skconvrelu.search.unit_blocks import as_start
from skconvrelu.search.units import Units, units_of
from skconvrelu.solvers import SOLVERS
from skconvrelu.stopping import deadline_in, until
from skconvrelu.training.auto_beta import auto_beta
from skconvrelu.training.penalties import given_beta
from skconvrelu.training.train import sampled_only, searched, sharpen
from skconvrelu.training.trained import Options, Trained

Array = NDArray[np.float64]

logger = logging.getLogger(__name__)


#: constraints of the parameters of an estimator that is told its penalty
GIVEN_BETA: dict[str, list[Any]] = {
    "beta": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
    "warm_start": ["boolean"],
}


@dataclass(frozen=True, eq=False)
class _Previous:
    """What warm_start keeps of the last fit, in the coordinates of the data: a gate for each unit, and the units."""

    gates: Array
    units: Units


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Validated data.

    Attributes
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    y : ndarray
        Targets or labels as they were given.
    weights : ndarray of shape (n_samples,)
        Sample weights, class weights included.
    Y : ndarray of shape (n_samples, K)
        Targets as the loss wants them.
    loss : Loss
    target : dict
        Fitted attributes that say what outputs mean.
    """

    X: Any
    y: NDArray[Any]
    weights: Array
    Y: Array
    loss: Loss
    target: dict[str, Any]


class BaseConvexReLU(CallbackSupportMixin, BaseEstimator):
    """Common fit and prediction; not for direct use."""

    #: what searches may spend; a subclass may have another one
    _policy: ClassVar[Policy] = DEFAULT

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "arrangements": [StrOptions(SAMPLERS), "array-like", callable],
        "n_arrangements": [Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"relu", "gated_relu"})],
        "refine": ["boolean", Interval(Integral, 0, None, closed="left")],
        "shared_units": ["boolean"],
        "fit_intercept": ["boolean"],
        "solver": [StrOptions({"auto", *SOLVERS}), callable],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "max_time": [None, Interval(Real, 0, None, closed="left")],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _validate_weights(self, X: Any, sample_weight: Any) -> Array:
        return check_fit_weights(sample_weight, X)

    @abstractmethod
    def _validated(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> tuple[Any, NDArray[Any], Array]:
        """Validated data, targets or labels, and weights."""

    @abstractmethod
    def _coded(self, y: NDArray[Any], weights: Array) -> tuple[Array, Loss, dict[str, Any]]:
        """Targets (n_samples, K) for the loss, the loss, and the fitted attributes that say what outputs mean."""

    def _training_set(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> TrainingSet:
        """Validated data; those of a fit that was made before with ``reset=False``."""
        X, y, weights = self._validated(X, y, sample_weight, reset=reset)
        data = TrainingSet(X, y, weights, *self._coded(y, weights))
        if not reset and not np.array_equal(data.target.get("classes_", 0), getattr(self, "classes_", 0)):
            raise ValueError("y must hold the classes of the training data; they differ.")
        return data

    def _problem(self, data: TrainingSet) -> Problem:
        """The training problem of validated data; columns too far apart are refused before any work."""
        problem = Problem.build(data.X, data.Y, data.weights, data.loss, fit_intercept=self.fit_intercept)
        problem.check_columns(getattr(self, "feature_names_in_", None))
        return problem

    def _fit_from(self, X: Any, y: Any, sample_weight: Any, start: Units | None) -> Any:
        deadline = deadline_in(self.max_time)
        data = self._training_set(X, y, sample_weight, reset=True)
        self._check_shared(data)
        progress = Progress.of_fit(self, data.X, data.y, data.weights)
        self._fit_network(data, self.beta, progress, start, deadline)
        progress.end(lambda: vars(self))
        if self.certificate_.stopped == "interrupt":
            raise Interrupted
        return self

    def _fit_network(
        self,
        data: TrainingSet,
        beta: float | str,
        progress: Progress,
        start: Units | None,
        deadline: float | None = None,
    ) -> None:
        """Build and solve the program, then set the fitted attributes all at once.

        ``start`` are known units in the coordinates of X with its constant column, for the search to begin with; it ends
        with the first point at which it can be left after the ``deadline``, a value of ``time.monotonic()``.
        """
        if start is not None:
            n_outputs, width = data.Y.shape[1], data.X.shape[1] + self.fit_intercept
            if start.directions.shape[1] != n_outputs or start.coef.shape[1] != width:
                raise ValueError(
                    f"network: {start.directions.shape[1]} outputs for targets that need {n_outputs}; it must be one that was "
                    "trained on these data, with fit_intercept=True."
                )
        with verbosity(self.verbose), one_blas_thread():
            problem = self._problem(data)
            note = problem.scale_note(getattr(self, "feature_names_in_", None))
            if note is not None:
                warn(note, UserWarning)
            trained = self._train(problem, beta, progress, start, data.target, deadline)
            found = isinstance(beta, str) or isinstance(problem.loss, HardMargin)
            # a given penalty beyond the largest useful one was replaced by a smaller one that will do
            self._set_trained(
                problem, trained, problem.coordinates.beta_outward(trained.program.beta) if found else float(beta)
            )
        self._set(data.target)

    def _set(self, attributes: dict[str, Any]) -> None:
        for name, value in attributes.items():
            setattr(self, name, value)

    def _check_shared(self, data: TrainingSet) -> None:
        if not self._shares(data.Y):
            return
        if self.activation != "relu" or not self.refine:
            raise ValueError(
                "shared_units=True needs refine on and activation='relu': the search finds its output directions."
            )
        if data.loss.name == "hard_margin":
            raise ValueError(
                "shared_units=True does not go with loss='hard_margin'; use 'hinge' or shared_units=False."
            )

    def _shares(self, Y: Array) -> bool:
        """Whether hidden units feed several outputs."""
        return bool(self.shared_units) and Y.shape[1] > 1

    def _train(
        self, problem: Problem, beta: float | str, progress: Progress, start: Units | None, target: dict[str, Any],
        deadline: float | None,
    ) -> Trained:  # fmt: skip
        rng = check_random_state(self.random_state)
        previous = self._previous_units(problem.X.shape[1], problem.rows.Y.shape[1])
        program, gates = self._sampled(problem, previous, rng)
        options, searches = Options.of(self), self._searches(program)
        begin: list[Units] = []
        if isinstance(problem.loss, HardMargin):  # there beta plays no part
            pass
        elif isinstance(beta, str):
            auto = auto_beta(problem, program, gates, options, rng, searches=searches, deadline=deadline)
            program = program.at_beta(auto.beta)
            begin = [] if auto.units is None else [auto.units]
        else:
            program = program.at_beta(given_beta(problem, program, float(beta)))
        if searches:
            known = [units for units in (start, None if previous is None else previous.units) if units is not None]
            begin = [problem.units_inward(units) for units in known] or begin

            def observe(units: Units) -> bool:
                return progress.task("round").end(lambda: self._as_fitted(problem, program, units) | target)

            first = sum(begin[1:], begin[0]) if begin else None
            with until(deadline):
                return searched(problem, program, gates, options, rng, first, observe)
        begin_at = None
        if previous is not None:
            units = problem.units_inward(previous.units)
            begin_at = as_start(program, units, patterns_of(problem.X, previous.gates))
        with until(deadline):
            return sampled_only(problem, program, gates, options, begin_at, enumerated=self._enumerates(program))

    def _sampled(
        self, problem: Problem, previous: _Previous | None, rng: np.random.RandomState
    ) -> tuple[ConvexProgram, Array]:
        """The program over the sampled arrangements, with beta 1, and their gates (d, P)."""
        known = None if previous is None else previous.gates
        gates, patterns = arrange(problem, self.arrangements, self.n_arrangements, known, rng)
        program = problem.program(patterns, 1.0, constrained=self.activation == "relu")
        return replace(program, shared=self._shares(problem.rows.Y)), gates

    def _enumerates(self, program: ConvexProgram) -> bool:
        """Whether the program has all arrangements there are."""
        return isinstance(self.arrangements, str) and self.arrangements == "exact" and not program.shared

    def _searches(self, program: ConvexProgram) -> bool:
        """Whether the fit goes on to arrangements beyond the sampled ones."""
        return bool(self.refine) and program.constrained and not self._enumerates(program)

    def _as_fitted(self, problem: Problem, program: ConvexProgram, units: Units) -> dict[str, Any]:
        """Attributes that predict with the best units of a search still under way."""
        intercept = problem.coordinates.intercept_outward(program.best_intercept(units.outputs(program.X)))
        network = TwoLayerReLU.from_convex(
            problem.units_outward(units).coef, units.directions, intercept, biases=self.fit_intercept
        )
        return {"n_features_in_": self.n_features_in_, **layers(network)}

    def _previous_units(self, d: int, n_outputs: int) -> _Previous | None:
        """Gates, vectors and directions of the last fit, when warm_start asks for them and they fit the data."""
        if not self.warm_start or not hasattr(self, "convex_coef_"):
            return None
        fits = self.convex_coef_.shape[1] == d and self.convex_directions_.shape[1] == n_outputs
        if not fits or not len(self.convex_coef_):
            return None
        units = Units(self.convex_coef_, self.convex_directions_)
        return _Previous(self.arrangements_[:, self.convex_arrangements_], units)

    def _set_trained(self, problem: Problem, trained: Trained, beta: float) -> None:
        program, solution, gates = trained.program, trained.solution, trained.gates
        used = program.block_patterns[solution.blocks]
        units = problem.units_outward(units_of(program, solution))
        intercept = problem.coordinates.intercept_outward(solution.intercept)
        network = TwoLayerReLU.from_convex(
            units.coef, units.directions, intercept,
            biases=self.fit_intercept, gates=None if program.constrained else gates[:, used],
        )  # fmt: skip
        dual = problem.coordinates.dual_outward(problem.rows.expand(solution.dual))
        note = problem.scale_note(getattr(self, "feature_names_in_", None))
        certificate = replace(in_units_of(problem, trained), notes=() if note is None else (note,))
        self.convex_coef_ = units.coef
        self.convex_directions_ = units.directions
        self.convex_arrangements_ = used
        self.arrangements_ = gates
        self._set(layers(network))
        self.beta_ = beta
        self.objective_ = certificate.objective
        self.dual_gap_ = max(0.0, certificate.objective - certificate.lower_bound_solved)
        self.dual_coef_ = dual[:, 0] if dual.shape[1] == 1 else dual
        self.certificate_ = certificate
        self.objectives_ = np.array([problem.objective_outward(value) for value in trained.objectives])
        self.n_iter_ = max(1, solution.n_iter)
        self.solver_ = solution.solver
        logger.info(
            "objective %.6g, gap %.2g, %d hidden units of %d arrangements, solver %s",
            self.objective_,
            self.dual_gap_,
            len(units),
            gates.shape[1],
            self.solver_,
        )

    @all_or_nothing
    def certify(
        self, X: Any, y: Any, *, sample_weight: Any = None, method: str = "search", max_time: float | None = None
    ) -> Certificate:
        """Sharpen the certificate of the fit: more evidence, or a proof.

        Where a better arrangement turns up, the fit goes on with it and all fitted attributes change with it.

        Parameters
        ----------
        X, y, sample_weight
            The training data of the fit.
        method : {"search", "exact"}, default="search"
            "search": further independent starts at the fit's dual point, until 95% of its units are rediscovered.
            "exact": ``max_{||u|| <= 1} |lambda' (X u)_+|`` by branch and bound over simplicial cones, which enumerates the arrangements
            where their number is small. It closes within seconds up to rank 5 with hundreds of samples or rank 8 with dozens;
            beyond rank 10 the bound stays valid but loose.
        max_time : float, default=None
            Seconds after which to stop, with the best bounds so far; they are valid all the same.

        Returns
        -------
        certificate : Certificate
            Also stored as ``certificate_``.

        Raises
        ------
        ValueError
            If the data are not those of the fit, ``method`` or ``max_time`` is invalid, or the activation is not ReLU.
        """
        check_is_fitted(self)
        check_method(method, max_time)
        deadline = deadline_in(max_time)
        if self.activation != "relu":
            raise ValueError("certify needs activation='relu': gated networks are optimal over their own gates only.")
        data = self._training_set(X, y, sample_weight, reset=False)
        if method == "exact" and self._shares(data.Y):
            raise ValueError(
                "certify(method='exact') prices one output at a time; with shared_units=True use method='search'."
            )
        with verbosity(self.verbose), one_blas_thread(), until(deadline) as stop:
            problem = self._problem(data)
            trained, dual = trained_again(self, problem, shared=self._shares(data.Y))
            sharper = sharpen(
                problem,
                trained,
                dual,
                Options.of(self),
                check_random_state(self.random_state),
                method=method,
            )
            if sharper.solution is trained.solution:
                certificate = sharper.certificate.mapped(problem.objective_outward, problem.bound_outward)
                self.certificate_ = replace(certificate, objective=self.objective_)
            else:
                self._set_trained(problem, sharper, self.beta_)
        if stop.interrupted:
            raise Interrupted
        return self.certificate_

    @property
    def network_(self) -> TwoLayerReLU:
        """The fitted network as plain weights, made from ``coefs_`` and ``intercepts_`` (and ``arrangements_``, if gated)."""
        check_is_fitted(self, "coefs_")
        gates = None
        if self.activation == "gated_relu":
            gates = self.arrangements_[:, self.convex_arrangements_]
            if not self.fit_intercept:
                gates = np.vstack([gates, np.zeros(gates.shape[1])])
        (W1, W2), (b1, b2) = self.coefs_, self.intercepts_
        return TwoLayerReLU(W1, b1, W2, b2, gates, getattr(self, "classes_", None))

    def _outputs(self, X: Any) -> Array:
        """Raw outputs (n_samples, n_outputs) in the dtype of X."""
        network = self.network_
        with naming("X"):
            X = validate_data(self, X, accept_sparse=("csr", "csc"), dtype=[np.float64, np.float32], reset=False)
        return network.outputs(X).astype(X.dtype, copy=False)
