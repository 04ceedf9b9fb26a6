"""Losses by name, and targets coded as they want them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skconvrelu._checks import check_choice, check_no_missing, check_number, check_shape, check_vector, distinct_labels
from skconvrelu.losses._base import Loss
from skconvrelu.losses._piecewise import AbsoluteError, HardMargin, Hinge, Huber, Quantile, SquaredHinge
from skconvrelu.losses._smooth import BinaryLogLoss, MultinomialLogLoss, Poisson, SquaredError, SquaredErrorOnCodes

Array = NDArray[np.float64]

#: losses of targets, and of class labels; "squared_error_on_classes" is the classifiers' "squared_error"
REGRESSION = ("squared_error", "huber", "absolute_error", "quantile", "poisson")
CLASSIFICATION = ("log_loss", "hinge", "squared_hinge", "squared_error_on_classes", "hard_margin")


def regression_loss(name: str, *, epsilon: float = 1.35, quantile: float = 0.5) -> Loss:
    """The loss of targets with this name."""
    if name == "huber":
        return Huber(check_number(epsilon, "epsilon", above=0.0))
    if name == "quantile":
        return Quantile(check_number(quantile, "quantile", above=0.0, below=1.0))
    kinds: dict[str, type[SquaredError | AbsoluteError | Poisson]] = {
        "squared_error": SquaredError,
        "absolute_error": AbsoluteError,
        "poisson": Poisson,
    }
    return kinds[name]()


def classification_loss(name: str, labels: NDArray[np.intp], n_classes: int) -> tuple[Loss, Array]:
    """The loss of labels with this name, and coded targets: -1/+1, a column a class beyond two; for softmax one-hot."""
    if name == "log_loss" and n_classes > 2:
        return MultinomialLogLoss(), np.eye(n_classes)[labels]
    kinds: dict[str, type[BinaryLogLoss | Hinge | SquaredHinge | SquaredErrorOnCodes | HardMargin]] = {
        "log_loss": BinaryLogLoss,
        "hinge": Hinge,
        "squared_hinge": SquaredHinge,
        "squared_error": SquaredErrorOnCodes,
        "hard_margin": HardMargin,
    }
    loss = kinds[name.removesuffix("_on_classes")]()
    if n_classes == 2:
        return loss, np.where(labels == 1, 1.0, -1.0)[:, None]
    return loss, np.where(labels[:, None] == np.arange(n_classes), 1.0, -1.0)


def check_targets(name: str, y: Array, free: Array | None = None) -> None:
    """Refuse targets outside the domain of the loss, or without a finite optimum where ``free`` (n,) weights an intercept."""
    if name != "poisson":
        return
    if (y < 0.0).any():
        raise ValueError("y has negative entries, which loss='poisson' cannot fit; its targets must be y >= 0.")
    if free is not None and not (y.reshape(len(y), -1)[free > 0.0] > 0.0).any(axis=0).all():
        raise ValueError(
            "y is zero wherever its weight is not: with loss='poisson' the intercept would be minus infinity. "
            "Leave such a target out."
        )


def coded_targets(loss: str, y: Any, **params: float) -> tuple[Loss, Array]:
    """Loss and targets (n, K) from raw targets or class labels.

    Raises
    ------
    ValueError
        If no loss of penalised training has that name, y holds what it cannot fit, or there is one class only.
    """
    penalised = tuple(name for name in CLASSIFICATION if name != "hard_margin")
    check_choice(loss, "loss", REGRESSION + penalised)
    shape = check_shape(y, "y")
    if not shape or not shape[0]:
        raise ValueError(f"y must have a target for each sample, got {y!r}.")
    check_no_missing(y)
    if loss in REGRESSION:
        targets = check_vector(y, "y")
        if targets.ndim > 2:
            raise ValueError(f"y must have shape (n_samples,) or (n_samples, n_outputs), got {targets.shape}.")
        targets = targets.reshape(len(targets), -1)
        check_targets(loss, targets)
        return regression_loss(loss, **params), targets
    if len(shape) != 1 and np.prod(shape) != shape[0]:
        raise ValueError(f"y must be a list of labels, one a sample, got shape {shape}.")
    if params:
        raise ValueError(f"loss={loss!r} has no parameters, got {', '.join(params)}.")
    classes, labels = distinct_labels(y)
    if len(classes) < 2:
        raise ValueError(f"y holds one class only, {classes[0]!r}; loss={loss!r} needs two.")
    return classification_loss(loss, labels.ravel(), len(classes))
