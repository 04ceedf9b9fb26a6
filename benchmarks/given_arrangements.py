"""Given arrangements, time to the optimum of the convex program: ours against adelie, cvxpy with Clarabel and SCS, and pyscnn.

``python -m benchmarks.given_arrangements`` races on bench/fixed-300x10 and a grid of teacher networks and real rows; a row a problem.
Ours is timed to a certified relative gap of 1e-6. A rival is run at falling tolerances until the objective of its weights, computed
here, is within 1e-6 of the optimum, and that run alone counts; where none is, its best error is shown with the time it took. Objectives
are those of the ReLU network (or gated network) that the weights stand for; "cone" is the largest violation relative to
``||x_i|| ||u||``. Logistic loss has sizes of its own. A rival has a process of its own for each tolerance, on one BLAS thread; seconds
are measured inside it, without imports. Times are medians of ``--repeat`` runs where the first took at most ``--short`` seconds, and
those of one run where it took more. Where ours takes more than ``--long`` seconds, errors are relative to that run's own objective, of
a gap of 1e-6, and not to one of 1e-9.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.adapters.repeating import timed
from benchmarks.datasets import load, load_problem
from benchmarks.environments import python_of
from benchmarks.protocol import quiet_fit, standardised
from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor

ADAPTERS = Path(__file__).with_name("adapters")
#: adapter, further arguments, tolerances to try
RIVALS = {
    "adelie": ("adelie", [], (1e-7, 1e-9, 1e-11, 1e-13)),
    "Clarabel": ("conic", ["CLARABEL"], (1e-6, 1e-8)),
    "SCS": ("conic", ["SCS"], (1e-4, 1e-6)),
    "pyscnn": ("pyscnn", ["float64"], (1e-6, 1e-10)),
    # at its defaults
    "pyscnn32": ("pyscnn", ["float32"], (1e-6,)),
}
#: those whose weights leave the cones
LOOSE = ("adelie", "pyscnn", "pyscnn32")
#: bytes that a rival may ask for, so that none takes the machine with it
MEMORY = 12 * 2**30
TARGET = 1e-6
#: the stored problem, at the penalty it came with
FIXED = "fixed-300x10"
SIZES = [
    FIXED, "300x10x100", "300x50x100", "concrete:900x9x100", "1000x10x100", "1000x50x100", "3000x10x100", "3000x50x100",
    "300x10x1000", "300x50x1000", "1000x10x1000", "1000x50x1000", "3000x10x1000", "3000x50x1000",
]  # fmt: skip
LOGISTIC_SIZES = ["300x10x100"]
#: as fractions of the least penalty of the zero network
BETAS = [0.3, 0.03, 0.003]


@dataclass
class Problem:
    """One race."""

    name: str
    X: np.ndarray
    y: np.ndarray
    gates: np.ndarray
    beta: float
    gated: bool
    logistic: bool

    @property
    def masks(self) -> np.ndarray:
        return self.X @ self.gates >= 0.0

    def objective(self, plus: np.ndarray, minus: np.ndarray) -> float:
        """Of the network with these vectors (P, d)."""
        fits = [self.masks * (self.X @ U.T) if self.gated else np.maximum(self.X @ U.T, 0.0) for U in (plus, minus)]
        f = (fits[0] - fits[1]).sum(axis=1)
        loss = np.logaddexp(0.0, -self.y * f).mean() if self.logistic else 0.5 * np.square(f - self.y).mean()
        return float(loss + self.beta * sum(np.linalg.norm(U, axis=1).sum() for U in (plus, minus)))

    def cone_violation(self, plus: np.ndarray, minus: np.ndarray) -> float:
        """Largest, relative to the sizes of sample and block; blocks of next to no size do not count."""
        if self.gated:
            return 0.0
        U, signs = np.vstack([plus, minus]), np.hstack([2.0 * self.masks - 1.0] * 2)
        norms = np.linalg.norm(U, axis=1)
        keep = norms > 1e-6 * norms.max(initial=0.0)
        sizes = np.linalg.norm(self.X, axis=1)[:, None] * norms[keep]
        return float(max(0.0, (-(signs[:, keep] * (self.X @ U[keep].T)) / sizes).max(initial=0.0)))

    def save(self, path: Path) -> None:
        np.savez(
            path,
            X=self.X,
            y=self.y,
            gates=self.gates,
            masks=self.masks,
            beta=self.beta,
            gated=self.gated,
            logistic=self.logistic,
        )


def estimator(problem: Problem, tol: float) -> ConvexReLURegressor | ConvexReLUClassifier:
    """Ours."""
    kind = ConvexReLUClassifier if problem.logistic else ConvexReLURegressor
    activation = "gated_relu" if problem.gated else "relu"
    return kind(
        problem.beta, arrangements=problem.gates, refine=False, fit_intercept=False, tol=tol, solver="scipy",
        activation=activation,
    )  # fmt: skip


def ours(problem: Problem, tol: float) -> float:
    """Objective at a certified gap."""
    model = estimator(problem, tol)
    quiet_fit(model, problem.X, problem.y)
    if model.dual_gap_ > tol * model.objective_:
        print(f"  ours stopped at a gap of {model.dual_gap_ / model.objective_:.1e}", file=sys.stderr)
    return float(model.objective_)


@dataclass
class Result:
    """What a rival reached."""

    seconds: float = np.nan
    error: float = np.inf
    cone: float = np.nan

    def cells(self, own: float, *, cone: bool, gated: bool) -> str:
        """Columns of the table; dashes where there was no answer in time."""
        if not np.isfinite(self.error):
            return f"{'-':>9s} {'-':>6s} {'':6s}" + (f" {'':6s}" if cone else "")
        text = f"{self.seconds:9.3f} {self.seconds / own:6.1f} {self.error:6.0e}"
        return text + (f" {'' if gated else format(self.cone, '.0e'):>6s}" if cone else "")


def rival(problem: Problem, name: str, optimum: float, limit: float, repeat: int, short: float) -> Result:
    """The first tolerance that reaches the target, else the best error."""
    adapter, arguments, tolerances = RIVALS[name]
    best = Result()
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "problem.npz", Path(folder) / "solution.npz"
        problem.save(source)
        for tol in tolerances:
            command = [
                python_of(adapter),
                str(ADAPTERS / f"run_{adapter}.py"),
                str(source),
                str(target),
                str(repeat),
                str(short),
                str(tol),
                *arguments,
            ]
            try:
                subprocess.run(
                    command, check=True, capture_output=True, timeout=limit + 20.0, env=environment, preexec_fn=_bound_memory
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                print(f"  {name} at {tol:g}: stopped after {limit:.0f} s", file=sys.stderr)
                break
            except subprocess.CalledProcessError as error:
                reason = error.stderr.decode().strip() or f"exit status {error.returncode}"
                print(f"  {name} at {tol:g}: {reason.splitlines()[-1]}", file=sys.stderr)
                break
            found = np.load(target)
            error = problem.objective(found["plus"], found["minus"]) / optimum - 1.0
            if abs(error) < best.error:
                cone = problem.cone_violation(found["plus"], found["minus"])
                best = Result(float(found["seconds"]), abs(error), cone)
            if abs(error) <= TARGET:
                break
    return best


def _bound_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def grid(sizes: list[str], betas: list[float], gated: list[bool], logistic: bool) -> list[Problem]:
    """Teacher networks with noise, ``n x d x P``, and rows of concrete (replicated features for d = 50 are none: it keeps its own)."""
    problems = []
    for size in sizes:
        if size == FIXED:
            problems.append(fixed())
            continue
        name, n, d, P = _parsed(size)
        rng = np.random.default_rng(0)
        if name == "concrete":
            data = load("uci-concrete")
            rows = rng.permutation(len(data["X"]))[:n]
            X, _ = standardised(data["X"][rows].astype(float), data["X"][rows].astype(float))
            y, _ = standardised(data["y"][rows].astype(float), data["y"][rows].astype(float))
            X = np.hstack([X, np.ones((len(X), 1))])
        else:
            X = rng.standard_normal((n, d))
            y = np.maximum(X @ rng.standard_normal((d, 10)) / np.sqrt(d), 0.0) @ rng.choice([-1.0, 1.0], 10)
            y = y + 0.3 * rng.standard_normal(n)
        if logistic:
            y = np.where(y > np.median(y), 1.0, -1.0)
        gates = rng.standard_normal((X.shape[1], P))
        for is_gated in gated:
            problem = Problem("", X, y, gates, 1.0, is_gated, logistic)
            top = _beta_max(problem)
            for fraction in betas:
                label = f"{size} {'gated' if is_gated else 'relu'}{' log' if logistic else ''} {fraction:g}"
                problems.append(Problem(label, X, y, gates, fraction * top, is_gated, logistic))
    return problems


def default_grid() -> list[Problem]:
    """The problems of the table."""
    return [*grid(SIZES, BETAS, [False, True], False), *grid(LOGISTIC_SIZES, BETAS, [False, True], True)]


def _parsed(size: str) -> tuple[str, int, int, int]:
    name, _, rest = size.rpartition(":")
    n, d, P = (int(k) for k in rest.split("x"))
    return name or "teacher", n, d, P


def _beta_max(problem: Problem) -> float:
    """``max_j ||X' D_j lambda||`` at the zero network, an upper bound with cones and exact without."""
    dual = (0.5 * problem.y if problem.logistic else problem.y) / len(problem.y)
    return float(np.linalg.norm((problem.masks * dual[:, None]).T @ problem.X, axis=1).max())


def fixed() -> Problem:
    stored = load_problem(FIXED)
    return Problem(FIXED, stored["X"], stored["y"], stored["G"], float(stored["beta"]) / len(stored["X"]), False, False)


def summary(rows: list[str]) -> list[str]:
    """Ratios of each rival over the rows of a table with all of them: where it reached the target, and wherever it answered."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in RIVALS}
    for row in rows:
        for name, column in zip(RIVALS, row.split("|")[1:], strict=True):
            fields = column.split()
            if len(fields) > 2:
                found[name].append((float(fields[1]), float(fields[2])))
    lines = []
    for name, pairs in found.items():
        reached = [ratio for ratio, error in pairs if error <= TARGET]
        if reached:
            lines.append(
                f"{name}: 1e-6 on {len(reached)} of {len(rows)}, ratio median {np.median(reached):.1f}, least {min(reached):.1f};"
                f" median of all {len(pairs)} answers {np.median([ratio for ratio, _ in pairs]):.1f}"
            )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--summarise", nargs="*", type=Path, metavar="FILE", help="only put tables of parts together")
    parser.add_argument("--sizes", nargs="*", default=SIZES)
    parser.add_argument("--betas", nargs="*", type=float, default=BETAS)
    parser.add_argument("--activations", nargs="*", default=["relu", "gated"])
    parser.add_argument("--logistic-sizes", nargs="*", default=LOGISTIC_SIZES)
    parser.add_argument(
        "--limits", nargs=3, type=float, default=[60.0, 5.0, 30.0],
        help="a rival may take so many times as long as we do, but at least and at most so many seconds, and always as long as we do",
    )  # fmt: skip
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--short", type=float, default=2.0, help="seconds up to which a run is repeated")
    parser.add_argument(
        "--long", type=float, default=60.0, help="seconds from which a run is not made again at 1e-9 for reference"
    )
    arguments = parser.parse_args()
    header = f"{'problem':34s} {'ours s':>8s}"
    for name in RIVALS:
        header += f" |{name:>9s} {'ratio':>6s} {'error':>6s}" + (f" {'cone':>6s}" if name in LOOSE else "")
    print(header)
    rows = []
    if arguments.summarise:
        for file in arguments.summarise:
            rows += [line for line in file.read_text().splitlines()[1:] if "|" in line]
        print("\n".join(rows + summary(rows)))
        return
    gated = [a == "gated" for a in arguments.activations]
    problems = [
        *grid(arguments.sizes, arguments.betas, gated, False),
        *grid(arguments.logistic_sizes, arguments.betas, gated, True),
    ]
    for problem in problems:
        again = arguments.repeat, arguments.short
        with threadpool_limits(limits=1):
            optimum, own = timed(partial(ours, problem, TARGET), *again)
        if own <= arguments.long:
            optimum = ours(problem, 1e-9)
        line = f"{problem.name:34s} {own:8.3f}"
        for name in RIVALS:
            found = Result()
            if not (problem.logistic and RIVALS[name][0] == "pyscnn"):
                times, least, most = arguments.limits
                limit = max(min(most, max(least, times * own)), own)
                found = rival(problem, name, optimum, limit, *again)
            line += " |" + found.cells(own, cone=name in LOOSE, gated=problem.gated)
        rows.append(line.rstrip())
        print(rows[-1], flush=True)
    print("\n".join(summary(rows)))


if __name__ == "__main__":
    main()
