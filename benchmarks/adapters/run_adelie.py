"""adelie's group lasso with linear constraints on a problem given as a file; runs in an environment of its own.

``python run_adelie.py problem.npz solution.npz tol``: keys X, y (-1/+1 for logistic), masks (n, P), beta, gated, logistic; writes plus
and minus (P, d), and the seconds of the solve. Its Gaussian loss is ``||y - f||^2 / (2 n)``, so that lmda is our beta; its binomial loss is
the mean log loss of y in {0, 1}.
"""

import sys
import time

import adelie as ad
import numpy as np

source, target, tol = sys.argv[1], sys.argv[2], float(sys.argv[3])
problem = np.load(source)
X, y, masks = np.asfortranarray(problem["X"]), problem["y"], np.asfortranarray(problem["masks"])
gated, beta = bool(problem["gated"]), float(problem["beta"])
(n, d), P = X.shape, masks.shape[1]
copies = P if gated else 2 * P

begin = time.perf_counter()
matrix = ad.matrix.convex_relu(X, masks, gated=gated, n_threads=1)
constraints = None
if not gated:
    # one constraint object a block: it holds state
    signed = [np.asfortranarray((2.0 * masks[:, j] - 1.0)[:, None] * X) for j in range(P)]
    lower, upper = np.zeros(n), np.full(n, np.inf)
    constraints = [ad.constraint.linear(signed[j % P], lower, upper, copy=False) for j in range(copies)]
glm = ad.glm.binomial((y > 0).astype(float)) if bool(problem["logistic"]) else ad.glm.gaussian(y)
state = ad.grpnet(
    matrix,
    glm,
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
coef = np.asarray(state.betas[-1].todense()).reshape(copies, d)
seconds = time.perf_counter() - begin
np.savez(target, plus=coef[:P], minus=coef[P:] if not gated else np.zeros((P, d)), seconds=seconds)
