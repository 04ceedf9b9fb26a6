"""Estimators that choose beta by cross-validation, after :class:`sklearn.linear_model.LassoCV`."""

from __future__ import annotations

import time
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from skconvrelu._base import BaseConvexReLU, TrainingSet, layers
from skconvrelu._betas import beta_grid, given_betas
from skconvrelu._classifier import ConvexReLUClassifier
from skconvrelu._fold_paths import Fold, Point
from skconvrelu._held_out import score_of, splits_of
from skconvrelu._logging import verbosity
from skconvrelu._progress import Progress
from skconvrelu._regressor import ConvexReLURegressor
from skconvrelu._selection import Selection, select_beta
from skconvrelu._sklearn import (
    Interval,
    StrOptions,
    check_method_params,
    fit_context,
    raise_for_params,
    routing_enabled,
    with_callbacks,
)
from skconvrelu._threads import one_blas_thread
from skconvrelu._trained import Options
from skconvrelu._whole import all_or_nothing
from skconvrelu.losses import check_targets
from skconvrelu.search.units import Units

Array = NDArray[np.float64]


class _ChoosesBeta(BaseConvexReLU):
    """What both estimators add to the plain ones: folds, the choice, and a refit; not for direct use."""

    _cv_constraints: ClassVar[dict[str, list[Any]]] = {
        "betas": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "eps": [Interval(Real, 0, 1, closed="neither")],
        "cv": ["cv_object"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "one_standard_error": ["boolean"],
        "refit": ["boolean"],
    }
    #: a fit begins from its own path
    warm_start: ClassVar[bool] = False

    def _fit_chosen(self, X: Any, y: Any, sample_weight: Any, params: dict[str, Any]) -> Any:
        raise_for_params(params, self, "fit")
        given = given_betas(self.betas)
        data = self._training_set(X, y, sample_weight, reset=True)
        self._check_shared(data)
        routed = self._routed(data, sample_weight, params)
        splits = splits_of(self.cv, data.X, data.y, classifier=is_classifier(self), **routed.get("splitter", {}))
        parts = [self._part(data, rows, f) for f, (rows, _) in enumerate(splits)]
        progress = Progress.of_fit(self, data.X, data.y, data.weights)
        with verbosity(self.verbose), one_blas_thread():
            rng = check_random_state(self.random_state)
            whole = self._fold(data, rng)
            grid = given
            if grid is None:
                grid = beta_grid(
                    whole.problem, [walk.program for walk in whole.walks], int(self.betas), self.eps, self._policy
                )
            folds = [self._fold(part, rng) for part in parts]

            def score(f: int, point: Point) -> float:
                fitted = self._fold_attributes(folds[f], point) | parts[f].target
                return self._score_on(data, splits[f][1], fitted, routed.get("scorer", {}), f)

            def observe(betas: list[float], scores: Array) -> bool:
                return progress.task("betas").end()

            selection = select_beta(
                folds, grid, score, adaptive=given is None, one_standard_error=self.one_standard_error,
                n_jobs=self.n_jobs, observe=observe,
            )  # fmt: skip
            networks = [fold.network(point) for fold, point in zip(folds, selection.points, strict=True)]
            held_out = [(rows, net.outputs(data.X[rows])) for (_, rows), net in zip(splits, networks, strict=True)]
            chosen = self._from_held_out(data, held_out)
            start = self._approach(whole, selection) if self.refit else None
        beta = float(selection.betas[selection.best])
        if not self.refit:
            self._forget_network()
        if self.refit:
            begin = time.monotonic()
            task = progress.task("refit", nested=True)
            self._fit_network(data, beta, task, start)
            task.end()
            self.refit_time_ = time.monotonic() - begin
        self.beta_, self.betas_, self.cv_scores_ = beta, selection.betas, selection.scores
        self.n_fits_, self.cv_time_ = selection.n_fits, selection.seconds
        self._set(chosen)
        progress.end(lambda: vars(self))
        return self

    def _forget_network(self) -> None:
        """Drop what an earlier fit left, so that without a refit there is nothing to predict with."""
        for name in [name for name in vars(self) if name.endswith("_") and not name.endswith("__")]:
            if name not in ("n_features_in_", "feature_names_in_"):
                delattr(self, name)

    def _routed(self, data: TrainingSet, sample_weight: Any, params: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Metadata for the splitter, and for the scorer on all rows."""
        if not routing_enabled():
            return {}
        if sample_weight is not None and np.asarray(sample_weight).ndim == 0:  # one weight for all rows
            sample_weight = np.full(len(data.y), float(sample_weight))
        routed = process_routing(self, "fit", sample_weight=sample_weight, **params)
        return {"splitter": routed.splitter.split, "scorer": routed.scorer.score if "scorer" in routed else {}}

    def _fold(self, data: TrainingSet, rng: np.random.RandomState) -> Fold:
        """All rows of the data as something to walk on."""
        problem = self._problem(data)
        program, gates = self._sampled(problem, None, rng)
        seed = int(rng.randint(2**31 - 1))
        return Fold.build(problem, program, gates, Options.of(self), seed, searches=self._searches(program))

    def _score_on(
        self, data: TrainingSet, rows: Any, fitted: dict[str, Any], metadata: dict[str, Any], number: int
    ) -> float:
        """Score on held-out rows of an estimator with these fitted attributes."""
        model = type(self)(
            **self.get_params(deep=False) | {"cv": None}
        )  # splits may be a generator, of which there is no copy
        model._set(fitted)
        X, y = data.X[rows], data.y[rows]
        if self.scoring is None:
            return float(model._own_score(X, y, data.weights[rows]))
        own = check_method_params(data.X, metadata, indices=rows)
        return score_of(check_scoring(self, self.scoring), model, X, y, own, number)

    def _fold_attributes(self, fold: Fold, point: Point) -> dict[str, Any]:
        """Fitted attributes that predict with a fold's network."""
        attributes = {"n_features_in_": self.n_features_in_} | layers(fold.network(point))
        if fold.gates is not None:
            attributes["arrangements_"] = fold.gates
            attributes["convex_arrangements_"] = fold.walks[0].program.block_patterns[point.blocks]
        return attributes

    def _part(self, data: TrainingSet, rows: Any, number: int) -> TrainingSet:
        y, weights = data.y[rows], data.weights[rows]
        if not (weights > 0.0).any():
            raise ValueError(f"cv: no training row of fold {number} has positive weight; use fewer folds or shuffle.")
        try:
            self._check_part(y, weights)
            coded = self._coded(y, weights)
        except ValueError as error:
            raise ValueError(
                f"cv: training rows of fold {number}: {error} Use fewer folds, shuffled or stratified ones."
            ) from error
        return TrainingSet(data.X[rows], y, weights, *coded)

    def _check_part(self, y: NDArray[Any], weights: Array) -> None:
        """Refuse targets of training rows that their loss cannot fit."""

    def _approach(self, whole: Fold, selection: Selection) -> Units | None:
        """Units at the chosen beta from the path down to it, as the folds had them."""
        if not whole.walks[0].searches:
            return None
        betas = [float(beta) for beta in selection.betas[: selection.best + 1]]
        return whole.outward(whole.joined([walk.advance(betas, None)[-1] for walk in whole.walks]))

    def _own_score(self, X: Any, y: NDArray[Any], weights: Array) -> float:
        """The default score on held-out rows, larger is better; nan where none of them has weight."""
        raise NotImplementedError

    def _from_held_out(self, data: TrainingSet, held_out: list[tuple[Any, Array]]) -> dict[str, Any]:
        """Further fitted attributes, from outputs for held-out rows."""
        return {}

    def get_metadata_routing(self) -> MetadataRouter:
        """Routing of metadata: what ``fit`` hands on to the splitter of ``cv`` and to the scorer of ``scoring``.

        Returns
        -------
        routing : MetadataRouter
        """
        # splits that are given want no metadata, like the default; a generator of them must not be read here
        splitter = check_cv(self.cv if isinstance(self.cv, Integral) or hasattr(self.cv, "split") else None)
        # a name: older releases copy the owner, and there is no copy of a generator
        router = MetadataRouter(owner=type(self).__name__).add_self_request(self)
        router.add(splitter=splitter, method_mapping=MethodMapping().add(caller="fit", callee="split"))
        if self.scoring is not None:
            scorer = check_scoring(self, self.scoring)
            router.add(scorer=scorer, method_mapping=MethodMapping().add(caller="fit", callee="score"))
        return router


def _constraints(plain: type[BaseConvexReLU]) -> dict[str, list[Any]]:
    """Parameter constraints of the plain estimator, without what is chosen or kept."""
    kept = {name: kind for name, kind in plain._parameter_constraints.items() if name not in ("beta", "warm_start")}
    return {**kept, **_ChoosesBeta._cv_constraints}


class ConvexReLURegressorCV(_ChoosesBeta, ConvexReLURegressor):
    """Two-layer ReLU network for regression whose penalty is chosen by cross-validation.

    Every fold is trained along falling penalties, each from the units of the last, to within a few percent of its optimum; the penalty with
    the best held-out score is then refitted on all rows by the full search, with its certificate. With ``betas`` a number, every
    second penalty of a geometric grid is tried from above until the score has clearly turned, then the neighbours of the best.

    Parameters
    ----------
    betas : int or array-like, default=41
        Number of penalties of a geometric grid from the largest useful one down to ``eps`` times it, or the penalties to try, all of them.
    eps : float, default=1e-5
        Least penalty of the grid as a fraction of the largest, the smallest beta whose optimum is the zero network.
    cv : int, cross-validation generator or iterable, default=None
        As in :class:`sklearn.linear_model.LassoCV`: None is 5 folds.
    scoring : str or callable, default=None
        What held-out rows judge by. None: minus the mean training loss, such as half the squared error, weighted by ``sample_weight``.
        Other scores are weighted where metadata routing hands a scorer the weights that it requests. A score that is no finite number
        (R^2 of a single row) does not count, with a warning: folds without one at any penalty are left out, and penalties with fewer of
        them than others come last, since means over different folds cannot be compared.
    one_standard_error : bool, default=False
        Take the largest penalty whose score is within one standard error (over folds) of the best one: a smaller, smoother network.
    calibrate : bool, default=False
        For ``loss="quantile"``: move the predictions by the quantile of the held-out residuals (``calibration_``). A flexible network
        fits the quantile of its training rows, which those of new rows exceed; their share below the moved predictions is right.
    refit : bool, default=True
        False only chooses: there is no network to predict with.
    loss, epsilon, quantile, arrangements, n_arrangements, activation, refine, shared_units, fit_intercept, solver, tol, max_iter
        As in :class:`ConvexReLURegressor`; ``tol`` defaults to 1e-2. With ``refine`` off or gated ReLU the folds are solved over the
        sampled arrangements.
    n_jobs : int, default=None
        Jobs over folds, and over outputs that can be trained apart; any joblib backend, :func:`joblib.parallel_config` included. The result
        does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Draws the arrangements and the starts of the search. The same integer gives bitwise the same model.
    verbose : int, default=0
        1 logs every penalty and the result to stderr, 2 and more every round and iteration, through the logger "skconvrelu".

    Attributes
    ----------
    beta_ : float
        The penalty chosen.
    betas_ : ndarray of shape (n_betas,)
        The penalties tried, falling.
    cv_scores_ : ndarray of shape (n_betas, n_folds)
        Score of each fold at each of them; larger is better.
    n_fits_ : int
        Networks trained for the choice.
    cv_time_, refit_time_ : float
        Seconds that choice and refit took.
    calibration_ : ndarray of shape (n_outputs,)
        What ``predict`` adds to the network's outputs: zero unless ``calibrate``. Certificate and objective are the network's own.
    **others
        All attributes of :class:`ConvexReLURegressor`, of the refitted network.

    See Also
    --------
    ConvexReLURegressor : One penalty.
    convex_relu_path : Networks along penalties, each with its gap.

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu import ConvexReLURegressorCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, size=(60, 1))
    >>> y = np.abs(X[:, 0]) + 0.1 * rng.standard_normal(60)
    >>> model = ConvexReLURegressorCV(random_state=0).fit(X, y)
    >>> bool(abs(model.predict([[0.5]])[0] - 0.5) < 0.1)
    True
    >>> bool(model.certificate_.gap_searched <= 1e-2)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_constraints(ConvexReLURegressor),
        "calibrate": ["boolean"],
    }

    def __init__(
        self,
        *,
        betas: Any = 41,
        eps: float = 1e-5,
        cv: Any = None,
        scoring: Any = None,
        one_standard_error: bool = False,
        calibrate: bool = False,
        refit: bool = True,
        loss: str = "squared_error",
        epsilon: float = 1.35,
        quantile: float = 0.5,
        arrangements: Any = "gaussian",
        n_arrangements: int = 100,
        activation: str = "relu",
        refine: bool | int = True,
        shared_units: bool = False,
        fit_intercept: bool = True,
        solver: str = "auto",
        tol: float = 1e-2,
        max_iter: int = 1000,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.betas = betas
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.one_standard_error = one_standard_error
        self.calibrate = calibrate
        self.refit = refit
        self.loss = loss
        self.epsilon = epsilon
        self.quantile = quantile
        self.arrangements = arrangements
        self.n_arrangements = n_arrangements
        self.activation = activation
        self.refine = refine
        self.shared_units = shared_units
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @all_or_nothing
    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> ConvexReLURegressorCV:
        """Choose beta and train with it to global optimality.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        **params : dict
            For the splitter of ``cv``, such as ``groups``, and the scorer of ``scoring``; needs
            ``sklearn.set_config(enable_metadata_routing=True)``.

        Returns
        -------
        self : ConvexReLURegressorCV

        Raises
        ------
        ValueError
            If data, weights or a parameter are invalid, a fold has no targets that the loss can fit, or no score is defined; nothing is
            fitted then.
        """
        if self.calibrate and self.loss != "quantile":
            raise ValueError(
                f"calibrate=True is for loss='quantile', whose predictions have a share to cover; got {self.loss!r}."
            )
        return self._fit_chosen(X, y, sample_weight, params)

    def _from_held_out(self, data: TrainingSet, held_out: list[tuple[Any, Array]]) -> dict[str, Any]:
        if not self.calibrate:
            return {"calibration_": np.zeros(data.Y.shape[1])}
        rows = np.concatenate([np.arange(len(data.y))[rows] for rows, _ in held_out])
        outputs = np.vstack([outputs for _, outputs in held_out])
        weights = data.weights[rows]
        if not (weights > 0.0).any():
            raise ValueError(
                "calibrate: no held-out row of cv has positive weight; use other folds or calibrate=False."
            )
        return {"calibration_": data.loss.best_constant(outputs, data.Y[rows], weights)}

    def _check_part(self, y: NDArray[Any], weights: Array) -> None:
        check_targets(self.loss, y, weights if self.fit_intercept else None)

    def _outputs(self, X: Any) -> Array:
        F = super()._outputs(X)
        return F + self.calibration_.astype(F.dtype) if hasattr(self, "calibration_") else F

    def _own_score(self, X: Any, y: NDArray[Any], weights: Array) -> float:
        Y, loss, _ = self._coded(y, weights)
        losses = loss.value(self.network_.outputs(X), Y) - loss.dropped(Y)
        return -float(np.average(losses, weights=weights)) if (weights > 0.0).any() else np.nan


class ConvexReLUClassifierCV(_ChoosesBeta, ConvexReLUClassifier):
    """Two-layer ReLU network for classification whose penalty is chosen by cross-validation.

    Every fold is trained along falling penalties, each from the units of the last, to within a few percent of its optimum; the penalty with
    the best held-out score is then refitted on all rows by the full search, with its certificate. With ``betas`` a number, every
    second penalty of a geometric grid is tried from above until the score has clearly turned, then the neighbours of the best.

    Parameters
    ----------
    betas : int or array-like, default=41
        Number of penalties of a geometric grid from the largest useful one down to ``eps`` times it, or the penalties to try, all of them.
    eps : float, default=1e-5
        Least penalty of the grid as a fraction of the largest, the smallest beta whose optimum is the zero network.
    cv : int, cross-validation generator or iterable, default=None
        As in :class:`sklearn.linear_model.LogisticRegressionCV`: None is 5 stratified folds.
    scoring : str or callable, default=None
        What held-out rows judge by. None: minus the Brier score of the probabilities with ``loss="log_loss"``, which is proper and
        bounded; accuracy with other losses. Both are weighted by ``sample_weight`` and ``class_weight``; other scores are where metadata
        routing hands a scorer the weights that it requests. A score that is no finite number (the area under the curve of one class)
        does not count, with a warning: folds without one at any penalty are left out, and penalties with fewer of them than others
        come last, since means over different folds cannot be compared.
    one_standard_error : bool, default=False
        Take the largest penalty whose score is within one standard error (over folds) of the best one: a smaller, smoother network.
    refit : bool, default=True
        False only chooses: there is no network to predict with.
    loss, arrangements, n_arrangements, activation, refine, shared_units, fit_intercept, class_weight, solver, tol, max_iter
        As in :class:`ConvexReLUClassifier`; "hard_margin" has no penalty to choose, and ``tol`` defaults to 1e-2. With ``refine`` off or
        gated ReLU the folds are solved over the sampled arrangements.
    n_jobs : int, default=None
        Jobs over folds, and over outputs that can be trained apart; any joblib backend, :func:`joblib.parallel_config` included. The result
        does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Draws the arrangements and the starts of the search. The same integer gives bitwise the same model.
    verbose : int, default=0
        1 logs every penalty and the result to stderr, 2 and more every round and iteration, through the logger "skconvrelu".

    Attributes
    ----------
    beta_ : float
        The penalty chosen.
    betas_ : ndarray of shape (n_betas,)
        The penalties tried, falling.
    cv_scores_ : ndarray of shape (n_betas, n_folds)
        Score of each fold at each of them; larger is better.
    n_fits_ : int
        Networks trained for the choice.
    cv_time_, refit_time_ : float
        Seconds that choice and refit took.
    **others
        All attributes of :class:`ConvexReLUClassifier`, of the refitted network.

    See Also
    --------
    ConvexReLUClassifier : One penalty.
    convex_relu_path : Networks along penalties, each with its gap.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skconvrelu import ConvexReLUClassifierCV
    >>> X, y = load_wine(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), ConvexReLUClassifierCV(cv=3, random_state=0)).fit(X, y)
    >>> bool(model.score(X, y) > 0.98)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_constraints(ConvexReLUClassifier),
        "loss": [StrOptions({"log_loss", "hinge", "squared_hinge", "squared_error"})],
    }

    def __init__(
        self,
        *,
        betas: Any = 41,
        eps: float = 1e-5,
        cv: Any = None,
        scoring: Any = None,
        one_standard_error: bool = False,
        refit: bool = True,
        loss: str = "log_loss",
        arrangements: Any = "gaussian",
        n_arrangements: int = 100,
        activation: str = "relu",
        refine: bool | int = True,
        shared_units: bool = False,
        fit_intercept: bool = True,
        class_weight: dict[Any, float] | str | None = None,
        solver: str = "auto",
        tol: float = 1e-2,
        max_iter: int = 1000,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.betas = betas
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.one_standard_error = one_standard_error
        self.refit = refit
        self.loss = loss
        self.arrangements = arrangements
        self.n_arrangements = n_arrangements
        self.activation = activation
        self.refine = refine
        self.shared_units = shared_units
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @all_or_nothing
    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> ConvexReLUClassifierCV:
        """Choose beta and train with it to global optimality.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
        **params : dict
            For the splitter of ``cv``, such as ``groups``, and the scorer of ``scoring``; needs
            ``sklearn.set_config(enable_metadata_routing=True)``.

        Returns
        -------
        self : ConvexReLUClassifierCV

        Raises
        ------
        ValueError
            If data, weights or a parameter are invalid, a fold has one class only, or no score is defined; nothing is fitted then.
        """
        return self._fit_chosen(X, y, sample_weight, params)

    def _own_score(self, X: Any, y: NDArray[Any], weights: Array) -> float:
        if not (weights > 0.0).any():
            return np.nan
        if self.loss != "log_loss":
            return float(np.average(self.predict(X) == y, weights=weights))
        classes = np.union1d(self.classes_, y)
        P = np.zeros((len(y), len(classes)))  # a class that the training rows of the fold lack has probability zero
        P[:, np.searchsorted(classes, self.classes_)] = self.predict_proba(X)
        P[np.arange(len(y)), np.searchsorted(classes, y)] -= 1.0
        return -float(np.average(np.square(P).sum(axis=1), weights=weights))
