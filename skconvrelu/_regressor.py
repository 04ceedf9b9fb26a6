"""The regressor."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import validate_data

from skconvrelu._base import BaseConvexReLU
from skconvrelu._sklearn import StrOptions, fit_context
from skconvrelu.losses import SquaredError


class ConvexReLURegressor(RegressorMixin, BaseConvexReLU):
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseConvexReLU._parameter_constraints,
        "loss": [StrOptions({"squared_error"})],
    }

    def __init__(
        self,
        beta: float | str = "auto",
        *,
        loss: str = "squared_error",
        arrangements: Any = "gaussian",
        n_arrangements: int = 100,
        activation: str = "relu",
        fit_intercept: bool = True,
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
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> ConvexReLURegressor:
        """Train to global optimality over the sampled arrangements.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Sparse data are accepted; the solver works on a dense copy.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative weights; weight 2 is the same as the sample twice, weight 0 the same as leaving it out.

        Returns
        -------
        self : ConvexReLURegressor

        Raises
        ------
        ValueError
            If data, weights or a parameter are invalid; nothing is fitted then.
        SolverUnavailableError
            If a solver was named that is not installed or not licensed.
        """
        X, y = validate_data(
            self, X, y, accept_sparse=("csr", "csc"), dtype=[np.float64, np.float32], multi_output=True, y_numeric=True
        )
        weights = self._validate_weights(X, sample_weight)
        Y = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
        self._fit_network(X, Y, weights, SquaredError())
        self._flat_target = y.ndim == 1
        return self

    def predict(self, X: Any) -> NDArray[np.floating]:
        """Predict with the reconstructed network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the dtype of X (float32 or float64).
        """
        F = self._outputs(X)
        return F[:, 0] if self._flat_target else F
