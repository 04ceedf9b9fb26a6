"""The regressor that chooses beta."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skconvrelu._sklearn import fit_context, with_callbacks
from skconvrelu.estimators.all_or_nothing import all_or_nothing
from skconvrelu.estimators.base import TrainingSet
from skconvrelu.estimators.choosing_beta import CHOSEN_BETA, ChoosesBeta
from skconvrelu.estimators.regression import BaseRegressor

Array = NDArray[np.float64]


class ConvexReLURegressorCV(ChoosesBeta, BaseRegressor):
    """Two-layer ReLU network for regression whose penalty is chosen by cross-validation.

    Every fold is trained along falling penalties, each from the units of the last, to within a few percent of its optimum; the penalty with
    the best held-out score is then refitted on all rows by the full search, with its certificate. With ``betas`` a number, every
    second penalty of a geometric grid is tried from above until the score has clearly turned, then the neighbours of the best.

    Parameters
    ----------
    betas : int or array-like, default=21
        Number of penalties of a geometric grid from the largest useful one down to ``eps`` times it, or the penalties to try, all of them.
    eps : float, default=1e-5
        Least penalty of the grid as a fraction of the largest, the smallest beta whose optimum is the zero network.
    cv : int, cross-validation generator or iterable, default=None
        As in :class:`sklearn.linear_model.LassoCV`: None is 5 folds.
    scoring : str or callable, default=None
        What held-out rows judge by. None: minus the mean training loss, such as half the squared error, weighted by ``sample_weight``.
        Other scores are weighted where metadata routing hands a scorer the weights that it requests. A score that is no finite number
        (R^2 of a single row) does not count, with a warning: folds without one at any penalty are left out, and penalties with fewer of
        them than others come last, since means over different folds cannot be compared.
    one_standard_error : bool, default=False
        Take the largest penalty whose score is within one standard error (over folds) of the best one: a smaller, smoother network.
    calibrate : bool, default=False
        For ``loss="quantile"``: move the predictions by the quantile of the held-out residuals (``calibration_``). A flexible network
        fits the quantile of its training rows, which those of new rows exceed; their share below the moved predictions is right.
    refit : bool, default=True
        False only chooses: there is no network to predict with.
    loss, epsilon, quantile, arrangements, n_arrangements, activation, refine, shared_units, fit_intercept, solver, tol, max_iter
        As in :class:`ConvexReLURegressor`. With ``refine`` off or gated ReLU the folds are solved over the
        sampled arrangements.
    max_time : float, default=None
        Seconds that ``fit`` may take, measured by the clock. Half of them are for the choice, which ends with the penalties that all folds
        have been trained at by then, and what is left is for the refit, which ends with its best network so far; a ConvergenceWarning says
        so. None is no limit.
    n_jobs : int, default=None
        Jobs over folds, and over outputs that can be trained apart; any joblib backend, :func:`joblib.parallel_config` included. The result
        does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Draws the arrangements and the starts of the search. The same integer gives bitwise the same model.
    verbose : int, default=0
        1 logs every penalty, round and the result to stderr, 2 and more every iteration, through the logger "skconvrelu".

    Attributes
    ----------
    beta_ : float
        The penalty chosen.
    betas_ : ndarray of shape (n_betas,)
        The penalties tried, falling.
    cv_scores_ : ndarray of shape (n_betas, n_folds)
        Score of each fold at each of them; larger is better.
    n_fits_ : int
        Networks trained for the choice.
    cv_time_, refit_time_ : float
        Seconds that choice and refit took.
    calibration_ : ndarray of shape (n_outputs,)
        What ``predict`` adds to the network's outputs: zero unless ``calibrate``. Certificate and objective are the network's own.
    **others
        All attributes of :class:`ConvexReLURegressor`, of the refitted network.

    See Also
    --------
    ConvexReLURegressor : One penalty.
    convex_relu_path : Networks along penalties, each with its gap.

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu import ConvexReLURegressorCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, size=(60, 1))
    >>> y = np.abs(X[:, 0]) + 0.1 * rng.standard_normal(60)
    >>> model = ConvexReLURegressorCV(random_state=0).fit(X, y)
    >>> bool(abs(model.predict([[0.5]])[0] - 0.5) < 0.1)
    True
    >>> bool(model.certificate_.gap_searched <= 1e-2)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseRegressor._parameter_constraints,
        **CHOSEN_BETA,
        "calibrate": ["boolean"],
    }

    def __init__(
        self,
        *,
        betas: Any = 21,
        eps: float = 1e-5,
        cv: Any = None,
        scoring: Any = None,
        one_standard_error: bool = False,
        calibrate: bool = False,
        refit: bool = True,
        loss: str = "squared_error",
        epsilon: float = 1.35,
        quantile: float = 0.5,
        arrangements: Any = "gaussian",
        n_arrangements: int = 100,
        activation: str = "relu",
        refine: bool | int = True,
        shared_units: bool = False,
        fit_intercept: bool = True,
        solver: str = "auto",
        tol: float = 1e-2,
        max_iter: int = 1000,
        max_time: float | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.betas = betas
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.one_standard_error = one_standard_error
        self.calibrate = calibrate
        self.refit = refit
        self.loss = loss
        self.epsilon = epsilon
        self.quantile = quantile
        self.arrangements = arrangements
        self.n_arrangements = n_arrangements
        self.activation = activation
        self.refine = refine
        self.shared_units = shared_units
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.max_time = max_time
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @all_or_nothing
    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> ConvexReLURegressorCV:
        """Choose beta and train with it to global optimality.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        **params : dict
            For the splitter of ``cv``, such as ``groups``, and the scorer of ``scoring``; needs
            ``sklearn.set_config(enable_metadata_routing=True)``.

        Returns
        -------
        self : ConvexReLURegressorCV

        Raises
        ------
        ValueError
            If data, weights or a parameter are invalid, a fold has no targets that the loss can fit, or no score is defined; nothing is
            fitted then.
        """
        if self.calibrate and self.loss != "quantile":
            raise ValueError(
                f"calibrate=True is for loss='quantile', whose predictions have a share to cover; got {self.loss!r}."
            )
        return self._fit_chosen(X, y, sample_weight, params)

    def _from_held_out(self, data: TrainingSet, held_out: list[tuple[Any, Array]]) -> dict[str, Any]:
        if not self.calibrate:
            return {"calibration_": np.zeros(data.Y.shape[1])}
        rows = np.concatenate([np.arange(len(data.y))[rows] for rows, _ in held_out])
        outputs = np.vstack([outputs for _, outputs in held_out])
        weights = data.weights[rows]
        if not (weights > 0.0).any():
            raise ValueError(
                "calibrate: no held-out row of cv has positive weight; use other folds or calibrate=False."
            )
        return {"calibration_": data.loss.best_constant(outputs, data.Y[rows], weights)}

    def _check_part(self, y: NDArray[Any], weights: Array) -> None:
        self._loss().check_targets(y, weights if self.fit_intercept else None)

    def _outputs(self, X: Any) -> Array:
        F = super()._outputs(X)
        return F + self.calibration_.astype(F.dtype) if hasattr(self, "calibration_") else F

    def _own_score(self, X: Any, y: NDArray[Any], weights: Array) -> float:
        Y, loss, _ = self._coded(y, weights)
        losses = loss.value(self.network_.outputs(X), Y) - loss.dropped(Y)
        return -float(np.average(losses, weights=weights)) if (weights > 0.0).any() else np.nan
