"""What everyday data hold: missing labels and targets, nullable data frames, class weights, flags of numpy, counts beyond all memory."""

import dataclasses
import warnings

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils.class_weight import compute_class_weight

from skconvrelu import (
    ConvexReLUClassifier,
    ConvexReLUClassifierCV,
    ConvexReLURegressor,
    certify_network,
    convex_relu_path,
)
from skconvrelu.arrangements import sample_arrangements
from skconvrelu.losses import coded_targets
from skconvrelu.network import TwoLayerReLU
from skconvrelu.policy import DEFAULT
from skconvrelu.theory import balanced_network, is_orthogonally_separable, rectified_ellipsoid, support_function
from skconvrelu.training.trained import Options

pd = pytest.importorskip("pandas")

FAST = {"refine": False, "n_arrangements": 5, "random_state": 0}
NETWORK = TwoLayerReLU(np.array([[1.0, -1.0], [0.5, 1.0]]), np.zeros(2), np.array([[1.0], [1.0]]), np.zeros(1))


def _data(n=20):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 2))
    return X, X[:, 0] + 0.1 * rng.standard_normal(n)


MISSING_LABELS = {
    "None among numbers": [None, 1] + [0, 1] * 9,
    "None among strings": np.array([None, "a"] + ["b", "a"] * 9, dtype=object),
    "NaN among strings": [np.nan, "a"] + ["b", "a"] * 9,
    "pandas.NA among strings": pd.Series([pd.NA, "a"] + ["b", "a"] * 9, dtype="string"),
    "pandas.NA among objects": pd.Series([pd.NA, "a"] + ["b", "a"] * 9, dtype=object),
    "pandas.NA among integers": pd.Series([pd.NA, 1] + [0, 1] * 9, dtype="Int64"),
    "pandas.NA among booleans": pd.Series([pd.NA, True] + [False, True] * 9, dtype="boolean"),
    "category": pd.Series([None, "a"] + ["b", "a"] * 9, dtype="category"),
    "NaT": pd.Series([pd.NaT] + [pd.Timestamp(k) for k in (1, 2)] * 9 + [pd.Timestamp(1)]),
}


@pytest.mark.parametrize("y", MISSING_LABELS.values(), ids=MISSING_LABELS)
@pytest.mark.parametrize("kind", [ConvexReLUClassifier, ConvexReLUClassifierCV])
def test_missing_labels_are_named(y, kind):
    X, _ = _data()
    model = kind(**FAST)
    with pytest.raises(ValueError, match=r"y (holds NaN|contains NaN)"):
        model.fit(X, y)
    assert not hasattr(model, "classes_")
    with pytest.raises(ValueError, match="y holds NaN"):
        coded_targets("log_loss", y)
    with pytest.raises(ValueError, match="y holds NaN"):
        is_orthogonally_separable(X, y)


MISSING_TARGETS = {
    "None": [None] + [1.0] * 19,
    "objects": pd.Series([pd.NA] + [1.0] * 19, dtype=object),
    "Int64": pd.Series([pd.NA] + [1] * 19, dtype="Int64"),
    "Float64": pd.Series([pd.NA] + [1.0] * 19, dtype="Float64"),
    "frame": pd.DataFrame({"a": [pd.NA] + [1] * 19, "b": [1] * 20}, dtype="Int64"),
}


@pytest.mark.parametrize("y", MISSING_TARGETS.values(), ids=MISSING_TARGETS)
def test_missing_targets_are_named(y):
    X, _ = _data()
    with pytest.raises(ValueError, match=r"y (holds NaN|contains NaN)"):
        ConvexReLURegressor(**FAST).fit(X, y)
    with pytest.raises(ValueError, match="y holds NaN"):
        NETWORK.objective(X, y, beta=0.1)


@pytest.mark.parametrize("y", [["a"] * 20, pd.Series([pd.Timestamp(1)] * 20), [{}] * 20])
def test_targets_that_are_no_numbers_are_named(y):
    X, _ = _data()
    with pytest.raises(ValueError, match="y must hold real numbers"):
        ConvexReLURegressor(**FAST).fit(X, y)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean"])
def test_complete_nullable_targets_and_labels(dtype):
    X, _ = _data()
    values = [0, 1] * 10
    y = pd.Series(values, dtype=dtype)
    for kind in (ConvexReLUClassifier, ConvexReLURegressor):
        np.testing.assert_array_equal(kind(**FAST).fit(X, y).coefs_[0], kind(**FAST).fit(X, values).coefs_[0])
    assert coded_targets("squared_error", y)[1].tolist() == [[float(v)] for v in values]


METHODS = {
    "outputs": lambda network, X: network.outputs(X),
    "predict": lambda network, X: network.predict(X),
    "patterns": lambda network, X: network.patterns(X),
    "contributions": lambda network, X: network.contributions(X),
    "merge": lambda network, X: network.merge(X).outputs(X),
    "minimal": lambda network, X: network.minimal(X).outputs(X),
    "objective": lambda network, X: network.objective(X, np.arange(float(len(X))), beta=0.1),
    "support_function": lambda network, X: support_function(X, np.ones(len(X))).value,
    "rectified_ellipsoid": lambda network, X: rectified_ellipsoid(X).X,
}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("dtype", ["Int64", "Float64", object])
def test_nullable_frames(method, dtype):
    values = np.array([[1, 2], [-3, 1], [0, 2], [-1, -1]])
    whole = pd.DataFrame(values, columns=["a", "b"]).astype(dtype)
    np.testing.assert_allclose(method(NETWORK, whole), method(NETWORK, values.astype(float)))
    part = whole.copy()
    part.iloc[1, 1] = pd.NA
    with pytest.raises((TypeError, ValueError), match=r"X must be a matrix of finite numbers.*N[aA]"):
        method(NETWORK, part)


@pytest.mark.parametrize("X", [[["a", "b"]], [[np.nan, 1.0]], [[np.inf, 1.0]], [1.0, 2.0], 3.0, None, [[{}, 1]]])
def test_networks_take_finite_matrices_only(X):
    for name in ("outputs", "predict", "patterns", "contributions", "merge", "minimal"):
        with pytest.raises((TypeError, ValueError), match="X must be a matrix of finite numbers"):
            getattr(NETWORK, name)(X)


def test_networks_take_no_samples_and_single_precision():
    assert NETWORK.outputs(np.zeros((0, 2))).shape == (0, 1)
    X, _ = _data()
    np.testing.assert_allclose(NETWORK.outputs(X.astype(np.float32)), NETWORK.outputs(X), rtol=1e-5)


# class weights


def _unbalanced():
    X, y = _data(30)
    return X, (y > 0.8).astype(int), np.random.default_rng(1).integers(1, 4, 30).astype(float)


def test_balanced_counts_sample_weights():
    X, y, weights = _unbalanced()
    repeated = np.repeat(np.arange(30), weights.astype(int))
    model = ConvexReLUClassifier(0.01, class_weight="balanced", tol=1e-8, arrangements=np.eye(3), refine=False)
    weighted = model.fit(X, y, weights).decision_function(X)
    np.testing.assert_allclose(weighted, model.fit(X[repeated], y[repeated]).decision_function(X), rtol=1e-5)
    by_hand = compute_class_weight("balanced", classes=np.array([0, 1]), y=y[repeated])
    model.set_params(class_weight=dict(enumerate(by_hand)))
    np.testing.assert_allclose(weighted, model.fit(X, y, weights).decision_function(X), rtol=1e-5)


def test_balanced_leaves_classes_without_weight_out():
    X, y, _ = _unbalanced()
    three = np.where(np.arange(30) < 5, 2, y)
    weights = np.where(three == 2, 0.0, 1.0)
    params = {"class_weight": "balanced", "arrangements": np.eye(3), "refine": False}
    model = ConvexReLUClassifier(0.01, **params).fit(X, three, weights)
    other = ConvexReLUClassifier(0.01, **params).fit(X[5:], y[5:])
    np.testing.assert_array_equal(model.classes_, [0, 1])
    np.testing.assert_allclose(model.decision_function(X), other.decision_function(X), rtol=1e-9)


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({0: np.nan, 1: 1.0}, "class_weight of 0 must be a finite number"),
        ({0: np.inf}, "class_weight of 0 must be a finite number"),
        ({0: -1.0}, "class_weight of 0 must be at least 0"),
        ({0: "a"}, "class_weight of 0 must be a finite number"),
        ({0: 1.0, 1: 1.0, 7: 2.0}, r"class_weight: \[7\] are no labels of y"),
        ({"0": 2.0}, r"class_weight: \['0'\] are no labels of y"),
    ],
)
@pytest.mark.parametrize("kind", [ConvexReLUClassifier, ConvexReLUClassifierCV])
def test_class_weights_that_are_none_are_refused(class_weight, message, kind):
    X, y, _ = _unbalanced()
    with pytest.raises(ValueError, match=message):
        kind(class_weight=class_weight, **FAST).fit(X, y)


def test_class_weights_by_labels_of_every_kind():
    X, y, _ = _unbalanced()
    plain = ConvexReLUClassifier(0.01, class_weight={1: 3.0}, **FAST).fit(X, y)
    for labels in (np.array(["a", "b"]), np.array([False, True]), np.array([0.0, 1.0])):
        named = ConvexReLUClassifier(0.01, class_weight={labels[1]: np.float32(3.0)}, **FAST).fit(X, labels[y])
        np.testing.assert_array_equal(named.coefs_[0], plain.coefs_[0])


# flags and counts


@pytest.mark.parametrize(
    ("refine", "rounds"),
    [(True, DEFAULT.max_rounds), (np.True_, DEFAULT.max_rounds), (False, 0), (np.False_, 0), (1, 1), (0, 0)],
)
def test_flags_of_numpy_are_flags(refine, rounds):
    assert Options.of(ConvexReLURegressor(refine=refine)).rounds == rounds


def test_refine_as_a_flag_of_numpy_searches_as_long():
    X, y = _data(60)
    found = [ConvexReLURegressor(1e-3, refine=flag, random_state=0).fit(X, y) for flag in (True, np.True_)]
    np.testing.assert_array_equal(found[0].objectives_, found[1].objectives_)


@pytest.mark.parametrize("arrangements", ["gaussian", "sparse", "data"])
@pytest.mark.parametrize("count", [10**30, 10**18, 10**14])
def test_more_arrangements_than_memory_has_are_refused(arrangements, count):
    X, y = _data()
    with pytest.raises(ValueError, match="n_arrangements"):
        ConvexReLURegressor(n_arrangements=count, arrangements=arrangements).fit(X, y)
    with pytest.raises(ValueError, match="n_arrangements"):
        sample_arrangements(X, count, kind=arrangements)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda k: convex_relu_path(*_data(), betas=k), "betas"),
        (lambda k: balanced_network(2, k, 0.1), "n_hidden"),
        (lambda k: balanced_network(k, 2, 0.1), "n_features"),
        (lambda k: rectified_ellipsoid(np.eye(2)).points(k), "n_points"),
    ],
)
def test_counts_beyond_every_array_are_refused(function, name):
    with pytest.raises(ValueError, match=f"{name} must be at most"):
        function(10**30)


@pytest.mark.parametrize("arrangements", ["gaussian", "sparse", "data"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_sampled_gates_are_never_all_off(arrangements, fit_intercept):
    """With one row and one gate every second draw is."""
    X = np.array([[-1.0, 3.3]])
    for seed in range(10):
        params = {"arrangements": arrangements, "fit_intercept": fit_intercept, "random_state": seed}
        model = ConvexReLURegressor(0.1, n_arrangements=1, refine=False, **params).fit(X, [1.0])
        assert model.arrangements_.shape[1] == 1
        sampled = sample_arrangements(X, 1, kind=arrangements, fit_intercept=fit_intercept, random_state=seed)
        assert sampled.patterns.all()


def test_gates_that_were_given_may_be_all_off_only_with_an_error():
    with pytest.raises(ValueError, match="arrangements: no gate activates any sample"):
        ConvexReLURegressor(arrangements=-np.ones((2, 1)), fit_intercept=False).fit([[1.0, 1.0]], [1.0])


# exchange with scikit-learn


@pytest.mark.parametrize("labels", [["no", "yes"], ["a", "b", "c"]])
@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
def test_the_network_of_a_classifier_becomes_a_classifier(labels, loss):
    X, y = _data(40)
    y = np.array(labels)[np.digitize(y, [0.0, 0.8][: len(labels) - 1])]
    model = ConvexReLUClassifier(0.01, loss=loss, random_state=0, tol=1e-3).fit(X, y)
    for network in (model.network_, model.network_.merge(X), model.network_.minimal(X), model.network_.balance()):
        mlp = network.to_mlp()
        assert isinstance(mlp, MLPClassifier)
        np.testing.assert_array_equal(mlp.predict(X), model.predict(X))
    if loss == "log_loss":
        np.testing.assert_allclose(model.network_.to_mlp().predict_proba(X), model.predict_proba(X), atol=1e-12)
    back = TwoLayerReLU.from_mlp(model.network_.to_mlp())
    assert back == model.network_
    assert isinstance(ConvexReLURegressor(**FAST).fit(X, X[:, 0]).network_.to_mlp(), MLPRegressor)


@pytest.mark.parametrize("classes", ["ab", ["a"], ["a", "b", "c"], 3, ["a", None], [["a", "b"]]])
def test_classes_fit_the_outputs(classes):
    with pytest.raises(ValueError, match="classes"):
        dataclasses.replace(NETWORK, classes=classes)
    with pytest.raises(ValueError, match="classes"):
        NETWORK.to_mlp(classes=classes)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("task", ["regression", "two classes", "three classes"])
def test_an_mlp_goes_on_training(solver, early_stopping, task):
    X, y = _data(60)
    if task != "regression":
        y = np.digitize(y, [0.0] if task == "two classes" else [-0.5, 0.5])
    kind = ConvexReLURegressor if task == "regression" else ConvexReLUClassifier
    mlp = kind(0.05, **FAST).fit(X, y).network_.to_mlp()
    mlp.set_params(solver=solver, early_stopping=early_stopping, warm_start=True, max_iter=3, random_state=0)
    before, score = [w.copy() for w in mlp.coefs_], mlp.score(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # three steps are not enough, as they should not be
        mlp.fit(X, y)
    assert mlp.n_iter_ in (1, 2, 3)
    assert max(np.abs(a - b).max() for a, b in zip(before, mlp.coefs_, strict=True)) > 0.0
    assert mlp.score(X, y) > score - 0.1  # it went on from the weights: three steps from random ones do not lead so far


@pytest.mark.parametrize("task", ["regression", "two classes", "three classes"])
def test_an_mlp_is_partially_fitted(task):
    X, y = _data(60)
    if task != "regression":
        y = np.digitize(y, [0.0] if task == "two classes" else [-0.5, 0.5])
    kind = ConvexReLURegressor if task == "regression" else ConvexReLUClassifier
    mlp = kind(0.05, **FAST).fit(X, y).network_.to_mlp().set_params(random_state=0)
    before = [w.copy() for w in mlp.coefs_]
    for _ in range(3):
        mlp.partial_fit(X, y)
    assert mlp.t_ == 3 * len(X)
    assert len(mlp.loss_curve_) == 3
    assert 0.0 < max(np.abs(a - b).max() for a, b in zip(before, mlp.coefs_, strict=True)) < 0.1


# certify_network

V_SHAPE = (np.array([[1.0, -1.0]]), np.zeros(2), np.array([[0.9], [0.9]]), np.zeros(1))
LINE = np.linspace(-1.0, 1.0, 21)[:, None]


def _audit(weights=V_SHAPE, X=LINE, **params):
    return certify_network(
        weights, X, np.abs(LINE[:, 0]), loss="squared_error", random_state=0, **{"beta": 1e-3} | params
    )


@pytest.mark.parametrize("kind", ["polars", "pyarrow", "Float64", "list"])
def test_audits_of_data_frames(kind):
    frame = pd.DataFrame(LINE, columns=["a"])
    if kind == "polars":
        X = pytest.importorskip("polars").DataFrame({"a": LINE[:, 0]})
    elif kind == "list":
        X = LINE.tolist()
    else:
        if kind == "pyarrow":
            pytest.importorskip("pyarrow")
        X = frame.astype("double[pyarrow]" if kind == "pyarrow" else kind)
    assert _audit(X=X).objective == pytest.approx(_audit().objective, rel=1e-12)


def test_one_weight_for_all_samples_weighs_each():
    mlp = TwoLayerReLU(*V_SHAPE).to_mlp().set_params(alpha=0.1)
    one, each = _audit(mlp, beta=None, sample_weight=2.0), _audit(mlp, beta=None, sample_weight=np.full(21, 2.0))
    assert one.beta == each.beta == pytest.approx(0.1 / 42.0)
    assert one.objective == each.objective


def _scaled(inner, outer):
    W1, b1, W2, b2 = V_SHAPE
    return W1 * inner, b1, W2 * outer, b2


@pytest.mark.parametrize(("inner", "outer"), [(1e200, 1e-200), (1e-200, 1e200), (1e-100, 1e100)])
def test_audits_of_weights_of_any_size(inner, outer):
    assert _audit(_scaled(inner, outer)).objective == pytest.approx(_audit().objective, rel=1e-12)


@pytest.mark.parametrize(("inner", "outer"), [(1e200, 1.0), (1e200, 1e200), (1e308, 1e308), (1e160, 1.0)])
def test_audits_of_weights_beyond_numbers(inner, outer):
    with pytest.raises(ValueError, match="network has weights so large"):
        _audit(_scaled(inner, outer))


@pytest.mark.parametrize("size", [1e-200, 1e-300])
def test_audits_of_weights_that_are_nothing(size):
    zero = TwoLayerReLU(np.zeros((1, 0)), np.zeros(0), np.zeros((0, 1)), np.zeros(1))
    assert _audit(_scaled(size, 1.0)).objective == pytest.approx(_audit(zero).objective, rel=1e-12)


def test_balancing_neither_overflows_nor_vanishes():
    network = TwoLayerReLU(*_scaled(1e200, 1e200)).balance()
    np.testing.assert_allclose(np.abs(network.hidden_weights), 0.9**0.5 * 1e200)
    assert TwoLayerReLU(*_scaled(1e200, 1e200)).penalty() == np.inf
