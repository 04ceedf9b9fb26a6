"""Given arrangements, time to the optimum: the scipy solver against cvxpy + Clarabel, in one run on one BLAS thread.

``python -m benchmarks.fixed_arrangements`` prints the median of the repetitions, the ratio, and the error of each objective.
"""

from __future__ import annotations

import argparse
import time

import cvxpy as cp
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.datasets import load_problem
from skconvrelu import ConvexReLURegressor


def ours(X: np.ndarray, y: np.ndarray, G: np.ndarray, beta: float) -> float:
    """Objective at a certified relative gap of 1e-6."""
    model = ConvexReLURegressor(beta, arrangements=G, refine=False, fit_intercept=False, tol=1e-6, solver="scipy").fit(
        X, y
    )
    assert model.dual_gap_ <= 1e-6 * model.objective_
    return float(model.objective_)


def cvxpy_clarabel(X: np.ndarray, y: np.ndarray, G: np.ndarray, beta: float) -> float:
    """The same program written for cvxpy with vectorised constraints."""
    n, d = X.shape
    D = (X @ G >= 0).astype(float)
    U, V = cp.Variable((d, D.shape[1])), cp.Variable((d, D.shape[1]))
    fit = cp.sum(cp.multiply(D, X @ (U - V)), axis=1)
    cost = cp.sum_squares(fit - y) / (2 * n) + beta * (cp.sum(cp.norm(U, axis=0)) + cp.sum(cp.norm(V, axis=0)))
    sign = 2 * D - 1
    problem = cp.Problem(cp.Minimize(cost), [cp.multiply(sign, X @ U) >= 0, cp.multiply(sign, X @ V) >= 0])
    problem.solve(solver=cp.CLARABEL, max_threads=1)
    return float(problem.value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    problem = load_problem("fixed-300x10")
    X, y, G = problem["X"], problem["y"], problem["G"]
    n = len(X)
    beta, optimum = float(problem["beta"]) / n, float(problem["optimal_objective"]) / n
    seconds: dict[str, list[float]] = {"scipy solver": [], "cvxpy + Clarabel": []}
    objective = {}
    with threadpool_limits(limits=1):
        for _ in range(repeat):
            for name, solve in (("scipy solver", ours), ("cvxpy + Clarabel", cvxpy_clarabel)):
                begin = time.perf_counter()
                objective[name] = solve(X, y, G, beta)
                seconds[name].append(time.perf_counter() - begin)
    for name, times in seconds.items():
        print(
            f"{name:18s} {np.median(times):7.3f} s, relative error of the objective {objective[name] / optimum - 1:.1e}"
        )
    ratios = np.array(seconds["cvxpy + Clarabel"]) / np.array(seconds["scipy solver"])
    print(f"ratio of times, pair by pair: median {np.median(ratios):.1f}, smallest {ratios.min():.1f}")


if __name__ == "__main__":
    main()
