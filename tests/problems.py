"""Small programs of every kind, for tests."""

from dataclasses import replace

import numpy as np

from skconvrelu.losses import (
    AbsoluteError,
    BinaryLogLoss,
    Hinge,
    Huber,
    MultinomialLogLoss,
    Poisson,
    Quantile,
    SquaredError,
    SquaredErrorOnCodes,
    SquaredHinge,
)
from skconvrelu.policy import DEFAULT
from skconvrelu.program import ConvexProgram

SMOOTH = ("squared_error", "squared_error-3", "log_loss", "log_loss-3", "huber", "poisson", "squared_hinge", "codes-3")
PIECEWISE = ("absolute_error", "quantile", "hinge", "quantile-3")
KINDS = (*SMOOTH, *PIECEWISE)


def with_policy(estimator, **changes):
    """The estimator, whose searches may spend something else than the default."""
    estimator._policy = replace(DEFAULT, **changes)
    return estimator


def make_program(
    kind, *, n=30, d=3, n_gates=8, seed=0, constrained=True, fit_intercept=True, weighted=True, fraction=0.1
):
    """A random program whose beta is ``fraction`` of its beta_max."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    if fit_intercept:
        X = np.hstack([X, np.ones((n, 1))])
    patterns = np.unique((X @ rng.standard_normal((X.shape[1], n_gates)) >= 0).T, axis=0)
    patterns = patterns[patterns.any(axis=1)]
    weights = rng.uniform(0.2, 2.0, n) if weighted else np.ones(n)
    if kind == "squared_error":
        loss, Y = SquaredError(), rng.standard_normal((n, 1)) + 0.3
    elif kind == "squared_error-3":
        loss, Y = SquaredError(), rng.standard_normal((n, 3))
    elif kind == "log_loss":
        loss, Y = BinaryLogLoss(), np.where(np.arange(n) % 3 == 0, 1.0, -1.0)[:, None]
    elif kind == "log_loss-3":
        loss, Y = MultinomialLogLoss(), np.eye(3)[rng.permutation(np.arange(n) % 3)]
    elif kind == "huber":
        loss, Y = Huber(0.7), rng.standard_normal((n, 1)) + 0.3
    elif kind == "poisson":
        loss, Y = Poisson(), rng.poisson(2.0, (n, 1)).astype(float)
    elif kind == "absolute_error":
        loss, Y = AbsoluteError(), rng.standard_normal((n, 1))
    elif kind in ("quantile", "quantile-3"):
        loss, Y = Quantile(0.8), rng.standard_normal((n, 3 if kind.endswith("3") else 1))
    else:
        loss = {"hinge": Hinge, "squared_hinge": SquaredHinge, "codes-3": SquaredErrorOnCodes}[kind]()
        Y = np.where(rng.permutation(np.arange(n) % 3)[:, None] == np.arange(3), 1.0, -1.0)
        Y = Y if kind.endswith("3") else Y[:, :1]
    program = ConvexProgram.over_patterns(
        X, Y, weights / weights.sum(), patterns, loss, 1.0, constrained=constrained, fit_intercept=fit_intercept
    )
    return with_beta(program, fraction * program.beta_max())


def with_beta(program, beta):
    """The same program at another beta."""
    from dataclasses import replace

    return replace(program, beta=beta)
