"""Data, loss and penalty of a training problem, as the functions of this package take them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skconvrelu._checks import check_flag, check_matrix, check_number, check_shape, check_weights
from skconvrelu.losses import Loss, coded_targets
from skconvrelu.network.two_layer_relu import TwoLayerReLU, check_is_network
from skconvrelu.program import ConvexProgram
from skconvrelu.row_space import RowSpace
from skconvrelu.search.units import Units

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Setting:
    """A validated training problem.

    Attributes
    ----------
    features : ndarray of shape (n, n_features)
    X : ndarray of shape (n, d)
        With the constant column where there are biases, in coordinates of the row space where it lacks full rank.
    space : RowSpace
        Those coordinates.
    Y : ndarray of shape (n, K)
    weights : ndarray of shape (n,)
        Summing to one.
    loss : Loss
    beta : float
    fit_intercept : bool
    """

    features: Array
    X: Array
    space: RowSpace
    Y: Array
    weights: Array
    loss: Loss
    beta: float
    fit_intercept: bool

    @classmethod
    def build(
        cls, X: Any, y: Any, *, beta: float, loss: str, sample_weight: Any, fit_intercept: bool, **params: float
    ) -> Setting:
        features, fit_intercept = check_matrix(X), check_flag(fit_intercept, "fit_intercept")
        if not check_shape(y, "y"):
            raise ValueError(
                f"y must have a target for each of the {len(features)} samples, got the single value {y!r}."
            )
        kind, Y = coded_targets(loss, y, **params)
        if len(Y) != len(features):
            raise ValueError(f"y has {len(Y)} samples, X has {len(features)}.")
        weights = check_weights(sample_weight, len(features))
        if not (weights > 0.0).all():
            raise ValueError("sample_weight must be positive here; leave out samples of weight zero.")
        kind.check_targets(Y, weights if fit_intercept else None)
        beta = check_number(beta, "beta", above=0.0)
        biased = np.hstack([features, np.ones((len(features), 1))]) if fit_intercept else features
        space = RowSpace.of(biased)
        return cls(features, space.inward(biased), space, Y, weights, kind, beta, fit_intercept)

    def program(self, patterns: Mask) -> ConvexProgram:
        """The convex program over patterns (P, n)."""
        program = ConvexProgram.over_patterns(
            self.X, self.Y, self.weights, patterns, self.loss, self.beta, fit_intercept=self.fit_intercept
        )
        return replace(program, neglected=self.space.neglected)

    def check_network(self, network: TwoLayerReLU, name: str = "network") -> None:
        """Raise where a network does not fit the data or the problem."""
        check_is_network(network, name)
        if network.gates is not None:
            raise ValueError(f"{name} is a gated one; these statements are about ReLU networks.")
        d, K = network.hidden_weights.shape[0], network.output_weights.shape[1]
        if (d, K) != (self.features.shape[1], self.Y.shape[1]):
            raise ValueError(
                f"{name} takes {d} features and has {K} outputs; the data have {self.features.shape[1]} and need {self.Y.shape[1]}."
            )
        if not self.fit_intercept:
            check_unbiased(network, name)

    def units(self, network: TwoLayerReLU) -> Units:
        """The units that contribute, in the coordinates of ``X``."""
        coef, directions = network.blocks()
        coef = coef if self.fit_intercept else coef[:, :-1]
        return Units(self.space.inward(coef), directions)

    def network(self, units: Units, intercept: Array) -> TwoLayerReLU:
        """Back to a network on the features."""
        coef = self.space.outward(units.coef)
        return TwoLayerReLU.from_convex(coef, units.directions, intercept, biases=self.fit_intercept)

    def objective(self, network: TwoLayerReLU) -> float:
        """Training objective of a network as it is, constants of the targets dropped as documented."""
        losses = self.loss.value(network.outputs(self.features), self.Y) - self.loss.dropped(self.Y)
        return float(self.weights @ losses) + self.beta * network.penalty()

    @property
    def constant(self) -> float:
        """What the objective of the convex program has on top of the documented one."""
        return float(self.weights @ self.loss.dropped(self.Y))


def check_unbiased(network: TwoLayerReLU, name: str = "network") -> None:
    """The networks of the papers have no biases."""
    if network.hidden_biases.any() or network.output_biases.any():
        raise ValueError(
            f"{name} has biases, but the problem has none: append a constant column to X for hidden biases, "
            "or use fit_intercept=True where there is such a parameter."
        )


def check_margin_network(network: TwoLayerReLU, X: Array, name: str = "network") -> None:
    """The max-margin statements are about networks with one output and no biases."""
    check_is_network(network, name)
    if (
        network.gates is not None
        or network.output_weights.shape[1] != 1
        or network.hidden_weights.shape[0] != X.shape[1]
    ):
        raise ValueError(f"{name} must be a ReLU network with one output on the features of X.")
    check_unbiased(network, name)
