"""Bounds of ``h(u) = c'u + sum_k w_k |x_k'u|`` on simplicial cones: one small quadratic program each (see branch_and_bound)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skconvrelu.rounding import TINY

Array = NDArray[np.float64]


class AbsoluteForm:
    """``h(u) = c'u + sum_k w_k |x_k'u|``, one unit normal x_k for each hyperplane."""

    def __init__(self, X: Array, dual: Array) -> None:
        sizes = np.linalg.norm(X, axis=1)
        used = (dual != 0.0) & (sizes > 0.0)
        X, dual, sizes = X[used], dual[used], sizes[used]
        self.linear = 0.5 * dual @ X
        #: (z)_+ <= ||x|| for the positive terms, 0 for the others
        self.trivial_bound = float(np.maximum(dual, 0.0) @ sizes)
        normals = X / sizes[:, None]
        # one side for x and -x; a generic direction, so that rounding does not decide
        normals *= np.where(normals @ np.cos(np.arange(1.0, X.shape[1] + 1.0)) < 0.0, -1.0, 1.0)[:, None]
        # what rounding keeps apart stays two hyperplanes, which costs time and not validity
        _, first, group = np.unique(np.round(normals, 13), axis=0, return_index=True, return_inverse=True)
        weights = np.bincount(group.ravel(), 0.5 * dual * sizes, minlength=len(first))
        # a concave term that is only rounding may go: without it h is larger
        keep = (weights > 0.0) | (weights < -1e-15 * np.abs(weights).sum())
        #: h may be larger than what the merged normals give by this much
        self.neglected = float(
            0.5 * np.abs(dual * sizes) @ np.linalg.norm(normals - normals[first][group.ravel()], axis=1)
        )
        self.normals, self.weights = np.ascontiguousarray(normals[first[keep]]), weights[keep]
        if not keep.any():  # h is linear; one hyperplane of weight zero spares every function below the special case
            self.normals, self.weights = np.eye(1, X.shape[1]), np.zeros(1)
        self.convex, self.concave = np.maximum(self.weights, 0.0), np.maximum(-self.weights, 0.0)

    def __call__(self, U: Array) -> Array:
        value: Array = U @ self.linear + np.abs(U @ self.normals.T) @ self.weights
        return value


def cone_bounds(form: AbsoluteForm, V: Array, Z: Array, reach: float, enough: float) -> tuple[Array, Array]:
    """Upper bounds of h on the unit vectors of each cone, and the coefficients t of their maximisers in the relaxation."""
    cut = (Z > 0.0).any(axis=1) & (Z < 0.0).any(axis=1)
    # whatever side is taken for a concave term is valid; for one that does not cut the cone it is exact
    side = np.where(cut, 0.0, np.sign(Z.sum(axis=1)))
    a = V @ form.linear + np.abs(Z) @ form.convex - np.einsum("bik,bk->bi", Z, side * form.concave)
    bent = cut & (form.concave > 0.0)
    width = int(bent.sum(axis=1).max(initial=0))
    chosen = np.argsort(~bent, axis=1, kind="stable")[:, :width]
    present = np.take_along_axis(bent, chosen, axis=1)
    z = np.take_along_axis(Z, chosen[:, None, :], axis=2) * present[:, None, :]
    size = np.abs(a).max(axis=1)
    size[size == 0.0] = 1.0
    box = np.where(present, form.concave[chosen] / size[:, None], 1.0)
    program = _ConePrograms(V, a / size[:, None], z, box, reach, enough / size)
    for _ in range(40):
        if not program.record():
            break
        program.step()
    return program.bound * size, program.t * size[:, None]


class _ConePrograms:
    """Primal-dual interior point on ``min ||y||^2 / 2, V y + Z s >= a, |s| <= box``, many small ones at once.

    y = V't throughout, where t are the multipliers of the generators. Complementary pairs are kept side by side: ``dual`` holds
    t and the multipliers of s <= box and s >= -box, ``slack`` what these constraints have left.
    """

    _PER_CONE = ("index", "V", "G", "a", "Z", "box", "enough", "dual", "slack", "missing", "residual", "mu")

    def __init__(self, V: Array, a: Array, Z: Array, box: Array, reach: float, enough: Array) -> None:
        self.V, self.a, self.Z, self.box, self.reach, self.enough = V, a, Z, box, reach, enough
        self.G = V @ V.transpose(0, 2, 1)
        self.index = np.arange(len(V))
        self.dual = np.hstack([np.full(a.shape, 1.0 / a.shape[1]), np.full_like(box, 0.3), np.full_like(box, 0.3)])
        self.slack = np.hstack([np.full(a.shape, 0.3), box, box])
        self.bound, self.t = np.full(len(V), np.inf), np.zeros(a.shape)

    def _parts(self, pairs: Array) -> tuple[Array, Array, Array]:
        r, width = self.a.shape[1], self.box.shape[1]
        return pairs[:, :r], pairs[:, r : r + width], pairs[:, r + width :]

    def record(self) -> bool:
        """Keep the best bounds so far and the cones that need more; False when none does."""
        (t, above, below), (slack, room, depth) = self._parts(self.dual), self._parts(self.slack)
        s = np.clip(0.5 * (depth - room), -self.box, self.box)
        y = np.einsum("bi,bij->bj", t, self.V)
        missing = self.a - np.einsum("bik,bk->bi", self.Z, s) - np.einsum("bij,bj->bi", self.V, y)
        bound = np.sqrt(np.einsum("bj,bj->b", y, y)) + self.reach * np.maximum(missing.max(axis=1), 0.0)
        better = bound < self.bound[self.index]
        self.bound[self.index[better]], self.t[self.index[better]] = bound[better], t[better]
        self.missing = missing + slack
        self.residual = np.einsum("bi,bik->bk", t, self.Z) - above + below
        gap = np.einsum("bp,bp->b", self.dual, self.slack)
        self.mu = gap / self.dual.shape[1]
        # ||y||^2 exceeds its minimum by at most twice the gap
        done = (bound <= self.enough) | (gap <= 1e-10 * bound**2) | (gap < 1e-24)
        if done.any():
            for name in self._PER_CONE:
                setattr(self, name, getattr(self, name)[~done])
        return len(self.index) > 0

    def step(self) -> None:
        """One predictor-corrector step of every cone left."""
        (t, above, below), (slack, room, depth) = self._parts(self.dual), self._parts(self.slack)
        r = t.shape[1]
        theta = above / room + below / depth
        H = self.G + (self.Z / theta[:, None, :]) @ self.Z.transpose(0, 2, 1)
        H[:, np.arange(r), np.arange(r)] += slack / t + 1e-14 * np.einsum("bii->b", H)[:, None]
        inverse = np.asarray(np.linalg.inv(H), dtype=np.float64)

        def direction(target: Array) -> tuple[Array, Array, Array]:
            for_t, for_above, for_below = self._parts(target)
            shift = (self.residual - for_above / room + for_below / depth) / theta
            rhs = self.missing + for_t / t - np.einsum("bik,bk->bi", self.Z, shift)
            dt = np.einsum("bij,bj->bi", inverse, rhs)
            ds = np.einsum("bi,bik->bk", dt, self.Z) / theta + shift
            dslack = np.hstack([(for_t - slack * dt) / t, -ds, ds])
            ddual = np.hstack([dt, (for_above + above * ds) / room, (for_below - below * ds) / depth])
            longest = np.maximum((-ddual / self.dual).max(axis=1), (-dslack / self.slack).max(axis=1))
            return ddual, dslack, np.minimum(1.0, 0.99 / np.maximum(longest, TINY))[:, None]

        products = self.dual * self.slack
        ddual, dslack, length = direction(-products)
        predicted = np.einsum("bp,bp->b", self.dual + length * ddual, self.slack + length * dslack) / self.dual.shape[1]
        aim = np.clip(predicted / self.mu, 0.0, 1.0) ** 3 * self.mu
        ddual, dslack, length = direction(aim[:, None] - products - ddual * dslack)
        self.dual, self.slack = self.dual + length * ddual, self.slack + length * dslack
