"""The models that benchmarks.accuracy compares: ours by defaults, the others by defaults or tuned over the grids that stand here.

Every model is a pipeline that standardises X on the training rows. Grids are searched by cross-validation inside the training rows
(5 folds, 3 from 2500 rows on) with the score that the table shows: root mean squared error or accuracy. SVR and MLPRegressor see
standardised targets too; ours does not need it. With more than 5000 rows SVR is tuned without C = 1000, whose fits would take most of an
hour.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from skconvrelu import ConvexReLUClassifierCV, ConvexReLURegressorCV

SVR_GRID = {"C": [0.3, 1.0, 10.0, 100.0, 1000.0], "gamma": [0.01, 0.03, 0.1, 0.3, 1.0], "epsilon": [0.01, 0.1]}
SVC_GRID = {"C": [0.1, 1.0, 10.0, 100.0, 1000.0], "gamma": [0.001, 0.01, 0.03, 0.1, 0.3, 1.0]}
MLP_GRID = {"alpha": [1e-4, 1e-2, 0.1, 1.0, 10.0], "solver": ["lbfgs", "adam"]}
_MLP = {"hidden_layer_sizes": (100,), "max_iter": 500, "random_state": 0}

#: models of the regression table; the first four are smooth
REGRESSORS = ("ours", "svr", "mlp", "ridge", "boosting", "forest")
SMOOTH = REGRESSORS[1:4]
CLASSIFIERS = ("ours", "svc", "mlp", "logistic", "boosting", "forest")


def svr_grid(n_rows: int) -> dict[str, list[Any]]:
    """The candidates for so many training rows."""
    return SVR_GRID if n_rows <= 5000 else SVR_GRID | {"C": SVR_GRID["C"][:-1]}


def _tuned(estimator: Any, grid: dict[str, list[Any]], n_rows: int, scoring: str) -> Any:
    return GridSearchCV(estimator, grid, cv=5 if n_rows < 2500 else 3, scoring=scoring)


def _on_standard_targets(estimator: Any) -> Any:
    return TransformedTargetRegressor(estimator, transformer=StandardScaler())


def regressor(name: str, n_rows: int) -> Any:
    """The pipeline of one regressor for so many training rows."""
    score = "neg_root_mean_squared_error"
    models = {
        "ours": lambda: ConvexReLURegressorCV(random_state=0),
        "svr": lambda: _on_standard_targets(_tuned(SVR(cache_size=1000), svr_grid(n_rows), n_rows, score)),
        "mlp": lambda: _on_standard_targets(_tuned(MLPRegressor(**_MLP), MLP_GRID, n_rows, score)),
        "ridge": lambda: RidgeCV(alphas=np.logspace(-3, 3, 25)),
        "boosting": lambda: HistGradientBoostingRegressor(random_state=0),
        "forest": lambda: RandomForestRegressor(n_estimators=500, random_state=0),
    }
    return make_pipeline(StandardScaler(), models[name]())


def classifier(name: str, n_rows: int) -> Any:
    """The pipeline of one classifier for so many training rows."""
    models = {
        "ours": lambda: ConvexReLUClassifierCV(random_state=0),
        "svc": lambda: _tuned(SVC(cache_size=1000), SVC_GRID, n_rows, "accuracy"),
        "mlp": lambda: _tuned(MLPClassifier(**_MLP), MLP_GRID, n_rows, "accuracy"),
        "logistic": lambda: LogisticRegressionCV(max_iter=1000),
        "boosting": lambda: HistGradientBoostingClassifier(random_state=0),
        "forest": lambda: RandomForestClassifier(n_estimators=500, random_state=0),
    }
    return make_pipeline(StandardScaler(), models[name]())
