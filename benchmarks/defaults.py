"""Which defaults? One at a time is changed, and what that does to rows held out of the training rows, or to the search, is measured.

``python -m benchmarks.defaults`` prints three tables over the six regression and the twenty ``fd-`` sets, a line a change, geometric
means over sets of what a change does relative to the defaults (below one is better than they are), with standard errors. "choice":
the estimators that choose beta, trained on at most a hundred of the official training rows and scored on at most 2000 others of
them; no test row is read. "tol": the plain estimators at beta="auto", trained and scored in the same way. "search": the plain estimators
at beta="auto", tol 1e-3, objective and seconds of the whole fit. Defaults
that are no parameter are numbers of :class:`skconvrelu.policy.Policy`. One BLAS thread; all changes of a set run in one process, and
what is in the file named by ``--results``, a JSON line a set, is not run again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from joblib import delayed
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from benchmarks.datasets import REGRESSION, classification_names, load, training_rows
from benchmarks.protocol import error, estimator_for, keeping, kept, quiet_fit, standardised
from skconvrelu import ConvexReLUClassifierCV, ConvexReLURegressorCV
from skconvrelu.policy import DEFAULT

#: of each change, by its label, what it came to, by name
Measures = dict[str, dict[str, float]]

#: of these rows at most are held out
_HELD_OUT = 2000


@dataclass(frozen=True)
class Change:
    """Parameters, and numbers of the policy, that differ from the defaults."""

    label: str
    params: dict[str, Any] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)
    classes_only: bool = False

    def made(self, estimator: Any) -> Any:
        """The estimator, changed."""
        estimator._policy = replace(DEFAULT, **self.policy)
        return estimator.set_params(**self.params)


def minus_log_loss(model: Any, X: np.ndarray, y: np.ndarray) -> float:
    """Over the classes that the model knows: a fold may lack some."""
    known = np.isin(y, model.classes_)
    P = model.predict_proba(X[known])
    return float(np.log(np.maximum(P[np.arange(len(P)), np.searchsorted(model.classes_, y[known])], 1e-15)).mean())


#: what was tried; the first line is the defaults
CHOICE = (
    Change("defaults"),
    Change("defaults, another random_state", {"random_state": 1}),
    *(Change(f"betas={k} (21)", {"betas": k}) for k in (11, 41)),
    Change("eps=1e-3 (1e-5)", {"eps": 1e-3}),
    Change("cv=3 (5)", {"cv": 3}),
    Change("scoring by log loss (Brier)", {"scoring": minus_log_loss}, classes_only=True),
    Change('scoring="accuracy" (Brier)', {"scoring": "accuracy"}, classes_only=True),
    Change("one_standard_error=True (False)", {"one_standard_error": True}),
    Change("tol=0.1 (1e-2)", {"tol": 1e-1}),
    Change("n_arrangements=30 (100)", {"n_arrangements": 30}),
    *(Change(f"path_steps={k} (30)", policy={"path_steps": k}) for k in (10, 100)),
    Change("path_pricings=1 (4)", policy={"path_pricings": 1}),
    Change("path_starts=50 (15)", policy={"path_starts": 50}),
)
TOL = (
    Change("defaults", {"tol": 1e-4}),
    Change("tol=1e-4, another random_state", {"tol": 1e-4, "random_state": 1}),
    *(Change(f"tol={tol:g}", {"tol": tol}) for tol in (1e-3, 1e-2, 3e-2, 1e-1)),
)
SEARCH = (
    Change("defaults"),
    Change("defaults, another random_state", {"random_state": 1}),
    *(Change(f"n_arrangements={k} (100)", {"n_arrangements": k}) for k in (30, 300)),
    *(Change(f'arrangements="{a}" ("gaussian")', {"arrangements": a}) for a in ("sparse", "data")),
    *(Change(f"steps={k} (300)", policy={"steps": k}) for k in (100, 1000)),
    *(
        Change(f"starts_per_dimension={k} (20)", policy={"starts_per_dimension": k, "most_starts": 40 * k})
        for k in (5, 80)
    ),
    *(Change(f"new_units={k} (100)", policy={"new_units": k}) for k in (30, 300)),
    *(Change(f"loosest={a:g} (3e-2)", policy={"loosest": a}) for a in (3e-1, 3e-3)),
)
#: measures of a table: name, and whether changes are differences in points instead of ratios
CHOICE_MEASURES = {"RMSE": False, "Brier": False, "accuracy": True, "seconds": False}
SEARCH_MEASURES = {"objective": False, "seconds": False}


def prepared(name: str, rows: int, seed: int) -> tuple[np.ndarray, ...]:
    """X, y to train on and V, v held out, all of them official training rows."""
    data = load(name)
    official = training_rows(data)
    X, y = data["X"][official].astype(float), data["y"][official]
    part = min(rows, int(0.75 * len(X)))
    X, V, y, v = train_test_split(X, y, train_size=part, random_state=seed, stratify=None if name in REGRESSION else y)
    X, V = standardised(X, V[:_HELD_OUT])
    if name in REGRESSION:
        y, v = standardised(y.astype(float), v.astype(float))
    return X, y, V, v[:_HELD_OUT]


def choice(name: str, rows: int, seed: int) -> Measures:
    """Measures of each change on one set."""
    kind = ConvexReLURegressorCV if name in REGRESSION else ConvexReLUClassifierCV
    return scored(name, CHOICE, kind, rows, seed)


def tol(name: str, rows: int, seed: int) -> Measures:
    """Measures of each change on one set."""
    return scored(name, TOL, estimator_for(name in REGRESSION), rows, seed)


def scored(name: str, changes: tuple[Change, ...], kind: Any, rows: int, seed: int) -> Measures:
    """Seconds, and errors on rows that were held out."""
    X, y, V, v = prepared(name, rows, seed)
    found = {}
    for change in changes:
        if change.classes_only and name in REGRESSION:
            continue
        model = change.made(kind(random_state=0, solver="scipy"))
        begin = time.perf_counter()
        quiet_fit(model, X, y)
        measures = {"seconds": time.perf_counter() - begin}
        regression = name in REGRESSION
        measures["RMSE" if regression else "Brier"] = error(model, V, v, regression=regression)
        if not regression:
            measures["accuracy"] = 100.0 * model.score(V, v)
        found[change.label] = measures
    return found


def search(name: str, rows: int, seed: int) -> Measures:
    """Measures of each change on one set."""
    X, y, _, _ = prepared(name, rows, seed)
    found = {}
    for change in SEARCH:
        model = change.made(estimator_for(name in REGRESSION)(random_state=0, solver="scipy", tol=1e-3))
        begin = time.perf_counter()
        quiet_fit(model, X, y)
        seconds = time.perf_counter() - begin
        found[change.label] = {"objective": model.objective_, "seconds": seconds}
    return found


def measured(run: Callable[..., Measures], *task: Any) -> dict[str, Any]:
    """One set on one BLAS thread."""
    with threadpool_limits(limits=1):
        return {"task": [run.__name__, *task], "found": run(*task)}


def all_measured(run: Callable[..., Measures], tasks: list[tuple[Any, ...]], path: Path, n_jobs: int) -> list[Measures]:
    """Results of all tasks, those on file first; new ones are written as they come."""
    done = {tuple(result["task"]): result["found"] for result in kept(path)}
    missing = [delayed(measured)(run, *task) for task in tasks if (run.__name__, *task) not in done]
    done |= {tuple(result["task"]): result["found"] for result in keeping(path, missing, n_jobs)}
    return [done[run.__name__, *task] for task in tasks]


def table(changes: tuple[Change, ...], measures: dict[str, bool], found: list[Measures]) -> None:
    """A line a change: means over sets, with standard errors."""
    print(f"{'':40s}" + "".join(f" {name:>15s}" for name in measures))
    for change in changes:
        line = f"{change.label:40s}"
        for name, differs in measures.items():
            pairs = [(f[change.label][name], f["defaults"][name]) for f in found if name in f.get(change.label, {})]
            values = np.array([a - b if differs else np.log(a / b) for a, b in pairs])
            if not len(values):
                line += f" {'':15s}"
                continue
            mean, error = values.mean(), values.std(ddof=1) / np.sqrt(len(values))
            cell = f"{mean:+.2f} +- {error:.2f}" if differs else f"{np.exp(mean):.4f} +- {error:.4f}"
            line += f" {cell if name != 'seconds' else f'{np.exp(mean):.2f}':>15s}"
        print(line.rstrip(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    names = ["choice", "tol", "search"]
    parser.add_argument("--tables", nargs="+", default=names, choices=names)
    parser.add_argument("--sets", nargs="+", default=[*REGRESSION, *classification_names()])
    parser.add_argument(
        "--rows", type=int, nargs=3, default=[100, 300, 150], help="at most so many to train on, in each table"
    )
    parser.add_argument("--repeats", type=int, default=1, help="draws of the rows of each set")
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--results", type=Path, default=Path("defaults.jsonl"))
    arguments = parser.parse_args()
    for kind, run, changes, measures, rows in (
        ("choice", choice, CHOICE, CHOICE_MEASURES, arguments.rows[0]),
        ("tol", tol, TOL, CHOICE_MEASURES, arguments.rows[1]),
        ("search", search, SEARCH, SEARCH_MEASURES, arguments.rows[2]),
    ):
        if kind in arguments.tables:
            tasks = [(name, rows, seed) for name in arguments.sets for seed in range(arguments.repeats)]
            table(changes, measures, all_measured(run, tasks, arguments.results, arguments.n_jobs))


if __name__ == "__main__":
    main()
