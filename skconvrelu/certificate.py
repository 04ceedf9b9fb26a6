"""What is known about the distance of a fit from the best network there is, and how it is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape

from skconvrelu.verification import Verification, verify

__all__ = ["EVIDENCE", "WELL_SEARCHED", "Certificate", "Verification", "verify"]

#: recall from which a search is evidence, and from which it is called a good one
EVIDENCE, WELL_SEARCHED = 0.5, 0.8
#: relative gap up to which a proof is worth to be named first, and beyond which nothing is called optimal
_PROOF, _OPEN = 0.01, 0.1


@dataclass(frozen=True)
class Certificate:
    """Training objective and lower bounds of it, each with what it proves.

    A dual point lambda, scaled until it is feasible, bounds the objective of every network from below. Feasibility over all
    arrangements is ``max_{||u|| <= 1} |lambda' (X u)_+| <= beta`` (Wang, Lacotte & Pilanci 2022); the three bounds differ in the
    arrangements for which that was established.

    Attributes
    ----------
    objective : float
        Weighted mean loss plus penalty of the fitted network, and what rounding may take off it.
    lower_bound_solved : float
        No network with hidden units in the arrangements that were solved (``arrangements_``) has a smaller objective: proof.
    lower_bound_searched : float or None
        No network at all has a smaller objective, if the search missed no better maximiser of the price than it found: evidence,
        worth as much as its recall. The gap to it is a tenth of ``tol`` at least where prices come near beta, for nothing finer is looked
        for, and not below ``tol`` where a fit's search is no evidence. None without a search.
    lower_bound_proven : float or None
        No network at all has a smaller objective: proof, by enumeration or branch and bound. None until proven.
    n_arrangements : int
        Arrangements solved over.
    n_units : int
        Hidden units of the network; those of an optimum are maximisers of the price.
    n_starts : int
        Independent starts of the search at the final dual point.
    largest_price : float or None
        Largest price that the search met, in units of beta: above 1 another arrangement would still lower the objective.
    recall : float or None
        Share of the hidden units (those that price near beta, as all of an optimum do) that the independent starts, which do not know
        them, ended in; without any, 1 if more than one ended in the best maximiser met, else 0. A search that does not find the
        maximisers that are known says little about those that are not.
    unseen : float or None
        Chance that one more independent start ends in a maximiser, with a price near beta or above, that none has met: the share of the
        starts that ended in one met by no other (Good 1953, "The population frequencies of species and the estimation of population
        parameters").
    n_rounds : int
        Rounds of the search.
    least_loss : float
        The least that the loss alone could be on these targets: zero but for Poisson. Relative gaps are relative to what the objective
        is above it.
    notes : tuple of str
        What the user should know about the data.
    stopped : {"max_time", "interrupt"} or None
        What ended the fit before it was done: the network is the best so far, and the bounds are those known by then.

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu import ConvexReLURegressor
    >>> X = np.linspace(-1, 1, 21)[:, None]
    >>> model = ConvexReLURegressor(beta=1e-3, random_state=0).fit(X, np.abs(X[:, 0]))
    >>> bool(model.certificate_.gap_searched <= 1e-2)
    True
    >>> model.certify(X, np.abs(X[:, 0]), method="exact").gap_proven <= 1e-3
    True
    """

    objective: float
    lower_bound_solved: float
    lower_bound_searched: float | None
    lower_bound_proven: float | None
    n_arrangements: int
    n_units: int
    n_starts: int = 0
    largest_price: float | None = None
    recall: float | None = None
    n_rounds: int = 0
    least_loss: float = 0.0
    unseen: float | None = None
    notes: tuple[str, ...] = ()
    stopped: str | None = None

    def mapped(self, objective: Callable[[float], float], bound: Callable[[float], float]) -> Certificate:
        """The same in other units; no bound is above the objective."""
        value = objective(self.objective)

        def moved(known: float | None) -> float | None:
            return None if known is None else min(bound(known), value)

        return replace(
            self,
            objective=value,
            lower_bound_solved=min(bound(self.lower_bound_solved), value),
            lower_bound_searched=moved(self.lower_bound_searched),
            lower_bound_proven=moved(self.lower_bound_proven),
            least_loss=objective(self.least_loss),
        )

    def _relative(self, bound: float | None) -> float | None:
        if bound is None:
            return None
        # the objective of a perfect fit without units is zero, and so is its bound
        size = self.objective - self.least_loss
        return max(0.0, self.objective - bound) / size if size > 0.0 else 0.0

    @property
    def gap_solved(self) -> float:
        """Relative gap over the arrangements solved: exact."""
        gap = self._relative(self.lower_bound_solved)
        assert gap is not None
        return gap

    @property
    def gap_searched(self) -> float | None:
        """Relative gap over all arrangements as searched; None without a search."""
        return self._relative(self.lower_bound_searched)

    @property
    def gap_proven(self) -> float | None:
        """Relative gap over all arrangements, proven; None until then."""
        return self._relative(self.lower_bound_proven)

    @property
    def is_evidence(self) -> bool:
        """Whether the searched bound is evidence: the search found again enough of the units it knows, or a proof says nearly as much."""
        if self.recall is not None and self.recall >= EVIDENCE:
            return True
        proven, searched = self.gap_proven, self.gap_searched
        if proven is None or searched is None:
            return False
        return proven <= _PROOF or proven <= min(2.0 * searched, _OPEN)

    @property
    def verdict(self) -> str:
        """What is known, in words."""
        proven, searched = self.gap_proven, self.gap_searched
        if proven is not None and proven <= _PROOF:
            return f"proven optimal to {_percent(proven)}"
        if searched is None:
            solved = self.gap_solved
            known = f"optimal to {_percent(solved)}" if solved <= _OPEN else f"a gap of {_percent(solved)} is left"
            return f"{known} over the arrangements given; others were not searched"
        if not self.is_evidence:
            return f"searched poorly: recall {self.recall:.0%}: the bound is not evidence"
        how = "well searched" if self.recall is not None and self.recall >= WELL_SEARCHED else "searched in part"
        if searched > _OPEN:
            return f"a gap of {_percent(searched)} is left, {how}"
        return f"optimal to {_percent(searched)} as {how}"

    def _summary(self) -> str:
        early = {None: "", "max_time": ", ended by max_time", "interrupt": ", interrupted by the user"}[self.stopped]
        return f"objective {self.objective:.8g} after {self.n_rounds} rounds{early}: {self.verdict}"

    def _rows(self) -> list[tuple[str, float | None, float | None, str]]:
        searched = "no search"
        if self.lower_bound_searched is not None and self.recall is not None and self.largest_price is not None:
            searched = (
                f"{self.n_starts} starts, largest price {self.largest_price:.6g} beta, "
                f"recall {self.recall:.0%}, {self.n_units} units"
            )
            if self.unseen is not None:
                searched += f", chance of a new maximiser {self.unseen:.2g} a start"
        proven = "not proven" if self.lower_bound_proven is None else "proof"
        return [
            (f"the {self.n_arrangements} solved", self.lower_bound_solved, self.gap_solved, "proof"),
            ("all, as searched", self.lower_bound_searched, self.gap_searched, searched),
            ("all, proven", self.lower_bound_proven, self.gap_proven, proven),
        ]

    def __repr__(self) -> str:
        lines = [f"Certificate: {self._summary()}"]
        for name, bound, gap, how in self._rows():
            shown = f"{bound:.8g}, relative gap {gap:.2g}" if bound is not None else "none"
            lines.append(f"  lower bound over {name}: {shown} ({how})")
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{'' if bound is None else f'{bound:.8g}'}</td>"
            f"<td>{'' if gap is None else f'{gap:.2g}'}</td><td>{escape(how)}</td></tr>"
            for name, bound, gap, how in self._rows()
        )
        return (
            f"<table><caption>Certificate: {escape(self._summary())}"
            f"{''.join(f'<br>{escape(note)}' for note in self.notes)}</caption>"
            "<thead><tr><th>arrangements</th><th>lower bound</th><th>relative gap</th><th>how</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )


def _percent(gap: float) -> str:
    return f"{100.0 * gap:.2g}%" if gap < 0.1 else f"{gap:.0%}"
