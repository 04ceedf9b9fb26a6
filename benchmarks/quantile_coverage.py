"""Do quantile fits cover what they say? Share of held-out targets below the predicted quantile.

``python -m benchmarks.quantile_coverage`` fits q = 0.1, 0.5, 0.9 on at most ``--rows`` training rows of each official split
(standardised), with beta picked by 3-fold cross-validation of the pinball loss inside them, and prints the coverage of the test
rows, averaged over the splits. The same beta serves all splits of a quantile: it is picked on the first.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.metrics import mean_pinball_loss
from sklearn.model_selection import KFold
from threadpoolctl import threadpool_limits

from benchmarks.datasets import held_out_rows, load, training_rows
from benchmarks.protocol import quiet_fit, standardised
from skconvrelu import ConvexReLURegressor

FRACTIONS = (0.1, 0.03, 0.01)


def parts(name: str, split: int, max_rows: int) -> tuple[np.ndarray, ...]:
    """Standardised training and test features and targets."""
    data = load(name)
    train = np.random.default_rng(split).permutation(training_rows(data, split))[:max_rows]
    test = held_out_rows(data, split)
    X, V = standardised(data["X"][train].astype(float), data["X"][test].astype(float))
    y, v = standardised(data["y"][train].astype(float), data["y"][test].astype(float))
    return X, y, V, v


def model(beta: float | str, q: float, **params: object) -> ConvexReLURegressor:
    return ConvexReLURegressor(beta, loss="quantile", quantile=q, tol=1e-2, random_state=0, **params)


def chosen_beta(X: np.ndarray, y: np.ndarray, q: float) -> float:
    """The beta with the least 3-fold pinball loss."""
    top = quiet_fit(model("auto", q, refine=False, n_arrangements=20), X, y).beta_ / 0.01
    losses = np.zeros(len(FRACTIONS))
    for train, valid in KFold(3, shuffle=True, random_state=0).split(X):
        for j, fraction in enumerate(FRACTIONS):
            fitted = quiet_fit(model(fraction * top, q, refine=5), X[train], y[train])
            losses[j] += mean_pinball_loss(y[valid], fitted.predict(X[valid]), alpha=q)
    return FRACTIONS[int(losses.argmin())] * top


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=["uci-concrete", "pmlb-california-housing"])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--splits", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{'set':24s} {'q':>5s} {'beta':>9s} {'coverage':>9s} {'error':>7s} {'seconds':>8s}", flush=True)
    with threadpool_limits(limits=1):
        for name in arguments.sets:
            for q in (0.1, 0.5, 0.9):
                begin = time.perf_counter()
                beta, covered = None, []
                for split in range(arguments.splits):
                    X, y, V, v = parts(name, split, arguments.rows)
                    beta = chosen_beta(X, y, q) if beta is None else beta
                    covered.append(float((v <= quiet_fit(model(beta, q, refine=10), X, y).predict(V)).mean()))
                coverage = float(np.mean(covered))
                print(
                    f"{name:24s} {q:5.2f} {beta:9.3g} {coverage:9.3f} {coverage - q:+7.3f} {time.perf_counter() - begin:8.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
