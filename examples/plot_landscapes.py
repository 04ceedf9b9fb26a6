"""
Two landscapes, one minimum
===========================

One unit on one sample: the nonconvex problem ``min (1 - max(u, 0) a)^2 + (beta/2) (u^2 + a^2)`` in its weights u and
a, and its convex program ``min (1 - v + w)^2 + beta (v + w)`` over v, w >= 0. Their least values are equal, ``beta -
beta^2 / 4``.
"""

import matplotlib.pyplot as plt
import numpy as np

from skconvrelu.theory import landscape_1d

landscape = landscape_1d(0.4)
u, a = np.meshgrid(np.linspace(-1.5, 2.0, 300), np.linspace(-1.5, 2.0, 300))
v, w = np.meshgrid(np.linspace(0.0, 2.0, 300), np.linspace(0.0, 2.0, 300))
nonconvex, convex = landscape.nonconvex(u, a), landscape.convex(v, w)
print(f"least value told {landscape.minimum:.6f}, on the grids {nonconvex.min():.6f} and {convex.min():.6f}")

# %%
# What to see: left, a bent valley, a flat saddle at the origin where descent can stall, and a half-plane u < 0 where
# the unit is dead and the gradient says only "shrink". Right, a bowl over a cone: any descent ends at the star. The
# star is the same network in both: ``u a = v = 1 - beta / 2``.
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
levels = np.linspace(0.3, 4.0, 26)
for ax, x, y, z, star, names in (
    (left, u, a, nonconvex, landscape.minimiser(), ("hidden weight u", "output weight a")),
    (right, v, w, convex, (landscape.product, 0.0), ("v", "w")),
):
    filled = ax.contourf(x, y, z, levels=levels, cmap="viridis", extend="both")
    ax.contour(x, y, z, levels=levels, colors="white", linewidths=0.4, alpha=0.5)
    ax.plot(*star, "*", color="tab:red", markersize=16, clip_on=False, zorder=3)
    ax.set(xlabel=names[0], ylabel=names[1])
figure.colorbar(filled, ax=[left, right], label="objective")
left.plot(0.0, 0.0, "x", color="white", markersize=9)
left.annotate("saddle", (0.0, 0.0), (0.15, -0.35), color="white")
left.set_title("nonconvex, in the weights")
right.set_title("convex, in the blocks")
plt.show()
