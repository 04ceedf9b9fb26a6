"""What the classifiers share: labels, classes, losses of margins, and predictions."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from skconvrelu._checks import check_class_weight, check_known, naming
from skconvrelu._sklearn import StrOptions
from skconvrelu.estimators.base import BaseConvexReLU
from skconvrelu.losses import LABELS, Loss, classification_loss

Array = NDArray[np.float64]


class BaseClassifier(ClassifierMixin, BaseConvexReLU):
    """Classification without a choice of beta; not for direct use."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseConvexReLU._parameter_constraints,
        "loss": [StrOptions(set(LABELS))],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def _validated(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> tuple[Any, NDArray[Any], Array]:
        check_known(y, numbers=False)
        with naming("X"):
            X, y = validate_data(self, X, y, reset=reset, accept_sparse=("csr", "csc"), dtype=[np.float64, np.float32])
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        weights = self._validate_weights(X, sample_weight)
        if self.class_weight is not None:
            weights = weights * self._class_weights(y, weights)
        return X, y, weights

    def _class_weights(self, y: NDArray[Any], weights: Array) -> Array:
        """Each sample's class weight; balanced ones count sample weights, so that weight 2 is the sample twice."""
        classes, labels = np.unique(y, return_inverse=True)
        if isinstance(self.class_weight, dict):
            return check_class_weight(self.class_weight, classes)[labels]
        totals = np.bincount(labels, weights=weights)
        # a class without weight is none: its samples are left out whatever they are multiplied by
        return weights.sum() / (np.count_nonzero(totals) * np.where(totals > 0.0, totals, 1.0))[labels]

    def _coded(self, y: NDArray[Any], weights: Array) -> tuple[Array, Loss, dict[str, Any]]:
        classes = np.unique(y[weights > 0.0])
        if len(classes) < 2:
            raise ValueError(
                f"y holds {len(classes)} class with positive weight; a classifier needs samples of at least 2 classes."
            )
        # a class whose samples all weigh nothing is left out like them; what label they carry no longer matters
        labels = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
        loss, Y = classification_loss(self.loss, labels, len(classes))
        return Y, loss, {"classes_": classes}

    def decision_function(self, X: Any) -> NDArray[np.floating]:
        """Raw outputs of the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            With two classes the score of ``classes_[1]`` (with "log_loss" its log-odds), otherwise one score a class.
        """
        F = self._outputs(X)
        return F[:, 0] if F.shape[1] == 1 else F

    @available_if(lambda self: _gives_probabilities(self))
    def predict_proba(self, X: Any) -> NDArray[np.floating]:
        """Class probabilities; only with ``loss="log_loss"``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.column_stack([expit(-scores), expit(scores)])
        return softmax(scores, axis=1)

    def predict(self, X: Any) -> NDArray[Any]:
        """The class with the largest score for each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
        """
        scores = self.decision_function(X)
        index = (scores > 0.0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[index]


def _gives_probabilities(classifier: BaseClassifier) -> bool:
    if classifier.loss not in LABELS or not LABELS[classifier.loss].make().gives_probabilities:
        raise AttributeError(f"predict_proba needs loss='log_loss': loss={classifier.loss!r} gives no probabilities.")
    return True
