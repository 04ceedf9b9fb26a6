"""Limits and levels that all threads share come back when the last of several overlapping fits ends."""

import logging
from threading import Event, Thread

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from skconvrelu import ConvexReLURegressor
from skconvrelu._logging import verbosity
from skconvrelu.kernels.blas_threads import _controller, one_blas_thread

LOGGER = logging.getLogger("skconvrelu")


def _blas_threads():
    # of the libraries of numpy and scipy; those that another test's packages bring are none of the package's business
    return [library.num_threads for library in _controller("blas").lib_controllers]


@pytest.fixture
def two_threads():
    """Two BLAS threads, the same at the end."""
    libraries = _controller("blas").lib_controllers
    if not libraries:
        pytest.skip("no BLAS whose threads can be set")
    before = [library.num_threads for library in libraries]
    for library in libraries:
        library.set_num_threads(2)
        _free(library)
    # one that was built for a single thread stays at that
    yield [library.num_threads for library in libraries]
    for library, count in zip(libraries, before, strict=True):
        library.set_num_threads(count)
        _free(library)


def _free(library):
    """Let any thread set the number, as where none has."""
    if hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread(force=True)


def _overlap(first, second, look):
    """What ``look`` sees in turn: before, in the first context, in both, in the second alone, and after."""
    seen, entered, leave = [look()], [Event(), Event()], [Event(), Event()]

    def hold(context, i):
        with context():
            entered[i].set()
            assert leave[i].wait(60)

    threads = [Thread(target=hold, args=(context, i)) for i, context in enumerate((first, second))]
    for i in (0, 1):
        threads[i].start()
        assert entered[i].wait(60)
        seen.append(look())
    for i in (0, 1):
        leave[i].set()
        threads[i].join(60)
        seen.append(look())
    return seen


def test_overlapping_contexts_restore_the_threads_of_blas(two_threads):
    one = [1] * len(two_threads)
    assert _overlap(one_blas_thread, one_blas_thread, _blas_threads) == [two_threads, one, one, one, two_threads]


def test_contexts_nest_in_one_thread(two_threads):
    with one_blas_thread():
        with one_blas_thread():
            pass
        assert _blas_threads() == [1] * len(two_threads)
    assert _blas_threads() == two_threads


def test_a_context_within_one_of_the_user(two_threads):
    with threadpool_limits(1, user_api="blas"), one_blas_thread():
        pass
    assert _blas_threads() == two_threads
    one = [1] * len(two_threads)

    def limits():
        return threadpool_limits(1, user_api="blas")

    assert _overlap(limits, one_blas_thread, _blas_threads)[-1] == two_threads
    assert _overlap(one_blas_thread, one_blas_thread, _blas_threads)[1:4] == [one, one, one]


@pytest.mark.parametrize(("first", "second"), [(1, 1), (1, 2), (2, 1)])
def test_overlapping_fits_restore_the_level_of_the_logger(first, second):
    def look():
        return LOGGER.level, len(LOGGER.handlers)

    levels = {1: logging.INFO, 2: logging.DEBUG}
    before = look()
    seen = _overlap(lambda: verbosity(first), lambda: verbosity(second), look)
    alone, both, other = levels[first], min(levels[first], levels[second]), levels[second]
    assert seen == [before, (alone, 1), (both, 1), (other, 1), before]


def test_two_fits_at_once_leave_the_process_as_it_was(two_threads):
    X = np.random.default_rng(0).standard_normal((20, 2))
    entered, leave = [Event(), Event()], [Event(), Event()]

    def fit(i):
        def gates(X, n, rng):
            entered[i].set()
            assert leave[i].wait(60)
            return X[:n].T

        ConvexReLURegressor(1e-1, refine=False, n_arrangements=3, verbose=1, arrangements=gates).fit(X, X[:, 0])

    before = _blas_threads(), LOGGER.level, list(LOGGER.handlers)
    fits = [Thread(target=fit, args=(i,)) for i in (0, 1)]
    for i in (0, 1):
        fits[i].start()
        assert entered[i].wait(60)
    for i in (0, 1):
        assert LOGGER.level == logging.INFO
        leave[i].set()
        fits[i].join(60)
    assert (_blas_threads(), LOGGER.level, list(LOGGER.handlers)) == before
