"""Convex losses: value, gradient, curvature or slopes, conjugate, dual domain, link.

A loss sees raw network outputs ``F`` of shape (n, K) and coded targets ``Y`` of the same shape, and works per sample; the
program multiplies by the weights ``w_i = s_i / S``. Adding a loss means one class, with its conic form, and one line in
:mod:`skconvrelu.losses.registry`.
"""

from skconvrelu.losses._base import Loss, NoConicForm
from skconvrelu.losses._piecewise import (
    AbsoluteError,
    HardMargin,
    Hinge,
    Huber,
    PiecewiseLinear,
    PiecewiseQuadratic,
    Quantile,
    SquaredHinge,
)
from skconvrelu.losses._smooth import (
    BinaryLogLoss,
    MultinomialLogLoss,
    Poisson,
    SquaredError,
    SquaredErrorOnCodes,
)
from skconvrelu.losses.registry import (
    CLASSIFICATION,
    LABELS,
    PENALISED,
    REGRESSION,
    TARGETS,
    classification_loss,
    coded_targets,
    regression_loss,
)

__all__ = [
    "CLASSIFICATION",
    "LABELS",
    "PENALISED",
    "REGRESSION",
    "TARGETS",
    "AbsoluteError",
    "BinaryLogLoss",
    "HardMargin",
    "Hinge",
    "Huber",
    "Loss",
    "MultinomialLogLoss",
    "NoConicForm",
    "PiecewiseLinear",
    "PiecewiseQuadratic",
    "Poisson",
    "Quantile",
    "SquaredError",
    "SquaredErrorOnCodes",
    "SquaredHinge",
    "classification_loss",
    "coded_targets",
    "regression_loss",
]
