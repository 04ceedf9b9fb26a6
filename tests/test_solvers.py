"""Every backend against an independent cvxpy formulation, and where problems get hard."""

import dataclasses
import warnings
from dataclasses import replace

import numpy as np
import pytest
from problems import KINDS, make_program
from sklearn.exceptions import ConvergenceWarning

from skconvrelu import ConvexReLURegressor, solvers
from skconvrelu.losses import SquaredError
from skconvrelu.program import ConvexProgram
from skconvrelu.solution import Candidate, evaluate
from skconvrelu.solvers import (
    SolverError,
    SolverUnavailableError,
    clarabel,
    conic,
    growing_newton,
    solve_program,
    working_set,
)
from skconvrelu.solvers.choice import DEFAULT

# kind x activation x intercept x (n > d, n < d), weights alternating
GRID = [
    pytest.param(kind, constrained, fit_intercept, shape, weighted, id=f"{kind}-{shape[0]}x{shape[1]}")
    for kind in KINDS
    for constrained in (True, False)
    for k, fit_intercept in enumerate((True, False))
    for shape, weighted in (((30, 3), k == 0), ((8, 12), k == 1))
]


def formula(loss):
    """The name by which the reference knows a loss, with its parameter."""
    parameter = getattr(loss, "epsilon", getattr(loss, "quantile", None))
    return loss.name if parameter is None else f"{loss.name}:{parameter}"


@pytest.fixture(scope="module")
def reference():
    pytest.importorskip("cvxpy")
    from reference import cvxpy_optimum

    cache = {}

    def optimum(kind, constrained, fit_intercept, shape, weighted):
        key = (kind, constrained, fit_intercept, shape, weighted)
        if key not in cache:
            n, d = shape
            program = make_program(
                kind, n=n, d=d, constrained=constrained, fit_intercept=fit_intercept, weighted=weighted, seed=n
            )
            value = cvxpy_optimum(
                program.X,
                program.Y,
                program.weights,
                program.patterns,
                formula(program.loss),
                program.beta,
                constrained=constrained,
                fit_intercept=fit_intercept,
            )
            cache[key] = program, value + program.weights @ program.loss.dropped(program.Y)
        return cache[key]

    return optimum


@pytest.mark.parametrize(("kind", "constrained", "fit_intercept", "shape", "weighted"), GRID)
@pytest.mark.parametrize("solver", ["scipy", "clarabel", "clarabel-dual"])
def test_backends_reach_the_reference_optimum(solver, kind, constrained, fit_intercept, shape, weighted, reference):
    program, optimum = reference(kind, constrained, fit_intercept, shape, weighted)
    if solver == "scipy":
        solution = working_set.solve(program, tol=1e-8, max_iter=300)
    else:
        pytest.importorskip("clarabel")
        if solver == "clarabel-dual" and not isinstance(program.loss, SquaredError):
            pytest.skip("the dual side is built for squared_error only")
        form = conic.conic_form(program, "dual" if solver == "clarabel-dual" else "primal")
        candidate = form.read(clarabel.solve_form(form, accuracy=1e-10, max_iter=200))
        solution = evaluate(program, candidate, solver=solver)
    assert solution.objective == pytest.approx(optimum, rel=1e-6)
    assert solution.cone_violation < 1e-7
    assert solution.gap >= (solution.objective - optimum) - 1e-9 * optimum
    assert solution.gap <= 1e-5 * optimum


def test_several_rounds_of_the_working_set_reach_the_direct_optimum():
    program = make_program("squared_error", n=60, d=6, n_gates=60, seed=1, fraction=0.03)
    direct = working_set.solve(program, tol=1e-7, max_iter=500)
    rounds = working_set.solve(program, tol=1e-7, max_iter=500, choice=replace(DEFAULT, direct=0.0, first=5))
    assert rounds.objective == pytest.approx(direct.objective, rel=2e-7)
    assert rounds.is_optimal(1e-7)


def test_a_start_does_not_change_the_optimum():
    program = make_program("log_loss", n=60, d=6, n_gates=60, seed=2, fraction=0.1)
    choice = replace(DEFAULT, direct=0.0)
    cold = working_set.solve(program, tol=1e-7, max_iter=500, choice=choice)
    warm = working_set.solve(program, tol=1e-7, max_iter=500, start=cold, choice=choice)
    assert warm.objective == pytest.approx(cold.objective, rel=2e-7)
    assert warm.n_iter < cold.n_iter


def test_a_rough_start_that_leads_nowhere_is_given_up():
    """A few Newton steps at a weak penalty leave a point that the interior point hardly moves from."""
    program = make_program("log_loss", n=200, d=4, n_gates=80, fraction=0.03)
    rough = growing_newton.solve(program, tol=1e-6, max_iter=48)
    alone = working_set.solve_all(program, tol=1e-6, max_iter=1000)
    found = working_set.solve_all(program, tol=1e-6, max_iter=1000, start=rough)
    assert found.is_optimal(1e-6)
    most = int(10 * DEFAULT.iterations)
    assert found.n_iter == most + alone.n_iter
    # what rounding stops is not begun anew, and what was better is kept
    again = working_set.solve_all(program, tol=1e-15, max_iter=1000, start=alone)
    assert again.gap <= alone.gap
    short = working_set.solve_all(program, tol=1e-6, max_iter=most + 2, start=rough)
    assert short.gap <= rough.gap
    assert short.n_iter == most + 2


HARD = {
    "one sample": {"n": 1, "d": 3, "n_gates": 12},
    "one feature": {"n": 20, "d": 1, "n_gates": 4},
    "tiny beta": {"fraction": 1e-6},
    "beta close to its maximum": {"fraction": 0.9999},
}


@pytest.mark.parametrize("case", HARD)
@pytest.mark.parametrize("kind", ["squared_error", "log_loss"])
@pytest.mark.parametrize("constrained", [True, False])
def test_hard_sizes_and_penalties(case, kind, constrained):
    options = HARD[case]
    if kind == "log_loss" and options.get("n") == 1:
        pytest.skip("one sample has one class")
    program = make_program(kind, constrained=constrained, fit_intercept=False, seed=9, **options)
    solution = working_set.solve(program, tol=1e-6, max_iter=500)
    assert solution.is_optimal(1e-6)
    assert solution.cone_violation < 1e-7


@pytest.mark.parametrize("scale", [1e-6, 1e6])
@pytest.mark.parametrize("target_scale", [1e-6, 1.0, 1e6])
def test_scales_of_data_and_targets(scale, target_scale):
    """Scaling X, y and beta together scales the optimum and nothing else."""
    program = make_program("squared_error", seed=10, fit_intercept=False)
    plain = working_set.solve(program, tol=1e-8, max_iter=300)
    scaled = dataclasses.replace(
        program, X=scale * program.X, Y=target_scale * program.Y, beta=scale * target_scale * program.beta
    )
    solution = working_set.solve(scaled, tol=1e-8, max_iter=300)
    assert solution.objective == pytest.approx(target_scale**2 * plain.objective, rel=1e-7)
    assert solution.is_optimal(1e-8)


def test_constant_duplicated_and_vanishing_columns():
    rng = np.random.default_rng(11)
    x = rng.standard_normal((25, 2))
    X = np.hstack([x, x, np.ones((25, 2)), np.zeros((25, 1)), 1e-9 * rng.standard_normal((25, 1))])
    patterns = np.unique((X @ rng.standard_normal((8, 10)) >= 0).T, axis=0)
    program = ConvexProgram.over_patterns(
        X, rng.standard_normal((25, 1)), np.full(25, 1 / 25), patterns[patterns.any(axis=1)], SquaredError(), 0.01
    )
    assert working_set.solve(program, tol=1e-7, max_iter=300).is_optimal(1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_cones_without_interior(seed):
    """Integer data and gates: samples lie on the hyperplanes, and some cones are lower dimensional."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-1, 2, (24, 4)).astype(float)
    patterns = np.unique((X @ rng.integers(-1, 2, (4, 12)) >= 0).T, axis=0)
    program = ConvexProgram.over_patterns(
        X, rng.standard_normal((24, 1)), np.full(24, 1 / 24), patterns, SquaredError(), 0.01, fit_intercept=False
    )
    solution = working_set.solve(program, tol=1e-6, max_iter=300)
    assert solution.is_optimal(1e-6)
    assert solution.cone_violation < 1e-7


def test_independent_outputs_add_up():
    program = make_program("squared_error-3", seed=12)
    whole = working_set.solve(program, tol=1e-8, max_iter=300)
    parts = solve_program(program, solver="scipy", tol=1e-8, max_iter=300)
    assert parts.objective == pytest.approx(whole.objective, rel=1e-7)
    F = program.outputs(parts.blocks, parts.coef) + parts.intercept
    assert program.loss_value(F) + program.penalty(parts.coef) == pytest.approx(parts.objective, rel=1e-12)


def test_iteration_limit_warns_and_keeps_an_honest_gap():
    program = make_program("squared_error", seed=13, n_gates=20)
    optimum = working_set.solve(program, tol=1e-9, max_iter=300).objective
    with pytest.warns(ConvergenceWarning, match="Increase max_iter"):
        solution = solve_program(program, solver="scipy", tol=1e-6, max_iter=3)
    assert solution.gap >= solution.objective - optimum > 0.0


def test_a_failing_backend_is_replaced_and_said_so(monkeypatch):
    program = make_program("squared_error", seed=14)

    def fail(program, *, tol, max_iter, start):
        raise SolverError("Clarabel ended with status NumericalError.")

    monkeypatch.setitem(solvers.SOLVERS, "clarabel", solvers.Backend(fail, "nothing"))
    with pytest.warns(ConvergenceWarning, match="NumericalError.*the scipy solver took over"):
        solution = solve_program(program, solver="clarabel", tol=1e-6, max_iter=300)
    assert solution.solver == "scipy"
    assert solution.is_optimal(1e-6)


def test_a_lying_backend_is_found_out(monkeypatch):
    """A backend that claims success with a poor point: the gap is computed, not believed."""
    program = make_program("squared_error", seed=15)
    good = working_set.solve(program, tol=1e-6, max_iter=300)

    def lie(program, *, tol, max_iter, start):
        return evaluate(
            program,
            Candidate(good.blocks, 2.0 * good.coef, good.dual, 1, True),
            solver="clarabel",
        )

    monkeypatch.setitem(solvers.SOLVERS, "clarabel", solvers.Backend(lie, "nothing"))
    with pytest.warns(ConvergenceWarning, match="stopped at a relative gap"):
        solution = solve_program(program, solver="clarabel", tol=1e-6, max_iter=300)
    assert solution.objective == pytest.approx(good.objective, rel=1e-5)


def test_missing_backend_names_the_remedy(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "clarabel", None)
    with pytest.raises(SolverUnavailableError, match=r"pip install skconvrelu\[clarabel\]"):
        solve_program(make_program("squared_error"), solver="clarabel", tol=1e-6, max_iter=100)


@pytest.mark.filterwarnings("ignore:X. its columns:UserWarning")
@pytest.mark.parametrize("beta", [1e-6, 1e-9])
@pytest.mark.parametrize("offset", [0.0, 2016.0, 1e6])
def test_no_fit_is_worse_than_no_network(offset, beta):
    """A feature far from zero beside its own spread, and next to no penalty: an honest gap, never an explosion."""
    X = offset + np.arange(9.0)[:, None]
    y = np.array([1.0, 2.0, 1.5, 3.0, 2.5, 4.0, 3.0, 2.0, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = ConvexReLURegressor(beta, arrangements="exact").fit(X, y)
    certificate = model.certificate_
    assert certificate.objective <= 0.5 * y.var() * (1.0 + 1e-12)  # published from above
    assert 0.0 <= certificate.lower_bound_proven <= certificate.objective
    residuals = model.predict(X) - y
    penalty = beta * np.linalg.norm(model.convex_coef_, axis=1).sum()
    assert 0.5 * np.mean(residuals**2) + penalty == pytest.approx(model.objective_, rel=1e-4)


def test_an_interpolating_fit_reaches_its_tolerance():
    """With beta = 1e-9 a unit that paid for the loss would be a hundred million times too long to start from."""
    y = np.array([0.0, 1.0, 0.0, 1.5, 1.0, 0.0, 0.5, 2.0])
    model = ConvexReLURegressor(1e-9, arrangements="exact", tol=1e-4).fit(np.arange(8.0)[:, None], y)
    assert model.dual_gap_ <= 1e-4 * model.objective_
    assert model.objective_ < 1e-7


def test_an_unknown_solver_is_refused_with_what_the_known_ones_need():
    with pytest.raises(
        ValueError, match=r"'mosek' .needs the package mosek and a licence.*or a callable, got 'simplex'"
    ):
        solvers.choose_solver("simplex")
