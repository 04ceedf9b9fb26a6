"""The search of a program with several outputs that do not interact: one search an output, joined again."""

from __future__ import annotations

import time

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray

from skconvrelu.kernels.blas_threads import one_blas_thread
from skconvrelu.policy import Policy
from skconvrelu.program import ConvexProgram
from skconvrelu.rounding import UNIT
from skconvrelu.search.column_generation import Observe, Polish, Refined, refine
from skconvrelu.search.unit_blocks import blocks_of, joined_gates
from skconvrelu.search.units import Units, signed_axes
from skconvrelu.solution import Candidate, evaluate
from skconvrelu.solvers import independent_outputs
from skconvrelu.stopping import current, seconds_left, under, until

Array = NDArray[np.float64]


def refine_outputs(
    program: ConvexProgram,
    gates: Array,
    polish: Polish,
    *,
    start: Units | None,
    tol: float,
    max_rounds: int,
    rng: np.random.RandomState,
    policy: Policy,
    n_jobs: int | None,
    observe: Observe | None = None,
) -> Refined:
    """:func:`~skconvrelu.search.column_generation.refine`, for each output by itself where the loss lets outputs be trained apart.

    Each output has its own random numbers, drawn beforehand, so the result does not depend on ``n_jobs``. Only a search of all
    outputs together is observed. Where time is limited outputs share what is left.
    """
    parts = independent_outputs(program)
    if len(parts) == 1:
        return refine(
            program, gates, polish, start=start, tol=tol, max_rounds=max_rounds, rng=rng, policy=policy, n_jobs=n_jobs,
            observe=observe,
        )  # fmt: skip
    seeds = rng.randint(np.iinfo(np.int32).max, size=len(parts))
    stop, at_once = current(), effective_n_jobs(n_jobs)
    results = Parallel(n_jobs=n_jobs)(
        delayed(under)(
            stop, _refine_one, part, gates, polish, _own_units(start, k), tol, max_rounds, int(seeds[k]), policy, len(parts),
            -(-(len(parts) - k) // at_once),
        )
        for k, (part, _) in enumerate(parts)
    )  # fmt: skip
    return _join(program, gates, results, tol)


def _refine_one(
    program: ConvexProgram, gates: Array, polish: Polish, start: Units | None, tol: float, max_rounds: int, seed: int,
    policy: Policy, share: int, left: int,
) -> Refined:  # fmt: skip
    """The search of one output, in an equal share of the time for those ``left`` to do one after another."""
    with one_blas_thread(), until(time.monotonic() + seconds_left() / left):
        return refine(
            program, gates, polish, start=start, tol=tol, max_rounds=max_rounds, rng=np.random.RandomState(seed),
            policy=policy, share=share,
        )  # fmt: skip


def _own_units(units: Units | None, k: int) -> Units | None:
    if units is None:
        return None
    own = units.directions[:, k] != 0.0
    return Units(units.coef[own], units.directions[own][:, [k]])


def _join(program: ConvexProgram, gates: Array, results: list[Refined], tol: float) -> Refined:
    """One solution over the union of the arrangements; objectives and bounds add, since the outputs share nothing."""
    K = len(results)
    axes = signed_axes(K)
    coef = np.vstack([r.solution.coef for r in results])
    directions = np.vstack(
        [
            axes[np.where(r.program.block_directions[r.solution.blocks][:, 0] > 0.0, k, K + k)]
            for k, r in enumerate(results)
        ]
    )
    all_gates, patterns = gates, program.patterns
    for result in results:
        all_gates, patterns = joined_gates(all_gates, patterns, result.gates, result.program.patterns)
    everything = program.with_patterns(patterns)
    dual = np.hstack([r.dual for r in results])
    own = np.vstack([r.program.patterns[r.program.block_patterns[r.solution.blocks]] for r in results])
    candidate = Candidate(
        blocks_of(everything, own, directions), coef, dual, max(r.solution.n_iter for r in results), True
    )
    solution = evaluate(everything, candidate, solver=results[0].solution.solver)
    rounds = [r.objectives or [r.solution.objective] for r in results]
    length = max(len(r.objectives) for r in results)
    proven = [r.proven_bound for r in results]
    known = [p for p in proven if p is not None]
    bound = min(_sum_of_bounds([r.bound for r in results]), solution.objective)
    # an output may miss tol of its own objective where all of them together do not miss tol of theirs
    in_vain = any(r.in_vain for r in results)
    close = solution.objective - bound <= tol * solution.objective
    starts = np.array([r.n_starts for r in results])
    return Refined(
        program=everything,
        gates=all_gates,
        solution=solution,
        objectives=[sum(own[min(i, len(own) - 1)] for own in rounds) for i in range(length)],
        bound=bound,
        largest=max(r.largest for r in results),
        dual=dual,
        n_starts=int(starts.sum()),
        recall=min(r.recall for r in results),  # no better than the worst, since the bounds add
        unseen=float(starts @ [r.unseen for r in results] / max(starts.sum(), 1)),
        converged=all(r.converged for r in results) or (close and not in_vain),
        in_vain=in_vain,
        proven_bound=min(_sum_of_bounds(known), solution.objective) if len(known) == K else None,
        notes=[note for r in results for note in r.notes],
        stopped=next((r.stopped for r in results if r.stopped), None),
    )


def _sum_of_bounds(bounds: list[float]) -> float:
    """The sum less what adding up rounds off."""
    return sum(bounds) * (1.0 - len(bounds) * UNIT)
