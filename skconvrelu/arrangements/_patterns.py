"""Patterns that gates cut into the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skconvrelu.rounding import powers_of_two

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def patterns_of(X: Any, gates: Array) -> Mask:
    """Patterns ``1[X g >= 0]`` as rows, bool (P, n); X X or sparse (n, d), gates (d, P)."""
    try:
        values = np.asarray(X @ _of_moderate_size(gates))
        if values.ndim != 2:
            raise ValueError(f"their product has shape {values.shape}.")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"X (n, d) and gates (d, P) must be matrices of numbers that can be multiplied: {error}"
        ) from error
    return np.ascontiguousarray((values >= 0.0).T)


def _of_moderate_size(gates: Array) -> Array:
    """The same patterns from gates whose largest entries are about one: products of tiny ones are no numbers any more, but zeros."""
    gates = np.asarray(gates)
    if gates.dtype.kind != "f" or gates.ndim != 2:
        return gates
    return np.asarray(gates / powers_of_two(np.abs(gates).max(axis=0, initial=0.0)))


def merge_patterns(X: Any, gates: Array) -> tuple[Array, Mask]:
    """Drop gates whose pattern is all off or was seen before; returns the gates (d, P') and patterns (P', n) kept, in order."""
    patterns = patterns_of(X, gates)
    packed = np.packbits(patterns, axis=1)
    _, first = np.unique(packed, axis=0, return_index=True)
    keep = np.sort(first)
    keep = keep[patterns[keep].any(axis=1)]
    return np.ascontiguousarray(gates[:, keep]), np.ascontiguousarray(patterns[keep])


def merge_sampled(X: Any, gates: Array, known: Array) -> tuple[Array, Mask]:
    """:func:`merge_patterns` of gates ``known`` and such that were drawn, which are turned round if all of them are off everywhere.

    A gate that is off everywhere is on everywhere once turned round, and drawing it that way was as likely.
    """
    kept, patterns = merge_patterns(X, np.hstack([known, gates]))
    return (kept, patterns) if len(patterns) else merge_patterns(X, np.hstack([known, -gates]))
