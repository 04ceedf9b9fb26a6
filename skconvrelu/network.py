"""The two-layer network that the convex weights stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TwoLayerReLU:
    """``f(x) = sum_k w2_k phi(x' w1_k + b1_k) + b2`` with m hidden units and K outputs.

    Parameters
    ----------
    hidden_weights : ndarray of shape (n_features, m)
    hidden_biases : ndarray of shape (m,)
    output_weights : ndarray of shape (m, K)
    output_biases : ndarray of shape (K,)
    gates : ndarray of shape (n_features + 1, m), default=None
        For gated ReLU: unit k is ``1[x' g_k + h_k >= 0] (x' w1_k + b1_k)``, the last row holding the h_k. None: ReLU.

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu.network import TwoLayerReLU
    >>> network = TwoLayerReLU(np.array([[1.0, -1.0]]), np.zeros(2), np.array([[1.0], [1.0]]), np.zeros(1))
    >>> network.outputs(np.array([[-2.0], [3.0]])).ravel()
    array([2., 3.])
    """

    hidden_weights: Array
    hidden_biases: Array
    output_weights: Array
    output_biases: Array
    gates: Array | None = None

    @classmethod
    def from_convex(
        cls, coef: Array, directions: Array, intercept: Array, *, biases: bool, gates: Array | None = None
    ) -> TwoLayerReLU:
        """The balanced network of convex blocks: block ``u`` with direction ``v`` is the unit ``w1 = u / sqrt||u||``, ``w2 = sqrt||u|| v``.

        Then ``w1 w2' `` reproduces ``u v'`` and ``(||w1||^2 + ||w2||^2) / 2 = ||u||``, so both problems have equal objectives
        (Wang, Lacotte & Pilanci 2022, section 2).

        Parameters
        ----------
        coef : ndarray of shape (m, d)
            Nonzero vectors; with ``biases`` their last entry is the hidden bias.
        directions : ndarray of shape (m, K)
        intercept : ndarray of shape (K,)
        biases : bool
        gates : ndarray of shape (d, m), default=None
        """
        root = np.sqrt(np.linalg.norm(coef, axis=1))[:, None]
        units = coef / root
        split = coef.shape[1] - 1 if biases else coef.shape[1]
        if gates is not None and not biases:
            gates = np.vstack([gates, np.zeros(gates.shape[1])])
        return cls(
            hidden_weights=np.ascontiguousarray(units[:, :split].T),
            hidden_biases=units[:, split].copy() if biases else np.zeros(len(coef)),
            output_weights=root * directions,
            output_biases=intercept,
            gates=gates,
        )

    @property
    def n_hidden(self) -> int:
        """Number of hidden units m."""
        return self.hidden_weights.shape[1]

    def outputs(self, X: Any) -> Array:
        """Raw outputs (n_samples, K); X dense or sparse of shape (n_samples, n_features)."""
        hidden = np.asarray(X @ self.hidden_weights) + self.hidden_biases
        active = hidden if self.gates is None else np.asarray(X @ self.gates[:-1]) + self.gates[-1]
        return (hidden * (active >= 0.0)) @ self.output_weights + self.output_biases

    def penalty(self) -> float:
        """``(||W1||_F^2 + ||b1||^2 + ||W2||_F^2) / 2``; hidden biases count, output biases do not."""
        return 0.5 * float(
            np.square(self.hidden_weights).sum()
            + np.square(self.hidden_biases).sum()
            + np.square(self.output_weights).sum()
        )
