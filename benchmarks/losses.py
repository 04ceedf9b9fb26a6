"""Every loss with the search on: objective, searched gap and recall, against the convex program over 1000 random arrangements.

``python -m benchmarks.losses`` takes at most ``--rows`` standardised training rows of the first official split (concrete for the
regression losses, ionosphere and german credit for the classes; Poisson gets the targets divided by their mean) at a fixed fraction
of beta_max, which hard_margin has none of. The last columns are the sampled program's objective relative to ours and its seconds.
One BLAS thread.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.datasets import REGRESSION, load, training_rows
from benchmarks.protocol import estimator_for, quiet_fit, standardised

CASES = [
    *(("uci-concrete", loss) for loss in ("squared_error", "huber", "absolute_error", "quantile", "poisson")),
    *(
        (name, loss)
        for name in ("fd-ionosphere", "oh-german-credit-numeric")
        for loss in ("log_loss", "hinge", "squared_hinge", "squared_error", "hard_margin")
    ),
]


def row(name: str, loss: str, max_rows: int, fraction: float, tol: float) -> str:
    """One row of the table."""
    data = load(name)
    rows = np.random.default_rng(0).permutation(training_rows(data))[:max_rows]
    regression = name in REGRESSION
    (X,) = standardised(data["X"][rows].astype(float))
    y = data["y"][rows]
    if regression:
        y = y / y.mean() if loss == "poisson" else standardised(y.astype(float))[0]
    params = {"loss": loss, "random_state": 0}
    if loss == "quantile":
        params["quantile"] = 0.9
    if loss == "huber":
        params["epsilon"] = 0.5
    estimator = estimator_for(regression)
    beta = 1.0  # of no account for hard_margin
    if loss != "hard_margin":
        beta = fraction * quiet_fit(estimator(refine=False, n_arrangements=20, tol=0.1, **params), X, y).beta_ / 0.01
    begin = time.perf_counter()
    model = quiet_fit(estimator(beta, tol=tol, **params), X, y)
    seconds = time.perf_counter() - begin
    begin = time.perf_counter()
    sampled = quiet_fit(estimator(beta, refine=False, n_arrangements=1000, tol=1e-3, **params), X, y)
    certificate = model.certificate_
    shown = f"{beta:.3g}" if loss != "hard_margin" else "-"
    above = (sampled.objective_ - model.objective_) / (model.objective_ - certificate.least_loss)
    return (
        f"{name:24s} {loss:15s} {len(X):4d} {shown:>9s} {model.objective_:11.7f} {certificate.gap_searched:8.1e} "
        f"{certificate.recall:6.0%} {certificate.n_units:5d} {certificate.n_rounds:6d} {seconds:8.2f} | "
        f"{above:+9.1e} {time.perf_counter() - begin:8.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--fraction", type=float, default=0.01, help="beta as a fraction of beta_max")
    parser.add_argument("--tol", type=float, default=5e-3)
    arguments = parser.parse_args()
    print(
        f"{'set':24s} {'loss':15s} {'n':>4s} {'beta':>9s} {'objective':>11s} {'gap':>8s} {'recall':>6s} {'units':>5s} "
        f"{'rounds':>6s} {'seconds':>8s} | {'sampled':>9s} {'seconds':>8s}",
        flush=True,
    )
    with threadpool_limits(limits=1):
        for name, loss in CASES:
            print(row(name, loss, arguments.rows, arguments.fraction, arguments.tol), flush=True)


if __name__ == "__main__":
    main()
