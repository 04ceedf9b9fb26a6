"""Patterns that gates cut into the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def patterns_of(X: Any, gates: Array) -> Mask:
    """Patterns ``1[X g >= 0]`` as rows, bool (P, n); X X or sparse (n, d), gates (d, P)."""
    return np.ascontiguousarray((np.asarray(X @ gates) >= 0.0).T)


def merge_patterns(X: Any, gates: Array) -> tuple[Array, Mask]:
    """Drop gates whose pattern is all off or was seen before; returns the gates (d, P') and patterns (P', n) kept, in order."""
    patterns = patterns_of(X, gates)
    packed = np.packbits(patterns, axis=1)
    _, first = np.unique(packed, axis=0, return_index=True)
    keep = np.sort(first)
    keep = keep[patterns[keep].any(axis=1)]
    return np.ascontiguousarray(gates[:, keep]), np.ascontiguousarray(patterns[keep])
