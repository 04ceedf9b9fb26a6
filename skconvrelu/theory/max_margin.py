"""The max-margin problem: its convex program and dual, and which KKT points of the nonconvex problem are globally optimal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog
from scipy.spatial.distance import cdist

from skconvrelu._by_value import ByValue
from skconvrelu._checks import check_labels, check_matrix, check_method, check_number
from skconvrelu.estimators.classifier import ConvexReLUClassifier
from skconvrelu.network import TwoLayerReLU
from skconvrelu.rounding import TINY
from skconvrelu.row_space import unit_rows
from skconvrelu.theory._kinks import hidden_and_kinks
from skconvrelu.theory._setting import check_margin_network
from skconvrelu.theory.rectified_ellipsoid import support_function
from skconvrelu.training.hard_margin import NotSeparated

Array = NDArray[np.float64]

#: distance of two unit vectors that is rounding
_SAME_RAY = 4.0 * np.finfo(float).eps


@dataclass(frozen=True, eq=False)
class MaxMargin(ByValue):
    """Optimum of the convex max-margin program.

    Attributes
    ----------
    value : float
        ``P* = min sum_j ||u_j||`` subject to ``y_i f(x_i) >= 1``; for networks wide enough also the least ``(||W1||^2 + ||w2||^2) / 2``.
    dual_value : float
        ``D* = max y' lambda`` as far as it was reached, a lower bound over the arrangements.
    dual_coef : ndarray of shape (n_samples,)
        ``lambda``, with ``y_i lambda_i >= 0``.
    network : TwoLayerReLU
        The optimal network, balanced, of margin one.
    lower_bound_proven : float or None
        Over all arrangements, where it was proven.
    """

    value: float
    dual_value: float
    dual_coef: Array
    network: TwoLayerReLU
    lower_bound_proven: float | None


def max_margin(
    X: Any, y: Any, *, arrangements: Any = "exact", tol: float = 1e-8, random_state: Any = None
) -> MaxMargin:
    """The convex max-margin program and its dual (Wang & Pilanci 2022).

    ``min sum_j ||u_j||`` over blocks in their cones with ``y_i f(x_i) >= 1``, equal to the nonconvex problem
    ``min (||W1||^2 + ||w2||^2) / 2`` for networks that are wide enough; its dual is ``max y' lambda`` with ``y_i lambda_i >= 0`` and
    ``max_{||u|| <= 1} |lambda' (X u)_+| <= 1``.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        There are no biases: append a constant column for hidden ones.
    y : array-like of shape (n_samples,)
        Two classes; the larger label is +1.
    arrangements : "exact", "search" or ndarray of shape (n_features, P), default="exact"
        All of them by enumeration, all of them by the search of the estimators, or those of given gates only.
    tol : float, default=1e-8
        Relative gap. The network satisfies its KKT conditions to about the root of it.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    margin : MaxMargin

    Raises
    ------
    ValueError
        If there are not two classes, no network without biases separates them, none of the arrangements does or none was found for the
        scaling of X, or there are too many to enumerate.

    Examples
    --------
    >>> from skconvrelu.theory import max_margin
    >>> found = max_margin([[1.0], [-2.0]], [1, -1])
    >>> round(found.value, 5), found.dual_coef.round(4)
    (1.5, array([ 1. , -0.5]))
    """
    X = check_matrix(X)
    _check_separable(X, check_labels(y, len(X)))
    searches = isinstance(arrangements, str) and arrangements == "search"
    model = ConvexReLUClassifier(
        loss="hard_margin", fit_intercept=False, arrangements="gaussian" if searches else arrangements,
        refine=searches, tol=tol, random_state=random_state,
    )  # fmt: skip
    try:
        model.fit(X, np.asarray(y))
    except NotSeparated as error:
        raise ValueError(
            "no separating network was found over these arrangements; take arrangements='exact', append a constant column to X for hidden "
            "biases, or centre and scale the features where the margin is small beside them."
        ) from error
    return MaxMargin(
        value=model.objective_,
        dual_value=model.objective_ - model.dual_gap_,
        dual_coef=model.dual_coef_,
        network=model.network_,
        lower_bound_proven=model.certificate_.lower_bound_proven,
    )


def _check_separable(X: Array, codes: Array) -> None:
    """Networks without biases are positively homogeneous: zero at the origin, and of one sign along a ray."""
    zero = ~X.any(axis=1)
    if zero.any():
        raise ValueError(
            f"X: {int(zero.sum())} sample(s) are zero, where every network without biases is; append a constant column."
        )
    rays = unit_rows(X)
    shared = cdist(rays[codes > 0.0], rays[codes < 0.0]) <= _SAME_RAY
    if shared.any():
        clash = int(shared.any(axis=0).sum() + shared.any(axis=1).sum())
        raise ValueError(
            f"X: {clash} samples lie on one ray with a sample of the other class, and no network without biases separates them; "
            "append a constant column."
        )


@dataclass(frozen=True, eq=False)
class NonconvexKKT(ByValue):
    """How well a network satisfies the KKT conditions of the nonconvex max-margin problem, and what its multipliers prove.

    Attributes
    ----------
    value : float
        ``(||W1||^2 + ||w2||^2) / 2`` after scaling the network to a margin of one.
    dual_coef : ndarray of shape (n_samples,)
        ``lambda`` of the best multipliers ``y_i lambda_i >= 0``.
    residual : float
        Largest violation of stationarity relative to the largest weight, and of complementarity relative to the value; zero at a KKT
        point, and the same in all units of X.
    is_kkt : bool
        ``residual <= tol``.
    price : float
        ``max_{||u|| <= 1} |lambda' (X u)_+|`` as found.
    price_bound : float or None
        Proven upper bound of it.
    lower_bound : float
        ``y' lambda`` divided by the price (or its bound) where that is above one: no network of margin one has a smaller value.
    is_optimal : bool
        A KKT point whose multipliers are dual feasible, ``price <= 1 + tol``, and bound its value from below up to ``10 tol``: it is
        globally optimal (Wang & Pilanci 2022).
    """

    value: float
    dual_coef: Array
    residual: float
    is_kkt: bool
    price: float
    price_bound: float | None
    lower_bound: float
    is_optimal: bool


def nonconvex_kkt(
    network: TwoLayerReLU,
    X: Any,
    y: Any,
    *,
    method: str = "search",
    tol: float = 1e-3,
    kink_tol: float = 1e-4,
    max_time: float | None = None,
    random_state: Any = None,
) -> NonconvexKKT:
    """KKT conditions of ``min (||W1||^2 + ||w2||^2) / 2`` subject to ``y_i f(x_i) >= 1``, and the dual certificate of its multipliers.

    With multipliers lambda, ``y_i lambda_i >= 0``, the conditions are ``w1_j = w2_j X' D_j lambda``, ``w2_j = lambda' (X w1_j)_+`` and
    ``lambda_i (y_i f(x_i) - 1) = 0``; on a unit's hyperplane the entry of ``D_j`` is any number in [0, 1]. The multipliers of least
    violation solve a linear program. Where they satisfy ``max_{||u|| <= 1} |lambda' (X u)_+| <= 1``, the network is a global optimum of the
    max-margin problem; where they do not, it may be one or not.

    Parameters
    ----------
    network : TwoLayerReLU
        One output, no biases, separating the classes; it is scaled to a margin of one.
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Two classes; the larger label is +1.
    method : {"search", "exact"}, default="search"
        How the price is found; "exact" proves it.
    tol : float, default=1e-3
        For both verdicts. A network whose value is within a share g of the optimum satisfies the conditions to about the root of g,
        and worse where the margin is small; one that was trained roughly needs a larger ``tol`` and ``kink_tol``.
    kink_tol : float, default=1e-4
        Hidden value, relative to the largest one of the unit, at which a sample counts as lying on the unit's hyperplane. Trained networks
        know their kinks to the root of their accuracy.
    max_time : float, default=None
        Seconds for "exact".
    random_state : int, RandomState instance or None, default=None
        Of the search.

    Returns
    -------
    kkt : NonconvexKKT

    Raises
    ------
    ValueError
        If the network does not separate the classes, has biases, several outputs or gated units.

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu.network import TwoLayerReLU
    >>> from skconvrelu.theory import nonconvex_kkt
    >>> root = np.sqrt([1.0, 0.5])
    >>> network = TwoLayerReLU(root * [[1.0, -1.0]], np.zeros(2), (root * [1.0, -1.0])[:, None], np.zeros(1))
    >>> kkt = nonconvex_kkt(network, [[1.0], [-2.0]], [1, -1])
    >>> kkt.is_kkt, kkt.is_optimal, round(kkt.value, 6)
    (True, True, 1.5)
    """
    X = check_matrix(X)
    codes = check_labels(y, len(X))
    check_method(method, max_time)
    tol, kink_tol = check_number(tol, "tol", above=0.0), check_number(kink_tol, "kink_tol")
    W, w = _scaled(network, X, codes)
    multipliers, residual = _multipliers(W, w, X, codes, kink_tol)
    dual = codes * multipliers
    value = 0.5 * float(np.square(W).sum() + np.square(w).sum())
    sides = [support_function(X, s, method=method, max_time=max_time, random_state=random_state) for s in (dual, -dual)]
    found = max(side.value for side in sides)
    uppers = [side.upper for side in sides if side.upper is not None]
    bound = max(uppers) if len(uppers) == 2 else None
    largest = found if bound is None else bound
    lower_bound = float(multipliers.sum()) / max(1.0, largest)
    return NonconvexKKT(
        value=value,
        dual_coef=dual,
        residual=residual,
        is_kkt=residual <= tol,
        price=found,
        price_bound=bound,
        lower_bound=lower_bound,
        is_optimal=residual <= tol and largest <= 1.0 + tol and value <= lower_bound * (1.0 + 10.0 * tol),
    )


def _scaled(network: TwoLayerReLU, X: Array, codes: Array) -> tuple[Array, Array]:
    """Both layers of the network at a margin of one."""
    check_margin_network(network, X)
    margin = float((codes * network.predict(X)).min())
    if margin <= 0.0:
        raise ValueError(
            "network does not separate the classes: its smallest y f(x) is not positive, so it has no margin to scale."
        )
    return network.hidden_weights / np.sqrt(margin), network.output_weights[:, 0] / np.sqrt(margin)


def _multipliers(W: Array, w: Array, X: Array, codes: Array, kink_tol: float) -> tuple[Array, float]:
    """Multipliers (n,) of least largest violation, and that violation relative to the largest weight or to the value.

    Variables of the linear program: mu_i >= 0, the part of it that counts at each kink (0 <= nu <= mu_i), and the violation.
    """
    n, d = X.shape
    values, at_kink = hidden_and_kinks(X, W, kink_tol)
    kinks, on = np.argwhere(at_kink), ((values > 0.0) & ~at_kink).astype(np.float64)
    n_kinks, size = len(kinks), max(np.abs(W).max(initial=0.0), np.abs(w).max(initial=0.0))
    rows: list[Array] = []
    targets: list[Array] = []
    for j in range(W.shape[1]):
        inner = w[j] * X.T * (on[:, j] * codes)  # (d, n)
        at_kinks = np.zeros((d, n_kinks))
        own = np.flatnonzero(kinks[:, 1] == j)
        at_kinks[:, own] = w[j] * (X[kinks[own, 0]] * codes[kinks[own, 0], None]).T
        rows += [np.hstack([inner, at_kinks]), np.r_[codes * np.maximum(values[:, j], 0.0), np.zeros(n_kinks)][None]]
        targets += [W[:, j], w[[j]]]
    excess = codes * (np.maximum(values, 0.0) @ w) - 1.0
    # lambda is of the size of the value, not of the weights: in these units both violations are shares
    worth = 2.0 * size / max(float(np.square(W).sum() + np.square(w).sum()), TINY)
    rows.append(np.hstack([np.diag(worth * np.maximum(excess, 0.0)), np.zeros((n, n_kinks))]))
    targets.append(np.zeros(n))
    A, b = np.vstack(rows), np.concatenate(targets)
    column = -np.ones((len(A), 1))
    below = np.zeros((n_kinks, n + n_kinks + 1))
    below[np.arange(n_kinks), kinks[:, 0]] = -1.0
    below[np.arange(n_kinks), n + np.arange(n_kinks)] = 1.0
    result = linprog(
        np.r_[np.zeros(n + n_kinks), 1.0],
        A_ub=sparse.csr_array(np.vstack([np.hstack([A, column]), np.hstack([-A, column]), below])),
        b_ub=np.r_[b, -b, np.zeros(n_kinks)],
        bounds=(0.0, None),
        method="highs",
    )
    if result.x is None:
        raise RuntimeError(f"the linear program for the multipliers ended with: {result.message}")
    return result.x[:n], float(result.x[-1] / size) if size > 0.0 else 0.0
