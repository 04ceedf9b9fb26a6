"""Nesterov-Todd scaling: its defining identities, near the boundary too."""

import numpy as np
import pytest

from skconvrelu.cones.second_order_cone import Scaling, jordan_product, step_to_boundary


def random_pair(rng, count, d, margin):
    tail = rng.standard_normal((count, d))
    return (1.0 + margin) * np.linalg.norm(tail, axis=1), tail


@pytest.mark.parametrize("margin", [1.0, 1e-4, 1e-8])
def test_scaling_sends_both_points_to_the_scaled_point(margin):
    rng = np.random.default_rng(0)
    primal, dual = random_pair(rng, 7, 4, margin), random_pair(rng, 7, 4, margin)
    scaling = Scaling(primal, dual)
    inverse_image, image = scaling.apply_inverse(primal), scaling.apply(dual)
    tolerance = 1e-12 / margin
    np.testing.assert_allclose(inverse_image[0], image[0], rtol=tolerance)
    np.testing.assert_allclose(inverse_image[1], image[1], rtol=tolerance, atol=tolerance)
    assert scaling.complementarity() == pytest.approx(
        float((primal[0] * dual[0]).sum() + (primal[1] * dual[1]).sum()), rel=tolerance
    )


def test_advance_equals_scaling_from_scratch():
    rng = np.random.default_rng(1)
    primal, dual = random_pair(rng, 6, 3, 0.5), random_pair(rng, 6, 3, 0.5)
    moved = primal[0] + 0.1, primal[1] * 0.9
    turned = dual[0], dual[1] * 0.8
    scaling = Scaling(primal, dual)
    scaling.advance(scaling.apply_inverse(moved), scaling.apply(turned))
    fresh = Scaling(moved, turned)
    for name in ("eta", "w0", "w1", "det"):
        np.testing.assert_allclose(getattr(scaling, name), getattr(fresh, name), rtol=1e-10)
    np.testing.assert_allclose(scaling.point[1], fresh.point[1], rtol=1e-9, atol=1e-12)


def test_divide_inverts_the_jordan_product():
    rng = np.random.default_rng(2)
    scaling = Scaling(random_pair(rng, 5, 3, 0.3), random_pair(rng, 5, 3, 0.3))
    p = rng.standard_normal(5), rng.standard_normal((5, 3))
    back = scaling.divide(jordan_product(scaling.point, p))
    np.testing.assert_allclose(back[0], p[0], rtol=1e-10)
    np.testing.assert_allclose(back[1], p[1], rtol=1e-9, atol=1e-12)


def test_reduced_hessian_is_the_schur_complement():
    rng = np.random.default_rng(3)
    scaling = Scaling(random_pair(rng, 4, 3, 0.3), random_pair(rng, 4, 3, 0.3))
    full = np.zeros((4, 4, 4))
    for k in range(4):
        e = np.tile(np.eye(4)[k], (4, 1))
        head, tail = scaling.apply_inverse(scaling.apply_inverse((e[:, 0], e[:, 1:])))
        full[:, :, k] = np.column_stack([head, tail])
    head, row = scaling.head_row()
    np.testing.assert_allclose(head, full[:, 0, 0], rtol=1e-10)
    np.testing.assert_allclose(row, full[:, 0, 1:], rtol=1e-10)
    schur = full[:, 1:, 1:] - full[:, 1:, :1] * full[:, :1, 1:] / full[:, :1, :1]
    np.testing.assert_allclose(scaling.reduced_hessian(), schur, rtol=1e-9, atol=1e-12)
    h, R = scaling.reduced_inverse()
    inverse = h[:, None, None] * np.eye(R.shape[1]) + R[:, :, None] * R[:, None, :]
    np.testing.assert_allclose(inverse, np.linalg.inv(schur), rtol=1e-8, atol=1e-12)


def test_step_to_boundary_by_bisection():
    rng = np.random.default_rng(4)
    for _ in range(50):
        point = random_pair(rng, 1, 3, 0.5)
        step = rng.standard_normal(1), rng.standard_normal((1, 3))

        def inside(a, point=point, step=step):
            return point[0][0] + a * step[0][0] >= np.linalg.norm(point[1][0] + a * step[1][0])

        a = step_to_boundary(point, step)
        if np.isinf(a):
            assert inside(1e6)
        else:
            assert inside(a * (1 - 1e-9))
            assert not inside(a * (1 + 1e-6) + 1e-9)
