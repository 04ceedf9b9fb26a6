"""Losses by name, and targets coded as they want them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skconvrelu._checks import check_choice, check_no_missing, check_number, check_shape, check_vector, distinct_labels
from skconvrelu.losses._base import Loss
from skconvrelu.losses._piecewise import AbsoluteError, HardMargin, Hinge, Huber, Quantile, SquaredHinge
from skconvrelu.losses._smooth import BinaryLogLoss, MultinomialLogLoss, Poisson, SquaredError, SquaredErrorOnCodes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Named:
    """How a loss is made from its name.

    Attributes
    ----------
    make : callable
        The loss, given its parameters by name.
    parameters : dict
        Their names, each with what it is by default and the open interval of what it may be.
    several : callable or None
        The loss of labels of more than two classes, whose targets are one-hot, where it is another one.
    """

    make: Callable[..., Loss]
    parameters: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    several: Callable[..., Loss] | None = None


#: losses of targets
TARGETS = {
    "squared_error": Named(SquaredError),
    "huber": Named(Huber, {"epsilon": (1.35, 0.0, np.inf)}),
    "absolute_error": Named(AbsoluteError),
    "quantile": Named(Quantile, {"quantile": (0.5, 0.0, 1.0)}),
    "poisson": Named(Poisson),
}
#: losses of class labels
LABELS = {
    "log_loss": Named(BinaryLogLoss, several=MultinomialLogLoss),
    "hinge": Named(Hinge),
    "squared_hinge": Named(SquaredHinge),
    "squared_error": Named(SquaredErrorOnCodes),
    "hard_margin": Named(HardMargin),
}
#: names where targets and labels are told apart by them
REGRESSION = tuple(TARGETS)
CLASSIFICATION = tuple(f"{name}_on_classes" if name in TARGETS else name for name in LABELS)
#: ... of penalised training
PENALISED = REGRESSION + tuple(name for name in CLASSIFICATION if name != "hard_margin")


def regression_loss(name: str, **parameters: float) -> Loss:
    """The loss of targets with this name; of ``parameters`` it takes those it has."""
    named = TARGETS[name]
    own = {
        key: check_number(parameters.get(key, default), key, above=above, below=below)
        for key, (default, above, below) in named.parameters.items()
    }
    return named.make(**own)


def classification_loss(name: str, labels: NDArray[np.intp], n_classes: int) -> tuple[Loss, Array]:
    """The loss of labels with this name, and coded targets: -1/+1, a column a class beyond two; for softmax one-hot."""
    named = LABELS[name.removesuffix("_on_classes")]
    if n_classes == 2:
        return named.make(), np.where(labels == 1, 1.0, -1.0)[:, None]
    if named.several is not None:
        return named.several(), np.eye(n_classes)[labels]
    return named.make(), np.where(labels[:, None] == np.arange(n_classes), 1.0, -1.0)


def coded_targets(loss: str, y: Any, **params: float) -> tuple[Loss, Array]:
    """Loss and targets (n, K) from raw targets or class labels.

    Raises
    ------
    ValueError
        If no loss of penalised training has that name, y holds what it cannot fit, or there is one class only.
    """
    check_choice(loss, "loss", PENALISED)
    shape = check_shape(y, "y")
    if not shape or not shape[0]:
        raise ValueError(f"y must have a target for each sample, got {y!r}.")
    check_no_missing(y)
    if loss in REGRESSION:
        targets = check_vector(y, "y")
        if targets.ndim > 2:
            raise ValueError(f"y must have shape (n_samples,) or (n_samples, n_outputs), got {targets.shape}.")
        targets = targets.reshape(len(targets), -1)
        unknown = set(params) - set(TARGETS[loss].parameters)
        if unknown:
            raise TypeError(f"loss={loss!r} has no parameter {', '.join(sorted(unknown))}.")
        kind = regression_loss(loss, **params)
        kind.check_targets(targets)
        return kind, targets
    if len(shape) != 1 and np.prod(shape) != shape[0]:
        raise ValueError(f"y must be a list of labels, one a sample, got shape {shape}.")
    if params:
        raise ValueError(f"loss={loss!r} has no parameters, got {', '.join(params)}.")
    classes, labels = distinct_labels(y)
    if len(classes) < 2:
        raise ValueError(f"y holds one class only, {classes[0]!r}; loss={loss!r} needs two.")
    return classification_loss(loss, labels.ravel(), len(classes))
