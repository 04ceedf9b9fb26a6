"""Certificates: what the three bounds prove, and how ``certify`` sharpens them."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from test_column_generation import TARGETS, data
from test_estimators import nonconvex_objective, regression_data

from skconvrelu import Certificate, ConvexReLURegressor, stopping
from skconvrelu.search import column_generation


def small_fit(**options):
    X, y = regression_data(12, 2)
    return ConvexReLURegressor(**{"beta": 0.01, "random_state": 0, "tol": 1e-6, **options}), X, y


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("seed", range(3))
def test_proven_bound_meets_the_optimum_and_is_never_above_it(target, seed):
    estimator, X, y = data(target, n=12, seed=seed)
    model = estimator(beta=0.01, n_arrangements=5, random_state=0, tol=1e-6).fit(X, y)
    optimum = estimator(beta=0.01, arrangements="exact", tol=1e-8).fit(X, y).objective_
    certificate = model.certify(X, y, method="exact")
    assert certificate is model.certificate_
    assert certificate.lower_bound_proven <= optimum * (1 + 1e-9)
    assert certificate.gap_proven <= 2e-6


@pytest.mark.parametrize("target", TARGETS)
def test_exact_pricing_continues_a_fit_that_missed_arrangements(target):
    estimator, X, y = data(target, n=20)
    options = {"beta": 0.003, "random_state": 0, "tol": 1e-6}
    poor = estimator(arrangements=[[1.0], [0.3], [0.2]], refine=False, **options).fit(X, y)
    before = poor.objective_
    optimum = estimator(arrangements="exact", **options).fit(X, y).objective_
    assert before > optimum * (1 + 1e-3)
    certificate = poor.certify(X, y, method="exact")
    assert poor.objective_ == pytest.approx(optimum, rel=2e-6)
    assert certificate.gap_proven <= 3e-6
    assert nonconvex_objective(poor, X, y) == pytest.approx(poor.objective_, rel=1e-9)
    # and so does a search
    other = estimator(arrangements=[[1.0], [0.3], [0.2]], refine=False, **options).fit(X, y)
    other.certify(X, y, method="search")
    assert other.objective_ == pytest.approx(optimum, rel=2e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_bounds_of_an_unfinished_fit_are_valid():
    X, y = regression_data(60, 4)
    best = ConvexReLURegressor(beta=1e-3, random_state=0).fit(X, y)
    rough = ConvexReLURegressor(beta=1e-3, random_state=0, refine=1).fit(X, y)
    optimum_at_most = best.objective_
    for bound in (rough.certificate_.lower_bound_searched,):
        assert bound <= optimum_at_most * (1 + 1e-9)
    assert rough.certificate_.largest_price > 1


@pytest.mark.filterwarnings("ignore:max_time ended the search:sklearn.exceptions.ConvergenceWarning")
def test_max_time_still_gives_a_valid_bound():
    X, y = regression_data(60, 12, seed=1)
    model = ConvexReLURegressor(beta=0.02, random_state=0).fit(X, y)
    searched = model.certificate_.lower_bound_searched
    certificate = model.certify(X, y, method="exact", max_time=0)
    assert certificate.lower_bound_proven <= model.objective_
    assert certificate.lower_bound_searched == searched
    longer = model.certify(X, y, method="exact", max_time=1)
    assert longer.lower_bound_proven >= certificate.lower_bound_proven


def test_more_search_raises_the_recall():
    X, y = regression_data(60, 4)
    model = ConvexReLURegressor(beta=0.01, random_state=0).fit(X, y)
    before = model.certificate_
    after = model.certify(X, y, method="search")
    assert after.recall >= min(before.recall, 0.95)
    assert after.lower_bound_searched <= model.objective_


def test_certify_with_weights_and_repeated_rows():
    model, X, y = small_fit()
    weights = np.arange(12) % 3
    model.fit(X, y, sample_weight=weights)
    assert model.certify(X, y, sample_weight=weights, method="exact").gap_proven <= 2e-6
    with pytest.raises(ValueError, match="training data"):
        model.certify(X, y, method="exact")


def test_certify_refuses_what_it_cannot_do():
    model, X, y = small_fit()
    with pytest.raises(NotFittedError):
        model.certify(X, y)
    model.fit(X, y)
    with pytest.raises(ValueError, match="training data"):
        model.certify(X, y + 1)
    with pytest.raises(ValueError, match="training data"):
        model.certify(X[:5], y[:5])
    with pytest.raises(ValueError, match="method"):
        model.certify(X, y, method="guess")
    with pytest.raises(ValueError, match="max_time"):
        model.certify(X, y, max_time=-1)
    gated = ConvexReLURegressor(activation="gated_relu", random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="relu"):
        gated.certify(X, y)


def test_representations_say_what_is_proven():
    model, X, y = small_fit(refine=False, n_arrangements=3)
    text = repr(model.fit(X, y).certificate_)
    assert "no search" in text
    assert "not proven" in text
    with pytest.warns(ConvergenceWarning):
        model.set_params(refine=1, beta=1e-4).fit(X, y)
    assert "recall" in repr(model.certificate_)
    model.set_params(refine=True, beta=0.01).fit(X, y)
    model.certify(X, y, method="exact")
    assert "not proven" not in repr(model.certificate_)
    html = model.certificate_._repr_html_()
    assert html.count("<tr>") == 4
    assert f"{model.objective_:.8g}" in html


def test_certificate_is_frozen_and_handles_a_zero_objective():
    certificate = Certificate(0.0, 0.0, None, None, 1, 0)
    assert certificate.gap_solved == 0.0
    assert certificate.gap_proven is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        certificate.objective = 1.0


@pytest.mark.parametrize("seed", range(3))
def test_proof_beyond_what_the_fit_proves_by_itself(seed):
    """Prices a little above the level stop the proof early; its bound must not stay as coarse as it is then."""
    X, y = regression_data(20, 5, seed=seed)
    model = ConvexReLURegressor(beta=0.02, tol=1e-4, random_state=0).fit(X, y)
    assert model.certificate_.lower_bound_proven is None
    assert model.certify(X, y, method="exact").gap_proven <= 1e-3


def test_gaps_are_relative_to_what_the_objective_is_above_the_least_loss():
    certificate = Certificate(
        objective=3.0, lower_bound_solved=2.5, lower_bound_searched=2.0, lower_bound_proven=None, n_arrangements=1,
        n_units=1, least_loss=1.0,
    )  # fmt: skip
    assert certificate.gap_solved == 0.25
    assert certificate.gap_searched == 0.5
    assert certificate.gap_proven is None
    assert dataclasses.replace(certificate, lower_bound_proven=3.5).gap_proven == 0.0
    assert certificate.mapped(lambda value: 4.0 * value + 10.0, lambda bound: 4.0 * bound + 10.0).gap_searched == 0.5


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("arrangements", ["exact", "gaussian"])
def test_proofs_hold_for_features_far_from_zero(arrangements):
    """The network of the centred data, its bias moved, is one of the moved data: no proven bound may lie above its objective."""
    x, y = np.arange(8.0)[:, None], np.array([0.0, 1.0, 0.0, 1.5, 1.0, 0.0, 0.5, 2.0])
    centred = ConvexReLURegressor(1e-9, arrangements="exact").fit(x, y)
    coef = centred.convex_coef_ - [0.0, 1e4] * centred.convex_coef_[:, :1]
    beta = 1e-6
    reached = 0.5 * np.mean((centred.predict(x) - y) ** 2) + beta * np.linalg.norm(coef, axis=1).sum()
    assert reached < 0.1
    with pytest.warns(UserWarning, match="feature 0.*StandardScaler"):
        moved = ConvexReLURegressor(beta, arrangements=arrangements, random_state=0).fit(x + 1e4, y)
    assert moved.certificate_.lower_bound_proven <= reached


@pytest.mark.parametrize("target", ["one", "two", "binary"])
def test_max_time_ends_a_search_that_goes_on_from_better_arrangements(target, monkeypatch):
    estimator, X, y = data(target, n=40, d=3)
    model = estimator(beta=1e-3, random_state=0, refine=False, n_arrangements=3).fit(X, y)
    before = model.objective_
    # it is late as soon as a round has ended
    run, late = column_generation.DualPoints.price, []
    monkeypatch.setattr(column_generation.DualPoints, "price", lambda *args: (run(*args), late.append(1))[0])
    monkeypatch.setattr(stopping, "time", SimpleNamespace(monotonic=lambda: 2e9 * bool(late)))
    with pytest.warns(ConvergenceWarning, match="after [01] rounds") as warned:
        certificate = model.certify(X, y, max_time=1e9)
    assert all(warning.filename == __file__ for warning in warned)
    assert model.objective_ < before
    assert len(model.objectives_) <= 1
    assert certificate.stopped == "max_time"
    assert nonconvex_objective(model, X, y) == pytest.approx(model.objective_, rel=1e-9)
    assert certificate.lower_bound_searched <= model.objective_


def test_without_time_the_certificate_is_that_of_the_fit():
    X, y = regression_data(60, 4)
    model = ConvexReLURegressor(beta=0.01, random_state=0).fit(X, y)
    before = model.certificate_
    assert model.certify(X, y, max_time=0) == before
    assert model.certify(X, y, max_time=1e9).recall >= 0.95
