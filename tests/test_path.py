"""beta_max and the path: against enumeration, the zero network, cold fits, and finite checks of what is returned."""

import numpy as np
import pytest

from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor, beta_max, convex_relu_path
from skconvrelu.arrangements import patterns_of, sample_gates
from skconvrelu.cones import project


def _data(n=30, d=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, np.abs(X[:, 0]) - 0.5 * X[:, -1] + 0.1 * rng.standard_normal(n)


def test_beta_max_equals_the_largest_projection_over_all_arrangements():
    X, y = _data()
    B = np.hstack([X, np.ones((len(X), 1))])
    gates = sample_gates(B, "exact", 0, np.random.RandomState(0), weights=np.ones(30) / 30, constant=True)
    masks = patterns_of(B, gates)
    dual = (y - y.mean()) / len(y)
    prices = [project(B, masks, sign * (masks * dual) @ B, rtol=1e-10).lower.max() for sign in (1.0, -1.0)]
    value, upper = beta_max(X, y)
    assert value == pytest.approx(max(prices), rel=1e-6)
    assert upper == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        ("squared_error", ConvexReLURegressor),
        ("huber", ConvexReLURegressor),
        ("log_loss", ConvexReLUClassifier),
        ("squared_hinge", ConvexReLUClassifier),
    ],
)
def test_the_network_is_zero_from_beta_max_on_only(loss, kind):
    X, y = _data()
    target = y if kind is ConvexReLURegressor else y > np.median(y)
    value, _ = beta_max(X, target, loss=loss)
    assert len(kind(1.001 * value, loss=loss, random_state=0).fit(X, target).convex_coef_) == 0
    assert len(kind(0.99 * value, loss=loss, random_state=0).fit(X, target).convex_coef_) > 0


def test_beta_max_says_where_it_is_not_exact():
    X, y = _data(200, 12)
    value, upper = beta_max(X, y, max_cones=50)
    assert value < upper
    assert upper >= np.linalg.norm(value)


def test_beta_max_scales_with_the_target_and_counts_weights():
    X, y = _data()
    assert beta_max(X, 3.0 * y).value == pytest.approx(3.0 * beta_max(X, y).value, rel=1e-9)
    weights = np.repeat([1.0, 2.0], [10, 20])
    repeated = np.repeat(np.arange(30), weights.astype(int))
    weighted = beta_max(X, y, sample_weight=weights).value
    assert weighted == pytest.approx(beta_max(X[repeated], y[repeated]).value, rel=1e-9)


@pytest.mark.parametrize("refine", [True, False])
def test_path_equals_cold_fits(refine):
    X, y = _data(40)
    path = convex_relu_path(X, y, betas=6, eps=1e-2, tol=1e-5, refine=refine, n_arrangements=20, random_state=0)
    assert (np.diff(path.betas) < 0.0).all()
    assert (np.diff(path.objectives) < 0.0).all()
    assert (path.gaps <= 1e-5).all()
    assert path.n_units[0] == 0
    for k, beta in enumerate(path.betas):
        assert path.n_units[k] == len(path.coefs[k]) == path.networks[k].n_hidden
        F = path.networks[k].outputs(X)[:, 0]
        own = 0.5 * np.mean((F - y) ** 2) + beta * path.networks[k].penalty()
        assert own == pytest.approx(path.objectives[k], rel=1e-9)
        if refine:  # over given arrangements the warm path keeps more of them
            cold = ConvexReLURegressor(beta, tol=1e-5, random_state=0).fit(X, y)
            assert path.objectives[k] == pytest.approx(cold.objective_, rel=2e-5)


def test_path_of_a_classifier_over_given_penalties():
    X, y = _data(40)
    path = convex_relu_path(X, y > 0.3, loss="log_loss", betas=[1e-3, 1e-1, 1e-2], random_state=0)
    np.testing.assert_array_equal(path.betas, [1e-1, 1e-2, 1e-3])
    assert len(path.certificates) == 3
    assert (path.gaps <= 1e-3).all()


def test_path_of_a_constant_target_is_one_zero_network():
    X, _ = _data()
    path = convex_relu_path(X, np.ones(len(X)), betas=5, random_state=0)
    assert path.betas.tolist() == [1.0]
    assert path.n_units.tolist() == [0]
    np.testing.assert_allclose(path.networks[0].outputs(X), 1.0)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"betas": [0.1, -1.0]}, "betas must be"),
        ({"betas": []}, "betas must be"),
        ({"betas": 0}, "betas must be"),
        ({"eps": 1.0}, "eps must"),
        ({"loss": "no_loss"}, "loss must be one of"),
        ({"loss": "hard_margin"}, "loss must be one of"),
        ({"solver": "no_solver"}, "solver"),
    ],
)
def test_path_refuses_bad_arguments(params, message):
    X, y = _data()
    with pytest.raises(ValueError, match=message):
        convex_relu_path(X, y, **params)
