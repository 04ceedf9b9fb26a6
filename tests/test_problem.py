"""The canonical problem: what it moves comes back exactly, what it cannot carry it names, what it drops it bounds."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor
from skconvrelu.losses import (
    AbsoluteError,
    BinaryLogLoss,
    Hinge,
    Huber,
    MultinomialLogLoss,
    Poisson,
    Quantile,
    SquaredError,
    SquaredErrorOnCodes,
    SquaredHinge,
)
from skconvrelu.problem import Problem
from skconvrelu.row_space import RowSpace, equilibrated
from skconvrelu.search.units import Units

REGRESSION = {
    "squared_error": SquaredError,
    "huber": lambda: Huber(0.7e3),
    "absolute_error": AbsoluteError,
    "quantile": lambda: Quantile(0.8),
    "poisson": Poisson,
}
CODED = {
    "log_loss": BinaryLogLoss,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "codes": SquaredErrorOnCodes,
    "log_loss-3": MultinomialLogLoss,
}
EVERY = {**REGRESSION, **CODED}


def targets(kind, n, rng):
    if kind == "poisson":
        return rng.poisson(3e3, (n, 1)) + 1.0
    if kind in REGRESSION:
        return 1e3 * rng.standard_normal((n, 2)) + [3e3, -1e3]
    if kind == "log_loss-3":
        return np.eye(3)[np.arange(n) % 3]
    return np.where(np.arange(n) % 2 == 0, 1.0, -1.0)[:, None]


def build(kind, *, n=11, d=3, size=1e5, fit_intercept=True, seed=0):
    rng = np.random.default_rng(seed)
    X, Y = size * rng.standard_normal((n, d)), targets(kind, n, rng)
    weights = rng.uniform(0.2, 2.0, n)
    return Problem.build(X, Y, weights, EVERY[kind](), fit_intercept=fit_intercept), X, Y, weights


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", EVERY)
def test_coordinates_are_undone_exactly(kind, fit_intercept):
    problem, _, Y, _ = build(kind, fit_intercept=fit_intercept)
    at, rng = problem.coordinates, np.random.default_rng(1)
    U, dual = rng.standard_normal((5, problem.X.shape[1])), rng.standard_normal(Y.shape)
    assert at.x_exponent > 10
    np.testing.assert_array_equal(at.vectors_outward(at.vectors_inward(U)), U)
    np.testing.assert_array_equal(at.dual_outward(at.dual_inward(dual)), dual)
    for value in (0.3, 7.1e-5, 1e9):
        assert at.beta_outward(at.beta_inward(value)) == value
        assert at.value_outward(at.value_inward(value)) == value
    # powers of two apart, nothing is rounded
    np.testing.assert_array_equal(np.frexp(at.vectors_inward(U))[0], np.frexp(U)[0])
    # intercepts are moved, so that only the sum is rounded
    b = at.centre + np.ldexp(1.0, at.output_exponent) * np.array([0.375] * Y.shape[1])
    np.testing.assert_allclose(at.intercept_outward(at.intercept_inward(b)), b, rtol=4e-16)
    np.testing.assert_array_equal(at.intercept_outward(np.zeros(Y.shape[1])), at.centre)
    units = Units(U, np.ones((5, Y.shape[1])))
    np.testing.assert_array_equal(problem.units_outward(problem.units_inward(units)).coef, U)
    np.testing.assert_array_equal(problem.gates_outward(problem.gates_inward(U)), U)
    np.testing.assert_array_equal(np.sign(problem.X @ U.T), np.sign(problem.biased @ U.T))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", REGRESSION)
def test_an_objective_in_the_users_units_is_the_canonical_one_mapped(kind, fit_intercept):
    problem, X, Y, weights = build(kind, fit_intercept=fit_intercept)
    rng, n, beta = np.random.default_rng(2), len(X), 3e-4
    biased = np.hstack([X, np.ones((n, 1))]) if fit_intercept else X
    scale = 1e-5 if kind == "poisson" else 1e-2
    U = scale * rng.standard_normal((4, biased.shape[1]))
    V = np.eye(Y.shape[1])[rng.integers(0, Y.shape[1], 4)] * rng.choice([-1.0, 1.0], (4, 1))
    b = Y.mean(axis=0) + 0.5 if fit_intercept else np.zeros(Y.shape[1])
    if kind == "poisson":
        b = np.log(np.maximum(b, 1.0))
    F = np.maximum(biased @ U.T, 0.0) @ V + b
    r = F - Y
    if kind == "poisson":
        losses = np.exp(F) - Y * F
    else:
        losses = {
            "squared_error": 0.5 * r**2,
            "huber": np.where(np.abs(r) <= 700.0, 0.5 * r**2, 700.0 * np.abs(r) - 0.5 * 700.0**2),
            "absolute_error": np.abs(r),
            "quantile": np.maximum(-0.8 * r, 0.2 * r),
        }[kind]
    direct = weights @ losses.sum(axis=1) / weights.sum() + beta * np.linalg.norm(U, axis=1).sum()
    at = problem.coordinates
    units = problem.units_inward(Units(U, V))
    inside = units.outputs(problem.points) + at.intercept_inward(b)
    value = problem.rows.weights @ problem.loss.value(inside, problem.rows.Y)
    value += at.beta_inward(beta) * units.norms().sum()
    assert problem.objective_outward(value) == pytest.approx(direct, rel=1e-12)
    assert problem.objective_inward(direct) == pytest.approx(value, rel=1e-11)


@pytest.mark.parametrize("level", [1e5, 1e9, 1e15, -3e12])
def test_target_error_is_what_moving_the_targets_rounded_off(level):
    """What float subtraction loses beyond a factor of two of the centre, in exact arithmetic."""
    rng = np.random.default_rng(3)
    Y = np.concatenate([level + rng.standard_normal(9), rng.standard_normal(4) * [1.0, 1e-3, 1e-9, 1e-20]])[:, None]
    problem = Problem.build(np.arange(13.0)[:, None], Y, np.ones(13), SquaredError(), fit_intercept=True)
    at = problem.coordinates
    centre, unit = Fraction(float(at.centre[0])), Fraction(2) ** at.output_exponent
    order = problem.rows.inverse
    assert problem.target_error is not None
    for i in range(13):
        moved = Fraction(float(problem.rows.Y[order[i], 0])) * unit
        off = abs(moved - (Fraction(float(Y[i, 0])) - centre))
        assert Fraction(float(problem.target_error[order[i], 0])) * unit == off
    assert problem.target_error.max() > 0.0


def test_nothing_is_rounded_off_near_the_centre():
    Y = 1e9 + np.random.default_rng(4).standard_normal((9, 1))
    problem = Problem.build(np.arange(9.0)[:, None], Y, np.ones(9), SquaredError(), fit_intercept=True)
    assert problem.target_error is None
    back = np.ldexp(problem.rows.Y, problem.coordinates.output_exponent)[problem.rows.inverse]
    exact = [Fraction(float(y)) - Fraction(float(problem.coordinates.centre[0])) for y in Y[:, 0]]
    assert [Fraction(float(v)) for v in back[:, 0]] == exact


@pytest.mark.parametrize("largest", [1e308, 1.7e308, 1e-300])
def test_weights_of_any_size_are_shares(largest):
    given = largest * np.array([1.0, 0.5, 0.25, 1.0, 0.0, 1.0 / 3.0])
    X, Y = np.arange(6.0)[:, None], np.arange(6.0)[:, None]
    rows = Problem.build(X, Y, given, SquaredError(), fit_intercept=True).rows
    exact = [Fraction(float(w)) for w in given]
    for i in (0, 1, 2, 3, 5):
        share = exact[i] / sum(exact)
        assert abs(Fraction(float(rows.weights[rows.inverse[i]])) - share) <= Fraction(rows.weight_error) * share
    assert rows.inverse[4] == -1
    assert len(rows.X) == 5


def test_weights_of_very_different_sizes_are_shares():
    given = np.array([1e140, 1.0, 3e-9, 7e70])
    rows = Problem.build(np.arange(4.0)[:, None], np.ones((4, 1)), given, SquaredError(), fit_intercept=True).rows
    exact = [Fraction(float(w)) for w in given]
    for i in range(4):
        share = exact[i] / sum(exact)
        assert abs(Fraction(float(rows.weights[rows.inverse[i]])) - share) <= Fraction(rows.weight_error) * share


X5 = np.array([[0.3, 1.0], [1.0, -0.4], [-2.0, 0.1], [0.7, 0.9], [0.0, -1.0]])
Y5 = np.array([0.1, 1.0, -0.5, 2.0, 0.3])


@pytest.mark.filterwarnings("ignore:X. its columns:UserWarning")
@pytest.mark.parametrize(
    ("name", "options", "X", "y", "weights"),
    [
        ("y", {}, X5, Y5 * 1e160, None),
        ("y", {"loss": "absolute_error"}, X5, Y5 * [1.0, -1.7e308, 1.0, 8e307, 1.0], None),
        ("beta", {"beta": 1e-10, "fit_intercept": False}, X5 * 1e155, Y5, None),
        ("X", {}, X5 * 1e155, Y5, None),
        ("sample_weight", {}, X5, Y5, np.array([1.0, 1e-200, 1.0, 1.0, 1.0])),
        ("epsilon", {"loss": "huber", "epsilon": 1e-200}, X5, Y5 * 1e130, None),
        ("epsilon", {"loss": "huber", "epsilon": 1e200}, X5, Y5 * 1e-130, None),
    ],
    ids=["squares", "differences", "beta", "columns", "weights", "small epsilon", "large epsilon"],
)
def test_what_cannot_be_carried_is_refused_by_name(name, options, X, y, weights):
    with pytest.raises(ValueError, match=rf"^{name}\b"):
        ConvexReLURegressor(**options).fit(X, y, sample_weight=weights)


def test_equal_samples_are_one_of_their_weights():
    X, Y = np.array([[1.0], [2.0], [1.0], [1.0], [2.0]]), np.array([[5.0], [5.0], [5.0], [6.0], [5.0]])
    rows = Problem.build(X, Y, np.array([1.0, 2.0, 3.0, 4.0, 6.0]), SquaredError(), fit_intercept=False).rows
    assert len(rows.X) == 3
    assert rows.inverse[0] == rows.inverse[2]
    assert rows.inverse[1] == rows.inverse[4]
    np.testing.assert_allclose(rows.weights[rows.inverse] * rows.share, np.array([1, 2, 3, 4, 6]) / 16.0, rtol=1e-15)
    dual = np.array([[16.0], [160.0], [1600.0]])
    spread = rows.expand(dual)[:, 0]
    for row in range(3):
        assert spread[rows.inverse == row].sum() == pytest.approx(dual[row, 0], rel=1e-15)


FULL = {
    "fill value": lambda X: np.where(np.arange(len(X))[:, None] == 3, [1e16, 1.0, 1.0], X),
    "larger fill value": lambda X: np.where(np.arange(len(X))[:, None] == 3, [1.0, 1e37, 1.0], X),
    "nanoseconds": lambda X: X * [1.0, 1.0, 1e9] + [0.0, 0.0, 1.7e18],
    "picometres": lambda X: X * [1e-12, 1.0, 1e3],
    "extremes": lambda X: X * [1e-100, 1.0, 1e100],
}


@pytest.mark.parametrize("kind", FULL)
def test_units_and_fill_values_do_not_cost_rank(kind):
    X = FULL[kind](np.random.default_rng(5).standard_normal((20, 3)))
    Y = np.arange(20.0)[:, None]
    problem = Problem.build(X, Y, np.ones(20), SquaredError(), fit_intercept=False)
    assert problem.points.shape == (20, 3)
    assert problem.space.neglected is None
    np.testing.assert_array_equal(problem.biased, problem.rows.X * np.ldexp(1.0, problem.coordinates.x_exponent))


DEPENDENT = {
    "sum": lambda X: np.column_stack([X, X[:, 0] + X[:, 1]]),
    "sum of unlike sizes": lambda X: np.column_stack([X * [1.0, 1e8, 1.0], X[:, 0] - 3e8 * X[:, 1]]),
    "rows": lambda X: X[:2],
    "constant": lambda X: np.column_stack([X, np.full(len(X), 3.7)]),
    "copy in another unit": lambda X: np.column_stack([X, 1e-30 * X[:, 1]]),
    "fill value": lambda X: np.column_stack([np.where(np.abs(X) > 1.5, 1e16, X), np.zeros(len(X))]),
    "rounded sum": lambda X: np.column_stack([X / 3.0, (X / 7.0) @ [1.0, 1.0, 1.0] / 0.3, X @ [0.1, 0.2, 0.3]]),
}


@pytest.mark.parametrize("kind", DEPENDENT)
def test_dependent_columns_are_dropped_and_what_that_neglects_is_bounded(kind):
    mpmath = pytest.importorskip("mpmath")
    rng = np.random.default_rng(6)
    X = DEPENDENT[kind](rng.standard_normal((20, 3)))
    if kind == "constant":
        X = np.column_stack([X, np.ones(20)])
    space = RowSpace.of(X)
    assert space.basis is not None
    # the rank where columns are of one size
    s = np.linalg.svd(equilibrated(X)[0], compute_uv=False)
    assert space.basis.shape[1] == (s > 1e-11 * s[0]).sum() < X.shape[1]
    points = space.inward(X)
    assert (space.neglected <= 1e-11 * np.linalg.norm(X, axis=1)).all()
    for _ in range(10):
        u = rng.standard_normal(X.shape[1]) * 10.0 ** rng.uniform(-3, 3, X.shape[1])
        # in fifty digits, with the very coordinates of u: ||z|| <= ||u|| but for what the basis is not orthonormal by
        with mpmath.workdps(50):
            exact = [mpmath.mpf(float(v)) for v in u]
            basis = space.basis.tolist()
            z = [mpmath.fsum(mpmath.mpf(basis[i][j]) * exact[i] for i in range(len(u))) for j in range(len(basis[0]))]
            size = mpmath.sqrt(mpmath.fsum(v**2 for v in exact))
            for i in range(len(X)):
                value = mpmath.fsum(mpmath.mpf(a) * b for a, b in zip(X[i].tolist(), exact, strict=True))
                inside = mpmath.fsum(mpmath.mpf(a) * b for a, b in zip(points[i].tolist(), z, strict=True))
                assert abs(value - inside) <= mpmath.mpf(float(space.neglected[i])) * size


def test_a_unit_in_the_data_and_in_its_row_space_says_the_same():
    rng = np.random.default_rng(7)
    X = DEPENDENT["sum of unlike sizes"](rng.standard_normal((15, 3)))
    problem = Problem.build(X, np.arange(15.0)[:, None], np.ones(15), SquaredError(), fit_intercept=True)
    assert problem.points.shape[1] == 4
    coef = problem.units_outward(Units(rng.standard_normal((6, 4)), np.ones((6, 1)))).coef
    inward = problem.units_inward(Units(coef, np.ones((6, 1))))
    scale = 2.0**problem.coordinates.vector_exponent * 2.0**problem.coordinates.x_exponent
    np.testing.assert_allclose(
        problem.biased @ coef.T, scale * problem.points @ inward.coef.T, atol=1e-9 * np.abs(problem.biased).max()
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_columns_of_unlike_sizes_are_named_once_with_the_remedy():
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(8)
    frame = pandas.DataFrame(
        {"age": rng.uniform(20, 70, 30), "year": rng.integers(1990, 2020, 30), "income": rng.uniform(1e4, 2e5, 30)}
    )
    y = rng.standard_normal(30)
    model = ConvexReLURegressor(random_state=0, tol=1e-2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(frame, y)
    said = [str(w.message) for w in caught if issubclass(w.category, UserWarning) and not _converges(w)]
    assert len(said) == 1
    assert "from the constant column of the hidden biases to feature 'income'" in said[0]
    assert "StandardScaler" in said[0]
    assert repr(model.certificate_).count(said[0]) == 1
    assert model.certificate_.notes == (said[0],)
    with pytest.warns(UserWarning, match="from feature 0 to feature 2"):
        model.set_params(fit_intercept=False).fit(np.asarray(frame) * [1.0, 1.0, 1e3], y)
    centred = np.asarray((frame - frame.mean()) / frame.std())
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_params(fit_intercept=True).fit(centred, y)
    assert model.certificate_.notes == ()


def _converges(warning):
    return issubclass(warning.category, ConvergenceWarning)


def test_scale_note_sees_root_mean_squares_and_ignores_empty_columns():
    X = np.column_stack([np.tile([1.0, -1.0], 4), np.zeros(8), np.tile([999.0, -999.0], 4)])
    Y, ones = np.arange(8.0)[:, None], np.ones(8)
    assert Problem.build(X, Y, ones, SquaredError(), fit_intercept=False).scale_note() is None
    X[:, 2] *= 1.01
    note = Problem.build(X, Y, ones, SquaredError(), fit_intercept=False).scale_note(["a", "b", "c"])
    assert "by a factor of 1e+03" in note
    assert "from feature 'a' to feature 'c'" in note
    assert Problem.build(0.0 * X, Y, ones, SquaredError(), fit_intercept=False).scale_note() is None


def test_labels_are_carried_as_they_are():
    """Codes have no unit: only X is moved, and the intercept comes back as it is."""
    rng = np.random.default_rng(9)
    X = rng.standard_normal((20, 2))
    y = np.where(X[:, 0] + 0.5 * rng.standard_normal(20) > 0.0, "yes", "no")
    small = ConvexReLUClassifier(0.05, arrangements="exact", fit_intercept=False).fit(X, y)
    large = ConvexReLUClassifier(0.05 * 2.0**90, arrangements="exact", fit_intercept=False).fit(X * 2.0**90, y)
    np.testing.assert_array_equal(large.predict_proba(X * 2.0**90), small.predict_proba(X))
    assert large.objective_ == small.objective_
