"""
Two networks at their certified optimum
=======================================

A regressor on the diabetes data and a classifier on the breast cancer data, each beside scikit-learn's MLP. There is no learning rate,
no number of epochs and no lucky seed to be found: cross-validation inside the training rows chooses the one penalty, and the network
trained with it comes with a certificate: how far, at most, its objective is from the best there is.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skconvrelu import ConvexReLUClassifierCV, ConvexReLURegressorCV

# %%
# Fit both estimators and scikit-learn's MLPs (five seeds each) on the same standardised training rows.
SEEDS = range(5)
results = []
for title, load, estimator, rival in (
    ("diabetes", load_diabetes, ConvexReLURegressorCV, MLPRegressor),
    ("breast cancer", load_breast_cancer, ConvexReLUClassifierCV, MLPClassifier),
):
    X, y = load(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = make_pipeline(StandardScaler(), estimator(tol=1e-3, random_state=0)).fit(X_train, y_train)
    fitted = model[-1]
    with warnings.catch_warnings():
        # ten times the default number of epochs, so that the MLP is not judged half trained
        warnings.simplefilter("ignore", ConvergenceWarning)
        scores = [
            make_pipeline(StandardScaler(), rival(random_state=s, max_iter=2000))
            .fit(X_train, y_train)
            .score(X_test, y_test)
            for s in SEEDS
        ]
    score = model.score(X_test, y_test)
    measure = "R^2" if estimator is ConvexReLURegressorCV else "accuracy"
    print(f"{title}: {estimator.__name__}")
    print(f"  {str(fitted.certificate_).replace(chr(10), chr(10) + '  ')}")
    print(f"  beta          {fitted.beta_:.4g}")
    print(f"  hidden units  {len(fitted.convex_coef_)}")
    print(f"  solver        {fitted.solver_}")
    print(f"  test {measure}: {score:.4f}; {rival.__name__} over 5 seeds: {min(scores):.4f} to {max(scores):.4f}")
    results.append((title, measure, score, scores, fitted))

# %%
# Left in each pair: test scores. Right: the search. Each round adds arrangements, and the objective falls until no arrangement that
# is found would lower it; the dashed line is the lower bound over all arrangements, as searched.
figure, axes = plt.subplots(2, 2, figsize=(10, 6), layout="constrained")
for (title, measure, score, scores, fitted), (left, right) in zip(results, axes, strict=True):
    left.plot(np.arange(len(scores)), scores, "o", color="tab:gray", label="MLP, one dot a seed")
    left.axhline(score, color="tab:blue", label="convex ReLU")
    left.set(title=f"{title}: test {measure}", xlabel="seed", xticks=list(SEEDS))
    left.legend()
    certificate = fitted.certificate_
    rounds = np.arange(1, len(fitted.objectives_) + 1)
    right.plot(rounds, fitted.objectives_, "o-", color="tab:blue", label="objective")
    right.axhline(certificate.lower_bound_searched, color="tab:red", ls="--", label="lower bound, searched")
    right.set(title=f"{len(fitted.convex_coef_)} units, relative gap {certificate.gap_searched:.0e}", xlabel="round")
    right.xaxis.get_major_locator().set_params(integer=True)
    right.legend()
figure.savefig("quickstart.png", dpi=120)
