"""Audits of networks that others trained."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from test_column_generation import data
from test_estimators import regression_data

from skconvrelu import certify_network
from skconvrelu.network import TwoLayerReLU


def trained_mlp(estimator, X, y, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mlp = estimator(hidden_layer_sizes=(20,), solver="lbfgs", max_iter=300, random_state=0, alpha=0.5, **options)
        return mlp.fit(X, y)


@pytest.mark.parametrize("target", ["one", "two", "binary", "classes"])
def test_an_mlp_is_improved_and_its_gap_is_honest(target):
    _, X, y = data(target, n=40, d=3)
    estimator = MLPRegressor if target in ("one", "two") else MLPClassifier
    mlp = trained_mlp(estimator, X, y)
    audit = certify_network(mlp, X, y, random_state=0)
    (W1, W2), (b1, b2) = mlp.coefs_, mlp.intercepts_
    F = np.maximum(X @ W1 + b1, 0) @ W2 + b2
    if target in ("one", "two"):
        K = W2.shape[1]
        assert audit.beta == pytest.approx(0.5 / 40 * K)
        loss = 0.5 * np.mean(np.square(F - y.reshape(40, -1)).sum(axis=1))
    elif target == "binary":
        assert audit.beta == pytest.approx(0.5 / 40)
        loss = np.mean(np.logaddexp(0, -np.where(y == 1, 1, -1) * F[:, 0]))
    else:
        loss = np.mean(np.log(np.exp(F).sum(axis=1)) - F[np.arange(40), y])
    penalty = audit.beta * np.sum(np.linalg.norm(np.vstack([W1, b1]), axis=0)[:, None] * np.abs(W2))
    assert audit.objective == pytest.approx(loss + penalty, rel=1e-10)
    assert audit.model.objective_ <= audit.objective
    # rank 4 and 40 rows: the fit proves its bound by itself
    assert audit.gap == pytest.approx(1 - audit.certificate.lower_bound_proven / audit.objective)
    assert audit.gap > 0


def test_scikit_learns_own_objective_is_ours_when_biases_are_small():
    """Alpha / n is beta: at zero hidden biases and balanced units both packages report the same number."""
    X, y = regression_data(40, 3)
    mlp = trained_mlp(MLPRegressor, X, y)
    (W1, W2), (_, b2) = mlp.coefs_, mlp.intercepts_
    size = np.sqrt(np.linalg.norm(W1, axis=0) * np.abs(W2[:, 0]))
    W1 = W1 / np.linalg.norm(W1, axis=0) * size
    W2 = W2 / np.abs(W2) * size[:, None]
    audit = certify_network((W1, np.zeros(20), W2, b2), X, y, beta=0.5 / 40, loss="squared_error", random_state=0)
    residual = np.maximum(X @ W1, 0) @ W2[:, 0] + b2 - y
    sklearns = 0.5 * np.mean(residual**2) + 0.5 * 0.5 * (np.square(W1).sum() + np.square(W2).sum()) / 40
    assert audit.objective == pytest.approx(sklearns, rel=1e-10)


def test_an_optimal_network_is_certified_as_it_is_and_proven():
    X, y = regression_data(15, 2)
    first = certify_network((np.ones((2, 1)), np.zeros(1), np.ones((1, 1)), np.zeros(1)), X, y, beta=0.01,
                            loss="squared_error", random_state=0, tol=1e-6)  # fmt: skip
    again = certify_network(first.network, X, y, beta=0.01, loss="squared_error", method="exact", tol=1e-6)
    assert isinstance(first.network, TwoLayerReLU)
    assert again.objective == pytest.approx(first.model.objective_, rel=1e-9)
    assert again.gap <= 3e-6
    assert again.model.objective_ <= again.objective * (1 + 1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_one_round_is_never_worse_than_the_network_given():
    X, y = regression_data(60, 4)
    best = certify_network((np.ones((4, 1)), np.zeros(1), np.ones((1, 1)), np.zeros(1)), X, y, beta=1e-3,
                           loss="squared_error", random_state=0)  # fmt: skip
    quick = certify_network(best.network, X, y, beta=1e-3, loss="squared_error", refine=1, n_arrangements=2)
    assert quick.model.objective_ <= quick.objective * (1 + 1e-12)


def test_sample_weight_is_part_of_the_mapping():
    X, y = regression_data(30, 2)
    mlp = trained_mlp(MLPRegressor, X, y)
    weights = np.linspace(0.5, 3.0, 30)
    audit = certify_network(mlp, X, y, sample_weight=weights, random_state=0)
    assert audit.beta == pytest.approx(0.5 / weights.sum())


def test_bad_networks_are_refused():
    X, y = regression_data(30, 3)
    deep = trained_mlp(MLPRegressor, X, y).set_params(hidden_layer_sizes=(5, 5)).fit(X, y)
    tanh = trained_mlp(MLPRegressor, X, y, activation="tanh")
    one = np.ones((3, 2)), np.zeros(2), np.ones((2, 1)), np.zeros(1)
    for network, message in ((deep, "one hidden layer"), (tanh, "relu"), ((*one[:3], np.zeros(2)), "shapes")):
        with pytest.raises(ValueError, match=message):
            certify_network(network, X, y, beta=0.1, loss="squared_error")
    with pytest.raises(TypeError, match="MLPRegressor"):
        certify_network("network", X, y)
    with pytest.raises(ValueError, match="beta must be given"):
        certify_network(one, X, y, loss="squared_error")
    with pytest.raises(ValueError, match="loss must be given"):
        certify_network(one, X, y, beta=0.1)
    with pytest.raises(ValueError, match="features"):
        certify_network(one, X[:, :2], y, beta=0.1, loss="squared_error")
    with pytest.raises(ValueError, match="outputs"):
        certify_network(one, X, np.column_stack([y, y]), beta=0.1, loss="squared_error")
    with pytest.raises(ValueError, match="beta must be above 0"):
        certify_network(one, X, y, beta=-1.0, loss="squared_error")
    with pytest.raises(ValueError, match="method"):
        certify_network(one, X, y, beta=0.1, loss="squared_error", method="guess")
    with pytest.raises(ValueError, match="refine on"):
        certify_network(one, X, y, beta=0.1, loss="squared_error", refine=False)


@pytest.mark.parametrize("loss", ["quantile", "poisson", "huber"])
def test_plain_weights_with_other_losses(loss):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 2)), rng.poisson(2.0, 40).astype(float)
    weights = rng.standard_normal((2, 5)), rng.standard_normal(5), 0.1 * rng.standard_normal((5, 1)), np.zeros(1)
    audit = certify_network(weights, X, y, beta=0.02, loss=loss, tol=1e-2, random_state=0)
    F = np.maximum(X @ weights[0] + weights[1], 0.0) @ weights[2] + weights[3]
    mean = {
        "quantile": lambda r: 0.5 * np.abs(r),
        "poisson": lambda r: np.exp(F) - y[:, None] * F,
        "huber": lambda r: np.where(np.abs(r) <= 1.35, 0.5 * r**2, 1.35 * np.abs(r) - 0.5 * 1.35**2),
    }[loss](F - y[:, None]).mean()
    norms = np.linalg.norm(np.vstack([weights[0], weights[1]]), axis=0)
    assert audit.objective == pytest.approx(mean + 0.02 * norms @ np.abs(weights[2][:, 0]))
    assert audit.certificate.objective < audit.objective
    assert 0.0 < audit.gap < 1.0


@pytest.mark.skipif("loss" not in MLPRegressor().get_params(), reason="scikit-learn has one loss for regressors here")
def test_a_poisson_regressor_is_judged_by_its_own_loss():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 2)), rng.poisson(2.0, 40).astype(float)
    mlp = trained_mlp(MLPRegressor, X, y, loss="poisson")
    audit = certify_network(mlp, X, y, tol=1e-2, random_state=0)
    assert audit.beta == pytest.approx(0.5 / 40)
    predicted = mlp.predict(X)
    norms = np.linalg.norm(np.vstack([mlp.coefs_[0], mlp.intercepts_[0]]), axis=0) @ np.abs(mlp.coefs_[1][:, 0])
    assert audit.objective == pytest.approx(np.mean(predicted - y * np.log(predicted)) + audit.beta * norms)
    assert audit.certificate.objective <= audit.objective


def test_max_time_ends_the_search_from_the_network():
    _, X, y = data("one", n=40, d=3)
    mlp = trained_mlp(MLPRegressor, X, y)
    options = {"beta": 1e-3, "random_state": 0}
    with pytest.warns(ConvergenceWarning, match="Increase max_time"):
        audit = certify_network(mlp, X, y, max_time=0, **options)
    assert audit.certificate.n_rounds == 0
    assert audit.certificate.objective < audit.objective
    best = certify_network(mlp, X, y, max_time=1e9, **options)
    assert len(best.model.objectives_) > 1
    assert best.certificate.objective < audit.certificate.objective
    assert audit.certificate.lower_bound_searched <= best.certificate.objective
