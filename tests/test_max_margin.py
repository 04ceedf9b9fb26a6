"""Max margin: the convex program and its dual against a conic solver, KKT points and what their multipliers prove."""

import warnings

import numpy as np
import pytest
from scipy.optimize import linprog
from sklearn.exceptions import ConvergenceWarning

from skconvrelu.arrangements import enumerate_arrangements, exact_gates
from skconvrelu.network import TwoLayerReLU
from skconvrelu.theory import balanced_network, gradient_flow, max_margin, nonconvex_kkt


def data(seed=0, n=8, d=2):
    """Separable by a network, not orthogonally."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    return X, np.where(np.abs(X[:, 0]) > 0.6, 1, -1)


@pytest.mark.parametrize("seed", range(3))
def test_primal_and_dual_match_a_conic_solver(seed):
    """The dual, max y' lambda over ``max_u |lambda' (X u)_+| <= 1``, is written with a multiplier a cone: no duality of ours is used."""
    cp = pytest.importorskip("cvxpy")
    pytest.importorskip("clarabel")
    X, y = data(seed)
    found = max_margin(X, y)
    patterns = enumerate_arrangements(X, full_dimensional=True).T
    fit, norms, constraints = 0, 0, []
    dual, dual_constraints = cp.Variable(len(y)), []
    for on in patterns:
        C = (2.0 * on - 1.0)[:, None] * X
        for sign in (1.0, -1.0):
            u, rho = cp.Variable(X.shape[1]), cp.Variable(len(y), nonneg=True)
            fit, norms = fit + sign * (on[:, None] * X) @ u, norms + cp.norm(u)
            constraints.append(C @ u >= 0)
            dual_constraints.append(cp.norm(sign * (on[:, None] * X).T @ dual + C.T @ rho) <= 1)
    primal = cp.Problem(cp.Minimize(norms), [*constraints, cp.multiply(y, fit) >= 1])
    best = cp.Problem(cp.Maximize(y @ dual), [*dual_constraints, cp.multiply(y, dual) >= 0])
    assert found.value == pytest.approx(primal.solve(solver=cp.CLARABEL), rel=1e-5)
    assert found.dual_value == pytest.approx(best.solve(solver=cp.CLARABEL), rel=1e-5)
    assert y @ found.dual_coef == pytest.approx(found.dual_value, rel=1e-5)
    assert (y * found.dual_coef >= -1e-9).all()
    assert (y * found.network.predict(X)).min() == pytest.approx(1.0, abs=1e-6)
    assert found.network.penalty() == pytest.approx(found.value, rel=1e-9)


def test_all_ways_to_the_arrangements_agree():
    X, y = data()
    exact = max_margin(X, y)
    assert max_margin(X, y, arrangements="search", random_state=0, tol=1e-5).value == pytest.approx(
        exact.value, rel=1e-4
    )
    assert max_margin(X, y, arrangements=exact_gates(X)).value == pytest.approx(exact.value, rel=1e-5)
    assert exact.lower_bound_proven == pytest.approx(exact.value, rel=1e-5)
    some = exact_gates(X)[:, ::2]
    assert max_margin(X, y, arrangements=some).value > exact.value * 1.01


@pytest.mark.parametrize("seed", range(3))
def test_the_convex_optimum_is_a_kkt_point_and_certified(seed):
    X, y = data(seed)
    found = max_margin(X, y, tol=1e-7)
    for method in ("search", "exact"):
        kkt = nonconvex_kkt(found.network, X, y, method=method, kink_tol=1e-4, tol=5e-3)
        assert kkt.is_kkt
        assert kkt.is_optimal
        assert kkt.value == pytest.approx(found.value, rel=1e-5)
        assert kkt.lower_bound == pytest.approx(found.value, rel=1e-2)
        assert (kkt.price_bound is None) == (method == "search")


@pytest.mark.parametrize("seed", range(6))
def test_defaults_agree_that_an_optimum_is_one(seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((6 + seed, 2))
    y = np.where(X[:, 0] + 0.3 * rng.standard_normal(len(X)) > 0.0, 1, -1)
    kkt = nonconvex_kkt(max_margin(X, y).network, X, y)
    assert kkt.is_kkt
    assert kkt.is_optimal


def test_multipliers_satisfy_the_conditions_written_out():
    X, y = data(0)
    W, w = (network := max_margin(X, y, tol=1e-7).network).hidden_weights, network.output_weights[:, 0]
    kkt = nonconvex_kkt(network, X, y, kink_tol=1e-4)
    pull = kkt.dual_coef @ np.maximum(X @ W, 0.0)
    np.testing.assert_allclose(pull, w, atol=1e-2 * np.abs(w).max())
    np.testing.assert_allclose(kkt.dual_coef * (y * network.predict(X) - 1.0), 0.0, atol=1e-2)
    # off the hyperplanes, each hidden vector is w2 X' D lambda
    clear = np.flatnonzero((np.abs(X @ W) > 1e-3 * np.linalg.norm(W, axis=0)).all(axis=0))
    for j in clear:
        np.testing.assert_allclose(
            w[j] * X.T @ ((X @ W[:, j] > 0) * kkt.dual_coef), W[:, j], atol=1e-2 * np.abs(W).max()
        )


def test_a_network_off_its_kkt_point_is_told():
    X, y = data(0)
    network = max_margin(X, y).network
    rng = np.random.default_rng(0)
    moved = TwoLayerReLU(
        network.hidden_weights + 0.05 * rng.normal(size=network.hidden_weights.shape), network.hidden_biases,
        network.output_weights, network.output_biases,
    )  # fmt: skip
    kkt = nonconvex_kkt(moved, X, y, kink_tol=1e-4, tol=5e-3)
    assert not kkt.is_kkt
    assert not kkt.is_optimal
    assert kkt.lower_bound <= max_margin(X, y).value * (1 + 1e-5)


def counterexample():
    """Four samples and ten units whose gradient flow ends in a KKT point that is not the global optimum."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(4, 2))
    return X, np.where(rng.uniform(size=4) > 0.5, 1, -1), balanced_network(2, 10, 1e-3, random_state=5)


def test_kkt_points_need_not_be_optimal_and_their_multipliers_say_so():
    X, y, start = counterexample()
    flow = gradient_flow(X, y, start, duration=100.0, min_log_loss=-3000.0)
    kkt = nonconvex_kkt(flow.network(), X, y, method="exact", kink_tol=1e-3)
    best = max_margin(X, y)
    assert kkt.is_kkt
    assert not kkt.is_optimal
    assert kkt.price > 1.05
    assert kkt.value > 1.02 * best.value
    assert kkt.lower_bound <= best.value * (1 + 1e-6)


def test_lower_bound_holds_for_any_separating_network():
    """Whatever the multipliers, divided by their price they are dual feasible: weak duality."""
    X, y = data(1)
    best = max_margin(X, y).value
    for seed in range(5):
        rng = np.random.default_rng(seed)
        # random features and output weights that separate, from a linear program
        W = rng.normal(size=(2, 40))
        hidden = np.maximum(X @ W, 0.0)
        w = linprog(np.zeros(40), A_ub=-y[:, None] * hidden, b_ub=-np.ones(len(y)), bounds=(None, None)).x
        kkt = nonconvex_kkt(TwoLayerReLU(W, np.zeros(40), w[:, None], np.zeros(1)), X, y, method="exact")
        assert kkt.lower_bound <= best * (1 + 1e-6) <= kkt.value * (1 + 2e-6)


@pytest.mark.parametrize(
    ("network", "y", "message"),
    [
        (TwoLayerReLU(np.eye(2), np.zeros(2), np.ones((2, 1)), np.ones(1)), [1, -1], "biases"),
        (TwoLayerReLU(np.eye(2), np.zeros(2), np.ones((2, 2)), np.zeros(2)), [1, -1], "one output"),
        (TwoLayerReLU(np.eye(2), np.zeros(2), np.ones((2, 1)), np.zeros(1)), [1, -1], "does not separate"),
        (TwoLayerReLU(np.eye(2), np.zeros(2), np.ones((2, 1)), np.zeros(1)), [1, 1], "one of two labels"),
    ],
)
def test_refusals(network, y, message):
    with pytest.raises(ValueError, match=message):
        nonconvex_kkt(network, np.eye(2), y)


def kinked(slope, height=0.0):
    """A network whose first unit has a sample on its hyperplane; the derivative there would have to be ``-slope``."""
    X = np.array([[slope, 1.0], [1.0, height], [0.0, -1.0]])
    W = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, -1.0]])
    return TwoLayerReLU(W, np.zeros(3), np.array([[1.0], [1.0], [-1.0]]), np.zeros(1)), X, [1, 1, -1]


def test_derivatives_on_a_kink_are_at_most_one():
    assert nonconvex_kkt(*kinked(-0.5)).is_kkt
    assert nonconvex_kkt(*kinked(-1.0)).is_kkt
    assert nonconvex_kkt(*kinked(-2.0)).residual > 0.1


def test_samples_near_a_hyperplane_do_not_lie_on_it():
    assert nonconvex_kkt(*kinked(-0.5, 5e-4), kink_tol=1e-3).is_kkt
    assert nonconvex_kkt(*kinked(-0.5, 5e-4)).residual > 0.1


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4, 1e8])
def test_verdicts_do_not_depend_on_the_units_of_the_features(scale):
    """A network off the optimum by a unit that one sample does not need, and the optimum."""
    X, y = scale * np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]), [1, 1, -1]
    for size, optimal in ((np.sqrt(3.0), False), (1.0, True)):
        W = np.array([[1.0, -size, 0.0], [0.0, 0.0, 1.0]]) / np.sqrt(scale)
        w = np.array([[1.0], [size], [-1.0]]) / np.sqrt(scale)
        found = nonconvex_kkt(TwoLayerReLU(W, np.zeros(3), w, np.zeros(1)), X, y, method="exact")
        assert found.is_kkt is optimal
        assert found.is_optimal is optimal
        assert found.value * scale == pytest.approx(3.0 if optimal else 5.0)


@pytest.mark.filterwarnings("ignore:X. its columns:UserWarning")
def test_margins_far_from_the_origin_are_found():
    X = np.c_[np.arange(4.0) + 2000.0, np.ones(4)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = max_margin(X, [-1, 1, 1, 1])
    assert found.value == pytest.approx(4001.0, rel=1e-5)  # one unit along (2, -4001) and its negative
    assert (np.array([-1, 1, 1, 1]) * found.network.predict(X)).min() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[1.0], [2.0]], "2 samples lie on one ray"),
        ([[1e-200], [2e-200]], "2 samples lie on one ray"),
        ([[1e200, 1e200], [2e200, 2e200]], "2 samples lie on one ray"),
        ([[0.0], [2.0]], r"1 sample\(s\) are zero"),
    ],
)
def test_what_no_network_separates_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        max_margin(X, [1, -1])


def test_gates_that_do_not_separate_are_told_apart_from_that():
    X = [[1.0, 0.0], [-1.0, 0.1], [0.0, 1.0], [0.3, -1.0]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        with pytest.raises(ValueError, match="no separating network was found over these arrangements"):
            max_margin(X, [1, 1, -1, -1], arrangements=np.array([[1.0], [0.0]]))


def test_only_networks_have_kkt_conditions():
    X, y = [[1.0], [-2.0]], [1, -1]
    with pytest.raises(TypeError, match=r"network must be a TwoLayerReLU.*got MaxMargin"):
        nonconvex_kkt(max_margin(X, y), X, y)
