"""What several benchmarks do alike: data prepared for a fit, a penalty chosen by cross-validation inside the training rows, and
results kept on file as they come.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import KFold, StratifiedKFold

import skconvrelu
from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor


def quiet_fit(model: Any, X: np.ndarray, y: np.ndarray) -> Any:
    """Fit without convergence warnings: the tables show gaps and objectives instead."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def estimator_for(regression: bool) -> Any:
    """The estimator class."""
    return ConvexReLURegressor if regression else ConvexReLUClassifier


def beta_max(regression: bool, X: np.ndarray, y: np.ndarray, *, fit_intercept: bool = True) -> float:
    """The smallest penalty whose optimum is the zero network, as searched."""
    loss = "squared_error" if regression else "log_loss"
    return skconvrelu.beta_max(X, y, loss=loss, fit_intercept=fit_intercept, max_cones=1, random_state=0).value


def error(model: Any, X: np.ndarray, y: np.ndarray, *, regression: bool) -> float:
    """Root mean squared error, or Brier score."""
    if regression:
        return float(np.sqrt(np.square(model.predict(X) - y).mean()))
    return float(np.square(model.predict_proba(X) - (y[:, None] == model.classes_)).sum(axis=1).mean())


def cross_validated_beta(
    regression: bool, X: np.ndarray, y: np.ndarray, betas: Sequence[float], **params: Any
) -> float:
    """The penalty with the least 3-fold validation loss (mean squared error, log loss)."""
    splitter = (KFold if regression else StratifiedKFold)(3, shuffle=True, random_state=0)
    losses = np.zeros(len(betas))
    for train, valid in splitter.split(X, y):
        for j, beta in enumerate(betas):
            model = quiet_fit(estimator_for(regression)(beta, random_state=0, **params), X[train], y[train])
            if regression:
                losses[j] += mean_squared_error(y[valid], model.predict(X[valid]))
            else:
                losses[j] += log_loss(y[valid], model.predict_proba(X[valid]), labels=model.classes_)
    return float(betas[int(losses.argmin())])


def standardised(train: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """Columns at mean zero and standard deviation one on the training rows; constant columns become zero."""
    mean, spread = train.mean(axis=0), train.std(axis=0)
    spread = np.where(spread > 0.0, spread, 1.0)
    return [(part - mean) / spread for part in (train, *others)]


def kept(path: Path) -> list[dict[str, Any]]:
    """Results of earlier runs, a JSON line each."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def keeping(path: Path, calls: list[Any], n_jobs: int) -> Iterator[dict[str, Any]]:
    """Results of joblib's delayed calls as they come, each added to the file at once."""
    for result in Parallel(n_jobs=n_jobs, return_as="generator_unordered")(calls):
        with path.open("a") as file:
            file.write(json.dumps(result) + "\n")
        yield result
