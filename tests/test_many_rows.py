"""What the search does where rows are many: ascents, parts of the rows, products in parts, screened projections."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import make_program, with_policy

from skconvrelu import ConvexReLUClassifier
from skconvrelu.cones import project
from skconvrelu.limits import limited
from skconvrelu.policy import DEFAULT
from skconvrelu.search import subsample
from skconvrelu.search.alternation import alternate
from skconvrelu.search.branch_and_bound import exact_price
from skconvrelu.search.convex_concave import price, searched_max_price
from skconvrelu.search.descent import descend
from skconvrelu.search.gradient_ascent import ascend
from skconvrelu.search.nonnegative_lasso import rescale
from skconvrelu.search.pricing import search_violators
from skconvrelu.search.shared import best_directions
from skconvrelu.search.units import Units, signed_axes
from skconvrelu.training.penalties import largest_beta


def column(U):
    return np.ones((len(U), 1))


@pytest.mark.parametrize("seed", range(5))
def test_ascents_never_lose_and_find_the_maximum(seed):
    rng = np.random.default_rng(seed)
    X, dual = rng.standard_normal((400, 3)), rng.standard_normal(400) / 400
    starts = rng.standard_normal((100, 3))
    ends = ascend(X, dual[:, None], starts, column(starts), free=False)
    assert_allclose(np.linalg.norm(ends, axis=1), 1.0, rtol=1e-12)
    assert (price(X, dual, ends) >= price(X, dual, starts) - 1e-6 * np.abs(dual).sum()).all()
    assert price(X, dual, ends).max() == pytest.approx(exact_price(X, dual).upper, rel=1e-3)


def test_ascents_with_free_directions_reach_stationary_pairs():
    rng = np.random.default_rng(0)
    X, dual = rng.standard_normal((3000, 4)), rng.standard_normal((3000, 3)) / 3000
    starts = rng.standard_normal((40, 4))
    ends = ascend(X, dual, starts, np.tile([1.0, 0.0, 0.0], (40, 1)), free=True, steps=100)
    directions, prices = best_directions(X, dual, ends)
    assert (prices >= best_directions(X, dual, starts)[1] - 1e-6).all()
    best = prices.argmax()
    # at a maximiser the gradient X' D Lambda v is the price times the unit
    gradient = ((X @ ends[best] > 0.0) * (dual @ directions[best])) @ X
    assert_allclose(gradient, prices[best] * ends[best], atol=1e-2 * prices[best])


def test_ascents_survive_what_has_no_gradient():
    X, dual = np.ones((20, 2)), np.full((20, 1), -1.0)
    ends = ascend(X, dual, np.array([[-1.0, -1.0], [0.0, 0.0], [1.0, 1.0]]), np.ones((3, 1)), free=False)
    assert np.isfinite(ends).all()
    assert_array_equal(ends[1], 0.0)


@pytest.mark.parametrize("shares", [False, True])
def test_ascending_search_does_not_depend_on_n_jobs_and_finds_what_climbing_finds(shares):
    program = make_program("squared_error-3" if shares else "squared_error", n=300, fraction=0.1)
    program = replace(program, shared=shares)
    sides = signed_axes(program.Y.shape[1])
    units = Units(np.random.default_rng(0).standard_normal((4, program.X.shape[1])), sides[np.arange(4) % len(sides)])
    dual = program.dual_point(np.zeros_like(program.Y))

    def run(n_jobs, policy):
        rng = np.random.RandomState(3)
        return search_violators(
            program, dual, units, rng, n_starts=100, level=program.beta, policy=policy, n_jobs=n_jobs
        )

    climbed, ascending = run(1, DEFAULT), replace(DEFAULT, many_rows=100)
    found = run(1, ascending), run(2, ascending)
    assert len(found[0].violators)
    assert_array_equal(found[0].violators.coef, found[1].violators.coef)
    assert found[0].largest == found[1].largest
    assert found[0].largest == pytest.approx(climbed.largest, rel=1e-3)


def test_largest_price_at_the_zero_network_by_ascents():
    program = make_program("squared_error", n=300)
    dual = program.zero_dual()
    climbed, ascended = (
        searched_max_price(program.X, dual, program.patterns, ascending=ascending) for ascending in (False, True)
    )
    assert ascended == pytest.approx(climbed, rel=1e-3)
    assert largest_beta(program) == pytest.approx(largest_beta(program, replace(DEFAULT, many_rows=100)), rel=1e-3)


def test_products_in_parts_are_the_products():
    program = make_program("log_loss-3", n=70, n_gates=12)
    rng = np.random.default_rng(0)
    units = Units(rng.standard_normal((9, program.X.shape[1])), signed_axes(3)[np.arange(9) % 6])
    blocks, coef = np.arange(5), rng.standard_normal((5, program.X.shape[1]))
    dual = program.dual_point(units.outputs(program.X))

    def everything():
        return [
            units.outputs(program.X), units.gates(program.X), units.patterns(program.X), best_directions(program.X, dual, units.coef)[0],
            price(program.X, dual[:, 0], units.coef), program.gradients(dual, blocks), program.outputs(blocks, coef),
            program.cone_violation(blocks, coef), rescale(program, units).coef,
        ]  # fmt: skip

    whole = everything()
    with limited(temporary=64):
        cut = everything()
    for one, parts in zip(whole, cut, strict=True):
        assert_allclose(parts, one, rtol=1e-9, atol=1e-12)


def test_screened_projections_end_on_the_same_side_of_the_level():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 4))
    patterns = (X @ rng.standard_normal((4, 80)) >= 0).T
    V = (patterns * rng.standard_normal(600)) @ X
    exact = project(X, patterns, V)
    level = float(np.median(exact.upper))
    with limited(screening=300, screened=60):
        screened = project(X, patterns, V, level=level)
    assert (screened.upper >= exact.lower * (1.0 - 1e-9)).all()
    assert (screened.lower <= exact.upper * (1.0 + 1e-9)).all()
    clear = np.abs(exact.upper / level - 1.0) > 1e-3
    assert_array_equal((screened.upper > level)[clear], (exact.upper > level)[clear])


def test_descent_takes_the_fewer_steps_the_more_work_each_is(monkeypatch):
    taken = []

    def spy(program, units, *, steps, **options):
        taken.append(steps)
        return alternate(program, units, steps=steps, **options)

    monkeypatch.setattr(subsample, "alternate", spy)
    program = make_program("squared_error", n=60)
    rng = np.random.default_rng(0)
    units = Units(rng.standard_normal((10, program.X.shape[1])), signed_axes(1)[np.arange(10) % 2])
    for seconds in (25.0, 1.5e-4, 1e-10):
        better = subsample.descend_in_time(program, units, DEFAULT, seconds, None)
        assert better.objective(program) < units.objective(program)
    assert taken[0] == DEFAULT.steps > taken[1] > DEFAULT.piece == taken[2]


def test_first_rounds_see_parts_that_grow(monkeypatch):
    seen = []

    def spy(program, units, policy, seconds, n_jobs):
        seen.append((len(program.X), program.beta))
        return descend(program, units, steps=50)

    monkeypatch.setattr(subsample, "descend_in_time", spy)
    policy = replace(DEFAULT, part=20)
    program = make_program("squared_error", n=200, fraction=1e-4)
    start = Units(np.eye(program.X.shape[1])[:2], np.array([[1.0], [-1.0]]))
    units = subsample.first_rounds(program, start, 1e-4, np.random.RandomState(0), None, policy=policy, fresh=True)
    assert len(units)
    sizes, betas = (list(column) for column in zip(*seen, strict=True))
    assert sizes == sorted(sizes)
    assert set(sizes) == {20, 80}
    # from a tenth of the largest price down to beta on the first part, and beta on the others
    assert betas[: sizes.count(20)] == sorted(betas[: sizes.count(20)], reverse=True)
    assert 200.0 * program.beta < betas[0] < 20_000.0 * program.beta  # a part has a largest price of its own
    assert set(betas[sizes.count(20) - 1 :]) == {program.beta}
    seen.clear()
    subsample.first_rounds(program, units, 1e-4, np.random.RandomState(0), None, policy=policy, fresh=False)
    assert {beta for _, beta in seen} == {program.beta}


def test_classifier_on_many_rows_is_as_good_as_on_few():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 3))
    y = (np.abs(X[:, 0]) + 0.3 * rng.standard_normal(500) > 0.7).astype(int)
    options = {"beta": 0.01, "tol": 1e-3, "n_arrangements": 20, "random_state": 0}
    few = ConvexReLUClassifier(**options).fit(X, y)
    many = with_policy(ConvexReLUClassifier(**options), many_rows=200).fit(X, y)
    assert many.certificate_.gap_searched <= 1e-3
    assert many.objective_ == pytest.approx(few.objective_, rel=2e-3)


def test_descent_ends_where_a_step_gains_too_little():
    program = make_program("squared_error", n=60)
    rng = np.random.default_rng(0)
    units = Units(rng.standard_normal((10, program.X.shape[1])), signed_axes(1)[np.arange(10) % 2])
    whole = descend(program, units, steps=300).objective(program)
    short = descend(program, units, steps=300, least_gain=1e-6).objective(program)
    zero = program.loss_value(np.zeros_like(program.Y))
    assert whole < short < units.objective(program)
    assert short - whole < 1e-2 * zero


def test_outputs_of_units_are_formed_once_and_not_pickled():
    program = make_program("squared_error", n=50)
    units = Units(np.random.default_rng(0).standard_normal((4, program.X.shape[1])), signed_axes(1)[[0, 1, 0, 1]])
    F = units.outputs(program.X)
    assert units.outputs(program.X) is F
    assert not F.flags.writeable
    assert_allclose(F, np.maximum(program.X @ units.coef.T, 0.0) @ units.directions, rtol=1e-12)
    assert_allclose(units.outputs(2.0 * program.X), 2.0 * F, rtol=1e-12)
    assert len(pickle.dumps(units)) < 2000
    assert_array_equal(pickle.loads(pickle.dumps(units)).coef, units.coef)
