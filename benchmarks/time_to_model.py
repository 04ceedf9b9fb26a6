"""How long a default fit takes, beside what users are used to.

``python -m benchmarks.time_to_model`` fits the plain estimators at their defaults to eight generated problems, and beside them
scikit-learn's MLP trained to convergence (one hidden layer of 100 units, standardised data, no early stopping), gradient boosting at
its defaults, and a support vector machine at one setting. A line a problem and model: CPU and wall seconds, score on as many rows of
their own, and for ours the objective and the gap. One BLAS thread. ``--label`` names the version in the file of results (a JSON line a
fit), so that the same script run on another checkout adds its own lines; the last column is the ratio of CPU seconds to those of the
first label. ``--params tol=1e-2`` changes defaults. Medians of ``--repeats`` runs, which are not repeated beyond a minute.
"""

from __future__ import annotations

import argparse
import ast
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from joblib import delayed
from sklearn.datasets import make_classification, make_friedman1
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import SVC, SVR
from threadpoolctl import threadpool_limits

from benchmarks.protocol import estimator_for, keeping, kept, quiet_fit, standardised

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

#: a fit that takes longer is not repeated
_LONG = 60.0


def friedman(n: int, d: int) -> Data:
    """Friedman's first function with noise of a fifth of its spread."""
    X, y = make_friedman1(2 * n, d, noise=1.0, random_state=0)
    X, V = standardised(X[:n], X[n:])
    y, v = standardised(y[:n], y[n:])
    return X, y, V, v


def classes(n: int, d: int, n_classes: int, informative: int = 10) -> Data:
    """Clusters of several classes in a few of the features."""
    X, y = make_classification(
        2 * n, d, n_informative=informative, n_classes=n_classes, n_clusters_per_class=3, random_state=0
    )
    X, V = standardised(X[:n], X[n:])
    return X, y[:n], V, y[n:]


def texts(n: int) -> Data:
    """Word counts of documents of four topics, as fifty components of their tf-idf."""
    rng = np.random.default_rng(0)
    topics = rng.dirichlet(np.full(2000, 0.05), size=12)
    y = rng.integers(4, size=2 * n)
    mixtures = np.array([rng.dirichlet(np.where(np.arange(12) % 4 == label, 1.0, 0.3)) for label in y])
    counts = np.array([rng.multinomial(60, mixture @ topics) for mixture in mixtures])
    X = TruncatedSVD(50, random_state=0).fit_transform(TfidfTransformer().fit_transform(counts))
    X, V = standardised(X[:n], X[n:])
    return X, y[:n], V, y[n:]


#: problem: whether it is a regression, and its data
PROBLEMS: dict[str, tuple[bool, Callable[[], Data]]] = {
    "friedman 500 x 10": (True, lambda: friedman(500, 10)),
    "friedman 2000 x 10": (True, lambda: friedman(2000, 10)),
    "5 classes 2000 x 15": (False, lambda: classes(2000, 15, 5)),
    "2 classes 300 x 1000": (False, lambda: classes(300, 1000, 2)),
    "friedman 10000 x 20": (True, lambda: friedman(10_000, 20)),
    "friedman 500 x 200": (True, lambda: friedman(500, 200)),
    "2 classes 300 x 2000": (False, lambda: classes(300, 2000, 2)),
    "texts 20000 x 50": (False, lambda: texts(20_000)),
}
MODELS = ("ours", "MLP", "boosting", "SVM")


def model_of(name: str, regression: bool, params: dict[str, Any]) -> Any:
    """A fresh model."""
    if name == "ours":
        return estimator_for(regression)(random_state=0, **params)
    if name == "MLP":
        kind = MLPRegressor if regression else MLPClassifier
        return kind(max_iter=10_000, random_state=0)
    if name == "boosting":
        return (HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier)(random_state=0)
    return (SVR if regression else SVC)()


def measured(problem: str, name: str, label: str, params: dict[str, Any], repeats: int) -> dict[str, Any]:
    """One model on one problem."""
    regression, make = PROBLEMS[problem]
    X, y, V, v = make()
    cpu, wall = [], []
    with threadpool_limits(limits=1):
        for _ in range(repeats):
            model = model_of(name, regression, params)
            begin, begin_cpu = time.perf_counter(), time.process_time()
            quiet_fit(model, X, y)
            wall.append(time.perf_counter() - begin)
            cpu.append(time.process_time() - begin_cpu)
            if wall[-1] > _LONG:
                break
        score = model.score(V, v)
    found = {"cpu": float(np.median(cpu)), "wall": float(np.median(wall)), "score": float(score)}
    if name == "ours":
        gap = model.certificate_.gap_searched
        found |= {"objective": float(model.objective_), "gap": float(gap), "recall": float(model.certificate_.recall)}
    return {"task": [problem, name, label if name == "ours" else ""], "found": found}


def table(results: dict[tuple[str, ...], dict[str, float]], labels: list[str]) -> None:
    """A line a problem and model."""
    head = ("CPU s", "wall s", "score", "objective", "gap", "recall", "times MLP", f"of {labels[0] or 'first'}")
    print(f"{'':22s} {'':18s}" + "".join(f"{title:>11s}" for title in head))
    for problem in PROBLEMS:
        mlp, first = results.get((problem, "MLP", "")), results.get((problem, "ours", labels[0]))
        for name in MODELS:
            for label in labels if name == "ours" else [""]:
                found = results.get((problem, name, label))
                if found is None:
                    continue
                line = f"{problem:22s} {f'{name} {label}':18s}{found['cpu']:11.2f}{found['wall']:11.2f}{found['score']:11.4f}"
                if name == "ours":
                    line += f"{found['objective']:11.6g}{found['gap']:11.1e}{found['recall']:11.0%}"
                    line += f"{found['cpu'] / mlp['cpu']:11.2f}" if mlp else " " * 11
                    line += f"{found['cpu'] / first['cpu']:11.3f}" if first else ""
                print(line.rstrip())
    for label in labels:
        ours = [(p, results[p, "ours", label]["cpu"]) for p in PROBLEMS if (p, "ours", label) in results]
        beside = [(cpu, results[p, "MLP", ""]["cpu"]) for p, cpu in ours if (p, "MLP", "") in results]
        before = [(cpu, results[p, "ours", labels[0]]["cpu"]) for p, cpu in ours if (p, "ours", labels[0]) in results]
        means = [np.exp(np.mean([np.log(a / b) for a, b in pairs])) if pairs else np.nan for pairs in (beside, before)]
        print(
            f"geometric means, {label or 'ours'}: {means[0]:.2f} times the MLP, {means[1]:.3f} of {labels[0] or 'first'}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--label", default="", help="of our version")
    parser.add_argument("--params", nargs="*", default=[], metavar="NAME=VALUE", help="of our estimators")
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--results", type=Path, default=Path("time_to_model.jsonl"))
    arguments = parser.parse_args()
    pairs = [pair.split("=", 1) for pair in arguments.params]
    params = {name: ast.literal_eval(value) for name, value in pairs}
    done = [tuple(result["task"]) for result in kept(arguments.results)]
    tasks = [(p, m, arguments.label if m == "ours" else "") for p in arguments.problems for m in arguments.models]
    calls = [
        delayed(measured)(p, m, label, params, arguments.repeats) for p, m, label in tasks if (p, m, label) not in done
    ]
    for _ in keeping(arguments.results, calls, 1):
        pass
    results = {tuple(result["task"]): result["found"] for result in kept(arguments.results)}
    table(results, list(dict.fromkeys(label for _, name, label in results if name == "ours")) or [""])


if __name__ == "__main__":
    main()
