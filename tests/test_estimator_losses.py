"""Every loss as a parameter of the estimators: documented meanings, known answers, weights, classes one against the rest."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import PoissonRegressor
from sklearn.preprocessing import StandardScaler
from test_estimators import labels, regression_data

from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor

REGRESSION = ("squared_error", "huber", "absolute_error", "quantile", "poisson")
CLASSIFICATION = ("log_loss", "hinge", "squared_hinge", "squared_error")
FAST = {"n_arrangements": 15, "random_state": 0, "refine": False, "tol": 1e-6}


def regression_loss(name, F, Y, *, epsilon=1.35, q=0.5):
    """The formulas of the documentation, sample by sample."""
    r = F - Y
    if name == "squared_error":
        return 0.5 * r**2
    if name == "huber":
        return np.where(np.abs(r) <= epsilon, 0.5 * r**2, epsilon * np.abs(r) - 0.5 * epsilon**2)
    if name == "absolute_error":
        return np.abs(r)
    if name == "quantile":
        return np.maximum(-q * r, (1.0 - q) * r)
    return np.exp(F) - Y * F


def margin_loss(name, m):
    return {
        "log_loss": lambda: np.logaddexp(0.0, -m),
        "hinge": lambda: np.maximum(0.0, 1.0 - m),
        "squared_hinge": lambda: np.maximum(0.0, 1.0 - m) ** 2,
        "squared_error": lambda: 0.5 * (1.0 - m) ** 2,
    }[name]()


def network(model, X):
    """Raw outputs from coefs_ and intercepts_ alone."""
    (W1, W2), (b1, b2) = model.coefs_, model.intercepts_
    return np.maximum(X @ W1 + b1, 0.0) @ W2 + b2


def penalty(model):
    return 0.5 * model.beta_ * sum(np.square(a).sum() for a in (*model.coefs_, model.intercepts_[0]))


def targets(name, y):
    return np.round(np.exp(y)) if name == "poisson" else y


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("name", REGRESSION)
def test_objective_is_the_documented_one(name, several):
    X, y = regression_data()
    Y = targets(name, np.column_stack([y, y[::-1]]) if several else y)
    weights = np.random.default_rng(1).uniform(0.5, 2.0, len(y))
    model = ConvexReLURegressor(0.02, loss=name, epsilon=0.3, quantile=0.7, **FAST).fit(X, Y, weights)
    values = regression_loss(name, network(model, X), Y.reshape(len(y), -1), epsilon=0.3, q=0.7).sum(axis=1)
    assert model.objective_ == pytest.approx(np.average(values, weights=weights) + penalty(model), rel=1e-9)
    assert model.certificate_.objective == model.objective_
    assert 0.0 <= model.dual_gap_ <= 1e-6 * abs(model.objective_ - model.certificate_.least_loss)
    raw = network(model, X)
    expected = np.exp(raw) if name == "poisson" else raw
    np.testing.assert_allclose(model.predict(X).reshape(expected.shape), expected, rtol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", CLASSIFICATION[1:])
def test_margin_losses_one_against_the_rest(name, n_classes):
    X, y = labels(n_classes)
    model = ConvexReLUClassifier(0.02, loss=name, **FAST).fit(X, y)
    F = network(model, X)
    codes = np.where(y[:, None] == (model.classes_[1:] if n_classes == 2 else model.classes_), 1.0, -1.0)
    assert F.shape == codes.shape
    assert model.objective_ == pytest.approx(margin_loss(name, codes * F).sum(axis=1).mean() + penalty(model), rel=1e-9)
    scores = model.decision_function(X)
    assert scores.shape == ((len(y),) if n_classes == 2 else (len(y), n_classes))
    np.testing.assert_array_equal(model.predict(X), (scores > 0) * 1 if n_classes == 2 else scores.argmax(axis=1))
    assert model.score(X, y) > 0.8
    if n_classes == 3:
        alone = [ConvexReLUClassifier(0.02, loss=name, **FAST).fit(X, y == c).objective_ for c in model.classes_]
        assert model.objective_ == pytest.approx(sum(alone), rel=1e-5)


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_probabilities_only_where_the_loss_gives_them(name):
    X, y = labels(2)
    model = ConvexReLUClassifier(0.02, loss=name, **FAST).fit(X, y)
    assert hasattr(model, "predict_proba") == (name == "log_loss")
    if name != "log_loss":
        with pytest.raises(AttributeError, match="predict_proba"):
            model.predict_proba(X)


@pytest.mark.parametrize("name", REGRESSION)
def test_weights_are_repetitions(name):
    X, y = regression_data(n=30)
    Y, weights = targets(name, y), np.arange(30) % 3
    model = ConvexReLURegressor(0.02, loss=name, **FAST)
    weighted = clone(model).fit(X, Y, weights)
    repeated = clone(model).fit(np.repeat(X, weights, axis=0), np.repeat(Y, weights))
    assert weighted.objective_ == repeated.objective_
    np.testing.assert_array_equal(weighted.predict(X), repeated.predict(X))


def test_class_weight_works_with_every_loss():
    X, y = labels(2)
    for name in CLASSIFICATION:
        weighted = ConvexReLUClassifier(0.02, loss=name, class_weight={0: 3.0, 1: 1.0}, **FAST).fit(X, y)
        same = ConvexReLUClassifier(0.02, loss=name, **FAST).fit(X, y, np.where(y == 0, 3.0, 1.0))
        assert weighted.objective_ == same.objective_


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("absolute_error", lambda y: np.median(y)),
        ("quantile", lambda y: np.quantile(y, 0.8)),
        ("poisson", lambda y: y.mean()),
        ("squared_error", lambda y: y.mean()),
    ],
)
def test_above_beta_max_the_constant_is_the_known_one(name, expected):
    X, y = regression_data(n=31)
    y = np.exp(y)
    model = ConvexReLURegressor(1e3, loss=name, quantile=0.8, random_state=0).fit(X, y)
    assert len(model.convex_coef_) == 0
    np.testing.assert_allclose(model.predict(X), expected(y), rtol=1e-9)
    assert model.certificate_.gap_searched <= 1e-9


def test_huber_between_squared_and_absolute():
    """A huge epsilon is the squared error; a tiny one the absolute error times epsilon."""
    X, y = regression_data()
    huge = ConvexReLURegressor(0.02, loss="huber", epsilon=1e6, **FAST).fit(X, y)
    squared = ConvexReLURegressor(0.02, **FAST).fit(X, y)
    np.testing.assert_allclose(huge.predict(X), squared.predict(X), atol=1e-3)
    assert huge.objective_ == pytest.approx(squared.objective_, rel=2e-6)
    epsilon = 1e-3
    tiny = ConvexReLURegressor(0.1 * epsilon, loss="huber", epsilon=epsilon, **FAST).fit(X, y)
    absolute = ConvexReLURegressor(0.1, loss="absolute_error", **FAST).fit(X, y)
    assert tiny.objective_ / epsilon == pytest.approx(absolute.objective_, abs=epsilon)


def test_poisson_exposure_goes_into_the_weights():
    """Rates weighted by exposure: a constant network predicts total counts by total exposure, as PoissonRegressor does."""
    rng = np.random.default_rng(0)
    X, exposure = rng.standard_normal((40, 2)), rng.uniform(0.5, 3.0, 40)
    rate = rng.poisson(2.0 * exposure) / exposure
    model = ConvexReLURegressor(1e3, loss="poisson").fit(X, rate, sample_weight=exposure)
    linear = PoissonRegressor(alpha=1e6).fit(X, rate, sample_weight=exposure)
    np.testing.assert_allclose(model.predict(X), (rate @ exposure) / exposure.sum(), rtol=1e-9)
    np.testing.assert_allclose(model.predict(X), linear.predict(X), rtol=1e-4)


@pytest.mark.parametrize(("y", "message"), [([1.0, -1.0, 2.0], "negative"), ([0.0, 0.0, 0.0], "zero")])
def test_poisson_refuses_impossible_targets(y, message):
    with pytest.raises(ValueError, match=message):
        ConvexReLURegressor(loss="poisson").fit(np.eye(3), y)


@pytest.mark.parametrize("loss", ["huber", "quantile"])
@pytest.mark.parametrize(("name", "value"), [("epsilon", 0.0), ("quantile", 1.0), ("quantile", 0.0)])
def test_parameters_of_losses_are_validated(loss, name, value):
    with pytest.raises(ValueError, match=name):
        ConvexReLURegressor(loss=loss, **{name: value}).fit(np.eye(3), np.arange(3.0))


@pytest.mark.parametrize("name", REGRESSION)
def test_search_beats_sampling_with_every_regression_loss(name):
    X, y = regression_data(n=50)
    Y = targets(name, y)
    found = ConvexReLURegressor(0.01, loss=name, tol=1e-3, random_state=0).fit(X, Y)
    sampled = ConvexReLURegressor(0.01, loss=name, tol=1e-3, refine=False, n_arrangements=300, random_state=0).fit(X, Y)
    certificate = found.certificate_
    assert found.objective_ <= sampled.objective_ + 1e-9
    assert certificate.gap_searched <= 1e-2
    assert certificate.lower_bound_searched <= certificate.objective
    assert (np.diff(found.objectives_) <= 1e-12).all()
    sharper = found.certify(X, Y)
    assert sharper.objective <= certificate.objective + 1e-12
    assert sharper.least_loss == certificate.least_loss


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_search_beats_sampling_with_every_classification_loss(name):
    X, y = labels(3, n=50)
    X = StandardScaler().fit_transform(X)
    found = ConvexReLUClassifier(0.005, loss=name, tol=1e-3, random_state=0).fit(X, y)
    sampled = ConvexReLUClassifier(0.005, loss=name, tol=1e-3, refine=False, n_arrangements=300, random_state=0).fit(
        X, y
    )
    assert found.objective_ <= sampled.objective_ * (1 + 1e-9)
    assert found.certificate_.gap_searched <= 1e-2


@pytest.mark.parametrize("name", ["quantile", "poisson"])
def test_same_model_whatever_n_jobs(name):
    X, y = regression_data(n=40)
    Y = targets(name, np.column_stack([y, -y]))
    one = ConvexReLURegressor(0.02, loss=name, tol=1e-2, random_state=0, n_jobs=1).fit(X, Y)
    two = ConvexReLURegressor(0.02, loss=name, tol=1e-2, random_state=0, n_jobs=2).fit(X, Y)
    np.testing.assert_array_equal(one.convex_coef_, two.convex_coef_)
    assert one.certificate_ == two.certificate_
