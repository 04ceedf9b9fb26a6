"""What may be spent: predicted seconds from shapes alone, decisions that are handed on, and no clock."""

import pickle
from dataclasses import fields, replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from problems import make_program, with_policy
from sklearn.base import clone

from skconvrelu import ConvexReLURegressor, ConvexReLURegressorCV, costs
from skconvrelu import limits as limits_module
from skconvrelu import policy as policy_module
from skconvrelu.limits import Limits
from skconvrelu.policy import DEFAULT, Policy
from skconvrelu.solvers import choice as choice_module
from skconvrelu.solvers.choice import Choice


@pytest.mark.parametrize(
    ("kind", "module", "most"), [(Policy, policy_module, 45), (Choice, choice_module, 17), (Limits, limits_module, 11)]
)
def test_every_number_is_documented_once(kind, module, most):
    documented = [
        name.strip()
        for line in kind.__doc__.splitlines()
        if line.startswith("    ") and " : " in line and not line.startswith("        ")
        for name in line.split(" : ")[0].split(",")
    ]
    assert sorted(documented) == sorted(field.name for field in fields(kind))
    assert len(documented) <= most  # more of them need a reason
    constants = [name for name in vars(module) if name.isupper() and name != "DEFAULT"]
    assert not constants


def test_a_policy_is_a_value():
    other = replace(DEFAULT, steps=10)
    assert pickle.loads(pickle.dumps(other)) == other != DEFAULT
    with pytest.raises(AttributeError):
        other.steps = 3


@pytest.mark.parametrize("constrained", [True, False])
def test_costs_grow_with_every_dimension(constrained):
    def cost_of(n, d, gates):
        program = make_program("log_loss", n=n, d=d, n_gates=gates, constrained=constrained)
        return [
            costs.descent_step(program, gates), costs.pruning_step(program, gates), costs.newton_step(program, gates * d),
            costs.pricing_steps(program, 10, 20), costs.interior_point_iteration(program), costs.block_system(program, gates),
        ]  # fmt: skip

    small = cost_of(40, 3, 6)
    for larger in (cost_of(80, 3, 6), cost_of(40, 6, 6), cost_of(40, 3, 12)):
        assert all(after >= before for before, after in zip(small, larger, strict=True))
        assert sum(after > before for before, after in zip(small, larger, strict=True)) >= 3


def test_decisions_follow_the_speed_of_the_machine_that_is_assumed():
    program = make_program("squared_error", n=200, d=8)
    coef = 60 * program.X.shape[1]
    slow, fast = replace(DEFAULT, speed=1e3), replace(DEFAULT, speed=1e15)
    assert slow.has_long_steps(program, coef)
    assert not fast.has_long_steps(program, coef)
    assert slow.is_expensive(program, coef)
    assert not fast.is_expensive(program, coef)
    assert fast.is_solved(program, 60)
    assert not slow.is_solved(program, 60)
    assert fast.is_projected(program, 60)
    assert not slow.is_projected(program, 60)
    assert DEFAULT.seconds(DEFAULT.speed) == 1.0


def test_outputs_that_are_searched_apart_share_the_rounds_that_may_end_unsolved():
    assert [DEFAULT.unsolved_rounds(k) for k in (1, 2, 3, 10, 50)] == [10, 5, 4, 1, 1]


def test_exact_prices_are_for_low_ranks_and_units_of_one_output():
    program = make_program("squared_error-3", n=20, d=2)
    assert DEFAULT.is_provable(program)
    assert not DEFAULT.is_provable(replace(program, shared=True))
    assert not DEFAULT.is_provable(make_program("squared_error", n=20, d=6))
    assert not DEFAULT.is_provable(make_program("squared_error", n=501, d=2))
    # what is proven is not walked
    assert DEFAULT.is_walked(program)
    assert not replace(DEFAULT, walked=10).is_walked(program)


def test_an_estimator_of_another_policy_is_a_subclass_that_can_be_cloned():
    class Hasty(ConvexReLURegressor):
        _policy = replace(DEFAULT, max_rounds=1)

    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 6))
    y = np.abs(X[:, 0]) + X[:, 1] + 0.1 * rng.standard_normal(60)
    options = {"beta": 1e-3, "random_state": 0, "tol": 1e-6}
    with pytest.warns(UserWarning, match="gap over all arrangements"):
        hasty = clone(Hasty(**options)).fit(X, y)
    assert hasty.certificate_.n_rounds == 1
    assert ConvexReLURegressor(**{**options, "tol": 1e-2}).fit(X, y).certificate_.n_rounds > 1


def test_paths_of_cross_validation_have_the_policy_of_the_estimator():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    y = np.abs(X[:, 0]) + 0.1 * rng.standard_normal(60)
    options = {"betas": [0.1, 0.01], "cv": 3, "random_state": 0, "refit": False}
    whole = ConvexReLURegressorCV(**options).fit(X, y)
    short = with_policy(ConvexReLURegressorCV(**options), path_steps=1, path_pricings=0, path_starts=0).fit(X, y)
    again = with_policy(ConvexReLURegressorCV(**options)).fit(X, y)
    assert_array_equal(again.cv_scores_, whole.cv_scores_)
    assert (short.cv_scores_ != whole.cv_scores_).any()
