"""The rectified ellipsoid: support function and polar set by sampling and enumeration, spikes and membership by conic programs."""

import numpy as np
import pytest
from scipy.optimize import minimize

from skconvrelu.arrangements import enumerate_arrangements
from skconvrelu.theory import RectifiedEllipsoid, max_margin, rectified_ellipsoid, support_function


def data(seed=0, n=6, d=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=n) * np.where(np.arange(n) % 2, 1.0, -1.0) + 0.5


@pytest.mark.parametrize("method", ["exact", "search"])
@pytest.mark.parametrize(("n", "d"), [(3, 2), (8, 2), (10, 3), (4, 6)])
def test_support_function_is_the_maximum_over_all_cones(n, d, method):
    """Each pattern's part is a projection on its cone, by an optimiser that knows nothing of cones' geometry."""
    X, dual = data(n, n, d)
    largest = 0.0
    for on in enumerate_arrangements(X, full_dimensional=True).T:
        C, v = (2.0 * on - 1.0)[:, None] * X, X.T @ (on * dual)
        best = minimize(
            lambda u, v=v: (0.5 * (u - v) @ (u - v), u - v), np.zeros(d), jac=True, method="SLSQP",
            constraints=[{"type": "ineq", "fun": lambda u, C=C: C @ u, "jac": lambda u, C=C: C}], options={"ftol": 1e-14},
        )  # fmt: skip
        largest = max(largest, float(np.linalg.norm(best.x)))
    found = support_function(X, dual, method=method, random_state=0)
    assert found.value == pytest.approx(largest, rel=1e-5)
    assert dual @ np.maximum(X @ found.unit, 0.0) == pytest.approx(found.value, rel=1e-12)
    assert np.linalg.norm(found.unit) == pytest.approx(1.0)
    if method == "exact":
        assert found.value <= found.upper <= found.value * (1 + 1e-6)


def test_points_lie_in_the_set_and_below_the_support_function():
    X, dual = data()
    Q = rectified_ellipsoid(X)
    points = Q.points(300, random_state=0)
    assert (points @ dual).max() <= Q.support(dual).value * (1 + 1e-9)
    assert (points @ dual).max() >= 0.99 * Q.support(dual).value
    assert all(Q.contains(z) for z in points[:50])
    outside = 1.01 * points[:50][points[:50].max(axis=1) > 0]
    sizes = np.array([np.linalg.norm(Q.preimage(z)) for z in outside])
    # the shortest preimage may be shorter than the vector a point was made from, never longer
    assert (sizes <= 1.01 + 1e-9).all()
    assert not all(Q.contains(z) for z in outside)
    inside = Q.points(50, boundary=False, random_state=1)
    assert all(Q.contains(z) for z in inside)


@pytest.mark.parametrize("seed", range(4))
def test_preimage_is_the_shortest(seed):
    cp = pytest.importorskip("cvxpy")
    pytest.importorskip("clarabel")
    X, _ = data(seed, 4, 5)
    Q = rectified_ellipsoid(X)
    z = Q.points(1, random_state=seed)[0]
    u = cp.Variable(5)
    on = z > 0
    constraints = ([X[on] @ u == z[on]] if on.any() else []) + ([X[~on] @ u <= 0] if (~on).any() else [])
    problem = cp.Problem(cp.Minimize(cp.norm(u)), constraints)
    assert np.linalg.norm(Q.preimage(z)) == pytest.approx(problem.solve(solver=cp.CLARABEL), rel=1e-6, abs=1e-8)
    np.testing.assert_allclose(np.maximum(X @ Q.preimage(z), 0.0), z, atol=1e-9)


def test_points_without_preimage():
    Q = rectified_ellipsoid(np.array([[1.0, 0.0], [-1.0, 0.0], [2.0, 0.0]]))
    assert Q.preimage([1.0, 0.0, 2.0]) is not None
    assert Q.preimage([1.0, 1.0, 2.0]) is None  # x and -x are never on together
    assert Q.preimage([0.0, 0.0, 1.0]) is None  # the third is on with the first
    assert Q.preimage([-1.0, 0.0, 0.0]) is None
    assert not Q.contains([1.0, 1.0, 0.0])


@pytest.mark.parametrize("seed", range(4))
def test_spikes_are_the_largest_activations_of_one_sample_alone(seed):
    X, _ = data(seed, 3, 2)
    spikes = rectified_ellipsoid(X).spikes()
    angles = np.linspace(0.0, 2 * np.pi, 200_001)
    hidden = np.maximum(X @ np.array([np.cos(angles), np.sin(angles)]), 0.0)
    for i in range(3):
        alone = (np.delete(hidden, i, axis=0) <= 1e-12).all(axis=0)
        best = hidden[i, alone].max(initial=0.0)
        np.testing.assert_allclose(spikes[i], best * np.eye(3)[i], atol=1e-4)
        if best > 0:
            assert rectified_ellipsoid(X).contains(spikes[i])
            assert not rectified_ellipsoid(X).contains(1.001 * spikes[i])


def test_spikes_are_extreme_points():
    """Some linear function is larger at a spike than at any other point of the set: the hull's support there is attained by it alone."""
    X = np.array([[1.0, 0.0], [-0.5, 0.9], [-0.5, -0.9]])
    Q = rectified_ellipsoid(X)
    for spike in Q.spikes():
        direction = np.where(spike > 0, 1.0, -10.0)
        assert Q.support(direction).value == pytest.approx(spike.max(), rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_polar_set_is_dual_feasibility(seed):
    X, dual = data(seed)
    Q = rectified_ellipsoid(X)
    size = Q.gauge(dual)
    hidden = np.maximum(Q.points(5000, random_state=0), 0.0)
    assert np.abs(hidden @ dual).max() <= size * (1 + 1e-9)
    for method in ("exact", "search"):
        assert Q.in_polar_set(0.999 * dual / size, method=method)
        assert not Q.in_polar_set(1.001 * dual / size, method=method)


def test_multipliers_of_the_max_margin_program_lie_on_the_boundary_of_the_polar_set():
    X, _ = data(0, 6, 2)
    y = np.where(np.abs(X[:, 0]) > 0.6, 1, -1)
    found = max_margin(X, y)
    Q = rectified_ellipsoid(X)
    assert Q.in_polar_set(found.dual_coef, tol=1e-5)
    assert Q.gauge(found.dual_coef) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda X: support_function(X, np.ones(2)), "dual_coef"),
        (lambda X: support_function(X, np.ones(6), method="guess"), "method"),
        (lambda X: rectified_ellipsoid(X).contains(np.ones(5)), "coordinates"),
        (lambda X: rectified_ellipsoid(X * np.nan), "NaN"),
    ],
)
def test_refusals(act, message):
    with pytest.raises(ValueError, match=message):
        act(data()[0])


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_preimages_do_not_depend_on_units(scale):
    X = np.random.default_rng(0).standard_normal((5, 3))
    Q, scaled = rectified_ellipsoid(X), rectified_ellipsoid(scale * X)
    for z in Q.points(20, random_state=0):
        np.testing.assert_allclose(scaled.preimage(scale * z), Q.preimage(z), atol=1e-9)
        assert scaled.contains(scale * z)
        assert scaled.contains(1.01 * scale * z) == Q.contains(1.01 * z)
    assert not all(Q.contains(1.01 * z) for z in Q.points(20, random_state=0))


def test_points_that_are_none_are_refused():
    Q = rectified_ellipsoid(np.eye(2))
    for act in (Q.contains, Q.preimage, Q.in_polar_set, Q.gauge):
        with pytest.raises(ValueError, match="finite"):
            act([np.nan, 0.0])
    with pytest.raises(ValueError, match="NaN"):
        RectifiedEllipsoid(np.full((2, 2), np.nan))


@pytest.mark.parametrize("offset", [0.0, 1e2, 1e4, 1e5])
def test_points_of_the_set_lie_in_it_however_parallel_the_samples(offset):
    rng = np.random.default_rng(0)
    Q = rectified_ellipsoid(np.c_[offset + rng.normal(size=12), np.ones(12)])
    points = Q.points(100, random_state=0)
    assert all(Q.contains(z) for z in points)
    largest = max(points, key=np.linalg.norm)
    assert not Q.contains(1.001 * largest)


def test_max_times_are_times():
    with pytest.raises(ValueError, match="max_time must be None or a nonnegative number"):
        support_function([[3.0, 4.0]], [1.0], max_time="a")
