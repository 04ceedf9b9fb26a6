"""How many patterns there are: Cover's bound and the exact number in general position."""

from __future__ import annotations

from math import comb, e, inf
from typing import Any, NamedTuple

from skconvrelu._checks import check_count, check_matrix
from skconvrelu.arrangements._normals import Normals


class ArrangementBound(NamedTuple):
    """Number of arrangement patterns of data of a given rank.

    Attributes
    ----------
    cover : float
        ``2 r (e (n - 1) / r)^r``, the bound that the papers quote; at least ``exact`` wherever it holds, which is for n > r. Infinite
        beyond the largest float.
    exact : int
        ``2 sum_{k < r} C(n - 1, k)``: the full-dimensional patterns of n rows of rank r in general position, and the most there can be of
        these. Lower-dimensional ones, which the convex program does not need, are not counted.
    rank : int
    """

    cover: float
    exact: int
    rank: int


def n_patterns_general_position(n: int, rank: int) -> int:
    """Number of full-dimensional patterns of n points in general position, ``2 sum_{k < r} C(n - 1, k)`` (Cover 1965)."""
    n, rank = check_count(n, "n", 0, most=None), check_count(rank, "rank", 0, most=None)
    return 2 * sum(comb(n - 1, k) for k in range(min(rank, n))) if n else 1


def arrangement_bound(X: Any) -> ArrangementBound:
    """Bounds of the number of arrangement patterns ``diag(1[X u >= 0])`` (Cover 1965; Wang, Lacotte & Pilanci 2022, section 2).

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        What the gates multiply: with hidden biases its last column is constant one.

    Returns
    -------
    bound : ArrangementBound
        Its rank is that of X.

    Raises
    ------
    ValueError
        If X is not a finite matrix.

    See Also
    --------
    enumerate_arrangements : The patterns themselves.

    Examples
    --------
    >>> from skconvrelu.arrangements import arrangement_bound
    >>> arrangement_bound([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]).exact
    6
    """
    X = check_matrix(X)
    n, rank = len(X), Normals.of(X)[0].rank if X.any() else 0
    if rank == 0:
        return ArrangementBound(1.0, 1, 0)
    try:
        cover = 2.0 * rank * (e * (n - 1) / rank) ** rank
    except OverflowError:
        cover = inf
    return ArrangementBound(cover, n_patterns_general_position(n, rank), rank)
