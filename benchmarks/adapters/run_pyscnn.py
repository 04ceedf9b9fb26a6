"""pyscnn's augmented Lagrangian (ReLU) and R-FISTA (gated ReLU) on a problem given as a file; runs in an environment of its own.

``python run_pyscnn.py problem.npz solution.npz repeat short tol dtype``: as for adelie. Without unit columns it minimises
``||f - y||^2 / (2 n) + lambda sum ||u||``, so that lambda is our beta.
"""

import sys

import numpy as np
from repeating import timed
from scnn.metrics import Metrics
from scnn.models import ConvexGatedReLU, ConvexReLU
from scnn.optimize import optimize_model
from scnn.regularizers import NeuronGL1
from scnn.solvers import AL, RFISTA

source, target, repeat, short, tol = sys.argv[1], sys.argv[2], *map(float, sys.argv[3:6])
dtype = sys.argv[6]
problem = np.load(source)
X, y, gates = problem["X"], problem["y"], problem["gates"]
gated, beta = bool(problem["gated"]), float(problem["beta"])


def solve():
    """The trained model."""
    model = (ConvexGatedReLU if gated else ConvexReLU)(gates, bias=False)
    solver = RFISTA(model, tol=tol) if gated else AL(model, tol=tol, constraint_tol=tol)
    return optimize_model(
        model,
        solver,
        Metrics(),
        X,
        y[:, None],
        regularizer=NeuronGL1(beta),
        return_convex=True,
        unitize_data=False,
        dtype=dtype,
        device="cpu",
    )[0]


model, seconds = timed(solve, int(repeat), short)
# it may drop or reorder gates: put blocks back where they belong
columns = {column.tobytes(): j for j, column in enumerate(gates.T.astype(np.float32))}
place = [columns[column.tobytes()] for column in np.asarray(model.G, dtype=np.float32).T]
both = np.zeros((2, gates.shape[1], X.shape[1]))
for side, weights in enumerate(model.parameters):
    both[side, place] = np.asarray(weights, dtype=float).reshape(-1, X.shape[1])
np.savez(target, plus=both[0], minus=both[1], seconds=seconds)
