"""
A fan chart from the quantile loss
==================================

Noise that grows along the way: one network for each of nine quantiles, each with a certificate of its own. A constant network would
fit the quantile of the targets; a network fits the quantile at each point. The penalty is picked by cross-validation of the pinball
loss, and the last lines count how many held-out points lie below each curve.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import make_scorer, mean_pinball_loss
from sklearn.model_selection import GridSearchCV

from skconvrelu import ConvexReLURegressor

LEVELS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95)
rng = np.random.default_rng(0)


def draw(n):
    """A bent line whose noise grows to the right."""
    x = np.sort(rng.uniform(0.0, 4.0, n))
    return x[:, None], np.abs(x - 1.5) + (0.1 + 0.3 * x) * rng.standard_normal(n)


X, y = draw(200)
X_test, y_test = draw(2000)

# %%
# One penalty for all levels, chosen at the median.
pinball = make_scorer(mean_pinball_loss, alpha=0.5, greater_is_better=False)
median = ConvexReLURegressor(loss="quantile", quantile=0.5, tol=1e-2, random_state=0)
search = GridSearchCV(median, {"beta": np.geomspace(3e-3, 0.3, 5)}, scoring=pinball, cv=5).fit(X, y)
beta = search.best_params_["beta"]
fits = [ConvexReLURegressor(beta, loss="quantile", quantile=q, tol=1e-3, random_state=0).fit(X, y) for q in LEVELS]
print(f"beta {beta:.3g}")
for q, fit in zip(LEVELS, fits, strict=True):
    below = (y_test <= fit.predict(X_test)).mean()
    gap = fit.certificate_.gap_searched
    print(
        f"quantile {q:.2f}: {below:.3f} of held-out points below, {len(fit.convex_coef_)} units, searched gap {gap:.1e}"
    )

# %%
# The fan: bands between opposite quantiles, darker towards the median.
grid = np.linspace(0.0, 4.0, 400)[:, None]
curves = [fit.predict(grid) for fit in fits]
figure, axis = plt.subplots(figsize=(8, 4.5), layout="constrained")
for k in range(len(LEVELS) // 2):
    label = f"{LEVELS[k]:.0%} to {LEVELS[-1 - k]:.0%}"
    axis.fill_between(grid[:, 0], curves[k], curves[-1 - k], color="tab:blue", alpha=0.2, linewidth=0, label=label)
axis.plot(grid[:, 0], curves[len(LEVELS) // 2], color="tab:blue", label="median")
axis.plot(X[:, 0], y, ".", color="black", markersize=3, label="training points")
axis.set_xlabel("x")
axis.set_ylabel("y")
axis.set_title("Quantiles by globally optimal networks")
axis.margins(y=0.15)
legend = axis.legend(loc="upper center", ncols=3)
for k, handle in enumerate(legend.legend_handles[: len(LEVELS) // 2]):
    handle.set_alpha(1.0 - 0.8 ** (k + 1))  # bands lie on top of each other
plt.show()
