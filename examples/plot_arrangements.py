"""
The arrangements of three samples
=================================

A hidden unit with weights u activates sample i when ``x_i' u >= 0``. Which samples are active is its pattern, the
diagonal of ``D = diag(1[X u >= 0])``, and the lines ``x_i' u = 0`` cut the plane of weights into cones with one
pattern each. Inside a cone the network is linear in u: that is why the training problem is convex once there is a
block of variables for each pattern.

With the first two samples on one line through the origin, three samples have four patterns: 111, 110, 001 and 000. In
general position, n samples in the plane have 2 n.
"""

import matplotlib.pyplot as plt
import numpy as np

from skconvrelu.arrangements import arrangement_bound, enumerate_arrangements, sample_arrangements
from skconvrelu.plotting import ArrangementDisplay

X = np.array([[3.0, 3.0], [2.0, 2.0], [1.0, 0.0]])
print("patterns of the three samples, one a row:")
print(enumerate_arrangements(X).T.astype(int))

# %%
# What to see: each colour is the cone of one pattern (written inside), each black line is orthogonal to a sample
# (red). Left, x1 and x2 share a line, so their entries agree in every pattern. Right, seven samples in general
# position: fourteen cones, some of them so narrow that random gates rarely fall into them.
rng = np.random.default_rng(3)
Z = rng.normal(size=(7, 2))
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
ArrangementDisplay.from_data(X, ax=left)
left.set_title("three samples, four patterns")
display = ArrangementDisplay.from_data(Z, ax=right)
right.set_title(f"seven samples, {len(display.wedges_)} patterns")

# %%
# The number of patterns grows like a power of n whose exponent is the rank, not exponentially: counted here exactly,
# with the formula for general position and Cover's bound. And the more there are, the fewer of them random gates
# find.
print(f"{'n':>4} {'rank':>4} {'enumerated':>10} {'formula':>8} {'Cover':>9} {'found by 1000 random gates':>27}")
for n, rank in [(10, 2), (20, 2), (20, 3), (40, 3), (20, 4)]:
    data = rng.normal(size=(n, rank))
    bound = arrangement_bound(data)
    count = enumerate_arrangements(data, full_dimensional=True).shape[1]
    found = sample_arrangements(data, 1000, random_state=0).patterns.shape[1]
    print(f"{n:>4} {rank:>4} {count:>10} {bound.exact:>8} {bound.cover:>9.0f} {found / count:>27.0%}")

plt.show()
