"""Fits follow the units of the data: the same network, in other units; bit for bit where the units differ by powers of two.

With targets ``c y`` and a loss of degree q (2 for squares and for Huber's with ``c epsilon``, 1 for absolute values) the network
``c f`` has the loss ``c^q l(f, y)`` and vectors c times as long, so that it is optimal at the penalty ``c^(q - 1) beta``. With features
``c X`` and no biases vectors are ``u / c``, and the penalty is ``c beta``.
"""

import numpy as np
import pytest

from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor

LOSSES = {"squared_error": 2, "huber": 2, "absolute_error": 1, "quantile": 1}
#: how far outputs may be apart: the root of the relative gap times the size of the targets, or less
CLOSE = 2e-5

pytestmark = [
    pytest.mark.filterwarnings("ignore:X. its columns:UserWarning"),
    # some end at 4e-9, which is as far as the solver gets
    pytest.mark.filterwarnings("ignore:The duality gap:sklearn.exceptions.ConvergenceWarning"),
]


def data(n=12, d=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, np.abs(X[:, 0] - 0.3) - 0.5 * np.maximum(X[:, -1], 0.0) + 0.1 * rng.standard_normal(n)


def fit(loss, X, y, *, beta=0.02, unit=1.0, weights=None, **options):
    """Over all arrangements, where the optimum of the squared error and most others is unique."""
    options = {"arrangements": "exact", "tol": 1e-9, "random_state": 0, "quantile": 0.3, **options}
    model = ConvexReLURegressor(beta, loss=loss, epsilon=0.5 * unit, **options)
    return model.fit(X, y, sample_weight=weights)


def assert_mapped(model, other, *, vector=1.0, value=1.0, dual=1.0, exact=False):
    """``other`` is ``model`` with vectors, objective and dual point times these."""
    if exact:
        np.testing.assert_array_equal(other.convex_coef_, vector * model.convex_coef_)
        np.testing.assert_array_equal(other.dual_coef_, dual * model.dual_coef_)
    else:  # units of cells that share a ray may be exchanged: what they add up to is unique, and so are dual point and lengths
        norms = [np.linalg.norm(m.convex_coef_ / m.convex_coef_.max(), axis=1) for m in (model, other)]
        size = other.convex_coef_.max() / model.convex_coef_.max()
        assert size * norms[1].sum() == pytest.approx(vector * norms[0].sum(), rel=1e-6)
        np.testing.assert_allclose(
            other.dual_coef_, dual * model.dual_coef_, atol=CLOSE * np.abs(other.dual_coef_).max()
        )
    assert other.objective_ == pytest.approx(value * model.objective_, rel=1e-12 if exact else 1e-7)
    if exact:
        np.testing.assert_array_equal(other.convex_arrangements_, model.convex_arrangements_)
        if model.certificate_.lower_bound_proven is not None:
            assert other.certificate_.lower_bound_proven == value * model.certificate_.lower_bound_proven
        assert other.certificate_.largest_price == model.certificate_.largest_price
        assert other.certificate_.recall == model.certificate_.recall


@pytest.mark.parametrize("power", [-330, 4, 332])
@pytest.mark.parametrize(
    ("loss", "arrangements"), [*((loss, "exact") for loss in LOSSES), ("squared_error", "gaussian"), ("huber", "data")]
)
def test_powers_of_two_of_the_targets_change_no_bit(loss, power, arrangements):
    X, y = data()
    c, degree = 2.0**power, LOSSES[loss]
    model = fit(loss, X, y, arrangements=arrangements, tol=1e-4)
    other = fit(loss, X, c * y, beta=0.02 * c ** (degree - 1), unit=c, arrangements=arrangements, tol=1e-4)
    assert len(model.convex_coef_) > 1
    assert_mapped(model, other, vector=c, value=c**degree, dual=c ** (degree - 1), exact=True)
    np.testing.assert_array_equal(other.predict(X), c * model.predict(X))


@pytest.mark.parametrize("c", [1e-100, 0.3, 1e100])
@pytest.mark.parametrize("loss", LOSSES)
def test_units_of_the_targets(loss, c):
    X, y = data()
    degree = LOSSES[loss]
    model, other = fit(loss, X, y), fit(loss, X, c * y, beta=0.02 * c ** (degree - 1), unit=c)
    assert other.objective_ == pytest.approx(c**degree * model.objective_, rel=1e-7)
    np.testing.assert_allclose(other.predict(X), c * model.predict(X), rtol=1e-6, atol=1e-6 * c)
    if degree == 2:
        assert_mapped(model, other, vector=c, value=c**degree, dual=c ** (degree - 1))


@pytest.mark.parametrize("level", [1024.0, -3.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_level_of_the_targets(loss, level):
    """Targets of few digits: a level rounds nothing off, and the units are the same bit for bit; the intercept takes up the level."""
    X, y = data()
    y = np.round(1024.0 * y) / 1024.0
    model, other = fit(loss, X, y), fit(loss, X, y + level)
    assert_mapped(model, other, exact=True)
    np.testing.assert_allclose(other.intercepts_[1], model.intercepts_[1] + level, rtol=1e-15)


@pytest.mark.parametrize("level", [0.1, -12345.678, 1e6])
@pytest.mark.parametrize("loss", LOSSES)
def test_level_of_targets_that_it_rounds(loss, level):
    X, y = data()
    model, other = fit(loss, X, y), fit(loss, X, y + level)
    np.testing.assert_allclose(other.objective_, model.objective_, rtol=1e-7)
    np.testing.assert_allclose(other.predict(X) - level, model.predict(X), atol=CLOSE)
    assert other.certificate_.lower_bound_proven <= model.objective_ * (1.0 + 1e-8)


@pytest.mark.parametrize("power", [-480, 6, 480])
@pytest.mark.parametrize("loss", [*LOSSES, "poisson"])
def test_powers_of_two_of_the_features_change_no_bit(loss, power):
    X, y = data()
    y = np.round(np.exp(y)) + 1.0 if loss == "poisson" else y
    c = 2.0**power
    model = fit(loss, X, y, fit_intercept=False, tol=1e-6)
    other = fit(loss, c * X, y, beta=0.02 * c, fit_intercept=False, tol=1e-6)
    assert len(model.convex_coef_) > 0
    assert_mapped(model, other, vector=1.0 / c, exact=True)
    np.testing.assert_array_equal(other.predict(c * X), model.predict(X))
    if loss not in ("squared_error", "poisson"):
        return
    # and along the way of a search
    searched = fit(loss, X, y, fit_intercept=False, tol=1e-4, arrangements="data")
    again = fit(loss, c * X, y, beta=0.02 * c, fit_intercept=False, tol=1e-4, arrangements="data")
    assert_mapped(searched, again, vector=1.0 / c, exact=True)


@pytest.mark.parametrize("c", [1e-100, 0.3, 1e100])
@pytest.mark.parametrize("loss", LOSSES)
def test_units_of_the_features(loss, c):
    X, y = data()
    model = fit(loss, X, y, fit_intercept=False)
    other = fit(loss, c * X, y, beta=0.02 * c, fit_intercept=False)
    assert other.objective_ == pytest.approx(model.objective_, rel=1e-7)
    np.testing.assert_allclose(other.predict(c * X), model.predict(X), atol=CLOSE)


@pytest.mark.parametrize("loss", ["log_loss", "hinge", "squared_hinge", "squared_error"])
@pytest.mark.parametrize("c", [2.0**-400, 2.0**8, 1e90])
def test_units_of_the_features_of_classifiers(loss, c):
    X, y = data()
    labels = y > np.median(y)
    options = {"loss": loss, "arrangements": "exact", "fit_intercept": False, "tol": 1e-8}
    model = ConvexReLUClassifier(0.01, **options).fit(X, labels)
    other = ConvexReLUClassifier(0.01 * c, **options).fit(c * X, labels)
    assert other.objective_ == pytest.approx(model.objective_, rel=1e-7)
    if np.frexp(c)[0] == 0.5:
        np.testing.assert_array_equal(other.decision_function(c * X), model.decision_function(X))


@pytest.mark.parametrize("loss", [*LOSSES, "poisson"])
def test_order_of_the_rows_does_not_matter_at_all(loss):
    X, y = data()
    y = np.round(np.exp(y)) + 1.0 if loss == "poisson" else y
    order, weights = np.random.default_rng(1).permutation(12), np.random.default_rng(2).uniform(0.1, 2.0, 12)
    for arrangements in ("exact", "gaussian") if loss in ("squared_error", "poisson") else ("exact",):
        options = {"tol": 1e-4, "arrangements": arrangements}
        model = fit(loss, X, y, weights=weights, **options)
        other = fit(loss, X[order], y[order], weights=weights[order], **options)
        np.testing.assert_array_equal(other.convex_coef_, model.convex_coef_)
        np.testing.assert_array_equal(other.intercepts_[1], model.intercepts_[1])
        np.testing.assert_array_equal(other.dual_coef_, model.dual_coef_[order])
        assert other.certificate_ == model.certificate_


@pytest.mark.parametrize("loss", LOSSES)
def test_order_and_signs_of_the_columns(loss):
    X, y = data(d=2)
    model = fit(loss, X, y)
    other = fit(loss, X[:, ::-1] * [1.0, -1.0], y)
    assert other.objective_ == pytest.approx(model.objective_, rel=1e-7)
    np.testing.assert_allclose(other.predict(X[:, ::-1] * [1.0, -1.0]), model.predict(X), atol=CLOSE)


def test_rotated_features():
    """The penalty sees lengths only; without biases and with them any rotation of the features leaves the network as it is."""
    X, y = data()
    rotation = np.array([[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]])
    for fit_intercept in (True, False):
        model = fit("squared_error", X, y, fit_intercept=fit_intercept)
        other = fit("squared_error", X @ rotation, y, fit_intercept=fit_intercept)
        assert other.objective_ == pytest.approx(model.objective_, rel=1e-7)
        np.testing.assert_allclose(other.predict(X @ rotation), model.predict(X), atol=CLOSE)


@pytest.mark.parametrize("c", [2.0**-900, 2.0**900, 0.37, 1e300])
@pytest.mark.parametrize("loss", LOSSES)
def test_only_the_shares_of_weights_matter(loss, c):
    X, y = data()
    weights = np.random.default_rng(3).uniform(0.1, 2.0, 12)
    model, other = fit(loss, X, y, weights=weights), fit(loss, X, y, weights=c * weights)
    if np.frexp(c)[0] == 0.5:
        assert_mapped(model, other, exact=True)
    assert other.objective_ == pytest.approx(model.objective_, rel=1e-7)
    np.testing.assert_allclose(other.predict(X), model.predict(X), atol=CLOSE)


def test_counts_of_poisson_in_another_unit():
    """A factor of the counts is a constant of the logarithms that the intercept takes up; loss and penalty are multiplied by it."""
    X, y = data()
    y = np.round(np.exp(y)) + 1.0
    model = fit("poisson", X, y, tol=1e-6)
    for power in (-200, 60, 300):
        c = 2.0**power
        other = fit("poisson", X, c * y, beta=0.02 * c, tol=1e-6)
        np.testing.assert_array_equal(other.convex_coef_, model.convex_coef_)
        np.testing.assert_array_equal(other.dual_coef_, c * model.dual_coef_)
        np.testing.assert_allclose(other.predict(X), c * model.predict(X), rtol=1e-12)


def test_a_wrong_penalty_does_not_pass():
    """The penalty matters for all of this: half of it gives another network."""
    X, y = data()
    model, other = fit("squared_error", X, y), fit("squared_error", 4.0 * X, y, fit_intercept=False)
    assert abs(other.objective_ - model.objective_) > 1e-3 * model.objective_
    with pytest.raises(AssertionError):
        assert_mapped(fit("squared_error", X, 2.0 * y), model, vector=0.5, value=0.25)
