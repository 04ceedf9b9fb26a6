"""How the proximal Newton method sees a loss: variables z (n, K) that determine both the dual point and the outputs that go with it.

For a smooth loss z are the outputs themselves, and ``lambda = -w l'(z)``. A piecewise linear loss gets a proximal term of its own,
``w (f - f_k)^2 / (2 tau)`` about the outputs of the last outer step, as the blocks have theirs; then ``lambda = -w (z - f_k) / tau`` and
``f = prox_{tau l}(z)``, which is the kink itself for a whole interval of z. Kinks are found exactly, and nothing is smoothed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skconvrelu.losses import PiecewiseLinear
from skconvrelu.program import ConvexProgram

Array = NDArray[np.float64]

#: least derivative of the outputs by z that stands in for zero at kinks
_FLATTEST = 1e-9


class SmoothMap:
    """z are the outputs."""

    def __init__(self, program: ConvexProgram) -> None:
        self.program = program

    def variables(self, z: Array, dual: Array) -> Array:
        """The variables at the start of an outer step, from those at the end of the last one and its dual point."""
        return z

    def dual(self, z: Array) -> Array:
        """Dual point at z."""
        return -self.program.weights[:, None] * self.program.loss.gradient(z, self.program.Y)

    def outputs(self, z: Array) -> Array:
        """Outputs at z."""
        return z

    def root(self, z: Array, residual: float) -> Array:
        """``S`` (n, K, K) with ``S S'`` minus the derivative of the dual point by the outputs; ``residual`` is what is left to solve."""
        curvature: Array = self.program.loss.curvature_root(z, self.program.Y)
        return np.sqrt(self.program.weights)[:, None, None] * curvature

    def change(self, z: Array, dF: Array) -> Array:
        """Change of z for a change of the outputs."""
        return dF

    def value(self, F: Array) -> float:
        """The loss, proximal term included."""
        return self.program.loss_value(F)

    def recentre(self, F: Array, factor: float) -> None:
        """Start an outer step from outputs F with a proximal term weaker by ``factor``."""


class KinkMap(SmoothMap):
    """z are prox points of a piecewise linear loss."""

    def __init__(self, program: ConvexProgram, F: Array, tau: float, largest: float) -> None:
        super().__init__(program)
        assert isinstance(program.loss, PiecewiseLinear)
        self.centre, self.tau, self.largest = F, tau, largest
        self.flatness = np.ones_like(F)
        self.kink = program.loss.kink(program.Y)
        self.lower, self.upper = program.loss.slopes(program.Y)

    def variables(self, z: Array, dual: Array) -> Array:
        return self.centre - self.tau * dual / self.program.weights[:, None]

    def dual(self, z: Array) -> Array:
        return -self.program.weights[:, None] * (z - self.centre) / self.tau

    def outputs(self, z: Array) -> Array:
        r = z - self.kink
        return self.kink + np.maximum(r - self.tau * self.upper, 0.0) + np.minimum(r - self.tau * self.lower, 0.0)

    def root(self, z: Array, residual: float) -> Array:
        r = z - self.kink
        at_kink = (r >= self.tau * self.lower) & (r <= self.tau * self.upper)
        # Levenberg: far from the solution a sample at its kink shall not run off; the rate stays superlinear
        self.flatness = np.where(at_kink, np.clip(residual / self.tau, _FLATTEST, 1.0), 1.0)
        root = np.sqrt(self.program.weights[:, None] / (self.tau * self.flatness))
        return root[:, :, None] * np.eye(z.shape[1])

    def change(self, z: Array, dF: Array) -> Array:
        return dF / self.flatness

    def value(self, F: Array) -> float:
        away = np.square(F - self.centre).sum(axis=1)
        return self.program.loss_value(F) + float(self.program.weights @ away) / (2.0 * self.tau)

    def recentre(self, F: Array, factor: float) -> None:
        self.centre = F
        self.tau = min(factor * self.tau, self.largest)


def loss_map(program: ConvexProgram, F: Array, first: float, last: float) -> SmoothMap:
    """The map of a program's loss; ``first`` and ``last`` proximal widths are in units of the typical residual."""
    if program.loss.smooth:
        return SmoothMap(program)
    typical = program.typical_distance()
    return KinkMap(program, F, first * typical, last * typical)
