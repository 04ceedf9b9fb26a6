"""What is beta="auto" worth? Against cross-validation, a fixed fraction of the largest penalty, and linear models.

``python -m benchmarks.beta_auto`` trains on at most ``--rows`` of the official training rows of the 26 sets, and on 150 and 300 rows of
diabetes, and scores on others of them (diabetes: the rest); no test row is read. A line a set: root mean squared error, or Brier score,
relative to the estimator that chooses beta by cross-validation, of the plain estimator at beta="auto", at a hundredth of
beta_max, and of ridge or logistic regression with cross-validation of its own; then CPU seconds. Geometric means over ``--repeats``
draws of the rows. The last lines are means over sets with standard errors, and the sets where the plain estimator predicts worse than the
linear model although cross-validation predicts better.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from benchmarks.datasets import REGRESSION, classification_names
from benchmarks.defaults import prepared
from benchmarks.protocol import beta_max, error, estimator_for, quiet_fit, standardised
from skconvrelu import ConvexReLUClassifierCV, ConvexReLURegressorCV
from skconvrelu.training.auto_beta import LEAST

#: rows and columns of the two problems that diabetes makes
DIABETES = {"diabetes 150 x 6": (150, 6), "diabetes 300 x 10": (300, 10)}
MODELS = ("cross-validation", "auto", "fraction", "linear")


def rows_of(name: str, rows: int, seed: int) -> tuple[np.ndarray, ...]:
    """X, y to train on and V, v to score on, standardised."""
    if name not in DIABETES:
        return prepared(name, rows, seed)
    n, d = DIABETES[name]
    X, y = load_diabetes(return_X_y=True)
    X, V, y, v = train_test_split(X[:, :d], y.astype(float), train_size=n, random_state=seed)
    X, V = standardised(X, V)
    y, v = standardised(y, v)
    return X, y, V, v


def measured(name: str, rows: int, seed: int) -> dict[str, tuple[float, float]]:
    """Error and CPU seconds of each model."""
    regression = name in REGRESSION or name in DIABETES
    X, y, V, v = rows_of(name, rows, seed)
    plain, chosen = estimator_for(regression), ConvexReLURegressorCV if regression else ConvexReLUClassifierCV
    linear = RidgeCV(np.logspace(-3, 4, 30)) if regression else LogisticRegressionCV(Cs=20, max_iter=2000, cv=5)
    models = {
        "cross-validation": chosen(random_state=0),
        "auto": plain(random_state=0),
        "fraction": plain(LEAST * beta_max(regression, X, y), random_state=0),
        "linear": linear,
    }
    found = {}
    for label, model in models.items():
        begin = time.process_time()
        with warnings.catch_warnings():
            # of scikit-learn's about its own next releases, and about classes with fewer members than folds
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", UserWarning)
            quiet_fit(model, X, y)
        seconds = time.process_time() - begin
        found[label] = error(model, V, v, regression=regression), seconds
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--sets", nargs="+", default=[*DIABETES, *REGRESSION, *classification_names()])
    arguments = parser.parse_args()
    print(
        f"{'':34s}"
        + "".join(f"{label:>10s}" for label in MODELS[1:])
        + "".join(f"{label[:9]:>10s} s" for label in MODELS[:3])
    )
    logs = []
    for name in arguments.sets:
        with threadpool_limits(limits=1):
            draws = [measured(name, arguments.rows, seed) for seed in range(arguments.repeats)]
        # models x (error, seconds)
        log = np.log([[draw[label] for label in MODELS] for draw in draws]).mean(axis=0)
        logs.append(log)
        ratios, seconds = np.exp(log[1:, 0] - log[0, 0]), np.exp(log[:3, 1])
        print(
            f"{name:34s}" + "".join(f"{r:10.3f}" for r in ratios) + "".join(f"{s:12.2f}" for s in seconds), flush=True
        )
    every = np.array(logs)
    ratios = every[:, 1:, 0] - every[:, :1, 0]
    errors = ratios.std(axis=0, ddof=1) / np.sqrt(len(ratios)) if len(ratios) > 1 else np.zeros(3)
    print(f"{'geometric mean':34s}" + "".join(f"{r:10.3f}" for r in np.exp(ratios.mean(axis=0))) + "".join(
        f"{s:12.2f}" for s in np.exp(every[:, :3, 1].mean(axis=0))
    ))  # fmt: skip
    print(f"{'standard error':34s}" + "".join(f"{e:10.3f}" for e in errors))
    for column, label in ((0, "auto"), (1, "fraction")):
        behind = (ratios[:, 2] > 0.0) & (ratios[:, column] > ratios[:, 2])
        names = [name for name, is_behind in zip(arguments.sets, behind, strict=True) if is_behind]
        print(f"{label} behind the linear model where cross-validation is ahead: {', '.join(names) or 'nowhere'}")


if __name__ == "__main__":
    main()
