"""The search for the global optimum: descent, pruning, polish, pricing, repeated until no arrangement prices above beta.

Each round trains a network by L-BFGS (descent), sets the scales of its units by a nonnegative Lasso (pruning), solves the convex program
over their patterns (polish) and searches for units that violate dual feasibility over all arrangements (pricing); those enter the next
round. The best point is kept, so objectives never increase, and a fault anywhere ends in the best point so far.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skconvrelu.duality import lower_bound
from skconvrelu.policy import Policy
from skconvrelu.program import ConvexProgram
from skconvrelu.rounding import TINY
from skconvrelu.search.beta_path import approach
from skconvrelu.search.bounds import SOUGHT, violation_level
from skconvrelu.search.dual_points import DualPoints
from skconvrelu.search.evidence import Evidence, Refined, evidence_of_round, final_evidence, without_evidence
from skconvrelu.search.last_program import everything_met, solve_growing
from skconvrelu.search.new_units import first_units, newcomers, strongest
from skconvrelu.search.nonnegative_lasso import rescale
from skconvrelu.search.pricing import Found, unit_prices
from skconvrelu.search.subsample import descend_as_far_as_it_pays, first_rounds
from skconvrelu.search.unit_blocks import own_program
from skconvrelu.search.units import Units, no_units, units_of
from skconvrelu.solution import Candidate, Solution, evaluate
from skconvrelu.solvers import SolverError
from skconvrelu.stopping import check, grace, may_end_early, reason

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Polish = Callable[[ConvexProgram, float, Solution, int | None], tuple[Solution, str]]
Observe = Callable[[Units], bool]

logger = logging.getLogger(__name__)


def refine(
    program: ConvexProgram,
    gates: Array,
    polish: Polish,
    *,
    start: Units | None = None,
    tol: float,
    max_rounds: int,
    rng: np.random.RandomState,
    policy: Policy,
    n_jobs: int | None = None,
    observe: Observe | None = None,
    share: int = 1,
) -> Refined:
    """Search from the sampled arrangements of ``program`` for the optimum over all of them.

    Parameters
    ----------
    program : ConvexProgram
        One block for each sampled pattern, output and sign; constrained (ReLU).
    gates : ndarray of shape (P, d)
        Gates of its patterns.
    polish : callable
        ``polish(program, tol, start, most) -> (Solution, str)`` solves a program over given blocks, in at most so many iterations (None:
        as many as the user allows); the text, if any, is a note for the user.
    start : Units, default=None
        Known good units, such as those of an earlier fit.
    tol : float
        Relative searched gap to reach.
    max_rounds : int
    rng : RandomState
    policy : Policy
        What it may spend.
    n_jobs : int, default=None
        Threads for pricing; the result does not depend on it.
    observe : callable, default=None
        Shown the best units after each round; its True ends the search.
    share : int, default=1
        Searches of a fit that share the rounds whose convex programs may end unsolved.
    """
    units, fresh = first_units(program, gates), start is None or not len(start)
    if start is not None:
        units = start + units
    if policy.sees_parts(program):
        units = first_rounds(program.smoothed(policy.rounded), units, tol, rng, n_jobs, policy=policy, fresh=fresh)
    elif fresh and not policy.is_walked(program):
        units = approach(program, gates, rng, policy, n_jobs) or units
    search = _Search(program, gates, polish, tol, rng, policy, n_jobs, observe, share)
    if start is not None:
        search.keep(start)
    return search.run(units, max_rounds)


class _Search:
    """The rounds on all rows; one instance, one run."""

    def __init__(
        self,
        program: ConvexProgram,
        gates: Array,
        polish: Polish,
        tol: float,
        rng: np.random.RandomState,
        policy: Policy,
        n_jobs: int | None,
        observe: Observe | None,
        share: int,
    ) -> None:
        self.program, self.gates, self.polish, self.policy = program, gates, polish, policy
        self.smooth = program.smoothed(policy.rounded)  # for the steps that need gradients
        self.tol, self.rng, self.n_jobs, self.observe = tol, rng, n_jobs, observe
        self.best = no_units(program)
        self.value = self.best.objective(program)
        self.scale = program.loss_value(np.zeros_like(program.Y))
        self.accuracy = policy.loosest
        self.objectives: list[float] = []
        self.notes: list[str] = []
        self.gap, self.largest = np.inf, 0.0  # as searched: of the best dual point; of the last one
        self.points = DualPoints(program, policy, tol, rng, n_jobs)
        self.gained = np.inf  # by the last round, relative
        self.spent = 0.0  # seconds in all convex programs, as predicted
        self.unsolved = policy.unsolved_rounds(share)  # rounds left whose program may end unsolved
        self.met = True  # whether the last convex program reached the accuracy asked for
        self.entering = no_units(program)  # units that the last pricing met above beta
        self.result: Refined | None = None

    def run(self, units: Units, max_rounds: int) -> Refined:
        """Rounds until the searched gap is below tol, nothing moves any more, ``max_rounds`` are done, or work is to stop."""
        result, policy = None, self.policy
        with may_end_early():
            result = self._rounds(units, max_rounds)
        why = reason()
        if result is None or (why is not None and not result.converged):
            with grace():
                if not self.objectives:  # no round was finished
                    self.keep(rescale(self.smooth, units, max_iter=policy.pruning_steps))
                result = self._as_left()
            result.stopped = why
        return result

    def _rounds(self, units: Units, max_rounds: int) -> Refined:
        policy = self.policy
        stalled, value, least = 0, self.value, np.inf  # objective and gap when the search last moved
        begin = now = time.monotonic()  # for the log only
        for number in range(max_rounds):
            before = self.value
            try:
                polished, early = self._worth_polishing(units), self.accuracy >= policy.late
                if early:
                    units = descend_as_far_as_it_pays(self.smooth, units, policy, self.n_jobs)
                # rounded kinks would again and again drop units that the loss itself needs
                if early or self.program.loss.smooth or not polished:
                    units = rescale(self.smooth, units, max_iter=50 if polished else policy.pruning_steps)
                self.keep(units)
                check()
                polished = polished and policy.is_solved(self.program, len(units))
                units, dual = self._polish_units(units) if polished else self._as_they_are(units)
            except (np.linalg.LinAlgError, SolverError) as error:
                self.notes.append(f"Round {number + 1} of the search stopped early ({error}).")
                break
            violators = self._price(units, dual)
            gap = self.gap
            # never looser again: the noise of a loose dual point looks like violations
            self.accuracy = max(min(self.accuracy, 0.1 * gap), min(self.accuracy, 0.3 * self.tol))
            self.objectives.append(self.value)
            before_round, now = now, time.monotonic()
            expected = (
                f"{len(violators)} violators enter, about {now - before_round:.1f} s" if gap > self.tol else "the end"
            )
            logger.info(
                "round %d: objective %.8g, %d units, searched gap %.1e, largest price %.5g beta; %.1f s so far, next: %s",
                number + 1, self.value * self.program.unit, len(units), gap, self.largest / self.program.beta, now - begin, expected,
            )  # fmt: skip
            if self.observe is not None and self.observe(self.best):
                break
            self.gained = (before - self.value) / max(self.value, TINY)
            # near the optimum the objective improves by the square of the gap only
            if (
                value - self.value >= policy.stalled * max(self.tol, 0.1 * min(gap, 1.0)) * self.value
                or gap < 0.9 * least
            ):
                stalled, value, least = 0, self.value, gap
            else:
                # a round whose program was solved coarsely may have missed what there was to gain, unless it can be solved no better
                stalled += not polished or self.accuracy <= policy.finest or not self.met
                if polished:
                    self.accuracy = max(0.1 * self.accuracy, policy.finest)
            if gap > self.tol and (self.spent > policy.program_seconds or self.unsolved <= 0):
                self.notes.append(self._given_up(number + 1))
                break
            if gap <= self.tol or stalled >= policy.in_vain:
                result = self._close()
                if result.converged or result.in_vain or stalled >= policy.in_vain:
                    return result
                units = units_of(result.program, result.solution)
            entering = self.entering + violators
            self.entering = no_units(self.program)
            most = max(policy.new_units, len(units))
            entering = entering[: min(most, policy.most_units(self.program) // 2)]
            units = strongest(self.program, units, policy.most_units(self.program) - len(entering))
            units = units + newcomers(self.program, entering, units)
        return self._close()

    def _given_up(self, rounds: int) -> str:
        why = "are hard to solve for such features and penalties. Scale the features, or increase beta or tol."
        if self.spent > self.policy.program_seconds:
            why = f"of so many samples and units took about {self.spent:.2g} seconds. Increase beta or tol, or set refine to fewer rounds."
        return f"The search ended after {rounds} rounds: the convex programs {why}"

    def _price(self, units: Units, dual: Array) -> Units:
        """Violators at the dual point, largest first; and half way to it from the best one so far, where it may swing.

        Points of networks that no convex program follows do not swing.
        """
        policy, points, centre = self.policy, self.points, self.points.centre
        found, quick = self._priced(units, dual)
        self.largest, violators, others = found.largest, found.violators, no_units(self.program)
        solved = policy.is_solved(self.program, len(units))
        if solved and self.gap > self.tol and centre is not None and self._worth_polishing(units):
            others = points.price(units, 0.5 * (centre.dual + dual), quick).violators
        bounded = solved or policy.is_projected(self.program, len(units) + len(self.gates))
        self.gap = self._relative(points.bound)
        if bounded and self.gap <= self.tol and policy.has_long_steps(self.program, units.coef.size):
            others = others + points.doubt(lambda bound: self._relative(bound) <= self.tol)
            self.gap = self._relative(points.bound)
        if len(others):
            worthwhile = unit_prices(self.program, dual, others) > violation_level(self.program, self.tol)
            violators = violators + others[worthwhile]
        return violators

    def _priced(self, units: Units, dual: Array) -> tuple[Found, bool]:
        """What a search finds at a dual point, and whether quickly: by ascents while the gap is far above tol before and after."""
        points, centre, far = self.points, self.points.centre, self.policy.far * self.tol
        quick = self.gap > far
        found = points.price(units, dual, quick)
        self.gap = self._relative(points.bound)
        if quick and self.gap <= far:
            quick, points.centre = False, centre
            found = points.price(units, dual, quick)
            self.gap = self._relative(points.bound)
        return found, quick

    def keep(self, units: Units) -> None:
        """Remember units that are better than the best so far."""
        value = units.objective(self.program)
        if value < self.value:
            self.best, self.value = units, value

    def _relative(self, bound: float) -> float:
        """Relative gap of the best value to a lower bound; rounding counts as none."""
        return max(0.0, self.value - bound - 1e-14 * self.scale) / max(self.value, TINY)

    def _polish_units(self, units: Units) -> tuple[Units, Array]:
        """The convex program over the patterns of the units themselves: better units, and the dual point of its solution.

        The dual point is the solver's own. One taken at the units that are left when small ones are dropped would be off by
        the root of what dropping costs, and noise of that size looks like violations. A solver that stopped far from the optimum has none:
        scaled until it is feasible its point prices nothing.
        """
        units = units.merged(self.program.X)
        if not len(units):
            return self._as_they_are(units)
        program = own_program(self.program, units)
        start = Solution.unverified(program, np.arange(len(units)), units.coef)
        solution = self._solve(program, self.accuracy, start, self.policy.round_iterations)
        self.spent += solution.n_iter * self.policy.newton_step(program, solution.coef.size)
        self.met = solution.is_optimal(self.accuracy)
        self.unsolved -= not self.met
        polished = Units(solution.coef, units.directions[solution.blocks])
        self.keep(polished)
        solved = self.met or solution.is_optimal(self.policy.loosest)
        return (polished, solution.dual) if solved else self._as_they_are(polished)

    def _worth_polishing(self, units: Units) -> bool:
        """Expensive convex programs wait while descent gains as much without their digits."""
        policy = self.policy
        digits = self.gap <= policy.rough or self.gained < policy.slow
        return digits or not policy.is_expensive(self.program, units.coef.size)

    def _as_they_are(self, units: Units) -> tuple[Units, Array]:
        """Units without a convex program, and the dual point at their outputs."""
        at_units = self.program.dual_point(units.outputs(self.program.X))
        return units, at_units if len(units) else self.program.zero_dual()

    def _solve(self, program: ConvexProgram, accuracy: float, start: Solution, most: int | None = None) -> Solution:
        solution, note = self.polish(program, accuracy, start, most)
        if note and note not in self.notes:
            self.notes.append(note)
        return solution

    def _solve_closely(self, program: ConvexProgram, start: Solution) -> Solution:
        """As the last convex program is: well below what is asked for."""
        return self._solve(program, min(self.accuracy, 0.3 * self.tol), start)

    def _close(self) -> Refined:
        """Solve over sampled and found arrangements together, and price until the recall is high or the budget ends."""
        program, gates, solution, dual = self._solve_everything()
        units = units_of(program, solution)
        level = self._rough_level(program.n_blocks) if solution.solver == "descent" else program.beta
        found = self._final_evidence(program, solution, units, dual, level)
        self.entering = found.entering
        centre = self.points.centre
        if not found.converged and centre is not None and centre.bound > found.bound:
            steady = centre.dual
            point = Candidate(solution.blocks, solution.coef, steady, solution.n_iter, converged=True)
            centred = evaluate(program, point, solver=solution.solver, rtol=SOUGHT * self.tol, level=level)
            # with a wider gap it dropped more units than the solution did
            centred = centred.or_better(program, solution.blocks, solution.coef)
            again = self._final_evidence(program, centred, units, steady, level)
            self.points.lower_centre(again.bound)
            self.entering = self.entering + again.entering
            if again.bound > found.bound:
                found, solution, dual = again, centred, steady
        logger.info(
            "objective %.8g, gap over %d arrangements %.1e, searched %.1e, recall %.2f of %d units by %d starts",
            solution.objective * program.unit, len(gates), solution.gap / max(solution.objective, TINY),
            (solution.objective - found.bound) / max(solution.objective, TINY), found.recall, len(units), found.n_starts,
        )  # fmt: skip
        if self.result is None or solution.objective <= self.result.solution.objective:
            self.result = _refined(program, gates, solution, dual, found)
        self.result.objectives, self.result.notes = list(self.objectives), list(self.notes)
        return self.result

    def _as_left(self) -> Refined:
        """The best network so far, with what pricings established at the best dual point: work is to stop."""
        known, program = self.result, self.program
        if known is None or known.solution.objective > self.value * (1.0 + 1e-12):
            everything, gates, solution, dual = self._solve_everything(left=True)
            centre = self.points.centre
            if centre is None:
                found = without_evidence(program, dual)
            else:
                level = self._rough_level(program.n_blocks)
                sampled = program.top_price(dual, np.arange(program.n_blocks), level=level, rtol=SOUGHT * self.tol)[1]
                found = evidence_of_round(program, dual, centre.found, max(sampled, centre.found.largest))
            known = _refined(everything, gates, solution, dual, found)
        known.objectives, known.notes = list(self.objectives), list(self.notes)
        return known

    def _rough_level(self, n_blocks: int) -> float:
        """Price below which blocks are not told apart where descent has the last word; where projections are too expensive, none is."""
        return max(self.program.beta, self.largest) if self.policy.is_projected(self.program, n_blocks) else np.inf

    def _final_evidence(
        self, program: ConvexProgram, solution: Solution, units: Units, dual: Array, level: float
    ) -> Evidence:
        largest = program.top_price(dual, np.arange(program.n_blocks), level=level, rtol=SOUGHT * self.tol)[1]
        seen = self.points.at(dual)
        if solution.solver == "descent" and seen is not None and self.gap > self.tol:
            # the network has not moved since the last round, and another pricing would not close its gap
            return evidence_of_round(program, dual, seen.found, max(largest, seen.found.largest))
        return final_evidence(
            program, solution, units, dual, self.rng, largest=largest, tol=self.tol, policy=self.policy, n_jobs=self.n_jobs
        )  # fmt: skip

    def _solve_everything(self, *, left: bool = False) -> tuple[ConvexProgram, Array, Solution, Array]:
        """The convex program over all patterns that count; gates of its patterns; its solution; and its dual point, unscaled.

        Where it is ``left`` the solution is the best network so far, and the dual point that of the best bound.
        """
        program, best = self.program, self.best.merged(self.program.X)
        everything, gates, blocks = everything_met(program, self.gates, best)
        solution, dual = None, program.dual_point(best.outputs(program.X))
        points = self.points
        if points.last is not None and points.last.units is self.best:
            dual = points.last.dual
        if left and points.centre is not None:
            dual = points.centre.dual
        last = not self.policy.has_many_rows(program) or self._worth_polishing(best)  # however expensive: once
        if self.policy.is_solved(self.program, len(blocks)) and last and not left:
            try:
                start = Solution.unverified(everything, blocks, best.coef)
                solution, dual = solve_growing(everything, start, self._solve_closely, self.tol, self.policy.new_units)
            except (np.linalg.LinAlgError, SolverError) as error:
                self.notes.append(f"The last convex program could not be solved ({error}).")
        if solution is None:
            as_found = Candidate(blocks, best.coef, dual, 0, False)
            level = self._rough_level(everything.n_blocks)
            solution = evaluate(everything, as_found, solver="descent", rtol=SOUGHT * self.tol, level=level)
        # solved to a tolerance, or thinned out: the best point so far may be the better one
        solution = solution.or_better(everything, blocks, best.coef)
        if program.shared:  # a bound for all directions, not for those at hand only
            bound = lower_bound(program, dual, everything.spectral_price(dual))
            solution = replace(solution, dual=bound.dual, dual_objective=bound.value)
        return everything, gates, solution, dual


def _refined(program: ConvexProgram, gates: Array, solution: Solution, dual: Array, found: Evidence) -> Refined:
    return Refined(
        program=program, gates=gates, solution=solution, largest=found.largest, dual=dual, n_starts=found.n_starts,
        recall=found.recall, unseen=found.unseen, converged=found.converged, in_vain=found.in_vain,
        bound=min(found.bound, solution.objective), proven_bound=found.proven_bound,
    )  # fmt: skip
