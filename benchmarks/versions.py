"""Two versions of the package on the same problems: is an objective worse, or a fit slower?

``python -m benchmarks.versions --before TREE`` compares the source tree there (``git worktree add TREE COMMIT``) with this one on the
problems of ``exactness``, ``given_arrangements`` and ``free_arrangements``, ours alone and at the tolerances of those tables. A line a
group: the number of problems; the median of the ratio of CPU seconds, now over before, its geometric mean and the medians
themselves; the largest and the least relative difference of objectives, now above before. A line is printed for each problem of the
larger groups, and for each problem whose objective is worse by more than the tolerance it was asked for. Both versions run in turns on
one BLAS thread, each in a process of its own, and a fit of at most ``--short`` seconds is made ``--repeat`` times, of which the least
time counts; objectives are computed here, from the networks' weights.
"""

from __future__ import annotations

import argparse
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import exactness, free_arrangements, given_arrangements
from benchmarks.datasets import load_problem
from benchmarks.rivals import objective

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Fit:
    """One problem as the public interface takes it."""

    name: str
    model: Any
    X: np.ndarray
    y: np.ndarray

    def objective(self, found: Any) -> float:
        """Of the weights that came back; a gated network has none, and says its objective itself."""
        if isinstance(found, float):
            return found
        W1, W2, b1, b2 = found
        loss = "log_loss" if hasattr(self.model, "predict_proba") else "squared_error"
        return objective((W1, b1, W2, b2), self.X, self.y, self.model.beta, loss)

    def pickled(self) -> bytes:
        """With the parameters that are not at their defaults: another version may not know all of them."""
        defaults = type(self.model)().get_params()
        chosen = {name: value for name, value in self.model.get_params().items() if value is not defaults[name]}
        return pickle.dumps((type(self.model).__name__, chosen, self.X, self.y))


def small() -> Iterator[Fit]:
    for number in range(200):
        problem = exactness.draw(number)
        yield Fit(str(number), exactness.estimator(problem, 1e-7), problem.X, problem.y)


def given() -> Iterator[Fit]:
    for problem in given_arrangements.default_grid():
        yield Fit(problem.name, given_arrangements.estimator(problem, given_arrangements.TARGET), problem.X, problem.y)


def free() -> Iterator[Fit]:
    for name, tol in free_arrangements.TOL.items():
        problem = load_problem(name)
        yield Fit(name, free_arrangements.estimator(problem, tol), problem["X"], problem["y"])


GROUPS: dict[str, Callable[[], Iterator[Fit]]] = {
    "exactness": small,
    "given_arrangements": given,
    "free_arrangements": free,
}


class Version:
    """A process that fits with one source tree."""

    def __init__(self, tree: Path) -> None:
        command = [sys.executable, str(ROOT / "benchmarks" / "adapters" / "run_version.py"), str(tree)]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)

    def fit(self, fit: Fit) -> tuple[float, float]:
        """Objective and CPU seconds."""
        asked, answer = self.process.stdin, self.process.stdout
        assert asked is not None
        assert answer is not None
        asked.write(fit.pickled())
        asked.flush()
        found, seconds = pickle.load(answer)
        return fit.objective(found), seconds


def compare(versions: list[Version], group: str, repeat: int, short: float) -> str:
    """The line of a group."""
    fits = list(GROUPS[group]())
    objectives, seconds = np.empty((len(fits), 2)), np.empty((len(fits), 2))
    for row, fit in enumerate(fits):
        runs = [[version.fit(fit) for version in versions]]
        while len(runs) < repeat and max(second for _, second in runs[0]) <= short:
            runs.append([version.fit(fit) for version in versions])
        objectives[row], seconds[row] = np.min(runs, axis=0).T
        excess = objectives[row, 1] / objectives[row, 0] - 1.0
        if excess > fit.model.tol or group != "exactness":
            print(f"  {fit.name:34s} {excess:9.1e} {seconds[row, 0]:9.3f} {seconds[row, 1]:9.3f}", flush=True)
    ratios, medians = seconds[:, 1] / seconds[:, 0], np.median(seconds, axis=0)
    excesses = objectives[:, 1] / objectives[:, 0] - 1.0
    return (
        f"{group:20s} {len(fits):8d} {np.median(ratios):8.2f} {np.exp(np.log(ratios).mean()):8.2f} {medians[0]:9.3f} "
        f"{medians[1]:9.3f} {excesses.max():9.1e} {excesses.min():9.1e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, required=True, help="source tree of the other version")
    parser.add_argument("--groups", nargs="+", default=list(GROUPS), choices=list(GROUPS))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--short", type=float, default=2.0)
    arguments = parser.parse_args()
    versions = [Version(arguments.before.resolve()), Version(ROOT)]
    print(f"  {'problem':34s} {'worse by':>9s} {'before s':>9s} {'now s':>9s}", flush=True)
    lines = [compare(versions, group, arguments.repeat, arguments.short) for group in arguments.groups]
    print(
        f"{'group':20s} {'problems':>8s} {'median':>8s} {'mean':>8s} {'before s':>9s} {'now s':>9s} {'worst':>9s} {'best':>9s}"
    )
    print("\n".join(lines))


if __name__ == "__main__":
    main()
