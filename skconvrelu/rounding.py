"""Bounds of rounding errors: what a bound gives up before it is published (Higham 2002, "Accuracy and Stability of Numerical Algorithms").

A sum of products of k terms, in whatever order it is added up, is off by at most ``gamma(k)`` times the sum of the terms' absolute values.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: half the distance from one to the next larger double: the largest relative error of one operation
UNIT = float(np.finfo(np.float64).eps) / 2.0
#: in place of zero below a fraction line: less than any size that counts
TINY = 1e-300
#: relative accuracy of prices where nothing coarser will do
FINE = 1e-9
#: factor between columns of which double precision cannot hold the squares of both
TOO_FAR_APART = 1e100
#: more than what squares lose by underflow, in a length of any number of entries that fit into memory; far below any penalty accepted
UNDERFLOW = 2.0**-500


def gamma(count: float) -> float:
    """Relative error of ``count`` operations in a row."""
    return count * UNIT / (1.0 - count * UNIT)


def row_lengths(X: Array) -> Array:
    """Upper bounds (n,) of the lengths of the rows; zero where they are zero."""
    lengths = np.sqrt(np.einsum("nd,nd->n", X, X))
    # squares of short ones are no numbers, or have few digits
    short = np.flatnonzero(lengths < UNDERFLOW / UNIT)
    sizes = lengths_of_any_size(X[short])
    lengths[short] = np.where(sizes > 0.0, np.nextafter(sizes, np.inf), 0.0)
    return np.asarray(lengths * (1.0 + gamma(X.shape[1] + 4)))


def exact_sum(terms: NDArray[np.float64] | NDArray[np.intp]) -> float:
    """The sum of all entries, rounded once."""
    return math.fsum(terms.ravel().tolist())


def power_of_two(size: float) -> int:
    """The exponent k with ``2**k <= size < 2**(k + 1)``; 0 for zero."""
    return int(np.frexp(size)[1]) - 1 if size > 0.0 else 0


def powers_of_two(sizes: Array) -> Array:
    """The powers of two next below each size, one in place of zero."""
    return np.where(sizes > 0.0, np.exp2(np.frexp(sizes)[1] - 1.0), 1.0)


def lengths_of_any_size(rows: Array) -> Array:
    """Lengths (n,) of rows whose squares may be no numbers any more; divide by :func:`positive` ones."""
    powers = powers_of_two(np.abs(rows).max(axis=1, initial=0.0))
    with np.errstate(over="ignore"):
        return np.asarray(np.linalg.norm(rows / powers[:, None], axis=1) * powers)


def positive(sizes: Array) -> Array:
    """Sizes to divide by: one in place of zero."""
    return np.where(sizes > 0.0, sizes, 1.0)


def without_vanishing(X: Array) -> Array:
    """X with zeros for columns too far below the largest: some of the samples may lack what made a column large."""
    sizes = np.abs(X).max(axis=0, initial=0.0)
    held = sizes * TOO_FAR_APART >= sizes.max(initial=0.0)
    return X if held.all() else np.where(held, X, 0.0)
