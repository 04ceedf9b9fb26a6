"""scikit-learn's callbacks: tasks, stopping, scoring, nesting in Pipeline and GridSearchCV."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor, ConvexReLURegressorCV

callback = pytest.importorskip("sklearn.callback")


class Recorder:
    """Notes every task; stops the search after so many rounds."""

    max_propagation_depth = None

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.tasks, self.scores = [], []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.tasks.append((context.estimator_name, context.task_name))
        if context.task_name == "round":
            self.scores.append(fitted_estimator.score(X, y))
        rounds = [task for _, task in self.tasks if task in ("round", "betas")]
        return self.stop_after is not None and len(rounds) >= self.stop_after


def _data(n=120):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 4))
    return X, np.maximum(X @ rng.standard_normal((4, 3)), 0.0).sum(axis=1) + 0.1 * rng.standard_normal(n)


def test_every_round_is_a_task_with_a_network_that_predicts():
    X, y = _data()
    recorder = Recorder()
    model = ConvexReLURegressor(1e-3, random_state=0).set_callbacks(recorder).fit(X, y)
    assert recorder.tasks == [("ConvexReLURegressor", "round")] * len(model.objectives_) + [
        ("ConvexReLURegressor", "fit")
    ]
    assert recorder.scores[-1] == pytest.approx(model.score(X, y), abs=1e-3)
    silent = ConvexReLURegressor(1e-3, random_state=0).fit(X, y)
    np.testing.assert_array_equal(silent.convex_coef_, model.convex_coef_)


def test_a_callback_ends_the_search_with_an_honest_gap():
    X, y = _data()
    model = ConvexReLURegressor(1e-3, tol=1e-6, random_state=0).set_callbacks(Recorder(stop_after=1))
    with pytest.warns(ConvergenceWarning, match="refine or tol"):
        model.fit(X, y)
    assert len(model.objectives_) == 1
    assert model.certificate_.gap_searched > 1e-6


def test_classifier_rounds_know_their_classes():
    X, y = _data()
    recorder = Recorder()
    ConvexReLUClassifier(1e-2, random_state=0).set_callbacks(recorder).fit(X, np.where(y > 1.0, "a", "b"))
    assert recorder.scores[-1] > 0.9


def test_choosing_beta_has_stages_and_a_refit_of_rounds():
    X, y = _data()
    recorder = Recorder()
    model = ConvexReLURegressorCV(betas=5, eps=1e-2, cv=3, random_state=0).set_callbacks(recorder).fit(X, y)
    names = [task for _, task in recorder.tasks]
    assert names.count("betas") >= 1
    assert names.count("round") == len(model.objectives_)
    assert names[-2:] == ["refit", "fit"]


def test_a_callback_ends_the_path():
    X, y = _data()
    model = ConvexReLURegressorCV(betas=41, cv=3, random_state=0, refit=False).set_callbacks(Recorder(stop_after=1))
    assert len(model.fit(X, y).betas_) == 3


def test_tasks_nest_in_pipeline_and_grid_search():
    X, y = _data(60)
    model = make_pipeline(StandardScaler(), ConvexReLURegressor(random_state=0, tol=1e-2))
    recorder = Recorder()
    search = GridSearchCV(model, {"convexreluregressor__beta": [1e-2, 1e-3]}, cv=2)
    search.set_callbacks(recorder).fit(X, y)
    assert ("ConvexReLURegressor", "round") in recorder.tasks


def test_scoring_monitor_follows_the_rounds():
    X, y = _data()
    monitor = callback.ScoringMonitor(scoring="r2")
    model = ConvexReLURegressor(1e-3, random_state=0).set_callbacks(monitor).fit(X, y)
    rows = monitor.get_logs(select="most_recent").data
    assert [row["task_name"] for row in rows].count("round") == len(model.objectives_)
    assert rows[-1]["r2"] == pytest.approx(model.score(X, y), abs=1e-3)


def test_scoring_monitor_of_a_data_frame_warns_of_no_names():
    pandas = pytest.importorskip("pandas")
    X, y = _data()
    frame = pandas.DataFrame(X, columns=[f"feature {k}" for k in range(X.shape[1])])
    monitor = callback.ScoringMonitor(scoring="r2")
    model = ConvexReLURegressor(1e-3, random_state=0).set_callbacks(monitor)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(frame, y)
    assert list(model.feature_names_in_) == list(frame.columns)
    assert np.isfinite([row["r2"] for row in monitor.get_logs(select="most_recent").data]).all()


def test_progress_bar_is_drawn(capsys):
    pytest.importorskip("rich")
    X, y = _data(60)
    ConvexReLURegressor(1e-2, random_state=0).set_callbacks(callback.ProgressBar()).fit(X, y)
    assert "ConvexReLURegressor" in capsys.readouterr().out
