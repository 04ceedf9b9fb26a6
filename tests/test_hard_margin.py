"""The max-margin program: known answers, an independent formulation, and data that cannot be separated."""

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_moons
from sklearn.exceptions import ConvergenceWarning

from skconvrelu import ConvexReLUClassifier

FAST = {"loss": "hard_margin", "random_state": 0, "tol": 1e-5}


def test_two_points_by_hand():
    """f(1) >= 1 costs one unit of norm 1, f(-2) <= -1 one of norm 1/2; multipliers are 1 and 1/2."""
    model = ConvexReLUClassifier(fit_intercept=False, **FAST).fit([[1.0], [-2.0]], [1, 0])
    assert model.objective_ == pytest.approx(1.5, rel=1e-5)
    np.testing.assert_allclose(model.decision_function([[1.0], [-2.0], [3.0], [0.0]]), [1.0, -1.0, 3.0, 0.0], atol=1e-4)
    np.testing.assert_allclose(model.dual_coef_, [1.0, -0.5], atol=1e-4)
    assert model.certificate_.gap_proven <= 1e-5


def test_two_points_with_biases_by_hand():
    """On a line with a free intercept b: one unit (u x + v)_+ that is 0 at x = 0 and 2 at x = 1, b = -1, costs sqrt(u^2 + v^2) = 2."""
    model = ConvexReLUClassifier(**FAST).fit([[0.0], [1.0]], [0, 1])
    assert model.objective_ == pytest.approx(2.0, rel=1e-4)
    assert model.certificate_.gap_proven <= 1e-4


@pytest.mark.parametrize("solver", ["scipy", "clarabel"])
@pytest.mark.parametrize("activation", ["relu", "gated_relu"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_matches_an_independent_formulation(activation, fit_intercept, solver):
    cp = pytest.importorskip("cvxpy")
    pytest.importorskip("clarabel")
    X, y = make_moons(40, noise=0.1, random_state=0)
    if not fit_intercept:
        X = np.hstack([X, np.ones((len(X), 1))])
    model = ConvexReLUClassifier(
        refine=False,
        activation=activation,
        fit_intercept=fit_intercept,
        n_arrangements=20,
        solver=solver,
        **{**FAST, "tol": 3e-7},
    ).fit(X, y)
    A = np.hstack([X, np.ones((len(X), 1))]) if fit_intercept else X
    codes, b = np.where(y == 1, 1.0, -1.0), cp.Variable()
    fit, norms, constraints = b * np.ones(len(X)), [], [] if fit_intercept else [b == 0]
    for gate in model.arrangements_.T:
        on = (A @ gate >= 0) * 1.0
        u, v = cp.Variable(A.shape[1]), cp.Variable(A.shape[1])
        fit = fit + (on[:, None] * A) @ (u - v)
        norms += [cp.norm(u), cp.norm(v)]
        if activation == "relu":
            constraints += [((2 * on - 1)[:, None] * A) @ u >= 0, ((2 * on - 1)[:, None] * A) @ v >= 0]
    problem = cp.Problem(cp.Minimize(sum(norms)), [*constraints, cp.multiply(codes, fit) >= 1])
    problem.solve(solver=cp.CLARABEL)
    assert model.objective_ == pytest.approx(problem.value, rel=1e-6)
    assert model.dual_gap_ <= 1e-6 * model.objective_
    assert (codes * model.decision_function(X)).min() >= 1.0 - 1e-9
    # the dual value is the sum of the multipliers, whose signs are those of the labels
    assert (codes * model.dual_coef_).min() >= -1e-12
    assert (codes * model.dual_coef_).sum() == pytest.approx(problem.value, rel=1e-4)


def test_beta_and_weights_play_no_part():
    X, y = make_moons(40, noise=0.1, random_state=0)
    one = ConvexReLUClassifier(1e-3, refine=False, **FAST).fit(X, y)
    two = ConvexReLUClassifier(10.0, refine=False, **FAST).fit(X, y)
    assert one.beta_ == two.beta_ == 1.0
    assert one.objective_ == two.objective_
    three = ConvexReLUClassifier(refine=False, arrangements=one.arrangements_, **FAST).fit(X, y, 1.0 + y)
    assert three.objective_ == pytest.approx(one.objective_, rel=1e-4)


def test_the_search_finds_arrangements_that_separate():
    """Exclusive or: one sampled arrangement does not separate it, the search does, and its optimum is certified."""
    X, y = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]]), [0, 0, 1, 1]
    with pytest.raises(ValueError, match="separate"):
        ConvexReLUClassifier(refine=False, n_arrangements=1, **FAST).fit(X, y)
    model = ConvexReLUClassifier(n_arrangements=1, **FAST).fit(X, y)
    exact = ConvexReLUClassifier(arrangements="exact", **FAST).fit(X, y)
    assert model.score(X, y) == 1.0
    assert model.objective_ == pytest.approx(exact.objective_, rel=1e-4)
    assert model.certificate_.gap_proven <= 1e-4
    sharper = model.certify(X, y)
    assert sharper.gap_searched <= 1e-4


def test_what_no_network_separates_is_refused():
    X = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match="another label"):
        ConvexReLUClassifier(**FAST).fit(X, [0, 1, 1])
    with pytest.raises(
        ValueError, match="separate"
    ):  # without biases a network is the same on both sides of zero, up to scale
        ConvexReLUClassifier(fit_intercept=False, **FAST).fit([[1.0], [2.0], [3.0]], [0, 1, 0])


def test_several_classes_one_against_the_rest():
    X, y = load_iris(return_X_y=True)
    X, y = X[::3], y[::3]
    model = ConvexReLUClassifier(loss="hard_margin", tol=1e-2, random_state=0).fit(X, y)
    codes = np.where(y[:, None] == model.classes_, 1.0, -1.0)
    assert (codes * model.decision_function(X)).min() >= 1.0 - 1e-9
    assert model.certificate_.gap_searched <= 2e-2
    assert not hasattr(model, "predict_proba")


def test_small_penalties_of_the_hinge_loss_lead_to_it():
    """The direction of the hinge network tends to that of the max-margin network."""
    X, y = make_moons(40, noise=0.1, random_state=0)
    hard = ConvexReLUClassifier(refine=False, n_arrangements=20, **FAST).fit(X, y)
    scores = []
    for beta in (1e-2, 1e-3, 1e-4):
        soft = ConvexReLUClassifier(beta, loss="hinge", refine=False, arrangements=hard.arrangements_, tol=1e-6).fit(
            X, y
        )
        F, G = soft.decision_function(X), hard.decision_function(X)
        scores.append(F @ G / np.linalg.norm(F) / np.linalg.norm(G))
    assert scores[0] < scores[2]
    assert scores[2] > 1.0 - 1e-5


@pytest.mark.filterwarnings("ignore:The duality gap")
def test_a_gap_that_stays_open_is_told():
    X, y = make_moons(40, noise=0.1, random_state=0)
    with pytest.warns(ConvergenceWarning, match="for a margin of one has a relative gap"):
        model = ConvexReLUClassifier(loss="hard_margin", refine=False, max_iter=12, tol=1e-9, random_state=0).fit(X, y)
    assert model.dual_gap_ > 2e-9 * model.objective_
