"""The classifier."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from skconvrelu._base import BaseConvexReLU
from skconvrelu._sklearn import StrOptions, fit_context
from skconvrelu.losses import BinaryLogLoss, Loss, MultinomialLogLoss


class ConvexReLUClassifier(ClassifierMixin, BaseConvexReLU):
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseConvexReLU._parameter_constraints,
        "loss": [StrOptions({"log_loss"})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        beta: float | str = "auto",
        *,
        loss: str = "log_loss",
        arrangements: Any = "gaussian",
        n_arrangements: int = 100,
        activation: str = "relu",
        fit_intercept: bool = True,
        class_weight: dict[Any, float] | str | None = None,
        solver: str = "auto",
        tol: float = 1e-4,
        max_iter: int = 1000,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.beta = beta
        self.loss = loss
        self.arrangements = arrangements
        self.n_arrangements = n_arrangements
        self.activation = activation
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> ConvexReLUClassifier:
        """Train to global optimality over the sampled arrangements.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Sparse data are accepted; the solver works on a dense copy.
        y : array-like of shape (n_samples,)
            Class labels, at least two different ones with positive weight.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative weights; weight 2 is the same as the sample twice, weight 0 the same as leaving it out.

        Returns
        -------
        self : ConvexReLUClassifier

        Raises
        ------
        ValueError
            If data, weights or a parameter are invalid, or y has one class only; nothing is fitted then.
        SolverUnavailableError
            If a solver was named that is not installed or not licensed.
        """
        X, y = validate_data(self, X, y, accept_sparse=("csr", "csc"), dtype=[np.float64, np.float32])
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        weights = self._validate_weights(X, sample_weight)
        if self.class_weight is not None:
            weights = weights * compute_sample_weight(self.class_weight, y)
        counted = weights > 0.0
        classes = np.unique(y[counted])
        if len(classes) < 2:
            raise ValueError(
                f"y holds {len(classes)} class with positive weight; a classifier needs samples of at least 2 classes."
            )
        labels = np.searchsorted(classes, y)
        # a class whose samples all weigh nothing is left out like them; what label they carry no longer matters
        loss, Y = _encode(np.minimum(labels, len(classes) - 1), len(classes))
        self._fit_network(X, Y, weights, loss)
        self.classes_ = classes
        return self

    def decision_function(self, X: Any) -> NDArray[np.floating]:
        """Raw outputs of the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            With two classes the log-odds of ``classes_[1]``, otherwise one score a class.
        """
        F = self._outputs(X)
        return F[:, 0] if F.shape[1] == 1 else F

    def predict_proba(self, X: Any) -> NDArray[np.floating]:
        """Class probabilities.

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
        """Most probable class of each sample.

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


def _encode(labels: NDArray[np.intp], n_classes: int) -> tuple[Loss, NDArray[np.float64]]:
    """The loss and its coded targets: -1/+1 for two classes, one-hot for more."""
    if n_classes == 2:
        return BinaryLogLoss(), np.where(labels == 1, 1.0, -1.0)[:, None]
    return MultinomialLogLoss(), np.eye(n_classes)[labels]
