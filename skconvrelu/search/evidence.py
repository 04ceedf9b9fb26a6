"""The end of a search: what it found, and the last pricing, which says what the gap is worth."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from skconvrelu.certificate import EVIDENCE, WELL_SEARCHED
from skconvrelu.policy import Policy
from skconvrelu.program import ConvexProgram
from skconvrelu.rounding import gamma
from skconvrelu.search.bounds import searched_bound, sought_bound, tolerable_price, violation_level
from skconvrelu.search.pricing import Found, search_seconds, search_violators, starts_per_side
from skconvrelu.search.proof import prove
from skconvrelu.search.tally import Tally
from skconvrelu.search.units import Units, no_units
from skconvrelu.solution import Solution
from skconvrelu.stopping import Stopped, may_end_early

Array = NDArray[np.float64]


@dataclass(eq=False)
class Refined:
    """Where the search ended.

    Attributes
    ----------
    program : ConvexProgram
        Over the sampled patterns and those of the units found.
    gates : ndarray of shape (P, d)
        A gate for each of its patterns, the sampled ones first.
    solution : Solution
        Verified over ``program``.
    objectives : list of float
        Best objective after each round, never increasing.
    largest : float
        Largest price met at the solution's outputs, in any search from there.
    dual : ndarray of shape (n, K)
        The unscaled dual point that was priced.
    n_starts : int
        Independent starts at that dual point.
    recall : float
        Share of the units priced near beta that they ended in; without any, 1.0 if more than one ended in the best maximiser met, else 0.0.
    unseen : float
        Chance that one more start ends in a maximiser that none has met.
    converged : bool
        The searched gap is at most tol times the objective, and the search found again enough of what it knows for that to be evidence.
    in_vain : bool
        The searched gap is, but what was searched is no evidence, and more starts do not help.
    bound : float
        Lower bound of the objective if no arrangement prices above ``largest``.
    proven_bound : float or None
        Proven lower bound, where exact pricing is affordable.
    notes : list of str
        What went wrong on the way, for warnings.
    stopped : {"max_time", "interrupt"} or None
        What ended the search before it was done.
    """

    program: ConvexProgram
    gates: Array
    solution: Solution
    objectives: list[float] = field(default_factory=list)
    largest: float = 0.0
    dual: Array = field(default_factory=lambda: np.zeros((0, 0)))
    n_starts: int = 0
    recall: float = 1.0
    unseen: float = 1.0
    converged: bool = False
    in_vain: bool = False
    bound: float = -np.inf
    proven_bound: float | None = None
    notes: list[str] = field(default_factory=list)
    stopped: str | None = None


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the last pricing established at one dual point.

    Attributes
    ----------
    largest : float
        Largest price met.
    n_starts : int
        Independent starts.
    recall : float
        Share of the units that they ended in; without units, 1.0 if more than one ended in the best maximiser met, else 0.0.
    unseen : float
        Chance that one more start ends in a maximiser that none has met.
    bound : float
        Lower bound of the objective if no arrangement prices above ``largest``.
    converged : bool
        The gap to it is at most tol times the objective, and that is evidence.
    in_vain : bool
        It would be if the search had found again enough of what it knows, and more starts do not help.
    proven_bound : float or None
        Proven lower bound, where exact pricing is affordable.
    entering : Units
        Units above beta that exact pricing or the starts met.
    """

    largest: float
    n_starts: int
    recall: float
    unseen: float
    bound: float
    converged: bool
    in_vain: bool
    proven_bound: float | None
    entering: Units


def evidence_of_round(program: ConvexProgram, dual: Array, found: Found, largest: float) -> Evidence:
    """What the pricing of a round established, where a gap is left and no further one is taken."""
    bound = searched_bound(program, dual, largest)
    recall, unseen = recall_of(found.rediscovered[found.known], found.tally), found.tally.unseen
    return Evidence(largest, found.n_starts, recall, unseen, bound, False, False, None, found.violators)


def without_evidence(program: ConvexProgram, dual: Array) -> Evidence:
    """What is known without any start: no unit prices above the sum of what samples can pull at most."""
    most = float(program.lengths @ np.linalg.norm(dual, axis=1)) * (1.0 + gamma(sum(dual.shape) + 10))
    return Evidence(most, 0, 0.0, 1.0, searched_bound(program, dual, most), False, False, None, no_units(program))


def recall_of(rediscovered: NDArray[np.bool_], tally: Tally) -> float:
    """Share of the known maximisers that independent starts ended in; without any, whether more than one ended in the best one."""
    return float(rediscovered.mean()) if len(rediscovered) else float(tally.met_again)


def final_evidence(
    program: ConvexProgram,
    solution: Solution,
    units: Units,
    dual: Array,
    rng: np.random.RandomState,
    *,
    largest: float,
    tol: float,
    policy: Policy,
    n_jobs: int | None = None,
) -> Evidence:
    """Prove that no arrangement prices above beta, where that is affordable, and start anew until enough units are met again.

    Where work is to stop it ends with the starts there were.

    Parameters
    ----------
    program : ConvexProgram
    solution : Solution
        Its objective is what bounds are held against.
    units : Units
        Its units.
    dual : ndarray of shape (n, K)
        Dual point to price, unscaled.
    rng : RandomState
    largest : float
        Largest price known there.
    tol : float
        Relative gap; a pricing that cannot meet it any more ends.
    policy : Policy
        How long it may take.
    n_jobs : int, default=None
        Threads for pricing; the result does not depend on it.

    Raises
    ------
    Stopped
        If work is to stop before any start.
    """
    proven, entering = None, no_units(program)
    if policy.is_provable(program):
        level = tolerable_price(program, dual, solution.objective * (1.0 - tol))
        proven = prove(program, dual, units, level=level, max_nodes=policy.proof_cones)
        entering, largest = proven.violators, max(largest, proven.lower)
    proven_bound = None if proven is None else searched_bound(program, dual, proven.upper)
    # a proof needs no starts; it stops at about tol
    proof = proven_bound is not None and proven_bound >= solution.objective * (1.0 - 2.0 * tol)
    one = search_seconds(program, policy, 1)
    least = policy.least_seconds / np.sqrt(tol) / one
    in_vain, rediscovered = 0, np.zeros(len(units), dtype=bool)
    tally = Tally.empty(program.X.shape[1], program.Y.shape[1])
    while True:
        found = None
        with may_end_early():
            found = search_violators(
                program, dual, units, rng,
                n_starts=starts_per_side(program, policy), level=violation_level(program, tol), neighbours=not tally.n_starts,
                policy=policy, from_gates=in_vain % 2 == 1, walks=not proof, n_jobs=n_jobs,
            )  # fmt: skip
        if found is None:
            if not tally.n_starts:
                raise Stopped
            break
        entering = entering + found.violators
        tally = tally + found.tally
        largest = max(largest, found.largest)
        in_vain = 0 if (found.rediscovered & ~rediscovered).any() else in_vain + 1
        rediscovered |= found.rediscovered
        bound = searched_bound(program, dual, largest)
        close = solution.objective - bound <= tol * solution.objective + 1e-14 * solution.scale
        recall = recall_of(rediscovered[found.known], tally)
        wanted = WELL_SEARCHED if tally.n_starts * one < policy.pricing_seconds else EVIDENCE
        # recall grows no faster than the starts, but where there is none yet those of another kind may find what none has
        hopeless = 0.0 < recall * policy.last_starts < EVIDENCE * tally.n_starts
        enough = (
            proven is not None
            or hopeless
            or tally.n_starts >= policy.last_starts
            or (tally.n_starts >= least and (recall >= wanted or in_vain >= policy.in_vain))
        )
        if not close or enough:
            break
    evidence = proof or recall >= EVIDENCE
    bound = sought_bound(program, bound, largest, solution.objective, tol)
    if close and not evidence:  # a search that misses what is known cannot say so much
        bound = min(bound, solution.objective * (1.0 - tol))
    elif proven_bound is not None:
        bound = max(bound, proven_bound)
    return Evidence(
        largest=largest,
        n_starts=tally.n_starts,
        recall=recall,
        unseen=tally.unseen,
        bound=bound,
        converged=close and evidence,
        in_vain=close and not evidence,
        proven_bound=proven_bound,
        entering=entering,
    )
