"""The estimators as their users meet them."""

import pickle
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor

#: the plain sampled program; the search over all arrangements has its own tests
FAST = {"n_arrangements": 20, "random_state": 0, "refine": False}


def regression_data(n=60, d=4, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, np.maximum(X[:, 0] + 0.5, 0) - np.maximum(X[:, 1], 0) + 0.1 * rng.standard_normal(n)


def labels(n_classes, n=60, seed=0):
    X, y = regression_data(n, seed=seed)
    return X, np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))


def nonconvex_objective(model, X, y, weights=None):
    """The nonconvex objective recomputed from coefs_ and intercepts_ in the layout of MLPRegressor."""
    (W1, W2), (b1, b2) = model.coefs_, model.intercepts_
    hidden = X @ W1 + b1
    if model.activation == "relu":
        hidden = np.maximum(hidden, 0)
    else:
        gates = model.arrangements_[:, model.convex_arrangements_]
        Xg = np.hstack([X, np.ones((len(X), 1))]) if model.fit_intercept else X
        hidden = hidden * (Xg @ gates >= 0)
    F = hidden @ W2 + b2
    if hasattr(model, "classes_"):
        if len(model.classes_) == 2:
            losses = np.logaddexp(0, -np.where(y == model.classes_[1], 1, -1) * F[:, 0])
        else:
            losses = np.log(np.exp(F).sum(axis=1)) - F[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    else:
        losses = 0.5 * np.square(F - y.reshape(len(y), -1)).sum(axis=1)
    penalty = 0.5 * model.beta_ * (np.square(W1).sum() + np.square(b1).sum() + np.square(W2).sum())
    return np.average(losses, weights=weights) + penalty


@pytest.mark.parametrize("activation", ["relu", "gated_relu"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("target", ["one", "three", "binary", "classes"])
def test_objective_is_the_nonconvex_objective_of_the_network(activation, fit_intercept, target):
    X, y = labels(3 if target == "classes" else 2) if target in ("binary", "classes") else regression_data()
    if target == "three":
        y = np.column_stack([y, y**2, X[:, 2]])
    estimator = ConvexReLURegressor if target in ("one", "three") else ConvexReLUClassifier
    model = estimator(activation=activation, fit_intercept=fit_intercept, **FAST).fit(X, y)
    assert nonconvex_objective(model, X, y) == pytest.approx(model.objective_, rel=1e-9)
    assert 0 <= model.dual_gap_ <= model.tol * model.objective_


def test_fitted_attributes_and_their_shapes():
    X, y = regression_data()
    Y = np.column_stack([y, -y])
    model = ConvexReLURegressor(**FAST).fit(X, Y)
    m, P = len(model.convex_coef_), model.arrangements_.shape[1]
    assert model.convex_coef_.shape == (m, 5)
    assert model.convex_directions_.shape == (m, 2)
    assert_allclose(np.linalg.norm(model.convex_directions_, axis=1), 1.0)
    assert model.convex_arrangements_.shape == (m,)
    assert model.convex_arrangements_.max() < P <= 20
    assert model.arrangements_.shape == (5, P)
    assert [c.shape for c in model.coefs_] == [(4, m), (m, 2)]
    assert [b.shape for b in model.intercepts_] == [(m,), (2,)]
    assert model.dual_coef_.shape == (60, 2)
    assert_allclose(model.dual_coef_.sum(axis=0), 0, atol=1e-12)
    assert model.solver_ == ("scipy" if model.solver_ == "scipy" else "mosek")
    assert model.n_iter_ >= 1
    assert ConvexReLURegressor(**FAST).fit(X, y).dual_coef_.shape == (60,)


def test_each_block_lies_in_the_cone_of_its_arrangement():
    X, y = regression_data()
    model = ConvexReLURegressor(**FAST).fit(X, y)
    A = np.hstack([X, np.ones((60, 1))])
    patterns = A @ model.arrangements_[:, model.convex_arrangements_] >= 0
    signed = np.where(patterns, 1, -1) * (A @ model.convex_coef_.T)
    assert signed.min() >= -1e-9
    assert set(np.unique(model.convex_directions_)) <= {-1.0, 1.0}


# known answers


@pytest.mark.parametrize("beta", [0.1, 0.5, 0.99, 1.0, 1.5])
def test_one_sample_in_one_dimension_is_soft_thresholding(beta):
    """X = 1, y = 1: minimise (u - 1)^2 / 2 + beta u over u >= 0, that is u = max(1 - beta, 0)."""
    model = ConvexReLURegressor(beta=beta, fit_intercept=False, arrangements=[[1.0]], tol=1e-10).fit([[1.0]], [1.0])
    expected = max(1 - beta, 0)
    assert model.predict([[1.0]])[0] == pytest.approx(expected, abs=1e-6)
    assert model.objective_ == pytest.approx(0.5 * (expected - 1) ** 2 + beta * expected, rel=1e-9)
    assert len(model.convex_coef_) == (1 if beta < 1 else 0)


def test_linear_teacher_is_recovered():
    """A linear function is two ReLU units of opposite patterns; with little penalty and noise-free data it comes back."""
    X, y = make_regression(80, 3, noise=0.0, random_state=0)
    y /= y.std()
    model = ConvexReLURegressor(beta=1e-7, n_arrangements=10, random_state=0, tol=1e-6, refine=False).fit(X, y)
    Z = np.random.default_rng(1).uniform(X.min(0), X.max(0), (50, 3))
    truth = np.linalg.lstsq(np.c_[X, np.ones(80)], y, rcond=None)[0]
    assert_allclose(model.predict(X), y, atol=1e-4)
    # inside the range of the data the pieces add to the line up to what the penalty leaves
    assert np.abs(model.predict(Z) - np.c_[Z, np.ones(50)] @ truth).max() < 0.5


@pytest.mark.parametrize("make", [regression_data, lambda: labels(2), lambda: labels(3)])
def test_zero_network_above_beta_max_and_not_just_below(make):
    X, y = make()
    estimator = ConvexReLURegressor if make is regression_data else ConvexReLUClassifier
    big = estimator(beta=1e3, **FAST).fit(X, y)
    assert len(big.convex_coef_) == 0
    assert big.dual_gap_ <= 1e-13  # what the bound gives up for rounding
    # the largest price at the constant network, from the fitted dual point itself
    A = np.hstack([X, np.ones((60, 1))])
    from skconvrelu.cones import project

    patterns = (A @ big.arrangements_ >= 0).T
    L = big.dual_coef_.reshape(60, -1)
    prices = [project(A, patterns, (patterns * (s * c)) @ A).upper.max() for c in L.T for s in (1, -1)]
    beta_max = max(prices)
    assert len(estimator(beta=beta_max * (1 + 1e-6), **FAST).fit(X, y).convex_coef_) == 0
    assert len(estimator(beta=beta_max * (1 - 1e-3), tol=1e-8, **FAST).fit(X, y).convex_coef_) >= 1


def test_exact_arrangements_are_never_beaten_by_sampled_ones():
    X, y = regression_data(12, 2)
    exact = ConvexReLURegressor(beta=0.01, arrangements="exact", tol=1e-7).fit(X, y)
    for name in ("gaussian", "sparse", "data"):
        sampled = ConvexReLURegressor(beta=0.01, arrangements=name, n_arrangements=50, random_state=0, tol=1e-7)
        assert exact.objective_ <= sampled.fit(X, y).objective_ * (1 + 1e-6)


def test_arrangements_by_array_and_by_callable():
    X, y = regression_data()
    gates = np.random.default_rng(0).standard_normal((5, 7))
    by_array = ConvexReLURegressor(beta=0.01, arrangements=gates, refine=False).fit(X, y)
    assert_array_equal(by_array.arrangements_, gates)

    def sampler(A, count, rng):
        assert A.shape[1] == 5
        assert count == 7
        assert isinstance(rng, np.random.RandomState)
        return gates

    by_callable = ConvexReLURegressor(beta=0.01, arrangements=sampler, n_arrangements=7, refine=False).fit(X, y)
    assert by_callable.objective_ == by_array.objective_


# beta="auto"


@pytest.mark.parametrize("factor", [1e-5, 1e4])
def test_automatic_beta_follows_the_scale_of_y(factor):
    X, y = regression_data()
    model = ConvexReLURegressor(tol=1e-8, **FAST).fit(X, y)
    scaled = ConvexReLURegressor(tol=1e-8, **FAST).fit(X, factor * y)
    assert scaled.beta_ == pytest.approx(factor * model.beta_, rel=1e-9)
    assert_allclose(scaled.predict(X), factor * model.predict(X), rtol=1e-3, atol=1e-4 * factor)


@pytest.mark.parametrize("factor", [1e-5, 1e4])
def test_automatic_beta_follows_the_scale_of_x_without_intercept(factor):
    X, y = regression_data()
    options = {"fit_intercept": False, "tol": 1e-8, **FAST}
    model = ConvexReLURegressor(**options).fit(X, y)
    scaled = ConvexReLURegressor(**options).fit(factor * X, y)
    assert scaled.beta_ == pytest.approx(factor * model.beta_, rel=1e-9)
    assert_allclose(scaled.predict(factor * X), model.predict(X), rtol=1e-3, atol=1e-4)


def test_automatic_beta_with_nothing_to_learn():
    X, _ = regression_data()
    for y in (np.zeros(60), np.full(60, 3.7)):
        model = ConvexReLURegressor(**FAST).fit(X, y)
        assert_allclose(model.predict(X), y, atol=1e-12)
        assert len(model.convex_coef_) == 0


# data


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, sparse.csc_array])
def test_sparse_equals_dense(container):
    X, y = regression_data()
    X[X < 0.3] = 0.0
    dense, thin = ConvexReLURegressor(**FAST).fit(X, y), ConvexReLURegressor(**FAST).fit(container(X), y)
    assert_array_equal(dense.convex_coef_, thin.convex_coef_)
    assert_allclose(dense.predict(X), thin.predict(container(X)), rtol=1e-12)


def test_float32_in_gives_float32_out():
    X, y = regression_data()
    model = ConvexReLURegressor(**FAST).fit(X.astype(np.float32), y.astype(np.float32))
    assert model.predict(X.astype(np.float32)).dtype == np.float32
    assert model.predict(X).dtype == np.float64
    X, c = labels(3)
    classifier = ConvexReLUClassifier(**FAST).fit(X.astype(np.float32), c)
    assert classifier.decision_function(X.astype(np.float32)).dtype == np.float32
    assert classifier.predict_proba(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames(library):
    frames = pytest.importorskip(library)
    X, y = regression_data()
    names = [f"x{i}" for i in range(4)]
    frame = frames.DataFrame(dict(zip(names, X.T, strict=True)))
    model = ConvexReLURegressor(**FAST).fit(frame, frames.Series(y))
    assert list(model.feature_names_in_) == names
    assert_allclose(model.predict(frame), ConvexReLURegressor(**FAST).fit(X, y).predict(X), rtol=1e-12)


@pytest.mark.parametrize("estimator", [ConvexReLURegressor, ConvexReLUClassifier])
@pytest.mark.parametrize("activation", ["relu", "gated_relu"])
def test_integer_weights_are_repetitions(estimator, activation):
    X, y = regression_data() if estimator is ConvexReLURegressor else labels(3)
    counts = np.random.default_rng(0).integers(0, 4, 60)
    weighted = estimator(activation=activation, **FAST).fit(X, y, sample_weight=counts)
    repeated = estimator(activation=activation, **FAST).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    assert_array_equal(weighted.convex_coef_, repeated.convex_coef_)
    assert weighted.objective_ == repeated.objective_
    assert nonconvex_objective(weighted, X, y, counts) == pytest.approx(weighted.objective_, rel=1e-9)
    # the dual point is shared out: each repetition holds an equal part
    total = np.add.reduceat(repeated.dual_coef_, np.r_[0, np.cumsum(counts[counts > 0])[:-1]])
    assert_allclose(weighted.dual_coef_[counts > 0], total, atol=1e-15)


def test_class_weight_is_sample_weight():
    X, y = labels(2)
    by_class = ConvexReLUClassifier(class_weight={0: 1.0, 1: 3.0}, **FAST).fit(X, y)
    by_sample = ConvexReLUClassifier(**FAST).fit(X, y, sample_weight=np.where(y == 1, 3.0, 1.0))
    assert by_class.objective_ == by_sample.objective_


def test_classes_of_weight_zero_are_left_out():
    X, y = labels(3)
    model = ConvexReLUClassifier(**FAST).fit(X, y, sample_weight=(y != 1).astype(float))
    assert_array_equal(model.classes_, [0, 2])
    assert model.predict_proba(X).shape == (60, 2)


def test_probabilities_are_consistent():
    X, y = labels(3)
    model = ConvexReLUClassifier(**FAST).fit(X, np.array(["a", "b", "c"])[y])
    p = model.predict_proba(X)
    assert_allclose(p.sum(axis=1), 1.0)
    assert_array_equal(model.classes_[p.argmax(axis=1)], model.predict(X))
    X, y = labels(2)
    model = ConvexReLUClassifier(**FAST).fit(X, y)
    assert model.decision_function(X).shape == (60,)
    assert_array_equal(model.predict_proba(X)[:, 1] > 0.5, model.predict(X) == 1)


# scikit-learn machinery


def test_grid_search_in_a_pipeline_with_routed_weights():
    X, y = load_diabetes(return_X_y=True)
    X, y, weights = X[:90], y[:90], np.random.default_rng(0).uniform(0.5, 2.0, 90)
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = ConvexReLURegressor(**FAST).set_fit_request(sample_weight=True)
        scoring = get_scorer("neg_mean_squared_error").set_score_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=True), estimator)
        search = GridSearchCV(
            pipeline, {"convexreluregressor__beta": [1.0, 10.0, 1e4]}, scoring=scoring, cv=3, n_jobs=2
        )
        search.fit(X, y, sample_weight=weights)
    assert search.best_params_["convexreluregressor__beta"] < 1e4
    best = search.best_estimator_
    by_hand = make_pipeline(StandardScaler(), clone(best[-1]))
    by_hand.fit(X, y, standardscaler__sample_weight=weights, convexreluregressor__sample_weight=weights)
    assert_array_equal(best.predict(X), by_hand.predict(X))


def test_persistence_in_a_fresh_process(tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)[:120, :8]
    model = ConvexReLUClassifier(**FAST).fit(X, y[:120])
    joblib.dump(model, tmp_path / "model.joblib")
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "p.npy", model.predict_proba(X))
    code = (
        "import joblib, numpy as np\n"
        f"model = joblib.load(r'{tmp_path / 'model.joblib'}')\n"
        f"X, p = np.load(r'{tmp_path / 'X.npy'}'), np.load(r'{tmp_path / 'p.npy'}')\n"
        "assert (model.predict_proba(X) == p).all()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_model_holds_no_training_data():
    X, y = regression_data(4000, 10)
    model = ConvexReLURegressor(beta=1.0, n_arrangements=5, random_state=0, refine=False).fit(X, y)
    without_dual = clone(model)
    without_dual.__dict__.update({k: v for k, v in vars(model).items() if k != "dual_coef_"})
    assert len(pickle.dumps(without_dual)) < 10_000
    assert len(pickle.dumps(model)) < 10_000 + 1.1 * 8 * 4000


def test_same_random_state_gives_bitwise_the_same_model():
    X, y = regression_data()
    Y = np.column_stack([y, X[:, 2] ** 2, -y])
    models = [ConvexReLURegressor(n_jobs=n_jobs, **FAST).fit(X, Y) for n_jobs in (None, 1, 2)]
    for other in models[1:]:
        for name in ("convex_coef_", "dual_coef_", "arrangements_"):
            assert_array_equal(getattr(models[0], name), getattr(other, name))
        assert models[0].objective_ == other.objective_
    different = ConvexReLURegressor(n_arrangements=20, random_state=1, refine=False).fit(X, Y)
    assert different.objective_ != models[0].objective_


def test_row_order_does_not_matter():
    X, y = regression_data()
    order = np.random.default_rng(0).permutation(60)
    a, b = ConvexReLURegressor(**FAST).fit(X, y), ConvexReLURegressor(**FAST).fit(X[order], y[order])
    assert_array_equal(a.convex_coef_, b.convex_coef_)


def test_warm_start_keeps_the_units_found_before():
    X, y = regression_data()
    model = ConvexReLURegressor(
        beta=0.01, n_arrangements=10, warm_start=True, random_state=0, tol=1e-6, refine=False
    ).fit(X, y)
    first = model.objective_
    objectives = [model.set_params(random_state=seed).fit(X, y).objective_ for seed in (1, 2, 3)]
    cold = (
        ConvexReLURegressor(beta=0.01, n_arrangements=10, random_state=3, tol=1e-6, refine=False).fit(X, y).objective_
    )
    assert all(b <= a * (1 + 1e-6) for a, b in zip([first, *objectives], objectives, strict=False))
    assert objectives[-1] < cold
    # another number of features or targets starts afresh
    model.fit(X[:, :2], y)
    model.fit(X[:, :2], np.column_stack([y, y]))


@pytest.mark.parametrize("solver", ["scipy", "clarabel"])
def test_named_solvers_agree(solver):
    if solver != "scipy":
        pytest.importorskip(solver)
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)[::3]
    model = ConvexReLUClassifier(
        beta=0.01, solver=solver, tol=1e-6, n_arrangements=8, random_state=0, refine=False
    ).fit(X, y[::3])
    assert model.solver_ == solver
    assert model.dual_gap_ <= 1e-6 * model.objective_


def test_verbose_logs_and_prints_nothing_on_stdout(capsys):
    X, y = regression_data()
    ConvexReLURegressor(verbose=1, **FAST).fit(X, y)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "objective" in captured.err
    ConvexReLURegressor(**FAST).fit(X, y)
    assert capsys.readouterr().err == ""


def test_too_few_iterations_warn():
    X, y = regression_data()
    with pytest.warns(ConvergenceWarning, match="Increase max_iter or tol"):
        model = ConvexReLURegressor(max_iter=2, solver="scipy", **FAST).fit(X, y)
    assert model.dual_gap_ > 1e-4 * model.objective_
    assert nonconvex_objective(model, X, y) == pytest.approx(model.objective_, rel=1e-9)


# bad input

X_OK, Y_OK = regression_data(20)
BAD = {
    "NaN": ({}, (np.full((20, 4), np.nan), Y_OK), "NaN"),
    "infinite y": ({}, (X_OK, np.r_[np.inf, Y_OK[1:]]), "infinity"),
    "lengths": ({}, (X_OK, Y_OK[:-1]), "inconsistent numbers of samples"),
    "one dimension": ({}, (X_OK[:, 0], Y_OK), "Expected 2D array"),
    "negative beta": ({"beta": -1.0}, (X_OK, Y_OK), "beta"),
    "zero beta": ({"beta": 0.0}, (X_OK, Y_OK), "beta"),
    "NaN beta": ({"beta": np.nan}, (X_OK, Y_OK), "beta"),
    "infinite beta": ({"beta": np.inf}, (X_OK, Y_OK), "beta"),
    "unknown beta": ({"beta": "large"}, (X_OK, Y_OK), "beta"),
    "unknown loss": ({"loss": "hinge"}, (X_OK, Y_OK), "loss"),
    "unknown sampler": ({"arrangements": "random"}, (X_OK, Y_OK), "arrangements"),
    "unknown activation": ({"activation": "tanh"}, (X_OK, Y_OK), "activation"),
    "unknown solver": ({"solver": "cplex"}, (X_OK, Y_OK), "solver"),
    "negative count": ({"n_arrangements": -3}, (X_OK, Y_OK), "n_arrangements"),
    "fractional count": ({"n_arrangements": 2.5}, (X_OK, Y_OK), "n_arrangements"),
    "gates of the wrong height": ({"arrangements": np.ones((4, 3))}, (X_OK, Y_OK), r"shape \(n_features \+ 1 = 5"),
    "gates of one dimension": ({"arrangements": np.ones(5)}, (X_OK, Y_OK), "one gate vector a column"),
    "no gates": ({"arrangements": np.ones((5, 0))}, (X_OK, Y_OK), "one gate vector a column"),
    "gates that are no numbers": ({"arrangements": {}}, (X_OK, Y_OK), "matrix of gate vectors"),
    "gates with NaN": ({"arrangements": np.full((5, 2), np.nan)}, (X_OK, Y_OK), "NaN"),
    "gates that are off": ({"arrangements": -np.eye(5)[:, 4:]}, (X_OK, Y_OK), "no gate activates any sample"),
    "exact too large": ({"arrangements": "exact"}, (np.tile(X_OK, 4) + np.eye(20, 16), Y_OK), "exact"),
    "zero tol": ({"tol": 0.0}, (X_OK, Y_OK), "tol"),
    "zero iterations": ({"max_iter": 0}, (X_OK, Y_OK), "max_iter"),
    "zero weights": ({}, (X_OK, Y_OK, np.zeros(20)), "(?i)weight.*zero|zero.*weight"),
    "negative weights": ({}, (X_OK, Y_OK, np.r_[-1.0, np.ones(19)]), "[Nn]egative"),
    "NaN weights": ({}, (X_OK, Y_OK, np.full(20, np.nan)), "sample_weight"),
    "weights of the wrong length": ({}, (X_OK, Y_OK, np.ones(19)), "sample_weight"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_raises_before_any_work(case):
    parameters, data, message = BAD[case]
    model = ConvexReLURegressor(**{**FAST, **parameters})
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(*data)
    assert not hasattr(model, "convex_coef_")
    assert not hasattr(model, "arrangements_")


def test_bad_targets_of_the_classifier():
    for y, message in ((np.ones(20), "class"), (Y_OK, "[Uu]nknown label type"), (np.ones((20, 2), int), "1d array")):
        with pytest.raises(ValueError, match=message):
            ConvexReLUClassifier(**FAST).fit(X_OK, y)
    with pytest.raises(ValueError, match="class"):
        ConvexReLUClassifier(**FAST).fit(X_OK, np.arange(20) % 2, sample_weight=np.arange(20) % 2)


def test_a_failed_fit_leaves_the_old_model_alone():
    X, y = regression_data()
    model = ConvexReLURegressor(**FAST).fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="beta"):
        model.set_params(beta=-1.0).fit(X, y + 1.0)
    assert_array_equal(model.predict(X), before)


def test_a_fit_does_not_change_the_callers_warnings_or_parameters():
    X, y = regression_data()
    model = ConvexReLURegressor(**FAST)
    before = model.get_params()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)
    assert model.get_params() == before


def test_gates_that_leave_a_sample_on_their_hyperplane_but_for_rounding_are_warned_of():
    X, y = np.array([[0.3], [0.7], [1.0], [-1.0]]), np.array([3.0, 1.0, 0.0, 0.0])
    options = {"beta": 1e-3, "refine": False}
    with pytest.warns(ConvergenceWarning, match="outside its cone"):
        ConvexReLURegressor(arrangements=[[-1.0], [0.3]], **options).fit(X, y)
    # a sample of zeros is on the hyperplane of every gate without bias, and belongs to its closed side whoever computes it
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ConvexReLURegressor(arrangements=[[-1.0], [0.0]], **options).fit(X - 0.3, y)
