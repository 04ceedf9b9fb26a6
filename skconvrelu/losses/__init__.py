"""Convex losses: value, gradient, curvature or slopes, conjugate, dual domain, link.

A loss sees raw network outputs ``F`` of shape (n, K) and coded targets ``Y`` of the same shape, and works per sample; the
program multiplies by the weights ``w_i = s_i / S``. Adding a loss means one class here and one conic form in
:mod:`skconvrelu.solvers.conic_losses`.
"""

from skconvrelu.losses._base import Loss
from skconvrelu.losses._coding import (
    CLASSIFICATION,
    REGRESSION,
    check_targets,
    classification_loss,
    coded_targets,
    regression_loss,
)
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

__all__ = [
    "CLASSIFICATION",
    "REGRESSION",
    "AbsoluteError",
    "BinaryLogLoss",
    "HardMargin",
    "Hinge",
    "Huber",
    "Loss",
    "MultinomialLogLoss",
    "PiecewiseLinear",
    "PiecewiseQuadratic",
    "Poisson",
    "Quantile",
    "SquaredError",
    "SquaredErrorOnCodes",
    "SquaredHinge",
    "check_targets",
    "classification_loss",
    "coded_targets",
    "regression_loss",
]
