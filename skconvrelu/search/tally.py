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
        places, sides = [*self.places], [*self.sides]
        prices, counts = [*self.prices], [*self.counts]
        for place, side, price, count in zip(other.places, other.sides, other.prices, other.counts, strict=True):
            same = np.array([], dtype=np.intp)
            if places:
                same = np.flatnonzero((np.array(places) @ place > SAME) & (np.array(sides) @ side > SAME))
            if len(same):
                counts[same[0]] += count
                prices[same[0]] = max(prices[same[0]], price)
            else:
                places.append(place)
                sides.append(side)
                prices.append(price)
                counts.append(count)
        return Tally(
            np.array(places).reshape(-1, self.places.shape[1]),
            np.array(sides).reshape(-1, self.sides.shape[1]),
            np.array(prices),
            np.array(counts, dtype=np.intp),
            self.n_starts + other.n_starts,
        )

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
