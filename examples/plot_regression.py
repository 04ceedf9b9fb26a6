"""
Regression with one estimator and nothing to tune
=================================================

A curve with a bend, a jump in slope and noise: ``ConvexReLURegressorCV`` picks its penalty along a warm-started path,
then trains the network to its certified global optimum. It goes into a pipeline and is stored like any estimator of
scikit-learn.
"""

import pickle

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skconvrelu import ConvexReLURegressor, ConvexReLURegressorCV, convex_relu_path
from skconvrelu.plotting import BetaPathDisplay, CertificateDisplay, HiddenUnitsDisplay, SearchDisplay

rng = np.random.default_rng(0)
x = np.sort(rng.uniform(-3.0, 3.0, 120))
truth = np.where(x < 0.0, np.sin(2.0 * x), 1.5 * x)
X, y = x[:, None], truth + 0.25 * rng.standard_normal(120)

model = make_pipeline(StandardScaler(), ConvexReLURegressorCV(random_state=0)).fit(X, y)
fitted = model[-1]
print(
    f"beta {fitted.beta_:.4g} of {len(fitted.betas_)} tried in {fitted.n_fits_} fits, {fitted.network_.n_hidden} hidden units"
)
print(f"error of the curve {np.sqrt(np.mean((model.predict(X) - truth) ** 2)):.3f} (noise 0.25)")
print(fitted.certificate_)

# %%
# Stored and loaded, it predicts the same.
again = pickle.loads(pickle.dumps(model))
print("same predictions after loading:", np.array_equal(again.predict(X), model.predict(X)))

# %%
# What to see, from the top left: the network and the share of each hidden unit, whose hinges sit where the curve
# bends; the cross-validated score over the penalty, from constant networks on the left to ones that follow the noise
# on the right; objective and gap after each round of a search with a hundredth of the penalty, which has more to do;
# and the certificate: how far at most the objective is from that of the best network of any width.
figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
Z = model[0].transform(X)
HiddenUnitsDisplay.from_estimator(fitted, Z, y, ax=axes[0, 0])
axes[0, 0].set_title("network and hidden units")
BetaPathDisplay.from_estimator(fitted, ax=axes[0, 1])
axes[0, 1].set_title("choosing the penalty")
flexible = ConvexReLURegressor(3e-5, random_state=0).fit(Z, y)
SearchDisplay.from_estimator(flexible, ax=axes[1, 0])
axes[1, 0].set_title(f"the search at beta 3e-5, {flexible.network_.n_hidden} units")
CertificateDisplay.from_estimator(fitted, ax=axes[1, 1])

# %%
# The whole path of optima, each with its own certificate: the smaller the penalty, the more units the optimum has.
path = convex_relu_path(Z, y, betas=12, eps=1e-3, random_state=0)
print(f"largest searched gap along the path {path.gaps.max():.1e}")
BetaPathDisplay.from_path(path).ax_.set_title("optima along the penalty")
plt.show()
