"""The second verifier: it agrees with what fits say, sees what is falsified, and supports the cases in which bounds were once false."""

import copy

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError

from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor
from skconvrelu.arrangements import enumerate_arrangements
from skconvrelu.certificate import verify

pytestmark = [
    pytest.mark.filterwarnings("ignore:X. its columns:UserWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

REGRESSION = ("squared_error", "huber", "absolute_error", "quantile", "poisson")
CLASSIFICATION = ("log_loss", "hinge", "squared_hinge", "squared_error")
KINDS = [*REGRESSION, "two outputs", *(f"{loss}-{k}" for loss in CLASSIFICATION for k in (2, 3))]


def problem(kind, *, n=14, d=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    y = np.abs(X[:, 0]) - 0.5 * X[:, -1] + 0.2 * rng.standard_normal(n)
    if kind == "two outputs":
        return ConvexReLURegressor, {}, X, np.column_stack([y, y[::-1]])
    if kind == "poisson":
        y = np.round(np.exp(y))
    if kind in REGRESSION:
        return ConvexReLURegressor, {"loss": kind, "quantile": 0.3}, X, y
    loss, classes = kind.rsplit("-", 1)
    cuts = np.quantile(y, np.arange(1, int(classes)) / int(classes))
    return ConvexReLUClassifier, {"loss": loss}, X, np.array(["a", "b", "c"])[np.digitize(y, cuts)]


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gated_relu"])
@pytest.mark.parametrize("kind", KINDS)
def test_verifier_and_fit_agree(kind, activation, fit_intercept):
    estimator, options, X, y = problem(kind)
    weights = np.random.default_rng(1).integers(0, 4, len(X)).astype(float)
    model = estimator(
        0.02, activation=activation, fit_intercept=fit_intercept, refine=False, n_arrangements=15, random_state=0,
        tol=1e-6, **options,
    ).fit(X, y, sample_weight=weights)  # fmt: skip
    assert len(model.convex_coef_) > 0
    found, certificate = verify(model, X, y, sample_weight=weights), model.certificate_
    assert found.objective == pytest.approx(certificate.objective, rel=1e-11)
    assert found.lower_bound == pytest.approx(certificate.lower_bound_solved, rel=1e-9)
    assert certificate.lower_bound_solved <= found.objective
    assert found.lower_bound <= found.objective * (1.0 + 1e-12)
    assert found.largest_price <= 1.0 + 1e-9
    assert found.cone_violation <= 1e-7
    assert found.double_error < 1e-9
    assert found.digits >= 15


def falsified(model, **attributes):
    other = copy.deepcopy(model)
    for name, value in attributes.items():
        setattr(other, name, value)
    return other


@pytest.fixture(scope="module")
def fitted():
    _, _, X, y = problem("squared_error")
    return ConvexReLURegressor(0.02, arrangements="exact", tol=1e-7).fit(X, y), X, y


def test_a_falsified_network_has_another_objective(fitted):
    model, X, y = fitted
    true = verify(model, X, y)
    for layer in (0, 1):
        coefs = [layer_coef.copy() for layer_coef in model.coefs_]
        coefs[layer] *= 1.01
        found = verify(falsified(model, coefs_=coefs), X, y)
        assert found.objective > true.objective * (1.0 + 1e-6)
        assert found.lower_bound == true.lower_bound
    moved = [model.intercepts_[0], model.intercepts_[1] + 0.01]
    # the intercept is free: the loss of a constant beside the best one
    found = verify(falsified(model, intercepts_=moved), X, y)
    assert found.objective == pytest.approx(true.objective + 0.5 * 0.01**2, rel=1e-9)


def test_a_falsified_dual_point_proves_less_or_costs_more(fitted):
    model, X, y = fitted
    true, dual = verify(model, X, y), model.dual_coef_
    double = verify(falsified(model, dual_coef_=2.0 * dual), X, y)
    assert double.largest_price == pytest.approx(2.0 * true.largest_price, rel=1e-6)
    # twice as far and scaled back: the same point
    assert double.lower_bound == pytest.approx(true.lower_bound, rel=1e-6)
    assert verify(falsified(model, dual_coef_=0.5 * dual), X, y).lower_bound < 0.9 * true.lower_bound
    assert verify(falsified(model, dual_coef_=-dual), X, y).lower_bound < 0.0
    noisy = dual + 0.01 * np.abs(dual).max() * np.random.default_rng(0).standard_normal(len(dual))
    found = verify(falsified(model, dual_coef_=noisy), X, y)
    assert found.largest_price > 1.0 + 1e-4
    assert found.lower_bound < true.lower_bound * (1.0 - 1e-4)
    drifting = verify(falsified(model, dual_coef_=dual + 0.1 * np.abs(dual).max()), X, y)
    assert drifting.lower_bound < true.lower_bound * (1.0 - 1e-3)


def test_vectors_outside_their_cones_are_seen(fitted):
    model, X, y = fitted
    for j in range(len(model.convex_coef_)):
        coef = model.convex_coef_.copy()
        coef[j] *= -1.0
        assert verify(falsified(model, convex_coef_=coef), X, y).cone_violation > 1e-3
    assert verify(falsified(model, convex_coef_=0.5 * model.convex_coef_), X, y).cone_violation <= 1e-7


def test_a_falsified_penalty_is_seen(fitted):
    model, X, y = fitted
    true = verify(model, X, y)
    penalty = np.linalg.norm(model.convex_coef_, axis=1).sum()
    more, less = (verify(falsified(model, beta_=factor * model.beta_), X, y) for factor in (1.1, 0.9))
    assert more.objective == pytest.approx(true.objective + 0.1 * model.beta_ * penalty, rel=1e-9)
    assert less.objective == pytest.approx(true.objective - 0.1 * model.beta_ * penalty, rel=1e-9)
    assert less.largest_price == pytest.approx(true.largest_price / 0.9, rel=1e-6)
    assert less.lower_bound < true.lower_bound * 0.99


def test_nothing_is_taken_from_the_certificate(fitted):
    model, X, y = fitted
    assert verify(falsified(model, certificate_=None, objective_=0.0, dual_gap_=0.0), X, y) == verify(model, X, y)


def test_other_data_do_not_pass(fitted):
    model, X, y = fitted
    true = verify(model, X, y)
    assert verify(model, X, y + 0.1 * X[:, 0]).objective != pytest.approx(true.objective, rel=1e-3)
    weights = np.arange(1.0, len(y) + 1.0)
    assert verify(model, X, y, sample_weight=weights).objective != pytest.approx(true.objective, rel=1e-3)
    np.testing.assert_allclose(
        verify(model, X, y, sample_weight=np.full(len(y), 1e300)).objective, true.objective, rtol=1e-14
    )


def test_a_bound_over_more_patterns_is_no_higher(fitted):
    _, X, y = fitted
    few = ConvexReLURegressor(0.005, refine=False, n_arrangements=3, random_state=0).fit(X, y)
    every = enumerate_arrangements(np.hstack([X, np.ones((len(X), 1))]))
    given, all_of_them = verify(few, X, y), verify(few, X, y, patterns=every)
    assert all_of_them.lower_bound < given.lower_bound * (1.0 - 1e-3)
    assert all_of_them.largest_price > 1.01
    assert all_of_them.lower_bound <= ConvexReLURegressor(0.005, arrangements="exact").fit(X, y).objective_


def test_verify_refuses_what_does_not_fit(fitted):
    model, X, y = fitted
    with pytest.raises(NotFittedError):
        verify(ConvexReLURegressor(), X, y)
    with pytest.raises(ValueError, match="features"):
        verify(model, X[:, :1], y)
    with pytest.raises(ValueError, match="samples"):
        verify(model, X, y[:-1])
    with pytest.raises(ValueError, match="samples"):
        verify(model, X[:-1], y[:-1])
    with pytest.raises(ValueError, match="sample_weight"):
        verify(model, X, y, sample_weight=np.ones(3))
    with pytest.raises(ValueError, match="patterns"):
        verify(model, X, y, patterns=np.ones((3, 2), dtype=bool))
    with pytest.raises(ValueError, match="NaN"):
        verify(model, np.full_like(X, np.nan), y)
    labels = X[:, 0] > 0.0
    margin = ConvexReLUClassifier(loss="hard_margin", random_state=0).fit(X, labels)
    with pytest.raises(ValueError, match="hard_margin"):
        verify(margin, X, labels)
    shared = ConvexReLURegressor(0.05, shared_units=True, random_state=0, tol=1e-2).fit(X, np.column_stack([y, -y]))
    with pytest.raises(ValueError, match="shared_units"):
        verify(shared, X, np.column_stack([y, -y]))


@pytest.mark.parametrize("level", [0.0, 1e5, 1e6, 1e7])
def test_proofs_at_a_level_of_the_targets(level):
    """The network of the targets without their level, the level added to its intercept, has an objective of 0.011737840839."""
    x = np.linspace(-1.0, 1.0, 15)
    t = np.abs(x) + 0.1 * np.sin(9.0 * x)
    model = ConvexReLURegressor(0.005, arrangements="exact").fit(x[:, None], t + level)
    reached = 0.011737840839 + 15 * np.spacing(level)
    assert model.certificate_.lower_bound_proven <= reached
    assert model.certificate_.lower_bound_proven >= 0.9998 * reached
    found = verify(model, x[:, None], t + level)
    assert found.objective == pytest.approx(model.objective_, rel=1e-9)
    assert model.certificate_.lower_bound_proven <= found.objective


FILLS = (1e3, 1e8, 1e16, 1e25, 1e37)


def filled(fill):
    x = np.linspace(-1.0, 1.0, 9)
    return np.vstack([[[fill, 0.0]], np.column_stack([np.zeros(9), x])]), np.concatenate([[0.3], np.abs(x)])


@pytest.mark.parametrize("arrangements", ["exact", "gaussian"])
@pytest.mark.parametrize("fill", FILLS)
def test_proofs_with_a_fill_value(fill, arrangements):
    """The network of the other column alone, which does nothing on the row with the fill value but its bias, has 0.00197943."""
    X, y = filled(fill)
    model = ConvexReLURegressor(1e-3, arrangements=arrangements, random_state=0).fit(X, y)
    certificate, found = model.certificate_, verify(model, X, y)
    assert certificate.lower_bound_proven is not None
    assert certificate.lower_bound_proven <= min(0.00197943, found.objective * (1.0 + 1e-11))
    assert certificate.lower_bound_solved <= found.objective * (1.0 + 1e-11)
    assert found.objective == pytest.approx(model.objective_, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "fills"),
    [
        ({"loss": "absolute_error"}, (1e3, 1e25)),
        ({"fit_intercept": False}, (1e8, 1e16, 1e37)),
        ({"loss": "log_loss"}, (1e3, 1e16)),
    ],
    ids=["absolute_error", "no intercept", "log_loss"],
)
def test_no_proof_is_above_any_network_that_a_fit_has_found(options, fills):
    for fill in fills:
        X, y = filled(fill)
        estimator = ConvexReLUClassifier if options.get("loss") == "log_loss" else ConvexReLURegressor
        y = y > 0.4 if estimator is ConvexReLUClassifier else y
        models = [
            estimator(1e-3, arrangements=kind, random_state=seed, tol=1e-2, **options).fit(X, y)
            for kind, seed in (("exact", 0), ("gaussian", 0), ("data", 1))
        ]
        best = min(verify(model, X, y).objective for model in models)
        for model in models:
            assert model.certificate_.lower_bound_proven <= best * (1.0 + 1e-11)


@pytest.mark.parametrize("size", [1e155, 1e-165])
@pytest.mark.parametrize("kind", ["squared_error", "absolute_error", "log_loss-2", "log_loss-3"])
def test_certificates_of_features_whose_squares_are_no_numbers(kind, size):
    estimator, options, X, y = problem(kind)
    options |= {"tol": 1e-6, "arrangements": "exact", "fit_intercept": False}
    plain = estimator(0.02, **options).fit(X, y)
    model = estimator(0.02 * size, **options).fit(size * X, y)
    assert model.objective_ == pytest.approx(plain.objective_, rel=2e-6)
    assert model.certificate_.lower_bound_proven <= plain.objective_ * (1.0 + 1e-11)
    found = verify(model, size * X, y)
    assert found.objective == pytest.approx(model.objective_, rel=1e-11)
    assert found.lower_bound >= model.certificate_.lower_bound_solved * (1.0 - 1e-9)


def agree(models, X, y):
    """Where searches claim to be evidence no objective is further above another's bound than tol."""
    found = [verify(model, X, y) for model in models]
    best = min(result.objective for result in found)
    for model, result in zip(models, found, strict=True):
        certificate = model.certificate_
        assert result.objective == pytest.approx(certificate.objective, rel=1e-9)
        assert certificate.lower_bound_solved <= result.objective * (1.0 + 1e-11)
        if certificate.lower_bound_proven is not None:
            assert certificate.lower_bound_proven <= best * (1.0 + 1e-11)
        if certificate.is_evidence:
            assert certificate.lower_bound_searched <= best * (1.0 + 1e-9)
            if certificate.gap_searched <= model.tol:
                assert result.objective <= best * (1.0 + 1.01 * model.tol)


def three(X, y):
    """Fits of three seeds, at the automatic penalty of the first one: it is what a search meets."""
    first = ConvexReLURegressor(random_state=0, tol=1e-2).fit(X, y)
    return [first, *(ConvexReLURegressor(first.beta_, random_state=seed, tol=1e-2).fit(X, y) for seed in (1, 2))]


@pytest.mark.slow
def test_diabetes_as_it_is_shipped():
    X, y = load_diabetes(return_X_y=True)
    X, y = X[:150, :5], y[:150]
    agree(three(X, y), X, y)


def test_raw_columns_of_people():
    rng = np.random.default_rng(3)
    X = np.column_stack([rng.uniform(18, 80, 40), rng.integers(1980, 2020, 40), rng.lognormal(10.5, 0.6, 40)])
    y = 0.02 * np.abs(X[:, 0] - 45.0) + 1e-5 * X[:, 2] + 0.1 * rng.standard_normal(40)
    models = three(X, y)
    agree(models, X, y)
    assert all("StandardScaler" in model.certificate_.notes[0] for model in models)
