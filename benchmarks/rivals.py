"""What people use instead: a wide network trained by L-BFGS, scikit-learn's MLP; and the evaluator that judges everybody.

All of them return ``(W1, b1, W2, b2)`` of shapes (n_features, m), (m,), (m, K), (K,), and :func:`objective` computes from these
weights alone ``mean loss + beta sum_jk ||(w1_j, b1_j)|| |w2_jk|``, with K = 1 for one target and for two classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

Weights = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def weights_of(model: Any) -> Weights:
    """Weights of anything fitted that has ``coefs_`` and ``intercepts_`` of one hidden layer."""
    (W1, W2), (b1, b2) = model.coefs_, model.intercepts_
    return W1, b1, W2, b2


def outputs(weights: Weights, X: np.ndarray) -> np.ndarray:
    """Raw outputs (n, K)."""
    W1, b1, W2, b2 = weights
    return np.maximum(X @ W1 + b1, 0.0) @ W2 + b2


def objective(weights: Weights, X: np.ndarray, y: np.ndarray, beta: float, loss: str) -> float:
    """Mean loss plus the penalty of the balanced network, from the weights and the data only.

    ``loss`` is "squared_error" (halved, summed over targets) or "log_loss" (binary or softmax, y any class labels).
    """
    F = outputs(weights, X)
    if loss == "squared_error":
        mean = 0.5 * np.square(F - y.reshape(len(y), -1)).sum(axis=1).mean()
    else:
        label = np.unique(y, return_inverse=True)[1]
        if F.shape[1] == 1:
            mean = -np.mean(log_expit(np.where(label == 1, 1.0, -1.0) * F[:, 0]))
        else:
            mean = -np.mean(log_softmax(F, axis=1)[np.arange(len(y)), label])
    sizes = np.sqrt(np.square(weights[0]).sum(axis=0) + np.square(weights[1]))
    return float(mean + beta * (sizes @ np.abs(weights[2])).sum())


def wide_lbfgs(
    X: np.ndarray,
    y: np.ndarray,
    beta: float,
    loss: str = "squared_error",
    n_units: int = 1000,
    seed: int = 0,
    fit_intercept: bool = True,
    observe: Callable[[float], None] | None = None,
) -> Weights:
    """A wide network by L-BFGS-B from a small balanced start, until scipy's own tolerances end it.

    The function is ``n`` times the objective, with the penalty as ``(beta / 2) (||W1||^2 + ||b1||^2 + ||W2||^2)``: a sum over
    samples is of order one or more, where scipy's ftol (2.2e-9) is a relative one. Each unit feeds one output, ``n_units / K`` of
    them each. Hidden biases are penalised, output intercepts free. ``observe`` is shown the objective after each step.
    """
    n = len(X)
    rng = np.random.default_rng(seed)
    B = np.hstack([X, np.ones((n, 1))]) if fit_intercept else X
    if loss == "squared_error":
        Y = y.reshape(n, -1).astype(float)
        start = Y.mean(axis=0)
    else:
        label = np.unique(y, return_inverse=True)[1]
        Y = np.eye(label.max() + 1)[label]
        start = np.log(Y.mean(axis=0))
        if Y.shape[1] == 2:
            Y, start = Y[:, 1:], start[1:] - start[:1]
    K, d = Y.shape[1], B.shape[1]
    each = n_units // K
    m = each * K
    W = rng.standard_normal((m, d))
    W *= 1e-2 / np.linalg.norm(W, axis=1, keepdims=True)
    a = 1e-2 * rng.choice([-1.0, 1.0], size=m)
    c = start if fit_intercept else np.zeros(K)

    def value_and_gradient(z: np.ndarray) -> tuple[float, np.ndarray]:
        W, a, c = z[: m * d].reshape(m, d), z[m * d : m * d + m], z[m * d + m :]
        H = np.maximum(B @ W.T, 0.0)
        F = (H * a).reshape(n, K, each).sum(axis=2) + c if K > 1 else (H @ a)[:, None] + c
        if loss == "squared_error":
            R = F - Y
            total = 0.5 * np.square(R).sum()
        elif K == 1:
            R = expit(F) - Y
            total = -np.where(Y > 0.5, log_expit(F), log_expit(-F)).sum()
        else:
            R = softmax(F, axis=1) - Y
            total = -(log_softmax(F, axis=1) * Y).sum()
        own = np.repeat(R, each, axis=1) if K > 1 else R  # the residual that each unit sees
        grad_a = np.einsum("im,im->m", H, own) if K > 1 else H.T @ R[:, 0]
        grad_W = a[:, None] * (((H > 0.0) * own).T @ B)
        total += 0.5 * n * beta * (np.square(W).sum() + np.square(a).sum())
        grad_c = R.sum(axis=0) if fit_intercept else np.zeros(K)
        return total, np.concatenate([(grad_W + n * beta * W).ravel(), grad_a + n * beta * a, grad_c])

    found = minimize(
        value_and_gradient,
        np.concatenate([W.ravel(), a, c]),
        jac=True,
        method="L-BFGS-B",
        callback=None if observe is None else lambda intermediate_result: observe(intermediate_result.fun / n),
        options={"maxiter": 10**7, "maxfun": 10**8},
    ).x
    W, a, c = found[: m * d].reshape(m, d), found[m * d : m * d + m], found[m * d + m :]
    W2 = np.zeros((m, K))
    W2[np.arange(m), np.repeat(np.arange(K), each)] = a
    return W[:, : X.shape[1]].T, W[:, -1] if fit_intercept else np.zeros(m), W2, c


def mlp(
    X: np.ndarray, y: np.ndarray, beta: float, loss: str = "squared_error", seeds: int = 10, n_units: int = 100
) -> Weights:
    """The best of several scikit-learn MLPs with solver="lbfgs", judged by :func:`objective`.

    For one target or class labels scikit-learn minimises ``mean loss + alpha / (2 n) (||W1||^2 + ||W2||^2)``, so ``alpha = beta n``.
    It leaves the hidden biases out of its penalty, which the objective counts. With three or more classes its units feed
    all of them; with one target or two classes there is one output.
    """
    if loss == "squared_error" and y.ndim > 1 and y.shape[1] > 1:
        raise ValueError("scikit-learn averages the squared error over targets: one target only.")
    estimator = MLPRegressor if loss == "squared_error" else MLPClassifier
    networks = []
    for seed in range(seeds):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = estimator(
                hidden_layer_sizes=(n_units,),
                alpha=beta * len(X),
                solver="lbfgs",
                max_iter=10**6,
                max_fun=10**7,
                tol=1e-7,
                random_state=seed,
            ).fit(X, y)
        networks.append(weights_of(model))
    return min(networks, key=lambda weights: objective(weights, X, y, beta, loss))
