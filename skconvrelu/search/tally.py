"""How often independent starts met each maximiser of the price: what a search is worth, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: cosine, where values on the samples are uncorrelated, from which two unit vectors count as the same maximiser
SAME = 0.99


@dataclass(frozen=True, eq=False)
class Tally:
    """Maximisers that independent starts ended in, near the largest price and above, and how many ended in each.

    Attributes
    ----------
    places : ndarray of shape (k, d)
        Unit vectors in whitened coordinates.
    sides : ndarray of shape (k, K)
        Output directions.
    prices : ndarray of shape (k,)
    counts : ndarray of shape (k,)
    n_starts : int
        All starts, wherever they ended.
    """

    places: Array
    sides: Array
    prices: Array
    counts: NDArray[np.intp]
    n_starts: int

    @classmethod
    def empty(cls, d: int, K: int) -> Tally:
        """Before the first start."""
        return cls(np.zeros((0, d)), np.zeros((0, K)), np.zeros(0), np.zeros(0, dtype=np.intp), 0)

    def __add__(self, other: Tally) -> Tally:
        """The two together; places that are the same are counted together, at the better price."""
        places, sides = np.vstack([self.places, other.places]), np.vstack([self.sides, other.sides])
        first = first_alike(places, sides)
        kept = np.flatnonzero(first == np.arange(len(first)))
        owner = np.searchsorted(kept, first)
        prices = np.full(len(kept), -np.inf)
        np.maximum.at(prices, owner, np.concatenate([self.prices, other.prices]))
        counts = np.zeros(len(kept), dtype=np.intp)
        np.add.at(counts, owner, np.concatenate([self.counts, other.counts]))
        return Tally(places[kept], sides[kept], prices, counts, self.n_starts + other.n_starts)

    @property
    def unseen(self) -> float:
        """The chance that one more start ends in a maximiser that none has met so far (Good 1953, after Turing).

        The share of the starts that ended in a maximiser met by no other.
        """
        return float((self.counts == 1).sum() / self.n_starts) if self.n_starts else 1.0

    @property
    def met_again(self) -> bool:
        """Whether more than one start ended in the best maximiser; where no price is positive all agree."""
        if not len(self.counts):
            return False
        return bool(self.counts[self.prices.argmax()] > 1 or (self.prices <= 0.0).all())


def first_alike(places: Array, sides: Array, same: float = SAME) -> NDArray[np.intp]:
    """For each of m units the first one before it that stands for itself and is alike (cosines above ``same``), else itself."""
    alike = (places @ places.T > same) & (sides @ sides.T > same)
    first, stands = np.arange(len(places)), np.zeros(len(places), dtype=bool)
    for i in range(len(places)):
        before = alike[i] & stands
        if before.any():
            first[i] = before.argmax()
        else:
            stands[i] = True
    return first
