"""The largest useful penalty, and the networks along falling penalties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skconvrelu._by_value import ByValue
from skconvrelu._checks import check_choice, check_count, check_max_time, check_number
from skconvrelu._warnings import warn
from skconvrelu.certificate import Certificate
from skconvrelu.estimators.classifier import ConvexReLUClassifier
from skconvrelu.estimators.regressor import ConvexReLURegressor
from skconvrelu.kernels.blas_threads import one_blas_thread
from skconvrelu.losses import PENALISED, REGRESSION
from skconvrelu.network import TwoLayerReLU
from skconvrelu.problem import Problem
from skconvrelu.program import ConvexProgram
from skconvrelu.search.proof import prove
from skconvrelu.search.units import no_units
from skconvrelu.stopping import deadline_in, until
from skconvrelu.training.penalties import beta_grid, given_betas, largest_beta

Array = NDArray[np.float64]


class BetaMax(NamedTuple):
    """The smallest penalty whose optimum is the zero network.

    Attributes
    ----------
    value : float
        The largest price at the best constant that was met: below it a known hidden unit lowers the objective.
    upper : float
        Proven: from here on no hidden unit does. Equal to ``value`` up to rounding when the pricing problem was solved exactly.
    """

    value: float
    upper: float


def beta_max(
    X: Any, y: Any, *, loss: str = "squared_error", sample_weight: Any = None, max_cones: int = 20_000, **params: Any
) -> BetaMax:
    """The smallest penalty whose optimum is the zero network (with the best constant as output intercept).

    It is the pricing problem ``max_{||u|| <= 1} |lambda' (X u)_+|`` at the dual point of the best constant (Wang, Lacotte & Pilanci 2022,
    dual program; X with its constant column). Branch and bound solves it exactly where rank and number of samples are
    small; elsewhere ``value`` is what a search met and ``upper`` what is proven, and the two differ.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets, or class labels for a loss of :class:`ConvexReLUClassifier`.
    loss : str, default="squared_error"
        Any loss of the estimators but "hard_margin". "squared_error" is that of the regressor.
    sample_weight : array-like of shape (n_samples,), default=None
    max_cones : int, default=20000
        Work of the exact search for each output and sign.
    **params
        Other parameters of the estimator that matter: ``fit_intercept``, ``epsilon``, ``quantile``, ``class_weight``, ``random_state``.

    Returns
    -------
    beta_max : BetaMax
        A named tuple ``(value, upper)``.

    Raises
    ------
    ValueError
        If loss, data or weights are invalid.

    Notes
    -----
    With a loss with kinks and an intercept the dual point of the zero network is not unique, and the value an upper bound.

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu import ConvexReLURegressor, beta_max
    >>> X = np.linspace(-1, 1, 21)[:, None]
    >>> y = np.abs(X[:, 0])
    >>> value, upper = beta_max(X, y)
    >>> bool(np.isclose(value, upper))
    True
    >>> len(ConvexReLURegressor(beta=1.001 * value).fit(X, y).convex_coef_)
    0
    """
    check_count(max_cones, "max_cones", most=None)
    with one_blas_thread():
        problem, program = _zero_program(_estimator(loss, params), X, y, sample_weight)
        value, dual = largest_beta(program), program.zero_dual()
        proof = prove(program, dual, no_units(program), level=None, max_nodes=max_cones)
        # rounding of the products, and of the best constant, which moves the dual point by what its sum misses zero by
        drift = float(np.abs(dual.sum(axis=0)).sum() * (program.weights @ program.lengths))
        upper = proof.upper + program.price_error(dual) + drift
    # the exact search meets units too, and may meet better ones
    value = max(value, proof.lower)
    return BetaMax(problem.coordinates.beta_outward(value), problem.coordinates.beta_outward(max(value, upper)))


@dataclass(frozen=True, eq=False)
class BetaPath(ByValue):
    """Networks along falling penalties.

    Attributes
    ----------
    betas : ndarray of shape (n_betas,)
    coefs, directions : list of ndarray
        Convex weights and output directions at each, as ``convex_coef_`` and ``convex_directions_`` of the estimators.
    networks : list of TwoLayerReLU
    objectives : ndarray of shape (n_betas,)
    gaps : ndarray of shape (n_betas,)
        Relative duality gaps: over all arrangements as searched with ``refine``, else over the sampled ones.
    n_units : ndarray of shape (n_betas,)
        Hidden units.
    certificates : list of Certificate
    """

    betas: Array
    coefs: list[Array]
    directions: list[Array]
    networks: list[TwoLayerReLU]
    objectives: Array
    gaps: Array
    n_units: NDArray[np.intp]
    certificates: list[Certificate]


def convex_relu_path(
    X: Any,
    y: Any,
    *,
    loss: str = "squared_error",
    betas: Any = 100,
    eps: float = 1e-3,
    sample_weight: Any = None,
    tol: float = 1e-3,
    max_time: float | None = None,
    **params: Any,
) -> BetaPath:
    """Train to global optimality along falling penalties, each from the solution before it.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets, or class labels for a loss of :class:`ConvexReLUClassifier`.
    loss : str, default="squared_error"
        Any loss of the estimators but "hard_margin"; "squared_error" is that of the regressor, "squared_error_on_classes" that of the
        classifier.
    betas : int or array-like, default=100
        Number of penalties of a geometric grid from ``beta_max`` down to ``eps`` times it, or the penalties.
    eps : float, default=1e-3
    sample_weight : array-like of shape (n_samples,), default=None
    tol : float, default=1e-3
        Relative gap to reach at each penalty.
    max_time : float, default=None
        Seconds after which the path ends, at the penalties that it has come to; the last one has the best network so far. None is no limit.
    **params
        Other parameters of the estimator, such as ``refine``, ``n_arrangements``, ``solver`` and ``random_state``.

    Returns
    -------
    path : BetaPath

    Raises
    ------
    ValueError
        If data, weights or a parameter are invalid.

    Warns
    -----
    ConvergenceWarning
        If ``max_time`` ended it.

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu import convex_relu_path
    >>> X = np.linspace(-1, 1, 21)[:, None]
    >>> path = convex_relu_path(X, np.abs(X[:, 0]), betas=5, eps=1e-2, random_state=0)
    >>> int(path.n_units[0]), bool((np.diff(path.objectives) < 0.0).all())
    (0, True)
    >>> bool((path.gaps <= 1e-3).all())
    True
    """
    deadline = deadline_in(check_max_time(max_time))
    eps = check_number(eps, "eps", above=0.0, below=1.0)
    grid = given_betas(betas)
    model = _estimator(loss, {**params, "tol": tol, "warm_start": True})
    if grid is None:
        with one_blas_thread():
            problem, program = _zero_program(model, X, y, sample_weight)
            grid = beta_grid(problem, [program], int(betas), eps)
    points = []
    with until(deadline) as stop:
        for beta in grid:  # with warm_start a fit begins at the units of the last one, and their gates are kept
            model.set_params(beta=float(beta)).fit(X, y, sample_weight)
            points.append((model.convex_coef_, model.convex_directions_, model.network_, model.certificate_))
            if stop.reason is not None:
                break
    if len(points) < len(grid):
        warn(
            f"max_time ended the path after {len(points)} of {len(grid)} penalties. Increase max_time, or give fewer betas.",
            ConvergenceWarning,
        )
    coefs, directions, networks, certificates = (list(column) for column in zip(*points, strict=True))
    return BetaPath(
        betas=grid[: len(points)],
        coefs=coefs,
        directions=directions,
        networks=networks,
        objectives=np.array([c.objective for c in certificates]),
        gaps=np.array([c.gap_solved if c.gap_searched is None else c.gap_searched for c in certificates]),
        n_units=np.array([len(coef) for coef in coefs]),
        certificates=certificates,
    )


def _zero_program(model: Any, X: Any, y: Any, sample_weight: Any) -> tuple[Problem, ConvexProgram]:
    """The program over the sampled arrangements, whose zero network tells the largest penalty."""
    model._validate_params()
    data = model._training_set(X, y, sample_weight, reset=True)
    problem = model._problem(data)
    return problem, model._sampled(problem, None, check_random_state(model.random_state))[0]


def _estimator(loss: str, params: dict[str, Any]) -> Any:
    """The plain estimator of a loss."""
    check_choice(loss, "loss", PENALISED)
    if loss in REGRESSION:
        return ConvexReLURegressor(loss=loss, **params)
    return ConvexReLUClassifier(loss=loss.removesuffix("_on_classes"), **params)
