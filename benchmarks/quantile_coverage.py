"""Do quantile fits cover what they say? Share of held-out targets below the predicted quantile.

``python -m benchmarks.quantile_coverage`` fits q = 0.1, 0.5, 0.9 on at most ``--rows`` training rows of each official split
(standardised) with ``ConvexReLURegressorCV(loss="quantile")``, beta by cross-validation of the pinball loss inside them. It prints the
coverage of the test rows, averaged over the splits, and the pinball loss relative to that of the training rows' constant quantile,
both for the network as it is and with ``calibrate=True``, which moves its outputs by ``calibration_``.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.metrics import mean_pinball_loss
from threadpoolctl import threadpool_limits

from benchmarks.datasets import held_out_rows, load, training_rows
from benchmarks.protocol import quiet_fit, standardised
from skconvrelu import ConvexReLURegressorCV


def parts(name: str, split: int, max_rows: int) -> tuple[np.ndarray, ...]:
    """Standardised training and test features and targets."""
    data = load(name)
    if "split_train" in data:
        rows, test = training_rows(data, split), held_out_rows(data, split)
    else:
        order = np.random.default_rng(split).permutation(len(data["X"]))
        rows, test = order[: len(order) // 2], order[len(order) // 2 :]
    train = np.random.default_rng(split).permutation(rows)[:max_rows]
    X, V = standardised(data["X"][train].astype(float), data["X"][test].astype(float))
    y, v = standardised(data["y"][train].astype(float), data["y"][test].astype(float))
    return X, y, V, v


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=["uci-concrete", "pmlb-california-housing"])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--splits", type=int, default=3)
    arguments = parser.parse_args()
    columns = ["q", "coverage", "pinball", "calibrated", "pinball", "units", "seconds"]
    print(f"{'set':24s}" + "".join(f"{column:>11s}" for column in columns), flush=True)
    with threadpool_limits(limits=1):
        for name in arguments.sets:
            for q in (0.1, 0.5, 0.9):
                begin = time.perf_counter()
                rows = []
                for split in range(arguments.splits):
                    X, y, V, v = parts(name, split, arguments.rows)
                    model = ConvexReLURegressorCV(loss="quantile", quantile=q, calibrate=True, random_state=0)
                    moved = quiet_fit(model, X, y).predict(V)
                    constant = mean_pinball_loss(v, np.full(len(v), np.quantile(y, q)), alpha=q)
                    row = [len(model.convex_coef_)]
                    for f in (moved - model.calibration_, moved):
                        row += [(v <= f).mean(), mean_pinball_loss(v, f, alpha=q) / constant]
                    rows.append(row)
                units, *shown = np.mean(rows, axis=0)
                print(
                    f"{name:24s}{q:11.2f}" + "".join(f"{value:11.3f}" for value in shown)
                    + f"{units:11.0f}{time.perf_counter() - begin:11.1f}",
                    flush=True,
                )  # fmt: skip


if __name__ == "__main__":
    main()
