"""The two landscapes of one unit: equal minima, found by brute force."""

import numpy as np
import pytest

from skconvrelu import ConvexReLURegressor
from skconvrelu.theory import landscape_1d


@pytest.mark.parametrize("beta", [0.05, 0.4, 1.0, 1.9, 2.0, 3.0])
def test_both_have_the_minimum_that_is_told(beta):
    landscape = landscape_1d(beta)
    grid = np.linspace(-1.5, 1.5, 1501)
    u, a = np.meshgrid(grid, grid)
    nonconvex, convex = landscape.nonconvex(u, a), landscape.convex(u, a)
    assert nonconvex.min() == pytest.approx(landscape.minimum, abs=1e-5)
    assert convex.min() == pytest.approx(landscape.minimum, abs=1e-5)
    assert nonconvex.min() >= landscape.minimum - 1e-12
    assert convex.min() >= landscape.minimum - 1e-12
    np.testing.assert_allclose(
        landscape.nonconvex(*map(np.array, landscape.minimiser())), landscape.minimum, atol=1e-14
    )
    np.testing.assert_allclose(
        landscape.convex(np.array(landscape.product), np.array(0.0)), landscape.minimum, atol=1e-14
    )


def test_only_one_of_them_is_convex():
    landscape, rng = landscape_1d(0.4), np.random.default_rng(0)
    p, q = rng.uniform(0.0, 1.5, size=(2, 1000, 2))
    middle = 0.5 * (p + q)
    for value, is_convex in ((landscape.convex, True), (landscape.nonconvex, False)):
        excess = value(*middle.T) - 0.5 * (value(*p.T) + value(*q.T))
        assert (excess <= 1e-12).all() == is_convex


def test_it_is_the_estimators_problem_on_one_sample():
    """(1 - f)^2 is twice the estimator's loss, so its beta is half of this one."""
    model = ConvexReLURegressor(0.2, fit_intercept=False, arrangements="exact", tol=1e-10).fit([[1.0]], [1.0])
    assert 2.0 * model.objective_ == pytest.approx(landscape_1d(0.4).minimum, rel=1e-8)


@pytest.mark.parametrize("beta", [0.0, -1.0, np.inf, np.nan])
def test_refusals(beta):
    with pytest.raises(ValueError, match="beta"):
        landscape_1d(beta)


def test_beta_is_a_number():
    with pytest.raises(ValueError, match="beta must be a finite number"):
        landscape_1d("a")
