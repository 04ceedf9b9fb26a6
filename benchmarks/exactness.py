"""Is the refined fit the global optimum? Small random problems, where all arrangements can be enumerated.

``python -m benchmarks.exactness`` compares three answers on each problem: the refined fit, the fit after ``certify(method="exact")``,
and the convex program over all arrangements. Columns by rank of the data: the share of fits that came with a proof (proven gap
at most 1e-6), the share of proofs that closed after certify, the largest relative difference to the enumeration where they
did, the share of fits that had the optimum to 1e-6 before certify, the largest distance there was, and the number of proven bounds
above an objective that some network attains (more than 1e-9 relative), which would be false proofs; then median seconds of fit,
certify and enumeration. A line is printed for each problem where something did not hold. All objectives are computed from
the networks' weights.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from benchmarks.protocol import beta_max, estimator_for, quiet_fit
from benchmarks.rivals import objective, weights_of


@dataclass(frozen=True)
class Problem:
    """One random problem; ``rank`` counts the constant column of the hidden biases."""

    number: int
    rank: int
    X: np.ndarray
    y: np.ndarray
    regression: bool
    fit_intercept: bool
    fraction: float


def draw(number: int) -> Problem:
    """Problem ``number``; every combination of the settings comes up."""
    rng = np.random.default_rng(number)
    rank = (2, 3, 4, 5)[number % 4]
    regression, fit_intercept, teacher = number // 4 % 2 == 0, number // 8 % 2 == 0, number // 16 % 2 == 0
    n = int(rng.integers(8, 31) if rank <= 3 else rng.integers(6, 13))
    d = rank - fit_intercept
    X = rng.standard_normal((n, d))
    if rng.random() < 0.25:  # more features than the rank
        X = X @ rng.standard_normal((d, d + 2))
    y = rng.standard_normal(n)
    if teacher:
        W, bias = rng.standard_normal((X.shape[1], 3)), fit_intercept * rng.standard_normal(3)
        y = np.maximum(X @ W + bias, 0.0) @ rng.choice([-1.0, 1.0], 3) + 0.1 * y
    if not regression:
        y = (y > np.median(y)).astype(int)
    return Problem(number, rank, X, y, regression, fit_intercept, float(rng.choice([0.3, 0.1, 0.03])))


def estimator(problem: Problem, tol: float) -> Any:
    """The refined fit."""
    p = problem
    beta = p.fraction * beta_max(p.regression, p.X, p.y, fit_intercept=p.fit_intercept)
    return estimator_for(p.regression)(beta, tol=tol, fit_intercept=p.fit_intercept, random_state=0)


@dataclass(frozen=True)
class Outcome:
    """Objectives from weights, the proven gap and bound, and seconds."""

    problem: Problem
    searched: float
    certified: float
    exact: float
    gap_searched: float
    proven_by_fit: bool
    gap_proven: float
    bound: float
    enumeration_gap: float
    seconds: tuple[float, float, float]

    @property
    def optimum(self) -> float:
        """The least objective that any of the three networks attains."""
        return min(self.searched, self.certified, self.exact)

    @property
    def closed(self) -> bool:
        return self.gap_proven <= 1e-6

    @property
    def difference(self) -> float:
        """Between the certified fit and the enumeration."""
        return abs(self.certified / self.exact - 1.0)

    @property
    def excess(self) -> float:
        """Of the fit before certify."""
        return self.searched / self.optimum - 1.0

    @property
    def false_bound(self) -> bool:
        return self.bound > self.optimum * (1.0 + 1e-9)


def solve(number: int, max_time: float) -> Outcome:
    """All three answers on one problem."""
    problem = draw(number)
    X, y, loss = problem.X, problem.y, "squared_error" if problem.regression else "log_loss"
    with threadpool_limits(limits=1):
        model = estimator(problem, 1e-7)
        beta = model.beta
        full = clone(model).set_params(arrangements="exact", refine=False, tol=1e-8)
        times = [time.perf_counter()]
        quiet_fit(model, X, y)
        times.append(time.perf_counter())
        searched, fitted = objective(weights_of(model), X, y, beta, loss), model.certificate_
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            certificate = model.certify(X, y, method="exact", max_time=max_time)
        times.append(time.perf_counter())
        certified = objective(weights_of(model), X, y, beta, loss)
        quiet_fit(full, X, y)
        times.append(time.perf_counter())
    return Outcome(
        problem,
        searched,
        certified,
        objective(weights_of(full), X, y, beta, loss),
        fitted.gap_searched,
        fitted.gap_proven is not None and fitted.gap_proven <= 1e-6,
        certificate.gap_proven,
        certificate.lower_bound_proven,
        full.certificate_.gap_proven,
        tuple(np.diff(times)),
    )


def row(label: str, outcomes: list[Outcome]) -> str:
    closed = [o for o in outcomes if o.closed]
    seconds = np.median([o.seconds for o in outcomes], axis=0)
    return (
        f"{label:14s} {len(outcomes):8d} {np.mean([o.proven_by_fit for o in outcomes]):7.1%} "
        f"{len(closed) / len(outcomes):7.1%} {max((o.difference for o in closed), default=np.nan):10.1e} "
        f"{np.mean([o.excess <= 1e-6 for o in outcomes]):10.1%} {max(o.excess for o in outcomes):10.1e} "
        f"{sum(o.false_bound for o in outcomes):6d} {seconds[0]:8.3f} {seconds[1]:8.3f} {seconds[2]:8.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first problem")
    parser.add_argument("--max-time", type=float, default=60.0, help="seconds for each proof")
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="a line for each problem")
    arguments = parser.parse_args()
    numbers = range(arguments.first, arguments.first + arguments.problems)
    outcomes = []
    for o in Parallel(n_jobs=arguments.n_jobs, return_as="generator")(
        delayed(solve)(number, arguments.max_time) for number in numbers
    ):
        outcomes.append(o)
        suspicious = o.false_bound or o.excess > 1e-6 or not o.closed or o.difference > 1e-6 or o.enumeration_gap > 1e-7
        if arguments.verbose or suspicious:
            p = o.problem
            print(
                f"# problem {p.number}: rank {p.rank}, X {p.X.shape}, {'squared error' if p.regression else 'log loss'}, "
                f"fit_intercept={p.fit_intercept}, {p.fraction} beta_max; optimum {o.optimum:.10g}, search {o.excess:+.1e} "
                f"(searched gap {o.gap_searched:.1e}), certified {o.certified / o.optimum - 1:+.1e} (proven gap {o.gap_proven:.1e}, "
                f"bound {o.bound / o.optimum - 1:+.1e}), enumeration {o.exact / o.optimum - 1:+.1e} (gap {o.enumeration_gap:.1e}); "
                f"seconds {o.seconds[0]:.2f} {o.seconds[1]:.2f} {o.seconds[2]:.2f}",
                flush=True,
            )
    print(
        f"{'':14s} {'problems':>8s} {'in fit':>7s} {'closed':>7s} {'difference':>10s} {'optimal':>10s} {'fit - 1':>10s} {'false':>6s} "
        f"{'fit s':>8s} {'certify':>8s} {'all':>8s}"
    )
    for rank in (2, 3, 4, 5):
        part = [o for o in outcomes if o.problem.rank == rank]
        if part:
            print(row(f"rank {rank}", part))
    for label, regression in (("squared error", True), ("log loss", False)):
        part = [o for o in outcomes if o.problem.regression == regression]
        if part:
            print(row(label, part))
    print(row("all", outcomes))


if __name__ == "__main__":
    main()
