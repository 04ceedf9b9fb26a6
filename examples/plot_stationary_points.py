"""
What descent finds, and a path that leads on from there
=======================================================

A stationary point of the nonconvex problem is the global optimum of a convex program: the one over the network's own
patterns. So training by descent solves a convex program whose arrangements were picked by chance, and different
starts solve different programs. From any of these networks a continuous path leads to the global optimum without ever
going up: there are no spurious valleys, only stationary points that descent cannot leave by small steps.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

from skconvrelu.network import TwoLayerReLU
from skconvrelu.theory import clarke_stationarity, descent_path, optimal_set, subsampled_program

rng = np.random.default_rng(0)
X, y = rng.normal(size=(20, 2)), rng.normal(size=20)
beta, m = 0.02, 4
A = np.hstack([X, np.ones((20, 1))])


def network_of(theta):
    V, w = theta[: 3 * m].reshape(3, m), theta[3 * m : 4 * m]
    return TwoLayerReLU(V[:2], V[2], w[:, None], theta[-1:])


def objective(theta, width):
    """Objective and gradient, the kinks of the ReLU rounded over a width (L-BFGS stalls at kinks)."""
    V, w = theta[: 3 * m].reshape(3, m), theta[3 * m : 4 * m]
    z = A @ V
    on = np.clip(z / width, 0.0, 1.0)
    hidden = on * z - 0.5 * width * on**2
    residual = hidden @ w + theta[-1] - y
    value = 0.5 * np.mean(residual**2) + 0.5 * beta * (np.square(V).sum() + w @ w)
    inner = A.T @ (on * np.outer(residual, w)) / len(y) + beta * V
    return value, np.concatenate([inner.ravel(), hidden.T @ residual / len(y) + beta * w, [residual.mean()]])


# %%
# Thirty small networks trained from random weights until they are stationary.
ends = []
for _ in range(30):
    theta = rng.normal(size=4 * m + 1)
    for width in 10.0 ** -np.arange(0, 7):
        theta = minimize(
            objective, theta, (width,), jac=True, method="L-BFGS-B", options={"maxiter": 5000, "ftol": 0, "gtol": 1e-9}
        ).x
    ends.append(network_of(theta))
points = [clarke_stationarity(net, X, y, beta=beta, kink_tol=1e-5, tol=1e-3) for net in ends]
programs = [subsampled_program(net, X, y, beta=beta) for net in ends]
optima = optimal_set(X, y, beta=beta)
reached, solved = (np.array([getattr(p, name) for p in programs]) for name in ("objective", "optimum"))
print(f"stationary: {sum(p.is_stationary for p in points)} of {len(points)}")
print(f"optimal for their own patterns: {sum(p.is_optimal for p in programs)} of {len(programs)}")
print(f"objectives from {reached.min():.5f} to {reached.max():.5f}, global optimum {optima.objective:.5f}")

# %%
# What to see: left, each dot is a trained network: its objective equals the optimum of its own convex program (it
# lies on the diagonal), and thirty starts end in a handful of values, all above the global optimum (dashed). Right,
# the path from a network of sixty random units that fits the data, by its height above the optimum: balancing the two
# layers, merging units of one pattern and pruning dependent ones leave the outputs on the data alone and lower the
# penalty; then the units that are left give way to those of the optimum, and the objective falls all the way.
hidden = rng.normal(size=(3, 60))
fitting = np.linalg.lstsq(np.maximum(A @ hidden, 0.0), y, rcond=None)[0]
wide = TwoLayerReLU(hidden[:2], hidden[2], fitting[:, None], np.zeros(1))
path = descent_path(wide, optima.network(optima.fewest_units()), X, y, beta=beta, n_steps=20)
print(f"largest rise along the path: {max(0.0, np.diff(path.objectives).max()):.1e}")
widths = np.array([net.n_hidden for net in path.networks])
figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.5), layout="constrained")
left.plot([optima.objective, reached.max()], [optima.objective, reached.max()], color="lightgray")
left.plot(solved, reached, "o", color="tab:blue", alpha=0.6)
left.axhline(optima.objective, color="black", linestyle="--", linewidth=1, label="global optimum")
left.set(
    xlabel="optimum of the convex program over its patterns",
    ylabel="objective of the trained network",
    title="thirty starts",
)
left.legend()
stages = np.array(path.stages)
for stage, colour in (("balance", "tab:gray"), ("merge", "tab:green"), ("prune", "tab:orange"), ("cross", "tab:blue")):
    own = np.flatnonzero(stages == stage)
    share = (own - own[0]) / (len(own) - 1) + list(dict.fromkeys(path.stages)).index(stage)
    label = f"{stage}: {widths[own[0]]} to {widths[own[-1]]} units"
    right.plot(share, path.objectives[own] - optima.objective, color=colour, linewidth=2, label=label)
right.set(
    yscale="log",
    ylim=(0.1, None),
    xlabel="part of the path",
    ylabel="objective above the optimum",
    title="a path without a valley",
)
right.legend()
plt.show()
