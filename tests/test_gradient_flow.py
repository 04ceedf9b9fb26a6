"""Gradient flow: conservation, an independent integration, early alignment and the implicit bias on orthogonally separable data."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning

from skconvrelu.network import TwoLayerReLU
from skconvrelu.theory import (
    alignment,
    balanced_network,
    gradient_flow,
    is_orthogonally_separable,
    max_margin,
    nonconvex_kkt,
)


def orthogonally_separable(seed, n=11, d=3):
    rng = np.random.default_rng(seed)
    y = np.where(np.arange(n) % 2, 1, -1)
    return y[:, None] * (np.abs(rng.normal(size=(n, d))) + 0.1), y


def mixed(seed=0, n=8, d=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), np.where(rng.uniform(size=n) > 0.5, 1, -1)


def small_steps(X, y, network, duration, n_steps):
    """The rescaled flow of the logistic loss by Euler's method."""
    W, w = network.hidden_weights.copy(), network.output_weights[:, 0].copy()
    for _ in range(n_steps):
        z = X @ W
        f = np.maximum(z, 0.0) @ w
        loss = np.mean(np.logaddexp(0.0, -y * f))
        pull = y * expit(-y * f) / len(y) / loss
        step = duration / n_steps
        W, w = W + step * X.T @ ((z > 0) * np.outer(pull, w)), w + step * np.maximum(z, 0.0).T @ pull
    return W, w


@pytest.mark.parametrize("seed", range(3))
def test_trajectory_is_that_of_small_steps(seed):
    X, y = mixed(seed)
    start = balanced_network(2, 5, 0.5, random_state=seed)
    flow = gradient_flow(X, y, start, duration=2.0, n_times=3)
    W, w = small_steps(X, y, start, 2.0, 100_000)
    np.testing.assert_allclose(flow.output_weights[-1], w, atol=2e-3)
    np.testing.assert_allclose(flow.hidden_weights[-1], W, atol=2e-3)
    np.testing.assert_array_equal(flow.times, [0.0, 1.0, 2.0])
    assert (np.diff(flow.log_losses) < 0).all()


@pytest.mark.parametrize("loss", ["log_loss", "exponential", "squared_error"])
def test_imbalances_are_conserved(loss):
    X, y = mixed(1)
    rng = np.random.default_rng(0)
    start = TwoLayerReLU(rng.normal(size=(2, 6)), np.zeros(6), rng.normal(size=(6, 1)), np.zeros(1))
    flow = gradient_flow(X, y, start, loss=loss, duration=5.0)
    drift = flow.imbalances() - flow.imbalances()[0]
    assert np.ptp(flow.penalties()) > 0.1  # the weights did move
    assert np.abs(drift).max() < 1e-4
    assert (np.diff(flow.log_losses) <= 1e-9).all()


def test_units_that_are_off_everywhere_stay_where_they_are():
    X, y = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([1, -1])
    start = TwoLayerReLU(np.array([[-1.0, 1.0], [-0.5, 0.2]]), np.zeros(2), np.array([[1.0], [1.0]]), np.zeros(1))
    flow = gradient_flow(X, y, start, duration=3.0)
    np.testing.assert_array_equal(flow.hidden_weights[-1][:, 0], [-1.0, -0.5])
    assert np.abs(flow.hidden_weights[-1][:, 1] - [1.0, 0.2]).max() > 0.1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("make", [mixed, orthogonally_separable])
def test_some_unit_aligns_before_the_outputs_grow(make, seed):
    X, y = make(seed)
    start = balanced_network(X.shape[1], 20, 1e-4, random_state=seed)
    flow = gradient_flow(X, y, start, duration=20.0, n_times=400)
    early = [k for k in range(0, len(flow.times), 5) if np.abs(flow.network(k).predict(X)).max() < 0.05]
    cosines = np.array([alignment(flow.network(k), X, y, kink_tol=1e-4) for k in early])
    assert cosines.max() > 0.9999
    assert cosines[0].max() < cosines.max()
    # units that are still at their first size have not moved; those that grew have turned
    grown = np.linalg.norm(flow.hidden_weights[early[-1]], axis=0) > 3e-3
    assert (cosines[-1, grown] > 0.98).all()


def test_alignment_by_hand():
    X, y = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]), np.array([1, -1, 1])
    W = np.array([[1.0, 1.0, -1.0, 0.0], [1.0, -0.5, -1.0, 0.0]])
    network = TwoLayerReLU(W, np.zeros(4), np.array([[1.0], [-1.0], [-2.0], [1.0]]), np.zeros(1))
    # X' D y is (1, -1), (1, 0), (-1, -1) and, for the zero unit, nothing
    np.testing.assert_allclose(alignment(network, X, y), [0.0, -np.sqrt(0.8), -1.0, 0.0], atol=1e-15)


def test_alignment_on_a_kink_uses_a_derivative_in_between():
    """At w = (1, 0) the samples (0, 1) and (1, 1) pull along (0, g) and (1, -1): only g = 1 leaves w where it is."""
    X, y = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]]), np.array([-1, 1, 1])
    network = TwoLayerReLU(np.array([[2.0], [0.0]]), np.zeros(1), np.array([[1.0]]), np.zeros(1))
    assert alignment(network, X, y)[0] == pytest.approx(1.0)
    assert alignment(network, X, y, kink_tol=-1.0)[0] == pytest.approx(2.0 / np.sqrt(5.0))
    half = np.array([[0.0, 2.0], [1.0, 1.0], [1.0, 0.0]])
    assert alignment(network, half, y)[0] == pytest.approx(1.0)


def test_derivatives_on_a_kink_that_alignment_takes_are_at_most_one():
    """At w = (0, 1) the sample (1, 0) can bring the pull from (-2, 1) to (-1, 1), no further."""
    X, y = np.array([[1.0, 0.0], [-2.0, 1.0], [0.0, -1.0]]), np.array([1, 1, -1])
    network = TwoLayerReLU(np.array([[0.0], [2.0]]), np.zeros(1), np.array([[1.0]]), np.zeros(1))
    assert alignment(network, X, y)[0] == pytest.approx(np.sqrt(0.5))


@pytest.mark.parametrize("seed", range(20))
def test_alignment_takes_the_best_derivatives(seed):
    """A grid over the derivatives of the samples on the unit's hyperplane finds none better, and one as good."""
    rng = np.random.default_rng(seed)
    d, kinks = int(rng.integers(3, 6)), int(rng.integers(1, 4))
    w = np.eye(d)[0]
    on = np.c_[np.zeros(kinks), rng.normal(size=(kinks, d - 1))]
    off = rng.normal(size=(3, d)) * 10.0 ** rng.uniform(-1.0, 0.5)
    off[:, 0] = np.abs(off[:, 0])
    X, y = np.vstack([on, off, -w]), np.r_[rng.choice([-1, 1], kinks), 1, 1, 1, -1]
    network = TwoLayerReLU(w[:, None], np.zeros(1), np.array([[1.0]]), np.zeros(1))
    grid = np.stack(np.meshgrid(*[np.linspace(0.0, 1.0, 31)] * kinks), axis=-1).reshape(-1, kinks)
    pulls = off.sum(axis=0) + (grid * y[:kinks]) @ on
    best = (pulls[:, 0] / np.linalg.norm(pulls, axis=1)).max()
    assert best - 1e-12 <= alignment(network, X, y)[0] <= best + 0.02


@pytest.mark.parametrize("seed", range(4))
def test_flow_on_orthogonally_separable_data_is_the_max_margin_network(seed):
    X, y = orthogonally_separable(seed)
    assert is_orthogonally_separable(X, y)
    best = max_margin(X, y)
    flow = gradient_flow(X, y, balanced_network(3, 20, 1e-3, random_state=seed), duration=100.0, min_log_loss=-3000.0)
    values = flow.margin_values()
    # the distance falls like the logarithm of the loss, so 3000 of it leaves about a thousandth
    assert best.value * (1 - 1e-6) <= values[-1] <= best.value * (1 + 2e-3)
    assert values[-1] < values[np.isfinite(values)][0]
    kkt = nonconvex_kkt(flow.network(), X, y, method="exact", kink_tol=1e-3, tol=5e-3)
    assert kkt.is_kkt
    assert kkt.is_optimal
    # every unit that grew is a maximiser of the price: an extreme point, where the multipliers touch the polar set
    W = flow.hidden_weights[-1][:, np.linalg.norm(flow.hidden_weights[-1], axis=0) > 1e-2]
    prices = np.abs(kkt.dual_coef @ np.maximum(X @ (W / np.linalg.norm(W, axis=0)), 0.0))
    np.testing.assert_allclose(prices, 1.0, atol=0.02)
    np.testing.assert_allclose(kkt.dual_coef, best.dual_coef, atol=0.05 * np.abs(best.dual_coef).max())


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_orthogonal_separability_has_no_units(scale):
    assert is_orthogonally_separable([[scale], [-scale]], [1, 0])
    assert not is_orthogonally_separable([[scale, 0.0], [scale, scale]], [1, 0])


def test_orthogonal_separability_by_hand():
    X = np.array([[1.0, 0.0], [1.0, 1.0], [-1.0, 0.0]])
    assert is_orthogonally_separable(X, ["a", "a", "b"])
    assert not is_orthogonally_separable(X, ["a", "b", "b"])  # (1, 0) and (1, 1) are of different classes
    assert not is_orthogonally_separable(X, ["a", "b", "a"])
    assert not is_orthogonally_separable(
        [[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], [1, 1, 0]
    )  # a right angle within a class
    assert not is_orthogonally_separable([[1.0, 0.0], [0.0, 1.0], [1e-3, -1.0]], [1, 0, 0])
    assert is_orthogonally_separable([[1.0, 0.0], [1e-3, -1.0], [0.5, -0.2]], [1, 0, 1], tol=1e-2) is False


def test_running_out_of_steps_is_told():
    X, y = mixed()
    with pytest.warns(ConvergenceWarning, match="max_steps=5"):
        flow = gradient_flow(X, y, balanced_network(2, 5, 0.1, random_state=0), max_steps=5)
    assert flow.times[-1] < 10.0


@pytest.mark.parametrize(
    ("bad", "message"),
    [({"loss": "hinge"}, "loss must be"), ({"duration": 0.0}, "duration"), ({"n_times": 1}, "n_times")],
)
def test_refusals(bad, message):
    X, y = mixed()
    with pytest.raises(ValueError, match=message):
        gradient_flow(X, y, balanced_network(2, 3, 0.1, random_state=0), **bad)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"y": [1.0, np.nan]}, "missing values"),
        ({"y": [None, 1]}, "missing values"),
        ({"y": [1.0, np.inf], "loss": "squared_error"}, "missing values"),
        ({"duration": np.inf}, "duration"),
        ({"n_times": 2.5}, "n_times"),
        ({"network0": balanced_network(1, 0, 0.1)}, "no hidden units"),
    ],
)
def test_flows_begin_with_finite_data(bad, message):
    given = {"X": [[1.0], [2.0]], "y": [1, -1], "network0": balanced_network(1, 2, 0.1, random_state=0), **bad}
    with pytest.raises(ValueError, match=message):
        gradient_flow(given.pop("X"), given.pop("y"), given.pop("network0"), **given)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"kink_width": 0.0}, "kink_width must be above 0 and below 1"),
        ({"kink_width": np.nan}, "kink_width must be a finite number"),
        ({"rtol": 0.0}, "rtol must be at least 1e-12"),
        ({"rtol": -1.0}, "rtol must be at least 1e-12"),
        ({"min_log_loss": np.nan}, "min_log_loss must be a finite number"),
        ({"duration": "5"}, "duration must be a finite number"),
    ],
)
def test_numbers_out_of_range_are_refused(bad, message):
    X, y = np.array([[1.0], [-2.0]]), np.array([1, -1])
    with pytest.raises(ValueError, match=message):
        gradient_flow(X, y, balanced_network(1, 8, 1e-2, random_state=0), **bad)


def test_scales_are_numbers():
    with pytest.raises(ValueError, match="scale must be a finite number"):
        balanced_network(2, 2, "a")
