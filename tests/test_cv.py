"""The estimators that choose beta: against a loop over plain fits, GridSearchCV's conventions, and invariances."""

import itertools
import logging

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, mean_squared_error
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skconvrelu import ConvexReLUClassifier, ConvexReLUClassifierCV, ConvexReLURegressor, ConvexReLURegressorCV
from skconvrelu.training.select_beta import _choose


def _curve(n=80, seed=0, noise=0.1):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, size=(n, 2))
    return X, np.abs(X[:, 0]) + X[:, 1] + noise * rng.standard_normal(n)


def _classes():
    X, y = load_iris(return_X_y=True)
    return scale(X)[::2], y[::2]


def test_scores_are_those_of_plain_fits_over_given_arrangements():
    """Without the search both solve the same convex programs, the path warm and the plain fits cold."""
    X, y = _curve()
    gates = np.random.default_rng(0).standard_normal((3, 15))
    params = {"arrangements": gates, "refine": False, "tol": 1e-8}
    betas = [0.1, 0.01, 0.001]
    model = ConvexReLURegressorCV(betas=betas, cv=KFold(4), scoring="neg_mean_squared_error", **params).fit(X, y)
    for j, beta in enumerate(betas):
        for f, (train, test) in enumerate(KFold(4).split(X)):
            plain = ConvexReLURegressor(beta, **params).fit(X[train], y[train])
            expected = -mean_squared_error(y[test], plain.predict(X[test]))
            assert model.cv_scores_[j, f] == pytest.approx(expected, rel=1e-4)
    assert model.beta_ == betas[model.cv_scores_.mean(axis=1).argmax()]
    assert model.n_fits_ == 12


def test_scores_are_near_those_of_searched_fits():
    X, y = _curve(150)
    betas = [0.05, 0.01, 0.002]
    model = ConvexReLURegressorCV(betas=betas, cv=KFold(3), random_state=0).fit(X, y)
    for j, beta in enumerate(betas):
        plain = []
        for train, test in KFold(3).split(X):
            fit = ConvexReLURegressor(beta, random_state=0).fit(X[train], y[train])
            plain.append(-0.5 * mean_squared_error(y[test], fit.predict(X[test])))
        assert model.cv_scores_[j].mean() == pytest.approx(np.mean(plain), rel=0.05)


def test_gated_networks_are_scored_with_their_own_gates():
    X, y = _classes()
    params = {"activation": "gated_relu", "n_arrangements": 8, "tol": 1e-6, "random_state": 3}
    gates = ConvexReLUClassifier(**params).fit(X, y).arrangements_
    params |= {"arrangements": gates}
    cv = StratifiedKFold(3)
    model = ConvexReLUClassifierCV(betas=[0.01], cv=cv, scoring="accuracy", **params).fit(X, y)
    for f, (train, test) in enumerate(cv.split(X, y)):
        plain = ConvexReLUClassifier(0.01, **params).fit(X[train], y[train])
        assert model.cv_scores_[0, f] == pytest.approx(accuracy_score(y[test], plain.predict(X[test])))


def test_refit_is_a_certified_fit_at_the_chosen_penalty():
    X, y = _curve()
    model = ConvexReLURegressorCV(cv=3, random_state=0, tol=1e-3).fit(X, y)
    assert model.beta_ in model.betas_
    assert model.certificate_.gap_searched <= 1e-3
    plain = ConvexReLURegressor(model.beta_, tol=1e-3, random_state=0).fit(X, y)
    assert model.objective_ == pytest.approx(plain.objective_, rel=2e-3)
    assert model.certify(X, y).gap_searched <= 1e-3


def test_adaptive_grid_is_a_part_of_the_whole_one_and_brackets_its_best():
    X, y = _curve(noise=0.3)
    model = ConvexReLURegressorCV(betas=21, eps=1e-4, cv=4, random_state=0, refit=False).fit(X, y)
    whole = np.geomspace(model.betas_[0], 1e-4 * model.betas_[0], 21)
    places = [int(np.abs(np.log(whole / beta)).argmin()) for beta in model.betas_]
    np.testing.assert_allclose(model.betas_, whole[places], rtol=1e-9)
    assert len(model.betas_) < 21  # pure noise at the end of the grid is not trained
    best = places[int(model.cv_scores_.mean(axis=1).argmax())]
    assert {best - 1, best + 1} <= set(places)


def test_one_standard_error_takes_the_larger_penalty():
    scores = np.array([[1.0, 2.0, 3.0], [3.5, 4.5, 5.5], [4.0, 5.0, 6.0], [3.9, 4.9, 5.9]])
    assert _choose(scores, one_standard_error=False) == 2
    assert _choose(scores, one_standard_error=True) == 1  # the standard error of the best is 0.58
    X, y = _curve(noise=0.3)
    params = {"betas": 13, "eps": 1e-3, "cv": 4, "random_state": 0, "refit": False}
    best = ConvexReLURegressorCV(**params).fit(X, y)
    larger = ConvexReLURegressorCV(**params, one_standard_error=True).fit(X, y)
    np.testing.assert_array_equal(best.cv_scores_, larger.cv_scores_)
    assert larger.beta_ > best.beta_


def test_default_scores_are_weighted_training_loss_and_brier_score():
    X, y = _curve()
    weights = np.random.default_rng(1).uniform(0.5, 2.0, len(y))
    cv = KFold(3)
    model = ConvexReLURegressorCV(betas=[10.0], cv=cv, random_state=0).fit(X, y, weights)
    for f, (train, test) in enumerate(cv.split(X)):  # the zero network predicts the weighted mean
        constant = np.average(y[train], weights=weights[train])
        expected = -0.5 * np.average((y[test] - constant) ** 2, weights=weights[test])
        assert model.cv_scores_[0, f] == pytest.approx(expected, rel=1e-6)
    label = y > 0.5
    model = ConvexReLUClassifierCV(betas=[10.0], cv=cv, random_state=0).fit(X, label)
    for f, (train, test) in enumerate(cv.split(X)):
        p = label[train].mean()
        expected = -2.0 * np.mean((label[test] - p) ** 2)
        assert model.cv_scores_[0, f] == pytest.approx(expected, rel=1e-6)


def test_a_class_that_a_fold_lacks_has_probability_zero():
    X, y = _classes()
    y = y.copy()
    y[y == 2] = np.where(np.arange((y == 2).sum()) == 0, 2, 1)  # one sample of class 2
    with pytest.warns(UserWarning, match="least populated class"):
        model = ConvexReLUClassifierCV(betas=[0.1], cv=3, random_state=0).fit(X, y)
    assert np.isfinite(model.cv_scores_).all()
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])


@pytest.mark.parametrize("n_targets", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_n_jobs_does_not_change_the_model(n_targets):
    X, y = _curve()
    Y = y if n_targets == 1 else np.column_stack([y, -y, X[:, 0]])
    params = {"betas": 5, "eps": 1e-2, "cv": 3, "random_state": 0}
    one = ConvexReLURegressorCV(**params).fit(X, Y)
    two = ConvexReLURegressorCV(**params, n_jobs=2).fit(X, Y)
    np.testing.assert_array_equal(one.cv_scores_, two.cv_scores_)
    np.testing.assert_array_equal(one.convex_coef_, two.convex_coef_)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        three = ConvexReLURegressorCV(**params).fit(X, Y)
    np.testing.assert_array_equal(one.convex_coef_, three.convex_coef_)


def test_folds_spread_by_dask():
    distributed = pytest.importorskip("distributed")
    X, y = _curve()
    params = {"betas": 5, "eps": 1e-2, "cv": 3, "random_state": 0}
    alone = ConvexReLURegressorCV(**params).fit(X, y)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        spread = ConvexReLURegressorCV(**params).fit(X, y)
    np.testing.assert_array_equal(alone.cv_scores_, spread.cv_scores_)
    np.testing.assert_array_equal(alone.convex_coef_, spread.convex_coef_)


def test_rows_of_weight_zero_do_not_count():
    X, y = _curve()
    weights = np.ones(len(y))
    weights[::4] = 0.0
    cv = [(np.arange(40), np.arange(40, 80)), (np.arange(40, 80), np.arange(40))]
    kept = np.flatnonzero(weights)
    place = np.full(80, -1)
    place[kept] = np.arange(len(kept))
    other = [(place[a][place[a] >= 0], place[b][place[b] >= 0]) for a, b in cv]
    params = {"betas": 5, "eps": 1e-2, "random_state": 0}
    weighted = ConvexReLURegressorCV(**params, cv=cv).fit(X, y, weights)
    dropped = ConvexReLURegressorCV(**params, cv=other).fit(X[kept], y[kept])
    np.testing.assert_allclose(weighted.cv_scores_, dropped.cv_scores_, rtol=1e-9)
    np.testing.assert_allclose(weighted.predict(X), dropped.predict(X), rtol=1e-9)


def test_groups_reach_the_splitter():
    X, y = _curve()
    groups = np.arange(80) // 20
    with sklearn.config_context(enable_metadata_routing=True):
        model = ConvexReLURegressorCV(betas=[0.1], cv=GroupKFold(4), random_state=0).fit(X, y, groups=groups)
    assert model.cv_scores_.shape == (1, 4)
    if sklearn.__version__ >= "1.9":
        with pytest.raises(ValueError, match="metadata"):
            ConvexReLURegressorCV(betas=[0.1], cv=GroupKFold(4)).fit(X, y, groups=groups)


@pytest.mark.parametrize(("noise", "n_coarse"), [(0.0, 6), (5.0, 9)])
def test_path_ends_where_the_score_has_turned_sooner_if_clearly(noise, n_coarse):
    # the third penalty is the best one; folds agree on that, or only on average
    asked = itertools.count()

    def scripted(model, X, y):
        penalty, fold = divmod(next(asked), 2)
        return -abs(penalty - 2.0) + noise * (-1.0) ** (penalty + fold)

    X, y = _curve()
    model = ConvexReLURegressorCV(betas=41, cv=2, scoring=scripted, refit=False, random_state=0).fit(X, y)
    # and the two neighbours of the best
    assert len(model.betas_) == n_coarse + 2


def test_without_refit_there_is_a_penalty_and_no_network():
    X, y = _curve()
    model = ConvexReLURegressorCV(betas=3, eps=1e-2, cv=3, refit=False, random_state=0).fit(X, y)
    assert model.beta_ > 0.0
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_in_a_pipeline_it_beats_the_mean_on_diabetes():
    X, y = load_diabetes(return_X_y=True)
    model = make_pipeline(StandardScaler(), ConvexReLURegressorCV(random_state=0)).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.4
    assert model[-1].certificate_.gap_searched <= 1e-2
    assert clone(model[-1]).get_params() == model[-1].get_params()


def test_progress_is_logged_and_nothing_is_printed(capsys, caplog):
    X, y = _curve()
    with caplog.at_level(logging.INFO, logger="skconvrelu"):
        ConvexReLURegressorCV(betas=3, eps=1e-2, cv=3, random_state=0).fit(X, y)
    assert any("fits in" in record.message for record in caplog.records)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"betas": []}, "betas must be"),
        ({"betas": [1.0, np.nan]}, "betas must be"),
        ({"betas": 0}, "betas"),
        ({"eps": 0.0}, "eps"),
        ({"scoring": "no_score"}, "scoring"),
        ({"cv": 1}, "n_splits|k-fold"),
    ],
)
def test_bad_arguments_leave_nothing_fitted(params, message):
    X, y = _curve()
    model = ConvexReLURegressorCV(**params)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert not hasattr(model, "beta_")


def test_hard_margin_has_no_penalty_to_choose():
    X, y = _classes()
    with pytest.raises(ValueError, match="loss"):
        ConvexReLUClassifierCV(loss="hard_margin").fit(X, y)


def test_calibration_is_the_quantile_of_held_out_residuals():
    X, y = _curve(60)
    Y, weights = np.column_stack([y, -2.0 * y]), np.random.default_rng(1).integers(0, 3, len(y)).astype(float)
    own = {"arrangements": np.random.default_rng(0).standard_normal((3, 15)), "loss": "quantile", "quantile": 0.8}
    own |= {"refine": False, "tol": 1e-7}
    choice = {"betas": [1e-3], "cv": KFold(3)}
    plain = ConvexReLURegressorCV(**choice, **own).fit(X, Y, weights)
    np.testing.assert_array_equal(plain.calibration_, 0.0)
    model = ConvexReLURegressorCV(**choice, **own, calibrate=True).fit(X, Y, weights)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X) + model.calibration_)
    residuals = np.empty_like(Y)
    for train, test in KFold(3).split(X):
        fold = ConvexReLURegressor(1e-3, **own).fit(X[train], Y[train], weights[train])
        residuals[test] = Y[test] - fold.predict(X[test])
    for k in range(2):
        below = [np.sum(weights[residuals[:, k] < at]) for at in model.calibration_[k] + np.array([-1e-3, 1e-3])]
        assert below[0] <= 0.8 * weights.sum() <= below[1]


def test_calibrated_quantiles_cover_new_rows():
    X, y = _curve(120, noise=0.5)
    V, v = _curve(2000, seed=1, noise=0.5)
    params = {"betas": [1e-3], "loss": "quantile", "quantile": 0.9, "random_state": 0}
    shares = [(v <= ConvexReLURegressorCV(**params, calibrate=c).fit(X, y).predict(V)).mean() for c in (False, True)]
    assert shares[0] < 0.85
    assert abs(shares[1] - 0.9) < 0.03


def test_calibration_is_for_quantiles_only():
    X, y = _curve(20)
    with pytest.raises(ValueError, match="calibrate=True is for loss='quantile'"):
        ConvexReLURegressorCV(calibrate=True).fit(X, y)


def test_a_second_fit_without_refit_forgets_the_first_network():
    X, y = _curve()
    model = ConvexReLURegressorCV(betas=3, eps=1e-2, cv=3, random_state=0).fit(X, y)
    model.set_params(refit=False).fit(X, -y)
    assert not hasattr(model, "coefs_")
    assert not hasattr(model, "certificate_")
    with pytest.raises(NotFittedError):
        model.predict(X)
