"""Folds and scores of the estimators that choose beta: undefined scores, folds that cannot be used, splits in every form, metadata."""

import numpy as np
import pytest
import sklearn
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import get_scorer, make_scorer, mean_squared_error
from sklearn.model_selection import KFold, LeaveOneOut, StratifiedKFold

from skconvrelu import ConvexReLUClassifierCV, ConvexReLURegressorCV
from skconvrelu.plotting import BetaPathDisplay
from skconvrelu.training.select_beta import _choose, comparable

FAST = {"refine": False, "n_arrangements": 5, "random_state": 0, "tol": 1e-3}
NAN = np.nan


def _targets(n=24):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(n, 2))
    return X, np.abs(X[:, 0]) + X[:, 1] + 0.1 * rng.standard_normal(n)


def _labels(n=24):
    X, y = _targets(n)
    return X, (y > np.median(y)).astype(int)


class Scripted:
    """Scores from a table (n_betas, n_folds), in the order in which they are asked for."""

    def __init__(self, table, n_folds):
        self.table, self.n_folds, self.calls = np.asarray(table, dtype=float), n_folds, 0

    def __call__(self, model, X, y):
        value = self.table[self.calls // self.n_folds, self.calls % self.n_folds]
        self.calls += 1
        return value


@pytest.mark.parametrize(
    ("scores", "chosen"),
    [
        ([[NAN, 1.0, 2.0], [NAN, 3.0, 4.0], [NAN, 2.0, 3.0]], 1),  # a fold that is never defined
        ([[5.0, NAN, NAN], [1.0, 2.0, 3.0], [1.0, 3.0, 3.0]], 2),  # a mean over the easy fold alone is not the best
        ([[NAN, NAN], [1.0, 2.0]], 1),
        ([[np.inf, 1.0], [0.0, 1.0]], 1),
        ([[0.0, 1.0], [-np.inf, 9.0]], 0),
        ([[9.0, 1.0, NAN], [NAN, 2.0, 0.0]], 1),  # equally many, on folds of which they share one
        ([[1.0, NAN], [NAN, 2.0]], 1),  # none shared
    ],
)
@pytest.mark.parametrize("one_standard_error", [False, True])
def test_penalties_are_compared_on_the_same_folds(scores, chosen, one_standard_error):
    scores = np.array(scores)
    assert _choose(scores, one_standard_error=False) == chosen
    assert not np.isnan(comparable(scores)[_choose(scores, one_standard_error=one_standard_error)]).all()


@pytest.mark.parametrize("one_standard_error", [False, True])
def test_undefined_scores_neither_win_nor_end_the_fit(one_standard_error):
    X, y = _targets()
    scoring = Scripted([[NAN, NAN, NAN], [NAN, 1.0, 2.0], [NAN, 5.0, 6.0]], 3)
    model = ConvexReLURegressorCV(
        betas=[1e-1, 1e-2, 1e-3], cv=3, scoring=scoring, one_standard_error=one_standard_error, **FAST
    )
    with pytest.warns(UndefinedMetricWarning, match=r"5 of 9 scores of cv.*folds \[0\] and penalties 0.1"):
        model.fit(X, y)
    assert model.beta_ == 1e-3
    assert np.isnan(model.cv_scores_).sum() == 5
    pytest.importorskip("matplotlib")
    display = BetaPathDisplay.from_estimator(model)
    np.testing.assert_array_equal(display.curve, [NAN, 1.5, 5.5])


@pytest.mark.parametrize("betas", [[0.1, 0.01], 5])
@pytest.mark.parametrize("one_standard_error", [False, True])
@pytest.mark.filterwarnings("ignore:R.2 score is not well-defined")
def test_nothing_defined_is_an_error(betas, one_standard_error):
    X, y = _targets(8)
    params = {"cv": LeaveOneOut(), "scoring": "r2", "one_standard_error": one_standard_error}
    model = ConvexReLURegressorCV(betas=betas, eps=0.1, **params, **FAST)
    with pytest.raises(ValueError, match="scoring gave no finite number on any fold of cv"):
        model.fit(X, y)
    assert not hasattr(model, "beta_")


def test_folds_of_one_class_have_no_area_under_the_curve():
    X, y = _labels()
    rare = np.zeros(len(y), dtype=int)
    rare[:4] = 1
    cv = [(np.r_[4:8, 0:2, 9:24], np.r_[2:4, 8]), (np.r_[0:4, 8:24], np.arange(4, 8))]
    model = ConvexReLUClassifierCV(betas=[0.1, 0.01], cv=cv, scoring="roc_auc", **FAST)
    with pytest.warns(UndefinedMetricWarning) as caught:
        model.fit(X, rare)
    assert any("folds [1]" in str(w.message) for w in caught)
    assert model.beta_ == model.betas_[np.argmax(model.cv_scores_[:, 0])]


def test_held_out_rows_without_weight_have_no_score():
    X, y = _targets()
    weights = np.ones(len(y))
    weights[:8] = 0.0
    model = ConvexReLURegressorCV(betas=[0.1, 0.01], cv=KFold(3), **FAST)
    with pytest.warns(UndefinedMetricWarning, match=r"folds \[0\]"):
        model.fit(X, y, weights)
    assert np.isnan(model.cv_scores_[:, 0]).all()
    label = (y > np.median(y)).astype(int)
    with pytest.warns(UndefinedMetricWarning, match=r"folds \[0\]"):
        ConvexReLUClassifierCV(betas=[0.1, 0.01], cv=KFold(3), **FAST).fit(X, label, weights)


@pytest.mark.parametrize("form", [tuple, list, np.asarray, lambda rows: np.isin(np.arange(24), rows)])
def test_splits_in_every_form(form):
    X, y = _targets()
    plain = ConvexReLURegressorCV(betas=[0.1, 0.01], cv=KFold(3), **FAST).fit(X, y)
    splits = [(form(a.tolist()), form(b.tolist())) for a, b in KFold(3).split(X)]
    for cv in (splits, tuple(splits), (split for split in splits), KFold(3).split(X)):
        model = ConvexReLURegressorCV(betas=[0.1, 0.01], cv=cv, **FAST).fit(X, y)
        np.testing.assert_array_equal(model.cv_scores_, plain.cv_scores_)


def test_a_generator_of_splits_goes_with_metadata_routing():
    X, y = _targets()
    with sklearn.config_context(enable_metadata_routing=True):
        model = ConvexReLURegressorCV(betas=[0.1], cv=KFold(3).split(X), scoring="r2", **FAST)
        model.get_metadata_routing()
        assert model.fit(X, y).cv_scores_.shape == (1, 3)


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        ([], "cv has no folds"),
        (iter([]), "cv has no folds"),
        ([1, 2], "split 0 must be a pair"),
        ([([0, 1], [2]), ([0], [1], [2])], "split 1 must be a pair"),
        ([([0, 1], [99])], r"held-out rows of split 0 must lie in range\(24\); got \[99\]"),
        ([([0, -25], [1])], r"training rows of split 0 must lie in range\(24\); got \[-25\]"),
        ([([0.5, 1.0], [2])], "training rows of split 0 must be a list of row numbers"),
        ([(["a"], [2])], "training rows of split 0 must be a list of row numbers"),
        ([([[0, 1]], [2])], "training rows of split 0 must be a list of row numbers"),
        ([([0, 1], [])], "held-out rows of split 0 must be a list of row numbers"),
        ([([], [1])], "training rows of split 0 must be a list of row numbers"),
        ([([True, False], [1])], "training rows of split 0 must be a mask of 24 samples"),
    ],
)
def test_bad_splits_are_named(cv, message):
    X, y = _targets()
    model = ConvexReLURegressorCV(betas=[0.1], cv=cv, **FAST)
    with pytest.raises(ValueError, match=f"cv.*{message}|{message}"):
        model.fit(X, y)
    assert not hasattr(model, "beta_")


def test_a_fold_without_a_finite_optimum_is_named():
    X, y = _targets()
    counts = np.zeros(len(y))
    counts[:8] = np.arange(8)
    cv = [(np.arange(4, 24), np.arange(4)), (np.arange(8, 24), np.arange(8))]
    with pytest.raises(ValueError, match=r"training rows of fold 1: y is zero wherever.*Use fewer folds"):
        ConvexReLURegressorCV(betas=[0.1], cv=cv, loss="poisson", **FAST).fit(X, counts)
    # without an intercept the optimum is finite
    model = ConvexReLURegressorCV(betas=[0.1], cv=cv, loss="poisson", fit_intercept=False, **FAST).fit(X, counts)
    assert np.isfinite(model.cv_scores_).all()


def test_a_fold_of_one_class_is_named():
    X, _ = _labels()
    with pytest.raises(ValueError, match="training rows of fold 1: y holds 1 class with positive weight"):
        ConvexReLUClassifierCV(betas=[0.1], cv=KFold(2), **FAST).fit(X, np.r_[np.zeros(12, int), [0, 1] * 6])


def test_a_score_that_fails_names_its_fold():
    X, _ = _labels()
    y = np.r_[np.zeros(8, int), np.ones(8, int), np.full(8, 2)]
    cv = [(np.r_[0:6, 8:14, 16:22], np.r_[6:8, 14:16, 22:24]), (np.arange(0, 16), np.r_[0:2, 8:10, 16:24])]
    model = ConvexReLUClassifierCV(betas=[0.1], cv=cv, scoring="neg_log_loss", **FAST)
    with pytest.raises(ValueError, match=r"scoring failed.*fold 1 of cv.*lack the classes \[2\]"):
        model.fit(X, y)
    assert ConvexReLUClassifierCV(betas=[0.1], cv=cv[:1], scoring="neg_log_loss", **FAST).fit(X, y).beta_ == 0.1


def test_a_score_that_is_no_number_is_refused():
    X, y = _targets()
    with pytest.raises(ValueError, match="scoring must give one number"):
        ConvexReLURegressorCV(betas=[0.1], scoring=lambda model, X, y: "good", **FAST).fit(X, y)


@pytest.mark.parametrize("weights", [np.random.default_rng(0).uniform(0.5, 2.0, 24), 2.0])
def test_requested_weights_reach_the_scorer(weights):
    X, y = _targets()
    cv = KFold(3)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = make_scorer(mean_squared_error, greater_is_better=False).set_score_request(sample_weight=True)
        model = ConvexReLURegressorCV(betas=[10.0], cv=cv, scoring=scorer, **FAST).set_fit_request(sample_weight=True)
        model.fit(X, y, sample_weight=weights)
    each = np.broadcast_to(weights, y.shape)
    for f, (train, test) in enumerate(cv.split(X)):  # the zero network predicts the weighted mean
        constant = np.average(y[train], weights=each[train])
        expected = -np.average((y[test] - constant) ** 2, weights=each[test])
        assert model.cv_scores_[0, f] == pytest.approx(expected, rel=1e-6)


def test_weights_that_a_scorer_does_not_want_do_not_reach_it():
    X, y = _labels()
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    plain = ConvexReLUClassifierCV(betas=[0.01], cv=StratifiedKFold(3), scoring="accuracy", **FAST).fit(X, y, weights)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = get_scorer("accuracy").set_score_request(sample_weight=False)
        model = ConvexReLUClassifierCV(betas=[0.01], cv=StratifiedKFold(3), scoring=scorer, **FAST)
        model.fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(model.cv_scores_, plain.cv_scores_)
