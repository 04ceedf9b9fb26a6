"""Inverse Gram matrices of active normals after many changes, against those computed anew; projections that use them."""

import numpy as np
import pytest
from problems import make_program
from test_cones import exact_norms, problem
from test_proximal_newton import rough_start

from skconvrelu.cones.cone_faces import ConeFaces
from skconvrelu.cones.face_factors import FaceFactors, gram
from skconvrelu.limits import limited
from skconvrelu.solvers import working_set
from skconvrelu.solvers.proximal_newton import ProximalNewton


def unit_rows(rng, n, d):
    rows = rng.standard_normal((n, d))
    return rows / np.linalg.norm(rows, axis=1)[:, None]


def test_updates_keep_the_inverse():
    rng = np.random.default_rng(0)
    d = 12
    factors = FaceFactors(2, d)
    normals, on = np.zeros((d, d)), np.zeros(d, dtype=bool)
    normals[:2], on[:2] = unit_rows(rng, 2, d), True
    factors.renew(np.array([1]), normals[None, :2], on[None, :2])
    for _ in range(200):
        if on.sum() < 3 or (on.sum() < d - 2 and rng.random() < 0.5):
            slot = int((~on).argmax())
            normals[slot], on[slot] = unit_rows(rng, 1, d)[0], True
            factors.add(1, slot, normals[slot])
        else:
            slots = rng.choice(np.flatnonzero(on), size=rng.integers(1, 3), replace=False)
            normals[slots], on[slots] = 0.0, False
            factors.drop(1, slots)
        assert not len(factors.stale(np.array([1])))
        expected = np.linalg.inv(normals[on] @ normals[on].T)
        np.testing.assert_allclose(factors._inverse[1][np.ix_(on, on)], expected, rtol=1e-6, atol=1e-6)
        v = rng.standard_normal(d)
        rho, u = factors.solve(1, on, v)
        np.testing.assert_allclose(normals @ u, 0.0, atol=1e-9)
        np.testing.assert_allclose(u, v - normals[on].T @ np.linalg.lstsq(normals[on].T, v, rcond=None)[0], atol=1e-9)
        np.testing.assert_allclose(u, v + rho @ normals, atol=1e-9)
        assert (rho[~on] == 0.0).all()


def test_lost_digits_are_noticed():
    rng = np.random.default_rng(1)
    normals, on, v = unit_rows(rng, 6, 9), np.ones(6, dtype=bool), rng.standard_normal(9)
    factors = FaceFactors(1, 9)
    every = np.array([0])
    factors.renew(every, normals[None], on[None])
    factors._inverse[0, 2, 3] += 0.1
    rho, u = factors.solve(0, on, v)
    np.testing.assert_allclose(normals @ u, 0.0, atol=1e-12)
    np.testing.assert_allclose(u, v + rho @ normals, atol=1e-12)
    np.testing.assert_array_equal(factors.stale(every), every)
    factors.renew(every, normals[None], on[None])
    assert not len(factors.stale(every))
    factors.forget(np.array([True]))
    assert len(factors.stale(every)) == 1


def test_dependent_normals_ask_for_a_new_factorisation():
    rng = np.random.default_rng(2)
    normals = unit_rows(rng, 3, 8)
    factors = FaceFactors(1, 8)
    factors.renew(np.array([0]), normals[None], np.ones((1, 3), dtype=bool))
    combined = normals[0] + normals[1]
    factors.add(0, 3, combined / np.linalg.norm(combined))
    assert len(factors.stale(np.array([0]))) == 1


@pytest.mark.parametrize(("n", "d"), [(40, 3), (60, 8), (5, 9), (1, 1), (150, 45)])
def test_projections_are_those_without_them(n, d):
    X, patterns, V = problem(n, d, 40, n + d)
    everything = np.arange(len(V))
    with limited(updated=1):
        faces = ConeFaces(X, patterns.astype(float))
    assert faces._factors is not None
    with limited(updated=1000):
        plain = ConeFaces(X, patterns.astype(float))
    assert plain._factors is None
    far, near = V + 0.1 * np.roll(V, 1, axis=0), V + 1e-3 * np.roll(V, 1, axis=0)
    memory = None
    for W in (V, near, far, V, near):
        if memory is not None:
            faces.restore(memory, 0.5)  # active sets that the factors do not belong to
        memory = faces.remembered()
        U = faces.project(W, everything)
        sizes = np.linalg.norm(W, axis=1)
        np.testing.assert_allclose(U, plain.project(W, everything), atol=1e-8 * sizes.max())
        exact = exact_norms(X, patterns, W)
        np.testing.assert_allclose(np.linalg.norm(U, axis=1) / sizes, exact / sizes, atol=1e-8)
        moved = W + (np.where(patterns, 1.0, -1.0) * faces.multipliers(everything, n)) @ X
        np.testing.assert_allclose(moved, U, atol=1e-8 * sizes.max())


@pytest.mark.parametrize("kind", ["squared_error", "quantile"])
def test_solves_with_them_reach_the_optimum(kind, limit):
    limit(updated=1)
    program = make_program(kind, n=60, d=6, n_gates=25)
    reference = working_set.solve_all(program, tol=1e-9, max_iter=500)
    newton = ProximalNewton(program, rough_start(program))
    assert newton.faces._factors is not None
    candidate = newton.run(tol=1e-5, max_iter=1000)
    F = program.outputs(candidate.blocks, candidate.coef)
    objective = program.loss_value(F + program.best_intercept(F)) + program.penalty(candidate.coef)
    assert candidate.converged
    assert objective <= reference.objective * (1.0 + 2e-5)


def test_where_they_would_take_too_much_memory_projections_go_in_parts(limit, monkeypatch):
    X, patterns, V = problem(60, 8, 40, 7)
    expected = ConeFaces(X, patterns.astype(float)).project(V, np.arange(40))
    limit(updated=1, temporary=10 * 8 * 8)
    assert not FaceFactors.pay(40, 8)
    assert FaceFactors.pay(20, 8)
    faces = ConeFaces(X, patterns.astype(float))
    together, step = [], ConeFaces._step
    monkeypatch.setattr(ConeFaces, "_step", lambda self, cones, V: together.append(len(cones)) or step(self, cones, V))
    np.testing.assert_allclose(faces.project(V, np.arange(40)), expected, atol=1e-10)
    assert max(together) <= 10


def test_grams_have_ones_in_empty_slots():
    normals = np.zeros((1, 2, 3))
    normals[0, 1] = [0.0, 0.6, 0.8]
    np.testing.assert_allclose(gram(normals, np.array([[False, True]])), np.eye(2)[None], atol=1e-12)
