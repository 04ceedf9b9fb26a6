"""The proximal Newton method, its projections on faces and its linear systems, each against something independent."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from problems import PIECEWISE, SMOOTH, make_program
from test_cones import exact_norms, problem

from skconvrelu.cones.cone_faces import ConeFaces
from skconvrelu.limits import limited
from skconvrelu.solution import Solution, evaluate
from skconvrelu.solvers import scipy_warm_start, working_set
from skconvrelu.solvers.choice import DEFAULT
from skconvrelu.solvers.newton_system import BlockFits
from skconvrelu.solvers.proximal_newton import ProximalNewton
from skconvrelu.solvers.semismooth_system import SemismoothSystem


def rough_start(program, seed=0):
    """A poor start: a fifth of the blocks, random vectors in their cones."""
    rng = np.random.default_rng(seed)
    blocks = np.sort(rng.choice(program.n_blocks, size=max(1, program.n_blocks // 5), replace=False))
    V = 0.1 * rng.standard_normal((len(blocks), program.X.shape[1]))
    coef = ConeFaces(program.X, program.masks(blocks)).project(V, np.arange(len(blocks)))
    keep = coef.any(axis=1)
    return Solution.unverified(program, blocks[keep], coef[keep])


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", SMOOTH)
def test_reaches_the_optimum_of_the_interior_point(kind, fit_intercept):
    program = make_program(kind, fit_intercept=fit_intercept)
    reference = working_set.solve_all(program, tol=1e-10, max_iter=500)
    candidate = ProximalNewton(program, rough_start(program)).run(tol=1e-9, max_iter=1000)
    found = evaluate(program, candidate, solver="test")
    assert candidate.converged
    assert found.gap <= 1.1e-9 * found.objective + 1e-14 * found.scale
    assert abs(found.objective - reference.objective) <= 2e-9 * reference.objective
    assert found.cone_violation <= 1e-10


@pytest.mark.parametrize("kind", [*SMOOTH, *PIECEWISE])
def test_its_multipliers_are_the_prices(kind):
    """The bound it claims is the one that independent projections give; what is clearly below beta need not be close."""
    program = make_program(kind)
    candidate = ProximalNewton(program, rough_start(program)).run(tol=1e-4, max_iter=1000)
    upper = program.prices(candidate.dual, rtol=1e-11)[0]
    signs = 2.0 * program.masks(candidate.priced) - 1.0
    moved = program.gradients(candidate.dual, candidate.priced) + (signs * candidate.multipliers) @ program.X
    assert (candidate.multipliers >= 0.0).all()
    bounds, clear = np.linalg.norm(moved, axis=1), 0.95 * program.beta
    assert (bounds >= upper[candidate.priced] - 1e-5 * program.beta).all()
    assert (bounds > clear).sum() > 3
    np.testing.assert_allclose(
        np.maximum(bounds, clear), np.maximum(upper[candidate.priced], clear), atol=1e-5 * program.beta
    )
    assert (np.delete(upper, candidate.priced) <= program.beta * (1 + 1e-9)).all()


def test_objectives_of_outer_steps_never_increase(caplog):
    program = make_program("squared_error", n=80, d=5, n_gates=40, fraction=0.03)
    with caplog.at_level(logging.DEBUG, logger="skconvrelu.solvers.proximal_newton"):
        ProximalNewton(program, rough_start(program)).run(tol=1e-8, max_iter=1000)
    values = [record.args[2] for record in caplog.records]
    assert len(values) >= 3
    assert (np.diff(values) <= 1e-8 * values[-1]).all()


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", PIECEWISE)
def test_losses_with_kinks(kind, fit_intercept):
    """Alone it comes within a thousandth; with the interior point to finish, as close as asked."""
    program = make_program(kind, fit_intercept=fit_intercept)
    start = rough_start(program)
    reference = working_set.solve_all(program, tol=1e-10, max_iter=500)
    alone = evaluate(program, ProximalNewton(program, start).run(tol=1e-3, max_iter=1000), solver="test")
    assert alone.is_optimal(1e-3)
    assert reference.objective * (1 - 1e-9) <= alone.objective <= reference.objective * (1 + 1e-3)
    choice = replace(DEFAULT, small=0.0)
    together = scipy_warm_start.solve(program, tol=1e-8, max_iter=1000, start=start, choice=choice)
    assert together.is_optimal(1e-8)
    assert abs(together.objective - reference.objective) <= 2e-8 * reference.objective


def test_stops_at_max_iter_with_an_honest_gap():
    program = make_program("squared_error", n=80, d=5, n_gates=40, fraction=0.03)
    candidate = ProximalNewton(program, rough_start(program)).run(tol=1e-9, max_iter=2)
    assert not candidate.converged
    assert candidate.n_iter <= 2
    found = evaluate(program, candidate, solver="test")
    best = working_set.solve_all(program, tol=1e-9, max_iter=500)
    assert found.dual_objective <= best.objective * (1 + 1e-9)
    assert found.objective >= best.objective * (1 - 1e-9)


def test_warm_solve_takes_what_it_has_where_the_interior_point_is_too_expensive():
    program = make_program("squared_error", n=20, d=5, n_gates=40, fraction=0.03)
    start = rough_start(program)
    short = scipy_warm_start.solve(program, tol=1e-9, max_iter=3, start=start, choice=replace(DEFAULT, large=0.0))
    assert short.n_iter == 3
    assert not short.is_optimal(1e-9)
    best = scipy_warm_start.solve(program, tol=1e-9, max_iter=500, start=start)
    assert best.is_optimal(1e-9)
    # and the gap says how far it is
    assert short.objective - best.objective <= short.gap * (1.0 + 1e-6)


def test_small_programs_with_kinks_are_the_interior_points(monkeypatch):
    """They are done sooner so, whatever the number of blocks."""
    program = make_program("hinge", n=30, d=5, n_gates=60, fraction=0.03)
    assert program.n_blocks * program.X.shape[1] > DEFAULT.few * program.Y.size
    monkeypatch.setattr(ProximalNewton, "run", lambda *args, **kwargs: pytest.fail("the proximal method was run"))
    found = scipy_warm_start.solve(program, tol=1e-8, max_iter=500, start=rough_start(program))
    assert found.is_optimal(1e-8)


def test_warm_solve_falls_back_on_the_interior_point(monkeypatch):
    """Whatever becomes of the proximal method, the caller gets a solution within tol."""
    program = make_program("squared_error", n=20, d=5, n_gates=40, fraction=0.03)
    assert program.n_blocks * program.X.shape[1] > DEFAULT.few * program.Y.size
    start = rough_start(program)
    plain = scipy_warm_start.solve(program, tol=1e-7, max_iter=500, start=start)

    def fails(self, *, tol, max_iter):
        raise np.linalg.LinAlgError

    monkeypatch.setattr(ProximalNewton, "run", fails)
    rescued = scipy_warm_start.solve(program, tol=1e-7, max_iter=500, start=start)
    assert plain.is_optimal(1e-7)
    assert rescued.is_optimal(1e-7)
    assert abs(plain.objective - rescued.objective) <= 1e-7 * plain.objective


@pytest.mark.parametrize(("n", "d"), [(40, 3), (60, 8), (5, 9), (1, 1), (700, 2), (1500, 4)])
def test_projections_on_faces(n, d):
    X, patterns, V = problem(n, d, 40, n + d)
    with limited(near=400):
        faces = ConeFaces(X, patterns.astype(float))
    everything = np.arange(len(V))
    far, near = V + 0.1 * np.roll(V, 1, axis=0), V + 1e-3 * np.roll(V, 1, axis=0)
    for W in (V, near, far, V):  # all but the first start from remembered faces
        U = faces.project(W, everything)
        exact = exact_norms(X, patterns, W)
        sizes = np.linalg.norm(W, axis=1)
        np.testing.assert_allclose(np.linalg.norm(U, axis=1) / sizes, exact / sizes, atol=1e-8)
        assert (np.where(patterns, 1.0, -1.0) * (U @ X.T) >= -1e-9 * sizes[:, None]).all()
        moved = W + (np.where(patterns, 1.0, -1.0) * faces.multipliers(everything, n)) @ X
        np.testing.assert_allclose(moved, U, atol=1e-8 * sizes.max())


def test_projections_need_not_be_known_below_a_level_nor_meet_every_constraint():
    X, patterns, V = problem(60, 8, 40, 7)
    signs, everything = np.where(patterns, 1.0, -1.0), np.arange(len(V))
    exact, sizes = exact_norms(X, patterns, V), np.linalg.norm(V, axis=1)
    level = float(np.median(exact))
    faces = ConeFaces(X, patterns.astype(float))
    lengths = np.linalg.norm(faces.project(V, everything, level=level), axis=1)
    assert (exact > level).sum() > 10
    np.testing.assert_allclose(lengths[exact > level], exact[exact > level], rtol=1e-8)
    assert ((lengths >= exact - 1e-8 * sizes) & (lengths <= level))[exact < level].all()
    assert (lengths > exact + 1e-3 * level).any()  # they were left earlier
    loose = ConeFaces(X, patterns.astype(float))
    U = loose.project(V, everything, feasible=0.05)
    slack = signs * (U @ X.T) / np.linalg.norm(X, axis=1)
    assert (slack >= -0.05 * sizes[:, None]).all()
    assert slack.min() < -1e-3
    bounds = np.linalg.norm(loose.moved(V, everything, len(X))[0], axis=1)
    assert (bounds >= exact - 1e-8 * sizes).all()
    some = ConeFaces(X, patterns[10:].astype(float))
    some.begin_at(faces, everything[10:], 2.0)
    np.testing.assert_allclose(some.bounded(2.0 * V[10:], everything[:-10]), 2.0 * faces.bounded(V, everything)[10:])


def test_constraints_that_cannot_be_violated_are_not_looked_at(monkeypatch):
    X, _, V = problem(1500, 4, 40, 5)
    with limited(near=400):
        faces = ConeFaces(X, (V @ X.T > 0.0).astype(float))
    everything, looked = np.arange(len(V)), []
    recentre = ConeFaces._recentre

    def counted(self, cones, units):
        looked.append(len(cones))
        recentre(self, cones, units)

    monkeypatch.setattr(ConeFaces, "_recentre", counted)
    np.testing.assert_array_equal(faces.project(V, everything), V)
    assert sum(looked) == 40
    faces.project(1.0001 * V + 1e-6, everything)
    assert sum(looked) == 40
    faces.project(-V, everything)
    assert sum(looked) >= 80


def test_projections_with_zero_and_repeated_rows():
    X = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 1.0, 0.0]])
    patterns = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 1, 1], [1, 0, 1, 1, 0]], dtype=bool)
    V = np.array([[-1.0, 1.0, 2.0], [-1.0, -1.0, 2.0], [3.0, 4.0, 5.0]])
    U = ConeFaces(X, patterns.astype(float)).project(V, np.arange(3))
    np.testing.assert_allclose(U, [[0.0, 1.0, 2.0], [0.0, 0.0, 2.0], [0.0, 0.0, 5.0]], atol=1e-12)


def test_tangents_span_the_face():
    X, patterns, V = problem(40, 6, 30, 3)
    faces = ConeFaces(X, patterns.astype(float))
    U = faces.project(V, np.arange(30))
    Q, spans = faces.tangents(np.arange(30))
    for j in np.flatnonzero(U.any(axis=1)):
        kinks = np.abs(X @ U[j]) <= 1e-10 * np.linalg.norm(X, axis=1) * np.linalg.norm(V[j])
        T = Q[j][:, spans[j]]
        assert T.shape[1] == 6 - np.linalg.matrix_rank(X[kinks])
        np.testing.assert_allclose(X[kinks] @ T, 0.0, atol=1e-10)
        np.testing.assert_allclose(T @ (T.T @ U[j]), U[j], atol=1e-9 * np.linalg.norm(V[j]))


@pytest.mark.parametrize("chunk", [None, 20])
@pytest.mark.parametrize("K", [1, 3])
@pytest.mark.parametrize("p", [0, 4, 60])
@pytest.mark.parametrize("q", [0, 1])
def test_linear_systems_match_a_dense_solve(p, K, q, chunk, limit):
    if chunk is not None:
        limit(temporary=chunk)
    rng = np.random.default_rng(0)
    n, d, B = 9, 4, 6
    fits = BlockFits(rng.standard_normal((n, d)), (rng.random((B, n)) < 0.5).astype(float), rng.standard_normal((B, K)))
    L, owner = rng.standard_normal((p, d)), np.sort(rng.integers(B, size=p))
    border, root = rng.standard_normal((K, q)), rng.standard_normal((n, K, K))
    system = SemismoothSystem(fits, L, owner, border, root)
    rows = [
        fits.masks[j][:, None] * (fits.X @ row)[:, None] * fits.directions[j] for row, j in zip(L, owner, strict=True)
    ]
    rows += [np.broadcast_to(column, (n, K)) for column in border.T]
    Z = np.array(rows).reshape(p + q, n, K)
    ZS = np.einsum("pnk,nkl->pnl", Z, root).reshape(p + q, n * K)
    r, G = rng.standard_normal((n, K)), rng.standard_normal((n, K))
    expected = np.linalg.solve(np.eye(n * K) + ZS.T @ ZS, r.ravel()).reshape(n, K)
    np.testing.assert_allclose(system.solve(r), expected, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(
        system.derivative(G), np.einsum("p,pnk->nk", np.einsum("pnk,nk->p", Z, G), Z), rtol=1e-10
    )
