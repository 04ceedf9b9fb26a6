"""Clarke stationary points of the nonconvex problem, and the convex programs they solve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skconvrelu._by_value import ByValue
from skconvrelu._checks import check_choice, check_number
from skconvrelu.arrangements import enumerate_arrangements
from skconvrelu.losses import Loss
from skconvrelu.network import TwoLayerReLU
from skconvrelu.search.unit_blocks import own_program
from skconvrelu.search.units import units_of
from skconvrelu.solvers import SOLVERS, solve_program
from skconvrelu.theory._kinks import hidden_and_kinks
from skconvrelu.theory._nonnegative import bounded_least_squares, nonnegative_least_squares
from skconvrelu.theory._setting import Setting

Array = NDArray[np.float64]

#: hidden value, relative to the largest one of the unit, at which a sample counts as lying on the unit's hyperplane
_KINK = 1e-9
#: size of a unit, relative to the largest, below which it has vanished and has no pattern
_VANISHED = 1e-12
#: cells beside a unit with dependent samples on its hyperplane, up to which they are told apart
_MOST_CELLS = 2_000


@dataclass(frozen=True, eq=False)
class ClarkeStationarity(ByValue):
    """How far a network is from a stationary point.

    Attributes
    ----------
    distance : float
        Euclidean distance of zero from the subdifferential.
    relative : float
        The same relative to ``beta`` times the norm of the parameters, which the loss has to balance at a stationary point.
    is_stationary : bool
        ``relative <= tol``.
    residuals : ndarray of shape (m,)
        Each unit's part of the distance.
    gates : ndarray of shape (n, m)
        Derivatives of the activations that attain it: 1 and 0 off the hyperplanes, in between on them.
    """

    distance: float
    relative: float
    is_stationary: bool
    residuals: Array
    gates: Array


def clarke_stationarity(
    network: TwoLayerReLU,
    X: Any,
    y: Any,
    *,
    beta: float,
    loss: str = "squared_error",
    sample_weight: Any = None,
    fit_intercept: bool = True,
    tol: float = 1e-4,
    kink_tol: float = _KINK,
    **params: float,
) -> ClarkeStationarity:
    """Distance of zero from the Clarke subdifferential of the training objective.

    Where samples lie on a unit's hyperplane, the derivatives of their activations are those of the cells beside it, or convex
    combinations: any numbers in [0, 1] if the samples are linearly independent, fewer if not (equal samples switch together). The
    output weights enter smoothly, so for each unit the nearest element is a least-squares problem with those numbers as variables. A
    unit of weight zero has all samples on its hyperplane. Beyond 2000 cells, or where rounding leaves open what the cells are, all
    numbers in [0, 1] are allowed and the distance is a lower bound.

    Parameters
    ----------
    network : TwoLayerReLU
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, K)
    beta : float
    loss : str, default="squared_error"
        A differentiable one: also "huber", "poisson", "log_loss", "squared_hinge", "squared_error_on_classes".
    sample_weight : array-like of shape (n_samples,), default=None
    fit_intercept : bool, default=True
        Whether hidden biases (penalised) and output biases (free) are parameters.
    tol : float, default=1e-4
        Relative distance at which the verdict is "stationary".
    kink_tol : float, default=1e-9
        Hidden value, relative to the largest one of the unit, at which a sample counts as lying on the unit's hyperplane.
    **params
        Parameters of the loss.

    Returns
    -------
    stationarity : ClarkeStationarity

    Raises
    ------
    ValueError
        If the loss has kinks of its own, the network does not fit the data, or has biases although ``fit_intercept`` is False.

    See Also
    --------
    subsampled_program : What such a point is the global optimum of.

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu import ConvexReLURegressor
    >>> from skconvrelu.theory import clarke_stationarity
    >>> X = np.linspace(-1, 1, 15)[:, None]
    >>> y = np.abs(X[:, 0])
    >>> model = ConvexReLURegressor(beta=0.01, tol=1e-9, random_state=0).fit(X, y)
    >>> clarke_stationarity(model.network_, X, y, beta=0.01).is_stationary
    True
    >>> clarke_stationarity(model.network_, X, y, beta=0.02).is_stationary
    False
    """
    tol, kink_tol = check_number(tol, "tol"), check_number(kink_tol, "kink_tol")
    setting = Setting.build(
        X, y, beta=beta, loss=loss, sample_weight=sample_weight, fit_intercept=fit_intercept, **params
    )
    _check_differentiable(setting.loss)
    setting.check_network(network)
    features = setting.features
    if fit_intercept:
        features = np.hstack([features, np.ones((len(features), 1))])
    vectors = network.vectors() if fit_intercept else network.hidden_weights
    dual = -setting.weights[:, None] * setting.loss.gradient(network.outputs(setting.features), setting.Y)
    values, kinks = hidden_and_kinks(features, vectors, kink_tol)
    gates = (values > 0.0).astype(np.float64)
    pulls = dual @ network.output_weights.T  # of each sample on each unit's hidden value
    inner = np.empty(network.n_hidden)
    for k in range(network.n_hidden):
        on = np.flatnonzero(kinks[:, k] & (pulls[:, k] != 0.0) & features.any(axis=1))
        off = np.delete(np.arange(len(features)), on)
        rest = beta * vectors[:, k] - (gates[off, k] * pulls[off, k]) @ features[off]
        if len(on):
            A = features[on].T * pulls[on, k]
            gates[on, k] = _nearest_derivatives(features[on], A, rest)
            rest = rest - A @ gates[on, k]
        inner[k] = np.linalg.norm(rest)
    outer = beta * network.output_weights - np.maximum(values, 0.0).T @ dual
    residuals = np.hypot(inner, np.linalg.norm(outer, axis=1))
    free = setting.loss.intercept_basis(dual.shape[1]).T @ dual.sum(axis=0) if fit_intercept else np.zeros(0)
    distance = float(np.hypot(np.linalg.norm(residuals), np.linalg.norm(free)))
    size = beta * float(np.sqrt(2.0 * network.penalty()))
    size = size if size > 0.0 else float(np.linalg.norm(dual.T @ features))
    relative = distance / size if size > 0.0 else 0.0
    return ClarkeStationarity(distance, relative, relative <= tol, residuals, gates)


def _nearest_derivatives(kinks: Array, A: Array, target: Array) -> Array:
    """Derivatives ``g`` of the activations of samples (s, d) on a hyperplane that bring ``A g`` nearest to a target (d,)."""
    if np.linalg.matrix_rank(kinks) < len(kinks):
        try:
            cells = enumerate_arrangements(kinks, full_dimensional=True, max_patterns=_MOST_CELLS).astype(np.float64)
        except ValueError:  # too many, or not known: numbers in [0, 1] contain what they allow
            pass
        else:
            # the point of least norm in a convex hull, up to a factor: min ||M x||^2 + (sum x - 1)^2 over x >= 0
            M = np.vstack([A @ cells - target[:, None], np.full(cells.shape[1], np.linalg.norm(target) or 1.0)])
            share = nonnegative_least_squares(M, np.append(np.zeros(len(target)), M[-1, 0]))
            return np.asarray(cells @ share / share.sum())
    return bounded_least_squares(A, target, 1.0)


def _check_differentiable(loss: Loss) -> None:
    if not loss.smooth:
        raise ValueError(
            f"loss={loss.name!r} has kinks of its own, where its gradient is a choice; use a differentiable loss."
        )


@dataclass(frozen=True, eq=False)
class SubsampledProgram(ByValue):
    """A network beside the optimum of the convex program over its own patterns.

    Attributes
    ----------
    objective : float
        Training objective of the network as it is.
    optimum : float
        Least objective of the program.
    lower_bound : float
        Proven by the program's dual point.
    gap : float
        ``(objective - lower_bound) / objective``, relative to what the objective is above the least the loss could be.
    is_optimal : bool
        ``gap <= tol``.
    patterns : bool ndarray of shape (n, m)
        The program's patterns, one column a block.
    network : TwoLayerReLU
        The optimum of the program.
    """

    objective: float
    optimum: float
    lower_bound: float
    gap: float
    is_optimal: bool
    patterns: NDArray[np.bool_]
    network: TwoLayerReLU


def subsampled_program(
    network: TwoLayerReLU,
    X: Any,
    y: Any,
    *,
    beta: float,
    loss: str = "squared_error",
    sample_weight: Any = None,
    fit_intercept: bool = True,
    tol: float = 1e-4,
    solver: str = "auto",
    **params: float,
) -> SubsampledProgram:
    """The convex program over the network's own patterns, one block a unit with its output direction.

    A Clarke stationary point of the nonconvex problem is a global optimum of this program (Wang, Lacotte & Pilanci 2022, on
    stationary points and subsampled programs), so training by descent solves a convex program whose arrangements were picked by
    chance. Where samples lie on a unit's hyperplane its pattern is that of a cell beside it. Units that have vanished, to rounding, have
    no pattern: at weights of zero every unit is stationary.

    Parameters
    ----------
    network : TwoLayerReLU
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, K)
    beta : float
    loss : str, default="squared_error"
        Any loss of the estimators but "hard_margin"; "squared_error_on_classes" for labels.
    sample_weight : array-like of shape (n_samples,), default=None
    fit_intercept : bool, default=True
        Whether hidden biases (penalised) and output biases (free) are parameters.
    tol : float, default=1e-4
        Relative gap at which the network counts as optimal; the program itself is solved a hundred times as accurately.
    solver : {"auto", "mosek", "clarabel", "scipy"}, default="auto"
    **params
        Parameters of the loss.

    Returns
    -------
    program : SubsampledProgram

    Raises
    ------
    ValueError
        If the network does not fit the data, or has biases although ``fit_intercept`` is False.

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu.network import TwoLayerReLU
    >>> from skconvrelu.theory import subsampled_program
    >>> X = np.linspace(-1, 1, 15)[:, None]
    >>> network = TwoLayerReLU(np.array([[1.0, -1.0]]), np.zeros(2), np.array([[1.0], [1.0]]), np.zeros(1))
    >>> found = subsampled_program(network, X, np.abs(X[:, 0]), beta=0.1)
    >>> bool(found.objective > found.optimum), found.is_optimal
    (True, False)
    """
    tol = check_number(tol, "tol", above=0.0)
    check_choice(solver, "solver", ("auto", *SOLVERS))
    setting = Setting.build(
        X, y, beta=beta, loss=loss, sample_weight=sample_weight, fit_intercept=fit_intercept, **params
    )
    setting.check_network(network)
    units = setting.units(network)
    units = units[units.norms() > _VANISHED * units.norms().max(initial=0.0)]
    program = own_program(setting.program(np.zeros((0, len(setting.X)), dtype=bool)), units)
    solution = solve_program(program, solver=solver, tol=0.01 * tol, max_iter=1000)
    objective = setting.objective(network) + setting.constant
    gap = max(0.0, objective - solution.dual_objective) / objective if objective > 0.0 else 0.0
    return SubsampledProgram(
        objective=objective - setting.constant,
        optimum=solution.objective - setting.constant,
        lower_bound=solution.dual_objective - setting.constant,
        gap=gap,
        is_optimal=gap <= tol,
        patterns=np.ascontiguousarray(program.patterns.T),
        network=setting.network(units_of(program, solution), solution.intercept),
    )
