"""Projections on arrangement cones against bounded least squares."""

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from skconvrelu.cones import project


def exact_norms(X, patterns, V):
    """``min_{rho >= 0} ||v + X'(2D - I) rho||``, one active-set solve a cone."""
    # scipy's nnls, the obvious choice, is wrong on some of these in 1.15 (a smaller residual exists)
    costs = [
        lsq_linear((np.where(p, 1.0, -1.0)[:, None] * X).T, -v, bounds=(0.0, np.inf), method="bvls", tol=1e-15).cost
        for p, v in zip(patterns, V, strict=True)
    ]
    return np.sqrt(2.0 * np.array(costs))


def problem(n, d, count, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    patterns = (X @ rng.standard_normal((d, count)) >= 0).T
    return X, patterns, rng.standard_normal((count, d)) * rng.uniform(0.01, 100.0, (count, 1))


@pytest.mark.parametrize(("n", "d"), [(40, 3), (60, 8), (5, 9), (1, 1)])
def test_bounds_meet_at_the_exact_projection(n, d):
    X, patterns, V = problem(n, d, 40, n + d)
    found = project(X, patterns, V)
    exact = exact_norms(X, patterns, V)
    scale = np.linalg.norm(V, axis=1)
    assert (found.upper >= exact - 1e-9 * scale).all()
    assert (found.lower <= exact + 1e-9 * scale).all()
    np.testing.assert_allclose(found.upper / scale, exact / scale, atol=1e-7)


def test_points_are_feasible_and_reach_the_lower_bound():
    X, patterns, V = problem(50, 5, 60, 1)
    found = project(X, patterns, V)
    hit = found.lower > 0
    assert hit.any()
    U = found.points[hit]
    assert (np.where(patterns[hit], 1.0, -1.0) * (U @ X.T)).min() >= 0.0
    np.testing.assert_allclose((U * V[hit]).sum(axis=1) / np.linalg.norm(U, axis=1), found.lower[hit], rtol=1e-12)


def test_level_answers_the_question_it_was_asked():
    X, patterns, V = problem(50, 5, 80, 2)
    exact = exact_norms(X, patterns, V)
    level = float(np.median(exact[exact > 1e-6]))
    found = project(X, patterns, V, level=level)
    assert (found.upper >= exact * (1 - 1e-9)).all()
    above = exact > level * 1.001
    assert (found.upper[~above & (exact < level * 0.999)] <= level).all()
    assert (found.upper[above] > level).all()


def test_zero_rows_duplicates_and_empty_cones():
    """A row of zeros constrains nothing; contradictory signs on equal rows leave the cone {x'u = 0}."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((6, 3))
    X = np.vstack([np.zeros(3), x, x])
    patterns = np.array([[True] * 13, [True] * 7 + [False] * 6])
    V = rng.standard_normal((2, 3))
    found = project(X, patterns, V)
    exact = exact_norms(X, patterns, V)
    assert exact[1] == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(found.upper, exact, atol=1e-6)


def test_iteration_limit_leaves_valid_bounds():
    X, patterns, V = problem(40, 4, 30, 4)
    exact = exact_norms(X, patterns, V)
    for max_iter in (1, 3, 6):
        found = project(X, patterns, V, max_iter=max_iter)
        assert (found.upper >= exact * (1 - 1e-12)).all()
        assert (found.lower <= exact + 1e-12).all()


@pytest.mark.filterwarnings("error")
def test_rows_whose_squares_underflow_are_constraints_like_others():
    X, patterns, V = problem(20, 3, 10, 6)
    tiny = X * np.where(np.arange(20) % 2 == 0, 1.0, 1e-165)[:, None]
    scale = np.linalg.norm(V, axis=1)
    np.testing.assert_allclose(project(tiny, patterns, V).upper / scale, exact_norms(X, patterns, V) / scale, atol=1e-7)
