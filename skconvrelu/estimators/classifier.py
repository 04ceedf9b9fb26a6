"""The classifier."""

from __future__ import annotations

from typing import Any, ClassVar

from skconvrelu._sklearn import fit_context, with_callbacks
from skconvrelu.estimators.all_or_nothing import all_or_nothing
from skconvrelu.estimators.base import GIVEN_BETA
from skconvrelu.estimators.classification import BaseClassifier


class ConvexReLUClassifier(BaseClassifier):
    """Two-layer ReLU network for classification, trained to global optimality over its arrangements.

    Minimises ``(1/S) sum_i s_i l(f(x_i), y_i) + (beta/2) (||W1||_F^2 + ||w2||^2)`` over networks ``f(x) = (x' W1)_+ w2 + b`` with the
    given hyperplane arrangements, through its convex equivalent [1]_ [2]_: blocks ``u`` in the cone of their arrangement, with
    penalty ``beta ||u||``.

    Parameters
    ----------
    beta : float or "auto", default="auto"
        Penalty, positive: the only hyperparameter worth searching. "auto" is the one that predicts held-out samples best, of nine
        from the smallest beta whose optimum is the zero network (over all arrangements, as searched) down to a hundredth of it. Networks
        are trained on three quarters of the samples, roughly, along falling penalties, and their loss on the other quarter decides (with
        log_loss the Brier score); with few samples each of up to four quarters is held out in turn. Where nothing is searched
        (``refine`` off, gated ReLU, "exact"), with fewer than eight distinct samples, or where ``max_time`` ends the choice it is that
        hundredth. It follows the units of X. Beyond class ratios of 1000 : 1 a floor keeps it from following the rare class.
    loss : {"log_loss", "hinge", "squared_hinge", "squared_error", "hard_margin"}, default="log_loss"
        With labels coded y = -1, +1 and the margin m = y f: "log_loss" ``log(1 + exp(-m))`` for two classes, softmax cross-entropy
        for more; "hinge" ``max(0, 1 - m)``; "squared_hinge" ``max(0, 1 - m)^2``; "squared_error" ``(1 - m)^2 / 2``; "hard_margin" no
        loss but the constraint ``m >= 1``, the max-margin program of [2]_, which uses neither beta nor weights (a zero weight
        leaves a sample out). All but the first treat more than two classes one against the rest, in one fit whose objective is
        the sum. Every hidden unit feeds one class.
    arrangements : {"gaussian", "sparse", "data", "exact"}, array-like or callable, default="gaussian"
        Where the hyperplane arrangements come from. "gaussian": normal gates in standardised coordinates; "sparse": gates on one
        to three features; "data": gates that pass beside as many samples as the rank allows; "exact": all arrangements, refused
        above 10000 of them. An array of shape (n_features [+ 1], P) holds gate vectors as columns, the last row multiplying the
        hidden bias when ``fit_intercept``. A callable is called with (X with its constant column, n_arrangements,
        RandomState) and returns such an array. Repeated and all-off patterns are merged.
    n_arrangements : int, default=100
        Number of gates to sample.
    activation : {"relu", "gated_relu"}, default="relu"
        "gated_relu" drops the cone constraints: the gates decide which samples a unit sees, in ``predict`` too.
    refine : bool or int, default=True
        Search over all arrangements, starting from the sampled ones: rounds of descent, pruning, the convex program, and pricing, until
        no arrangement found would lower the objective by more than ``tol``. An int is a limit of rounds (True: 60); False or 0
        solves over the given arrangements only, as do ``arrangements="exact"`` (they are all there are) and gated ReLU.
    shared_units : bool, default=False
        With several outputs: False lets every hidden unit feed one of them, True all of them, as in the vector-output network with
        penalty ``(beta / 2) (||W1||_F^2 + ||W2||_F^2)``. The convex program is then solved for the output directions that descent and
        pricing find [3]_, which needs ``refine`` and ReLU; ``certificate_`` bounds all directions, over the given arrangements by spectral
        norms, which can be loose, over all as searched. No effect with one output.
    fit_intercept : bool, default=True
        Hidden biases (penalised) and a free output intercept (not penalised).
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied into the sample weights: finite nonnegative numbers by label, 1 where there is none.
        "balanced": inversely proportional to the sum of the sample weights of each class.
    solver : {"auto", "mosek", "clarabel", "scipy"} or callable, default="auto"
        "auto" is MOSEK where it is installed and licensed, otherwise "scipy": this package's own methods, a structured interior point and
        two Newton methods, whichever is likely to be the fastest. A callable ``solve(program, *, tol, max_iter, start)`` is a backend of
        your own; the points that it returns are verified like all others.
    tol : float, default=1e-2
        Stop at a gap of ``tol`` times the objective: over all arrangements as searched with ``refine``, else over the given ones.
        Predictions hardly change below 1e-2 (doc: benchmarks, defaults); objectives do, and a smaller one takes longer.
    max_iter : int, default=1000
        Limit of the iterations of one convex program, whatever the method.
    max_time : float, default=None
        Seconds that ``fit`` may take, by the clock; None is no limit. It then ends at the next point where it can be left, with the best
        network so far, which depends on the machine, the bounds known by then (``certificate_.stopped``) and a ConvergenceWarning.
    warm_start : bool, default=False
        Keep the gates of the last fit's units among the arrangements and start from them.
    n_jobs : int, default=None
        Jobs for outputs that can be solved apart, or for the starts of the search. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Draws the arrangements and the starts of the search. The same integer gives bitwise the same model.
    verbose : int, default=0
        1 logs every round and the result to stderr, 2 and more every iteration, through the logger "skconvrelu".

    Attributes
    ----------
    convex_coef_ : ndarray of shape (n_blocks, n_features [+ 1])
        The nonzero blocks u of the convex program, the last entry the hidden bias.
    convex_directions_ : ndarray of shape (n_blocks, n_outputs)
        Unit output direction of each block; +1 or -1 for one output.
    convex_arrangements_ : ndarray of shape (n_blocks,)
        Column of ``arrangements_`` that each block belongs to.
    arrangements_ : ndarray of shape (n_features [+ 1], P)
        Gate vectors of the arrangements that were solved over: the sampled ones, then those the search found.
    coefs_, intercepts_ : list of ndarray
        The reconstructed network in the layout of :class:`sklearn.neural_network.MLPClassifier`: weights of shapes
        (n_features, n_blocks) and (n_blocks, n_outputs), biases of shapes (n_blocks,) and (n_outputs,).
    network_ : TwoLayerReLU
        The same as an object that can be evaluated, merged, pruned or turned into an MLP, see :mod:`skconvrelu.network`.
    objective_ : float
        Weighted mean loss plus penalty, equal for the convex weights and the network but for rounding, which is added; with "hard_margin"
        the sum of norms.
    dual_gap_ : float
        Absolute duality gap, valid over ``arrangements_``: no network with these arrangements is better by more.
    dual_coef_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        The dual point behind the gap, feasible but for rounding, of which the gap takes account.
    certificate_ : Certificate
        Lower bounds of the objective over the arrangements solved, over all as searched, and over all proven, with a verdict in words.
    objectives_ : ndarray of shape (n_rounds,)
        Objective after each round of the search, never increasing.
    beta_ : float
        The penalty used.
    n_iter_ : int
        Iterations of the last convex program, whatever the method; at least 1.
    solver_ : str
        The backend that solved it; "descent" where it was too large to be solved.
    classes_ : ndarray of shape (n_classes,)
        Class labels that have positive weight.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Only for data frames with string column names.

    See Also
    --------
    ConvexReLURegressor : The same for real targets.

    References
    ----------
    .. [1] M. Pilanci and T. Ergen, "Neural Networks are Convex Regularizers: Exact Polynomial-time Convex Optimization
       Formulations for Two-layer Networks", ICML 2020.
    .. [2] Y. Wang, J. Lacotte and M. Pilanci, "The Hidden Convex Optimization Landscape of Regularized Two-Layer ReLU Networks: an
       Exact Characterization of Optimal Solutions", ICLR 2022.
    .. [3] A. Sahiner, T. Ergen, J. Pauly and M. Pilanci, "Vector-output ReLU Neural Network Problems are Copositive Programs:
       Convex Analysis of Two Layer Networks and Polynomial-time Algorithms", ICLR 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skconvrelu import ConvexReLUClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ConvexReLUClassifier(n_arrangements=20, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.95)
    True
    >>> model.predict_proba(X[:1]).shape
    (1, 3)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {**BaseClassifier._parameter_constraints, **GIVEN_BETA}

    def __init__(
        self,
        beta: float | str = "auto",
        *,
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
        self.refine = refine
        self.shared_units = shared_units
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.max_time = max_time
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @all_or_nothing
    @with_callbacks
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
            If data, weights or a parameter are invalid, or y has one class only; with ``loss="hard_margin"`` also if no network was
            found that separates the classes. Nothing is fitted then.
        SolverUnavailableError
            If a solver was named that is not installed or not licensed.
        KeyboardInterrupt
            If the user interrupts the fit. Where there is a network by then it is kept, as by ``max_time``: all fitted attributes are set,
            and ``certificate_.stopped`` is "interrupt". Otherwise the estimator is as it was before.
        """
        return self._fit_from(X, y, sample_weight, None)
