"""The program written for cvxpy with vectorised constraints, by Clarabel or SCS, on a problem given as a file.

``python run_conic.py problem.npz solution.npz tol solver``, keys as for adelie.
"""

import sys
import time

import cvxpy as cp
import numpy as np

source, target, tol, solver = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]
problem = np.load(source)
X, y, D = problem["X"], problem["y"], problem["masks"].astype(float)
gated, beta = bool(problem["gated"]), float(problem["beta"])
(n, d), P = X.shape, D.shape[1]

begin = time.perf_counter()
U, V = cp.Variable((d, P)), cp.Variable((d, P))
fit = cp.sum(cp.multiply(D, X @ (U if gated else U - V)), axis=1)
loss = cp.sum(cp.logistic(-cp.multiply(y, fit))) / n if bool(problem["logistic"]) else cp.sum_squares(fit - y) / (2 * n)
cost, constraints = loss + beta * cp.sum(cp.norm(U, axis=0)), []
if not gated:
    cost = cost + beta * cp.sum(cp.norm(V, axis=0))
    constraints = [cp.multiply(2 * D - 1, X @ U) >= 0, cp.multiply(2 * D - 1, X @ V) >= 0]
program = cp.Problem(cp.Minimize(cost), constraints)
options = {"eps_abs": tol, "eps_rel": tol, "max_iters": 10**6} if solver == "SCS" else {
    "max_threads": 1, "tol_gap_abs": tol, "tol_gap_rel": tol, "tol_feas": tol,
}  # fmt: skip
program.solve(solver=solver, **options)
seconds = time.perf_counter() - begin
np.savez(target, plus=U.value.T, minus=np.zeros((P, d)) if gated else V.value.T, seconds=seconds)
