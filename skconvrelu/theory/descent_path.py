"""No spurious valleys: a path from any network to a global optimum along which the objective never rises."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skconvrelu._by_value import ByValue
from skconvrelu._checks import check_count
from skconvrelu.network import TwoLayerReLU
from skconvrelu.theory._setting import Setting

Array = NDArray[np.float64]

#: relative rise of the objective that rounding explains
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class DescentPath(ByValue):
    """Networks along a path, each with its training objective.

    Attributes
    ----------
    networks : list of TwoLayerReLU
        From the one given to the optimum; neighbours are close, functions and weights up to the order of the units.
    objectives : ndarray of shape (T,)
        Never rising, to rounding.
    stages : list of str
        The part of the construction each belongs to: "balance", "merge", "prune" or "cross".
    """

    networks: list[TwoLayerReLU]
    objectives: Array
    stages: list[str]


def descent_path(
    network: TwoLayerReLU,
    optimum: TwoLayerReLU,
    X: Any,
    y: Any,
    *,
    beta: float,
    loss: str = "squared_error",
    sample_weight: Any = None,
    fit_intercept: bool = True,
    n_steps: int = 20,
    **params: float,
) -> DescentPath:
    """A continuous path from a network to a global optimum that never goes up (Wang, Lacotte & Pilanci 2022).

    Units are balanced, units of one pattern and direction are merged, and linear dependences between the units' outputs are
    removed, all of which leaves the outputs on X alone and lowers the penalty; at most ``n K`` units are left. From there the units
    shrink while those of the optimum grow: outputs and penalty are then linear along the path and the loss is convex, so the objective
    falls from end to end. A width of ``n K`` plus that of the optimum is enough, whatever the start: there are no spurious valleys.

    Parameters
    ----------
    network, optimum : TwoLayerReLU
        Where to begin, and a global optimum, or another network that is to be reached: its objective must be no larger than that of the
        first network once its units are balanced, merged and pruned.
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, K)
    beta : float
    loss : str, default="squared_error"
        Any loss of the estimators but "hard_margin"; "squared_error_on_classes" for labels.
    sample_weight : array-like of shape (n_samples,), default=None
    fit_intercept : bool, default=True
        Whether there are hidden biases (penalised) and output biases (free).
    n_steps : int, default=20
        Networks for balancing, for merging, for each unit that pruning removes, and for the crossing.
    **params
        Parameters of the loss.

    Returns
    -------
    path : DescentPath

    Raises
    ------
    ValueError
        If a network does not fit the data, or ``optimum`` has the larger objective, at the start or after pruning.

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu.network import TwoLayerReLU
    >>> from skconvrelu.theory import descent_path, optimal_set
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(8, 2)), rng.normal(size=8)
    >>> start = TwoLayerReLU(rng.normal(size=(2, 5)), rng.normal(size=5), rng.normal(size=(5, 1)), np.zeros(1))
    >>> optima = optimal_set(X, y, beta=0.1)
    >>> path = descent_path(start, optima.network(), X, y, beta=0.1)
    >>> bool((np.diff(path.objectives) <= 1e-12).all()), bool(path.objectives[-1] - optima.objective < 1e-8)
    (True, True)
    """
    setting = Setting.build(
        X, y, beta=beta, loss=loss, sample_weight=sample_weight, fit_intercept=fit_intercept, **params
    )
    setting.check_network(network)
    setting.check_network(optimum, "optimum")
    n_steps = check_count(n_steps, "n_steps")
    steps = [("balance", part) for part in _balancing(network, n_steps)]
    steps += [("merge", part) for part in _merging(network.balance(), setting.features, n_steps)]
    merged = network.merge(setting.features)
    steps += [("prune", part) for part in _pruning(merged, setting.features, n_steps)]
    lowest, end = setting.objective(steps[-1][1]), setting.objective(optimum.balance())
    if end > lowest + _ROUNDING * abs(lowest):
        raise ValueError(
            f"optimum has an objective of {end:.6g}, larger than the {lowest:.6g} that network has once its units are balanced, merged and "
            "pruned: a path that never rises cannot reach it. Take a global optimum."
        )
    steps += [("cross", part) for part in _crossing(steps[-1][1], optimum.balance(), n_steps)]
    networks = [part for _, part in steps]
    return DescentPath(
        networks, np.array([setting.objective(part) for part in networks]), [stage for stage, _ in steps]
    )


def _balancing(network: TwoLayerReLU, n_steps: int) -> list[TwoLayerReLU]:
    """Rescale each unit along ``(c w1, w2 / c)``, c from 1 to where both norms agree: its penalty is convex in log c."""
    inner, outer = np.linalg.norm(network.vectors(), axis=0), np.linalg.norm(network.output_weights, axis=1)
    useful = (inner > 0.0) & (outer > 0.0)
    ratio = np.where(useful, outer, 1.0) / np.where(useful, inner, 1.0)
    parts = []
    for t in np.linspace(0.0, 1.0, n_steps + 1):
        shrink = np.where(useful, 1.0, 1.0 - t)  # half of a unit that does nothing goes with the penalty it costs
        c = ratio ** (0.5 * t)
        parts.append(network.rescaled(shrink * c, shrink / c))
    return parts


def _merging(network: TwoLayerReLU, X: Array, n_steps: int) -> list[TwoLayerReLU]:
    """Move each unit of a group to its share of the group's sum: inside one cone, where outputs are linear."""
    coef, directions, groups, total = network.grouped(X)
    norms = np.linalg.norm(coef, axis=1)
    share = norms / np.bincount(groups, weights=norms)[groups] if len(groups) else norms
    target = share[:, None] * total[groups]
    return [
        TwoLayerReLU.from_convex((1.0 - t) * coef + t * target, directions, network.output_biases, biases=True)
        for t in np.linspace(0.0, 1.0, n_steps + 1)
    ]


def _pruning(network: TwoLayerReLU, X: Array, n_steps: int) -> list[TwoLayerReLU]:
    """Scale the units along linear dependences of their outputs until those are gone; on the way outputs stay and the penalty is linear."""
    stations = list(network.pruning_scales(X))
    scales = [
        (1.0 - t) * before + t * after
        for before, after in pairwise(stations)
        for t in np.linspace(0.0, 1.0, n_steps + 1)[1:]
    ]
    return [network.scaled_units(scale) for scale in [stations[0], *scales]]


def _crossing(network: TwoLayerReLU, optimum: TwoLayerReLU, n_steps: int) -> list[TwoLayerReLU]:
    """The units of the one shrink while those of the other grow, output biases with them."""
    (coef, directions), (coef2, directions2) = network.blocks(), optimum.blocks()
    both = TwoLayerReLU.from_convex(
        np.vstack([coef, coef2]), np.vstack([directions, directions2]), network.output_biases, biases=True
    )
    return [
        replace(
            both.scaled_units(np.repeat([1.0 - t, t], [len(coef), len(coef2)])),
            output_biases=(1.0 - t) * network.output_biases + t * optimum.output_biases,
        )
        for t in np.linspace(0.0, 1.0, n_steps + 1)
    ]
