"""Fits that are to end early, by max_time or by the user: at any moment a fitted network, its honest certificate, and the reason."""

import pickle
import time
import warnings
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from test_estimators import labels, nonconvex_objective, regression_data

from skconvrelu import (
    ConvexReLUClassifier,
    ConvexReLUClassifierCV,
    ConvexReLURegressor,
    ConvexReLURegressorCV,
    certify_network,
    convex_relu_path,
    stopping,
)
from skconvrelu.cones import cone_faces
from skconvrelu.search import column_generation, convex_concave, descent
from skconvrelu.stopping import Stop, Stopped, check, due, grace, may_end_early, reason, seconds_left, under, until

LATE = float("-inf")


@pytest.fixture
def ticks(monkeypatch):
    """``ticks(k)``: from now on a clock by which only its readings take time, a second each; ``max_time=k`` ends at the k-th of them."""

    def start():
        readings = iter(range(10**9))
        clock = SimpleNamespace(monotonic=lambda: float(next(readings)), perf_counter=time.perf_counter)
        monkeypatch.setattr(stopping, "time", clock)

    return start


def problem(kind, n=60, d=4):
    if kind == "classes":
        return ConvexReLUClassifier, *labels(3, n)
    X, y = regression_data(n, d)
    return ConvexReLURegressor, X, (np.column_stack([y, X[:, 0]]) if kind == "two" else y)


def fitted(estimator, X, y, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator(random_state=0, **params).fit(X, y)


# the stop itself


def test_a_stop_is_due_after_its_deadline_or_when_the_user_asks():
    assert reason() is None
    assert seconds_left() == np.inf
    with until(None) as outer:
        assert not due()
        with until(LATE):
            assert reason() == "max_time"
            assert seconds_left() == 0.0
            with pytest.raises(Stopped):
                check()
            with grace():
                check()
        assert not due()
        with until(time.monotonic() + 1e6) as inner:
            assert 0.0 < seconds_left() <= 1e6
            inner.interrupt()
            assert reason() == "interrupt"
        assert outer.interrupted
    assert not due()


def test_an_interrupt_is_kept_where_work_can_be_stopped_and_raised_where_not():
    with pytest.raises(KeyboardInterrupt), may_end_early():
        raise KeyboardInterrupt
    with until(None) as stop:
        with may_end_early():
            raise KeyboardInterrupt
        assert stop.interrupted
        with may_end_early():
            check()
            pytest.fail("work went on")


def test_workers_stop_with_what_they_are_a_part_of():
    stop = Stop(outer=Stop(LATE))
    assert under(stop, reason) == under(pickle.loads(pickle.dumps(stop)), reason) == "max_time"
    assert reason() is None
    # a copy on another machine has as many seconds left by the clock there
    state = Stop(time.monotonic() + 50.0).__getstate__()
    assert 40.0 < state["deadline"] <= 50.0
    assert 40.0 < pickle.loads(pickle.dumps(Stop(time.monotonic() + 50.0))).seconds_left <= 50.0


# fits


@pytest.mark.parametrize("kind", ["one", "two", "classes"])
@pytest.mark.parametrize("refine", [True, False])
def test_whenever_it_ends_there_is_a_network_with_bounds_that_hold(kind, refine, ticks):
    estimator, X, y = problem(kind)
    params = {"beta": 5e-3, "refine": refine, "n_arrangements": 20}
    best, ended = estimator(**params, random_state=0).fit(X, y), []
    for max_time in (0, 3, 30, 100, 300, 1000, 3000):
        ticks()
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            model = estimator(**params, random_state=0, max_time=max_time).fit(X, y)
        certificate = model.certificate_
        ended.append(certificate.stopped)
        assert model.objective_ >= best.objective_ * (1.0 - 1e-3)
        assert nonconvex_objective(model, X, y) == pytest.approx(model.objective_, rel=1e-6)
        bounds = [certificate.lower_bound_solved, certificate.lower_bound_searched, certificate.lower_bound_proven]
        assert bounds[0] <= model.objective_
        if refine:
            assert bounds[1] <= best.objective_ * (1.0 + 1e-6)
        messages = [str(warning.message) for warning in seen if issubclass(warning.category, ConvergenceWarning)]
        assert (certificate.stopped is None) == (not messages)
        assert all("max_time" in message for message in messages)
        if certificate.stopped:
            assert "ended by max_time" in repr(certificate)
            assert "ended by max_time" in certificate._repr_html_()
    assert ended[0] == "max_time"
    assert model.predict(X).shape == np.shape(y)


def test_a_limit_that_is_not_reached_changes_nothing():
    estimator, X, y = problem("classes")
    plain = estimator(1e-2, random_state=0).fit(X, y)
    limited = estimator(1e-2, random_state=0, max_time=1e6).fit(X, y)
    for name in ("convex_coef_", "dual_coef_", "arrangements_"):
        np.testing.assert_array_equal(getattr(limited, name), getattr(plain, name))
    assert limited.certificate_ == plain.certificate_
    assert limited.certificate_.stopped is None


def test_more_time_gives_no_worse_network(ticks):
    estimator, X, y = problem("one", n=120)
    reached = []
    for max_time in (0, 30, 300, 3000, 10**6):
        ticks()
        reached.append(fitted(estimator, X, y, beta=1e-3, max_time=max_time).objective_)
    assert all(after <= before * (1.0 + 1e-3) for before, after in pairwise(reached))
    assert reached[-1] < reached[1] < reached[0]


def test_without_time_the_network_is_that_of_the_sampled_arrangements_pruned():
    """Better than no units at all."""
    estimator, X, y = problem("one")
    model = fitted(estimator, X, y, beta=1e-3, max_time=0)
    assert model.score(X, y) > 0.5
    assert model.certificate_.n_starts == 0
    assert model.certificate_.recall == 0.0
    assert "not evidence" in model.certificate_.verdict


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile"])
@pytest.mark.parametrize(
    "options", [{}, {"refine": False}, {"activation": "gated_relu"}, {"solver": "clarabel", "refine": 2}]
)
def test_every_solver_stops(loss, options, ticks):
    X, y = regression_data(80, 5)
    for max_time in (5, 60):
        ticks()
        model = fitted(ConvexReLURegressor, X, y, beta=1e-3, loss=loss, max_time=max_time, tol=1e-8, **options)
        assert np.isfinite(model.objective_)
        assert model.certificate_.lower_bound_solved <= model.objective_


def test_shared_units_and_hard_margins_stop():
    X, y = labels(3, 60)
    model = fitted(ConvexReLUClassifier, X, y, beta=1e-2, shared_units=True, max_time=0)
    assert model.certificate_.stopped == "max_time"
    with pytest.raises(ValueError, match="within max_time"):
        ConvexReLUClassifier(loss="hard_margin", random_state=0, n_arrangements=1, max_time=0).fit(X, y)


@pytest.mark.parametrize("max_time", [-1.0, "long", np.nan])
def test_limits_are_seconds(max_time):
    X, y = regression_data(20, 2)
    with pytest.raises(ValueError, match="max_time"):
        ConvexReLURegressor(max_time=max_time).fit(X, y)
    with pytest.raises(ValueError, match="max_time"):
        convex_relu_path(X, y, betas=2, max_time=max_time)


# the choice of beta, paths and audits


@pytest.mark.parametrize("cv", [ConvexReLURegressorCV, ConvexReLUClassifierCV])
@pytest.mark.parametrize("options", [{}, {"refine": False}])
def test_a_choice_of_beta_ends_with_the_penalties_that_all_folds_came_to(cv, options, ticks):
    X, y = labels(2, 60) if cv is ConvexReLUClassifierCV else regression_data(60, 3)
    tried = []
    for max_time in (0, 400, 10**7):
        ticks()
        model = fitted(cv, X, y, betas=9, cv=3, n_arrangements=10, max_time=max_time, **options)
        tried.append(len(model.betas_))
        assert np.isfinite(model.cv_scores_).all()
        assert model.beta_ in model.betas_
        assert model.predict(X).shape == y.shape
    assert 1 <= tried[0] <= tried[1] <= tried[2]
    assert tried[0] < tried[2]


def test_a_choice_that_is_cut_short_warns():
    X, y = regression_data(60, 3)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        ConvexReLURegressorCV(random_state=0, max_time=0).fit(X, y)
    assert "max_time ended the choice of beta after 1 penalties" in str(seen[0].message)
    assert "max_time ended the search" in str(seen[1].message)
    assert all(warning.filename == __file__ for warning in seen)


def test_a_path_ends_with_the_penalties_that_it_came_to():
    X, y = regression_data(60, 3)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        path = convex_relu_path(X, y, betas=5, random_state=0, max_time=0)
    assert "max_time ended the path after 1 of 5 penalties" in str(seen[-1].message)
    assert len(path.betas) == len(path.networks) == len(path.certificates) == 1


@pytest.mark.parametrize("method", ["search", "exact"])
def test_an_audit_ends_with_the_best_network_so_far(method):
    X, y = regression_data(60, 3)
    network = fitted(ConvexReLURegressor, X, y, beta=1e-2, refine=False, n_arrangements=5).network_
    with pytest.warns(ConvergenceWarning, match="max_time ended the search"):
        audit = certify_network(
            network, X, y, beta=1e-2, loss="squared_error", method=method, max_time=0, random_state=0
        )
    assert audit.certificate.objective <= audit.objective * (1.0 + 1e-9)
    assert audit.certificate.stopped == "max_time"


# the user


def interrupting(monkeypatch, module, name, calls=1):
    """From its so many-th call on the function is interrupted, as by Ctrl-C, when it has nearly done its work."""
    real, count = getattr(module, name), [0]

    def function(*args, **kwargs):
        result = real(*args, **kwargs)
        count[0] += 1
        if count[0] == calls:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(module, name, function)
    return count


@pytest.mark.parametrize(
    ("module", "name", "calls"),
    [
        (descent._Balanced, "__call__", 40), (convex_concave, "_alternate", 20), (column_generation, "rescale", 2),
        (column_generation._Search, "_polish_units", 1), (cone_faces.ConeFaces, "project", 30),
    ],
)  # fmt: skip
def test_an_interrupted_fit_keeps_the_network_that_it_has(module, name, calls, monkeypatch):
    estimator, X, y = problem("one", n=100, d=6)
    model = estimator(1e-3, random_state=0)
    count = interrupting(monkeypatch, module, name, calls)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert count[0] >= calls
    assert model.certificate_.stopped == "interrupt"
    assert "interrupted by the user" in repr(model.certificate_)
    assert model.score(X, y) > 0.5
    assert nonconvex_objective(model, X, y) == pytest.approx(model.objective_, rel=1e-6)
    assert model.certificate_.lower_bound_searched <= model.objective_


def test_an_interrupted_certify_keeps_what_it_knows(monkeypatch):
    estimator, X, y = problem("one", n=60, d=4)
    model = estimator(1e-2, random_state=0).fit(X, y)
    before = model.certificate_
    interrupting(monkeypatch, convex_concave, "_alternate")
    with pytest.raises(KeyboardInterrupt):
        model.certify(X, y)
    assert model.certificate_.objective == before.objective
    assert model.certificate_.lower_bound_searched <= model.objective_


def test_an_interrupted_choice_of_beta_leaves_the_estimator_as_it_was(monkeypatch):
    X, y = regression_data(60, 3)
    model = ConvexReLURegressorCV(random_state=0)
    before = dict(vars(model))
    interrupting(monkeypatch, descent._Balanced, "__call__", 40)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert vars(model) == before
