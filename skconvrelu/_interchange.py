"""Weights from and to scikit-learn's multilayer perceptrons."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.validation import check_is_fitted

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
        raise TypeError(f"network must be a fitted MLPRegressor or MLPClassifier, got {type(mlp).__name__}.")
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


def fitted_mlp(layers: Layers, classes: NDArray[Any] | None) -> MLPRegressor | MLPClassifier:
    """An MLP that predicts with these weights: a classifier of ``classes``, or a regressor.

    It predicts and can be pickled; to train on, give it ``warm_start=True`` and the remaining state of a solver by ``partial_fit``.
    """
    W1, b1, W2, b2 = layers
    n_outputs = W2.shape[1]
    if classes is None:
        mlp = MLPRegressor(hidden_layer_sizes=(W1.shape[1],))
        mlp.out_activation_ = "identity"
    else:
        if np.ndim(classes) != 1:
            raise ValueError(f"classes must be a list of labels, got {classes!r}.")
        classes = np.unique(np.asarray(classes))
        if len(classes) < 2 or n_outputs != (1 if len(classes) == 2 else len(classes)):
            raise ValueError(f"classes: {len(classes)} distinct labels for a network with {n_outputs} outputs.")
        mlp = MLPClassifier(hidden_layer_sizes=(W1.shape[1],))
        mlp.out_activation_ = "logistic" if n_outputs == 1 else "softmax"
        mlp.classes_ = classes
        mlp._label_binarizer = LabelBinarizer().fit(classes)
    mlp.coefs_, mlp.intercepts_ = [W1.copy(), W2.copy()], [b1.copy(), b2.copy()]
    mlp.n_layers_, mlp.n_outputs_, mlp.n_features_in_ = 3, n_outputs, W1.shape[0]
    return mlp
