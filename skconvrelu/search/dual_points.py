"""The dual points that the rounds of a search price, with the bound that each gives; the best of them is the centre.

Solutions over few arrangements have dual points that swing from round to round. The point half way from the centre is steadier: its
bound is often the better one, and its violators, as far as they are violators of the dual point too, are arrangements that a swing
passes over (Wentges 1997, weighted Dantzig-Wolfe decomposition).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skconvrelu.certificate import EVIDENCE
from skconvrelu.policy import Policy
from skconvrelu.program import ConvexProgram
from skconvrelu.search.bounds import searched_bound
from skconvrelu.search.pricing import Found, price_round
from skconvrelu.search.units import Units, no_units

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Priced:
    """A dual point with the bound that the largest price met there gives, whose units it belongs to and what its pricing found."""

    dual: Array
    bound: float
    units: Units
    found: Found


class DualPoints:
    """Those of one search.

    Attributes
    ----------
    last : Priced or None
    centre : Priced or None
        The one with the best bound.
    walks : bool
        Whether few samples are searched by walks from pattern to pattern, too: climbs have missed what is known.
    """

    def __init__(
        self, program: ConvexProgram, policy: Policy, tol: float, rng: np.random.RandomState, n_jobs: int | None
    ) -> None:
        self.program, self.policy, self.tol, self.rng, self.n_jobs = program, policy, tol, rng, n_jobs
        self.last: Priced | None = None
        self.centre: Priced | None = None
        self.walks = False

    @property
    def bound(self) -> float:
        """The best one, as searched."""
        return -np.inf if self.centre is None else self.centre.bound

    def price(self, units: Units, dual: Array, quick: bool) -> Found:
        """Search for violators at a dual point, which becomes the centre if its bound is better; ``quick`` by ascents."""
        found = self._violators(units, dual, quick=quick)
        self.walks = self.walks or found.recall < EVIDENCE
        self.last = Priced(dual, searched_bound(self.program, dual, found.largest), units, found)
        if self.last.bound > self.bound:
            self.centre = self.last
        return found

    def _violators(self, units: Units, dual: Array, *, quick: bool = False) -> Found:
        return price_round(
            self.program, units, dual, self.rng, self.n_jobs, self.tol, self.policy, walks=self.walks, quick=quick
        )

    def doubt(self, is_closed: Callable[[float], bool]) -> Units:
        """What the last of further pricings at the centre finds, while its bound closes the gap: an expensive end rests on it."""
        met = no_units(self.program)
        for _ in range(self.policy.in_vain):
            if self.centre is None or not is_closed(self.bound):
                break
            centre = self.centre
            found = self._violators(centre.units, centre.dual)
            met = found.violators
            if found.largest > centre.found.largest:
                bound = min(centre.bound, searched_bound(self.program, centre.dual, found.largest))
                self._lower(centre, replace(centre, bound=bound, found=found))
        return met

    def lower_centre(self, bound: float) -> None:
        """What further starts at the centre leave of its bound."""
        if self.centre is not None:
            self.centre = replace(self.centre, bound=min(self.centre.bound, bound))

    def _lower(self, centre: Priced, doubted: Priced) -> None:
        if self.last is centre:
            self.last = doubted
        better = self.last is not None and self.last.bound > doubted.bound
        self.centre = self.last if better else doubted

    def at(self, dual: Array) -> Priced | None:
        """What is known of a dual point, if it is the last one or the centre."""
        return next((point for point in (self.last, self.centre) if point is not None and point.dual is dual), None)
