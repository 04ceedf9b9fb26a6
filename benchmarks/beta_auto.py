"""Which fraction of beta_max should beta="auto" be, and how many arrangements? Cross-validation inside official training rows.

``python -m benchmarks.beta_auto`` writes a table a data set: the cross-validated loss at each fraction, relative to the best of
the row, and the mean over all sets. At most 600 training rows of each set, 3 folds, features standardised, the sampled program alone
(refine=False); no test row is read.
"""

from __future__ import annotations

import argparse
from typing import Any
from unittest.mock import patch

import numpy as np
from joblib import Parallel, delayed
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from benchmarks.datasets import REGRESSION, classification_names, load, training_rows
from benchmarks.protocol import estimator_for, quiet_fit

FRACTIONS = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)


def fitted(regression: bool, fraction: float, X: np.ndarray, y: np.ndarray, n_arrangements: int) -> Any:
    """The sampled program solved at beta="auto", were that this fraction of beta_max."""
    model = estimator_for(regression)(
        n_arrangements=n_arrangements, refine=False, tol=1e-3, random_state=0, solver="scipy"
    )
    with patch("skconvrelu.training.penalties.AUTO_FRACTION", fraction):
        return quiet_fit(model, X, y)


def curve(name: str, n_arrangements: int, max_rows: int) -> list[float]:
    """Mean validation loss (root mean squared error, or log loss) at each fraction."""
    data = load(name)
    rows = np.random.default_rng(0).permutation(training_rows(data))[:max_rows]
    X, y = data["X"][rows].astype(float), data["y"][rows]
    regression = name in REGRESSION
    folds = KFold(3, shuffle=True, random_state=0) if regression else StratifiedKFold(3, shuffle=True, random_state=0)
    losses = np.zeros((3, len(FRACTIONS)))
    for k, (train, valid) in enumerate(folds.split(X, y)):
        scaler = StandardScaler().fit(X[train])
        for j, fraction in enumerate(FRACTIONS):
            model = fitted(regression, fraction, scaler.transform(X[train]), y[train], n_arrangements)
            V = scaler.transform(X[valid])
            if regression:
                losses[k, j] = np.sqrt(mean_squared_error(y[valid], model.predict(V)))
            else:
                losses[k, j] = log_loss(y[valid], model.predict_proba(V), labels=model.classes_)
    return list(losses.mean(axis=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-arrangements", type=int, default=100)
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--n-jobs", type=int, default=1)
    arguments = parser.parse_args()
    names = [*REGRESSION, *classification_names()]
    table = Parallel(n_jobs=arguments.n_jobs, return_as="generator")(
        delayed(curve)(name, arguments.n_arrangements, arguments.rows) for name in names
    )
    print(f"{'validation loss / best of the row':38s}", *(f"{f:8g}" for f in FRACTIONS), flush=True)
    relative = []
    for name, losses in zip(names, table, strict=True):
        relative.append(np.array(losses) / min(losses))
        print(f"{name:38s}", *(f"{r:8.3f}" for r in relative[-1]), flush=True)
    regression, classification = relative[: len(REGRESSION)], relative[len(REGRESSION) :]
    for label, part in (("regression", regression), ("classification", classification), ("all", relative)):
        print(
            f"{'geometric mean, ' + label:38s}", *(f"{r:8.3f}" for r in np.exp(np.log(part).mean(axis=0))), flush=True
        )


if __name__ == "__main__":
    main()
