"""From validated arrays to a verified solution: the path that fit, certify and certify_network share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from skconvrelu._warnings import warn
from skconvrelu.arrangements._enumeration import enumeration_error
from skconvrelu.certificate import Certificate
from skconvrelu.losses import HardMargin
from skconvrelu.problem import Problem
from skconvrelu.program import ConvexProgram
from skconvrelu.rounding import TINY, gamma, positive, row_lengths
from skconvrelu.search.bounds import searched_bound, sought_bound, violation_level
from skconvrelu.search.column_generation import Observe, Polish, Refined
from skconvrelu.search.evidence import recall_of
from skconvrelu.search.new_units import newcomers
from skconvrelu.search.per_output import refine_outputs
from skconvrelu.search.pricing import search_violators
from skconvrelu.search.proof import prove
from skconvrelu.search.tally import Tally
from skconvrelu.search.units import Units, no_units, units_of
from skconvrelu.solution import OUTSIDE, Solution
from skconvrelu.solvers import polish, solve_program
from skconvrelu.stopping import due, may_end_early, reason, seconds_left
from skconvrelu.training.hard_margin import NotSeparated, max_margin
from skconvrelu.training.trained import Options, Trained

Array = NDArray[np.float64]


def sampled_only(
    problem: Problem,
    program: ConvexProgram,
    gates: Array,
    options: Options,
    start: Solution | None,
    *,
    enumerated: bool,
) -> Trained:
    """Solve over the arrangements at hand; ``enumerated`` says that these are all there are."""
    if isinstance(program.loss, HardMargin):
        return max_margin(
            program,
            lambda hinge, _: _over_given(problem, hinge, gates, options, None, enumerated=enumerated),
            options.tol,
            None,
        )
    return _over_given(problem, program, gates, options, start, enumerated=enumerated)


def _over_given(
    problem: Problem,
    program: ConvexProgram,
    gates: Array,
    options: Options,
    start: Solution | None,
    *,
    enumerated: bool,
) -> Trained:
    error = enumeration_error(program.X) if enumerated and program.constrained else None
    if error is not None:
        program = replace(program, neglected=error if program.neglected is None else program.neglected + error)
    solution = solve_program(
        program, solver=options.solver, tol=options.tol, max_iter=options.max_iter,
        start=start, n_jobs=options.n_jobs,
    )  # fmt: skip
    solution = solution.in_cones(program)
    _check_cones(max(solution.cone_violation, _published_violation(problem, program, solution, gates)))
    certificate = Certificate(
        objective=solution.objective,
        lower_bound_solved=min(solution.dual_objective, solution.objective),
        lower_bound_searched=None,
        # all arrangements there are, but for those that rounding cannot tell apart
        lower_bound_proven=None if error is None else min(solution.dual_objective, solution.objective),
        n_arrangements=gates.shape[1],
        n_units=len(solution.blocks),
        stopped=None if solution.is_optimal(options.tol) else reason(),
    )
    return Trained(program, solution, gates, certificate, [solution.objective])


def searched(
    problem: Problem,
    program: ConvexProgram,
    gates: Array,
    options: Options,
    rng: np.random.RandomState,
    start: Units | None = None,
    observe: Observe | None = None,
) -> Trained:
    """Search over all arrangements, starting from those at hand and the units ``start`` (program coordinates)."""
    trained, found = _searched(problem, program, gates, options, rng, start, observe)
    _warn(found, options)
    return trained


def _searched(
    problem: Problem,
    program: ConvexProgram,
    gates: Array,
    options: Options,
    rng: np.random.RandomState,
    start: Units | None,
    observe: Observe | None = None,
) -> tuple[Trained, Refined]:
    def over_all(program: ConvexProgram, start: Units | None, observe: Observe | None) -> tuple[Trained, Refined]:
        found = refine_outputs(
            program, problem.gates_inward(gates.T), _polisher(options), start=start, tol=options.tol,
            max_rounds=options.rounds, rng=rng, policy=options.policy, n_jobs=options.n_jobs, observe=observe,
        )  # fmt: skip
        return _as_trained(problem, found, gates), found

    if not isinstance(program.loss, HardMargin):
        return over_all(program, start, observe)
    last: list[Refined] = []

    def solve(hinge: ConvexProgram, units: Units | None) -> Trained:
        trained, found = over_all(hinge, units, None)
        last[:] = [found]
        return trained

    return max_margin(program, solve, options.tol, start), last[0]


def _polisher(options: Options) -> Polish:
    def solve(program: ConvexProgram, tol: float, start: Solution, most: int | None) -> tuple[Solution, str]:
        max_iter = options.max_iter if most is None else min(most, options.max_iter)
        return polish(program, tol, start, solver=options.solver, max_iter=max_iter)

    return solve


def _check_cones(violation: float) -> None:
    if violation > OUTSIDE:
        warn(
            f"A vector of convex_coef_ is outside its cone, by {violation:.1g} of the longest; the network, "
            "its objective and the bounds are not affected. Scale the features, or leave out samples of next to no weight.",
            ConvergenceWarning,
        )


def _published_violation(problem: Problem, program: ConvexProgram, solution: Solution, gates: Array) -> float:
    """By how much vectors are outside the cones of their gates (d, P) in the coordinates of the data, relative to the longest one.

    A sample that is on the hyperplane of a gate but for rounding may count to either side.
    """
    if not program.constrained or not len(solution.blocks):
        return 0.0
    own, units = gates[:, program.block_patterns[solution.blocks]], problem.space.outward(solution.coef)
    X = problem.X
    sides, values = X @ own, X @ units.T
    rounding = gamma(X.shape[1] + 2) * (np.abs(X) @ np.abs(own))
    unclear = (np.abs(sides) <= rounding) & (rounding > 0.0)
    outside = np.where(unclear, np.abs(values), -np.where(sides >= 0.0, 1.0, -1.0) * values)
    sizes = row_lengths(X)[:, None] * np.linalg.norm(units, axis=1).max()
    return float((outside / positive(sizes)).max(initial=0.0))


def _as_trained(problem: Problem, found: Refined, sampled: Array) -> Trained:
    """``sampled`` are the gates (d, P) that the search began with; a way to the row space and back would round them."""
    solution = found.solution.in_cones(found.program)
    certificate = Certificate(
        objective=solution.objective,
        lower_bound_solved=min(solution.dual_objective, solution.objective),
        lower_bound_searched=min(found.bound, solution.objective),
        lower_bound_proven=None if found.proven_bound is None else min(found.proven_bound, solution.objective),
        n_arrangements=len(found.gates),
        n_units=len(solution.blocks),
        n_starts=found.n_starts,
        largest_price=found.largest / found.program.beta,
        recall=found.recall,
        unseen=found.unseen,
        n_rounds=len(found.objectives),
        stopped=found.stopped,
    )
    gates = np.ascontiguousarray(problem.gates_outward(found.gates).T)
    if not found.program.shared:
        gates[:, : sampled.shape[1]] = sampled
    _check_cones(max(solution.cone_violation, _published_violation(problem, found.program, solution, gates)))
    return Trained(found.program, solution, gates, certificate, found.objectives)


def _warn(found: Refined, options: Options) -> None:
    for note in dict.fromkeys(found.notes):
        warn(note, ConvergenceWarning)
    if found.converged or found.stopped == "interrupt":
        return
    objective, tried = found.solution.objective, f"tol={options.tol:.3g}, after {len(found.objectives)} rounds"
    gap = (objective - found.bound) / max(objective, TINY)
    remedy = "max_time" if found.stopped else "refine"
    if found.in_vain and not found.stopped:
        what = (
            f"The search found only {found.recall:.0%} of the units that it knows again, so that a gap below {tried}, is no "
            "evidence. Scale the features, for instance by StandardScaler, increase beta, or let certify look further"
        )
    else:
        when = "max_time ended the search. " if found.stopped else ""
        what = (
            f"{when}The gap over all arrangements, as searched, is {gap:.3g} of the objective, above {tried}. "
            f"Increase {remedy} or tol, or scale the features"
        )
    warn(f"{what}; objective_ and certificate_ are exact for the point returned.", ConvergenceWarning)


def sharpen(
    problem: Problem, trained: Trained, dual: Array, options: Options, rng: np.random.RandomState,
    *, method: str,
) -> Trained:  # fmt: skip
    """More evidence ("search") or a proof ("exact") for a fit; where a better arrangement turns up the fit goes on with it."""
    for _ in range(options.policy.max_rounds):
        program = trained.program
        units = units_of(trained.program, trained.solution)
        if method == "exact":
            level = violation_level(program, options.tol)
            proof = prove(program, dual, units, level=level, seconds=seconds_left())
            bound, violators = searched_bound(program, dual, proof.upper), proof.violators
            known = trained.certificate.lower_bound_proven
            bound = bound if known is None else max(bound, known)
            certificate = replace(trained.certificate, lower_bound_proven=min(bound, trained.certificate.objective))
        else:
            certificate, violators = _more_evidence(program, trained.certificate, dual, units, rng, options)
        trained = replace(trained, certificate=certificate)
        if not len(violators) or due():
            return trained
        proven = trained.certificate.lower_bound_proven
        try:
            better, found = _searched(
                problem, program, trained.gates, replace(options, rounds=options.rounds or options.policy.max_rounds), rng,
                start=units + newcomers(program, violators, units),
            )  # fmt: skip
        except NotSeparated:
            if not due():
                raise
            return trained  # none in time
        if better.solution.objective >= trained.solution.objective * (1.0 - 1e-9):
            # a violation too small to be worth anything: the proof that stopped at it left a coarse bound
            return trained if method == "search" else _tightened(trained, dual)
        _warn(found, options)
        # a bound that was proven for one dual point bounds the optimum, whatever the fit
        bounds = [bound for bound in (proven, better.certificate.lower_bound_proven) if bound is not None]
        trained = replace(
            better, certificate=replace(better.certificate, lower_bound_proven=max(bounds) if bounds else None)
        )
        dual = trained.solution.dual
    return trained


def _tightened(trained: Trained, dual: Array) -> Trained:
    """The proven bound with every side bounded as tightly as time allows."""
    proof = prove(
        trained.program, dual, units_of(trained.program, trained.solution), level=None, seconds=seconds_left()
    )
    known = trained.certificate.lower_bound_proven
    bound = min(searched_bound(trained.program, dual, proof.upper), trained.certificate.objective)
    tight = bound if known is None else max(bound, known)
    return replace(trained, certificate=replace(trained.certificate, lower_bound_proven=tight))


def _more_evidence(
    program: ConvexProgram, certificate: Certificate, dual: Array, units: Units, rng: np.random.RandomState,
    options: Options,
) -> tuple[Certificate, Units]:  # fmt: skip
    """Independent starts until the recall is 0.95 or a violation is met, for at most 20 batches."""
    rediscovered, largest, violators = np.zeros(len(units), dtype=bool), 0.0, no_units(program)
    tally = Tally.empty(program.X.shape[1], program.Y.shape[1])
    level = violation_level(program, options.tol)
    most = max(16, 800 // program.Y.shape[1])
    for batch in range(20):
        # where time is limited the first batches are small ones, for only whole ones count
        count = most if seconds_left() == np.inf else min(most, 16 * 2**batch)
        found = None
        with may_end_early():
            found = search_violators(
                program, dual, units, rng, n_starts=count, level=level, policy=options.policy,
                neighbours=batch == 0, from_gates=batch % 2 == 1, walks=True, n_jobs=options.n_jobs,
            )  # fmt: skip
        if found is None:
            break
        rediscovered |= found.rediscovered
        tally, largest, violators = tally + found.tally, max(largest, found.largest), found.violators
        recall = recall_of(rediscovered[found.known], tally)
        if len(found.violators) or recall >= 0.95:
            break
    if not tally.n_starts:
        return certificate, no_units(program)
    met = searched_bound(program, dual, largest)
    bound = sought_bound(program, met, largest, certificate.objective, options.tol)
    sharper = replace(
        certificate, lower_bound_searched=min(bound, certificate.objective), n_starts=tally.n_starts,
        largest_price=largest / program.beta, recall=recall, unseen=tally.unseen,
    )  # fmt: skip
    return sharper, violators
