"""The program verifies points by itself: weak duality, prices, intercepts, the zero network."""

from dataclasses import replace

import numpy as np
import pytest
from problems import KINDS, make_program, with_beta
from scipy.optimize import minimize

from skconvrelu import program as program_module
from skconvrelu import solvers
from skconvrelu.cones.cone_faces import ConeFaces
from skconvrelu.program import ConvexProgram
from skconvrelu.solution import Candidate, evaluate
from skconvrelu.solvers import solve_program


def random_candidate(program, seed, size=0.1):
    """Feasible vectors (projected gradients) of random length, and the dual point of their outputs."""
    from skconvrelu.cones import project

    rng = np.random.default_rng(seed)
    blocks = np.sort(rng.choice(program.n_blocks, size=3, replace=False))
    V = rng.standard_normal((3, program.X.shape[1]))
    if program.constrained:
        V = project(program.X, program.patterns[program.block_patterns[blocks]], V).points
    coef = size * V
    return Candidate(blocks, coef, program.dual_point(program.outputs(blocks, coef)), 1, False)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("constrained", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_gap_of_any_point_contains_the_optimum(kind, constrained, fit_intercept):
    program = make_program(kind, constrained=constrained, fit_intercept=fit_intercept, seed=3)
    optimum = solve_program(program, solver="scipy", tol=1e-9, max_iter=300).objective
    for seed in range(4):
        solution = evaluate(program, random_candidate(program, seed), solver="none")
        assert solution.dual_objective <= optimum * (1 + 1e-9)
        assert solution.objective >= optimum * (1 - 1e-9)
        assert solution.gap >= solution.objective - optimum - 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_dual_point_is_feasible(kind):
    program = make_program(kind, seed=4)
    solution = solve_program(program, solver="scipy", tol=1e-6, max_iter=300)
    upper, _ = program.prices(solution.dual)
    assert upper.max() <= program.beta * (1 + 1e-8)
    basis = program.intercept_basis
    np.testing.assert_allclose(basis.T @ solution.dual.sum(axis=0), 0.0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [0.5, 30.0])
def test_best_intercept_minimises_the_loss(kind, size):
    program = make_program(kind, seed=5)
    F = size * np.random.default_rng(0).standard_normal(program.Y.shape)
    b = program.best_intercept(F)
    found = minimize(lambda c: program.loss_value(F + c), np.zeros(program.Y.shape[1]), tol=1e-12)
    assert program.loss_value(F + b) <= found.fun + 1e-10
    if program.loss.smooth:
        gradient = program.intercept_basis.T @ (program.weights @ program.loss.gradient(F + b, program.Y))
        np.testing.assert_allclose(gradient, 0.0, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("constrained", [True, False])
def test_zero_network_exactly_from_beta_max_on(kind, constrained):
    program = make_program(kind, constrained=constrained, seed=6)
    beta_max = program.beta_max()
    zero = solve_program(with_beta(program, beta_max), solver="scipy", tol=1e-4, max_iter=300)
    assert not len(zero.blocks)
    # beta_max is known to 1e-12; the gap is of second order in it for smooth losses only, which leaves what the bound gives up for rounding
    assert zero.gap <= (1e-13 if program.loss.smooth else 1e-11)
    if kind == "hinge":  # the constant meets the kinks of a whole class, so that beta_max is a bound
        below = solve_program(with_beta(program, 0.1 * beta_max), solver="scipy", tol=1e-8, max_iter=300)
    else:
        below = solve_program(with_beta(program, 0.999 * beta_max), solver="scipy", tol=1e-9, max_iter=300)
    assert len(below.blocks)
    assert below.objective < zero.objective


@pytest.mark.parametrize("constrained", [True, False])
def test_small_penalties_refute_the_zero_network_by_a_few_projections(constrained, monkeypatch):
    program = make_program("squared_error", n=60, n_gates=40, constrained=constrained)
    beta_max, looked = program.beta_max(), []
    monkeypatch.setattr(ConeFaces, "project", counted(ConeFaces.project, looked))
    zero = solvers._zero_network(with_beta(program, 1.0005 * beta_max), "scipy")
    assert zero is not None
    assert zero.dual_objective == pytest.approx(zero.objective, rel=1e-12)
    assert not looked or sum(looked) <= program.n_blocks
    looked.clear()
    monkeypatch.setattr(ConvexProgram, "prices", None)  # the exact ones are not asked for
    assert solvers._zero_network(with_beta(program, 0.5 * beta_max), "scipy") is None
    assert sum(looked) <= (solvers._LONGEST * (1 + solvers._MORE) if constrained else 0)


def counted(project, looked):
    def call(self, V, cones, **options):
        looked.append(len(cones))
        return project(self, V, cones, **options)

    return call


def test_a_dual_point_that_does_not_sum_to_zero_proves_nothing():
    program = make_program("squared_error", seed=7)
    dual = program.dual_point(np.zeros_like(program.Y))
    assert np.isfinite(program.dual_value(dual))
    dual[0] += 0.01
    assert program.dual_value(dual) == -np.inf
    assert np.isfinite(program.dual_value(program.balanced_dual(dual)))


def test_wrong_multipliers_never_shrink_the_gap():
    """Multipliers only give upper bounds of prices: bad ones cost accuracy, not validity."""
    program = make_program("squared_error", seed=8)
    optimum = solve_program(program, solver="scipy", tol=1e-9, max_iter=300).objective
    candidate = random_candidate(program, 1)
    rng = np.random.default_rng(0)
    lying = Candidate(
        candidate.blocks,
        candidate.coef,
        candidate.dual,
        1,
        True,
        priced=np.arange(program.n_blocks),
        multipliers=rng.uniform(0.0, 1.0, (program.n_blocks, len(program.X))),
    )
    solution = evaluate(program, lying, solver="none")
    assert solution.dual_objective <= optimum
    assert solution.gap >= solution.objective - optimum


def test_prices_of_a_dual_point_are_computed_once_and_those_of_another_one_anew(monkeypatch):
    program = make_program("squared_error", n=60, n_gates=40)
    dual, asked = program.zero_dual(), []
    real = program_module.project
    monkeypatch.setattr(program_module, "project", lambda X, P, V, **o: asked.append(len(V)) or real(X, P, V, **o))
    exact = replace(program).prices(dual, rtol=1e-12)[0]
    asked.clear()
    level = float(np.median(exact))
    upper, _ = program.prices(dual, level=level)
    assert ((upper > level) == (exact > level)).all()
    again = program.prices(dual.copy(), level=level, blocks=np.arange(10))
    np.testing.assert_array_equal(again[0], upper[:10])
    assert asked == [program.n_blocks]
    # a higher level asks for those above this one only, more digits for all of them
    program.prices(dual, level=float(np.quantile(exact, 0.75)))
    assert 0 < asked[1] <= (program.n_blocks + 1) // 2
    np.testing.assert_allclose(program.prices(dual, rtol=1e-11)[0], exact, rtol=1e-6, atol=1e-10 * exact.max())
    assert program.top_price(dual, np.arange(program.n_blocks), level=0.0, rtol=1e-9)[0] == pytest.approx(exact.max())
    moved = program.prices(2.0 * dual, level=level)[0]
    assert moved.max() > upper.max()
    dual[0] += 1.0  # written to by whoever owns it
    np.testing.assert_allclose(program.prices(dual)[0], replace(program).prices(dual)[0], rtol=1e-8)


def test_some_of_the_rows_may_lack_what_made_a_column_large():
    """The fill value of a column may be on the rows that are left out: squares of the rest are no numbers beside other columns."""
    program = make_program("squared_error", n=12, d=3, fit_intercept=False)
    X = program.X * np.array([1.0, 1e-120, 1e-90])
    X[0, 1] = 1.0
    part = replace(program, X=X).on_rows(np.arange(1, 12))
    np.testing.assert_array_equal(part.X[:, [0, 2]], X[1:, [0, 2]])
    assert not part.X[:, 1].any()
    np.testing.assert_array_equal(replace(program, X=X).on_rows(np.arange(6)).X, X[:6])
