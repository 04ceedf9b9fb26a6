"""Newton's method on nonzero blocks: against the interior point and a conic solver, and what it does where it does not pay."""

from dataclasses import replace

import numpy as np
import pytest
from problems import SMOOTH, make_program, with_beta

from skconvrelu import ConvexReLURegressor
from skconvrelu.solvers import block_newton, block_systems, clarabel, scipy_cold_start, working_set
from skconvrelu.solvers.block_newton import BlockNewton
from skconvrelu.solvers.block_preconditioner import BlockPreconditioner
from skconvrelu.solvers.block_systems import BlockSystems


def fails(*args, **kwargs):
    raise np.linalg.LinAlgError("singular")


def gated(kind="squared_error", **sizes):
    return make_program(kind, constrained=False, **({"n": 150, "d": 4, "n_gates": 60, "fraction": 0.1} | sizes))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("fraction", [0.5, 0.05])
@pytest.mark.parametrize("kind", SMOOTH)
def test_reaches_the_optimum_of_the_interior_point(kind, fraction, fit_intercept):
    program = gated(kind, fraction=fraction, fit_intercept=fit_intercept)
    reference = working_set.solve_all(program, tol=1e-10, max_iter=500)
    found = block_newton.solve(program, tol=1e-8, max_iter=1000)
    assert found.is_optimal(1e-8)
    assert abs(found.objective - reference.objective) <= 2e-8 * reference.objective
    prices = np.linalg.norm(program.gradients(found.dual, np.arange(program.n_blocks)), axis=1)
    assert prices.max() <= program.beta * (1.0 + 1e-8)
    assert found.dual_objective == pytest.approx(program.dual_value(found.dual), rel=1e-12)
    assert len(found.blocks) >= 2


def test_agrees_with_a_conic_solver():
    program = gated(n=60, n_gates=30)
    reference = clarabel.solve(program, tol=1e-9, max_iter=200)
    assert block_newton.solve(program, tol=1e-8, max_iter=500).objective == pytest.approx(reference.objective, rel=1e-7)


@pytest.mark.parametrize("kind", ["squared_error", "log_loss-3"])
def test_steps_converge_quadratically(kind):
    """At the optimum's blocks the expected gain is squared from step to step, up to a constant."""
    program = gated(kind, n=200)
    solution = block_newton.solve(program, tol=1e-10, max_iter=500)
    newton = BlockNewton(program, replace(solution, coef=1.05 * solution.coef), np.inf)
    gains = np.array([newton._newton_step(program) for _ in range(3)])
    assert gains[0] > 1e-8
    assert gains[1] < 0.05 * gains[0]
    assert gains[2] < 0.05 * gains[1] or gains[2] < 1e-15


@pytest.mark.parametrize("kind", ["squared_error", "log_loss-3", "squared_hinge"])
def test_every_step_lowers_the_objective_and_is_counted(kind, monkeypatch):
    program = gated(kind, fraction=0.03)
    values, step = [], BlockNewton._newton_step

    def watched(self, at_beta):
        before = at_beta.loss_value(self.F) + at_beta.penalty(self.coef)
        expected = step(self, at_beta)
        values.append((before, at_beta.loss_value(self.F) + at_beta.penalty(self.coef), expected))
        return expected

    monkeypatch.setattr(BlockNewton, "_newton_step", watched)
    found = block_newton.solve(program, tol=1e-8, max_iter=1000)
    before, after, expected = np.array(values).T
    assert (after <= before * (1.0 + 2e-15)).all()
    assert (after < before)[expected > 1e-14].all()
    assert found.n_iter == len(values)


def test_blocks_leave_and_enter():
    """From a start on the wrong blocks, those of another penalty's and some with outputs of the wrong sign."""
    program = gated(fraction=0.1)
    reference = block_newton.solve(program, tol=1e-9, max_iter=500)
    other = np.setdiff1d(np.arange(program.n_blocks), reference.blocks)[:10]
    start = replace(reference, blocks=other, coef=np.random.default_rng(0).standard_normal((10, program.X.shape[1])))
    found = block_newton.solve(program, tol=1e-9, max_iter=500, start=start)
    assert found.objective == pytest.approx(reference.objective, rel=1e-8)
    assert set(found.blocks) == set(reference.blocks)
    again = block_newton.solve(program, tol=1e-9, max_iter=500, start=reference)
    assert again.n_iter < 0.3 * reference.n_iter


def test_falling_penalties_keep_systems_small(monkeypatch):
    """Hardly a block enters that is not needed in the end, and most steps are on fewer."""
    program = gated(n=400, n_gates=200, fraction=0.03)
    sizes = []
    monkeypatch.setattr(
        BlockNewton,
        "_newton_step",
        lambda self, p, _step=BlockNewton._newton_step: sizes.append(len(self.blocks)) or _step(self, p),
    )
    found = block_newton.solve(program, tol=1e-6, max_iter=500)
    assert max(sizes) <= 1.5 * len(found.blocks)
    assert np.mean(sizes) < 0.8 * max(sizes)


def test_equal_blocks_are_no_obstacle():
    """A Hessian that is singular along the difference of two copies of a block."""
    program = gated(fraction=0.1)
    doubled = replace(
        program, block_patterns=np.repeat(program.block_patterns, 2), block_directions=np.repeat(program.block_directions, 2, 0)
    )  # fmt: skip
    reference = block_newton.solve(program, tol=1e-8, max_iter=500)
    found = block_newton.solve(doubled, tol=1e-8, max_iter=500)
    assert found.objective == pytest.approx(reference.objective, rel=2e-8)


@pytest.mark.parametrize("max_iter", [0, 3, 11])
def test_it_ends_with_an_honest_gap_when_iterations_run_out(max_iter):
    program = gated(fraction=0.03)
    short = block_newton.solve(program, tol=1e-9, max_iter=max_iter)
    best = block_newton.solve(program, tol=1e-9, max_iter=1000)
    assert short.n_iter <= max_iter
    assert short.gap > 1e-9 * short.objective
    assert short.dual_objective <= best.objective <= short.objective


def test_it_gives_up_where_it_needs_more_work_than_it_is_worth():
    program = gated(fraction=0.02)
    whole = block_newton.solve(program, tol=1e-6, max_iter=500)
    worth = 0.3 * block_newton._LIKELY * block_newton._step_flops(program, len(whole.blocks))
    short = block_newton.solve(program, tol=1e-6, max_iter=500, worth=worth)
    assert not short.is_optimal(1e-6)
    assert short.n_iter < 0.7 * whole.n_iter


def test_above_the_largest_penalty_nothing_moves():
    program = gated()
    found = block_newton.solve(with_beta(program, 20.0 * program.beta), tol=1e-8, max_iter=100)
    assert (found.n_iter, len(found.blocks)) == (0, 0)
    assert found.is_optimal(1e-8)


@pytest.mark.parametrize(("kind", "fraction", "taken"), [
    ("squared_error", 0.3, True), ("squared_error", 0.05, True), ("squared_error", 0.01, False), ("log_loss", 0.3, True),
    ("log_loss", 0.03, True), ("log_loss", 0.002, False), ("quantile", 0.3, False),
])  # fmt: skip
def test_cold_solves_begin_with_it_where_few_blocks_are_nonzero(kind, fraction, taken, monkeypatch):
    calls = []
    monkeypatch.setattr(
        block_newton, "solve", lambda *a, _solve=block_newton.solve, **k: calls.append(1) or _solve(*a, **k)
    )
    found = scipy_cold_start.solve(gated(kind, n=400, d=6, fraction=fraction), tol=1e-6, max_iter=1000)
    assert found.is_optimal(1e-6)
    assert len(calls) == taken


def test_the_interior_point_finishes_what_it_gives_up(monkeypatch):
    program = gated(fraction=0.1)
    alone = working_set.solve(program, tol=1e-6, max_iter=1000)
    looks = iter([True] * 5)
    monkeypatch.setattr(block_newton, "pays", lambda *args: next(looks, False))
    found = scipy_cold_start.solve(program, tol=1e-6, max_iter=1000)
    assert found.is_optimal(1e-6)
    assert found.n_iter > alone.n_iter


def test_hessians_without_a_factor_are_lifted(monkeypatch):
    matrix = np.diag([1.0, -1e-9])
    assert block_systems._solution(matrix.copy(), np.ones(2), 1e-12) is None
    np.testing.assert_allclose(block_systems._solution(matrix, np.ones(2), 1e-3), [-1.0 / 1.001, -1e3], rtol=1e-5)
    program = gated(fraction=0.1)
    reference = block_newton.solve(program, tol=1e-8, max_iter=500)
    step, refused = BlockSystems.step, []

    def refusing(self, *args, exact):
        if args[-1] < 1e-9:
            return refused.append(args[-1])
        assert exact
        return step(self, *args, exact=exact)

    monkeypatch.setattr(BlockSystems, "step", refusing)
    found = block_newton.solve(program, tol=1e-8, max_iter=500)
    assert refused
    assert found.objective == pytest.approx(reference.objective, rel=2e-8)


def test_nothing_that_moves_is_no_step():
    newton = BlockNewton(gated(fit_intercept=False), None, np.inf)
    assert newton._newton_step(newton.program) == 0.0


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", ["squared_error", "log_loss", "log_loss-3", "squared_hinge"])
def test_steps_on_either_side_solve_the_system_of_finite_differences(kind, fit_intercept, limit, monkeypatch):
    """Many entries of blocks beside few samples, and the Hessian by central differences of the objective's gradient."""
    program = gated(kind, n=40, d=6, n_gates=30, fit_intercept=fit_intercept)
    newton = BlockNewton(program, None, np.inf)
    rng = np.random.default_rng(0)
    shape = 12, program.X.shape[1]
    newton._move(np.arange(12), rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape), newton.c)
    q, lengths = len(newton.c), np.linalg.norm(newton.coef, axis=1)

    def gradient(x):
        coef = x[q:].reshape(newton.coef.shape)
        F = newton.moving.outputs(coef) + newton.basis @ x[:q]
        terms = program.weights[:, None] * program.loss.gradient(F, program.Y)
        along = coef / np.linalg.norm(coef, axis=1)[:, None]
        return np.r_[newton.basis.T @ terms.sum(axis=0), (newton.moving.adjoint(terms) + program.beta * along).ravel()]

    at = np.r_[newton.c, newton.coef.ravel()]
    hessian = np.array([(gradient(at + h) - gradient(at - h)) / 2e-6 for h in 1e-6 * np.eye(len(at))])
    along, bends = newton.coef / lengths[:, None], program.beta / lengths
    system = newton.blocks, newton.moving, along, bends, gradient(at), lambda: newton._root(program)
    newton.systems.inexact = 1e-9
    limit(gradient_steps=2000)
    for lift in (0.0, 1e-2):
        steps = []
        for ways in ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0)):
            monkeypatch.setattr(block_systems, "block_systems", lambda *a, _ways=ways, **k: _ways)
            steps.append(newton.systems.step(*system, lift))
            # both lifts are a share of a diagonal entry, though not of the same one
            added = -gradient(at) - hessian @ steps[-1]
            shift = float(added @ steps[-1] / (steps[-1] @ steps[-1]))
            if lift == 0.0 or ways[-1] == 0.0:  # conjugate gradients need no lift
                assert abs(shift) <= 1e-6
            else:
                assert 0.0 < shift <= 2.0 * lift * np.diag(hessian).max()
            np.testing.assert_allclose(added, shift * steps[-1], atol=2e-6 * np.abs(gradient(at)).max())
        if lift == 0.0 and np.linalg.eigvalsh(hessian).min() > 1e-5:
            for other in steps[1:]:
                np.testing.assert_allclose(steps[0], other, rtol=1e-5, atol=1e-7 * np.abs(steps[0]).max())


def test_the_cheapest_way_is_taken(monkeypatch):
    """The matrix of the blocks where they have few entries, that of the outputs where those are fewer, and neither where both are many."""
    taken = []
    for name in ("_by_outputs", "_hessian", "_by_gradients"):
        original = getattr(BlockSystems, name)
        monkeypatch.setattr(BlockSystems, name, lambda *a, _n=name, _o=original: taken.append(_n) or _o(*a))
    cases = ((100, 3, 0.5, "_hessian"), (100, 12, 0.02, "_by_outputs"), (600, 20, 0.1, "_by_gradients"))
    for n, d, fraction, expected in cases:
        program = gated(n=n, d=d, n_gates=80, fraction=fraction, fit_intercept=False)
        found = block_newton.solve(program, tol=1e-8, max_iter=500)
        reference = working_set.solve_all(program, tol=1e-9, max_iter=500)
        assert abs(found.objective - reference.objective) <= 2e-8 * reference.objective
        assert taken[-1] == expected


@pytest.mark.parametrize("moments", ["full", "singular"])
def test_the_preconditioner_is_an_inverse(moments):
    rng = np.random.default_rng(0)
    m, d = 5, 4
    overlaps, C = (
        M @ M.T for M in (rng.standard_normal((m, m + 2)), rng.standard_normal((d, d if moments == "full" else 2)))
    )
    bends, along = rng.uniform(1e-2, 1e2, m), rng.standard_normal((m, d))
    along /= np.linalg.norm(along, axis=1)[:, None]
    matrix = np.kron(overlaps, C)
    for j in range(m):
        own = slice(j * d, (j + 1) * d)
        matrix[own, own] += bends[j] * (np.eye(d) - np.outer(along[j], along[j]))
    V = rng.standard_normal((m, d))
    found = BlockPreconditioner(overlaps, np.linalg.eigh(C), bends, along)(V)
    np.testing.assert_allclose(matrix @ found.ravel(), V.ravel(), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(("fit_intercept", "few"), [(False, 8.0), (True, 14.0)])
@pytest.mark.parametrize("kind", ["squared_error", "log_loss", "log_loss-3"])
def test_few_conjugate_gradient_steps_do(kind, fit_intercept, few, monkeypatch):
    """A handful of products a Newton step, more with biases, which make half-spaces differ; hardly more Newton steps than exact ones."""
    program = gated(kind, n=500, d=15, n_gates=60, fraction=0.1, fit_intercept=fit_intercept)
    steps, used = {}, []
    original = BlockSystems._by_gradients
    monkeypatch.setattr(
        BlockSystems, "_by_gradients", lambda self, *a: (original(self, *a), used.append(self.steps))[0]
    )
    for name, ways in (("exact", (0.0, 1.0, 1.0)), ("gradients", (1.0, 1.0, 0.0))):
        monkeypatch.setattr(block_systems, "block_systems", lambda *a, _ways=ways, **k: _ways)
        found = block_newton.solve(program, tol=1e-6, max_iter=500)
        assert found.is_optimal(1e-6)
        steps[name] = found.n_iter
    assert len(used) == steps["gradients"]
    assert np.mean(used) <= few
    assert steps["gradients"] <= 1.5 * steps["exact"]


@pytest.mark.parametrize("failure", ["steps", "factor"])
def test_systems_without_a_good_preconditioner_are_factored(failure, limit, monkeypatch):
    calls, original = [], BlockSystems._by_gradients
    monkeypatch.setattr(BlockSystems, "_by_gradients", lambda self, *a: calls.append(1) or original(self, *a))
    if failure == "steps":
        limit(gradient_steps=1)
    else:
        monkeypatch.setattr(block_systems, "BlockPreconditioner", fails)
    program = gated(n=600, d=20, n_gates=80, fraction=0.1)
    found = block_newton.solve(program, tol=1e-8, max_iter=500)
    assert found.is_optimal(1e-8)
    assert 0 < len(calls) <= found.n_iter


def test_a_breakdown_is_taken_over_by_the_interior_point(monkeypatch):
    monkeypatch.setattr(block_newton, "solve", fails)
    assert scipy_cold_start.solve(gated(n=400), tol=1e-6, max_iter=1000).is_optimal(1e-6)


def test_estimators_with_gates_are_trained_by_it(monkeypatch):
    calls = []
    monkeypatch.setattr(
        block_newton, "solve", lambda *a, _solve=block_newton.solve, **k: calls.append(1) or _solve(*a, **k)
    )
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 5))
    y = np.abs(X[:, 0]) + 0.1 * rng.standard_normal(300)
    model = ConvexReLURegressor(
        0.05, refine=False, activation="gated_relu", n_arrangements=50, tol=1e-4, random_state=0, solver="scipy"
    ).fit(X, y)
    assert calls
    assert model.dual_gap_ <= 1e-4 * model.objective_
