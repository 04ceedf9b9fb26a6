"""The arrangements that a fit begins with: sampled, enumerated, given, or from a callable."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skconvrelu.arrangements import merge_patterns
from skconvrelu.arrangements._patterns import merge_sampled
from skconvrelu.problem import Problem

Array = NDArray[np.float64]

#: what can be asked for by name
SAMPLERS = {"gaussian", "sparse", "data", "exact"}


def arrange(
    problem: Problem, arrangements: Any, count: int, known: Array | None, rng: np.random.RandomState
) -> tuple[Array, NDArray[np.bool_]]:
    """Gate vectors (d, P) and their patterns (P, n), those ``known`` (d, P') first; duplicates merged and all-off patterns dropped."""
    X, fit_intercept = problem.X, problem.fit_intercept
    known = np.zeros((X.shape[1], 0)) if known is None else known
    if isinstance(arrangements, str):
        gates, patterns = merge_sampled(X, problem.sampled_gates(arrangements, count, rng), known)
    else:
        # a copy: whoever writes to it must not change the training data
        given = arrangements(problem.biased.copy(), count, rng) if callable(arrangements) else arrangements
        gates, patterns = merge_patterns(X, np.hstack([known, _check_gates(given, X.shape[1], fit_intercept)]))
    if not len(patterns):
        raise ValueError("arrangements: no gate activates any sample; give gates g with X @ g >= 0 for some sample.")
    return gates, patterns


def _check_gates(gates: Any, d: int, fit_intercept: bool) -> Array:
    try:
        checked = np.asarray(gates, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"arrangements must be the name of a sampler or a matrix of gate vectors, got {gates!r}."
        ) from error
    if checked.ndim != 2 or checked.shape[0] != d or not checked.shape[1]:
        rows = (
            f"n_features + 1 = {d} (the last one multiplies the hidden bias)" if fit_intercept else f"n_features = {d}"
        )
        raise ValueError(
            f"arrangements must hold one gate vector a column, shape ({rows}, n_gates); got shape {checked.shape}."
        )
    if not np.isfinite(checked).all():
        raise ValueError("arrangements contains NaN or infinity; gate vectors must be finite.")
    return checked
