"""How a fit came to its optimum, round by round."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skconvrelu.plotting._axes import axes
from skconvrelu.rounding import TINY

Array = NDArray[np.float64]


class SearchDisplay:
    """Objective after each round of the search, and its relative distance to the final lower bound.

    Parameters
    ----------
    objectives : ndarray of shape (n_rounds,)
    lower_bound : float
        Of the objective of any network.
    bound_name : str, default="lower bound"
    least_loss : float, default=0.0
        What gaps are relative to, as in :class:`~skconvrelu.Certificate`.

    Attributes
    ----------
    ax_, gap_ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu import ConvexReLURegressor
    >>> from skconvrelu.plotting import SearchDisplay
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> display = SearchDisplay.from_estimator(ConvexReLURegressor(random_state=0).fit(X, np.abs(X[:, 0])))
    """

    def __init__(
        self, *, objectives: Array, lower_bound: float, bound_name: str = "lower bound", least_loss: float = 0.0
    ) -> None:
        self.objectives = objectives
        self.lower_bound = lower_bound
        self.bound_name = bound_name
        self.least_loss = least_loss

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> SearchDisplay:
        """Draw the rounds of a fitted estimator.

        Parameters
        ----------
        estimator : ConvexReLURegressor or ConvexReLUClassifier
            Fitted with ``refine``.
        ax : matplotlib Axes, default=None

        Returns
        -------
        display : SearchDisplay
        """
        check_is_fitted(estimator, "objectives_")
        certificate = estimator.certificate_
        bounds = (
            ("proven lower bound", certificate.lower_bound_proven),
            ("searched lower bound", certificate.lower_bound_searched),
            ("lower bound over its arrangements", certificate.lower_bound_solved),
        )
        name, bound = next((name, bound) for name, bound in bounds if bound is not None)
        return cls(
            objectives=np.append(estimator.objectives_, estimator.objective_), lower_bound=bound, bound_name=name,
            least_loss=certificate.least_loss,
        ).plot(ax)  # fmt: skip

    def plot(self, ax: Any = None) -> SearchDisplay:
        """Draw on ``ax`` or on new axes; returns the display itself."""
        self.ax_, self.figure_ = axes(ax)
        rounds = np.arange(1, len(self.objectives) + 1)
        self.ax_.plot(rounds, self.objectives, ".-", color="tab:blue", label="objective")
        self.ax_.axhline(self.lower_bound, color="black", linestyle="--", linewidth=1, label=self.bound_name)
        gaps = (self.objectives - self.lower_bound) / np.maximum(self.objectives - self.least_loss, TINY)
        self.gap_ax_ = self.ax_.twinx()
        self.gap_ax_.plot(rounds, np.maximum(gaps, 1e-16), ".-", color="tab:orange")
        self.gap_ax_.set_yscale("log")
        self.gap_ax_.set_ylabel("relative gap", color="tab:orange")
        self.ax_.set(xlabel="round", ylabel="objective")
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        self.ax_.legend(loc="upper right")
        return self
