"""
Gradient flow finds the max-margin network, on orthogonally separable data
==========================================================================

From small weights, the gradient flow of the logistic loss first turns its units, without their growing much, towards
directions ``X' D(w) y`` that depend on the labels and their own pattern only (early alignment). Then they grow, and
the network tends in direction to a KKT point of the nonconvex max-margin problem. On orthogonally separable data the
multipliers of that point are dual feasible, so it is the global optimum, the one that the convex program finds
directly.
"""

import matplotlib.pyplot as plt
import numpy as np

from skconvrelu.theory import (
    alignment,
    balanced_network,
    gradient_flow,
    is_orthogonally_separable,
    max_margin,
    nonconvex_kkt,
)

rng = np.random.default_rng(1)
y = np.where(np.arange(8) % 2, 1, -1)
X = y[:, None] * (np.abs(rng.normal(size=(8, 2))) + 0.15)
print("orthogonally separable:", is_orthogonally_separable(X, y))

best = max_margin(X, y)
flow = gradient_flow(
    X, y, balanced_network(2, 12, 1e-3, random_state=0), duration=70.0, n_times=700, min_log_loss=-2000.0
)
kkt = nonconvex_kkt(flow.network(), X, y, method="exact", kink_tol=1e-3, tol=5e-3)
print(f"convex optimum {best.value:.5f} (dual value {best.dual_value:.5f}), flow {kkt.value:.5f}")
print(f"KKT residual {kkt.residual:.1e}, largest price {kkt.price:.4f}: globally optimal {kkt.is_optimal}")
print(f"drift of ||w1||^2 - w2^2: {np.abs(flow.imbalances() - flow.imbalances()[0]).max():.1e}")

# %%
# What to see, from left to right: the directions ``w / ||w||`` of the units start all around the circle and gather at
# two points, one for each sign of the output weight. The activations ``(X w)_+`` on two samples of the positive class
# leave the origin along one ray. Cosines reach one while the outputs are still near zero. And the penalty at a margin
# of one falls to the value of the convex program (dashed).
figure, axes = plt.subplots(2, 2, figsize=(10, 9), layout="constrained")
directions = flow.hidden_weights / np.linalg.norm(flow.hidden_weights, axis=1)[:, None]
moved = np.linalg.norm(flow.hidden_weights[-1], axis=0) > 1e-2
circle = np.linspace(0.0, 2 * np.pi, 200)
ax = axes[0, 0]
ax.plot(np.cos(circle), np.sin(circle), color="lightgray")
for k in range(directions.shape[2]):
    colour = "tab:blue" if flow.output_weights[0, k] > 0 else "tab:red"
    radius = 1.0 + 0.02 * (k % 5)
    ax.plot(*(radius * directions[:, :, k].T), color=colour, alpha=0.6)
    ax.plot(*(radius * directions[0, :, k]), "o", color=colour, markersize=5)
    if moved[k]:
        ax.plot(*(radius * directions[-1, :, k]), "*", color=colour, markersize=14, markeredgecolor="black")
ax.set(title="directions of the units", aspect="equal", xlabel="$w_1$", ylabel="$w_2$")

ax = axes[0, 1]
first, second = np.flatnonzero(y == 1)[:2]
for k in np.flatnonzero(moved & (flow.output_weights[0] > 0)):
    hidden = np.maximum(flow.hidden_weights[:, :, k] @ X[[first, second]].T, 0.0)
    ax.loglog(*np.maximum(hidden, 1e-6).T, color="tab:blue", alpha=0.6)
    ax.plot(*np.maximum(hidden[0], 1e-6), "o", color="tab:blue", markersize=4)
ax.set(title="activations $(X w)_+$ on two positive samples", xlabel="first", ylabel="second")

ax = axes[1, 0]
outputs = np.array([np.abs(flow.network(k).predict(X)).max() for k in range(len(flow.times))])
cosines = np.array([alignment(flow.network(k), X, y, kink_tol=1e-4) for k in range(len(flow.times))])
ax.plot(flow.times, cosines[:, moved], color="tab:green", alpha=0.6)
ax.plot([], [], color="tab:green", label="cosine to $\\pm X^T D(w) y$, each unit")
ax.plot(flow.times, np.minimum(outputs, 1.0), color="black", label="largest |output|, up to one")
ax.set(
    title="early alignment",
    xlabel="rescaled time",
    xlim=(0, flow.times[np.searchsorted(outputs, 20.0)]),
    ylim=(-0.05, 1.05),
)
ax.legend(loc="center right")

ax = axes[1, 1]
shown = np.isfinite(flow.margin_values())
ax.plot(-flow.log_losses[shown], flow.margin_values()[shown], color="tab:blue", label="flow, scaled to margin one")
ax.axhline(best.value, color="black", linestyle="--", label="convex max-margin program")
ax.set(
    xscale="log",
    yscale="log",
    xlabel="-log loss",
    ylabel="penalty at margin one",
    title="margin over time",
    ylim=(0.97 * best.value, 3 * best.value),
)
ax.legend()

# %%
# Elsewhere this can fail. Four samples that are not orthogonally separable, and a flow that ends in a KKT point above
# the optimum: its multipliers price above one, which tells.
rng = np.random.default_rng(5)
X4 = rng.normal(size=(4, 2))
y4 = np.where(rng.uniform(size=4) > 0.5, 1, -1)
stuck = gradient_flow(X4, y4, balanced_network(2, 10, 1e-3, random_state=5), duration=100.0, min_log_loss=-3000.0)
found = nonconvex_kkt(stuck.network(), X4, y4, method="exact", kink_tol=1e-3)
print(f"orthogonally separable: {is_orthogonally_separable(X4, y4)}")
print(
    f"KKT point {found.is_kkt}, value {found.value:.4f} above the optimum {max_margin(X4, y4).value:.4f}, price {found.price:.4f}"
)
plt.show()
