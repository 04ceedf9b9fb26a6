"""Losses against finite differences and the Fenchel-Young inequality."""

import numpy as np
import pytest
from scipy.optimize import minimize

from skconvrelu.losses import BinaryLogLoss, MultinomialLogLoss, SquaredError

RNG = np.random.default_rng(0)
CASES = [
    (SquaredError(), RNG.standard_normal((6, 2))),
    (BinaryLogLoss(), np.where(np.arange(6) % 2 == 0, 1.0, -1.0)[:, None]),
    (MultinomialLogLoss(), np.eye(3)[np.arange(6) % 3]),
]
IDS = ["squared_error", "binary", "multinomial"]


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


@pytest.mark.parametrize(("loss", "Y"), CASES, ids=IDS)
def test_fenchel_young(loss, Y):
    rng = np.random.default_rng(2)
    F, G = 2.0 * rng.standard_normal((2, *Y.shape))
    A = loss.gradient(F, Y)
    equality = loss.value(F, Y) + loss.conjugate(A, Y) - (A * F).sum(axis=1)
    np.testing.assert_allclose(equality, 0.0, atol=1e-12)
    inequality = loss.value(G, Y) + loss.conjugate(A, Y) - (A * G).sum(axis=1)
    assert (inequality > 0.0).all()


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


@pytest.mark.parametrize(("loss", "Y"), CASES, ids=IDS)
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


@pytest.mark.parametrize(("loss", "Y"), CASES[1:], ids=IDS[1:])
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
