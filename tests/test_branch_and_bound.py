"""Exact pricing against enumeration of all arrangement patterns, and bounds that hold wherever the search is stopped."""

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from skconvrelu.arrangements import exact_gates, patterns_of
from skconvrelu.cones import project
from skconvrelu.search import branch_and_bound
from skconvrelu.search.branch_and_bound import _first_cones, exact_price
from skconvrelu.search.convex_concave import climb, price


def brute_force(X, dual):
    """The largest ``||Proj_K(X' D lambda)||`` over all patterns: on K the price is linear.

    ``project`` is far from its answer on a few cones (those without much interior), so the largest of its upper bounds are
    replaced by an active-set solve, in falling order, until no other can be above.
    """
    if not X.any():
        return 0.0
    patterns = patterns_of(X, exact_gates(X))
    V = (patterns * dual) @ X
    uppers = project(X, patterns, V).upper
    best, slack = 0.0, 1e-10 * float(np.abs(dual) @ np.linalg.norm(X, axis=1))
    for k in np.argsort(-uppers):
        if uppers[k] <= best + slack:
            break
        A = (np.where(patterns[k], 1.0, -1.0)[:, None] * X).T
        scale = max(np.linalg.norm(V[k]), 1e-300)
        cost = lsq_linear(A, -V[k] / scale, bounds=(0.0, np.inf), method="bvls", tol=1e-15, max_iter=1000).cost
        best = max(best, scale * np.sqrt(2.0 * cost))
    return best


def tolerance(X, dual, best):
    return 1e-7 * max(best, 0.01 * float(np.abs(dual) @ np.linalg.norm(X, axis=1)))


def check(X, dual):
    best = brute_force(X, dual)
    found = exact_price(X, dual)
    assert found.proven
    rounding = 1e-9 * float(np.abs(dual) @ np.linalg.norm(X, axis=1))
    assert best - rounding <= found.upper <= best + tolerance(X, dual, best) + rounding
    assert best - tolerance(X, dual, best) - rounding <= found.lower <= best + rounding
    assert found.lower <= found.upper
    assert price(X, dual, found.unit[None])[0] == found.lower
    assert np.linalg.norm(found.unit) == pytest.approx(1.0) or not found.unit.any()


@pytest.mark.parametrize(("n", "r"), [(1, 1), (6, 1), (2, 2), (30, 2), (10, 3), (30, 3), (12, 4), (12, 5), (4, 6)])
@pytest.mark.parametrize("seed", range(5))
def test_gaussian_data(n, r, seed):
    rng = np.random.default_rng([n, r, seed])
    check(rng.standard_normal((n, r)), rng.standard_normal(n) * 10.0 ** rng.integers(-3, 4))


@pytest.mark.parametrize("seed", range(6))
def test_integer_data_with_ties(seed):
    """Repeated, parallel, opposite and zero rows, zero multipliers, and hyperplanes that meet in the same lines."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-1, 2, (14, 3)).astype(float)
    X[0], X[1], X[2], X[3] = 0.0, -2.0 * X[4], 3.0 * X[4], X[5]
    check(X, rng.integers(-2, 3, 14).astype(float))


@pytest.mark.parametrize("seed", range(4))
def test_constant_column_and_lost_rank(seed):
    rng = np.random.default_rng(seed)
    X = np.hstack([rng.standard_normal((20, 2)) + 3.0, np.ones((20, 1))])
    check(X, rng.standard_normal(20))
    check(X @ rng.standard_normal((3, 7)), rng.standard_normal(20))


@pytest.mark.parametrize("seed", range(4))
def test_residuals_that_sum_to_zero(seed):
    """Duals of a fit with intercept: the linear part of the price vanishes in the constant direction."""
    rng = np.random.default_rng(seed)
    X = np.hstack([rng.standard_normal((12, 3)), np.ones((12, 1))])
    dual = rng.standard_normal(12)
    check(X, dual - dual.mean())


def test_a_unit_that_is_known():
    """One positive sample: the price is its length times its multiplier, at the sample itself."""
    X = np.array([[3.0, 4.0], [0.0, 0.0]])
    found = exact_price(X, np.array([2.0, 5.0]))
    assert found.upper == pytest.approx(10.0, rel=1e-7)
    np.testing.assert_allclose(found.unit, [0.6, 0.8], atol=1e-6)


@pytest.mark.parametrize("dual", [-np.ones(6), np.zeros(6), -np.arange(6.0)])
def test_nothing_positive_has_maximum_zero(dual):
    X = np.random.default_rng(0).standard_normal((6, 3))
    found = exact_price(X, dual)
    assert (found.lower, found.proven) == (0.0, True)
    assert 0.0 <= found.upper <= 1e-14 * (np.abs(dual) @ np.linalg.norm(X, axis=1))
    assert not found.unit.any()


def test_cancelling_rows_have_maximum_zero():
    """Every positive sample is dominated by a longer negative one: the maximum is zero, but no bound says so at once."""
    X = np.random.default_rng(1).standard_normal((8, 3))
    dual = np.r_[np.ones(8), -np.ones(8)]
    found = exact_price(np.vstack([X, 1.5 * X]), dual)
    assert found.proven
    assert found.lower == 0.0
    assert not found.unit.any()
    found = exact_price(np.zeros((3, 2)), np.ones(3))
    assert found.upper == 0.0
    assert found.proven


@pytest.mark.parametrize("seed", range(3))
def test_upper_bound_is_valid_and_monotone_at_every_cut(seed):
    rng = np.random.default_rng(seed)
    X, dual = rng.standard_normal((30, 4)), rng.standard_normal(30)
    best = exact_price(X, dual).lower
    cuts = [exact_price(X, dual, max_nodes=k) for k in (0, 1, 5, 16, 17, 40, 100, 200, 400)]
    uppers = np.array([c.upper for c in cuts])
    assert (uppers >= best * (1.0 - 1e-12)).all()
    assert (np.diff(uppers) <= 1e-12 * best).all()
    assert [c.n_nodes for c in cuts[:5]] == [0, 1, 5, 16, 17]
    assert not cuts[0].proven
    assert cuts[-1].upper < cuts[0].upper


def test_deterministic():
    rng = np.random.default_rng(5)
    X, dual = rng.standard_normal((25, 4)), rng.standard_normal(25)
    first, second = exact_price(X, dual), exact_price(X, dual)
    assert (first.upper, first.lower, first.n_nodes) == (second.upper, second.lower, second.n_nodes)
    np.testing.assert_array_equal(first.unit, second.unit)


def test_level_answers_the_question_it_was_asked():
    rng = np.random.default_rng(6)
    X, dual = rng.standard_normal((40, 4)), rng.standard_normal(40)
    full = exact_price(X, dual)
    nothing = exact_price(X, dual, level=1.05 * full.lower)
    assert nothing.proven
    assert full.lower <= nothing.upper <= 1.05 * full.lower
    assert nothing.n_nodes < full.n_nodes
    something = exact_price(X, dual, level=0.9 * full.lower)
    assert something.lower > 0.9 * full.lower
    assert something.upper >= full.lower * (1.0 - 1e-12)
    assert something.n_nodes < full.n_nodes
    exactly = exact_price(X, dual, level=full.lower * (1.0 + 1e-6))
    assert exactly.proven


def test_starts_are_improved():
    rng = np.random.default_rng(7)
    X, dual = rng.standard_normal((60, 8)), rng.standard_normal(60)
    starts = rng.standard_normal((50, 8))
    found = exact_price(X, dual, starts=starts, max_nodes=0)
    # a climb ends within 1e-7 of its maximiser, and the coordinates of the proof are others
    assert found.lower >= price(X, dual, climb(X, dual, starts)).max() * (1.0 - 1e-7)


def test_no_time_and_high_rank_leave_a_valid_bound():
    rng = np.random.default_rng(8)
    X, dual = rng.standard_normal((200, 10)), rng.standard_normal(200)
    U = np.vstack([rng.standard_normal((20000, 10)), climb(X, dual, rng.standard_normal((200, 10)))])
    sampled = price(X, dual, U).max()
    positive = dual > 0.0
    trivial = dual[positive] @ np.linalg.norm(X[positive], axis=1)
    at_once = exact_price(X, dual, max_time=0.0)
    later = exact_price(X, dual, max_time=0.5)
    assert sampled <= later.upper <= at_once.upper <= trivial
    assert later.upper <= 1.7 * later.lower
    assert later.lower >= 0.95 * sampled
    assert not later.proven


@pytest.mark.parametrize(("n", "d"), [(60, 10), (30, 14), (50, 6)])
@pytest.mark.parametrize("seed", range(2))
def test_cones_of_high_rank_cover_the_sphere(n, d, seed):
    """Beyond eight coordinates the first cones come from a simplex; few positive samples keep the problem small."""
    rng = np.random.default_rng([seed, d])
    X, dual = rng.standard_normal((n, d)), -np.abs(rng.standard_normal(n))
    dual[:4] = 10.0
    found = exact_price(X, dual, max_nodes=6000)
    # the positive samples have at most sixteen patterns and the problem is concave in each: climbing finds the best of them
    best = price(X, dual, climb(X, dual, rng.standard_normal((400, d)), schedule=(400,) * 20)).max()
    assert found.upper >= best * (1.0 - 1e-9)
    assert found.upper <= best * 1.5
    assert found.lower <= found.upper


@pytest.mark.parametrize("r", [1, 2, 5, 8, 9, 11])
def test_first_cones_cover_the_space(r):
    rng = np.random.default_rng(r)
    toward = rng.standard_normal(r)
    toward /= np.linalg.norm(toward)
    cones = _first_cones(toward)
    points = np.vstack([rng.standard_normal((50, r)), toward, -toward])
    coefficients = np.einsum("pi,bij->bpj", points, np.linalg.inv(cones))
    assert (coefficients >= -1e-12).all(axis=2).any(axis=0).all()
    assert np.isclose(cones @ toward, 1.0).any()
    np.testing.assert_allclose(np.linalg.norm(cones, axis=2), 1.0)


@pytest.mark.parametrize("seed", range(20))
def test_cones_given_up_at_a_loose_tolerance_still_count(seed, monkeypatch):
    """With a poor incumbent and half the maximum allowed as gap, the bound must not fall to the incumbent."""
    rng = np.random.default_rng(seed)
    X, dual = rng.standard_normal((20, 3)), rng.standard_normal(20)
    best = exact_price(X, dual).lower
    monkeypatch.setattr(branch_and_bound, "climb", lambda X, dual, U: -U)
    loose = exact_price(X, dual, rtol=0.5)
    assert loose.proven
    assert (
        best * (1.0 - 1e-12) <= loose.upper <= 1.5 * max(loose.lower, 0.01 * np.abs(dual) @ np.linalg.norm(X, axis=1))
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.full((3, 2), np.nan)}, "X must be finite, of shape"),
        ({"dual": np.ones(4)}, "dual must be finite, of shape"),
        ({"starts": np.ones((2, 3))}, "starts must have shape"),
    ],
)
def test_errors_name_the_argument(change, message):
    arguments = {"X": np.ones((3, 2)), "dual": np.ones(3), "starts": None} | change
    with pytest.raises(ValueError, match=message):
        exact_price(arguments["X"], arguments["dual"], starts=arguments["starts"])
