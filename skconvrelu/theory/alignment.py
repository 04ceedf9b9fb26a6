"""Early alignment: from small weights, units first turn towards directions that depend on the labels and their own pattern only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from skconvrelu._checks import check_labels, check_matrix
from skconvrelu.network import TwoLayerReLU
from skconvrelu.theory._kinks import hidden_and_kinks
from skconvrelu.theory._setting import check_margin_network

Array = NDArray[np.float64]


def alignment(network: TwoLayerReLU, X: Any, y: Any, *, kink_tol: float = 1e-9) -> Array:
    """Cosine between each unit ``w`` and ``s X' D(w) y``, s the sign of its output weight.

    On a unit's hyperplane the entry of ``D(w)`` is any number in [0, 1], and the one that brings the direction nearest counts:
    flows often move along kinks.

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
        Distance of a sample from a hyperplane, relative to the sizes of both vectors, at which it counts as lying on it.

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
    check_margin_network(network, X)
    W = network.hidden_weights
    values, at_kink = hidden_and_kinks(X, W, kink_tol)
    cosines = np.zeros(W.shape[1])
    for k in np.flatnonzero(W.any(axis=0)):
        signed = np.sign(network.output_weights[k, 0]) * codes[:, None] * X
        kinks = at_kink[:, k]
        pull = signed[(values[:, k] > 0.0) & ~kinks].sum(axis=0)
        direction = W[:, k] / np.linalg.norm(W[:, k])
        pulls = [pull]
        if kinks.any():
            A = signed[kinks].T
            pulls += [pull + A.sum(axis=1), pull + A @ _nearest(direction, pull, A)]
        lengths = [np.linalg.norm(p) for p in pulls]
        cosines[k] = max(
            direction @ p / length if length > 0.0 else 0.0 for p, length in zip(pulls, lengths, strict=True)
        )
    return cosines


def _nearest(direction: Array, pull: Array, A: Array) -> Array:
    """Derivatives ``g`` in [0, 1] for which ``pull + A g`` is nearest to the ray along ``direction``."""
    found = lsq_linear(
        np.column_stack([A, -direction]), -pull, bounds=(0.0, np.r_[np.ones(A.shape[1]), np.inf]), method="bvls"
    )
    return np.asarray(found.x[:-1])
