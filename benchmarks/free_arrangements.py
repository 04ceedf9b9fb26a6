"""All arrangements free: objective and time of the refined fit against a network of 1000 units trained by L-BFGS.

``python -m benchmarks.free_arrangements`` prints a row a problem: the best value known, ours relative to it with its searched gap
and recall, the rival's relative to it, and seconds on one BLAS thread. Both objectives are computed from the networks'
weights. "pass" is when our best objective passed the rival's final one, "0.1%" when it came within 0.1% of the best value known (seconds,
at the end of a round). With ``--repeat`` seconds are medians; the rival draws a new start each time and shows its best objective.
"""

from __future__ import annotations

import argparse
import logging
import time
import warnings
from collections.abc import Mapping

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from benchmarks.datasets import load_problem
from benchmarks.rivals import objective, weights_of, wide_lbfgs
from skconvrelu import ConvexReLURegressor

LOGGER = logging.getLogger("skconvrelu.search.column_generation")
TOL = {"synth-200x10": 1e-3, "synth-500x10": 1e-3, "synth-1000x20": 1e-3, "concrete": 1e-2}

#: lower objectives than those stored with the problems, found by this package (SUM normalisation)
BETTER = {"synth-200x10": 2.841177, "synth-500x10": 4.462323, "synth-1000x20": 7.997591}


class Rounds(logging.Handler):
    """Best objectives and when they were reached, from what the search logs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.begin, self.seen = time.perf_counter(), []

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg.startswith("round"):
            self.seen.append((time.perf_counter() - self.begin, record.args[1]))

    def reached(self, objective: float) -> float:
        """Seconds until the objective was this low; nan if never."""
        return next((seconds for seconds, value in self.seen if value <= objective), np.nan)


def estimator(problem: Mapping[str, np.ndarray], tol: float) -> ConvexReLURegressor:
    """Ours; the stored penalties are those of a sum of losses."""
    beta = float(problem["beta"]) / len(problem["X"])
    return ConvexReLURegressor(beta, fit_intercept=False, tol=tol, random_state=0)


def row(name: str, repeat: int) -> str:
    """One row of the table, and a line more when the best known value was beaten."""
    problem = load_problem(name)
    X, y = problem["X"], problem["y"]
    n = len(X)
    model = estimator(problem, TOL[name])
    beta, best = model.beta, min(float(problem["best_known_objective"]), BETTER.get(name, np.inf)) / n
    ours, theirs, seconds, rival_seconds = [], [], [], []
    for repetition in range(repeat):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            rounds = Rounds()
            LOGGER.addHandler(rounds)
            begin = time.perf_counter()
            model.fit(X, y)
            LOGGER.removeHandler(rounds)
            seconds.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        network = wide_lbfgs(X, y, beta, n_units=1000, seed=repetition, fit_intercept=False)
        rival_seconds.append(time.perf_counter() - begin)
        ours.append(objective(weights_of(model), X, y, beta, "squared_error"))
        theirs.append(objective(network, X, y, beta, "squared_error"))
    certificate = model.certificate_
    ratio = np.median(np.array(rival_seconds) / np.array(seconds))
    line = (
        f"{name:14s} {best:12.8f} {min(ours) / best - 1:10.1e} {certificate.gap_searched:8.1e} {certificate.recall:6.0%} "
        f"{certificate.n_units:5d} {certificate.n_rounds:6d} {np.median(seconds):8.2f} | "
        f"{min(theirs) / best - 1:10.1e} {np.median(rival_seconds):8.2f} | {ratio:6.2f} "
        f"{rounds.reached(min(theirs)):7.2f} {rounds.reached(1.001 * best):7.2f}"
    )
    if min(ours) < best:
        line += f"\n  new best value of {name}: {min(ours) * n:.8g} (SUM normalisation; was {best * n:.8g})"
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    LOGGER.setLevel(logging.INFO)
    parser.add_argument("--problems", nargs="+", default=list(TOL), choices=list(TOL))
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args()
    print(
        f"{'problem':14s} {'best known':>12s} {'ours - 1':>10s} {'gap':>8s} {'recall':>6s} {'units':>5s} {'rounds':>6s} "
        f"{'seconds':>8s} | {'rival - 1':>10s} {'seconds':>8s} | {'ratio':>6s} {'pass':>7s} {'0.1%':>7s}",
        flush=True,
    )
    with threadpool_limits(limits=1):
        for name in arguments.problems:
            print(row(name, arguments.repeat), flush=True)


if __name__ == "__main__":
    main()
