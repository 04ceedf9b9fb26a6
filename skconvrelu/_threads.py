"""One BLAS thread: faster at these sizes, and sums do not depend on how many threads share them."""

from __future__ import annotations

from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    """Finding the libraries takes milliseconds, more than many a solve; those of numpy and scipy are loaded by now."""
    return ThreadpoolController()


def one_blas_thread() -> Any:
    """Context in which numpy's and scipy's linear algebra runs on one thread."""
    return _controller().limit(limits=1)
