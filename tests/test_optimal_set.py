"""All global optima: against perturbed conic programs, cases known by hand, and the networks' own objectives."""

import warnings
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import nnls
from sklearn.exceptions import ConvergenceWarning

from skconvrelu.arrangements import enumerate_arrangements
from skconvrelu.theory import optimal_set


def data(seed, n=10, d=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=n)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("loss", "fit_intercept"),
    [
        ("squared_error", True),
        ("squared_error", False),
        ("log_loss", True),
        ("squared_error_on_classes", False),
        ("poisson", True),
    ],
)
def test_every_member_is_optimal(seed, loss, fit_intercept):
    X, y = data(seed)
    y = {"squared_error": y, "poisson": np.abs(y)}.get(loss, y > 0.0)
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    beta = 3e-3
    optima = optimal_set(X, y, beta=beta, loss=loss, fit_intercept=fit_intercept, sample_weight=weights)
    assert optima.lower_bound <= optima.objective <= optima.lower_bound + 1e-8 * abs(optima.lower_bound)
    fewest = optima.fewest_units()
    for alpha in (optima.alpha, optima.member(0), optima.member(1), optima.extreme(2), fewest):
        network = optima.network(alpha)
        value = network.objective(X, y, beta=beta, loss=loss, sample_weight=weights)
        assert value == pytest.approx(optima.objective, rel=1e-8)
        np.testing.assert_allclose(network.outputs(X), optima.fit, atol=1e-7)
        assert (alpha[~optima.possible] <= 1e-6 * alpha.sum()).all()
    assert (fewest > 0).sum() <= (optima.extreme(3) > 0).sum() <= len(X) + 1


@pytest.mark.parametrize("seed", [0, 2, 3])
def test_other_optima_of_a_conic_solver_are_members(seed):
    """A random linear cost on the blocks picks optima of the convex program that the set was not built from."""
    cp = pytest.importorskip("cvxpy")
    pytest.importorskip("clarabel")
    X, y = data(seed)
    beta = 3e-3
    optima = optimal_set(X, y, beta=beta, fit_intercept=False)
    assert optima.dimension > 0
    patterns = enumerate_arrangements(X, full_dimensional=True).T
    rng = np.random.default_rng(seed)
    fit, norms, pull, constraints, blocks = 0, 0, 0, [], []
    for on in patterns:
        for sign in (1.0, -1.0):
            u = cp.Variable(2)
            fit = fit + sign * (on[:, None] * X) @ u
            norms = norms + cp.norm(u)
            pull = pull + rng.normal(size=2) @ u
            constraints.append(((2.0 * on - 1.0)[:, None] * X) @ u >= 0)
            blocks.append((u, sign))
    objective = cp.sum_squares(fit - y) / (2 * len(y)) + beta * norms
    ends = []
    for direction in (1.0, -1.0):
        problem = cp.Problem(cp.Minimize(objective / beta + 1e-4 * direction * pull), constraints)
        problem.solve(solver=cp.CLARABEL)
        ends.append(pull.value)
        for u, sign in blocks:
            size = np.linalg.norm(u.value)
            if size > 1e-2:
                cosine = (optima.units @ u.value) / size
                assert (cosine * (optima.directions[:, 0] * sign)).max() > 1.0 - 1e-3
    assert ends[1] - ends[0] > 0.1  # the set is no point


def test_extreme_members_span_the_ends_of_the_set():
    """The polytope's extent in a random direction is the one its vertices have: a linear program checked by sampling."""
    X, y = data(0)
    optima = optimal_set(X, y, beta=3e-3, fit_intercept=False)
    vertices = np.array([optima.extreme(seed) for seed in range(60)])
    distinct = np.unique(np.round(vertices, 6), axis=0)
    assert len(distinct) > optima.dimension
    centred = distinct - distinct.mean(axis=0)
    assert np.linalg.matrix_rank(centred, tol=1e-5) == optima.dimension
    contributions = np.maximum(X @ optima.units.T, 0.0) @ (optima.directions * vertices.T)
    np.testing.assert_allclose(contributions, np.repeat(optima.fit, 60, axis=1), atol=1e-6)


def test_unique_optimum_by_hand():
    """The targets |x| at -1, 0, 1 without biases: units +1 and -1 of scale 1 - 3 beta, since x' (y - f) / 3 = beta."""
    optima = optimal_set([[-1.0], [0.0], [1.0]], [1.0, 0.0, 1.0], beta=0.01, fit_intercept=False)
    assert optima.is_unique
    np.testing.assert_allclose(optima.alpha, [0.97, 0.97], atol=1e-8)
    np.testing.assert_allclose(np.sort(optima.units.ravel()), [-1.0, 1.0])


def test_one_unit_for_three_samples():
    """All three samples reach 1 along (1, 0): one unit, scaled down by the penalty, is the only optimum."""
    X = np.array([[1.0, 1.0], [1.0, -1.0], [1.0, 0.0]])
    optima = optimal_set(X, np.ones(3), beta=0.05, fit_intercept=False)
    assert optima.is_unique
    np.testing.assert_allclose(optima.units, [[1.0, 0.0]], atol=1e-7)
    np.testing.assert_allclose(optima.alpha, [0.95], atol=1e-8)


def test_above_beta_max_the_zero_network_is_all():
    X, y = data(1)
    optima = optimal_set(X, y, beta=100.0)
    assert optima.is_unique
    assert optima.network().n_hidden == 0
    assert optima.objective == pytest.approx(0.5 * np.var(y), rel=1e-9)
    assert optima.fewest_units().shape == (0,)


def test_given_patterns_restrict_the_set():
    X, y = data(0)
    patterns = enumerate_arrangements(X, full_dimensional=True)
    few = optimal_set(X, y, beta=3e-3, fit_intercept=False, arrangements=patterns[:, :4])
    every = optimal_set(X, y, beta=3e-3, fit_intercept=False)
    assert few.objective > every.objective * 1.01
    assert ((X @ few.units.T > 1e-9).T[:, None] == patterns[:, :4].T).all(axis=2).any(axis=1).all()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"loss": "absolute_error"}, "not strictly convex"),
        ({"loss": "nonsense"}, "loss must be one of"),
        ({"beta": 0.0}, "beta"),
        ({"arrangements": "some"}, "arrangements must be"),
        ({"arrangements": np.ones((2, 3))}, "bool array"),
        ({"sample_weight": np.r_[0.0, np.ones(9)]}, "sample_weight"),
    ],
)
def test_refusals(bad, message):
    X, y = data(0)
    with pytest.raises(ValueError, match=message):
        optimal_set(X, y, **({"beta": 0.1} | bad))


def test_the_zero_network_is_its_only_member():
    X, y = data(0)
    optima = optimal_set(X, y, beta=1e3)
    for alpha in (optima.extreme(0), optima.member(0), optima.fewest_units()):
        assert alpha.shape == (0,)
        np.testing.assert_allclose(optima.network(alpha).predict(X), y.mean())


def test_members_are_checked():
    X, y = data(0)
    optima = optimal_set(X, y, beta=0.05)
    for alpha in (optima.alpha[:-1], -optima.alpha, np.nan * optima.alpha):
        with pytest.raises(ValueError, match="alpha must be"):
            optima.network(alpha)
    with pytest.raises(ValueError, match="n_vertices"):
        optima.member(n_vertices=0)


@pytest.mark.parametrize("offset", [0.0, 20.0, 2000.0])
@pytest.mark.parametrize("seed", [0, 2, 11])
def test_members_of_poorly_scaled_problems_are_optimal_too(seed, offset):
    """Far from the origin prices are known to few digits, and more units have to count as possibly active."""
    rng = np.random.default_rng(seed)
    n, beta = (12, 1e-4) if seed == 11 else (10, 3e-3)
    X = np.sort(rng.integers(0, 20, (n, 1)).astype(float), axis=0) + offset
    y = rng.normal(size=n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        optima = optimal_set(X, y, beta=beta)
    assert optima.lower_bound <= optima.objective <= optima.lower_bound * (1.0 + 1e-4)
    for alpha in (optima.alpha, optima.member(0), optima.extreme(0), optima.extreme(1), optima.fewest_units()):
        worse = optima.network(alpha).objective(X, y, beta=beta) - optima.objective
        assert abs(worse) <= max(1e-6 * optima.objective, optima.objective - optima.lower_bound)


def test_no_set_where_the_active_units_cannot_be_told():
    X = 1e-6 * np.random.default_rng(0).normal(size=(8, 2))
    y = np.random.default_rng(1).normal(size=8)
    with (
        pytest.warns(ConvergenceWarning, match="duality gap"),
        pytest.raises(ValueError, match="X: prices of units are not known"),
    ):
        optimal_set(X, y, beta=3e-9)


@pytest.mark.parametrize("seed", range(3))
def test_no_smaller_support_has_the_optimal_fit(seed):
    """Every subset of the units with one unit less than the fewest is tried."""
    X, y = data(seed, n=7)
    optima = optimal_set(X, y, beta=3e-3)
    fewest = int((optima.fewest_units() > 0.0).sum())
    active = np.einsum("nm,mk->nkm", np.maximum(np.c_[X, np.ones(7)] @ optima.units.T, 0.0), optima.directions)[:, 0]
    active, fit = active - active.mean(axis=0), optima.fit[:, 0] - optima.fit.mean()
    misfits = [
        nnls(active[:, list(some)], fit)[1] for some in combinations(range(len(optima.alpha)), max(fewest - 1, 0))
    ]
    assert len(misfits) >= 1
    assert min(misfits) > 1e-4 * np.linalg.norm(fit)
    some = np.flatnonzero(optima.fewest_units() > 0.0)
    assert nnls(active[:, some], fit)[1] < 1e-6 * np.linalg.norm(fit)
