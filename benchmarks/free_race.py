"""All arrangements free, a race to given accuracies: ours against wide networks, MLPs and random arrangements.

``python -m benchmarks.free_race`` runs everybody on the problems of ``bench/`` (squared error, no intercept) and on at most 500
standardised training rows of five data sets at 0.01 of beta_max. For each contender it prints its final objective relative to the
best one known, that of the problem or the lowest of this run, and the seconds after which it was within 1% and 0.1% of it; "-" is
never. "wide" are networks of 100, 300 and 1000 units by L-BFGS from ``--seeds`` starts one after the other, whose clock runs through
all of them; its objective on the way is the balanced penalty's, an upper bound that ends tight. "mlp" is the best of as many
scikit-learn MLPs, known at the end only. "sampled" is the optimum of the convex program over 1000 random arrangements, which no
package that samples as many of the same distribution can beat. One BLAS thread.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.datasets import load_problem
from benchmarks.free_arrangements import BETTER, LOGGER, TOL, Rounds
from benchmarks.protocol import beta_max, estimator_for, quiet_fit
from benchmarks.rivals import mlp, objective, weights_of, wide_lbfgs
from benchmarks.rivals_on_data import prepared

SETS = ("uci-energy", "uci-yacht", "uci-wine-red", "fd-ionosphere", "oh-german-credit-numeric")
WIDTHS = (100, 300, 1000)

#: (seconds, objective) in the order of time, the last one from the weights
Trace = list[tuple[float, float]]


class Task:
    """One problem and those who run on it."""

    def __init__(self, name: str) -> None:
        if name in TOL:
            problem = load_problem(name)
            self.X, self.y = problem["X"], problem["y"]
            self.regression, self.intercept, self.tol = True, False, TOL[name]
            self.beta = float(problem["beta"]) / len(self.X)
            self.known = min(float(problem["best_known_objective"]), BETTER.get(name, np.inf)) / len(self.X)
        else:
            self.regression, self.X, self.y = prepared(name, 500)
            self.intercept, self.tol, self.known = True, 1e-3, np.inf
            self.beta = 0.01 * beta_max(self.regression, self.X, self.y)
        self.loss = "squared_error" if self.regression else "log_loss"

    def value(self, weights) -> float:
        return objective(weights, self.X, self.y, self.beta, self.loss)

    def model(self, **params):
        """Our estimator for this problem."""
        return estimator_for(self.regression)(self.beta, fit_intercept=self.intercept, random_state=0, **params)

    def _fit(self, **params) -> float:
        return self.value(weights_of(quiet_fit(self.model(**params), self.X, self.y)))

    def ours(self) -> Trace:
        rounds = Rounds()
        LOGGER.addHandler(rounds)
        final = self._fit(tol=self.tol)
        LOGGER.removeHandler(rounds)
        return [*rounds.seen, (time.perf_counter() - rounds.begin, final)]

    def sampled(self) -> Trace:
        begin = time.perf_counter()
        final = self._fit(refine=False, n_arrangements=1000, tol=1e-3)
        return [(time.perf_counter() - begin, final)]

    def mlp(self, seeds: int) -> Trace:
        begin = time.perf_counter()
        weights = mlp(self.X, self.y, self.beta, self.loss, seeds=seeds)
        return [(time.perf_counter() - begin, self.value(weights))]

    def wide(self, n_units: int, seeds: int) -> Trace:
        trace: Trace = []
        begin = time.perf_counter()

        def observe(value: float) -> None:
            trace.append((time.perf_counter() - begin, value))

        for seed in range(seeds):
            weights = wide_lbfgs(
                self.X, self.y, self.beta, self.loss, n_units, seed, fit_intercept=self.intercept, observe=observe
            )
            observe(self.value(weights))
        return trace


def reached(trace: Trace, level: float) -> str:
    """Seconds until the objective was this low."""
    seconds = next((seconds for seconds, value in trace if value <= level), None)
    return "-" if seconds is None else f"{seconds:.2f}"


def contenders(task: Task, seeds: int) -> dict[str, Callable[[], Trace]]:
    wide = {f"wide {m}": lambda m=m: task.wide(m, seeds) for m in WIDTHS}
    free = {} if not task.intercept else {"mlp": lambda: task.mlp(seeds)}  # MLPs always have intercepts
    return {"ours": task.ours, "sampled": task.sampled} | free | wide


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", nargs="+", default=[*TOL, *SETS])
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    LOGGER.setLevel(logging.INFO)
    print(f"{'problem':25s} {'contender':10s} {'- best':>9s} {'seconds':>8s} {'to 1%':>8s} {'to 0.1%':>8s}", flush=True)
    with threadpool_limits(limits=1):
        for name in arguments.problems:
            task = Task(name)
            traces = {who: run() for who, run in contenders(task, arguments.seeds).items()}
            best = min(task.known, *(value for trace in traces.values() for _, value in trace))
            for who, trace in traces.items():
                lowest = min(value for _, value in trace) / best - 1.0
                print(
                    f"{name:25s} {who:10s} {lowest:+9.1e} {trace[-1][0]:8.2f} {reached(trace, 1.01 * best):>8s}"
                    f" {reached(trace, 1.001 * best):>8s}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
