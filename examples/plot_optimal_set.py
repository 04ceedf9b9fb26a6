"""
All optimal networks of a small problem
=======================================

The training problem may have more than one global optimum. All of them have the same outputs on the data and the same
dual point; each active unit lies on a ray fixed by the dual point, so what differs is how the scales are shared: a
polytope. Its vertices are the optimal networks with few units, and everything between two optimal networks is optimal
too.
"""

import matplotlib.pyplot as plt
import numpy as np

from skconvrelu.theory import optimal_set

rng = np.random.default_rng(0)
X, y = rng.normal(size=(10, 2)), rng.normal(size=10)
beta = 3e-3
optima = optimal_set(X, y, beta=beta, fit_intercept=False)
fewest = optima.fewest_units()
print(f"{len(optima.alpha)} units can be active, dimension {optima.dimension}, fewest units {(fewest > 0).sum()}")
print(f"objective {optima.objective:.9f}, lower bound {optima.lower_bound:.9f}")

# %%
# Random vertices and members, each turned back into a network: every objective is the same.
vertices = np.unique(np.round([optima.extreme(seed) for seed in range(200)], 9), axis=0)
members = np.array([optima.member(seed) for seed in range(300)])
values = [optima.network(alpha).objective(X, y, beta=beta) for alpha in [*vertices, *members[:50]]]
print(f"{len(vertices)} vertices; objectives differ by {np.ptp(values) / optima.objective:.1e} of themselves")

# %%
# What to see: left, the polytope in its own two dimensions: corners are optimal networks with the fewest units, small
# dots are random members. Right, the units' directions; the width of each ray is the range of its scale over the
# whole set. Units with no range are in every optimal network to the same extent. Below, the weights of networks with
# one function: the balanced one and those with a unit split or the units permuted have equal norms in both layers
# (dashed) and one objective; rescaled units leave the diagonal, and the penalty is larger.
centre = vertices.mean(axis=0)
_, _, axes_of_set = np.linalg.svd(vertices - centre)
plane = axes_of_set[: max(optima.dimension, 2)][:2]
corners, dots = (vertices - centre) @ plane.T, (members - centre) @ plane.T
order = np.argsort(np.arctan2(corners[:, 1], corners[:, 0]))

figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 5), layout="constrained")
left.fill(*corners[order].T, color="tab:blue", alpha=0.15)
left.plot(*dots.T, ".", color="tab:blue", markersize=3, label="random members")
sizes = (vertices > 1e-7).sum(axis=1)
for size in np.unique(sizes):
    left.plot(*corners[sizes == size].T, "o", markersize=9, label=f"vertices, {size} units")
left.set(title=f"the optimal set, dimension {optima.dimension}", xlabel="first direction", ylabel="second direction")
left.legend()

low, high = vertices.min(axis=0), vertices.max(axis=0)
for unit, side, least, most in zip(optima.units, optima.directions[:, 0], low, high, strict=True):
    colour = "tab:blue" if side > 0 else "tab:red"
    right.plot(*np.outer(unit, [0.0, most]), color=colour, alpha=0.4, linewidth=5)
    right.plot(*np.outer(unit, [0.0, least]), color=colour, linewidth=2)
right.plot([], [], color="tab:blue", label="output weight +")
right.plot([], [], color="tab:red", label="output weight -")
right.plot([], [], color="gray", linewidth=2, label="in every optimum")
right.plot([], [], color="gray", alpha=0.4, linewidth=5, label="in some")
right.axhline(0.0, color="lightgray", linewidth=0.5, zorder=0)
right.axvline(0.0, color="lightgray", linewidth=0.5, zorder=0)
right.set(title="scales of the units", aspect="equal", xlabel="$u_1$", ylabel="$u_2$")
right.legend(fontsize="small")

network = optima.network(fewest)
factors = np.exp(np.random.default_rng(0).normal(scale=0.4, size=network.n_hidden))
same = {
    "balanced": network.balance(),
    "permuted": network.permute(np.arange(network.n_hidden)[::-1]),
    "split": network.split(0, [0.3, 0.7]),
    "rescaled": network.rescaled(factors, 1.0 / factors),
}
figure, ax = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
for marker, (name, net) in zip("osP^", same.items(), strict=True):
    difference = np.abs(net.predict(X) - network.predict(X)).max()
    value = net.objective(X, y, beta=beta)
    print(f"{name}: outputs differ by {difference:.0e}, objective {value:.9f}")
    norms = np.linalg.norm(net.vectors(), axis=0)
    ax.plot(norms, np.abs(net.output_weights[:, 0]), marker, markersize=9, alpha=0.6, label=f"{name}, {value:.5f}")
most = 1.1 * max(ax.get_xlim()[1], ax.get_ylim()[1])
ax.plot([0.0, most], [0.0, most], "--", color="gray", linewidth=1)
ax.set(title="one function, its units and its objective", xlabel="$||w_1||$", ylabel="$|w_2|$")
ax.legend()
plt.show()
