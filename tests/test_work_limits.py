"""Methods end where they get nowhere: by counts of what they do, on programs so badly scaled that they cannot converge."""

from unittest import mock

import numpy as np
import pytest

from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor
from skconvrelu.losses import Hinge, Huber, Poisson, SquaredError
from skconvrelu.policy import DEFAULT
from skconvrelu.program import ConvexProgram
from skconvrelu.search.column_generation import refine
from skconvrelu.search.convex_concave import climb
from skconvrelu.search.nonnegative_lasso import rescale
from skconvrelu.search.nonnegative_quadratic import minimise_nonnegative
from skconvrelu.search.units import Units, signed_axes
from skconvrelu.solution import Candidate, Solution, evaluate
from skconvrelu.solvers.interior_point import InteriorPoint
from skconvrelu.solvers.proximal_newton import ProximalNewton


def _program(scale, loss, beta, n=15):
    rng = np.random.default_rng(0)
    X = np.hstack([scale * rng.standard_normal((n, 1)), np.ones((n, 1))])
    Y = np.abs(rng.standard_normal((n, 1))) + 0.1
    if isinstance(loss, Hinge):
        Y = np.where(rng.random((n, 1)) < 0.5, 1.0, -1.0)
    gates = rng.standard_normal((2, 3)) / np.array([[scale], [1.0]])
    return ConvexProgram.over_patterns(X, Y, np.full(n, 1.0 / n), (X @ gates >= 0.0).T, loss, beta), gates


@pytest.mark.parametrize(("scale", "beta"), [(1e-12, 1e-12), (1e6, 1e-3)])
def test_interior_point_ends_where_slacks_stay_infeasible(scale, beta):
    program, _ = _program(scale, Poisson(), beta)
    candidate = InteriorPoint(program).run(tol=1e-6, max_iter=1000)
    assert not candidate.converged
    assert candidate.n_iter < 100
    assert np.isfinite(candidate.coef).all()


def test_interior_point_does_not_hand_over_what_is_not_finite():
    program, _ = _program(1.0, SquaredError(), 1e-3)

    def broken(self, state, residuals):
        state.coef = np.full_like(state.coef, np.nan)

    with mock.patch.object(InteriorPoint, "_iterate", broken):
        candidate = InteriorPoint(program).run(tol=1e-6, max_iter=1000)
    assert candidate.n_iter == 1
    assert not candidate.converged
    assert np.isfinite(candidate.coef).all()


@pytest.mark.parametrize(
    ("scale", "loss", "beta"),
    [
        (1e-12, Poisson(), 1e-6),
        (1e-6, SquaredError(), 1e-12),
        (1e-6, Hinge(), 1e-12),
        (1e3, Hinge(), 1e-12),
        (1e6, Poisson(), 1e-6),
        (1e6, Hinge(), 1e-12),
    ],
)
def test_proximal_newton_ends_where_steps_gain_nothing(scale, loss, beta):
    program, gates = _program(scale, loss, beta)
    start = Solution.unverified(program, np.arange(program.n_blocks), 1e-3 * np.repeat(gates.T, 2, axis=0))
    with mock.patch.object(ProximalNewton, "_at", autospec=True, side_effect=ProximalNewton._at) as looks:
        try:
            candidate = ProximalNewton(program, start).run(tol=1e-6, max_iter=1000)
        except np.linalg.LinAlgError:  # that ends it, too: the interior point takes over
            candidate = None
    assert looks.call_count < 600
    assert candidate is None or np.isfinite(candidate.coef).all()


def test_weighing_where_a_loss_has_no_curvature():
    n, epsilon = 8, 1e-9
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((n, 2)), 1e6 * rng.standard_normal((n, 1))  # every residual is far beyond epsilon
    program = ConvexProgram.over_patterns(
        X, Y, np.full(n, 1.0 / n), np.ones((1, n), dtype=bool), Huber(epsilon), 1e-15, fit_intercept=False
    )
    units = Units(rng.standard_normal((4, 2)), signed_axes(1)[[0, 1, 0, 1]])
    weighed = rescale(program, units)
    assert np.isfinite(weighed.coef).all()
    assert weighed.objective(program) <= units.objective(program)


def test_quadratics_without_a_finite_minimiser_are_refused():
    tiny = np.finfo(float).tiny
    with pytest.raises(np.linalg.LinAlgError, match="not finite"):
        minimise_nonnegative(tiny * np.eye(2), np.array([1e6, 1e6]), 2)


@pytest.mark.parametrize("unit", [1e-18, 1e9, 1e18])
def test_fits_go_with_the_unit_of_the_targets(unit):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 2))
    y = np.abs(X[:, 0]) + 0.1 * rng.standard_normal(40)
    model = ConvexReLURegressor(tol=1e-4, random_state=0).fit(X, y)
    other = ConvexReLURegressor(tol=1e-4, random_state=0).fit(X, unit * y)
    assert other.objective_ == pytest.approx(unit**2 * model.objective_, rel=1e-3)
    assert other.certificate_.gap_searched <= 1e-4


SMALL = {
    "zero": np.zeros((6, 2)),
    "constant": np.ones((6, 2)),
    "a column of zeros": np.column_stack([np.zeros(6), np.arange(6.0)]),
    "repeated rows": np.repeat([[0.0, 1.0], [2.0, -1.0]], 3, axis=0),
    "ties": np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]),
    "large": 1e15 * np.random.default_rng(0).standard_normal((6, 2)),
    "small": 1e-30 * np.random.default_rng(0).standard_normal((6, 2)),
}


@pytest.mark.filterwarnings("ignore:X. its columns:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("arrangements", ["gaussian", "sparse", "data"])
@pytest.mark.parametrize("kind", SMALL)
def test_nothing_of_numpy_leaks_from_hostile_data(kind, arrangements, fit_intercept):
    X = SMALL[kind]
    options = {"arrangements": arrangements, "fit_intercept": fit_intercept, "n_arrangements": 8, "random_state": 0}
    model = ConvexReLURegressor(1e-3, **options).fit(X, np.arange(6.0))
    assert np.isfinite(model.predict(X)).all()
    model.certify(X, np.arange(6.0), max_time=0)
    labels = np.array([0, 0, 0, 0, 0, 1])
    classifier = ConvexReLUClassifier(1e-3, **options).fit(X, labels)
    assert np.isfinite(classifier.decision_function(X)).all()


@pytest.mark.filterwarnings("ignore:X. its columns:UserWarning")
@pytest.mark.parametrize("size", [1e-20, 1e-60, 1e-115])
def test_samples_that_are_nothing_beside_the_others_overflow_nothing(size):
    """All samples of negative dual are tiny: penalty parameters of climbs, which undo sizes, are beyond single precision."""
    X = np.r_[np.linspace(0.5, 1.0, 8), size * np.linspace(0.5, 1.0, 8)][:, None]
    y = np.r_[np.full(8, 2.0), np.full(8, -1.0)]
    for signed in (y, -y):
        U = climb(X, signed, np.array([[1.0], [-1.0], [0.3]]), dtype=np.float32, level=1.0)
        assert np.isfinite(U).all()
        assert (np.abs(np.linalg.norm(U, axis=1) - 1.0) <= 1e-12).all()
    model = ConvexReLURegressor(beta=1e-3, fit_intercept=False, random_state=0).fit(X, y)
    assert model.predict(X[:8]).min() > 1.0


@pytest.mark.parametrize("loss", ["squared_error", "huber", "absolute_error", "quantile", "poisson"])
def test_one_sample_and_weights_far_apart(loss):
    one = ConvexReLURegressor(1e-3, loss=loss, random_state=0).fit([[2.0, -1.0]], [3.0])
    assert one.predict([[2.0, -1.0]])[0] == pytest.approx(3.0, rel=1e-3)
    rng = np.random.default_rng(1)
    X, y, weights = rng.standard_normal((5, 2)), np.abs(rng.standard_normal(5)), np.array([1.0, 1e-12, 1e-12, 1.0, 1.0])
    weighed = ConvexReLURegressor(1e-3, loss=loss, random_state=0).fit(X, y, sample_weight=weights)
    some = ConvexReLURegressor(1e-3, loss=loss, random_state=0).fit(X, y, sample_weight=weights > 0.5)
    assert weighed.objective_ == pytest.approx(some.objective_, abs=1e-3 * some.objective_ + 1e-9)


@pytest.mark.parametrize("loss", ["squared_error", "huber", "absolute_error", "poisson"])
@pytest.mark.parametrize("value", [0.1, 3.7, 1e6 / 3.0])
def test_constant_targets_are_met_exactly(loss, value):
    X = np.random.default_rng(0).standard_normal((60, 3))
    model = ConvexReLURegressor(loss=loss, random_state=0).fit(X, np.full(60, value))
    np.testing.assert_allclose(model.predict(X), value, rtol=1e-12)
    assert len(model.convex_coef_) == 0


def test_a_search_of_hard_programs_ends_by_count_and_says_so():
    """Convex programs that take as many iterations as a round may and get nowhere."""
    program, gates = _program(1.0, SquaredError(), 1e-4, n=40)
    gates = gates.T
    asked = []

    def hard(program, tol, start, most):
        asked.append(most)
        found = evaluate(
            program, Candidate(start.blocks, start.coef, program.zero_dual(), most or 1, False), solver="scipy", rtol=1e-3
        )  # fmt: skip
        return found, ""

    found = refine(program, gates, hard, tol=1e-6, max_rounds=60, rng=np.random.RandomState(0), policy=DEFAULT)
    assert any("hard to solve" in note for note in found.notes)
    assert not found.converged
    assert len(found.objectives) == len([most for most in asked if most is not None]) <= 10
    # the last one, over all arrangements, is not cut short
    assert asked[-1] is None
    # two searches of one fit have half of it each
    asked.clear()
    refine(program, gates, hard, tol=1e-6, max_rounds=60, rng=np.random.RandomState(0), policy=DEFAULT, share=2)
    assert len(asked) < len(found.objectives)
