"""
Classification: probabilities, margins and the units behind them
================================================================

Two moons. ``ConvexReLUClassifierCV`` picks the penalty of the logistic loss by itself and gives probabilities; the
max-margin network, with no penalty to pick, is the least network that separates the training data. Both are global
optima with a certificate.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs, make_moons
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skconvrelu import ConvexReLUClassifier, ConvexReLUClassifierCV
from skconvrelu.plotting import BetaPathDisplay, HiddenUnitsDisplay

X, y = make_moons(400, noise=0.25, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=150, random_state=0)

model = make_pipeline(StandardScaler(), ConvexReLUClassifierCV(random_state=0)).fit(X_train, y_train)
fitted = model[-1]
print(
    f"beta {fitted.beta_:.4g}, {fitted.network_.n_hidden} hidden units, searched gap {fitted.certificate_.gap_searched:.1e}"
)
print(f"accuracy {model.score(X_test, y_test):.3f}, log loss {log_loss(y_test, model.predict_proba(X_test)):.3f}")
for seed in range(3):
    mlp = make_pipeline(StandardScaler(), MLPClassifier(max_iter=2000, random_state=seed)).fit(X_train, y_train)
    print(
        f"MLP, seed {seed}: accuracy {mlp.score(X_test, y_test):.3f}, log loss {log_loss(y_test, mlp.predict_proba(X_test)):.3f}"
    )

# %%
# The margin of cleaner data: the sum of norms is the least that any network of margin one can have.
X_clean, y_clean = make_moons(60, noise=0.08, random_state=1)
scaled = StandardScaler().fit_transform(X_clean)
margin = ConvexReLUClassifier(loss="hard_margin", tol=1e-3, random_state=0).fit(scaled, y_clean)
codes = np.where(y_clean == 1, 1.0, -1.0)
print(f"sum of norms {margin.objective_:.4f}, searched gap {margin.certificate_.gap_searched:.1e}")
support = np.abs(margin.dual_coef_) > 1e-3 * np.abs(margin.dual_coef_).max()
print(f"least margin {np.min(codes * margin.decision_function(scaled)):.6f}, support vectors {support.sum()} of 60")

# %%
# What to see: left, log-odds as colours and the line of each hidden unit, thick where it weighs much. Middle, the
# score over the penalty. Right, the max-margin network: few units, and no sample inside the margin.
figure, axes = plt.subplots(1, 3, figsize=(15, 4.5), layout="constrained")
HiddenUnitsDisplay.from_estimator(fitted, model[0].transform(X_train), y_train, ax=axes[0])
axes[0].set_title("logistic loss, penalty by cross-validation")
BetaPathDisplay.from_estimator(fitted, ax=axes[1])
HiddenUnitsDisplay.from_estimator(margin, scaled, y_clean, ax=axes[2])
axes[2].set_title("max margin")

# %%
# Three classes: one output a class, each the max-margin network of its class against the others. What to see: the
# colour of the largest output, and where each output is zero (lines) and one in size (dashed); no sample lies between
# the dashed lines of its own class.
X_three, y_three = make_blobs(75, centers=[(-1.5, 0), (1.5, 0), (0, 2)], cluster_std=0.55, random_state=0)
X_three = StandardScaler().fit_transform(X_three)
three = ConvexReLUClassifier(loss="hard_margin", tol=1e-2, random_state=0).fit(X_three, y_three)
print(f"three classes: {three.network_.n_hidden} hidden units, searched gap {three.certificate_.gap_searched:.1e}")
u, v = np.meshgrid(np.linspace(-2.5, 2.5, 250), np.linspace(-2.2, 2.4, 250))
outputs = three.decision_function(np.column_stack([u.ravel(), v.ravel()]))
figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
ax.contourf(
    u, v, outputs.argmax(axis=1).reshape(u.shape), levels=[-0.5, 0.5, 1.5, 2.5], colors=["C0", "C1", "C2"], alpha=0.25
)
for k in range(3):
    level = outputs[:, k].reshape(u.shape)
    ax.contour(u, v, level, levels=[0.0], colors=f"C{k}")
    ax.contour(u, v, level, levels=[-1.0, 1.0], colors=f"C{k}", linestyles="dashed", linewidths=1)
    ax.scatter(*X_three[y_three == k].T, color=f"C{k}", edgecolor="white", s=30, label=f"class {k}")
ax.set(title="max margin, one output a class", xlabel="x1", ylabel="x2")
ax.legend()
plt.show()
