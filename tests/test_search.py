"""The parts of the search: units, descent, pruning, pricing, and the warm-started interior point."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import KINDS, SMOOTH, make_program
from scipy.optimize import approx_fprime, lsq_linear, minimize

from skconvrelu.limits import limited
from skconvrelu.policy import DEFAULT
from skconvrelu.search import alternation
from skconvrelu.search.alternation import _newton_steps, alternate
from skconvrelu.search.branch_and_bound import exact_price
from skconvrelu.search.convex_concave import PENALTIES, SETTLE, _Samples, climb, price
from skconvrelu.search.descent import _Balanced, descend
from skconvrelu.search.facets import walk
from skconvrelu.search.new_units import newcomers
from skconvrelu.search.nonnegative_lasso import rescale
from skconvrelu.search.nonnegative_quadratic import minimise_nonnegative
from skconvrelu.search.pricing import _distinct, price_round, search_violators
from skconvrelu.search.units import Units, signed_axes
from skconvrelu.search.whitening import Spread, Whitening
from skconvrelu.solution import Solution
from skconvrelu.solvers.interior_point import InteriorPoint


def random_units(program, m=12, seed=0, size=0.1):
    rng = np.random.default_rng(seed)
    sides = signed_axes(program.Y.shape[1])
    coef = size * rng.standard_normal((m, program.X.shape[1]))
    return Units(coef, sides[np.arange(m) % len(sides)])


# units


def test_merged_units_fit_the_same_and_cost_no_more():
    program = make_program("squared_error-3", n=8, d=2)
    units = random_units(program, 60)
    merged = units.merged(program.X)
    assert len(merged) < len(units)
    assert_allclose(merged.outputs(program.X), units.outputs(program.X), atol=1e-12)
    assert merged.norms().sum() <= units.norms().sum()


# descent


@pytest.mark.parametrize("kind", SMOOTH)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_gradient_of_the_balanced_network(kind, fit_intercept):
    program = make_program(kind, fit_intercept=fit_intercept)
    units = random_units(program, 6)
    balanced = _Balanced(program, units.directions, np.float64)
    z = balanced.pack(units) + 0.1
    assert_allclose(balanced(z)[1], approx_fprime(z, lambda z: balanced(z)[0], 1e-7), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", SMOOTH)
def test_packed_units_have_the_objective_of_the_program(kind):
    program = make_program(kind)
    units = random_units(program, 6)
    balanced = _Balanced(program, units.directions, np.float64)
    z = balanced.pack(units)
    assert balanced(z)[0] * balanced.unit == pytest.approx(units.objective(program), rel=1e-10)
    back = balanced.unpack(z)
    assert_allclose(back.coef, units.coef, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_descent_improves(dtype):
    program = make_program("squared_error")
    units = random_units(program, 20)
    better = descend(program, units, steps=50, dtype=dtype)
    assert better.objective(program) < 0.9 * units.objective(program)
    assert descend(program, better, steps=0).objective(program) <= better.objective(program)


@pytest.mark.parametrize("kind", ["squared_error", "log_loss-3"])
def test_shares_of_the_rows_sum_to_the_whole(kind):
    """Rows cut into shares and these into cached pieces, none of which divides the other."""
    program = make_program(kind, n=500)
    units = random_units(program, 7)
    whole = _Balanced(program, units.directions, np.float64)
    z = whole.pack(units)
    value, gradient = whole(z)
    with limited(share=130, cached_in_shares=1):
        pieces, slopes = _Balanced(program, units.directions, np.float64)(z)
        alone, shared = (descend(program, units, steps=30, n_jobs=n_jobs) for n_jobs in (1, 2))
    assert pieces == pytest.approx(value, rel=1e-13)
    assert_allclose(slopes, gradient, rtol=1e-11, atol=1e-13)
    assert_array_equal(alone.coef, shared.coef)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_descent_leaves_the_handling_of_floating_point_errors_as_it_was(n_jobs):
    """One shared context of numpy 1.26, entered again inside itself, would restore what it had set."""
    program = make_program("squared_error", n=60)
    units = Units(np.random.default_rng(1).standard_normal((4, program.X.shape[1])), np.ones((4, 1)))
    before = np.geterr()
    with limited(share=16):
        descend(program, units, steps=5, n_jobs=n_jobs)
    assert np.geterr() == before


# pruning


@pytest.mark.parametrize("kind", SMOOTH)
def test_rescaled_units_are_the_nonnegative_lasso_solution(kind):
    program = make_program(kind, fraction=0.2)
    units = random_units(program, 10)
    found = rescale(program, units)
    unit = units.coef / units.norms()[:, None]
    active = np.maximum(program.X @ unit.T, 0)
    basis = program.intercept_basis

    def objective(z):
        F = (active * z[:10]) @ units.directions + basis @ z[10:]
        G = program.weights[:, None] * program.loss.gradient(F, program.Y)
        slope = np.einsum("mk,mk->m", active.T @ G, units.directions) + program.beta
        return program.loss_value(F) + program.beta * z[:10].sum(), np.concatenate([slope, basis.T @ G.sum(axis=0)])

    q = basis.shape[1]
    bounds = [(0, None)] * 10 + [(None, None)] * q
    reference = minimize(
        objective, np.r_[units.norms(), np.zeros(q)], jac=True, bounds=bounds, method="L-BFGS-B",
        options={"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-12},
    )  # fmt: skip
    assert found.objective(program) == pytest.approx(reference.fun, rel=1e-8)
    assert len(found) < 10
    assert found.objective(program) <= units.objective(program)


@pytest.mark.parametrize("kind", SMOOTH)
def test_alternation_weighs_before_each_piece_and_counts_the_steps(kind, monkeypatch):
    program = make_program(kind)
    units = random_units(program, 20)
    taken = []

    def counted(program, units, *, steps, **options):
        taken.append(steps)
        return descend(program, units, steps=steps, **options)

    monkeypatch.setattr(alternation, "descend", counted)
    found = alternate(program, units, steps=50, piece=20, pruning_steps=20, dtype=np.float32)
    assert taken == [20, 20, 10]
    by_hand = units
    for steps in (20, 20, 10):
        pruned = rescale(program, by_hand, max_iter=min(20, _newton_steps(program, len(by_hand), 20)))
        assert pruned.objective(program) <= by_hand.objective(program)
        by_hand = descend(program, pruned, steps=steps, dtype=np.float32)
    assert_array_equal(found.coef, by_hand.coef)
    assert found.objective(program) < units.objective(program)
    taken.clear()
    alternate(program, found, steps=5000, piece=500, pruning_steps=20, least_gain=1e-2)
    assert taken == [500]  # it had nothing to gain from another piece


def test_weighing_takes_no_more_work_than_a_piece():
    one, three = make_program("squared_error", d=5), make_program("log_loss-3", d=5)
    d = one.X.shape[1]
    assert _newton_steps(one, 10, 60) == 24 * (d + 1)
    assert _newton_steps(one, 4 * 60, 60) == d + 1
    assert _newton_steps(three, 4 * 60, 60) == (d + 3) // 3
    assert _newton_steps(three, 10**4, 60) == 0
    assert _newton_steps(replace(three, shared=True), 10, 60) == 0


@pytest.mark.parametrize("seed", range(2))
def test_alternation_gains_more_than_its_steps_alone_where_features_are_many(seed):
    """A round of the search: a network, and units that violate dual feasibility, at a thousandth of the weight of the others."""
    program = make_program("squared_error", n=200, d=40, seed=seed, fraction=0.1)
    units = rescale(program, descend(program, random_units(program, 100), steps=300))
    found = price_round(
        program, units, program.dual_point(units.outputs(program.X)), np.random.RandomState(0), None, 1e-2, DEFAULT
    )
    units = units + newcomers(program, found.violators[:100], units)
    pieces = {"piece": 60, "pruning_steps": 20}
    alone, pruned = descend(program, units, steps=300), alternate(program, units, steps=300, **pieces)
    settled = min(alternate(program, ends, steps=3000, **pieces).objective(program) for ends in (alone, pruned))
    left = [rescale(program, ends).objective(program) - settled for ends in (alone, pruned)]
    assert left[1] < 0.6 * left[0]


@pytest.mark.parametrize("rank", [40, 15, 3])
@pytest.mark.parametrize("n_signed", [30, 27, 1, 0])
def test_nonnegative_quadratics_match_bounded_least_squares(n_signed, rank):
    rng = np.random.default_rng(rank + n_signed)
    A, b = rng.standard_normal((40, rank)) @ rng.standard_normal((rank, 30)), rng.standard_normal(40)
    x = minimise_nonnegative(A.T @ A + 1e-4 * np.eye(30), A.T @ b, n_signed)
    lower = np.where(np.arange(30) < n_signed, 0.0, -np.inf)
    tall = np.vstack([A, 1e-2 * np.eye(30)])
    reference = lsq_linear(
        tall, np.r_[b, np.zeros(30)], bounds=(lower, np.inf), method="bvls", tol=1e-15, max_iter=1000
    ).x
    assert_allclose(x, reference, atol=1e-6)
    assert (x[:n_signed] >= 0.0).all()


def test_rescaling_more_units_than_samples_never_gets_worse():
    program = make_program("squared_error", n=10)
    units = random_units(program, 100)
    assert rescale(program, units).objective(program) <= units.objective(program)


# pricing


@pytest.mark.parametrize("seed", range(5))
def test_climbing_never_loses_and_finds_the_maximum(seed):
    rng = np.random.default_rng(seed)
    X, dual = rng.standard_normal((25, 3)), rng.standard_normal(25)
    starts = rng.standard_normal((200, 3))
    ends = climb(X, dual, starts)
    assert (price(X, dual, ends) >= price(X, dual, starts) * (1 - 1e-12)).all()
    settled = climb(X, dual, ends, schedule=SETTLE)
    proven = exact_price(X, dual)
    assert proven.proven
    assert price(X, dual, settled).max() == pytest.approx(proven.upper, rel=1e-6)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_climbing_does_not_depend_on_units(factor):
    rng = np.random.default_rng(0)
    X, dual, starts = rng.standard_normal((30, 4)), rng.standard_normal(30), rng.standard_normal((40, 4))
    base = price(X, dual, climb(X, dual, starts))
    assert_allclose(price(factor * X, dual, climb(factor * X, dual, starts)), factor * base, rtol=1e-6)
    assert_allclose(price(X, factor * dual, climb(X, factor * dual, starts)), factor * base, rtol=1e-6)


def test_climbing_without_falling_or_without_rising_samples():
    rng = np.random.default_rng(0)
    X, starts = rng.standard_normal((12, 3)), rng.standard_normal((30, 3))
    falling = climb(X, -np.ones(12), starts)
    assert (price(X, -np.ones(12), falling) <= 1e-12).all()
    best = price(X, np.ones(12), climb(X, np.ones(12), starts)).max()
    assert best == pytest.approx(exact_price(X, np.ones(12)).upper, rel=1e-6)


def far_from_zero(n, d, offset, seed=0):
    """Features at a distance from zero of so many times their spread, and a dual point; both as a program would have them."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)) + offset * rng.uniform(0.5, 1.0, d), rng.standard_normal(n)


@pytest.mark.parametrize("offset", [0.0, 10.0, 1e3, 1e5])
@pytest.mark.parametrize("seed", range(3))
def test_climbing_and_walking_find_the_maximum_far_from_zero(offset, seed):
    X, dual = far_from_zero(12, 3, offset, seed)
    proven = exact_price(X, dual)
    assert proven.proven
    gates = Whitening.of(X, np.full(12, 1 / 12)).draw(200, np.random.RandomState(seed))
    # vectors on narrow cones are known to so many digits of the longest gradient
    rel = 1e-6 if offset < 1e5 else 3e-5
    climbed = climb(X, dual, climb(X, dual, gates, dtype=np.float32), schedule=SETTLE)
    assert price(X, dual, climbed).max() == pytest.approx(proven.upper, rel=rel)
    walked = walk(X, dual, gates @ X.T > 0.0)
    lengths = np.linalg.norm(walked, axis=1)
    assert lengths.max() == pytest.approx(proven.upper, rel=rel)
    assert price(X, dual, walked[[lengths.argmax()]])[0] == pytest.approx(lengths.max(), rel=rel)


def test_climbing_of_the_present_size_has_the_penalties_of_old():
    X, dual = far_from_zero(200, 5, 0.0)
    assert len(_Samples.of(X, dual, Spread(X)).penalties()) == len(PENALTIES)
    far, _ = far_from_zero(200, 5, 1e4)
    assert len(_Samples.of(far, dual, Spread(far)).penalties()) > len(PENALTIES)
    X = X * 10.0 ** np.arange(0, -10, -2)
    scaled = _Samples.of(X, dual, Spread(X)).penalties()
    assert max(scaled) / min(scaled) > 1e6


@pytest.mark.parametrize("seed", range(5))
def test_walks_go_up_from_facet_to_facet(seed):
    rng = np.random.default_rng(seed)
    X, dual = rng.standard_normal((30, 4)), rng.standard_normal(30)
    patterns = rng.standard_normal((20, 4)) @ X.T > 0.0
    begin = np.array([np.linalg.norm(exact_in_cone(X, dual, pattern)) for pattern in np.unique(patterns, axis=0)])
    ends = np.linalg.norm(walk(X, dual, patterns), axis=1)
    assert (ends >= begin - 1e-9).all()
    assert (ends > begin * 1.01).any()


def exact_in_cone(X, dual, pattern):
    """The projection of X' D dual on the cone of the pattern, by nonnegative least squares on its dual."""
    signs = np.where(pattern, 1.0, -1.0)
    v = X.T @ (pattern * dual)
    # scipy's nnls, the obvious choice, is wrong on some of these in 1.15 (a smaller residual exists)
    rho = lsq_linear((signs[:, None] * X).T, -v, (0.0, np.inf), method="bvls").x
    return v + (signs[:, None] * X).T @ rho


@pytest.mark.parametrize("kind", KINDS)
def test_violators_price_above_the_level_and_do_not_depend_on_n_jobs(kind):
    program = make_program(kind, n=60, fraction=0.1)
    units = random_units(program, 4)
    dual = program.dual_point(np.zeros_like(program.Y))
    found = [
        search_violators(
            program,
            dual,
            units,
            np.random.RandomState(3),
            n_starts=300,
            level=program.beta,
            policy=DEFAULT,
            n_jobs=n_jobs,
        )
        for n_jobs in (1, 2)
    ]
    assert_array_equal(found[0].violators.coef, found[1].violators.coef)
    assert found[0].largest == found[1].largest
    violators = found[0].violators
    assert len(violators)
    prices = [price(program.X, dual @ v, u[None])[0] for u, v in zip(violators.coef, violators.directions, strict=True)]
    assert min(prices) > program.beta
    assert prices == sorted(prices, reverse=True)
    # the zero network's largest price is beta_max, here over all arrangements
    proven = max(exact_price(program.X, dual @ side).upper for side in signed_axes(program.Y.shape[1]))
    assert found[0].largest == pytest.approx(proven, rel=1e-6)


def test_recall_counts_what_independent_starts_find_again():
    program = make_program("squared_error", n=40, fraction=0.1)
    dual = program.dual_point(np.zeros_like(program.Y))
    top = exact_price(program.X, dual[:, 0]).unit
    poor = np.linalg.qr(np.column_stack([top, np.eye(4)]))[0][:, 1]  # far from the maximiser, and no maximiser itself
    units = Units(np.vstack([top, poor]), np.ones((2, 1)))
    found = search_violators(
        program, dual, units, np.random.RandomState(0), n_starts=200, level=program.beta, policy=DEFAULT
    )
    assert_array_equal(found.rediscovered, [True, False])


# warm start of the convex program


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("constrained", [True, False])
def test_warm_interior_point_finds_the_cold_optimum(kind, constrained):
    program = make_program(kind, n=60, n_gates=15, constrained=constrained)
    cold = InteriorPoint(program).run(tol=1e-8, max_iter=200)
    start = Solution.unverified(program, cold.blocks, cold.coef * 1.01)
    warm = InteriorPoint(program, start).run(tol=1e-8, max_iter=200)
    value = [program.loss_value(F + program.best_intercept(F)) + program.penalty(c.coef)
             for c in (cold, warm) for F in [program.outputs(c.blocks, c.coef)]]  # fmt: skip
    assert warm.converged
    assert value[1] == pytest.approx(value[0], rel=1e-7)
    if program.loss.smooth:
        assert warm.n_iter <= cold.n_iter + 2


def test_opposite_units_are_not_the_same():
    """(u, v) and (-u, -v) have the same outer product and see opposite samples."""
    units = Units(np.array([[1.0, 0.0], [-1.0, 0.0], [1.0, 1e-3]]), np.array([[1.0], [-1.0], [1.0]]))
    assert_array_equal(_distinct(units.coef, np.array([2.0, 3.0, 1.0]), units.directions), [1, 0])


@pytest.mark.parametrize("kind", ["log_loss-3", "squared_error-3", "log_loss"])
def test_units_that_are_worth_nothing_leave_the_intercept(kind):
    program = make_program(kind, fraction=3.0)
    units = random_units(program, 6).scaled(5.0, np.ones(program.X.shape[1]))
    assert len(rescale(program, units)) == 0
