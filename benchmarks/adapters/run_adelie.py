"""adelie's group lasso with linear constraints on a problem given as a file; runs in an environment of its own.

``python run_adelie.py problem.npz solution.npz repeat short tol``: keys X, y (-1/+1 for logistic), masks (n, P), beta, gated, logistic;
writes plus and minus (P, d), and the seconds of the solve, as :func:`repeating.timed`. Its Gaussian loss is ``||y - f||^2 / (2 n)``, so
that lmda is our beta; its binomial loss is the mean log loss of y in {0, 1}.
"""

import sys

import adelie as ad
import numpy as np
from repeating import timed

source, target, repeat, short, tol = sys.argv[1], sys.argv[2], *map(float, sys.argv[3:6])
problem = np.load(source)
X, y, masks = np.asfortranarray(problem["X"]), problem["y"], np.asfortranarray(problem["masks"])
gated, logistic, beta = bool(problem["gated"]), bool(problem["logistic"]), float(problem["beta"])
(n, d), P = X.shape, masks.shape[1]
copies = P if gated else 2 * P


def solve():
    """Vectors (copies, d)."""
    matrix = ad.matrix.convex_relu(X, masks, gated=gated, n_threads=1)
    constraints = None
    if not gated:
        # one constraint object a block: it holds state
        signed = [np.asfortranarray((2.0 * masks[:, j] - 1.0)[:, None] * X) for j in range(P)]
        lower, upper = np.zeros(n), np.full(n, np.inf)
        constraints = [ad.constraint.linear(signed[j % P], lower, upper, copy=False) for j in range(copies)]
    state = ad.grpnet(
        matrix,
        ad.glm.binomial((y > 0).astype(float)) if logistic else ad.glm.gaussian(y),
        constraints=constraints,
        groups=np.arange(copies) * d,
        penalty=np.ones(copies),
        lmda_path=[beta],
        tol=tol,
        irls_tol=tol,
        intercept=False,
        early_exit=False,
        progress_bar=False,
        n_threads=1,
    )
    return np.asarray(state.betas[-1].todense()).reshape(copies, d)


coef, seconds = timed(solve, int(repeat), short)
np.savez(target, plus=coef[:P], minus=coef[P:] if not gated else np.zeros((P, d)), seconds=seconds)
