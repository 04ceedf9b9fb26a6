"""Losses against finite differences and the Fenchel-Young inequality."""

import numpy as np
import pytest
from scipy.optimize import minimize

from skconvrelu.losses import (
    AbsoluteError,
    BinaryLogLoss,
    HardMargin,
    Hinge,
    Huber,
    MultinomialLogLoss,
    Poisson,
    Quantile,
    SquaredError,
    SquaredErrorOnCodes,
    SquaredHinge,
)

RNG = np.random.default_rng(0)
REAL, CODES = RNG.standard_normal((6, 2)), np.where(np.arange(6) % 2 == 0, 1.0, -1.0)[:, None]
SMOOTH = {
    "squared_error": (SquaredError(), REAL),
    "binary": (BinaryLogLoss(), CODES),
    "multinomial": (MultinomialLogLoss(), np.eye(3)[np.arange(6) % 3]),
    "huber": (Huber(0.8), REAL),
    "poisson": (Poisson(), np.arange(6.0)[:, None]),
    "squared_hinge": (SquaredHinge(), CODES),
}
PIECEWISE = {
    "absolute_error": (AbsoluteError(), REAL),
    "quantile": (Quantile(0.9), REAL),
    "hinge": (Hinge(), CODES),
}
CASES, IDS = list(SMOOTH.values()), list(SMOOTH)
EVERY, NAMES = CASES + list(PIECEWISE.values()), IDS + list(PIECEWISE)


@pytest.mark.parametrize(("loss", "Y"), CASES, ids=IDS)
def test_gradient_and_curvature_are_finite_differences(loss, Y):
    F = 2.0 * np.random.default_rng(1).standard_normal(Y.shape)
    root = loss.curvature_root(F, Y)
    hessian = root @ root.transpose(0, 2, 1)
    h = 1e-5
    for k in range(F.shape[1]):
        e = h * np.eye(F.shape[1])[k]
        difference = (loss.value(F + e, Y) - loss.value(F - e, Y)) / (2 * h)
        np.testing.assert_allclose(loss.gradient(F, Y)[:, k], difference, rtol=1e-6, atol=1e-9)
        difference = (loss.gradient(F + e, Y) - loss.gradient(F - e, Y)) / (2 * h)
        np.testing.assert_allclose(hessian[:, :, k], difference, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("loss", "Y"), EVERY, ids=NAMES)
def test_fenchel_young(loss, Y):
    rng = np.random.default_rng(2)
    F, G = 2.0 * rng.standard_normal((2, *Y.shape))
    A = loss.gradient(F, Y)
    equality = loss.value(F, Y) + loss.conjugate(A, Y) - (A * F).sum(axis=1)
    np.testing.assert_allclose(equality, 0.0, atol=1e-12)
    inequality = loss.value(G, Y) + loss.conjugate(A, Y) - (A * G).sum(axis=1)
    assert (inequality > -1e-12).all()
    assert (inequality > 0.0).any()


@pytest.mark.parametrize(("loss", "Y"), CASES, ids=IDS)
def test_conjugate_is_the_supremum(loss, Y):
    """The closed form against a numerical maximisation of <a, f> - l(f), sample by sample."""
    A = 0.6 * loss.gradient(np.random.default_rng(3).standard_normal(Y.shape), Y)
    for i in range(len(Y)):
        y = Y[i : i + 1]
        result = minimize(
            lambda f, a=A[i], y=y: float(loss.value(f[None, :], y)[0] - a @ f), np.zeros(Y.shape[1]), tol=1e-10
        )
        assert loss.conjugate(A, Y)[i] == pytest.approx(-result.fun, abs=1e-7)


@pytest.mark.parametrize(("loss", "Y"), EVERY, ids=NAMES)
def test_dual_domain_is_star_shaped(loss, Y):
    """Scaling a gradient towards zero keeps the conjugate finite and the point unmoved by the projection."""
    A = loss.gradient(3.0 * np.random.default_rng(4).standard_normal(Y.shape), Y)
    for c in (0.0, 0.3, 1.0):
        assert np.isfinite(loss.conjugate(c * A, Y)).all()
        np.testing.assert_allclose(loss.project_dual(c * A, Y), c * A, atol=1e-15)


@pytest.mark.parametrize(("loss", "Y"), CASES, ids=IDS)
def test_outputs_at_inverts_the_gradient(loss, Y):
    F = 2.0 * np.random.default_rng(5).standard_normal(Y.shape)
    A = loss.gradient(F, Y)
    np.testing.assert_allclose(loss.gradient(loss.outputs_at(A, Y), Y), A, atol=1e-12)


@pytest.mark.parametrize(("loss", "Y"), [SMOOTH["binary"], SMOOTH["multinomial"]])
@pytest.mark.parametrize("size", [1e3, 1e8])
def test_log_losses_do_not_overflow(loss, Y, size):
    F = size * np.random.default_rng(6).standard_normal(Y.shape)
    assert np.isfinite(loss.value(F, Y)).all()
    assert np.isfinite(loss.conjugate(loss.gradient(F, Y), Y)).all()


def test_softmax_intercepts_are_centred():
    basis = MultinomialLogLoss().intercept_basis(4)
    assert basis.shape == (4, 3)
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-14)
    np.testing.assert_allclose(basis.sum(axis=0), 0.0, atol=1e-14)


@pytest.mark.parametrize(("loss", "Y"), list(PIECEWISE.values()), ids=list(PIECEWISE))
def test_piecewise_conjugate_is_the_supremum(loss, Y):
    """Over a fine grid that holds the kink: the maximum of a concave piecewise linear function."""
    lower, upper = loss.slopes(Y)
    A = lower + np.random.default_rng(3).uniform(size=Y.shape) * (upper - lower)
    for i in range(len(Y)):
        for k in range(Y.shape[1]):
            f = np.append(np.linspace(-9.0, 9.0, 501), loss.kink(Y)[i, k])
            values = loss.value(f[:, None], np.full((len(f), 1), Y[i, k]))
            single = loss.conjugate(A[i : i + 1, k : k + 1], Y[i : i + 1, k : k + 1])[0]
            assert single == pytest.approx((A[i, k] * f - values).max(), abs=1e-12)


@pytest.mark.parametrize(("loss", "Y"), list(PIECEWISE.values()), ids=list(PIECEWISE))
def test_smoothed_losses(loss, Y):
    """Differentiable, below the loss, equal to it far from the kinks, gradients in its dual domain."""
    width = 0.3
    smooth = loss.smoothed(width)
    F = 2.0 * np.random.default_rng(5).standard_normal(Y.shape)
    difference = sum(
        (smooth.value(F + e, Y) - smooth.value(F - e, Y))[:, None] / 2e-6 * (e > 0)
        for e in 1e-6 * np.eye(F.shape[1])[:, None, :]
    )
    A = smooth.gradient(F, Y)
    np.testing.assert_allclose(A, difference, atol=1e-6)
    np.testing.assert_allclose(loss.project_dual(A, Y), A)
    gap = loss.value(F, Y) - smooth.value(F, Y)
    assert (gap >= -1e-12).all()
    assert (gap <= 0.5 * width * F.shape[1] + 1e-12).all()
    equality = smooth.value(F, Y) + smooth.conjugate(A, Y) - (A * F).sum(axis=1)
    np.testing.assert_allclose(equality, 0.0, atol=1e-12)


@pytest.mark.parametrize(("loss", "Y"), EVERY, ids=NAMES)
def test_best_constant_is_stationary(loss, Y):
    rng = np.random.default_rng(6)
    F, weights = rng.standard_normal(Y.shape), rng.uniform(0.1, 1.0, len(Y))
    best = loss.best_constant(F, Y, weights)
    if best is None:
        pytest.skip("found by Newton's method")
    for k in range(Y.shape[1]):
        for step in (1e-4, -1e-4):
            moved = best + step * np.eye(Y.shape[1])[k]
            assert weights @ loss.value(F + moved, Y) >= weights @ loss.value(F + best, Y) - 1e-12


def test_huber_with_a_huge_epsilon_is_squared_error():
    F = RNG.standard_normal(REAL.shape)
    for name in ("value", "gradient", "curvature_root"):
        np.testing.assert_array_equal(getattr(Huber(1e6), name)(F, REAL), getattr(SquaredError(), name)(F, REAL))


def test_poisson_is_half_the_deviance():
    from sklearn.metrics import mean_poisson_deviance

    y, F = np.arange(1.0, 7.0)[:, None], RNG.standard_normal((6, 1))
    assert Poisson().value(F, y).mean() == pytest.approx(0.5 * mean_poisson_deviance(y, np.exp(F)))


def test_hard_margin_dual_domain_and_conjugate():
    """``y a <= 0``; the conjugate ``a y`` is the supremum of ``a f`` over outputs with margin at least one."""
    loss, F = HardMargin(), np.array([[1.5], [-1.2]])
    Y, A = np.array([[1.0], [-1.0]]), np.array([[-0.7], [0.4]])
    np.testing.assert_array_equal(loss.value(F, Y), 0.0)
    np.testing.assert_array_equal(loss.value(0.5 * F, Y), np.inf)
    np.testing.assert_array_equal(loss.project_dual(np.vstack([A, -A]), np.vstack([Y, Y])), np.vstack([A, 0.0 * A]))
    grid = np.linspace(1.0, 9.0, 100)
    suprema = [(a * y * grid).max() for a, y in zip(A[:, 0], Y[:, 0], strict=True)]
    np.testing.assert_allclose(loss.conjugate(A, Y), suprema)
    np.testing.assert_allclose(loss.best_constant(np.array([[3.0], [2.0]]), Y, np.ones(2)), [-2.5])


@pytest.mark.parametrize("unit", [1e-30, 1e-9, 1.0, 1e9, 1e30])
@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("kind", ["squared", "codes", "huber", "rounded quantile", "rounded error"])
def test_best_constant_goes_with_the_unit_of_the_targets(kind, n_outputs, unit):
    rng = np.random.default_rng(8)
    F, Y, weights = rng.standard_normal((9, n_outputs)), rng.standard_normal((9, n_outputs)), 10.0 ** -np.arange(9.0)

    def best(unit):
        loss = {
            "squared": SquaredError(),
            "codes": SquaredErrorOnCodes(),
            "huber": Huber(0.5 * unit),
            "rounded quantile": Quantile(0.3).smoothed(0.1 * unit),
            "rounded error": AbsoluteError().smoothed(0.1 * unit),
        }[kind]
        return loss.best_constant(unit * F, unit * Y, weights)

    np.testing.assert_allclose(best(unit), unit * best(1.0), rtol=1e-12)


def test_best_constant_where_many_would_do_is_the_nearest_to_zero():
    Y, weights = np.array([[1.0], [-1.0]]), np.ones(2)
    for F, best in ([[1.0], [-6.0]], 0.0), ([[-1.0], [-6.0]], 2.0), ([[6.0], [1.0]], -2.0):
        np.testing.assert_allclose(SquaredHinge().best_constant(np.array(F), Y, weights), [best])
    np.testing.assert_allclose(Huber(1.0).best_constant(np.zeros((2, 1)), 5.0 + 3.0 * Y, weights), [3.0])


def test_small_cross_entropies_keep_their_digits():
    """With the label's output far above the others the loss is the sum of their exponentials: no difference of large numbers."""
    F = np.array([[40.0, 1.0, -3.0], [-2.0, 700.0, 3.0], [5.0, 5.5, 45.0]])
    value = MultinomialLogLoss().value(F, np.eye(3))
    expected = [np.exp(-39.0) + np.exp(-43.0), 0.0, np.exp(-39.5) + np.exp(-40.0)]
    np.testing.assert_allclose(value, expected, rtol=1e-13, atol=1e-300)
