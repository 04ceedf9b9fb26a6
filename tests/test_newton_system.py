"""The structured Newton system against one dense matrix, on both sides."""

import numpy as np
import pytest

from skconvrelu import _products
from skconvrelu.losses import MultinomialLogLoss
from skconvrelu.solvers import newton_system
from skconvrelu.solvers.newton_system import BlockFits, FreeBlocks, NewtonSystem
from skconvrelu.solvers.semismooth_system import SemismoothSystem


def dense_system(fits, H, root, basis):
    """``blockdiag(H) + (Z, border)' W (Z, border)`` entry by entry."""
    n, d = fits.X.shape
    B, K = fits.directions.shape
    Z = np.zeros((n, K, B * d + basis.shape[1]))
    for j in range(B):
        Z[:, :, j * d : (j + 1) * d] = (fits.masks[j][:, None] * fits.X)[:, None, :] * fits.directions[j][None, :, None]
    Z[:, :, B * d :] = basis[None]
    M = sum(Z[i].T @ root[i] @ root[i].T @ Z[i] for i in range(n))
    for j in range(B):
        M[j * d : (j + 1) * d, j * d : (j + 1) * d] += H[j]
    return M


@pytest.mark.parametrize("gram", [True, False])
@pytest.mark.parametrize("chunk", [None, 60])
@pytest.mark.parametrize("K", [1, 3])
def test_solution_matches_a_dense_solve(gram, chunk, K, monkeypatch):
    if chunk is not None:
        monkeypatch.setattr(newton_system, "CHUNK", chunk)
    rng = np.random.default_rng(0)
    n, d, B = 12, 4, 5
    fits = BlockFits(rng.standard_normal((n, d)), (rng.random((B, n)) < 0.5).astype(float), rng.standard_normal((B, K)))
    half = rng.standard_normal((B, d, d))
    H = half @ half.transpose(0, 2, 1) + 0.1 * np.eye(d)
    if K == 1:
        root, basis = rng.uniform(0.1, 1.0, (n, 1, 1)), np.ones((1, 1))
    else:
        loss = MultinomialLogLoss()
        root, basis = loss.curvature_root(rng.standard_normal((n, K)), np.zeros((n, K))), loss.intercept_basis(K)
    system = NewtonSystem(fits, basis, constant_curvature=False)
    system.uses_gram = gram
    system.factor(H, root)
    rhs, rhs_intercept = rng.standard_normal((B, d)), rng.standard_normal(basis.shape[1])
    x, c = system.solve(rhs, rhs_intercept)
    expected = np.linalg.solve(dense_system(fits, H, root, basis), np.r_[rhs.ravel(), rhs_intercept])
    np.testing.assert_allclose(np.r_[x.ravel(), c], expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("chunk", [None, 60])
@pytest.mark.parametrize("K", [1, 3])
def test_blocks_without_cones_match_a_dense_solve(chunk, K, monkeypatch):
    if chunk is not None:
        monkeypatch.setattr(newton_system, "CHUNK", chunk)
    rng = np.random.default_rng(3)
    n, d, B = 9, 4, 7
    fits = BlockFits(rng.standard_normal((n, d)), (rng.random((B, n)) < 0.5).astype(float), rng.standard_normal((B, K)))
    free = FreeBlocks(np.arange(B), rng.uniform(0.1, 2.0, B), rng.standard_normal((B, d)))
    H = np.linalg.inv(free.h[:, None, None] * np.eye(d) + free.R[:, :, None] * free.R[:, None, :])
    root, basis = rng.standard_normal((n, K, K)), rng.standard_normal((K, 1))
    system = NewtonSystem(fits, basis, constant_curvature=False, unbounded_curvature=True, constrained=False)
    system.factor(H, root, free)
    rhs, rhs_intercept = rng.standard_normal((B, d)), rng.standard_normal(1)
    x, c = system.solve(rhs, rhs_intercept)
    expected = np.linalg.solve(dense_system(fits, H, root, basis), np.r_[rhs.ravel(), rhs_intercept])
    np.testing.assert_allclose(np.r_[x.ravel(), c], expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("n", [6, 40])
@pytest.mark.parametrize("K", [1, 2])
def test_semismooth_systems_without_cones_match_dense_ones(n, K):
    """``(I + S' Q S) x = r`` where blocks outnumber the samples (n = 6) and where samples do (n = 40)."""
    rng = np.random.default_rng(4)
    d, B = 3, 5
    fits = BlockFits(rng.standard_normal((n, d)), (rng.random((B, n)) < 0.5).astype(float), rng.standard_normal((B, K)))
    active, root, border = np.array([0, 2, 3]), rng.standard_normal((n, K, K)), rng.standard_normal((K, 1))
    free = FreeBlocks(active, rng.uniform(0.1, 2.0, 3), rng.standard_normal((3, d)))
    each = free.h[:, None, None] * np.eye(d) + free.R[:, :, None] * free.R[:, None, :]
    L = np.linalg.cholesky(each).transpose(0, 2, 1).reshape(-1, d)
    system = SemismoothSystem(fits, L, np.repeat(active, d), border, root, free)
    Z = np.stack([np.einsum("n,ni,k->nki", fits.masks[j], fits.X, fits.directions[j]) for j in active])
    Q = np.einsum("bnki,bij,bmlj->nkml", Z, each, Z) + np.einsum("kq,lq->kl", border, border)[None, :, None, :]
    matrix = np.einsum("nka,nkml,mlb->namb", root, Q, root).reshape(n * K, n * K) + np.eye(n * K)
    r = rng.standard_normal((n, K))
    np.testing.assert_allclose(system.solve(r).ravel(), np.linalg.solve(matrix, r.ravel()), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("chunk", [10**6, 30])
def test_column_products_in_chunks(chunk, monkeypatch):
    monkeypatch.setattr(_products, "CHUNK", chunk)
    rng = np.random.default_rng(1)
    X, q = rng.standard_normal((11, 4)), rng.random((3, 11))
    expected = np.stack([X.T @ np.diag(row) @ X for row in q])
    np.testing.assert_allclose(_products.ColumnProducts(X)(q), expected, rtol=1e-12)


def test_split_solutions_stay_accurate_where_the_curvature_is_huge():
    """Against the augmented system in the unknowns (x, c, q), whose matrix holds the reciprocal curvature."""
    rng = np.random.default_rng(2)
    n, d, B = 12, 4, 5
    fits = BlockFits(rng.standard_normal((n, d)), (rng.random((B, n)) < 0.5).astype(float), rng.standard_normal((B, 1)))
    half = rng.standard_normal((B, d, d))
    H = half @ half.transpose(0, 2, 1) + 0.1 * np.eye(d)
    curvature, basis = 10.0 ** rng.uniform(-3, 13, n), np.ones((1, 1))
    system = NewtonSystem(fits, basis, constant_curvature=False, unbounded_curvature=True)
    system.factor(H, np.sqrt(curvature)[:, None, None])
    rhs, rhs_intercept, shift = rng.standard_normal((B, d)), rng.standard_normal(1), rng.standard_normal((n, 1))
    x, c, q = system.solve_split(rhs, rhs_intercept, shift)
    Z = np.hstack([fits.masks[j][:, None] * fits.X * fits.directions[j] for j in range(B)] + [np.ones((n, 1))])
    blocks = dense_system(BlockFits(np.zeros((1, d)), np.zeros((B, 1)), fits.directions), H, np.zeros((1, 1, 1)), basis)
    augmented = np.block([[blocks, Z.T], [Z, -np.diag(1.0 / curvature)]])
    expected = np.linalg.solve(augmented, np.r_[rhs.ravel(), rhs_intercept, shift.ravel()])
    np.testing.assert_allclose(np.r_[x.ravel(), c, q.ravel()], expected, rtol=1e-8, atol=1e-8)
