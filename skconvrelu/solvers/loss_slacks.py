"""Piecewise linear and quadratic losses inside the interior point, exactly: slacks for their two sides instead of smoothing.

With the residual split as ``f - k = width g + above - below``, the last two nonnegative, and the gradient g between the slopes,
optimality is ``(upper - g) above = 0`` and ``(g - lower) below = 0``. All of it is eliminated sample by sample: what is left for the
Newton system is a curvature ``1 / h`` with ``h = width + above / (upper - g) + below / (g - lower)`` and a shift of the outputs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skconvrelu.losses import PiecewiseQuadratic

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SlackStep:
    """Changes of gradient and slacks, (n, K) each."""

    g: Array
    above: Array
    below: Array


@dataclass(eq=False)
class LossSlacks:
    """Gradient ``g`` strictly between the slopes, and the slacks of both sides; sides with an infinite slope have none."""

    kink: Array
    lower: Array
    upper: Array
    weights: Array  # (n, 1)
    width: float
    g: Array
    above: Array
    below: Array
    outputs: Array | None = None  # at which the next step starts
    target_above: Array | None = None
    target_below: Array | None = None

    @staticmethod
    def count(loss: PiecewiseQuadratic, Y: Array) -> int:
        """Number of complementarity pairs."""
        lower, upper = loss.slopes(Y)
        return int(np.isfinite(lower).sum() + np.isfinite(upper).sum())

    @classmethod
    def start(
        cls, loss: PiecewiseQuadratic, F: Array, Y: Array, weights: Array, dual: Array | None, mu: float
    ) -> LossSlacks:
        """A point well inside, near outputs ``F`` and, if given, a dual point; products are about ``mu``."""
        lower, upper = loss.slopes(Y)
        w, kink = weights[:, None], loss.kink(Y)
        span = np.where(np.isfinite(lower) & np.isfinite(upper), upper - lower, 1.0)
        low, high = np.where(np.isfinite(lower), lower, upper - span), np.where(np.isfinite(upper), upper, lower + span)
        g = 0.5 * (low + high) if dual is None else np.clip(-dual / w, low + 0.02 * span, high - 0.02 * span)
        r = F - kink - loss.width * g
        least = mu / (w * span)
        above = np.where(np.isfinite(upper), np.maximum(np.maximum(r, 0.0), least), 0.0)
        below = np.where(np.isfinite(lower), np.maximum(np.maximum(-r, 0.0), least), 0.0)
        # both sides finite: keep their difference
        both = np.isfinite(lower) & np.isfinite(upper)
        above = np.where(both, np.maximum(r, 0.0) + least, above)
        below = np.where(both, above - r, below)
        return cls(kink, lower, upper, w, loss.width, g, above, below)

    def _rooms(self) -> tuple[Array, Array]:
        """Distances of the gradient to its slopes; infinite where the slope is."""
        return self.upper - self.g, self.g - self.lower

    def gradient(self) -> Array:
        """Weighted gradient (n, K)."""
        return self.weights * self.g

    def complementarity(self) -> float:
        """Sum of the products."""
        high, low = self._rooms()
        with np.errstate(invalid="ignore"):
            total = np.where(self.above > 0.0, high * self.above, 0.0) + np.where(
                self.below > 0.0, low * self.below, 0.0
            )
        return float((self.weights * total).sum())

    def _compliance(self) -> Array:
        high, low = self._rooms()
        return self.width + self.above / high + self.below / low

    def curvature_root(self, F: Array) -> Array:
        """Root (n, K, K) of the weighted curvature; remembers the outputs that the steps start from."""
        self.outputs = F
        return np.sqrt(self.weights / self._compliance())[:, :, None] * np.eye(F.shape[1])

    def shift(self, target: float, predicted: SlackStep | None) -> Array:
        """Change of ``above - below`` (n, K) that products of ``target`` ask for at an unmoved gradient, less the residual that is left.

        ``predicted`` adds the second order of a step.
        """
        assert self.outputs is not None
        high, low = self._rooms()
        with np.errstate(invalid="ignore"):
            self.target_above = np.where(np.isfinite(high), target / self.weights - high * self.above, 0.0)
            self.target_below = np.where(np.isfinite(low), target / self.weights - low * self.below, 0.0)
        if predicted is not None:
            self.target_above = self.target_above + predicted.g * predicted.above
            self.target_below = self.target_below - predicted.g * predicted.below
        residual = self.outputs - self.kink - self.width * self.g - self.above + self.below
        return self.target_above / high - self.target_below / low - residual

    def step(self, change: Array) -> SlackStep:
        """The step that belongs to a change of the weighted gradient."""
        assert self.target_above is not None
        assert self.target_below is not None
        high, low = self._rooms()
        g = change / self.weights
        above = np.where(np.isfinite(high), (self.target_above + self.above * g) / high, 0.0)
        below = np.where(np.isfinite(low), (self.target_below - self.below * g) / low, 0.0)
        return SlackStep(g, above, below)

    def hit(self, step: SlackStep) -> float:
        """The reciprocal of the longest step that stays inside."""
        high, low = self._rooms()
        worst = max((step.g / high).max(initial=0.0), (-step.g / low).max(initial=0.0))
        for value, change in ((self.above, step.above), (self.below, step.below)):
            used = value > 0.0
            worst = max(worst, (-change[used] / value[used]).max(initial=0.0))
        return float(worst)

    def moved(self, step: SlackStep, a: float) -> LossSlacks:
        """The point after a step of length ``a``."""
        return replace(
            self, g=self.g + a * step.g, above=self.above + a * step.above, below=self.below + a * step.below
        )
