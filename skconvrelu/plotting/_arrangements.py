"""The cells into which samples with two features cut the space of gates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skconvrelu._checks import check_matrix
from skconvrelu.arrangements import exact_gates
from skconvrelu.arrangements._normals import Normals
from skconvrelu.arrangements._patterns import patterns_of
from skconvrelu.plotting._axes import axes
from skconvrelu.rounding import TINY

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


class ArrangementDisplay:
    """Cones of gates ``u`` with equal pattern ``1[X u >= 0]``, one colour a pattern, and the hyperplanes between them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, 2)
        What the gates multiply.
    boundaries : ndarray of shape (C + 1,)
        Angles between the cones.
    patterns : bool ndarray of shape (C, n_samples)
        Pattern of each cone.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    wedges_ : list of matplotlib patches
        One for each cone.

    Examples
    --------
    >>> from skconvrelu.plotting import ArrangementDisplay
    >>> display = ArrangementDisplay.from_data([[3.0, 3.0], [2.0, 2.0], [1.0, 0.0]])
    >>> len(display.wedges_)
    4
    """

    def __init__(self, *, X: Array, boundaries: Array, patterns: Mask) -> None:
        self.X = X
        self.boundaries = boundaries
        self.patterns = patterns

    @classmethod
    def from_data(cls, X: Any, *, ax: Any = None) -> ArrangementDisplay:
        """Draw the arrangement of samples with two features, or with one and a constant column.

        Parameters
        ----------
        X : array-like of shape (n_samples, 2)
        ax : matplotlib Axes, default=None

        Returns
        -------
        display : ArrangementDisplay

        Raises
        ------
        ValueError
            If X has not two columns, only zero rows, or hyperplanes that rounding cannot tell apart.
        """
        X = check_matrix(X)
        if X.shape[1] != 2 or not X.any():
            raise ValueError(
                f"only arrangements of two columns with a nonzero row can be drawn; X has shape {X.shape}"
                f"{'' if X.any() else ' and only zeros'}."
            )
        rows = X[Normals.of(X)[0].distinct()]
        lines = np.sort(np.mod(np.arctan2(rows[:, 1], rows[:, 0]) + 0.5 * np.pi, np.pi))
        angles = np.concatenate([lines, lines + np.pi])
        gates = exact_gates(X)
        turns = np.mod(np.arctan2(gates[1], gates[0]) - angles[0], 2.0 * np.pi)
        patterns = patterns_of(X, gates[:, np.argsort(turns)])
        return cls(X=X, boundaries=np.append(angles, angles[0] + 2.0 * np.pi), patterns=patterns).plot(ax)

    def plot(self, ax: Any = None) -> ArrangementDisplay:
        """Draw on ``ax`` or on new axes; returns the display itself."""
        self.ax_, self.figure_ = axes(ax)
        from matplotlib import colormaps
        from matplotlib.patches import Wedge

        self.wedges_: list[Any] = []
        colours = colormaps["tab20"].resampled(20)
        degrees = np.degrees(self.boundaries)
        for c, pattern in enumerate(self.patterns):
            wedge = Wedge((0.0, 0.0), 1.0, degrees[c], degrees[c + 1], facecolor=colours(c % 20), alpha=0.5)
            self.wedges_.append(self.ax_.add_patch(wedge))
            middle = 0.5 * (self.boundaries[c] + self.boundaries[c + 1])
            if len(pattern) <= 8 and self.boundaries[c + 1] - self.boundaries[c] > 0.1:
                text = "".join("1" if on else "0" for on in pattern)
                self.ax_.text(0.65 * np.cos(middle), 0.65 * np.sin(middle), text, ha="center", va="center")
        for angle in self.boundaries[:-1]:
            self.ax_.plot([0.0, np.cos(angle)], [0.0, np.sin(angle)], color="black", linewidth=1)
        for i, (a, b) in enumerate(self.X / max(np.linalg.norm(self.X, axis=1).max(), TINY)):
            self.ax_.annotate(
                "", (a, b), (0.0, 0.0), arrowprops={"arrowstyle": "->", "color": "tab:red", "linewidth": 1.5}
            )
            if len(self.X) <= 8:
                self.ax_.text(1.08 * a, 1.08 * b, f"$x_{{{i + 1}}}$", color="tab:red", ha="center", va="center")
        self.ax_.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), aspect="equal", xlabel="$u_1$", ylabel="$u_2$")
        return self
