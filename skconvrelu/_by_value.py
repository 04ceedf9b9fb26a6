"""Equality by value, and a hash that goes with it, for frozen dataclasses that hold arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np


class ByValue:
    """Objects of one class are equal if all their fields are, arrays entry by entry, nan like nan.

    For dataclasses with ``eq=False``: their own ``==`` asks arrays for one truth value. The hash is made of numbers and of the shapes of
    arrays, so that it stays what it is where somebody writes into an array.
    """

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        names = [field.name for field in fields(self) if field.compare]  # type: ignore[arg-type]
        return all(same_values(getattr(self, name), getattr(other, name)) for name in names)

    def __hash__(self) -> int:
        values = [getattr(self, field.name) for field in fields(self) if field.compare]  # type: ignore[arg-type]
        return hash_of_values([type(self), *values])


def same_values(a: Any, b: Any) -> bool:
    """Whether two fields are equal, arrays and lists entry by entry."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        numbers = a.dtype.kind in "fc" and b.dtype.kind in "fc"
        return np.array_equal(a, b, equal_nan=numbers)
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return False
    if isinstance(a, (list, tuple)) and type(a) is type(b):
        return len(a) == len(b) and all(same_values(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b) or (a != a and b != b)


def hash_of_values(values: Iterable[Any]) -> int:
    """A hash that equal values share."""
    return hash(tuple(_mark(value) for value in values))


def _mark(value: Any) -> Any:
    """What equal values have in common and writing into them leaves as it is."""
    if isinstance(value, np.ndarray):
        return value.shape
    if isinstance(value, (list, tuple)):
        return len(value)
    return None if value != value else value  # nan has no hash of its own
