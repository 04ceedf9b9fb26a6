"""Following the optimum as beta falls, and approaching a small one that way."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from problems import KINDS, make_program

from skconvrelu.policy import DEFAULT
from skconvrelu.search.beta_path import approach, falling, follow
from skconvrelu.search.descent import descend
from skconvrelu.search.new_units import first_units
from skconvrelu.search.nonnegative_lasso import rescale


def test_penalties_fall_from_a_share_of_the_largest_price_by_half_decades_or_less():
    program = make_program("squared_error", fraction=1e-4)
    betas = falling(program, DEFAULT)
    assert betas[-1] == program.beta
    ratios = np.divide(betas[:-1], betas[1:])
    np.testing.assert_allclose(ratios, ratios[0])
    assert 2.0 < ratios[0] <= 10.0**0.5 + 1e-12
    lengths = np.linalg.norm((program.patterns[:10] * program.zero_dual()[:, 0]) @ program.X, axis=1)
    assert betas[0] == pytest.approx(0.1 * lengths.max())
    assert falling(program, replace(DEFAULT, path_begin=0.01))[0] == pytest.approx(0.1 * betas[0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_penalty_is_where_to_begin(kind):
    program = make_program(kind, fraction=0.5)
    assert falling(program, DEFAULT) == [program.beta]
    assert approach(program, program.X[:5], np.random.RandomState(0), DEFAULT) is None


@pytest.mark.parametrize("kind", ["squared_error", "log_loss-3", pytest.param("quantile", marks=pytest.mark.slow)])
def test_an_approach_ends_lower_than_as_many_steps_at_the_small_penalty_alone(kind):
    program = make_program(kind, n=60, d=4, fraction=1e-3)
    gates = np.random.default_rng(0).standard_normal((40, program.X.shape[1]))
    units = approach(program, gates, np.random.RandomState(0), DEFAULT)
    smooth = program.smoothed(DEFAULT.rounded)
    alone = rescale(smooth, descend(smooth, first_units(program, gates), steps=300))
    assert units.objective(program) < alone.objective(program)
    again = approach(program, gates, np.random.RandomState(0), DEFAULT, n_jobs=2)
    assert_array_equal(units.coef, again.coef)


def test_following_goes_on_from_the_units_of_an_earlier_call():
    program = make_program("squared_error", n=60, d=4, fraction=1e-2)
    gates = np.random.default_rng(0).standard_normal((40, program.X.shape[1]))
    betas = [10.0 * program.beta, 3.0 * program.beta, program.beta]
    whole = list(follow(program, gates, betas, np.random.RandomState(0), policy=DEFAULT))
    assert [part.beta for part, _ in whole] == betas
    ((last, units),) = follow(program, gates, betas[2:], np.random.RandomState(1), whole[1][1], policy=DEFAULT)
    assert units.objective(last) == pytest.approx(whole[2][1].objective(last), rel=0.05)


def test_a_path_has_every_penalty_where_nothing_is_violated_too():
    program = make_program("squared_error", n=8, d=1, n_gates=30, fraction=0.9)
    betas = [program.beta, 0.9 * program.beta, 0.8 * program.beta]
    gates = np.random.default_rng(0).standard_normal((40, program.X.shape[1]))
    path = list(follow(program, gates, betas, np.random.RandomState(0), policy=DEFAULT))
    assert [part.beta for part, _ in path] == betas
    for part, units in path:
        pull = np.abs(part.dual_point(units.outputs(part.X)).T @ np.maximum(part.X @ gates.T, 0.0))
        assert (pull <= DEFAULT.path_above * part.beta * np.linalg.norm(gates, axis=1)).all()
