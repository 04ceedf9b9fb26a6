"""Estimators that choose beta by cross-validation, after :class:`sklearn.linear_model.LassoCV`."""

from __future__ import annotations

import time
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from skconvrelu._logging import verbosity
from skconvrelu._sklearn import (
    Interval,
    StrOptions,
    check_method_params,
    raise_for_params,
    routing_enabled,
)
from skconvrelu._warnings import warn
from skconvrelu.estimators.all_or_nothing import Interrupted
from skconvrelu.estimators.base import BaseConvexReLU, TrainingSet, layers
from skconvrelu.estimators.held_out import score_of, splits_of
from skconvrelu.estimators.progress import Progress
from skconvrelu.kernels.blas_threads import one_blas_thread
from skconvrelu.search.units import Units
from skconvrelu.stopping import deadline_in, half_way, until
from skconvrelu.training.fold_paths import Fold, Point
from skconvrelu.training.penalties import beta_grid, given_betas
from skconvrelu.training.select_beta import Selection, select_beta
from skconvrelu.training.trained import Options

Array = NDArray[np.float64]


#: constraints of the parameters that take the place of beta
CHOSEN_BETA: dict[str, list[Any]] = {
    "betas": [Interval(Integral, 1, None, closed="left"), "array-like"],
    "eps": [Interval(Real, 0, 1, closed="neither")],
    "cv": ["cv_object"],
    "scoring": [StrOptions(set(get_scorer_names())), callable, None],
    "one_standard_error": ["boolean"],
    "refit": ["boolean"],
}


class ChoosesBeta(BaseConvexReLU):
    """What both estimators add to the plain ones: folds, the choice, and a refit; not for direct use."""

    #: a fit begins from its own path
    warm_start: ClassVar[bool] = False

    def _fit_chosen(self, X: Any, y: Any, sample_weight: Any, params: dict[str, Any]) -> Any:
        raise_for_params(params, self, "fit")
        deadline = deadline_in(self.max_time)
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
                    whole.problem, [path.program for path in whole.paths], int(self.betas), self.eps, self._policy
                )
            folds = [self._fold(part, rng) for part in parts]

            def score(f: int, point: Point) -> float:
                fitted = self._fold_attributes(folds[f], point) | parts[f].target
                return self._score_on(data, splits[f][1], fitted, routed.get("scorer", {}), f)

            def observe(betas: list[float], scores: Array) -> bool:
                return progress.task("betas").end()

            with until(half_way(deadline)) as stop:
                selection = select_beta(
                    folds, grid, score, adaptive=given is None, one_standard_error=self.one_standard_error,
                    n_jobs=self.n_jobs, observe=observe,
                )  # fmt: skip
            if stop.interrupted:
                raise KeyboardInterrupt
            if selection.cut_short:
                warn(
                    f"max_time ended the choice of beta after {len(selection.betas)} penalties, down to {selection.betas[-1]:.3g}. "
                    "Increase max_time, or choose among fewer betas or with fewer folds.",
                    ConvergenceWarning,
                )
            networks = [fold.network(point) for fold, point in zip(folds, selection.points, strict=True)]
            held_out = [(rows, net.outputs(data.X[rows])) for (_, rows), net in zip(splits, networks, strict=True)]
            chosen = self._from_held_out(data, held_out)
            with until(deadline) as stop:
                start = self._approach(whole, selection) if self.refit else None
            if stop.interrupted:
                raise KeyboardInterrupt
        beta = float(selection.betas[selection.best])
        if not self.refit:
            self._forget_network()
        if self.refit:
            begin = time.monotonic()
            task = progress.task("refit", nested=True)
            self._fit_network(data, beta, task, start, deadline)
            task.end()
            self.refit_time_ = time.monotonic() - begin
        self.beta_, self.betas_, self.cv_scores_ = beta, selection.betas, selection.scores
        self.n_fits_, self.cv_time_ = selection.n_fits, selection.seconds
        self._set(chosen)
        progress.end(lambda: vars(self))
        if self.refit and self.certificate_.stopped == "interrupt":
            raise Interrupted
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
        """All rows of the data as something to follow penalties on."""
        problem = self._problem(data)
        program, gates = self._sampled(problem, None, rng)
        seed = int(rng.randint(2**31 - 1))
        alone = replace(Options.of(self), n_jobs=None)
        return Fold.build(problem, program, gates, alone, seed, searches=self._searches(program))

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
            attributes["convex_arrangements_"] = fold.paths[0].program.block_patterns[point.blocks]
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
        if not whole.paths[0].searches:
            return None
        betas = [float(beta) for beta in selection.betas[: selection.best + 1]]
        return whole.outward(whole.joined([path.advance(betas, None)[-1] for path in whole.paths]))

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
