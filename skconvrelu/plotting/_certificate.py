"""What is known about the distance of a fit from the best network."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skconvrelu.certificate import Certificate
from skconvrelu.plotting._axes import axes


class CertificateDisplay:
    """The interval between each lower bound and the objective, on a scale relative to the objective.

    Parameters
    ----------
    certificate : Certificate

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : matplotlib BarContainer
        One bar for each lower bound there is, as long as its relative gap.

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu import ConvexReLURegressor
    >>> from skconvrelu.plotting import CertificateDisplay
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> display = CertificateDisplay.from_estimator(ConvexReLURegressor(random_state=0).fit(X, np.abs(X[:, 0])))
    """

    def __init__(self, *, certificate: Certificate) -> None:
        self.certificate = certificate

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> CertificateDisplay:
        """Draw the certificate of a fitted estimator.

        Parameters
        ----------
        estimator : ConvexReLURegressor or ConvexReLUClassifier
        ax : matplotlib Axes, default=None

        Returns
        -------
        display : CertificateDisplay
        """
        check_is_fitted(estimator, "certificate_")
        return cls(certificate=estimator.certificate_).plot(ax)

    def plot(self, ax: Any = None) -> CertificateDisplay:
        """Draw on ``ax`` or on new axes; returns the display itself."""
        self.ax_, self.figure_ = axes(ax)
        found = self.certificate
        rows = [
            (f"over its {found.n_arrangements} arrangements", found.gap_solved, "tab:blue"),
            ("over all, as searched", found.gap_searched, "tab:orange"),
            ("over all, proven", found.gap_proven, "tab:green"),
        ]
        shown = [(name, gap, colour) for name, gap, colour in rows if gap is not None]
        widths = np.array([max(gap, 1e-12) for _, gap, _ in shown])
        self.bars_ = self.ax_.barh(
            [name for name, _, _ in shown], widths, color=[colour for _, _, colour in shown], left=1e-13
        )
        for bar, (_, gap, _) in zip(self.bars_, shown, strict=True):
            self.ax_.text(bar.get_width() * 1.3, bar.get_y() + 0.5 * bar.get_height(), f"{gap:.1e}", va="center")
        self.ax_.set(
            xscale="log",
            xlim=(1e-12, max(1.0, 30.0 * widths.max())),
            xlabel="relative gap, (objective - bound) / objective",
        )
        recall = "" if found.recall is None else f", {found.n_units} units, recall {found.recall:.0%}"
        self.ax_.set_title(f"objective {found.objective:.6g} after {found.n_rounds} rounds{recall}", fontsize="medium")
        self.ax_.invert_yaxis()
        return self
