"""The structured Newton system against one dense matrix, on both sides."""

import numpy as np
import pytest

from skconvrelu.kernels import column_products
from skconvrelu.losses import MultinomialLogLoss
from skconvrelu.solvers import block_grams
from skconvrelu.solvers.block_grams import BlockGrams
from skconvrelu.solvers.newton_system import BlockFits, FreeBlocks, NewtonSystem


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
def test_solution_matches_a_dense_solve(gram, chunk, K, limit):
    if chunk is not None:
        limit(temporary=chunk)
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
def test_blocks_without_cones_match_a_dense_solve(chunk, K, limit):
    if chunk is not None:
        limit(temporary=chunk)
    rng = np.random.default_rng(3)
    n, d, B = 9, 4, 7
    fits = BlockFits(rng.standard_normal((n, d)), (rng.random((B, n)) < 0.5).astype(float), rng.standard_normal((B, K)))
    free = FreeBlocks(rng.uniform(0.1, 2.0, B), rng.standard_normal((B, d)))
    H = np.linalg.inv(free.h[:, None, None] * np.eye(d) + free.R[:, :, None] * free.R[:, None, :])
    root, basis = rng.standard_normal((n, K, K)), rng.standard_normal((K, 1))
    system = NewtonSystem(fits, basis, constant_curvature=False, unbounded_curvature=True, constrained=False)
    system.factor(H, root, free)
    rhs, rhs_intercept = rng.standard_normal((B, d)), rng.standard_normal(1)
    x, c = system.solve(rhs, rhs_intercept)
    expected = np.linalg.solve(dense_system(fits, H, root, basis), np.r_[rhs.ravel(), rhs_intercept])
    np.testing.assert_allclose(np.r_[x.ravel(), c], expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("chunk", "columns", "whole"), [(10**6, 6, 0), (400, 10, 0), (200, 5, 3)])
def test_grams_are_remembered_whatever_the_order_and_forgotten_where_there_are_many(
    chunk, columns, whole, limit, monkeypatch
):
    limit(temporary=chunk)
    rng = np.random.default_rng(5)
    n, d, B, K = 11, 3, 9, 2
    fits = BlockFits(rng.standard_normal((n, d)), (rng.random((B, n)) < 0.5).astype(float), rng.standard_normal((B, K)))
    root = np.sqrt(rng.uniform(0.1, 1.0, n))[:, None, None] * np.eye(K)
    grams = BlockGrams(fits, np.ones((K, 1)))
    formed = {"blocks_design": [], "blocks_gram": []}

    def watched(name, original):
        return lambda *a: formed[name].append(len(a[2])) or original(*a)

    for name in formed:
        monkeypatch.setattr(block_grams, name, watched(name, getattr(block_grams, name)))
    for blocks in ([4, 7], [7, 4], [1, 4, 7, 8], [0], [8, 2, 1], [4, 7], [8, 2, 1]):
        Z = np.concatenate([np.einsum("n,ni,k->nki", fits.masks[j], fits.X, fits.directions[j]) for j in blocks], 2)
        Z = np.concatenate([np.ones((n, K, 1)), Z], axis=2)
        expected = np.einsum("n,nka,nkb->ab", root[:, 0, 0] ** 2, Z, Z)
        np.testing.assert_allclose(grams(np.array(blocks), lambda: root), expected, rtol=1e-12, atol=1e-13)
    assert (sum(formed["blocks_design"]), len(formed["blocks_gram"])) == (columns, whole)


@pytest.mark.parametrize(
    ("many", "chunk", "formed"),
    [(64, 28, 1), (2, 27, 2 * 6), (2, 10, 2 * 11), (64, 27, 0), (64, 10, 0)],
)
def test_column_products_kept_formed_for_many_and_one_by_one(many, chunk, formed, limit, monkeypatch):
    limit(temporary=chunk, grams=many)
    parts, form = [], column_products.ColumnProducts._products
    monkeypatch.setattr(
        column_products.ColumnProducts, "_products", lambda self, X: (parts.append(X), form(self, X))[1]
    )
    rng = np.random.default_rng(1)
    X, q = rng.standard_normal((11, 4)), rng.random((3, 11))
    expected = np.stack([X.T @ np.diag(row) @ X for row in q])
    products = column_products.ColumnProducts(X)
    np.testing.assert_allclose(products(q), expected, rtol=1e-12)
    np.testing.assert_allclose(products(q[:2]), expected[:2], rtol=1e-12)
    assert len(parts) == formed


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
