"""Accuracy on held-out rows of official splits: ours by its defaults beside tuned and default rivals.

``python -m benchmarks.accuracy`` fits every model of :mod:`benchmarks.contenders` on the six regression sets and the twenty ``fd-``
sets and prints the tables of the documentation: root mean squared error or accuracy, means over splits, ranks, and for
ours the searched relative gap of every refitted model. No test row takes part in any choice. Official splits; california-housing
has none and gets five draws of 2000 training rows, tested on the rest. Results are kept, one JSON line a fit, in the file named
by ``--results``, and what is there is not run again. A copy of ``results/accuracy.jsonl``, which holds rivals only, is a start that no
change of ours makes stale. One BLAS thread; ``--n-jobs`` fits at a time.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from joblib import delayed
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, root_mean_squared_error
from threadpoolctl import threadpool_limits

from benchmarks.contenders import CLASSIFIERS, REGRESSORS, SMOOTH, classifier, regressor
from benchmarks.datasets import REGRESSION, SHARED, classification_names, load
from benchmarks.protocol import keeping, kept

#: test errors of MC dropout on the same splits (Gal & Ghahramani 2016)
MC_DROPOUT = {
    "uci-concrete": 4.82,
    "uci-energy": 0.54,
    "uci-yacht": 0.67,
    "uci-wine-red": 0.62,
    "uci-power-plant": 4.01,
}


def splits(name: str, data: dict[str, np.ndarray], limit: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """At most ``limit`` pairs of training and test rows."""
    kind = next((key for key in ("split", "kfold") if f"{key}_train" in data), None)
    if kind is not None:
        pairs = zip(data[f"{kind}_train"], data[f"{kind}_test"], strict=True)
        return [(train[train >= 0], test[test >= 0]) for train, test in pairs][:limit]
    orders = [np.random.default_rng(seed).permutation(len(data["X"])) for seed in range(min(limit, 5))]
    return [(order[:2000], order[2000:]) for order in orders]


def one_fit(name: str, split: int, model: str, train: np.ndarray, test: np.ndarray) -> dict[str, Any]:
    """Test score of one model on one split, with its seconds, and gap, beta and units for ours."""
    data = load(name)
    X, y = data["X"].astype(float), data["y"]
    pipeline = (regressor if name in REGRESSION else classifier)(model, len(train))
    begin = time.perf_counter()
    with warnings.catch_warnings(), threadpool_limits(limits=1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", FutureWarning)
        pipeline.fit(X[train], y[train])
        seconds = time.perf_counter() - begin
        score = (root_mean_squared_error if name in REGRESSION else accuracy_score)(y[test], pipeline.predict(X[test]))
    result = {"set": name, "split": split, "model": model, "score": float(score), "seconds": round(seconds, 2)}
    if model == "ours":
        fitted = pipeline[-1]
        result |= {"gap": fitted.certificate_.gap_searched, "beta": fitted.beta_, "units": len(fitted.convex_coef_)}
    return result


def run(names: list[str], models: list[str] | None, limit: int, n_jobs: int, path: Path) -> list[dict[str, Any]]:
    """All results, those on file first; new ones are written as they come."""
    known = kept(path)
    done = {(r["set"], r["split"], r["model"]) for r in known}
    tasks = []
    for name in names:
        wanted = [m for m in (REGRESSORS if name in REGRESSION else CLASSIFIERS) if models is None or m in models]
        for split, (train, test) in enumerate(splits(name, load(name), limit)):
            tasks += [(name, split, m, train, test) for m in wanted if (name, split, m) not in done]
    return known + list(keeping(path, [delayed(one_fit)(*task) for task in tasks], n_jobs))


def table(results: list[dict[str, Any]], names: list[str], models: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Mean score of each model on each set."""
    scores: dict[str, dict[str, float]] = {}
    for name in names:
        own = [r for r in results if r["set"] == name]
        scores[name] = {m: float(np.mean([r["score"] for r in own if r["model"] == m])) for m in models
                        if any(r["model"] == m for r in own)}  # fmt: skip
    return scores


def published() -> dict[str, float]:
    """Accuracy (percent) on each set of the method that is best by its mean in the published table."""
    with (SHARED / "data" / "fd2014_reference.csv").open() as file:
        rows = list(csv.reader(file))
    return {row[0]: float(row[1]) for row in rows[1:]}


def _row(label: str, values: list[float], digits: int) -> str:
    return f"{label:32s}" + "".join(f"{value:11.{digits}f}" for value in values)


def _ranks(scores: list[list[float]]) -> list[float]:
    """Mean rank of each column, 1 for the smallest of a row."""
    return list(np.mean([rankdata(row) for row in scores], axis=0)) if scores else []


def report(results: list[dict[str, Any]], names: list[str], models: tuple[str, ...], *, regression: bool) -> None:
    """Print one table."""
    scores = table(results, names, models)
    reference = MC_DROPOUT if regression else published()
    last = "mc-dropout" if regression else "published"
    print(f"{'':32s}" + "".join(f"{m:>11s}" for m in [*models, last]) + f"{'gap':>10s}{'units':>10s}{'seconds':>10s}")
    rows = []
    for name in names:
        own = [r for r in results if r["set"] == name and r["model"] == "ours"]
        factor = 1.0 if regression else 100.0
        values = [factor * scores[name].get(m, np.nan) for m in models]
        rows.append(values)
        key = name if regression else name.removeprefix("fd-")
        extra = [reference.get(key, np.nan)]
        line = _row(name, values + extra, 4 if regression else 2)
        if own:
            line += f"{max(r['gap'] for r in own if r['gap'] is not None):10.1e}"
            line += f"{np.mean([r['units'] for r in own]):10.0f}{np.mean([r['seconds'] for r in own]):10.1f}"
        print(line)
    complete = [row for row in rows if not np.isnan(row).any()]
    if not regression and complete:
        quoted = [reference.get(name.removeprefix("fd-"), np.nan) for name in names]
        print(_row("mean", [*np.mean(complete, axis=0), float(np.mean(quoted))], 2))
    sign = 1.0 if regression else -1.0
    print(_row("mean rank", _ranks([[sign * v for v in row] for row in complete]), 2))
    if regression:
        smooth = [models.index(m) for m in SMOOTH]
        print(
            "lowest of the smooth on",
            sum(row[0] < min(row[j] for j in smooth) for row in complete),
            "of",
            len(complete),
        )
        print("lowest of all on", sum(row[0] <= min(row) for row in complete), "of", len(complete))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*", default=[*REGRESSION, *classification_names()])
    parser.add_argument("--models", nargs="*", default=None)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--results", type=Path, default=Path("accuracy.jsonl"))
    arguments = parser.parse_args()
    results = run(arguments.sets, arguments.models, arguments.splits, arguments.n_jobs, arguments.results)
    for models, regression in ((REGRESSORS, True), (CLASSIFIERS, False)):
        names = [name for name in arguments.sets if (name in REGRESSION) == regression]
        if names:
            report(results, names, models, regression=regression)


if __name__ == "__main__":
    main()
