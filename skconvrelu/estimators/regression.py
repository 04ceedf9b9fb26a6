"""What the regressors share: targets, losses of real targets, and predictions."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import column_or_1d, validate_data

from skconvrelu._checks import check_known, naming
from skconvrelu._sklearn import Interval, StrOptions
from skconvrelu.estimators.base import BaseConvexReLU
from skconvrelu.losses import TARGETS, Loss, regression_loss

Array = NDArray[np.float64]


class BaseRegressor(RegressorMixin, BaseConvexReLU):
    """Regression without a choice of beta; not for direct use."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseConvexReLU._parameter_constraints,
        "loss": [StrOptions(set(TARGETS))],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "quantile": [Interval(Real, 0, 1, closed="neither")],
    }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # several targets work with every loss, but scikit-learn's check of them has negative ones only
        nonnegative = self.loss in TARGETS and self._loss().nonnegative_targets
        tags.target_tags.multi_output = not nonnegative
        tags.target_tags.positive_only = nonnegative
        return tags

    def _coded(self, y: NDArray[Any], weights: Array) -> tuple[Array, Loss, dict[str, Any]]:
        return y.reshape(len(y), -1), self._loss(), {"_flat_target": y.ndim == 1}

    def _loss(self) -> Loss:
        return regression_loss(self.loss, epsilon=self.epsilon, quantile=self.quantile)

    def _validated(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> tuple[Any, Array, Array]:
        check_known(y, numbers=True)
        with naming("X"):
            X, y = validate_data(
                self,
                X,
                y,
                reset=reset,
                accept_sparse=("csr", "csc"),
                dtype=[np.float64, np.float32],
                multi_output=True,
                y_numeric=True,
            )
        weights = self._validate_weights(X, sample_weight)
        y = np.asarray(y, dtype=np.float64)
        loss = self._loss()
        if loss.nonnegative_targets and y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        loss.check_targets(y, weights if self.fit_intercept else None)
        return X, y, weights

    def predict(self, X: Any) -> NDArray[np.floating]:
        """Predict with the reconstructed network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the dtype of X (float32 or float64). With ``loss="poisson"`` the mean, ``exp`` of the network's output.
        """
        F = self._loss().mean(self._outputs(X))
        return F[:, 0] if self._flat_target else F
