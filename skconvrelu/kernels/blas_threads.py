"""One BLAS thread: faster at these sizes, and sums do not depend on how many threads share them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

import threadpoolctl


@cache
def _controller(user_api: str) -> threadpoolctl.ThreadpoolController:
    """Finding the libraries takes milliseconds, more than many a solve; those of numpy and scipy are loaded by now."""
    return threadpoolctl.ThreadpoolController().select(user_api=user_api)


class _SharedLimit:
    """The limit of the BLAS libraries, which all threads share: the first of overlapping contexts sets it, the last lifts it."""

    def __init__(self) -> None:
        self.lock, self.users = Lock(), 0
        self.lowered: list[tuple[Any, int]] = []  # libraries whose number of threads was set, and what it was before

    def enter(self) -> None:
        with self.lock:
            if not self.users:
                libraries = [(library, library.num_threads) for library in _controller("blas").lib_controllers]
                libraries = [(library, before) for library, before in libraries if before not in (None, 1)]
                for library, _ in libraries:
                    library.set_num_threads(1)
                # a thread that limits OpenBLAS outside this package keeps its limit, and lifts it itself
                self.lowered = [(library, before) for library, before in libraries if library.num_threads == 1]
            self.users += 1

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                for library, before in self.lowered:
                    _let_any_thread_set(library)
                    library.set_num_threads(before)
                    _let_any_thread_set(library)
                self.lowered = []


def _let_any_thread_set(library: Any) -> None:
    """From threadpoolctl 3.8 on only the thread that set OpenBLAS's limit may lift it, but the last context may be another's."""
    if hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread(force=True)


_shared_limit = _SharedLimit()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Context in which numpy's and scipy's linear algebra runs on one thread; contexts of several threads may overlap."""
    # OpenMP counts for each thread by itself, so that here every context sets and restores its own
    with _controller("openmp").limit(limits=1):
        _shared_limit.enter()
        try:
            yield
        finally:
            _shared_limit.leave()
