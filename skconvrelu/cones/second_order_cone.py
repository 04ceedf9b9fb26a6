"""Batched algebra of the second-order cones ``(t_j, u_j)`` under Nesterov-Todd scaling.

The state is kept in *scaled* coordinates (the scaling ``(eta, w)`` and the scaled point ``lambda``), never as ``t - ||u||``: near the
optimum that difference is smaller than the rounding of either term, while the scaled point stays well inside its cone
(Vandenberghe, "The CVXOPT linear and quadratic cone program solvers", 2010, sections 4 and 5).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pair = tuple[Array, Array]  # (heads (B,), tails (B, d))


def dot(a: Array, b: Array) -> Array:
    """Row-wise inner products."""
    return np.einsum("bi,bi->b", a, b)


def jordan_product(a: Pair, b: Pair) -> Pair:
    """``a o b`` in the Jordan algebra of the second-order cone."""
    return a[0] * b[0] + dot(a[1], b[1]), a[0][:, None] * b[1] + b[0][:, None] * a[1]


def step_to_boundary(point: Pair, step: Pair) -> float:
    """Largest ``alpha`` with ``point + alpha * step`` in every cone (may be inf)."""
    (t, u), (dt, du) = point, step
    norm = np.sqrt(dot(u, u))
    a = dt * dt - dot(du, du)
    b = t * dt - dot(u, du)
    c = np.maximum((t - norm) * (t + norm), 0.0)
    disc = b * b - a * c
    q = -(b + np.copysign(np.sqrt(np.maximum(disc, 0.0)), b))
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = np.stack([q / a, c / q, -t / dt])
    # the head must stay positive too; a double cone has no other way out when the quadratic has no positive root
    roots[:2, disc < 0] = np.inf
    roots[~np.isfinite(roots) | (roots <= 0.0)] = np.inf
    return float(roots.min(initial=np.inf))


class Scaling:
    """Nesterov-Todd scaling ``W = eta * [[w0, w1'], [w1, I + w1 w1' / (1 + w0)]]`` of one point pair for each block."""

    def __init__(self, primal: Pair, dual: Pair) -> None:
        self.eta, self.w1, self.det = _scaling_point(primal, dual)
        self.w0 = np.sqrt(1.0 + dot(self.w1, self.w1))
        # at the scaling point both variables have the same image, the scaled point
        tail = self.apply(dual)[1]
        self.point: Pair = (np.sqrt(self.det + dot(tail, tail)), tail)

    def apply(self, a: Pair) -> Pair:
        """``W a``."""
        k = dot(self.w1, a[1])
        head = (self.w0 * a[0] + k) * self.eta
        return head, (a[1] + self.w1 * (k / (1.0 + self.w0) + a[0])[:, None]) * self.eta[:, None]

    def apply_inverse(self, a: Pair) -> Pair:
        """``W^-1 a``."""
        k = dot(self.w1, a[1])
        head = (self.w0 * a[0] - k) / self.eta
        return head, (a[1] + self.w1 * (k / (1.0 + self.w0) - a[0])[:, None]) / self.eta[:, None]

    def divide(self, r: Pair) -> Pair:
        """The ``p`` with ``point o p = r``."""
        l0, l1 = self.point
        head = (l0 * r[0] - dot(l1, r[1])) / self.det
        return head, (r[1] - l1 * head[:, None]) / l0[:, None]

    def complementarity(self) -> float:
        """Sum over the blocks of ``<primal, dual>``."""
        return float(np.square(self.point[0]).sum() + np.square(self.point[1]).sum())

    def reduced_hessian(self) -> Array:
        """Schur complement (B, d, d) of ``W^-2`` after the heads t_j are eliminated.

        ``I - kappa w w'`` is written as ``(I - v v') + v v' / (2 w0^2 - 1)`` with the unit vector v: the naive form loses
        positive definiteness near the boundary.
        """
        norm = np.sqrt(dot(self.w1, self.w1))
        v = self.w1 / np.where(norm > 0.0, norm, 1.0)[:, None]
        shrink = 1.0 - 1.0 / (2.0 * self.w0**2 - 1.0)
        hessian = -(shrink[:, None] * v)[:, :, None] * v[:, None, :]
        hessian += np.eye(self.w1.shape[1])
        hessian /= (self.eta**2)[:, None, None]
        return hessian

    def reduced_inverse(self) -> tuple[Array, Array]:
        """``(h, R)`` of shapes (B,) and (B, d): the inverse of :meth:`reduced_hessian` is ``h_j I + r_j r_j'``."""
        return self.eta**2, (np.sqrt(2.0) * self.eta)[:, None] * self.w1

    def head_row(self) -> tuple[Array, Array]:
        """Entries ``(M_tt, M_tu)`` of ``M = W^-2``."""
        square = self.eta**2
        return (2.0 * self.w0**2 - 1.0) / square, -2.0 * (self.w0 / square)[:, None] * self.w1

    def advance(self, primal: Pair, dual: Pair) -> None:
        """Move to the pair whose scaled coordinates under the present scaling are ``primal`` and ``dual``.

        The scaling point of a transformed pair is the transformed scaling point, so only well-conditioned quantities meet.
        """
        eta, w1, det = _scaling_point(primal, dual)
        new_dual = self.apply_inverse(dual)
        moved = self.apply((np.sqrt(1.0 + dot(w1, w1)), w1))[1] / self.eta[:, None]
        self.eta = self.eta * eta
        self.w1 = moved
        self.w0 = np.sqrt(1.0 + dot(moved, moved))
        self.det = det
        tail = self.apply(new_dual)[1]
        self.point = (np.sqrt(det + dot(tail, tail)), tail)


def _scaling_point(primal: Pair, dual: Pair) -> tuple[Array, Array, Array]:
    """``eta``, the tail of the unit scaling point and ``sqrt(det primal * det dual)``."""
    (t, u), (tau, w) = primal, dual
    u_norm, w_norm = np.sqrt(dot(u, u)), np.sqrt(dot(w, w))
    det_p = np.sqrt((t - u_norm) * (t + u_norm))
    det_d = np.sqrt((tau - w_norm) * (tau + w_norm))
    p0, p1 = t / det_p, u / det_p[:, None]
    d0, d1 = tau / det_d, w / det_d[:, None]
    gamma = np.sqrt(0.5 * (1.0 + p0 * d0 + dot(p1, d1)))
    return np.sqrt(det_p / det_d), (p1 - d1) / (2.0 * gamma)[:, None], det_p * det_d
