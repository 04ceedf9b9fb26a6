"""scikit-learn's own conformance checks, none expected to fail."""

import os
import subprocess
import sys

import pytest
import sklearn
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    estimator_checks_generator,
    parametrize_with_checks,
)

from skconvrelu import ConvexReLUClassifier, ConvexReLUClassifierCV, ConvexReLURegressor, ConvexReLURegressorCV

#: a looser tolerance than by default, since noise on tied data takes many rounds to certify; the defaults themselves are marked slow
ESTIMATORS = [ConvexReLURegressor(tol=0.5), ConvexReLUClassifier(tol=0.5)]
#: fewer penalties and folds than by default, the classifier over sampled arrangements: only the number of fits differs
CHOOSING = [
    ConvexReLURegressorCV(betas=2, eps=1e-1, cv=2, tol=0.5),
    ConvexReLUClassifierCV(betas=2, eps=1e-1, cv=2, refine=False, n_arrangements=10, random_state=0),
]
#: the plain sampled program of every other loss, which is what the losses differ in
PLAIN = {"refine": False, "n_arrangements": 10}
LOSSES = [
    *(ConvexReLURegressor(loss=loss, **PLAIN) for loss in ("huber", "absolute_error", "quantile", "poisson")),
    *(ConvexReLUClassifier(loss=loss, **PLAIN) for loss in ("squared_error", "squared_hinge", "hinge")),
]


# hard_margin is not among them: the checks' data cannot be separated, which it has to say in an error


def quick_first(estimators):
    """All checks; those that fit once for every sparse format are slow: the first plain one of each kind runs them always.

    The slow checks of the untouched defaults have those of the searching estimators among them.
    """
    always = {type(estimator): estimator for estimator in reversed(LOSSES)}.values()
    for estimator in estimators:
        for prepared, check in estimator_checks_generator(estimator):
            name = getattr(check, "func", check).__name__
            expensive = name in ("check_estimator_sparse_matrix", "check_estimator_sparse_array")
            if not (expensive and estimator in ESTIMATORS):
                label = f"{type(estimator).__name__}-{estimator.loss}-{name}"
                slow = expensive and estimator not in always
                yield pytest.param(prepared, check, marks=[pytest.mark.slow] if slow else [], id=label)


@pytest.mark.parametrize(("estimator", "check"), list(quick_first([*ESTIMATORS, *CHOOSING])))
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# of sparse random data a search may say that it is no evidence
@pytest.mark.filterwarnings("ignore:The search found only:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.slow
@parametrize_with_checks([ConvexReLURegressor(), ConvexReLUClassifier()])
def test_scikit_learn_checks_of_defaults(estimator, check):
    check(estimator)


@pytest.mark.parametrize(("estimator", "check"), list(quick_first(LOSSES)))
def test_scikit_learn_checks_of_losses(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", [*ESTIMATORS, *CHOOSING], ids=lambda e: type(e).__name__)
def test_checks_that_check_estimator_never_runs(estimator):
    check_param_validation(type(estimator).__name__, estimator)
    check_dataframe_column_names_consistency(type(estimator).__name__, estimator)


def test_checks_run_what_the_estimators_support():
    """Sparse input, several targets and weights are declared, so that their checks are in the list above."""
    regressor, classifier = (estimator.__sklearn_tags__() for estimator in ESTIMATORS)
    assert regressor.input_tags.sparse
    assert classifier.input_tags.sparse
    assert regressor.target_tags.multi_output
    assert classifier.classifier_tags.multi_class


@pytest.mark.parametrize("name", ["ConvexReLURegressor", "ConvexReLUClassifier"])
def test_checks_that_need_array_api_dispatch(name):
    """SCIPY_ARRAY_API has to be set before scipy is imported, hence the fresh process."""
    code = (
        "from sklearn.utils.estimator_checks import estimator_checks_generator\n"
        f"from skconvrelu import {name}\n"
        "ran = 0\n"
        f"for estimator, check in estimator_checks_generator({name}()):\n"
        "    if 'array_api' in getattr(check, 'func', check).__name__:\n"
        "        check(estimator)\n"
        "        ran += 1\n"
        "print(ran)\n"
    )
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=300, capture_output=True)
    if sklearn.__version__ >= "1.9":
        assert int(done.stdout) >= 1
