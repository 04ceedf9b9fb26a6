"""The loop over samples."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skconvrelu.limits import limits
from skconvrelu.rows import Rows, batches


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return rng.standard_normal((203, 3)), rng.standard_normal(203)


@pytest.mark.parametrize("step", [1, 7, 203, 1000])
def test_parts_are_in_order_and_complete(arrays, step):
    X, y = arrays
    seen = []
    rows = Rows(step, X, y)
    assert_array_equal(rows.map(lambda X, y: seen.append(len(X)) or X * y[:, None]), X * y[:, None])
    assert sum(seen) == len(rows) == 203
    assert len(seen) == rows.n_parts
    assert max(seen) <= step
    assert_array_equal(np.concatenate([np.arange(203)[part] for part in batches(203, step)]), np.arange(203))


@pytest.mark.parametrize("step", [1, 7, 203])
def test_sums_of_one_and_of_several_results(arrays, step):
    X, y = arrays
    rows = Rows(step, X, y)
    assert_allclose(rows.sum(lambda X, y: X.T @ X), X.T @ X, rtol=1e-12)
    total, moments = rows.sum(lambda X, y: (np.asarray(y.sum()), X.T @ y))
    assert float(total) == pytest.approx(y.sum(), rel=1e-12)
    assert_allclose(moments, X.T @ y, rtol=1e-12)
    assert_array_equal(rows.largest(lambda X, y: X.max(axis=0)), X.max(axis=0))


def test_results_of_threads_are_added_in_the_order_of_the_rows(arrays):
    rows = Rows(5, *arrays)
    with ThreadPoolExecutor(4) as pool:
        assert_array_equal(rows.sum(lambda X, y: X.T @ y, pool.map), rows.sum(lambda X, y: X.T @ y))


def test_results_do_not_change_the_arrays(arrays):
    X, y = arrays
    before = X.copy()
    Rows(50, X, y).sum(lambda X, y: X[:1])
    Rows(50, X, y).largest(lambda X, y: np.maximum(X[:3], 0.0))
    assert_array_equal(X, before)


def test_sparse_rows(arrays):
    X, _ = arrays
    assert_allclose(Rows(50, sparse.csr_array(X)).map(lambda X: X @ np.ones(3)), X.sum(axis=1), rtol=1e-12)


def test_no_rows(arrays):
    X, y = (array[:0] for array in arrays)
    rows = Rows(7, X, y)
    assert rows.map(lambda X, y: X).shape == (0, 3)
    assert_array_equal(rows.sum(lambda X, y: X.T @ y), np.zeros(3))


def test_as_many_rows_as_fit():
    X = np.zeros((10**6, 1))
    assert Rows.in_memory(10**9, X).step == 1
    assert Rows.in_cache(10**9, X).step == limits().least_rows
    assert Rows.in_cache(100, X, numbers=10**5).step == 1000
