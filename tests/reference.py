"""The convex program written a second time, for cvxpy, from the papers' formula; shares no code with the package."""

import contextlib
import warnings

import cvxpy as cp
import numpy as np


def cvxpy_optimum(X, Y, weights, patterns, loss, beta, *, constrained, fit_intercept):
    """Optimal value of the program with all blocks (one pair u, u' a pattern and output), by cvxpy and Clarabel."""
    n, d = X.shape
    K = Y.shape[1]
    b = cp.Variable(K)
    columns, norms, constraints = [], [], []
    if not fit_intercept:
        constraints.append(b == 0)
    for k in range(K):
        fit = b[k] * np.ones(n)
        for pattern in patterns:
            DX = pattern[:, None] * X
            if constrained:
                u, v = cp.Variable(d), cp.Variable(d)
                A = (2.0 * pattern[:, None] - 1.0) * X
                constraints += [A @ u >= 0, A @ v >= 0]
                fit = fit + DX @ (u - v)
                norms += [cp.norm(u, 2), cp.norm(v, 2)]
            else:
                u = cp.Variable(d)
                fit = fit + DX @ u
                norms.append(cp.norm(u, 2))
        columns.append(fit)
    if loss == "squared_error":
        value = sum(cp.sum(cp.multiply(weights, cp.square(columns[k] - Y[:, k]))) / 2 for k in range(K))
    elif loss == "log_loss" and K == 1:
        value = cp.sum(cp.multiply(weights, cp.logistic(cp.multiply(-Y[:, 0], columns[0]))))
    elif loss == "log_loss":
        F = cp.vstack(columns).T
        value = cp.sum(cp.multiply(weights, cp.log_sum_exp(F, axis=1) - cp.sum(cp.multiply(Y, F), axis=1)))
    else:
        value = sum(weights @ _LOSSES[loss.split(":")[0]](columns[k], Y[:, k], *_argument(loss)) for k in range(K))
    problem = cp.Problem(cp.Minimize(value + beta * cp.sum(cp.hstack(norms))), constraints)
    for tol in (1e-9, 1e-8):  # the tighter one is beyond the reach of some
        with contextlib.suppress(cp.SolverError), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Solution may be inaccurate")  # the status says so, too
            problem.solve(solver=cp.CLARABEL, tol_gap_abs=tol, tol_gap_rel=tol, tol_feas=tol)
        if problem.status == cp.OPTIMAL:
            break
    assert problem.status == cp.OPTIMAL
    return float(problem.value)


def _argument(loss):
    return [float(text) for text in loss.split(":")[1:]]


_LOSSES = {
    "huber": lambda f, y, epsilon: cp.huber(f - y, epsilon) / 2,
    "poisson": lambda f, y: cp.exp(f) - cp.multiply(y, f),
    "absolute_error": lambda f, y: cp.abs(f - y),
    "quantile": lambda f, y, q: cp.maximum(q * (y - f), (q - 1) * (y - f)),
    "hinge": lambda f, y: cp.pos(1 - cp.multiply(y, f)),
    "squared_hinge": lambda f, y: cp.square(cp.pos(1 - cp.multiply(y, f))),
}
