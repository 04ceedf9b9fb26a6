"""What choosing beta costs: against GridSearchCV over the same penalties and folds, and against the grid search of a tuned SVR.

``python -m benchmarks.cv_speed`` prints two tables. First, on 300 training rows of concrete, energy and pima: ``ConvexReLURegressorCV`` (or
the classifier) and ``GridSearchCV`` of the plain estimator with the same tolerance, over the same penalties and folds, with the mean
held-out score at the penalty each picks, scored alike. Second, a full default fit on 1000 x 10 (teacher network plus noise)
beside the grid search of :mod:`benchmarks.contenders`' SVR. One BLAS thread, one job; median ratio of ``--repeats``.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
from threadpoolctl import threadpool_limits

from benchmarks.contenders import regressor
from benchmarks.datasets import REGRESSION, load, training_rows
from benchmarks.protocol import standardised
from skconvrelu import ConvexReLUClassifier, ConvexReLUClassifierCV, ConvexReLURegressor, ConvexReLURegressorCV


def _seconds(model: Any, X: np.ndarray, y: np.ndarray) -> float:
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    return time.perf_counter() - begin


def against_grid_search(name: str, n_rows: int, betas: np.ndarray) -> tuple[float, float, float, float]:
    """Seconds of ours and of GridSearchCV, and the best mean scores of both."""
    data = load(name)
    rows = np.random.default_rng(0).permutation(training_rows(data))[:n_rows]
    (X,) = standardised(data["X"][rows].astype(float))
    y = data["y"][rows]
    if name in REGRESSION:
        (y,) = standardised(y)
        plain, chooses, scoring, cv = ConvexReLURegressor, ConvexReLURegressorCV, "neg_mean_squared_error", KFold(5)
    else:
        plain, chooses, scoring, cv = ConvexReLUClassifier, ConvexReLUClassifierCV, "neg_log_loss", StratifiedKFold(5)
    ours = chooses(betas=betas, cv=cv, scoring=scoring, random_state=0)
    theirs = GridSearchCV(plain(tol=ours.tol, random_state=0), {"beta": betas}, cv=cv, scoring=scoring)
    seconds = _seconds(ours, X, y), _seconds(theirs, X, y)
    return *seconds, float(ours.cv_scores_.mean(axis=1).max()), float(theirs.best_score_)


def teacher(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows, and targets of a network of ten units with noise of a fifth of its spread."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    f = np.maximum(X @ rng.standard_normal((d, 10)), 0.0) @ rng.standard_normal(10)
    return X, f + 0.2 * f.std() * rng.standard_normal(n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=int, default=300)
    arguments = parser.parse_args()
    with threadpool_limits(limits=1):
        print(
            f"{'same penalties, folds':20s}{'ours s':>9s}{'grid s':>9s}{'ratio':>7s}{'our score':>11s}{'its score':>11s}"
        )
        for name in ("uci-concrete", "uci-energy", "fd-pima"):
            betas = np.geomspace(0.1, 1e-3, 12)
            ours, grid, own, its = against_grid_search(name, arguments.rows, betas)
            print(f"{name:20s}{ours:9.1f}{grid:9.1f}{grid / ours:7.1f}{own:11.4f}{its:11.4f}", flush=True)
        X, y = teacher(1000, 10)
        print(f"\n{'1000 x 10':20s}{'ours s':>9s}{'SVR s':>9s}{'SVR / ours':>12s}")
        for _ in range(arguments.repeats):
            ours, svr = _seconds(ConvexReLURegressorCV(random_state=0), X, y), _seconds(regressor("svr", 1000), X, y)
            print(f"{'':20s}{ours:9.1f}{svr:9.1f}{svr / ours:12.2f}", flush=True)


if __name__ == "__main__":
    main()
