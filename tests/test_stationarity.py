"""Clarke stationarity and subsampled programs: finite differences, L-BFGS, and points that are not stationary."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from skconvrelu.network import TwoLayerReLU
from skconvrelu.theory import clarke_stationarity, optimal_set, subsampled_program

SMOOTH = ["squared_error", "huber", "poisson", "log_loss", "squared_hinge", "squared_error_on_classes"]


def data(loss="squared_error", n=25, d=3, seed=0):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, d)), rng.normal(size=n)
    if loss == "poisson":
        return X, np.abs(y)
    return X, (y > 0.0 if loss in ("log_loss", "squared_hinge", "squared_error_on_classes") else y)


def packed(network):
    return np.concatenate(
        [
            a.ravel()
            for a in (network.hidden_weights, network.hidden_biases, network.output_weights, network.output_biases)
        ]
    )


def unpacked(theta, d, m, K=1):
    parts = np.split(theta, np.cumsum([d * m, m, m * K]))
    return TwoLayerReLU(parts[0].reshape(d, m), parts[1], parts[2].reshape(m, K), parts[3])


def random_network(d=3, m=6, K=1, seed=0):
    rng = np.random.default_rng(seed)
    return unpacked(rng.normal(size=(d + 1) * m + m * K + K), d, m, K)


@pytest.mark.parametrize("loss", SMOOTH)
def test_distance_is_the_gradient_norm_where_there_is_a_gradient(loss):
    X, y = data(loss)
    network = random_network()
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    theta = packed(network)

    def value(theta):
        return unpacked(theta, 3, 6).objective(X, y, beta=0.1, loss=loss, sample_weight=weights)

    steps = 1e-6 * np.eye(len(theta))
    gradient = np.array([(value(theta + e) - value(theta - e)) / 2e-6 for e in steps])
    found = clarke_stationarity(network, X, y, beta=0.1, loss=loss, sample_weight=weights)
    assert found.distance == pytest.approx(np.linalg.norm(gradient), rel=1e-5)
    assert not found.is_stationary
    by_unit = [
        np.linalg.norm(np.r_[gradient[:18].reshape(3, 6)[:, k], gradient[18 + k], gradient[24 + k]]) for k in range(6)
    ]
    np.testing.assert_allclose(found.residuals, by_unit, rtol=1e-4)


def trained(X, y, loss, beta, seed, m=8, fit_intercept=True):
    """A network trained to stationarity by L-BFGS, gradients by hand.

    L-BFGS stalls where units run into kinks, so the ReLU is quadratic over a width that is lowered from solution to solution.
    """
    network = random_network(X.shape[1], m, seed=seed)
    free = np.ones(len(packed(network)), dtype=bool)
    if not fit_intercept:
        free[X.shape[1] * m : (X.shape[1] + 1) * m] = free[-1] = False
    theta = packed(network) * free
    A = np.hstack([X, np.ones((len(X), 1))])
    codes = np.where(y, 1.0, -1.0) if loss == "log_loss" else y

    def both(part, width):
        theta[free] = part
        net = unpacked(theta, X.shape[1], m)
        V, w = net.vectors(), net.output_weights[:, 0]
        z = A @ V
        on = np.clip(z / width, 0.0, 1.0)
        hidden = on * z - 0.5 * width * on**2
        f = hidden @ w + net.output_biases[0]
        slope = (f - codes if loss == "squared_error" else -codes * expit(-codes * f)) / len(y)
        value = np.mean(0.5 * (f - codes) ** 2 if loss == "squared_error" else np.logaddexp(0.0, -codes * f))
        inner = A.T @ (on * np.outer(slope, w)) + beta * V
        gradient = np.concatenate([inner[:-1].ravel(), inner[-1], hidden.T @ slope + beta * w, [slope.sum()]])
        return value + beta * net.penalty(), gradient[free]

    options = {"maxiter": 20_000, "maxfun": 100_000, "ftol": 0.0, "gtol": 1e-9, "maxcor": 50}
    part = theta[free]
    for width in 10.0 ** -np.arange(0, 7):
        part = minimize(both, part, args=(width,), jac=True, method="L-BFGS-B", options=options).x
    theta[free] = part
    return unpacked(theta, X.shape[1], m)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_networks_trained_to_stationarity_solve_their_subsampled_program(loss, fit_intercept, seed):
    X, y = data(loss)
    network = trained(X, y, loss, 0.02, seed, fit_intercept=fit_intercept)
    params = {"beta": 0.02, "loss": loss, "fit_intercept": fit_intercept}
    point = clarke_stationarity(network, X, y, kink_tol=1e-5, tol=1e-3, **params)
    program = subsampled_program(network, X, y, **params)
    assert point.is_stationary
    assert program.is_optimal
    assert program.optimum == pytest.approx(program.objective, rel=1e-4)
    best = optimal_set(X, y, **params).objective
    assert best <= program.optimum * (1.0 + 1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_networks_that_are_not_stationary_do_not(seed):
    X, y = data()
    network = trained(X, y, "squared_error", 0.02, seed)
    moved = unpacked(
        packed(network) * (1.0 + 0.05 * np.random.default_rng(seed).normal(size=len(packed(network)))), 3, 8
    )
    assert not clarke_stationarity(moved, X, y, beta=0.02, kink_tol=1e-5, tol=1e-3).is_stationary
    assert not subsampled_program(moved, X, y, beta=0.02).is_optimal
    # and the optimum of the program has no larger objective as a network
    program = subsampled_program(moved, X, y, beta=0.02)
    assert program.network.objective(X, y, beta=0.02) == pytest.approx(program.optimum, rel=1e-9)
    assert program.optimum < program.objective


def test_stationary_points_need_not_be_global():
    """Descent ends in different programs' optima; the best over all patterns is lower than most."""
    X, y = data()
    values = [trained(X, y, "squared_error", 0.02, seed, m=2).objective(X, y, beta=0.02) for seed in range(5)]
    best = optimal_set(X, y, beta=0.02).objective
    assert min(values) >= best * (1.0 - 1e-9)
    assert max(values) > best * 1.01


@pytest.mark.parametrize("seed", range(3))
def test_optima_on_kinks_need_derivatives_in_between(seed):
    """Global optima are stationary, but only with derivatives in [0, 1] for the samples on their units' hyperplanes."""
    X, y = data(n=12, d=2, seed=seed)
    network = optimal_set(X, y, beta=0.01).network()
    found = clarke_stationarity(network, X, y, beta=0.01, kink_tol=1e-6)
    assert found.is_stationary
    between = (found.gates > 0.01) & (found.gates < 0.99)
    values = X @ network.hidden_weights + network.hidden_biases
    assert between.any()
    assert (np.abs(values[between]) < 1e-6).all()
    one_sided = clarke_stationarity(network, X, y, beta=0.01, kink_tol=-1.0)
    assert not one_sided.is_stationary
    assert set(np.unique(one_sided.gates)) <= {0.0, 1.0}


def test_a_zero_unit_is_stationary_where_its_price_is_not():
    """Weights of zero are a saddle: nothing to first order, whatever a unit there could gain."""
    X, y = data()
    network = unpacked(np.zeros(3 * 2 + 2 + 2 + 1), 3, 2)
    mean = TwoLayerReLU(network.hidden_weights, network.hidden_biases, network.output_weights, np.array([y.mean()]))
    assert clarke_stationarity(mean, X, y, beta=1e-3).is_stationary
    assert subsampled_program(mean, X, y, beta=1e-3).is_optimal
    assert optimal_set(X, y, beta=1e-3).objective < 0.5 * mean.objective(X, y, beta=1e-3)


@pytest.mark.parametrize("call", [clarke_stationarity, subsampled_program])
def test_refusals(call):
    X, y = data()
    network = random_network()
    with pytest.raises(ValueError, match="features"):
        call(network, X[:, :2], y, beta=0.1)
    with pytest.raises(ValueError, match="biases"):
        call(network, X, y, beta=0.1, fit_intercept=False)
    with pytest.raises(ValueError, match="beta"):
        call(network, X, y, beta=-1.0)
    with pytest.raises(ValueError, match="samples"):
        call(network, X, y[:-1], beta=0.1)


def test_losses_with_kinks_are_refused():
    X, y = data()
    with pytest.raises(ValueError, match="kinks of its own"):
        clarke_stationarity(random_network(), X, y, beta=0.1, loss="absolute_error")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"y": [np.nan] * 25}, "missing values"),
        ({"y": [np.inf] * 25}, "missing values"),
        ({"y": -np.ones(25), "loss": "poisson"}, "negative"),
        ({"y": np.zeros(25), "loss": "poisson"}, "minus infinity"),
        ({"y": np.arange(25) % 2, "loss": "hard_margin"}, "loss must be one of"),
        ({"solver": "simplex"}, "solver must be one of"),
        ({"sample_weight": np.zeros(25)}, "sample_weight"),
        ({"sample_weight": np.full(25, np.nan)}, "sample_weight"),
    ],
)
def test_no_verdict_on_what_cannot_be_judged(bad, message):
    X, y = data()
    with pytest.raises(ValueError, match=message):
        subsampled_program(random_network(), X, **{"y": y, "beta": 0.1, **bad})


@pytest.mark.parametrize(("target", "stationary"), [(0.2, True), (0.1, True), (0.05, False), (-0.1, False)])
def test_derivatives_on_a_kink_stay_between_zero_and_one(target, stationary):
    """One unit with a sample on its hyperplane, whose derivative would have to be ``0.1 / target``."""
    size, beta = 0.8, 0.05
    X, y = np.array([[1.0, 0.0], [-1.0, 1.0]]), np.array([target, size**2 + 2.0 * beta])
    network = TwoLayerReLU(np.array([[0.0], [size]]), np.zeros(1), np.array([[size]]), np.zeros(1))
    found = clarke_stationarity(network, X, y, beta=beta, fit_intercept=False)
    assert found.is_stationary is stationary
    assert found.gates[0, 0] == pytest.approx(np.clip(0.1 / target, 0.0, 1.0) if target > 0.0 else 0.0, abs=1e-9)


@pytest.mark.parametrize("copies", [[1.0, 1.0], [1.0, 2.0], [1.0, -1.0]])
def test_dependent_samples_on_a_kink_do_not_switch_apart(copies):
    """Along the hyperplane's normal the objective is smooth, or nearly so, though each sample has a kink of its own."""
    size, beta = 0.8, 0.05
    first, other = copies
    X = np.array([[0.0, first], [0.0, other], [1.0, 0.5]])
    y = np.array([1.0 / first, -1.0 / other, size**2 + 3.0 * beta])
    network = TwoLayerReLU(np.array([[size], [0.0]]), np.zeros(1), np.array([[size]]), np.zeros(1))

    def value(shift):
        moved = TwoLayerReLU(np.array([[size], [shift]]), np.zeros(1), np.array([[size]]), np.zeros(1))
        return moved.objective(X, y, beta=beta)

    slopes = [(value(t) - value(0.0)) / t for t in (1e-7, -1e-7)]
    found = clarke_stationarity(network, X, y, beta=beta, fit_intercept=False)
    nearest = 0.0 if slopes[0] * slopes[1] <= 0.0 else min(map(abs, slopes))
    assert found.distance == pytest.approx(nearest, abs=1e-6)
    assert nearest > 0.01 or other < 0.0


@pytest.mark.parametrize("network", [None, "network", np.ones((3, 6))])
@pytest.mark.parametrize("call", [clarke_stationarity, subsampled_program])
def test_only_networks_are_judged(call, network):
    with pytest.raises(TypeError, match="network must be a TwoLayerReLU"):
        call(network, *data(), beta=0.1)


def test_one_target_for_all_samples_is_refused():
    with pytest.raises(ValueError, match="y must have a target for each of the 25 samples"):
        clarke_stationarity(random_network(), data()[0], 1.0, beta=0.1)
