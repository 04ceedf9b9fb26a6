"""The classifier that chooses beta."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skconvrelu._sklearn import StrOptions, fit_context, with_callbacks
from skconvrelu.estimators.all_or_nothing import all_or_nothing
from skconvrelu.estimators.choosing_beta import CHOSEN_BETA, ChoosesBeta
from skconvrelu.estimators.classification import BaseClassifier
from skconvrelu.losses import LABELS

Array = NDArray[np.float64]


class ConvexReLUClassifierCV(ChoosesBeta, BaseClassifier):
    """Two-layer ReLU network for classification whose penalty is chosen by cross-validation.

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
        As in :class:`sklearn.linear_model.LogisticRegressionCV`: None is 5 stratified folds.
    scoring : str or callable, default=None
        What held-out rows judge by. None: minus the Brier score of the probabilities with ``loss="log_loss"``, which is proper and
        bounded; accuracy with other losses. Both are weighted by ``sample_weight`` and ``class_weight``; other scores are where metadata
        routing hands a scorer the weights that it requests. A score that is no finite number (the area under the curve of one class)
        does not count, with a warning: folds without one at any penalty are left out, and penalties with fewer of them than others
        come last, since means over different folds cannot be compared.
    one_standard_error : bool, default=False
        Take the largest penalty whose score is within one standard error (over folds) of the best one: a smaller, smoother network.
    refit : bool, default=True
        False only chooses: there is no network to predict with.
    loss, arrangements, n_arrangements, activation, refine, shared_units, fit_intercept, class_weight, solver, tol, max_iter
        As in :class:`ConvexReLUClassifier`; "hard_margin" has no penalty to choose. With ``refine`` off or
        gated ReLU the folds are solved over the sampled arrangements.
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
    **others
        All attributes of :class:`ConvexReLUClassifier`, of the refitted network.

    See Also
    --------
    ConvexReLUClassifier : One penalty.
    convex_relu_path : Networks along penalties, each with its gap.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skconvrelu import ConvexReLUClassifierCV
    >>> X, y = load_wine(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), ConvexReLUClassifierCV(cv=3, random_state=0)).fit(X, y)
    >>> bool(model.score(X, y) > 0.98)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseClassifier._parameter_constraints,
        **CHOSEN_BETA,
        "loss": [StrOptions(set(LABELS) - {"hard_margin"})],
    }

    def __init__(
        self,
        *,
        betas: Any = 21,
        eps: float = 1e-5,
        cv: Any = None,
        scoring: Any = None,
        one_standard_error: bool = False,
        refit: bool = True,
        loss: str = "log_loss",
        arrangements: Any = "gaussian",
        n_arrangements: int = 100,
        activation: str = "relu",
        refine: bool | int = True,
        shared_units: bool = False,
        fit_intercept: bool = True,
        class_weight: dict[Any, float] | str | None = None,
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
        self.refit = refit
        self.loss = loss
        self.arrangements = arrangements
        self.n_arrangements = n_arrangements
        self.activation = activation
        self.refine = refine
        self.shared_units = shared_units
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
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
    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> ConvexReLUClassifierCV:
        """Choose beta and train with it to global optimality.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
        **params : dict
            For the splitter of ``cv``, such as ``groups``, and the scorer of ``scoring``; needs
            ``sklearn.set_config(enable_metadata_routing=True)``.

        Returns
        -------
        self : ConvexReLUClassifierCV

        Raises
        ------
        ValueError
            If data, weights or a parameter are invalid, a fold has one class only, or no score is defined; nothing is fitted then.
        """
        return self._fit_chosen(X, y, sample_weight, params)

    def _own_score(self, X: Any, y: NDArray[Any], weights: Array) -> float:
        if not (weights > 0.0).any():
            return np.nan
        if self.loss != "log_loss":
            return float(np.average(self.predict(X) == y, weights=weights))
        classes = np.union1d(self.classes_, y)
        P = np.zeros((len(y), len(classes)))  # a class that the training rows of the fold lack has probability zero
        P[:, np.searchsorted(classes, self.classes_)] = self.predict_proba(X)
        P[np.arange(len(y)), np.searchsorted(classes, y)] -= 1.0
        return -float(np.average(np.square(P).sum(axis=1), weights=weights))
