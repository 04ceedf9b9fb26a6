"""The search for the global optimum as users meet it: ``refine`` on."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from problems import with_policy
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from test_estimators import labels, nonconvex_objective, regression_data

from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor
from skconvrelu.policy import DEFAULT
from skconvrelu.search import column_generation, dual_points, evidence, pricing
from skconvrelu.search.units import no_units
from skconvrelu.solvers import SolverError

TARGETS = ("one", "two", "binary", "classes")


def data(target, n=20, d=2, seed=0):
    X, y = regression_data(n, d, seed)
    if target == "one":
        return ConvexReLURegressor, X, y
    if target == "two":
        return ConvexReLURegressor, X, np.column_stack([y, np.abs(X[:, 0])])
    k = 2 if target == "binary" else 3
    return ConvexReLUClassifier, X, np.digitize(y, np.quantile(y, np.arange(1, k) / k))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_refined_objective_is_the_optimum_over_all_arrangements(target, fit_intercept, seed):
    estimator, X, y = data(target, n=12, seed=seed)
    options = {"beta": 0.01, "fit_intercept": fit_intercept, "tol": 1e-7}
    exact = estimator(arrangements="exact", **options).fit(X, y)
    model = estimator(n_arrangements=3, random_state=seed, **options).fit(X, y)
    assert model.objective_ == pytest.approx(exact.objective_, rel=1e-6)
    assert model.certificate_.gap_searched <= 1e-7
    assert model.certificate_.lower_bound_searched <= exact.objective_ * (1 + 1e-9)


def test_new_units_enter_a_full_network_in_place_of_its_shortest():
    X, y = regression_data(40, 3)
    options = {"beta": 0.01, "loss": "absolute_error", "tol": 1e-3, "n_arrangements": 30, "random_state": 0}
    free = ConvexReLURegressor(**options).fit(X, y)
    full = with_policy(ConvexReLURegressor(**options), units_per_target=0.0, new_units=40).fit(X, y)
    assert full.certificate_.n_units <= 40 < free.certificate_.n_units
    assert full.certificate_.gap_searched <= 1e-3  # 0.1 where full networks take no units
    assert full.objective_ == pytest.approx(free.objective_, rel=1e-3)


@pytest.mark.parametrize("target", TARGETS)
def test_network_bounds_and_attributes_belong_together(target):
    estimator, X, y = data(target, n=40, d=3)
    model = estimator(n_arrangements=5, random_state=0).fit(X, y)
    assert nonconvex_objective(model, X, y) == pytest.approx(model.objective_, rel=1e-9)
    certificate = model.certificate_
    assert certificate.objective == model.objective_
    assert certificate.lower_bound_solved == pytest.approx(model.objective_ - model.dual_gap_, rel=1e-9)
    assert certificate.n_arrangements == model.arrangements_.shape[1]
    assert certificate.n_units == len(model.convex_coef_)
    assert certificate.n_rounds == len(model.objectives_)
    # gates found by the search describe the cones of the units
    A = np.hstack([X, np.ones((len(X), 1))])
    signed = np.where(A @ model.arrangements_[:, model.convex_arrangements_] >= 0, 1, -1) * (A @ model.convex_coef_.T)
    assert signed.min() >= -1e-6


@pytest.mark.parametrize("target", TARGETS)
def test_refined_is_never_worse_than_sampled(target):
    estimator, X, y = data(target, n=60, d=4)
    sampled = estimator(beta=0.01, n_arrangements=30, random_state=0, refine=False).fit(X, y)
    refined = estimator(beta=0.01, n_arrangements=30, random_state=0).fit(X, y)
    assert refined.objective_ <= sampled.objective_ * (1 + 1e-4)
    assert sampled.certificate_.gap_searched is None


@pytest.mark.parametrize("target", TARGETS)
def test_objective_never_increases_from_round_to_round(target):
    estimator, X, y = data(target, n=60, d=4)
    model = estimator(n_arrangements=5, random_state=0).fit(X, y)
    assert len(model.objectives_) > 1
    assert (np.diff(model.objectives_) <= 0).all()
    assert model.objective_ <= model.objectives_[-1] * (1 + 1e-9)


@pytest.mark.parametrize("target", ["one", "two", pytest.param("classes", marks=pytest.mark.slow)])
def test_bitwise_the_same_whatever_n_jobs(target):
    estimator, X, y = data(target, n=60, d=4)
    models = [estimator(n_arrangements=10, random_state=5, n_jobs=n_jobs).fit(X, y) for n_jobs in (None, 2)]
    for name in ("convex_coef_", "arrangements_", "dual_coef_", "objectives_"):
        assert_array_equal(getattr(models[0], name), getattr(models[1], name))
    assert models[0].certificate_ == models[1].certificate_


def test_refine_zero_is_false_and_an_int_limits_the_rounds():
    X, y = regression_data()
    options = {"beta": 1e-3, "n_arrangements": 10, "random_state": 0}
    off = [ConvexReLURegressor(refine=refine, **options).fit(X, y) for refine in (0, False)]
    assert off[0].objective_ == off[1].objective_
    assert off[0].certificate_.n_rounds == 0
    with pytest.warns(ConvergenceWarning, match="Increase refine or tol"):
        one = ConvexReLURegressor(refine=1, **options).fit(X, y)
    assert one.certificate_.n_rounds == 1
    assert one.objective_ < off[0].objective_
    for bad in (-1, 2.5, "yes"):
        with pytest.raises(ValueError, match="refine"):
            ConvexReLURegressor(refine=bad).fit(X, y)


def test_gated_relu_and_exact_arrangements_are_not_searched():
    X, y = regression_data(12, 2)
    gated = ConvexReLURegressor(activation="gated_relu", random_state=0).fit(X, y)
    assert gated.certificate_.lower_bound_searched is None
    assert gated.certificate_.lower_bound_proven is None
    exact = ConvexReLURegressor(arrangements="exact").fit(X, y)
    assert exact.certificate_.lower_bound_proven == pytest.approx(exact.certificate_.lower_bound_solved, rel=1e-12)


def test_zero_network_from_the_search():
    X, y = regression_data()
    model = ConvexReLURegressor(beta=1e3, random_state=0).fit(X, y)
    assert len(model.convex_coef_) == 0
    assert model.certificate_.gap_searched <= 1e-12
    assert model.certificate_.recall == 1.0
    constant = ConvexReLURegressor(random_state=0).fit(X, np.full(len(y), 2.5))
    assert constant.predict(X) == pytest.approx(2.5)


def test_sparse_data_and_integer_weights():
    X, y = regression_data(40, 3)
    X[np.abs(X) < 0.5] = 0.0
    options = {"beta": 0.01, "n_arrangements": 10, "random_state": 0}
    dense = ConvexReLURegressor(**options).fit(X, y)
    assert ConvexReLURegressor(**options).fit(sparse.csr_array(X), y).objective_ == dense.objective_
    weights = np.random.default_rng(0).integers(0, 3, 40)
    weighted = ConvexReLURegressor(**options).fit(X, y, sample_weight=weights)
    repeated = ConvexReLURegressor(**options).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    assert weighted.objective_ == repeated.objective_


@pytest.mark.parametrize("factor", [1e-4, 1e5])
def test_search_does_not_depend_on_the_units_of_y(factor):
    X, y = regression_data(40, 3)
    model = ConvexReLURegressor(n_arrangements=10, random_state=0).fit(X, y)
    scaled = ConvexReLURegressor(n_arrangements=10, random_state=0).fit(X, factor * y)
    assert scaled.objective_ == pytest.approx(factor**2 * model.objective_, rel=2e-4)


def test_search_copes_with_columns_of_very_different_size_and_lost_rank():
    X, y = regression_data(40, 3)
    X = np.column_stack([X[:, 0] + 100.0, 1e3 * X[:, 1], X[:, 2], X[:, 2], np.zeros(40)])
    model = ConvexReLURegressor(beta=0.01, tol=1e-4, random_state=0).fit(X, y)
    assert model.certificate_.gap_searched <= 1e-4


def test_warm_start_is_never_worse():
    X, y = regression_data(60, 4)
    model = ConvexReLURegressor(beta=0.01, n_arrangements=10, warm_start=True, random_state=0)
    first = model.fit(X, y).objective_
    assert model.set_params(random_state=1).fit(X, y).objective_ <= first * (1 + 1e-9)


def test_other_solvers_polish():
    pytest.importorskip("clarabel")
    X, y = regression_data(20, 2)
    options = {"beta": 0.02, "n_arrangements": 5, "random_state": 0, "tol": 1e-5}
    ours = ConvexReLURegressor(**options).fit(X, y)
    theirs = ConvexReLURegressor(solver="clarabel", **options).fit(X, y)
    assert theirs.solver_ == "clarabel"
    assert theirs.objective_ == pytest.approx(ours.objective_, rel=1e-5)


# faults end in the best point so far, with an honest certificate and a warning


def honest(model, X, y):
    """Objective recomputed from the network, and no bound above what a converged fit reaches."""
    best = ConvexReLURegressor(beta=model.beta_, random_state=0, tol=1e-6).fit(X, y).objective_
    assert nonconvex_objective(model, X, y) == pytest.approx(model.objective_, rel=1e-9)
    assert model.certificate_.lower_bound_solved <= model.objective_
    assert model.certificate_.lower_bound_searched <= best * (1 + 1e-6)


@pytest.mark.parametrize("fails", [1, 3])
def test_failing_convex_program(monkeypatch, fails):
    X, y = regression_data(30, 3)
    options = {"beta": 1e-3, "n_arrangements": 10, "random_state": 0}
    real, calls = column_generation._Search._solve, []

    def broken(self, *arguments):
        calls.append(1)
        if len(calls) >= fails:
            raise SolverError("out of order")
        return real(self, *arguments)

    monkeypatch.setattr(column_generation._Search, "_solve", broken)
    with pytest.warns(ConvergenceWarning) as record:
        model = ConvexReLURegressor(**options).fit(X, y)
    assert any("out of order" in str(warning.message) for warning in record)
    monkeypatch.undo()
    honest(model, X, y)


def test_search_that_finds_no_violation_says_what_it_is_worth(monkeypatch):
    X, y = regression_data(30, 6)  # beyond the rank up to which the fit proves its optimality by itself
    real = pricing.search_violators

    def blind(*arguments, **options):
        found = real(*arguments, **options)
        none = np.zeros(len(found.violators), dtype=bool)
        return replace(
            found, violators=found.violators[none], largest=0.0, rediscovered=np.zeros_like(found.rediscovered)
        )

    for module in (pricing, evidence):
        monkeypatch.setattr(module, "search_violators", blind)
    with pytest.warns(ConvergenceWarning, match="no evidence"):
        model = ConvexReLURegressor(beta=1e-3, n_arrangements=5, random_state=0).fit(X, y)
    certificate = model.certificate_
    assert certificate.recall == 0.0
    assert certificate.n_starts >= 800  # it went on looking until the budget was spent
    assert not certificate.is_evidence
    assert "not evidence" in certificate.verdict
    assert certificate.gap_searched >= 1e-4 * (
        1.0 - 1e-9
    )  # the bound of a search that misses what is known does not reach tol


def test_large_data_start_on_a_subsample_and_may_go_without_the_convex_program():
    X, y = regression_data(300, 3)
    options = {"beta": 0.01, "n_arrangements": 10, "random_state": 0, "tol": 1e-3}
    whole = ConvexReLURegressor(**options).fit(X, y)
    part = with_policy(ConvexReLURegressor(**options), part=100).fit(X, y)
    assert part.objective_ == pytest.approx(whole.objective_, rel=1e-3)

    def unsolved(**changes):
        model = with_policy(ConvexReLURegressor(**{**options, "tol": 1e-6, "refine": 2}), part=100, **changes)
        with pytest.warns(ConvergenceWarning, match="gap over all arrangements"):
            return model.fit(X, y)

    rough = unsolved(held=100)
    assert rough.solver_ == "descent"
    assert rough.objective_ <= whole.objective_ * 1.05
    assert rough.certificate_.lower_bound_solved <= whole.objective_
    # cones that are expensive to project on leave as much to descent as many rows do
    wide = unsolved(cones=1e-8)
    assert wide.solver_ == "descent"
    assert wide.objective_ == rough.objective_
    for limit in ("cones", "all_cones"):
        coarse = unsolved(held=100, **{limit: 1e-8})
        assert coarse.objective_ == rough.objective_
        assert coarse.certificate_.lower_bound_solved < rough.certificate_.lower_bound_solved


def test_verbose_logs_rounds(capsys):
    X, y = labels(2, 30)
    ConvexReLUClassifier(n_arrangements=5, random_state=0, verbose=1).fit(X, y)
    assert "round 1: objective" in capsys.readouterr().err


def test_output_too_small_to_matter_does_not_hold_up_the_others():
    rng = np.random.RandomState(0)
    X = rng.randn(60, 6)
    Y = np.column_stack([np.abs(X[:, 0]), 1e-3 * rng.randn(60)])
    with pytest.warns(ConvergenceWarning, match="gap over all arrangements"):
        ConvexReLURegressor(1e-5, tol=1e-2, refine=2, random_state=0).fit(X, Y[:, 1])
    together = ConvexReLURegressor(1e-5, tol=1e-2, refine=2, random_state=0).fit(X, Y)
    assert together.certificate_.gap_searched <= 1e-2


@pytest.mark.parametrize(("loss", "seed"), [("absolute_error", 0), ("quantile", 3)])
def test_losses_with_kinks_reach_their_gap(loss, seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, size=(120, 2))
    y = np.abs(X[:, 0]) + X[:, 1] + 0.5 * rng.standard_normal(120)
    model = ConvexReLURegressor(1e-3, loss=loss, quantile=0.9, tol=1e-2, random_state=0).fit(X, y)
    assert model.certificate_.gap_searched <= 1e-2


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("refine", [1, 2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_returned_is_as_good_as_the_best_round(refine, seed):
    X, y = regression_data(80, 4, seed)
    model = ConvexReLURegressor(1e-3, refine=refine, tol=1e-4, random_state=seed).fit(X, y)
    assert model.objective_ <= model.objectives_.min() * (1.0 + 1e-12)


def test_a_search_of_too_much_work_ends_with_what_it_has():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 5))
    y = np.abs(X[:, 0]) + X[:, 1] + 0.3 * rng.standard_normal(80)
    options = {"beta": 0.005, "tol": 1e-5, "random_state": 0}
    whole = ConvexReLURegressor(**options).fit(X, y)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        short = with_policy(ConvexReLURegressor(**options), program_seconds=0.0).fit(X, y)
    assert all(issubclass(w.category, ConvergenceWarning) for w in caught)
    assert any("seconds. Increase beta or tol" in str(w.message) for w in caught)
    assert short.certificate_.n_rounds == 1 < whole.certificate_.n_rounds
    assert (
        whole.objective_ * (1.0 - 1e-9)
        <= short.objective_
        <= whole.objective_ * (1.0 + short.certificate_.gap_searched + 1e-9)
    )


@pytest.mark.parametrize(("size", "walks"), [(80 * 6 - 1, 1), (80 * 6, 0)])
def test_small_penalties_are_approached_where_rounds_are_expensive(size, walks, monkeypatch):
    real, calls = column_generation.approach, []

    def spy(*args):
        calls.append(args)
        return real(*args)

    monkeypatch.setattr(column_generation, "approach", spy)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 5))  # and the hidden bias
    y = np.abs(X[:, 0]) + X[:, 1] + 0.3 * rng.standard_normal(80)
    model = with_policy(ConvexReLURegressor(0.005, tol=1e-2, random_state=0), walked=size).fit(X, y)
    assert len(calls) == walks
    assert model.certificate_.gap_searched <= 1e-2
    model.set_params(warm_start=True).fit(X, y)  # units of an earlier fit are a start already
    assert len(calls) == walks


def test_expensive_convex_programs_wait_while_descent_gains_as_much(monkeypatch):
    X, y = regression_data(120, 3)
    options = {"beta": 0.003, "n_arrangements": 10, "random_state": 0, "tol": 1e-3}
    real, polished = column_generation._Search._polish_units, []

    def spy(search, units):
        polished.append(bool(search.gap <= DEFAULT.rough or search.gained < DEFAULT.slow))
        return real(search, units)

    monkeypatch.setattr(column_generation._Search, "_polish_units", spy)
    cheap = ConvexReLURegressor(**options).fit(X, y)
    assert polished[0] is False  # the first round has neither a gap nor a gain yet
    polished.clear()
    expensive = with_policy(ConvexReLURegressor(**options), expensive_step=0.0).fit(X, y)
    assert polished
    assert all(polished)
    assert len(polished) < expensive.certificate_.n_rounds
    assert expensive.certificate_.gap_searched <= 1e-3
    assert expensive.objective_ == pytest.approx(cheap.objective_, rel=1e-3)
    # the last word is the convex program's all the same
    polished.clear()
    with pytest.warns(ConvergenceWarning, match="gap over all arrangements"):
        short = with_policy(ConvexReLURegressor(**{**options, "refine": 1}), expensive_step=0.0).fit(X, y)
    assert not polished
    assert short.solver_ != "descent"


def test_an_expensive_program_is_not_solved_on_the_strength_of_one_pricing(monkeypatch):
    """Every first pricing of a dual point is blind here; further ones see."""
    X, y = regression_data(100, 3, seed=1)
    price_round, seen, closed = dual_points.price_round, [], []
    close = column_generation._Search._close

    def blind_at_first(program, units, dual, *rest, **options):
        found = price_round(program, units, dual, *rest, **options)
        if any(dual is known for known in seen):
            return found
        seen.append(dual)
        return replace(found, violators=no_units(program), largest=program.beta)

    monkeypatch.setattr(dual_points, "price_round", blind_at_first)
    monkeypatch.setattr(
        column_generation._Search, "_close", lambda search: (closed.append(search.gap), close(search))[1]
    )
    options = {"beta": 1e-3, "tol": 1e-3, "n_arrangements": 5, "random_state": 0}
    trusting = with_policy(ConvexReLURegressor(**options)).fit(X, y)
    in_vain = len(closed) - 1
    closed.clear()
    doubting = with_policy(ConvexReLURegressor(**options), expensive_step=0.0).fit(X, y)
    assert len(closed) - 1 < in_vain
    assert doubting.certificate_.gap_searched <= 1e-3
    assert doubting.objective_ == pytest.approx(trusting.objective_, rel=2e-3)
