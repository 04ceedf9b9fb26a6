"""Weights from and to scikit-learn's multilayer perceptrons."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.validation import check_is_fitted

from skconvrelu._checks import check_no_missing, check_shape

Array = NDArray[np.float64]
Layers = tuple[Array, Array, Array, Array]


def layers_of(mlp: Any) -> Layers:
    """Arrays (W1, b1, W2, b2) of a fitted MLP.

    Raises
    ------
    TypeError
        If it is neither MLPRegressor nor MLPClassifier.
    ValueError
        If it has more than one hidden layer, another activation than "relu", or an output that no network here has.
    """
    if not isinstance(mlp, (MLPRegressor, MLPClassifier)):
        raise TypeError(f"network: mlp must be a fitted MLPRegressor or MLPClassifier, got {type(mlp).__name__}.")
    check_is_fitted(mlp)
    if len(mlp.coefs_) != 2 or mlp.activation != "relu":
        raise ValueError(
            "network must have one hidden layer and activation='relu', "
            f"got {len(mlp.coefs_) - 1} layers and activation={mlp.activation!r}."
        )
    if mlp.out_activation_ == "logistic" and mlp.coefs_[1].shape[1] > 1:
        raise ValueError("network is a multi-label classifier, which has no equal here; use one label at a time.")
    (W1, W2), (b1, b2) = mlp.coefs_, mlp.intercepts_
    return tuple(np.array(a, dtype=np.float64) for a in (W1, b1, W2, b2))  # type: ignore[return-value]


def check_classes(classes: Any, n_outputs: int) -> NDArray[Any]:
    """Distinct labels, sorted, for a network with so many outputs: two for one, else one an output."""
    if len(check_shape(classes, "classes")) != 1:
        raise ValueError(f"classes must be a list of labels, got {classes!r}.")
    check_no_missing(classes, "classes")
    distinct = np.unique(np.asarray(classes))
    if len(distinct) < 2 or n_outputs != (1 if len(distinct) == 2 else len(distinct)):
        raise ValueError(f"classes: {len(distinct)} distinct labels for a network with {n_outputs} outputs.")
    return distinct


def fitted_mlp(layers: Layers, classes: NDArray[Any] | None) -> MLPRegressor | MLPClassifier:
    """An MLP that predicts with these weights: a classifier of ``classes``, or a regressor.

    It goes on training from these weights by ``partial_fit``, or by ``fit`` with ``warm_start=True``, as if no step had been taken yet.
    """
    W1, b1, W2, b2 = layers
    n_outputs = W2.shape[1]
    if classes is None:
        mlp = MLPRegressor(hidden_layer_sizes=(W1.shape[1],))
        mlp.out_activation_ = "identity"
    else:
        mlp = MLPClassifier(hidden_layer_sizes=(W1.shape[1],))
        mlp.out_activation_ = "logistic" if n_outputs == 1 else "softmax"
        mlp.classes_ = classes
        mlp._label_binarizer = LabelBinarizer().fit(classes)
    mlp.coefs_, mlp.intercepts_ = [W1.copy(), W2.copy()], [b1.copy(), b2.copy()]
    mlp.n_layers_, mlp.n_outputs_, mlp.n_features_in_ = 3, n_outputs, W1.shape[0]
    _set_untrained(mlp)
    return mlp


def _set_untrained(mlp: MLPRegressor | MLPClassifier) -> None:
    """The state in which scikit-learn begins to train, for any solver and with early stopping or without; the optimizer it makes itself."""
    mlp.n_iter_ = mlp.t_ = mlp._no_improvement_count = 0
    mlp.loss_curve_, mlp.best_loss_ = [], np.inf
    mlp.validation_scores_, mlp.best_validation_score_ = [], -np.inf
    mlp._best_coefs, mlp._best_intercepts = ([w.copy() for w in weights] for weights in (mlp.coefs_, mlp.intercepts_))
