"""Merging of identical samples."""

import numpy as np
import pytest
from scipy import sparse

from skconvrelu.problem.merging import merge_rows


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix, sparse.csc_array])
def test_merged_rows_do_not_depend_on_order_or_on_how_repeats_are_written(container):
    rng = np.random.default_rng(0)
    X, Y = rng.integers(-1, 2, (12, 2)).astype(float), rng.integers(0, 2, (12, 1)).astype(float)
    counts = rng.integers(0, 4, 12)
    weighted = merge_rows(container(X), Y, counts.astype(float))
    order = rng.permutation(counts.sum())
    repeated = merge_rows(
        container(np.repeat(X, counts, axis=0)[order]), np.repeat(Y, counts, axis=0)[order], np.ones(counts.sum())
    )
    for name in ("X", "Y", "weights"):
        np.testing.assert_array_equal(getattr(weighted, name), getattr(repeated, name))
    assert weighted.weights.sum() == pytest.approx(1.0)


def test_negative_zero_is_zero():
    merged = merge_rows(np.array([[0.0], [-0.0]]), np.ones((2, 1)), np.ones(2))
    assert len(merged.X) == 1


def test_expand_shares_by_weight_and_gives_nothing_to_weight_zero():
    X, Y = np.array([[1.0], [1.0], [2.0], [3.0]]), np.zeros((4, 1))
    merged = merge_rows(X, Y, np.array([1.0, 3.0, 2.0, 0.0]))
    values = np.array([[8.0] if x == 1.0 else [5.0] for x in merged.X[:, 0]])
    np.testing.assert_allclose(merged.expand(values)[:, 0], [2.0, 6.0, 5.0, 0.0])
