"""Cold solves on a growing working set: against the interior point, with a gap that projections of their own confirm."""

from dataclasses import replace

import numpy as np
import pytest
from problems import SMOOTH, make_program

from skconvrelu.program import ConvexProgram
from skconvrelu.solution import Solution
from skconvrelu.solvers import growing_newton, scipy_cold_start, working_set
from skconvrelu.solvers.choice import DEFAULT
from skconvrelu.solvers.proximal_newton import ProximalNewton


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", SMOOTH)
def test_reaches_the_optimum_of_the_interior_point(kind, fit_intercept):
    program = make_program(kind, n=120, d=3, n_gates=60, fraction=0.02, fit_intercept=fit_intercept)
    reference = working_set.solve_all(program, tol=1e-9, max_iter=500)
    found = growing_newton.solve(program, tol=1e-7, max_iter=2000)
    assert found.is_optimal(1e-7)
    assert abs(found.objective - reference.objective) <= 2e-7 * reference.objective
    assert found.cone_violation <= 1e-9
    # projections by an interior point, which knows nothing of the solve: nothing prices above beta, to the accuracy of their two bounds
    upper, lower = program.prices(found.dual, rtol=1e-10)
    assert lower.max() <= program.beta * (1.0 + 1e-8)
    assert upper.max() <= program.beta * (1.0 + 3e-6)
    # less what rounding may have taken
    assert program.dual_value(found.dual) * (1.0 - 1e-11) <= found.dual_objective <= program.dual_value(found.dual)
    assert len(found.blocks) > 3


def test_the_working_set_grows_and_a_start_is_used(monkeypatch):
    program = make_program("squared_error", n=200, d=4, n_gates=80, fraction=0.01)
    sets, restrict = [], ConvexProgram.restrict
    monkeypatch.setattr(
        ConvexProgram, "restrict", lambda self, blocks: sets.append(set(blocks)) or restrict(self, blocks)
    )
    cold_solve = growing_newton.solve(program, tol=1e-6, max_iter=2000)
    print([len(s) for s in sets])
    at_the_penalty = sets[-2:]  # blocks entered after the approach, too
    assert at_the_penalty[0] < at_the_penalty[1]
    assert len(sets[0]) == DEFAULT.first < len(cold_solve.blocks)
    again = growing_newton.solve(program, tol=1e-6, max_iter=2000, start=cold_solve)
    assert again.n_iter < 0.5 * cold_solve.n_iter
    assert again.objective == pytest.approx(cold_solve.objective, rel=2e-6)


def test_falling_penalties_choose_the_blocks_that_matter():
    """Fewer Newton steps than by a working set that grows at the penalty itself."""
    program = make_program("squared_error", n=200, d=4, n_gates=80, fraction=0.01)
    approached = growing_newton.solve(program, tol=1e-6, max_iter=2000)
    one = np.linalg.norm(program.zero_gradients, axis=1).argmax(keepdims=True)
    start = Solution.unverified(program, one, 1e-6 * program.zero_gradients[one])  # which needs no approach
    direct = growing_newton.solve(program, tol=1e-6, max_iter=2000, start=start)
    assert approached.objective == pytest.approx(direct.objective, rel=2e-6)
    assert approached.n_iter < 0.8 * direct.n_iter


def test_it_ends_with_an_honest_gap_when_iterations_run_out():
    program = make_program("squared_error", n=200, d=4, n_gates=80, fraction=0.01)
    short = growing_newton.solve(program, tol=1e-9, max_iter=10)
    best = growing_newton.solve(program, tol=1e-9, max_iter=2000)
    assert short.gap > 1e-9 * short.objective
    assert short.dual_objective <= best.objective <= short.objective


@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.5])
@pytest.mark.parametrize("max_iter", [8, 1000])
def test_every_newton_step_is_counted_once(fraction, max_iter, monkeypatch):
    steps, step = [], ProximalNewton._newton_step
    monkeypatch.setattr(ProximalNewton, "_newton_step", lambda self, point: steps.append(1) or step(self, point))
    program = make_program("squared_error", n=150, d=4, n_gates=60, fraction=fraction)
    found = growing_newton.solve(program, tol=1e-6, max_iter=max_iter)
    assert found.n_iter == len(steps) <= max_iter


def test_the_interior_point_takes_over_after_as_much_work():
    """Weak penalties of noise leave more variables than samples; both kinds of steps are counted."""
    choice = replace(DEFAULT, steps=0.0)
    program = make_program("squared_error", n=200, d=4, n_gates=80, fraction=0.003)
    steps = choice.newton_steps(program)
    newton = growing_newton.solve(program, tol=1e-6, max_iter=steps)
    assert not newton.is_optimal(1e-6)
    assert 0.2 * steps <= newton.n_iter <= steps
    alone = working_set.solve(program, tol=1e-6, max_iter=1000)
    found = scipy_cold_start.solve(program, tol=1e-6, max_iter=1000, choice=choice)
    assert found.is_optimal(1e-6)
    assert found.n_iter == newton.n_iter + alone.n_iter


@pytest.mark.parametrize(("n", "d", "n_gates", "fraction", "taken"), [
    (60, 3, 40, 0.1, False), (400, 8, 100, 0.1, True), (400, 8, 100, 0.02, True), (100, 4, 60, 0.5, False), (150, 4, 60, 0.01, False),
    (80, 25, 40, 0.5, False), (300, 25, 100, 0.5, True), (300, 25, 100, 0.01, False),
])  # fmt: skip
def test_it_takes_strong_penalties_and_what_is_large_and_the_interior_point_the_rest(
    n, d, n_gates, fraction, taken, monkeypatch
):
    calls = []
    monkeypatch.setattr(
        growing_newton, "solve", lambda *a, _solve=growing_newton.solve, **k: calls.append(1) or _solve(*a, **k)
    )
    program = make_program("squared_error", n=n, d=d, n_gates=n_gates, fraction=fraction)
    assert scipy_cold_start.solve(program, tol=1e-5, max_iter=1000).is_optimal(1e-5)
    assert len(calls) == taken


def test_newton_steps_are_worth_more_where_the_systems_of_all_blocks_are_large():
    many = make_program("squared_error", n=400, d=8, n_gates=400, fraction=0.5)
    half = many.restrict(np.arange(many.n_blocks // 2))
    assert DEFAULT.newton_steps(many) > 1.5 * DEFAULT.newton_steps(half)
    assert DEFAULT.newton_steps(replace(many, beta=1e-6 * many.beta)) is None


def test_a_breakdown_is_taken_over_by_the_interior_point(monkeypatch):
    def fails(*args, **kwargs):
        raise np.linalg.LinAlgError("singular")

    program = make_program("squared_error", n=200, d=4, n_gates=60, fraction=0.05)
    monkeypatch.setattr(growing_newton, "solve", fails)
    assert scipy_cold_start.solve(program, tol=1e-6, max_iter=1000).is_optimal(1e-6)
