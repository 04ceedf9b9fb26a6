"""Real data at a penalty that cross-validation picked: objective and time of the refined fit against its rivals.

``python -m benchmarks.rivals_on_data`` takes at most 500 training rows of the first official split of each set, standardises X (and y
for regression) on them, and picks beta among fractions of beta_max by 3-fold cross-validation inside them. At that beta it prints
our objective, searched gap, recall and seconds, and for each rival its objective relative to ours and its seconds:
"sampled" is the convex program over 1000 random arrangements (``refine=False``), "mlp" the best of ten scikit-learn MLPs with 100 units
and L-BFGS, "wide" a network of 1000 units by L-BFGS. All objectives are computed from the networks' weights; the time of "mlp" is
that of all ten. One BLAS thread. The MLP leaves hidden biases out of the penalty it minimises, and with three or more classes its
units feed all of them; the objective counts both.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.datasets import REGRESSION, load, training_rows
from benchmarks.protocol import beta_max, cross_validated_beta, estimator_for, quiet_fit, standardised
from benchmarks.rivals import mlp, objective, weights_of, wide_lbfgs

NAMES = (
    "uci-concrete",
    "uci-energy",
    "uci-yacht",
    "uci-wine-red",
    "fd-ionosphere",
    "oh-german-credit-numeric",
    "fd-statlog-heart",
    "fd-wine",
)
FRACTIONS = (0.1, 0.03, 0.01, 0.003)


def prepared(name: str, max_rows: int) -> tuple[bool, np.ndarray, np.ndarray]:
    """Whether it is regression, X and y of the training rows."""
    data = load(name)
    rows = np.random.default_rng(0).permutation(training_rows(data))[:max_rows]
    regression = name in REGRESSION
    (X,) = standardised(data["X"][rows].astype(float))
    y = standardised(data["y"][rows].astype(float))[0] if regression else data["y"][rows]
    return regression, X, y


def row(name: str, max_rows: int, tol: float, seeds: int, n_units: int) -> str:
    """One row of the table."""
    regression, X, y = prepared(name, max_rows)
    loss = "squared_error" if regression else "log_loss"
    estimator = estimator_for(regression)
    betas = [fraction * beta_max(regression, X, y) for fraction in FRACTIONS]
    beta = cross_validated_beta(regression, X, y, betas, refine=5, tol=1e-2)

    def sampled():
        return weights_of(quiet_fit(estimator(beta, refine=False, n_arrangements=1000, tol=1e-3, random_state=0), X, y))

    begin = time.perf_counter()
    model = quiet_fit(estimator(beta, tol=tol, random_state=0), X, y)
    seconds = time.perf_counter() - begin
    ours = objective(weights_of(model), X, y, beta, loss)
    certificate = model.certificate_
    line = (
        f"{name:25s} {len(X):4d} {X.shape[1]:3d} {FRACTIONS[betas.index(beta)]:8g} {beta:9.3g} {ours:11.8f} "
        f"{certificate.gap_searched:8.1e} {certificate.recall:6.0%} {certificate.n_units:5d} {seconds:8.2f}"
    )
    for rival in (
        sampled,
        lambda: mlp(X, y, beta, loss, seeds=seeds),
        lambda: wide_lbfgs(X, y, beta, loss, n_units=n_units),
    ):
        begin = time.perf_counter()
        weights = rival()
        seconds = time.perf_counter() - begin
        line += f" | {objective(weights, X, y, beta, loss) / ours - 1:+9.1e} {seconds:8.2f}"
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=list(NAMES))
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--tol", type=float, default=1e-3, help="searched gap at which our fit stops")
    parser.add_argument("--seeds", type=int, default=10, help="networks that the MLP may choose from")
    parser.add_argument("--units", type=int, default=1000, help="units of the wide network")
    arguments = parser.parse_args()
    print(
        f"{'set':25s} {'n':>4s} {'d':>3s} {'fraction':>8s} {'beta':>9s} {'objective':>11s} {'gap':>8s} {'recall':>6s} "
        f"{'units':>5s} {'seconds':>8s} | {'sampled':>9s} {'seconds':>8s} | {'mlp':>9s} {'seconds':>8s} | {'wide':>9s} {'seconds':>8s}",
        flush=True,
    )
    with threadpool_limits(limits=1):
        for name in arguments.sets:
            print(row(name, arguments.rows, arguments.tol, arguments.seeds, arguments.units), flush=True)


if __name__ == "__main__":
    main()
