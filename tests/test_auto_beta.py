"""beta="auto": against other penalties, on noise, on data too few to split, and under changes of units and order."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from problems import with_policy
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor, beta_max
from skconvrelu.policy import DEFAULT


def _noisy(n=120, noise=0.3):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 3))
    return X, np.abs(X[:, 0]) + X[:, 1] + noise * rng.standard_normal(n)


def _fraction(model, X, y, **params):
    return model.beta_ / beta_max(X, y, random_state=0, **params).value


def test_it_does_not_overfit_diabetes():
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit(X[:150, :6]).transform(X[:, :6])
    model = ConvexReLURegressor(random_state=0).fit(X[:150], y[:150])
    linear = Ridge(alpha=10.0).fit(X[:150], y[:150])
    assert model.score(X[150:], y[150:]) > linear.score(X[150:], y[150:]) - 0.05
    # where a hundredth of the largest penalty does
    least = ConvexReLURegressor(0.01 * beta_max(X[:150], y[:150]).value, random_state=0).fit(X[:150], y[:150])
    assert least.score(X[150:], y[150:]) < model.score(X[150:], y[150:]) - 0.1


def test_noise_alone_gives_the_constant():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 4)), rng.standard_normal(60)
    model = ConvexReLURegressor(random_state=0).fit(X, y)
    assert _fraction(model, X, y) > 0.3


def test_without_noise_it_is_the_least_penalty():
    X, y = _noisy(noise=0.0)
    assert _fraction(ConvexReLURegressor(random_state=0).fit(X, y), X, y) == pytest.approx(0.01, rel=1e-6)


def test_it_predicts_about_as_well_as_the_best_penalty():
    X, y = _noisy(200, noise=1.0)
    test, truth = _noisy(2000, 0.0)

    def error(model):
        return np.sqrt(np.mean((model.fit(X, y).predict(test) - truth) ** 2))

    grid = np.geomspace(0.01, 1.0, 7) * beta_max(X, y).value
    errors = [error(ConvexReLURegressor(beta, random_state=0)) for beta in grid]
    chosen = error(ConvexReLURegressor(random_state=0))
    assert chosen < 1.3 * min(errors)
    assert chosen < errors[0] < 0.4 * errors[-1]


@pytest.mark.parametrize("n", [2, 7])
def test_too_few_samples_to_hold_any_out(n):
    X, y = _noisy(n)
    assert _fraction(ConvexReLURegressor(random_state=0).fit(X, y), X, y) == pytest.approx(0.01, rel=1e-6)


@pytest.mark.parametrize("params", [{"refine": False}, {"activation": "gated_relu"}, {"arrangements": "exact"}])
def test_over_given_arrangements_it_is_a_fraction_of_the_largest(params):
    X, y = _noisy(20)
    X = X[:, :1]
    model = ConvexReLURegressor(random_state=0, **params).fit(X, y)
    at_largest = ConvexReLURegressor(100.01 * model.beta_, random_state=0, **params).fit(X, y)
    assert len(at_largest.convex_coef_) == 0
    assert len(ConvexReLURegressor(80.0 * model.beta_, random_state=0, **params).fit(X, y).convex_coef_) > 0


def test_the_only_sample_of_a_class_is_trained_on():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3))
    for labels in (np.r_[np.zeros(14), np.ones(15), 2.0], np.r_[np.zeros(29), 1.0]):
        model = ConvexReLUClassifier(random_state=0).fit(X, labels)
        assert 0.01 * (1.0 - 1e-6) <= _fraction(model, X, labels, loss="log_loss") <= 1.0 + 1e-6


def test_one_count_among_zeros():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3))
    model = ConvexReLURegressor(loss="poisson", random_state=0).fit(X, np.r_[np.zeros(29), 3.0])
    assert np.isfinite(model.objective_)


def test_it_depends_on_no_units_and_no_order():
    X, y = _noisy()
    options = {"random_state": 0, "fit_intercept": False}
    beta = ConvexReLURegressor(**options).fit(X, y).beta_
    for c in (3.0, 1e-7, 1e20):
        assert_allclose(ConvexReLURegressor(**options).fit(X, c * y).beta_, c * beta, rtol=1e-9)
        assert_allclose(ConvexReLURegressor(**options).fit(c * X, y).beta_, c * beta, rtol=1e-9)
    order = np.random.default_rng(1).permutation(len(y))
    assert ConvexReLURegressor(**options).fit(X[order], y[order]).beta_ == beta
    weights = np.random.default_rng(2).integers(1, 4, len(y))
    weighted = ConvexReLURegressor(**options).fit(X, y, sample_weight=weights).beta_
    assert ConvexReLURegressor(**options).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights)).beta_ == weighted


def test_many_samples_are_seen_in_part():
    X, y = _noisy(400)
    part = with_policy(ConvexReLURegressor(random_state=0), part=100).fit(X, y)
    assert 0.01 * (1.0 - 1e-6) <= _fraction(part, X, y) <= 1.0
    assert DEFAULT.part > 400


def test_time_that_ends_leaves_the_least_penalty():
    X, y = _noisy()
    with pytest.warns(UserWarning, match="max_time"):
        model = ConvexReLURegressor(random_state=0, max_time=0.0).fit(X, y)
    assert _fraction(model, X, y) == pytest.approx(0.01, rel=1e-6)


@pytest.mark.parametrize("place", ["training.fold_paths.follow", "search.beta_path.search_violators"])
def test_an_interrupted_choice_leaves_nothing_fitted(monkeypatch, place):
    X, y = _noisy()
    model = ConvexReLURegressor(random_state=0)

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"skconvrelu.{place}", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert not hasattr(model, "beta_")
