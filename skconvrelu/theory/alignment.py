"""Early alignment: from small weights, units first turn towards directions that depend on the labels and their own pattern only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from skconvrelu._checks import check_labels, check_matrix, check_number
from skconvrelu.network import TwoLayerReLU
from skconvrelu.theory._kinks import hidden_and_kinks
from skconvrelu.theory._nonnegative import bounded_least_squares
from skconvrelu.theory._setting import check_margin_network

Array = NDArray[np.float64]

#: logarithm of the largest ratio of the lengths of two vectors whose cosines are compared
_SPAN = 20.0


def alignment(network: TwoLayerReLU, X: Any, y: Any, *, kink_tol: float = 1e-9) -> Array:
    """Cosine between each unit ``w`` and ``s X' D(w) y``, s the sign of its output weight.

    On a unit's hyperplane the entry of ``D(w)`` is any number in [0, 1], and those of the largest cosine count, since flows often move
    along kinks; where no choice brings a positive one, those that reach furthest along ``w``.

    While outputs are still near zero, every unit of a gradient flow moves along ``X' D(w) y``; from small initial weights some unit's
    cosine comes above any ``1 - delta`` before the outputs grow (Wang & Pilanci 2022, early alignment).

    Parameters
    ----------
    network : TwoLayerReLU
        One output, no biases.
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Two classes; the larger label is +1.
    kink_tol : float, default=1e-9
        Hidden value, relative to the largest one of the unit, at which a sample counts as lying on the unit's hyperplane.

    Returns
    -------
    cosines : ndarray of shape (m,)
        Zero for a unit that is zero or activates no sample.

    Raises
    ------
    ValueError
        If the network has biases or several outputs, or there are not two classes.

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu.network import TwoLayerReLU
    >>> from skconvrelu.theory import alignment
    >>> network = TwoLayerReLU(np.eye(2), np.zeros(2), np.array([[1.0], [-1.0]]), np.zeros(1))
    >>> alignment(network, [[1.0, 0.0], [0.0, 2.0]], [1, -1])
    array([1., 1.])
    """
    X = check_matrix(X)
    codes = check_labels(y, len(X))
    kink_tol = check_number(kink_tol, "kink_tol")
    check_margin_network(network, X)
    W = network.hidden_weights
    values, at_kink = hidden_and_kinks(X, W, kink_tol)
    cosines = np.zeros(W.shape[1])
    for k in np.flatnonzero(W.any(axis=0)):
        signed = np.sign(network.output_weights[k, 0]) * codes[:, None] * X
        kinks = at_kink[:, k]
        pull = signed[(values[:, k] > 0.0) & ~kinks].sum(axis=0)
        direction = W[:, k] / np.linalg.norm(W[:, k])
        if kinks.any():
            pull = _best_aligned(direction, pull, signed[kinks].T)
        length = np.linalg.norm(pull)
        cosines[k] = direction @ pull / length if length > 0.0 else 0.0
    return cosines


def _best_aligned(direction: Array, pull: Array, A: Array) -> Array:
    """The vector ``p = pull + A g``, g in [0, 1], of largest cosine with a unit vector, or the furthest one if none is positive.

    It lies on the projection of the direction on the cone of these vectors, ``min ||direction - r p||``, which is convex in r and r p. For
    each r the best p is a least-squares solution; what is left is one variable.
    """
    furthest = pull + A @ (direction @ A > 0.0)
    if direction @ furthest <= 0.0:
        return furthest

    def nearest(log_r: float) -> Array:
        return pull + A @ bounded_least_squares(A, np.exp(-log_r) * direction - pull, 1.0)

    def distance(log_r: float) -> float:
        return float(np.linalg.norm(direction - np.exp(log_r) * nearest(log_r)))

    centre = -np.log(np.linalg.norm(furthest))
    found = minimize_scalar(
        distance, bounds=(centre - _SPAN, centre + _SPAN), method="bounded", options={"xatol": 1e-9, "maxiter": 500}
    )
    return nearest(found.x)
