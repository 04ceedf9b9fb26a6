"""What someone adds from outside: a solver, a sampler and a loss, without a change to the package."""

import warnings

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import xlogy
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor
from skconvrelu.losses import (
    CLASSIFICATION,
    LABELS,
    PENALISED,
    REGRESSION,
    TARGETS,
    Loss,
    classification_loss,
    regression_loss,
)
from skconvrelu.solution import Candidate
from skconvrelu.solvers import SolverError, SolverUnavailableError


def data(n=40, d=3):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    return X, np.abs(X[:, 0]) - X[:, 1] + 0.1 * rng.standard_normal(n)


def by_descent(program, *, tol, max_iter, start):
    """A toy: L-BFGS on the vectors, with a quadratic penalty for leaving the cones that grows."""
    B, d = program.n_blocks, program.X.shape[1]
    signs, blocks = 2.0 * program.masks(np.arange(B)) - 1.0, np.arange(B)
    coef = np.zeros((B, d)) + 1e-6

    for strength in 10.0 ** np.arange(0, 9):

        def value(z, strength=strength):
            U = z.reshape(B, d)
            F = program.outputs(blocks, U)
            F = F + program.best_intercept(F)
            outside = np.minimum(signs * (U @ program.X.T), 0.0)
            lengths = np.sqrt(np.square(U).sum(axis=1) + 1e-16)
            total = program.loss_value(F) + program.beta * lengths.sum() + 0.5 * strength * np.square(outside).sum()
            G = program.weights[:, None] * program.loss.gradient(F, program.Y)
            slope = program.gradients(G, blocks) + program.beta * U / lengths[:, None]
            return total, (slope + strength * (outside * signs) @ program.X).ravel()

        coef = minimize(value, coef.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": max_iter}).x.reshape(B, d)
    dual = program.dual_point(program.outputs(blocks, coef))
    return Candidate(blocks, coef, dual, n_iter=1, converged=True)


def test_a_solver_from_outside_is_verified_like_all_others():
    X, y = data()
    options = {"beta": 0.05, "n_arrangements": 6, "refine": False, "random_state": 0}
    model = ConvexReLURegressor(**options, solver=by_descent, tol=0.02).fit(X, y)
    reference = ConvexReLURegressor(**options, solver="scipy", tol=1e-8).fit(X, y)
    assert model.solver_ == "by_descent"
    assert reference.objective_ * (1 - 1e-8) <= model.objective_ <= 1.02 * reference.objective_
    assert model.certificate_.lower_bound_solved <= reference.objective_ * (1 + 1e-8)
    assert clone(model).solver is by_descent


def test_claims_of_a_solver_from_outside_are_not_believed():
    def nothing(program, *, tol, max_iter, start):
        return Candidate(
            np.zeros(0, dtype=int), np.zeros((0, program.X.shape[1])), program.zero_dual(), 1, converged=True
        )

    X, y = data()
    options = {"beta": 0.05, "n_arrangements": 6, "refine": False, "tol": 1e-4, "random_state": 0}
    with pytest.warns(ConvergenceWarning, match="'nothing' stopped at a relative gap .* took over"):
        model = ConvexReLURegressor(**options, solver=nothing).fit(X, y)
    reference = ConvexReLURegressor(**options, solver="scipy").fit(X, y)
    assert model.objective_ == pytest.approx(reference.objective_, rel=1e-4)


def test_a_solver_from_outside_may_fail():
    def broken(program, *, tol, max_iter, start):
        raise SolverError("out of order")

    X, y = data()
    with pytest.warns(ConvergenceWarning, match="'broken' failed .out of order.; the scipy solver took over"):
        ConvexReLURegressor(0.05, n_arrangements=6, refine=False, solver=broken, random_state=0).fit(X, y)


def test_a_solver_from_outside_serves_the_search():
    X, y = data()
    reference = ConvexReLURegressor(0.05, random_state=0, tol=0.02).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = ConvexReLURegressor(0.05, random_state=0, tol=0.02, solver=by_descent).fit(X, y)
    assert model.objective_ == pytest.approx(reference.objective_, rel=0.02)


def test_a_sampler_from_outside():
    def axes(X, n_arrangements, rng):
        """Each feature alone, on either side of a random sample."""
        d = X.shape[1] - 1
        gates = np.zeros((d + 1, n_arrangements))
        chosen, rows = rng.randint(d, size=n_arrangements), rng.randint(len(X), size=n_arrangements)
        gates[chosen, np.arange(n_arrangements)] = 1.0
        gates[-1] = -X[rows, chosen] + 1e-6
        return gates * rng.choice([-1.0, 1.0], n_arrangements)

    X, y = data()
    model = ConvexReLUClassifier(0.02, arrangements=axes, n_arrangements=30, refine=False, random_state=0).fit(
        X, y > 0.0
    )
    assert ((model.arrangements_[:-1] != 0.0).sum(axis=0) == 1).all()
    assert model.score(X, y > 0.0) > 0.8


class LogCosh(Loss):
    """A toy loss, ``log cosh(f - y)``: a class of its own, and no line in the package."""

    name = "log_cosh"

    def value(self, F, Y):
        r = np.abs(F - Y)
        return (r + np.log1p(np.exp(-2.0 * r)) - np.log(2.0)).sum(axis=1)

    def gradient(self, F, Y):
        return np.tanh(F - Y)

    def curvature_root(self, F, Y):
        root = 1.0 / np.cosh(np.clip(F - Y, -300.0, 300.0))
        return root[:, :, None] * np.eye(F.shape[1])

    def conjugate(self, A, Y):
        return (A * Y + 0.5 * (xlogy(1.0 + A, 1.0 + A) + xlogy(1.0 - A, 1.0 - A))).sum(axis=1)

    def conjugate_size(self, A, Y):
        parts = np.abs(xlogy(1.0 + A, 1.0 + A)) + np.abs(xlogy(1.0 - A, 1.0 - A))
        return (np.abs(A * Y) + 0.5 * parts + 1.0 + np.abs(A)).sum(axis=1)

    def dual_room(self, A, Y):
        return 1.0 - np.abs(A)

    def project_dual(self, A, Y):
        return np.clip(A, -1.0, 1.0)

    def outputs_at(self, A, Y):
        return Y + np.arctanh(A)


class ConicLogCosh(LogCosh):
    """The same with its conic form: ``t >= log(exp(r) + exp(-r))`` as ``exp(r - t) + exp(-r - t) <= 1``."""

    def conic_form(self, Y, weights, build, f):
        n = len(f)
        t, z = build.variables(n, weights), build.variables(2 * n).reshape(n, 2)
        build.in_rows(build.rows(n, -np.inf, 1.0)[:, None], z, 1.0)
        sides = np.array([1.0, -1.0])
        g = np.stack([np.zeros((n, 2)), np.ones((n, 2)), -Y * sides], axis=2)
        rows = build.cone("exponential", 3, g.reshape(2 * n, 3)).reshape(n, 2, 3)
        build.in_cones(rows[:, :, 0], z, 1.0)
        build.in_cones(rows[:, :, 2], t[:, None], -1.0)
        build.in_cones(rows[:, :, 2], f, np.tile(sides, (n, 1)))
        return -np.log(2.0)


class LogCoshRegressor(ConvexReLURegressor):
    def _loss(self):
        return LogCosh()


class ConicLogCoshRegressor(ConvexReLURegressor):
    def _loss(self):
        return ConicLogCosh()


def test_a_loss_from_outside():
    X, y = data()
    y[::10] += 5.0
    model = LogCoshRegressor(0.01, random_state=0, tol=1e-5).fit(X, y)
    F = model.predict(X)
    penalty = sum(np.linalg.norm(w) ** 2 for w in (model.coefs_[0], model.intercepts_[0], model.coefs_[1])) / 2
    objective = np.log(np.cosh(F - y)).mean() + 0.01 * penalty
    assert model.objective_ == pytest.approx(objective, rel=1e-9)
    certificate = model.certificate_
    assert certificate.lower_bound_searched <= model.objective_ * (1 + 1e-12)
    assert certificate.gap_searched <= 1e-5
    # another search cannot undercut the bound
    other = LogCoshRegressor(0.01, random_state=5, tol=1e-5, n_arrangements=30).fit(X, y)
    assert other.objective_ >= certificate.lower_bound_searched * (1 - 1e-9)
    # it withstands outliers like the Huber loss
    inliers = np.ones(len(y), dtype=bool)
    inliers[::10] = False
    squared = ConvexReLURegressor(0.01, random_state=0).fit(X, y)
    assert np.abs(F - y)[inliers].mean() < np.abs(squared.predict(X) - y)[inliers].mean()


def test_a_loss_from_outside_may_have_a_conic_form():
    pytest.importorskip("clarabel")
    X, y = data()
    options = {"beta": 0.01, "n_arrangements": 10, "refine": False, "random_state": 0, "tol": 1e-6}
    conic = ConicLogCoshRegressor(solver="clarabel", **options).fit(X, y)
    own = LogCoshRegressor(solver="scipy", **options).fit(X, y)
    assert conic.solver_ == "clarabel"
    assert conic.objective_ == pytest.approx(own.objective_, rel=2e-6)
    with pytest.raises(SolverUnavailableError, match="'log_cosh' has no conic form; use solver='scipy'"):
        LogCoshRegressor(solver="clarabel", **options).fit(X, y)


def test_the_registry_names_every_loss_of_the_estimators():
    assert set(REGRESSION) == set(TARGETS)
    assert set(PENALISED) == {*REGRESSION, *(set(CLASSIFICATION) - {"hard_margin"})}
    for name, named in TARGETS.items():
        assert regression_loss(name).name == name
        for parameter in named.parameters:
            with pytest.raises(ValueError, match=parameter):
                regression_loss(name, **{parameter: -1.0})
    for name in LABELS:
        for k in (2, 3):
            loss, Y = classification_loss(name, np.arange(6) % k, k)
            assert loss.gives_probabilities == hasattr(ConvexReLUClassifier(loss=name), "predict_proba")
            assert Y.shape == (6, 1 if k == 2 else 3)
