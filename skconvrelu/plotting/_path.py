"""What happens along falling penalties."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skconvrelu.estimators.regularization_path import BetaPath
from skconvrelu.plotting._axes import axes
from skconvrelu.training.select_beta import comparable, mean_scores, standard_error

Array = NDArray[np.float64]


class BetaPathDisplay:
    """Curves over the penalty: objective and hidden units of a path, or the scores of cross-validation.

    Parameters
    ----------
    betas : ndarray of shape (n_betas,)
    curve : ndarray of shape (n_betas,)
        What the left axis shows.
    curve_name : str
    errors : ndarray of shape (n_betas,), default=None
        Standard errors of the curve, drawn as a band.
    n_units : ndarray of shape (n_betas,), default=None
        Hidden units, on the right axis.
    chosen : float, default=None
        The penalty that was chosen.

    Attributes
    ----------
    ax_, units_ax_ : matplotlib Axes
        The second one None without ``n_units``.
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu import convex_relu_path
    >>> from skconvrelu.plotting import BetaPathDisplay
    >>> X = np.linspace(-1, 1, 20)[:, None]
    >>> display = BetaPathDisplay.from_path(convex_relu_path(X, np.abs(X[:, 0]), betas=5, random_state=0))
    """

    def __init__(
        self, *, betas: Array, curve: Array, curve_name: str, errors: Array | None = None,
        n_units: NDArray[np.intp] | None = None, chosen: float | None = None,
    ) -> None:  # fmt: skip
        self.betas = betas
        self.curve = curve
        self.curve_name = curve_name
        self.errors = errors
        self.n_units = n_units
        self.chosen = chosen

    @classmethod
    def from_path(cls, path: BetaPath, *, ax: Any = None) -> BetaPathDisplay:
        """Draw the objective and the number of hidden units of :func:`skconvrelu.convex_relu_path`."""
        if not isinstance(path, BetaPath):
            raise TypeError(f"path must be a BetaPath, as convex_relu_path returns; got {type(path).__name__}.")
        return cls(betas=path.betas, curve=path.objectives, curve_name="objective", n_units=path.n_units).plot(ax)

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> BetaPathDisplay:
        """Draw the cross-validated scores, with one standard error, of a fitted estimator that chose its penalty.

        Parameters
        ----------
        estimator : ConvexReLURegressorCV or ConvexReLUClassifierCV
        ax : matplotlib Axes, default=None

        Returns
        -------
        display : BetaPathDisplay
        """
        check_is_fitted(estimator, "cv_scores_")
        scores = comparable(estimator.cv_scores_)
        errors = np.array([standard_error(row) for row in scores]) if scores.shape[1] > 1 else None
        return cls(
            betas=estimator.betas_, curve=mean_scores(scores), curve_name="cross-validated score", errors=errors,
            chosen=estimator.beta_,
        ).plot(ax)  # fmt: skip

    def plot(self, ax: Any = None) -> BetaPathDisplay:
        """Draw on ``ax`` or on new axes; returns the display itself."""
        self.ax_, self.figure_ = axes(ax)
        (self.line_,) = self.ax_.plot(self.betas, self.curve, ".-", color="tab:blue", label=self.curve_name)
        if self.errors is not None:
            low, high = self.curve - self.errors, self.curve + self.errors
            self.ax_.fill_between(
                self.betas, low, high, color="tab:blue", alpha=0.2, linewidth=0, label="one standard error"
            )
        if self.chosen is not None:
            self.ax_.axvline(
                self.chosen, color="black", linestyle="--", linewidth=1, label=f"chosen: {self.chosen:.3g}"
            )
        self.units_ax_ = None
        if self.n_units is not None:
            self.units_ax_ = self.ax_.twinx()
            self.units_ax_.plot(self.betas, self.n_units, ".-", color="tab:orange")
            self.units_ax_.set_ylabel("hidden units", color="tab:orange")
        self.ax_.set(xscale="log", xlabel="penalty beta", ylabel=self.curve_name)
        self.ax_.invert_xaxis()
        if self.chosen is not None:
            self.ax_.legend()
        return self
