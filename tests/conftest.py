"""One BLAS thread for each worker: two workers with two threads each would wait for one another, and some sums depend on their number."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
