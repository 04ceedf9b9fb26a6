"""The reconstructed network and the convex weights are the same function at the same cost."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
from problems import KINDS, make_program
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from test_estimators import regression_data

from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor
from skconvrelu.network import TwoLayerReLU
from skconvrelu.network.minimal_networks import independent_scales
from skconvrelu.solvers import solve_program


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("constrained", [True, False])
@pytest.mark.parametrize("biases", [True, False])
def test_network_reproduces_outputs_and_penalty(kind, constrained, biases):
    program = make_program(kind, constrained=constrained, fit_intercept=biases, seed=2)
    solution = solve_program(program, solver="scipy", tol=1e-6, max_iter=300)
    # any gates inside the patterns' cells will do; without constraints they have to be kept
    gates = None
    if not constrained:
        rng = np.random.default_rng(2)
        pool = rng.standard_normal((program.X.shape[1], 100_000))
        found = (program.X @ pool >= 0).T
        where = [np.flatnonzero((found == p).all(axis=1))[0] for p in program.patterns]
        gates = pool[:, np.array(where)[program.block_patterns[solution.blocks]]]
    network = TwoLayerReLU.from_convex(
        solution.coef, program.block_directions[solution.blocks], solution.intercept, biases=biases, gates=gates
    )
    X = program.X[:, :-1] if biases else program.X
    F = network.outputs(X)
    expected = program.outputs(solution.blocks, solution.coef) + solution.intercept
    np.testing.assert_allclose(F, expected, atol=1e-12)
    assert program.beta * network.penalty() == pytest.approx(program.penalty(solution.coef), rel=1e-12)
    objective = program.loss_value(F) + program.beta * network.penalty()
    assert objective == pytest.approx(solution.objective, rel=1e-9)
    assert network.n_hidden == len(solution.blocks)


def test_network_without_units_is_its_intercept():
    network = TwoLayerReLU.from_convex(np.zeros((0, 3)), np.zeros((0, 2)), np.array([1.0, -2.0]), biases=True)
    np.testing.assert_array_equal(network.outputs(np.ones((4, 2))), np.tile([1.0, -2.0], (4, 1)))
    assert network.penalty() == 0.0


def random_network(d=3, m=7, K=1, seed=0):
    rng = np.random.default_rng(seed)
    return TwoLayerReLU(rng.normal(size=(d, m)), rng.normal(size=m), rng.normal(size=(m, K)), rng.normal(size=K))


@pytest.mark.parametrize("K", [1, 2])
def test_regressors_are_exchanged_with_scikit_learn(K):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(40, 3)), rng.normal(size=(40, K))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mlp = MLPRegressor(hidden_layer_sizes=(6,), solver="lbfgs", max_iter=40, random_state=0).fit(
            X, Y[:, 0] if K == 1 else Y
        )
    network = TwoLayerReLU.from_mlp(mlp)
    np.testing.assert_allclose(network.predict(X), mlp.predict(X), rtol=0, atol=1e-12)
    back = pickle.loads(pickle.dumps(network.to_mlp()))
    np.testing.assert_allclose(back.predict(X), mlp.predict(X), rtol=0, atol=1e-12)
    model = ConvexReLURegressor(0.01, refine=False, random_state=0).fit(X, Y[:, 0] if K == 1 else Y)
    np.testing.assert_allclose(model.network_.to_mlp().predict(X), model.predict(X), rtol=0, atol=1e-12)


@pytest.mark.parametrize("labels", [["no", "yes"], ["a", "b", "c"]])
def test_classifiers_are_exchanged_with_scikit_learn(labels):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), np.array(labels)[rng.integers(0, len(labels), 60)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mlp = MLPClassifier(hidden_layer_sizes=(6,), solver="lbfgs", max_iter=40, random_state=0).fit(X, y)
    back = TwoLayerReLU.from_mlp(mlp).to_mlp(classes=labels)
    np.testing.assert_array_equal(back.predict(X), mlp.predict(X))
    np.testing.assert_allclose(back.predict_proba(X), mlp.predict_proba(X), rtol=0, atol=1e-12)
    model = ConvexReLUClassifier(0.01, refine=False, random_state=0).fit(X, y)
    np.testing.assert_allclose(
        model.network_.to_mlp(classes=model.classes_).predict_proba(X), model.predict_proba(X), rtol=0, atol=1e-12
    )
    with pytest.raises(ValueError, match="classes"):
        TwoLayerReLU.from_mlp(mlp).to_mlp(classes=range(5))


@pytest.mark.parametrize("K", [1, 3])
def test_invariances_keep_the_function_and_the_least_penalty(K):
    X = np.random.default_rng(1).normal(size=(30, 3))
    network = random_network(K=K)
    balanced = network.balance()
    np.testing.assert_allclose(balanced.outputs(X), network.outputs(X), atol=1e-12)
    np.testing.assert_allclose(
        np.linalg.norm(balanced.vectors(), axis=0), np.linalg.norm(balanced.output_weights, axis=1), rtol=1e-12
    )
    assert balanced.penalty() < network.penalty()
    for same in (balanced.split(2, [0.2, 0.3, 0.5]), balanced.permute([3, 1, 0, 2, 6, 5, 4]), balanced.split(0, [1.0])):
        np.testing.assert_allclose(same.outputs(X), network.outputs(X), atol=1e-12)
        assert same.penalty() == pytest.approx(balanced.penalty(), rel=1e-12)
    assert balanced.split(2, [0.2, 0.3, 0.5]).n_hidden == 9
    np.testing.assert_array_equal(
        balanced.permute([3, 1, 0, 2, 6, 5, 4]).patterns(X), balanced.patterns(X)[:, [3, 1, 0, 2, 6, 5, 4]]
    )
    undone = balanced.split(2, [0.2, 0.8]).split(0, [0.5, 0.5]).merge(X)
    assert undone.n_hidden == balanced.merge(X).n_hidden
    assert undone.penalty() == pytest.approx(balanced.merge(X).penalty(), rel=1e-12)


def test_merging_adds_units_of_one_pattern_and_sign():
    X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    W = np.array([[1.0, 0.5, 1.0, 1.0], [1.0, 2.0, -1.0, 1.0]])
    network = TwoLayerReLU(W, np.zeros(4), np.array([[1.0], [1.0], [1.0], [-1.0]]), np.zeros(1))
    merged = network.merge(X)
    assert merged.n_hidden == 3
    np.testing.assert_allclose(merged.outputs(X), network.outputs(X), atol=1e-14)
    assert merged.penalty() < network.balance().penalty()
    np.testing.assert_array_equal(merged.patterns(X).T, [[1, 1, 1], [1, 0, 1], [1, 1, 1]])


@pytest.mark.parametrize("K", [1, 2])
@pytest.mark.parametrize("m", [5, 200])
def test_minimal_networks_are_small_and_no_dearer(K, m):
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(12, 3)), rng.normal(size=(12, K))
    network = random_network(m=m, K=K)
    small = network.minimal(X)
    assert small.n_hidden <= min(m, 12 * K)
    np.testing.assert_allclose(small.outputs(X), network.outputs(X), atol=1e-10 * np.abs(network.outputs(X)).max())
    assert small.penalty() <= network.balance().penalty() * (1 + 1e-12)
    assert small.objective(X, y, beta=0.1) <= network.objective(X, y, beta=0.1)
    columns = small.contributions(X) / np.linalg.norm(small.contributions(X), axis=0)
    assert np.linalg.matrix_rank(columns, tol=1e-10) == small.n_hidden


def test_pruning_an_optimum_leaves_its_objective():
    X, y = regression_data(n=20, d=2)
    model = ConvexReLURegressor(1e-3, arrangements="exact", tol=1e-8).fit(X, y)
    optimum = model.network_
    rng = np.random.default_rng(0)
    wide = optimum
    for _ in range(40):
        wide = wide.split(int(rng.integers(wide.n_hidden)), rng.dirichlet([1.0, 1.0]))
    assert wide.n_hidden > 40
    small = wide.minimal(X)
    assert small.n_hidden <= 21
    assert small.objective(X, y, beta=1e-3) == pytest.approx(model.objective_, rel=1e-9)


@pytest.mark.parametrize(
    ("loss", "labels"), [("squared_error", False), ("quantile", False), ("log_loss", True), ("hinge", True)]
)
def test_objective_is_the_estimators(loss, labels):
    X, y = regression_data(n=30, d=2)
    y = y > np.median(y) if labels else y
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    kind = ConvexReLUClassifier if labels else ConvexReLURegressor
    model = kind(0.01, loss=loss, refine=False, random_state=0).fit(X, y, weights)
    assert model.network_.objective(X, y, beta=0.01, loss=loss, sample_weight=weights) == pytest.approx(
        model.objective_, rel=1e-9
    )


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda n: TwoLayerReLU.from_mlp("mlp"), TypeError, "MLPRegressor"),
        (lambda n: n.permute([0, 0, 1]), ValueError, "permutation"),
        (lambda n: n.split(9, [1.0]), ValueError, "hidden units"),
        (lambda n: n.split(0, [0.4, 0.4]), ValueError, "sum to one"),
        (lambda n: n.split(0.5, [1.0]), ValueError, "hidden units"),
        (lambda n: n.objective(np.ones((2, 3)), [1.0], beta=1.0), ValueError, "outputs of shape"),
        (lambda n: n.objective(np.ones((2, 3)), [[1.0, 2.0]] * 2, beta=1.0), ValueError, "outputs of shape"),
        (lambda n: n.objective(np.ones((2, 3)), [1.0, np.nan], beta=1.0), ValueError, "missing values"),
        (lambda n: n.objective(np.ones((2, 3)), ["a", None], beta=1.0, loss="log_loss"), ValueError, "missing values"),
        (lambda n: n.objective(np.ones((2, 3)), [1.0, -1.0], beta=1.0, loss="poisson"), ValueError, "negative"),
        (lambda n: n.objective(np.ones((2, 3)), [1, -1], beta=1.0, loss="hard_margin"), ValueError, "one of"),
        (lambda n: n.objective(np.ones((2, 3)), [1, 2], beta=1.0, sample_weight=[1, -1]), ValueError, "sample_weight"),
        (lambda n: n.objective(np.ones((2, 3)), [1, 2], beta=1.0, sample_weight=[0, 0]), ValueError, "sample_weight"),
        (lambda n: replace(n, hidden_biases=np.ones(3)), ValueError, "shapes"),
        (lambda n: replace(n, output_weights=np.ones(7)), ValueError, "shapes"),
        (lambda n: replace(n, gates=np.ones((3, 7))), ValueError, "gates"),
        (lambda n: replace(n, output_biases=[np.inf]), ValueError, "infinite"),
        (lambda n: n.objective(np.ones((2, 3)), [1, 2], beta=1.0, loss="cubic"), ValueError, "loss must be one of"),
        (lambda n: replace(n, gates=np.ones((4, 7))).merge(np.ones((2, 3))), ValueError, "gated"),
    ],
)
def test_networks_refuse(act, error, message):
    with pytest.raises(error, match=message):
        act(random_network())


def test_a_network_without_units_can_be_asked_everything():
    X = np.ones((3, 2))
    empty = TwoLayerReLU(np.zeros((2, 0)), np.zeros(0), np.zeros((0, 1)), np.array([2.0]))
    for same in (empty.balance(), empty.merge(X), empty.minimal(X), TwoLayerReLU.from_mlp(empty.to_mlp())):
        np.testing.assert_array_equal(same.predict(X), 2.0)
    assert empty.permute([]).n_hidden == 0


def test_units_that_cancel_leave_nothing_behind():
    """Two units of one pattern and direction whose vectors add up to zero on all samples they see."""
    X = np.array([[0.0, 1.0], [0.0, 2.0]])
    W = np.array([[1.0, -1.0], [1.0, 0.0]])
    network = TwoLayerReLU(W, [0.0, 0.0], [[1.0], [1.0]], [0.5])
    opposite = TwoLayerReLU(np.array([[3.0, -3.0]]), [0.0, 0.0], [[1.0], [1.0]], [0.0])
    at_zero = np.zeros((2, 1))
    for net, data in ((network, X), (opposite, at_zero)):
        for same in (net.merge(data), net.minimal(data)):
            np.testing.assert_allclose(same.outputs(data), net.outputs(data), atol=1e-14)
            assert same.penalty() <= net.penalty()
    assert opposite.merge(at_zero).n_hidden == 0


def test_lists_are_weights_too():
    network = TwoLayerReLU([[1, -1]], [0, 0], [[1], [1]], [0])
    assert network.predict(np.array([[-2.0]])) == 2.0


@pytest.mark.skipif("loss" not in MLPRegressor().get_params(), reason="scikit-learn has one loss for regressors here")
def test_outputs_of_a_poisson_regressor_are_its_logarithms():
    X, y = regression_data(n=30, d=2)
    mlp = MLPRegressor(hidden_layer_sizes=(5,), loss="poisson", max_iter=20, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mlp.fit(X, np.exp(y))
    np.testing.assert_allclose(np.exp(TwoLayerReLU.from_mlp(mlp).predict(X)), mlp.predict(X), rtol=1e-12)


def test_dependences_without_cost_keep_scales_small():
    """Any combination costs the same, so the step that ends first is taken: the other would reach a scale of 1e8."""
    A = np.array([[1.0, 1e-8, 1.0]])
    for scales in independent_scales(A, np.zeros(3)):
        assert A @ scales == pytest.approx(A @ np.ones(3))
        assert scales.max() <= 1e3


def test_weights_are_frozen():
    W = np.ones((3, 2))
    network = TwoLayerReLU(W, np.zeros(2), np.ones((2, 1)), np.zeros(1))
    W[:] = 5.0
    assert (network.hidden_weights == 1.0).all()
    for name in ("hidden_weights", "hidden_biases", "output_weights", "output_biases"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(network, name)[...] = 9.0


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"beta": -1.0}, "beta must be at least 0"),
        ({"beta": np.nan}, "beta must be a finite number"),
        ({"beta": "a"}, "beta must be a finite number"),
        ({"loss": "quantile", "quantile": 3.0}, "quantile must be above 0 and below 1"),
        ({"loss": "huber", "epsilon": 0.0}, "epsilon must be above 0"),
    ],
)
def test_objectives_have_parameters_in_range(bad, message):
    network = TwoLayerReLU(np.ones((3, 2)), np.zeros(2), np.ones((2, 1)), np.zeros(1))
    with pytest.raises(ValueError, match=message):
        network.objective(np.ones((4, 3)), np.ones(4), **{"beta": 0.1, **bad})


@pytest.mark.parametrize("method", ["outputs", "predict", "patterns", "merge", "minimal"])
@pytest.mark.parametrize("X", [np.ones(3), np.ones((2, 4))])
def test_data_of_other_features_are_refused(method, X):
    network = TwoLayerReLU(np.ones((3, 2)), np.zeros(2), np.ones((2, 1)), np.zeros(1))
    with pytest.raises(ValueError, match=r"X must have shape \(n_samples, 3\)|Expected 2D array"):
        getattr(network, method)(X)


def test_units_are_not_merged_over_missing_values():
    network = TwoLayerReLU(np.ones((3, 2)), np.zeros(2), np.ones((2, 1)), np.zeros(1))
    with pytest.raises(ValueError, match="contains NaN"):
        network.minimal(np.full((2, 3), np.nan))


@pytest.mark.parametrize("order", [[0.0, 1.0], "ab", [[0, 1]], [0, 0]])
def test_orders_are_permutations(order):
    network = TwoLayerReLU(np.ones((3, 2)), np.zeros(2), np.ones((2, 1)), np.zeros(1))
    with pytest.raises(ValueError, match="order must be a permutation"):
        network.permute(order)
    with pytest.raises(ValueError, match="unit must be one of the 2"):
        network.split(True, [1.0])


@pytest.mark.parametrize("classes", [["a"], "ab", ["a", "b", "c"], [["a", "b"]]])
def test_one_output_stands_for_two_classes(classes):
    network = TwoLayerReLU([[1.0]], [0.0], [[1.0]], [0.0])
    with pytest.raises(ValueError, match="classes"):
        network.to_mlp(classes=classes)
