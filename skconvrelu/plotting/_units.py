"""Hidden units over data with one or two features."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skconvrelu._checks import check_matrix, check_no_missing, check_shape
from skconvrelu.network.two_layer_relu import TwoLayerReLU, check_is_network
from skconvrelu.plotting._axes import axes

Array = NDArray[np.float64]


class HiddenUnitsDisplay:
    """A network over data of one or two features, with the hinge or line of each hidden unit.

    Parameters
    ----------
    network : TwoLayerReLU
        With one output.
    X : ndarray of shape (n_samples, 1 or 2)
    y : ndarray of shape (n_samples,), default=None
        Targets or labels, drawn as points.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    unit_lines_ : list of matplotlib artists
        One for each hidden unit whose hinge or line lies in the picture.

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu import ConvexReLURegressor
    >>> from skconvrelu.plotting import HiddenUnitsDisplay
    >>> X = np.linspace(-1, 1, 30)[:, None]
    >>> model = ConvexReLURegressor(beta=1e-3, random_state=0).fit(X, np.abs(X[:, 0]))
    >>> display = HiddenUnitsDisplay.from_estimator(model, X, np.abs(X[:, 0]))
    """

    def __init__(self, *, network: TwoLayerReLU, X: Array, y: Array | None = None) -> None:
        self.network = network
        self.X = X
        self.y = y

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: Any = None, *, ax: Any = None) -> HiddenUnitsDisplay:
        """Draw a fitted estimator with one output.

        Parameters
        ----------
        estimator : ConvexReLURegressor or ConvexReLUClassifier
            Fitted on one or two features.
        X : array-like of shape (n_samples, 1 or 2)
        y : array-like of shape (n_samples,), default=None
        ax : matplotlib Axes, default=None

        Returns
        -------
        display : HiddenUnitsDisplay

        Raises
        ------
        ValueError
            If there are more features, more outputs, or gated units.
        """
        check_is_fitted(estimator)
        return cls.from_network(estimator.network_, X, y, ax=ax)

    @classmethod
    def from_network(cls, network: TwoLayerReLU, X: Any, y: Any = None, *, ax: Any = None) -> HiddenUnitsDisplay:
        """Draw a network, parameters as in :meth:`from_estimator`."""
        check_is_network(network)
        X = check_matrix(X)
        if X.shape[1] not in (1, 2) or network.hidden_weights.shape[0] != X.shape[1]:
            raise ValueError(f"only networks of one or two features can be drawn; X has {X.shape[1]}.")
        if network.output_weights.shape[1] != 1 or network.gates is not None:
            raise ValueError("only ReLU networks with one output can be drawn.")
        if y is not None and check_shape(y, "y"):
            check_no_missing(y)
        y = None if y is None else np.asarray(y)
        if y is not None and y.shape != (len(X),):
            raise ValueError(f"y must have one value for each of the {len(X)} samples, got shape {y.shape}.")
        return cls(network=network, X=X, y=y).plot(ax)

    def plot(self, ax: Any = None) -> HiddenUnitsDisplay:
        """Draw on ``ax`` or on new axes; returns the display itself."""
        self.ax_, self.figure_ = axes(ax)
        self.unit_lines_: list[Any] = []
        (self._plot_curve if self.X.shape[1] == 1 else self._plot_surface)()
        return self

    def _plot_curve(self) -> None:
        """The function, every unit's share of it, and the place of its hinge."""
        low, high = _range(self.X[:, 0])
        hinges = np.array(
            [
                -b / w
                for w, b in zip(self.network.hidden_weights[0], self.network.hidden_biases, strict=True)
                if w != 0.0
            ]
        )
        grid = np.unique(np.concatenate([np.linspace(low, high, 400), hinges[(hinges > low) & (hinges < high)]]))[
            :, None
        ]
        parts = self.network.contributions(grid)
        for k, part in enumerate(parts.T):
            label = "hidden units" if k == 0 else None
            self.unit_lines_ += self.ax_.plot(grid[:, 0], part, color="tab:gray", alpha=0.5, linewidth=1, label=label)
        self.ax_.plot(grid[:, 0], self.network.predict(grid), color="tab:blue", linewidth=2, label="network")
        inside = hinges[(hinges > low) & (hinges < high)]
        if len(inside):
            self.ax_.plot(
                inside, self.network.predict(inside[:, None]), "o", color="tab:blue", markersize=4, label="hinges"
            )
        if self.y is not None:
            heights = self.y if self.y.dtype.kind in "iuf" else np.unique(self.y, return_inverse=True)[1]
            self.ax_.plot(self.X[:, 0], heights, ".", color="black", markersize=4, label="samples")
        self.ax_.set_xlabel("x")
        self.ax_.set_ylabel("output")
        self.ax_.legend()

    def _plot_surface(self) -> None:
        """The output as colours, the zero line of each unit, and the samples."""
        (left, right), (bottom, top) = _range(self.X[:, 0]), _range(self.X[:, 1])
        u, v = np.meshgrid(np.linspace(left, right, 200), np.linspace(bottom, top, 200))
        outputs = self.network.predict(np.column_stack([u.ravel(), v.ravel()])).reshape(u.shape)
        classes = np.unique(self.y) if self.y is not None else np.zeros(0)
        two, labels = len(classes) == 2, len(classes) == 2 or classes.dtype.kind not in "iuf"
        size = float(np.abs(outputs).max()) if two else None
        mesh = self.ax_.pcolormesh(
            u, v, outputs, cmap="RdBu" if two else "viridis", alpha=0.6, shading="auto",
            vmin=None if size is None else -size, vmax=size, rasterized=True,
        )  # fmt: skip
        self.figure_.colorbar(mesh, ax=self.ax_, label="output")
        sizes = np.linalg.norm(self.network.vectors(), axis=0) * np.abs(self.network.output_weights[:, 0])
        ends = np.array([[left, bottom], [right, top]])
        for k, (a, b) in enumerate(self.network.hidden_weights.T):
            line = _segment(a, b, self.network.hidden_biases[k], ends)
            if line is not None:
                width = 0.5 + 2.0 * np.sqrt(sizes[k] / (sizes.max() or 1.0))
                label = None if self.unit_lines_ else "hidden units"
                self.unit_lines_ += self.ax_.plot(*line.T, color="black", alpha=0.6, linewidth=width, label=label)
        if self.y is not None:
            if labels:
                colours = ("tab:red", "tab:blue") if two else [f"C{k % 10}" for k in range(len(classes))]
                for value, colour in zip(classes, colours, strict=True):
                    own = self.y == value
                    self.ax_.scatter(*self.X[own].T, color=colour, edgecolor="white", s=25, label=f"class {value}")
            else:
                self.ax_.scatter(*self.X.T, c=self.y, cmap="viridis", edgecolor="white", s=25, norm=mesh.norm)
        self.ax_.set(xlim=(left, right), ylim=(bottom, top), xlabel="x1", ylabel="x2")
        if self.ax_.get_legend_handles_labels()[0]:
            self.ax_.legend(loc="upper right")


def _range(values: Array) -> tuple[float, float]:
    margin = 0.1 * (np.ptp(values) or 1.0)
    return float(values.min() - margin), float(values.max() + margin)


def _segment(a: float, b: float, c: float, ends: Array) -> Array | None:
    """The part of ``a x + b y + c = 0`` in a box, by where it crosses the box's edges."""
    points = []
    for axis, (own, other) in enumerate(((a, b), (b, a))):
        if other == 0.0:
            continue
        for end in ends[:, axis]:
            value = -(own * end + c) / other
            if ends[0, 1 - axis] <= value <= ends[1, 1 - axis]:
                points.append((end, value) if axis == 0 else (value, end))
    distinct = np.unique(np.round(points, 12), axis=0) if points else np.zeros((0, 2))
    return distinct[[0, -1]] if len(distinct) > 1 else None
