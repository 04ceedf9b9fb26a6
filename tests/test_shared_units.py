"""Hidden units that feed all outputs: the vector-output network, its search and its certificate."""

import numpy as np
import pytest
from problems import make_program
from scipy.optimize import approx_fprime, minimize
from sklearn.datasets import load_iris, load_wine
from sklearn.preprocessing import scale
from test_estimators import regression_data

from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor
from skconvrelu.policy import DEFAULT
from skconvrelu.search.descent import _Shared
from skconvrelu.search.pricing import search_violators
from skconvrelu.search.shared import best_directions
from skconvrelu.search.units import Units, no_units


def two_targets(n=50):
    X, y = regression_data(n=n, d=3)
    return X, np.column_stack([y, 0.5 * y + np.maximum(X[:, 2], 0.0)])


def vector_network(X, Y, beta, m, seed):
    """The vector-output network trained by L-BFGS, written out here: its objective."""
    rng = np.random.default_rng(seed)
    A, (K, d) = np.hstack([X, np.ones((len(X), 1))]), (Y.shape[1], X.shape[1] + 1)

    def objective(z):
        W, V, b = z[: m * d].reshape(d, m), z[m * d : m * (d + K)].reshape(m, K), z[m * (d + K) :]
        H = np.maximum(A @ W, 0.0)
        R = (H @ V + b - Y) / len(X)
        value = 0.5 * len(X) * np.square(R).sum() + 0.5 * beta * (np.square(W).sum() + np.square(V).sum())
        grad_W = A.T @ ((R @ V.T) * (H > 0)) + beta * W
        return value, np.concatenate([grad_W.ravel(), (H.T @ R + beta * V).ravel(), R.sum(axis=0)])

    start = np.concatenate([0.3 * rng.standard_normal(m * (d + K)), np.zeros(K)])
    return minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 3000, "maxfun": 10**5}).fun


def test_objective_is_that_of_the_vector_output_network():
    X, Y = two_targets()
    model = ConvexReLURegressor(0.02, shared_units=True, tol=1e-3, random_state=0).fit(X, Y)
    (W1, W2), (b1, b2) = model.coefs_, model.intercepts_
    F = np.maximum(X @ W1 + b1, 0.0) @ W2 + b2
    penalty = 0.5 * 0.02 * sum(np.square(a).sum() for a in (W1, b1, W2))
    assert model.objective_ == pytest.approx(0.5 * np.square(F - Y).sum(axis=1).mean() + penalty, rel=1e-9)
    np.testing.assert_allclose(model.predict(X), F, rtol=1e-12)
    assert (np.abs(W2) > 1e-3).all(axis=1).any()  # some unit feeds both


def test_no_network_trained_by_descent_is_better():
    X, Y = two_targets()
    model = ConvexReLURegressor(0.02, shared_units=True, tol=1e-3, random_state=0).fit(X, Y)
    rivals = [vector_network(X, Y, 0.02, 100, seed) for seed in range(4)]
    assert model.objective_ <= min(rivals) * (1 + 1e-6)
    assert model.certificate_.gap_searched <= 1e-3
    assert model.certificate_.lower_bound_searched <= min(rivals)
    assert model.certificate_.lower_bound_solved <= model.certificate_.lower_bound_searched * (1 + 1e-9)


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_sharing_is_never_worse_for_classes(load):
    X, y = load(return_X_y=True)
    X = scale(X)
    apart = ConvexReLUClassifier(3e-3, tol=1e-3, random_state=0).fit(X, y)
    shared = ConvexReLUClassifier(3e-3, tol=1e-3, random_state=0, shared_units=True).fit(X, y)
    assert shared.objective_ < apart.objective_
    assert shared.certificate_.gap_searched <= 1e-3
    assert shared.certificate_.recall >= 0.5
    assert shared.score(X, y) > 0.95


@pytest.mark.parametrize("loss", ["hinge", "squared_error"])
def test_other_losses(loss):
    X, y = load_iris(return_X_y=True)
    X = scale(X)
    shared = ConvexReLUClassifier(1e-2, loss=loss, tol=1e-2, random_state=0, shared_units=True).fit(X, y)
    apart = ConvexReLUClassifier(1e-2, loss=loss, tol=1e-2, random_state=0).fit(X, y)
    assert shared.objective_ < apart.objective_
    assert shared.certificate_.gap_searched <= 2e-2


def test_one_output_has_nothing_to_share():
    X, y = regression_data()
    one = ConvexReLURegressor(0.02, tol=1e-3, random_state=0).fit(X, y)
    two = ConvexReLURegressor(0.02, tol=1e-3, random_state=0, shared_units=True).fit(X, y)
    np.testing.assert_array_equal(one.convex_coef_, two.convex_coef_)


def test_certify_and_warm_start():
    X, Y = two_targets()
    model = ConvexReLURegressor(0.02, shared_units=True, tol=1e-3, random_state=0, warm_start=True).fit(X, Y)
    before = model.objective_
    sharper = model.certify(X, Y)
    assert sharper.objective <= before * (1 + 1e-12)
    assert sharper.recall >= model.certificate_.recall
    model.fit(X, Y)
    assert model.objective_ <= before * (1 + 1e-3)
    with pytest.raises(ValueError, match="exact"):
        model.certify(X, Y, method="exact")


def test_same_model_whatever_n_jobs():
    X, Y = two_targets()
    one, two = (
        ConvexReLURegressor(0.02, shared_units=True, tol=1e-2, random_state=0, n_jobs=n).fit(X, Y) for n in (1, 2)
    )
    np.testing.assert_array_equal(one.convex_coef_, two.convex_coef_)
    assert one.certificate_ == two.certificate_


@pytest.mark.parametrize("params", [{"refine": False}, {"activation": "gated_relu"}])
def test_needs_the_search(params):
    X, Y = two_targets()
    with pytest.raises(ValueError, match="shared_units"):
        ConvexReLURegressor(shared_units=True, **params).fit(X, Y)


def test_hard_margin_is_refused():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="shared_units"):
        ConvexReLUClassifier(loss="hard_margin", shared_units=True).fit(X, y)


@pytest.mark.parametrize("kind", ["squared_error-3", "log_loss-3", "codes-3"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_gradient_of_the_shared_network(kind, fit_intercept):
    program = make_program(kind, fit_intercept=fit_intercept)
    rng = np.random.default_rng(0)
    V = rng.standard_normal((5, 3))
    units = Units(0.1 * rng.standard_normal((5, program.X.shape[1])), V / np.linalg.norm(V, axis=1)[:, None])
    shared = _Shared(program, units.directions, np.float64)
    z = shared.pack(units)
    assert shared(z)[0] * shared.unit == pytest.approx(units.objective(program), rel=1e-10)
    back = shared.unpack(z)
    np.testing.assert_allclose(back.coef, units.coef, atol=1e-12)
    np.testing.assert_allclose(back.directions, units.directions, atol=1e-12)
    z = z + 0.1
    np.testing.assert_allclose(shared(z)[1], approx_fprime(z, lambda z: shared(z)[0], 1e-7), rtol=1e-4, atol=1e-6)


def test_pricing_finds_the_largest_price_of_a_grid():
    """In two dimensions all unit vectors can be tried."""
    program = make_program("squared_error-3", d=2, fit_intercept=False)
    from dataclasses import replace

    program = replace(program, shared=True)
    dual = program.zero_dual()
    angles = np.linspace(0.0, 2.0 * np.pi, 20_001)
    grid = np.column_stack([np.cos(angles), np.sin(angles)])
    expected = np.linalg.norm(np.maximum(grid @ program.X.T, 0.0) @ dual, axis=1).max()
    found = search_violators(
        program, dual, no_units(program), np.random.RandomState(0), n_starts=50, level=program.beta, policy=DEFAULT
    )
    assert found.largest == pytest.approx(expected, rel=1e-4)
    directions, prices = best_directions(program.X, dual, found.violators.coef)
    np.testing.assert_allclose(directions, found.violators.directions, atol=1e-6)
    assert prices[0] == pytest.approx(found.largest)


def test_spectral_price_bounds_all_units_of_the_patterns():
    program = make_program("squared_error-3", n_gates=4)
    dual = program.zero_dual()
    bound = program.spectral_price(dual)
    U = np.random.default_rng(0).standard_normal((2000, program.X.shape[1]))
    known = {row.tobytes() for row in program.patterns}
    inside = np.array([row.tobytes() in known for row in (U @ program.X.T >= 0)])
    assert inside.any()
    assert best_directions(program.X, dual, U[inside])[1].max() <= bound


def test_the_last_program_is_no_worse_than_the_rounds():
    X, y = load_wine(return_X_y=True)
    model = ConvexReLUClassifier(3e-3, tol=1e-2, random_state=0, shared_units=True).fit(scale(X), y)
    assert model.objective_ <= model.objectives_[-1] * (1 + 1e-12)
    assert (np.diff(model.objectives_) <= 1e-12).all()


def test_a_huge_penalty_leaves_the_constant():
    X, Y = two_targets()
    model = ConvexReLURegressor(1e3, shared_units=True, random_state=0).fit(X, Y)
    assert not len(model.convex_coef_)
    np.testing.assert_allclose(model.predict(X), np.tile(Y.mean(axis=0), (len(Y), 1)))
    assert model.dual_gap_ <= 1e-12
