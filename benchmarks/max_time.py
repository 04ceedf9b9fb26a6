"""What ``max_time`` is worth: how far fits run over it, and what they have by then.

``python -m benchmarks.max_time`` asks for 2, 5 and 20 seconds on ten problems, one of them with the choice of beta and one over given
arrangements. A line each: seconds taken, by how much more that is than was asked for, the objective relative to that of the longest fit,
the score on rows of its own, and what the certificate says. One BLAS thread, wall time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.protocol import quiet_fit
from benchmarks.time_to_model import Data, classes, friedman, texts
from skconvrelu import ConvexReLUClassifier, ConvexReLUClassifierCV, ConvexReLURegressor, ConvexReLURegressorCV

#: name, estimator, data
PROBLEMS: list[tuple[str, Any, Callable[[], Data]]] = [
    ("friedman 2000 x 10", ConvexReLURegressor(), lambda: friedman(2000, 10)),
    ("absolute error 1000 x 10", ConvexReLURegressor(loss="absolute_error"), lambda: friedman(1000, 10)),
    ("5 classes 2000 x 15", ConvexReLUClassifier(), lambda: classes(2000, 15, 5)),
    ("shared, 5 classes 2000 x 15", ConvexReLUClassifier(shared_units=True), lambda: classes(2000, 15, 5)),
    ("2 classes 300 x 2000", ConvexReLUClassifier(), lambda: classes(300, 2000, 2)),
    ("friedman 2000 x 200", ConvexReLURegressor(), lambda: friedman(2000, 200)),
    ("friedman 100000 x 10", ConvexReLURegressor(), lambda: friedman(100_000, 10)),
    (
        "given, 1000 of 3000 x 30",
        ConvexReLURegressor(refine=False, n_arrangements=1000),
        lambda: friedman(3000, 30),
    ),
    ("chosen, friedman 2000 x 10", ConvexReLURegressorCV(), lambda: friedman(2000, 10)),
    ("chosen, texts 5000 x 50", ConvexReLUClassifierCV(), lambda: texts(5000)),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, nargs="+", default=[2.0, 5.0, 20.0])
    arguments = parser.parse_args()
    head = ("asked", "took", "over", "objective", "score", "units")
    print(f"{'':28s}" + "".join(f"{title:>10s}" for title in head) + "  certificate")
    overruns = []
    with threadpool_limits(limits=1):
        for name, estimator, make in PROBLEMS:
            X, y, V, v = make()
            rows = []
            for asked in arguments.seconds:
                model = estimator.set_params(max_time=asked, random_state=0)
                begin = time.perf_counter()
                quiet_fit(model, X, y)
                took = time.perf_counter() - begin
                overruns.append((took - asked) / max(0.1 * asked, 2.0))
                certificate = model.certificate_
                rows.append(
                    (asked, took, model.objective_, model.score(V, v), certificate.n_units, certificate.verdict)
                )
            for asked, took, objective, score, units, verdict in rows:
                # at one penalty objectives are comparable; where it is chosen they are not
                reached = f"{objective / rows[-1][2]:10.4f}" if not hasattr(estimator, "cv") else f"{'':10s}"
                print(
                    f"{name:28s}{asked:10.1f}{took:10.2f}{took - asked:+10.2f}{reached}{score:10.4f}{units:10d}  {verdict}",
                    flush=True,
                )
    share = np.mean(np.array(overruns) <= 1.0)
    print(
        f"within a tenth of what was asked for or two seconds: {share:.0%}; largest overrun, in units of that: {max(overruns):.2f}"
    )


if __name__ == "__main__":
    main()
