"""One BLAS thread for each worker: two workers with two threads each would wait for one another, and some sums depend on their number."""

import os
from contextlib import ExitStack

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import pytest  # noqa: E402

from skconvrelu.limits import limited  # noqa: E402


@pytest.fixture
def limit():
    """``limit(temporary=64)``: other limits until the test ends."""
    with ExitStack() as others:
        yield lambda **changes: others.enter_context(limited(**changes))
