"""certify_network: how far a network that someone else trained is from the best there is, and a better one."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skconvrelu._by_value import ByValue
from skconvrelu._checks import check_choice, check_features, check_fit_weights, check_method, check_number
from skconvrelu.certificate import Certificate
from skconvrelu.estimators.base import TrainingSet
from skconvrelu.estimators.classifier import ConvexReLUClassifier
from skconvrelu.estimators.regressor import ConvexReLURegressor
from skconvrelu.losses import PENALISED, REGRESSION
from skconvrelu.network import TwoLayerReLU
from skconvrelu.rounding import lengths_of_any_size
from skconvrelu.search.units import Units
from skconvrelu.stopping import deadline_in

Array = NDArray[np.float64]

#: those that scikit-learn's names are enough for
_LOSSES = tuple(name for name in PENALISED if not name.endswith("_on_classes"))


@dataclass(frozen=True, eq=False)
class NetworkAudit(ByValue):
    """What :func:`certify_network` found.

    Attributes
    ----------
    objective : float
        Weighted mean loss plus penalty of the network that was given, its units balanced and its output intercept left as it is.
    gap : float
        Distance of that objective to the best lower bound, relative to what it is above the least the loss could be. The bound is
        proven if ``certificate.lower_bound_proven`` is set, else as searched.
    beta : float
        The penalty used.
    certificate : Certificate
        Of the better network.
    model : ConvexReLURegressor or ConvexReLUClassifier
        The better network as a fitted estimator; its objective is at most the given one's.
    network : TwoLayerReLU
        The same as plain weights.
    """

    objective: float
    gap: float
    beta: float
    certificate: Certificate
    model: ConvexReLURegressor | ConvexReLUClassifier = field(compare=False)
    network: TwoLayerReLU


def certify_network(
    network: Any,
    X: Any,
    y: Any,
    *,
    beta: float | None = None,
    loss: str | None = None,
    sample_weight: Any = None,
    method: str = "search",
    max_time: float | None = None,
    **params: Any,
) -> NetworkAudit:
    """Audit a one-hidden-layer ReLU network, whatever trained it, and start from it to find one that is at least as good.

    The objective is ``(1/S) sum_i s_i l(f(x_i), y_i) + beta sum_jk ||(w1_j, b1_j)|| |w2_jk|``, the least that the penalty
    ``(beta/2) (||W1||^2 + ||b1||^2 + ||W2||^2)`` can be after units are rescaled without changing the function. A unit that feeds
    several outputs counts once for each of them.

    Parameters
    ----------
    network : MLPRegressor, MLPClassifier, TwoLayerReLU or tuple of arrays (W1, b1, W2, b2)
        Fitted, one hidden layer, activation "relu". Shapes (n_features, m), (m,), (m, K), (K,); K = 1 for two classes.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Training data.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets or class labels.
    beta : float, default=None
        Penalty. None maps ``alpha`` of an MLP: scikit-learn minimises ``mean loss + alpha / (2 n) (||W1||^2 + ||W2||^2)`` with the
        squared error also averaged over the K outputs, so ``beta = K alpha / n`` for the squared error and ``beta = alpha / n`` for the
        others (n the sum of the weights where there are any). The mapping is not exact in one point: scikit-learn leaves the hidden
        biases out of its penalty.
    loss : str, default=None
        None takes it from the MLP; it must be given for plain weights: a loss of :class:`ConvexReLURegressor`, or "log_loss", "hinge" or
        "squared_hinge" for class labels. Parameters of the loss, such as ``quantile``, go into ``params``.
    sample_weight : array-like of shape (n_samples,), default=None
    method : {"search", "exact"}, default="search"
        "exact" adds a proof, as in :meth:`ConvexReLURegressor.certify`.
    max_time : float, default=None
        Seconds after which the search from the network ends, with the best one so far; half of them where a proof follows, which has what
        is left. None is no limit.
    **params
        Further parameters of the estimator that searches from the network, such as ``refine``, ``tol``, ``solver``, ``random_state``.

    Returns
    -------
    audit : NetworkAudit

    Raises
    ------
    TypeError
        If ``network`` is of another kind.
    ValueError
        If it has more than one hidden layer, another activation or other shapes than the data, or beta or loss is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu import certify_network
    >>> X = np.linspace(-1, 1, 21)[:, None]
    >>> y = np.abs(X[:, 0])
    >>> weights = np.array([[1.0, -1.0]]), np.zeros(2), np.array([[0.9], [0.9]]), np.zeros(1)
    >>> audit = certify_network(weights, X, y, beta=1e-3, loss="squared_error", random_state=0)
    >>> bool(audit.certificate.objective < audit.objective)
    True
    >>> round(audit.gap, 2)
    0.46
    """
    check_method(method, max_time)
    deadline = deadline_in(max_time)
    weights, mlp = _weights(network)
    loss = _loss(loss, mlp)
    features = check_features(X, ensure_min_samples=1)
    total = float(check_fit_weights(sample_weight, features).sum())
    beta = _beta(beta, mlp, total, weights.output_weights.shape[1])
    if features.shape[1] != weights.hidden_weights.shape[0]:
        raise ValueError(
            f"X has shape {features.shape}, but the network takes {weights.hidden_weights.shape[0]} features: "
            "give the data it was trained on."
        )
    estimator = ConvexReLURegressor if loss in REGRESSION else ConvexReLUClassifier
    search_time = 0.5 * max_time if max_time is not None and method == "exact" else max_time
    model = estimator(beta, loss=loss, max_time=search_time, **params)
    if not model.refine or model.activation != "relu":
        raise ValueError("certify_network starts a search from the network: it needs refine on and activation='relu'.")
    weights = weights.balance()
    units = _units(weights)
    given = _objective(model._training_set(X, y, sample_weight, reset=True), weights, units, beta)
    model._fit_from(X, y, sample_weight, units)
    if method == "exact":
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        model.certify(X, y, sample_weight=sample_weight, method="exact", max_time=left)
    certificate = model.certificate_
    bounds = (certificate.lower_bound_proven, certificate.lower_bound_searched, certificate.lower_bound_solved)
    bound = next(b for b in bounds if b is not None)
    size = given - certificate.least_loss
    return NetworkAudit(
        objective=given,
        gap=max(0.0, given - bound) / size if size > 0.0 else 0.0,
        beta=beta,
        certificate=certificate,
        model=model,
        network=model.network_,
    )


def _objective(data: TrainingSet, network: TwoLayerReLU, units: Units, beta: float) -> float:
    """Objective of the network that was given, its output intercepts as they are."""
    if data.Y.shape[1] != network.output_weights.shape[1]:
        raise ValueError(
            f"network has {network.output_weights.shape[1]} outputs for targets y that need {data.Y.shape[1]}: give the data it was "
            "trained on."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        losses = data.loss.value(network.outputs(data.X), data.Y) - data.loss.dropped(data.Y)
        objective = float(data.weights @ losses / data.weights.sum() + beta * units.norms().sum())
    if not np.isfinite(objective):  # that of units beyond the largest number is not, either
        raise ValueError(
            "network has weights so large that its objective on X and y is beyond the largest number; train it on scaled data."
        )
    return objective


def _weights(network: Any) -> tuple[TwoLayerReLU, MLPRegressor | MLPClassifier | None]:
    """The network as weights, and the MLP it came from."""
    if isinstance(network, TwoLayerReLU):
        if network.gates is not None:
            raise ValueError("network is a gated one: only ReLU networks can be audited.")
        return network, None
    if isinstance(network, (MLPRegressor, MLPClassifier)):
        return TwoLayerReLU.from_mlp(network), network
    if isinstance(network, (tuple, list)) and len(network) == 4:
        return TwoLayerReLU(*network), None
    raise TypeError(
        "network must be a fitted MLPRegressor or MLPClassifier, a TwoLayerReLU or a tuple (W1, b1, W2, b2), "
        f"got {type(network).__name__}."
    )


def _loss(loss: str | None, mlp: MLPRegressor | MLPClassifier | None) -> str:
    own = None if mlp is None else mlp.loss
    if loss is None and own is None:
        raise ValueError("loss must be given for plain weights, such as 'squared_error' or 'log_loss'.")
    chosen = own if loss is None else loss
    return check_choice(chosen, "loss", _LOSSES)


def _beta(beta: Any, mlp: MLPRegressor | MLPClassifier | None, n: float, n_outputs: int) -> float:
    if beta is None:
        if mlp is None:
            raise ValueError("beta must be given for plain weights: the penalty they are to be judged by.")
        beta = mlp.alpha / n * (n_outputs if mlp.loss == "squared_error" else 1)
        if beta <= 0.0:
            raise ValueError("network was trained with alpha=0; give a positive beta to judge it by.")
    return check_number(beta, "beta", above=0.0)


def _units(weights: TwoLayerReLU) -> Units:
    """One unit for each hidden unit and output it feeds, the hidden bias as last entry."""
    vectors = np.vstack([weights.hidden_weights, weights.hidden_biases]).T
    unit, output = np.nonzero(weights.output_weights * (lengths_of_any_size(vectors) > 0.0)[:, None])
    strength = weights.output_weights[unit, output]
    directions = np.zeros((len(unit), weights.output_weights.shape[1]))
    directions[np.arange(len(unit)), output] = np.sign(strength)
    with np.errstate(over="ignore"):
        units = Units(vectors[unit] * np.abs(strength)[:, None], directions)
        return units[units.norms() > 0.0]  # what is so small that its square is zero changes nothing
