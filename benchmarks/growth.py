"""How time and memory grow with samples, features and units.

``python -m benchmarks.growth`` fits teacher networks (ten units, noise 0.3) in a process of its own each, doubles or quadruples one size
at a time, and prints seconds of fit and prediction, peak memory beside that of X, units and searched gap, with the exponent between
neighbouring rows: log of the ratio of times by log of the ratio of sizes.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.protocol import quiet_fit
from skconvrelu import ConvexReLURegressor


def teacher(n: int, d: int, units: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal features and the outputs of a random network with noise."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    W = rng.standard_normal((d, units)) / np.sqrt(d)
    return X, np.maximum(X @ W, 0.0) @ rng.choice([-1.0, 1.0], units) + 0.3 * rng.standard_normal(n)


def measure(n: int, d: int, units: int, tol: float) -> dict[str, float]:
    """One fit in this process."""
    X, y = teacher(n, d, units)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with threadpool_limits(limits=1):
        begin = time.perf_counter()
        model = quiet_fit(ConvexReLURegressor(tol=tol, random_state=0), X, y)
        fitted = time.perf_counter() - begin
        begin = time.perf_counter()
        model.predict(X)
        predicted = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    certificate = model.certificate_
    return {
        "fit": fitted, "predict": predicted, "copies": (peak - before) * 1024 / X.nbytes, "peak": peak / 2**20,
        "units": certificate.n_units, "rounds": certificate.n_rounds, "gap": certificate.gap_searched,
    }  # fmt: skip


def row(n: int, d: int, units: int, tol: float, limit: float) -> dict[str, float] | None:
    """One fit in a process of its own, so that its peak memory is its own; None where it took longer than ``limit`` seconds."""
    command = [sys.executable, "-m", "benchmarks.growth", "--one", str(n), str(d), str(units), "--tol", str(tol)]
    try:
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=limit).stdout)
    except subprocess.TimeoutExpired:
        return None


def table(sizes: list[tuple[int, int, int]], varied: int, tol: float, limit: float) -> None:
    """Rows along one size, with exponents."""
    print(f"{'n':>9s} {'d':>5s} {'teacher':>7s} {'fit s':>9s} {'exp':>6s} {'predict s':>9s} {'exp':>6s} {'peak GiB':>8s} {'copies':>7s}"
          f" {'units':>6s} {'rounds':>6s} {'gap':>8s}")  # fmt: skip
    last: tuple[tuple[int, int, int], dict[str, float]] | None = None
    for size in sizes:
        found = row(*size, tol, limit)
        if found is None:
            print(f"{size[0]:9d} {size[1]:5d} {size[2]:7d} stopped after {limit:.0f} s", flush=True)
            continue
        exponents = {"fit": np.nan, "predict": np.nan}
        if last is not None:
            step = np.log(size[varied] / last[0][varied])
            exponents = {key: np.log(found[key] / last[1][key]) / step for key in exponents}
        print(
            f"{size[0]:9d} {size[1]:5d} {size[2]:7d} {found['fit']:9.2f} {exponents['fit']:6.2f} {found['predict']:9.4f}"
            f" {exponents['predict']:6.2f} {found['peak']:8.2f} {found['copies']:7.1f} {found['units']:6.0f} {found['rounds']:6.0f}"
            f" {found['gap']:8.1e}",
            flush=True,
        )
        last = size, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=3, type=int, help="n, d and units of one fit, for the table's own use")
    parser.add_argument("--tol", type=float, default=1e-2)
    parser.add_argument("--most-rows", type=int, default=1_000_000)
    parser.add_argument("--most-features", type=int, default=800)
    parser.add_argument("--limit", type=float, default=600.0, help="seconds a fit may take")
    varied = ["rows", "features", "units"]
    parser.add_argument("--vary", nargs="+", default=varied, choices=varied, help="the tables to make")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(*arguments.one, arguments.tol)))
        return
    rows = [n for n in (1_000, 4_000, 16_000, 64_000, 250_000, 1_000_000) if n <= arguments.most_rows]
    features = [d for d in (5, 10, 20, 80, 200, 800) if d <= arguments.most_features]
    tables = {
        "rows": [(n, 10, 10) for n in rows],
        "features": [(2_000, d, 10) for d in features],
        "units": [(2_000, 10, units) for units in (3, 10, 30, 100)],
    }
    for index, (name, sizes) in enumerate(tables.items()):
        if name in arguments.vary:
            table(sizes, index, arguments.tol, arguments.limit)


if __name__ == "__main__":
    main()
