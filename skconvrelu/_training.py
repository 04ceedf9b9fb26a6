"""From validated arrays to a verified solution: the path that fit, certify and certify_network share."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from skconvrelu._checks import check_count, check_vector
from skconvrelu._hard_margin import max_margin
from skconvrelu._rows import Rows, merge_rows
from skconvrelu.certificate import Certificate
from skconvrelu.losses import HardMargin, Loss
from skconvrelu.program import ConvexProgram
from skconvrelu.row_space import RowSpace
from skconvrelu.search.bounds import price_rounding, searched_bound, violation_level
from skconvrelu.search.entering import newcomers
from skconvrelu.search.outputs import refine_outputs
from skconvrelu.search.pricing import searched_max_price
from skconvrelu.search.proof import prove
from skconvrelu.search.refine import MAX_ROUNDS, Observe, Refined
from skconvrelu.search.units import Units, units_of
from skconvrelu.search.violators import search_violators
from skconvrelu.solution import Solution
from skconvrelu.solvers import polish, solve_program

Array = NDArray[np.float64]

#: beta="auto" is this fraction of beta_max; chosen by cross-validation in benchmarks/beta_auto.py
AUTO_FRACTION = 0.01
#: ... and at least this fraction of the largest price that balanced classes could have
AUTO_FLOOR = 1e-5


@dataclass(frozen=True, eq=False)
class Problem:
    """Distinct weighted rows, with the constant column, and their coordinates in the row space where X lacks full rank."""

    rows: Rows
    biased: Array
    space: RowSpace
    loss: Loss
    fit_intercept: bool

    @classmethod
    def build(cls, X: Any, Y: Array, sample_weight: Array, loss: Loss, *, fit_intercept: bool) -> Problem:
        """Merge identical samples and append the constant column."""
        rows = merge_rows(X, Y, sample_weight)
        biased = np.hstack([rows.X, np.ones((len(rows.X), 1))]) if fit_intercept else rows.X
        return cls(rows, biased, RowSpace.of(biased), loss, fit_intercept)

    def inward(self, coef: Array) -> Array:
        """Vectors (m, d) in the coordinates of the program."""
        return self.space.inward(coef)

    def outward(self, coef: Array) -> Array:
        """Vectors of the program in the coordinates of the data."""
        return self.space.outward(coef)

    def program(self, patterns: NDArray[np.bool_], beta: float, *, constrained: bool) -> ConvexProgram:
        """The convex program over patterns (P, n)."""
        return ConvexProgram.over_patterns(
            self.space.inward(self.biased), self.rows.Y, self.rows.weights, patterns, self.loss, beta,
            constrained=constrained, fit_intercept=self.fit_intercept,
        )  # fmt: skip


@dataclass(frozen=True)
class Options:
    """What the estimator's parameters say about solving."""

    solver: str
    tol: float
    max_iter: int
    n_jobs: int | None
    rounds: int

    @classmethod
    def of(cls, estimator: Any) -> Options:
        flag = isinstance(estimator.refine, (bool, np.bool_))
        rounds = MAX_ROUNDS * bool(estimator.refine) if flag else int(estimator.refine)
        return cls(estimator.solver, estimator.tol, estimator.max_iter, estimator.n_jobs, rounds)


@dataclass(frozen=True, eq=False)
class Trained:
    """A verified solution, the gates (d, P) of its program in the coordinates of the data, and what is known about it."""

    program: ConvexProgram
    solution: Solution
    gates: Array
    certificate: Certificate
    objectives: list[float]


def sampled_only(
    program: ConvexProgram, gates: Array, options: Options, start: Solution | None, *, enumerated: bool
) -> Trained:
    """Solve over the arrangements at hand; ``enumerated`` says that these are all there are."""
    if isinstance(program.loss, HardMargin):
        return max_margin(
            program,
            lambda hinge, _: _over_given(hinge, gates, options, None, enumerated=enumerated),
            options.tol,
            None,
        )
    return _over_given(program, gates, options, start, enumerated=enumerated)


def _over_given(
    program: ConvexProgram, gates: Array, options: Options, start: Solution | None, *, enumerated: bool
) -> Trained:
    solution = solve_program(
        program, solver=options.solver, tol=options.tol, max_iter=options.max_iter,
        start=start, n_jobs=options.n_jobs,
    )  # fmt: skip
    proven = None
    if enumerated and program.constrained:
        largest = program.beta + price_rounding(program.X, solution.dual)
        proven = min(searched_bound(program, solution.dual, largest), solution.objective)
    certificate = Certificate(
        objective=solution.objective,
        lower_bound_solved=min(solution.dual_objective, solution.objective),
        lower_bound_searched=None,
        lower_bound_proven=proven,
        n_arrangements=gates.shape[1],
        n_units=len(solution.blocks),
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
    if not isinstance(program.loss, HardMargin):
        trained, found = _over_all(problem, program, gates, options, rng, start, observe)
        _warn(found, options)
        return trained
    last: list[Refined] = []

    def solve(hinge: ConvexProgram, units: Units | None) -> Trained:
        trained, found = _over_all(problem, hinge, gates, options, rng, units)
        last[:] = [found]
        return trained

    trained = max_margin(program, solve, options.tol, start)
    _warn(last[0], options)
    return trained


def _over_all(
    problem: Problem,
    program: ConvexProgram,
    gates: Array,
    options: Options,
    rng: np.random.RandomState,
    start: Units | None,
    observe: Observe | None = None,
) -> tuple[Trained, Refined]:
    found = refine_outputs(
        program, np.ascontiguousarray(problem.inward(gates.T)), _polisher(options), start=start, tol=options.tol,
        max_rounds=options.rounds, rng=rng, n_jobs=options.n_jobs, observe=observe,
    )  # fmt: skip
    return _as_trained(problem, found), found


def _polisher(options: Options) -> Any:
    return partial(polish, solver=options.solver, max_iter=options.max_iter)


def _as_trained(problem: Problem, found: Refined) -> Trained:
    solution = found.solution
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
        n_rounds=len(found.objectives),
    )
    gates = np.ascontiguousarray(problem.outward(found.gates).T)
    return Trained(found.program, solution, gates, certificate, found.objectives)


def _warn(found: Refined, options: Options) -> None:
    for note in dict.fromkeys(found.notes):
        warnings.warn(note, ConvergenceWarning, stacklevel=5)
    if not found.converged:
        objective = found.solution.objective
        warnings.warn(
            f"The gap over all arrangements, as searched, is {objective - found.bound:.3g}, above tol times the objective "
            f"({options.tol:.3g} * {objective:.6g}), after {len(found.objectives)} rounds. Increase refine or tol, or scale the "
            "features; objective_ and certificate_ are exact for the point returned.",
            ConvergenceWarning,
            stacklevel=5,
        )


def sharpen(
    problem: Problem, trained: Trained, dual: Array, options: Options, rng: np.random.RandomState,
    *, method: str, time_limit: float | None,
) -> Trained:  # fmt: skip
    """More evidence ("search") or a proof ("exact") for a fit; where a better arrangement turns up the fit goes on with it."""
    deadline = None if time_limit is None else time.monotonic() + time_limit
    while True:
        program = trained.program
        units = units_of(trained.program, trained.solution)
        if method == "exact":
            level = violation_level(program, options.tol)
            proof = prove(program, dual, units, level=level, deadline=deadline)
            bound, violators = searched_bound(program, dual, proof.upper), proof.violators
            known = trained.certificate.lower_bound_proven
            bound = bound if known is None else max(bound, known)
            certificate = replace(trained.certificate, lower_bound_proven=min(bound, trained.certificate.objective))
        else:
            certificate, violators = _more_evidence(program, trained.certificate, dual, units, rng, options, deadline)
        trained = replace(trained, certificate=certificate)
        if not len(violators) or (deadline is not None and time.monotonic() > deadline):
            return trained
        proven = trained.certificate.lower_bound_proven
        better = searched(
            problem, program, trained.gates, replace(options, rounds=options.rounds or MAX_ROUNDS), rng,
            start=units + newcomers(program, violators, units),
        )  # fmt: skip
        if better.solution.objective >= trained.solution.objective * (1.0 - 1e-9):
            # a violation too small to be worth anything: the proof that stopped at it left a coarse bound
            return trained if method == "search" else _tightened(trained, dual, deadline)
        # a bound that was proven for one dual point bounds the optimum, whatever the fit
        bounds = [bound for bound in (proven, better.certificate.lower_bound_proven) if bound is not None]
        trained = replace(
            better, certificate=replace(better.certificate, lower_bound_proven=max(bounds) if bounds else None)
        )
        dual = trained.solution.dual


def _tightened(trained: Trained, dual: Array, deadline: float | None) -> Trained:
    """The proven bound with every side bounded as tightly as time allows."""
    proof = prove(trained.program, dual, units_of(trained.program, trained.solution), level=None, deadline=deadline)
    known = trained.certificate.lower_bound_proven
    bound = min(searched_bound(trained.program, dual, proof.upper), trained.certificate.objective)
    tight = bound if known is None else max(bound, known)
    return replace(trained, certificate=replace(trained.certificate, lower_bound_proven=tight))


def _more_evidence(
    program: ConvexProgram, certificate: Certificate, dual: Array, units: Units, rng: np.random.RandomState,
    options: Options, deadline: float | None,
) -> tuple[Certificate, Units]:  # fmt: skip
    """Independent starts until the recall is 0.95 or a violation is met, for at most 20 batches or until the deadline."""
    rediscovered = np.zeros(len(units), dtype=bool)
    n_starts, largest = 0, 0.0
    level = violation_level(program, options.tol)
    for batch in range(20):
        found = search_violators(
            program, dual, units, rng, n_starts=max(16, 800 // program.Y.shape[1]), level=level,
            neighbours=batch == 0, n_jobs=options.n_jobs,
        )  # fmt: skip
        rediscovered |= found.rediscovered
        n_starts, largest = n_starts + found.n_starts, max(largest, found.largest)
        recall = float(rediscovered.mean()) if len(units) else 1.0
        late = deadline is not None and time.monotonic() > deadline
        if len(found.violators) or recall >= 0.95 or late:
            break
    bound = searched_bound(program, dual, largest)
    sharper = replace(
        certificate, lower_bound_searched=min(bound, certificate.objective), n_starts=n_starts,
        largest_price=largest / program.beta, recall=recall,
    )  # fmt: skip
    return sharper, found.violators


def largest_beta(program: ConvexProgram) -> float:
    """The smallest beta with the zero network as optimum: over all arrangements as searched, for gated units over the given ones.

    Over all arrangements it does not depend on the sampler. Zero when no unit can gain anything.
    """
    found = searched_max_price(program.X, program.zero_dual(), program.patterns) if program.constrained else 0.0
    return program.beta_max(at_least=found)


def auto_beta(program: ConvexProgram) -> float:
    """``AUTO_FRACTION`` of the largest beta, or the floor."""
    beta_max = largest_beta(program)
    if beta_max == 0.0:  # any penalty keeps the zero network
        return 1.0
    return max(AUTO_FRACTION * beta_max, _floor(program))


def _floor(program: ConvexProgram) -> float:
    """Least penalty chosen without being asked for, for losses without a unit.

    With classes beyond 1000 : 1 a fraction of the largest one would follow the rare class into pure fitting.
    """
    return AUTO_FLOOR * program.largest_price() if program.loss.unitless else 0.0


def given_betas(betas: Any) -> Array | None:
    """The penalties of a parameter ``betas``, falling and without repetition; None if it is a number of them."""
    if isinstance(betas, Integral) and not isinstance(betas, bool):
        check_count(betas, "betas")
        return None
    given = check_vector(betas, "betas")
    if given.ndim != 1 or not len(given) or not (np.isfinite(given) & (given > 0.0)).all():
        raise ValueError("betas must be a positive integer or a 1-D array of positive finite numbers.")
    return np.ascontiguousarray(np.unique(given)[::-1])


def beta_grid(programs: list[ConvexProgram], n_betas: int, eps: float) -> Array:
    """Falling geometric grid from the largest useful penalty of the programs down to ``eps`` times it, or to the floor."""
    largest = max(largest_beta(program) for program in programs)
    if largest == 0.0:  # any penalty keeps the zero network
        return np.ones(1)
    least = max(eps * largest, *(_floor(program) for program in programs), 0.0)
    return np.geomspace(largest, least, n_betas) if n_betas > 1 and least < largest else np.array([largest])
