"""
The rectified ellipsoid, its spikes and its polar set
=====================================================

All activations of a unit of norm at most one on the training data form the set ``Q = {(X u)_+ : ||u|| <= 1}``: an
ellipse, folded into the positive orthant. The convex program of the network measures outputs by the convex hull of Q
and -Q, and a dual point is feasible when it lies in the polar set, ``|lambda' z| <= 1`` for all z in Q.
"""

import matplotlib.pyplot as plt
import numpy as np

from skconvrelu.theory import rectified_ellipsoid, support_function

X = np.array([[1.0, 0.2], [-0.6, 0.9], [-0.3, -1.0]])
Q = rectified_ellipsoid(X)
spikes = Q.spikes()
print("spikes on the axes:", np.diag(spikes).round(3))

# %%
# What to see: left, the flat ellipse ``{X u}`` (grey) and the rectified one (blue), whose parts lie in the faces of
# the positive orthant. Where one sample is active alone its part is a segment on an axis: a spike (red), an extreme
# point of the hull. Right, the polar set: the dual points that are feasible for every hidden unit there is. Its flat
# parts are opposite to the spikes.
angles = np.linspace(0.0, 2 * np.pi, 721)
circle = np.array([np.cos(angles), np.sin(angles)])
radii = np.linspace(0.0, 1.0, 30)
disc = np.einsum("nd,dt,r->nrt", X, circle, radii)

figure = plt.figure(figsize=(11, 5), layout="constrained")
left = figure.add_subplot(1, 2, 1, projection="3d")
left.plot_surface(*disc, color="tab:gray", alpha=0.2, linewidth=0)
left.plot(*(X @ circle), color="tab:gray", linewidth=1, label="ellipse")
left.plot_surface(*np.maximum(disc, 0.0), color="tab:blue", alpha=0.35, linewidth=0)
left.plot(*np.maximum(X @ circle, 0.0), color="tab:blue", linewidth=2, label="rectified ellipse")
left.plot(*spikes.T, "o", color="tab:red", markersize=7, label="spikes")
for spike in spikes:
    left.plot(*np.column_stack([np.zeros(3), spike]), color="tab:red", linewidth=1)
left.set(xlabel="$z_1$", ylabel="$z_2$", zlabel="$z_3$", title="activations of a unit of norm one")
left.view_init(elev=22, azim=35)
left.legend(loc="upper left")

# the boundary of the polar set in each direction: the direction divided by its gauge
theta, phi = np.meshgrid(np.linspace(0.0, np.pi, 41), np.linspace(0.0, 2 * np.pi, 81))
directions = np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])
hidden = np.maximum(X @ circle, 0.0)
gauge = np.abs(np.einsum("nij,nt->ijt", directions, hidden)).max(axis=2)
polar = directions / gauge
right = figure.add_subplot(1, 2, 2, projection="3d")
right.plot_surface(
    *polar,
    cmap="viridis",
    facecolors=plt.cm.viridis((gauge - gauge.min()) / np.ptp(gauge)),
    alpha=0.85,
    rstride=1,
    cstride=1,
)
right.set(xlabel=r"$\lambda_1$", ylabel=r"$\lambda_2$", zlabel=r"$\lambda_3$", title="polar set: feasible dual points")
right.view_init(elev=22, azim=35)

# %%
# The gauge on the grid, which came from sampling u, against the exact one by branch and bound.
check = [(3, 10), (17, 40), (30, 70)]
for j, i in check:
    direction = directions[:, i, j]
    exact = max(support_function(X, s * direction).value for s in (1.0, -1.0))
    print(
        f"gauge by sampling {gauge[i, j]:.6f}, exact {exact:.6f}, in the polar set at 0.999: {Q.in_polar_set(0.999 * direction / exact)}"
    )
plt.show()
