"""The program written for cvxpy with vectorised constraints, by Clarabel or SCS, on a problem given as a file.

``python run_conic.py problem.npz solution.npz repeat short tol solver``, as for adelie.
"""

import sys

import cvxpy as cp
import numpy as np
from repeating import timed

source, target, repeat, short, tol = sys.argv[1], sys.argv[2], *map(float, sys.argv[3:6])
solver = sys.argv[6]
problem = np.load(source)
X, y, D = problem["X"], problem["y"], problem["masks"].astype(float)
gated, logistic, beta = bool(problem["gated"]), bool(problem["logistic"]), float(problem["beta"])
(n, d), P = X.shape, D.shape[1]
OPTIONS = {"eps_abs": tol, "eps_rel": tol, "max_iters": 10**6} if solver == "SCS" else {
    "max_threads": 1, "tol_gap_abs": tol, "tol_gap_rel": tol, "tol_feas": tol,
}  # fmt: skip


def solve():
    """Vectors (P, d) of either sign."""
    U, V = cp.Variable((d, P)), cp.Variable((d, P))
    fit = cp.sum(cp.multiply(D, X @ (U if gated else U - V)), axis=1)
    loss = cp.sum(cp.logistic(-cp.multiply(y, fit))) / n if logistic else cp.sum_squares(fit - y) / (2 * n)
    cost, constraints = loss + beta * cp.sum(cp.norm(U, axis=0)), []
    if not gated:
        cost = cost + beta * cp.sum(cp.norm(V, axis=0))
        constraints = [cp.multiply(2 * D - 1, X @ U) >= 0, cp.multiply(2 * D - 1, X @ V) >= 0]
    cp.Problem(cp.Minimize(cost), constraints).solve(solver=solver, **OPTIONS)
    return U.value.T, np.zeros((P, d)) if gated else V.value.T


(plus, minus), seconds = timed(solve, int(repeat), short)
np.savez(target, plus=plus, minus=minus, seconds=seconds)
