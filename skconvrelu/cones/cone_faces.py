"""Exact projections on arrangement cones by active sets that are remembered from one projection to the next.

A projection lies in the relative interior of a face ``{u : x_k'u = 0, k in S}``; when the vectors to be projected move little, so
do the faces. This is what makes the semismooth Newton method cheap: a face with its tangent space is all it needs to know of a
cone. The method is Lawson and Hanson's for ``min_{rho >= 0} ||v + A' rho||``, many cones at once, started from the last
multipliers; it lowers the dual norm in every step, so it cannot cycle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skconvrelu.cones.face_factors import FaceFactors, gram
from skconvrelu.limits import limits
from skconvrelu.rows import in_memory
from skconvrelu.stopping import check

Array = NDArray[np.float64]
Index = NDArray[np.intp]

#: violation, relative to the projected vector, at which a constraint counts as met
FEASIBLE = 1e-11
#: a projection shorter than this share of the vector is zero
_ZERO = 1e-10
#: share of many constraints that is kept nearest to a point
_NEAREST = 1 / 32


class ConeFaces:
    """The cones ``{u : (2 D_j - I) X u >= 0}`` with the active set of the last projection on each.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    masks : ndarray of shape (B, n)
        The 0/1 diagonals of the patterns.
    """

    def __init__(self, X: Array, masks: Array) -> None:
        self.lengths = np.linalg.norm(X, axis=1)
        self.rows = np.flatnonzero(self.lengths > 0.0)
        self.points = X[self.rows]
        self.A = self.points / self.lengths[self.rows, None]
        self.signs = 2.0 * masks[:, self.rows] - 1.0
        B, d = len(masks), X.shape[1]
        self._index = np.zeros((B, d), dtype=np.intp)  # slots of active rows
        self._on = np.zeros((B, d), dtype=bool)
        self._rho = np.zeros((B, d))
        self._factors = FaceFactors(B, d) if FaceFactors.pay(B, d) else None
        self._screens = len(self.rows) > limits().near
        if self._screens:
            # unit points, the constraints nearest to them, and how far a point may move before another one can be violated
            self._centre = np.zeros((B, d))
            self._near = np.zeros((B, int(_NEAREST * len(self.rows))), dtype=np.int32)
            self._radius = np.full(B, -np.inf)

    def project(self, V: Array, cones: Index, *, level: float = 0.0, feasible: float = FEASIBLE) -> Array:
        """Projections (len(cones), d) of the rows of ``V`` on the cones named; multipliers and active sets are kept.

        They violate no constraint by more than ``feasible`` times the length of the vector, unless they are certain to be no longer than
        ``level``: those need not be known.

        Raises
        ------
        Stopped
            If work is to stop.
        """
        parts = list(in_memory(len(V), V.shape[1] ** 2))
        if len(parts) > 1:
            return np.concatenate([self.project(V[p], cones[p], level=level, feasible=feasible) for p in parts])
        out = np.zeros_like(V)
        sizes = np.sqrt(np.einsum("bi,bi->b", V, V))
        open_ = np.flatnonzero(sizes > 0.0)
        for _ in range(20 * V.shape[1] + 20):
            if not len(open_):
                break
            check()
            own = cones[open_]
            settled, u = self._step(own, V[open_])
            settled_rows, u = open_[settled], u[settled]
            finished = np.sqrt(np.einsum("bi,bi->b", u, u)) <= level
            unsure = np.flatnonzero(~finished)
            finished[unsure] = self._add_worst(own[settled][unsure], u[unsure], sizes[settled_rows][unsure], feasible)
            out[settled_rows] = u  # provisional for cones that gained a constraint
            keep = np.ones(len(open_), dtype=bool)
            keep[np.flatnonzero(settled)[finished]] = False
            open_ = open_[keep]
        length = np.sqrt(np.einsum("bi,bi->b", out, out))
        out[(length <= _ZERO * sizes) | (self._on[cones].sum(axis=1) >= V.shape[1])] = 0.0
        return out

    def _width(self, cones: Index) -> int:
        """Slots up to the last one in use, one at least."""
        return 1 + int(np.flatnonzero(self._on[cones].any(axis=0)).max(initial=0))

    def _normals(self, cones: Index) -> Array:
        """Signed unit normals (b, k, d) of the active constraints, a slot each; zero in empty slots, of which none is last."""
        width = self._width(cones)
        index, on = self._index[cones, :width], self._on[cones, :width]
        return self.A[index] * (self.signs[cones[:, None], index] * on)[:, :, None]

    def _unbounded(self, cones: Index, on: NDArray[np.bool_], V: Array) -> tuple[Array, Array]:
        """Multipliers (b, k) of either sign that minimise over the active sets, and ``v + A' rho`` (b, d)."""
        if self._factors is None:
            normals = self._normals(cones)
            free = np.asarray(-np.linalg.solve(gram(normals, on), normals @ V[:, :, None])[:, :, 0], dtype=np.float64)
            return free, V + np.einsum("bki,bk->bi", normals, free)
        stale = self._factors.stale(cones)
        if len(stale):
            normals = self._normals(stale)
            self._factors.renew(stale, normals, self._on[stale, : normals.shape[1]])
        rho, U = np.empty(on.shape), np.empty(V.shape)
        for i, cone in enumerate(cones):
            rho[i], U[i] = self._factors.solve(cone, on[i], V[i])
        return rho, U

    def _step(self, cones: Index, V: Array) -> tuple[NDArray[np.bool_], Array]:
        """Minimise over the multipliers of the active sets, or go until one becomes zero and drop it; True: minimised, at that point."""
        width = self._width(cones)
        on, old = self._on[cones, :width], self._rho[cones, :width]
        new, U = self._unbounded(cones, on, V)
        negative = on & (new < 0.0)
        short = np.flatnonzero(negative.any(axis=1))
        if len(short):  # where none is negative the step is a full one
            old, full, low = old[short], new[short], negative[short]
            reach = np.where(low, old / np.where(low, old - full, 1.0), np.inf)
            step = np.minimum(reach.min(axis=1), 1.0)[:, None]
            drop = low & (reach <= step * (1.0 + 1e-12))
            new[short] = np.where(drop, 0.0, np.maximum(old + step * (full - old), 0.0))
            on[short] &= ~drop
            if self._factors is not None:
                for cone, slots in zip(cones[short], drop, strict=True):
                    self._factors.drop(cone, np.flatnonzero(slots))
        new[~on] = 0.0
        self._rho[cones, :width], self._on[cones, :width] = new, on
        settled = np.ones(len(cones), dtype=bool)
        settled[short] = False
        return settled, U

    def _add_worst(self, cones: Index, U: Array, sizes: Array, feasible: float) -> NDArray[np.bool_]:
        """Activate the most violated constraint of each cone; True where none is worth it, and the projection is done."""
        if not len(cones):
            return np.zeros(0, dtype=bool)
        worst, least = self._worst(cones, U)
        on = self._on[cones]
        finished = least >= -feasible * sizes
        finished |= on.all(axis=1) | (np.sqrt(np.einsum("bi,bi->b", U, U)) <= _ZERO * sizes)
        # an active constraint is violated by rounding only
        finished |= ((self._index[cones] == worst[:, None]) & on).any(axis=1)
        add = np.flatnonzero(~finished)
        slot = (~on[add]).argmax(axis=1)
        self._index[cones[add], slot] = worst[add]
        self._on[cones[add], slot] = True
        self._rho[cones[add], slot] = 0.0
        if self._factors is not None:
            for cone, where, row in zip(cones[add], slot, worst[add], strict=True):
                self._factors.add(cone, where, self.signs[cone, row] * self.A[row])
        return finished

    def _worst(self, cones: Index, U: Array) -> tuple[Index, Array]:
        """The constraint of least slack of each cone, or, where none is violated, some constraint that is not."""
        if not self._screens:
            slack = self.signs[cones] * (U @ self.A.T)
            worst = slack.argmin(axis=1)
            return worst, slack[np.arange(len(worst)), worst]
        lengths = np.sqrt(np.einsum("bi,bi->b", U, U))
        units = U / np.where(lengths > 0.0, lengths, 1.0)[:, None]
        moved = np.sqrt(np.square(units - self._centre[cones]).sum(axis=1))
        far = np.flatnonzero(moved >= self._radius[cones])
        self._recentre(cones[far], units[far])
        near = self._near[cones]
        slack = self.signs[cones[:, None], near] * np.einsum("bki,bi->bk", self.A[near], U)
        every, least = np.arange(len(slack)), slack.argmin(axis=1)
        return near[every, least].astype(np.intp), slack[every, least]

    def _recentre(self, cones: Index, units: Array) -> None:
        """The constraints nearest to unit points: any other one has at least the slack of the last of them there.

        Normals have length one, so no slack changes faster than a point moves.
        """
        if not len(cones):
            return
        slack = self.signs[cones] * (units @ self.A.T)
        k = self._near.shape[1]
        self._near[cones] = np.argpartition(slack, k, axis=1)[:, :k]
        self._centre[cones] = units
        self._radius[cones] = np.take_along_axis(slack, self._near[cones], axis=1).max(axis=1) - 1e-12

    def multipliers(self, cones: Index, n: int) -> Array:
        """``rho >= 0`` (len(cones), n) of the last projections, per row of X itself: ``proj = v + X'(2D - I) rho``."""
        rho = np.zeros((len(cones), n))
        which, slot = np.nonzero(self._on[cones])
        rows = self.rows[self._index[cones[which], slot]]
        rho[which, rows] = self._rho[cones[which], slot] / self.lengths[rows]
        return rho

    def bounded(self, V: Array, cones: Index) -> Array:
        """``v + X'(2D - I) rho`` by the active sets alone: the projections if these are theirs, no shorter otherwise."""
        normals = self._normals(cones)
        return V + np.einsum("bki,bk->bi", normals, self._rho[cones, : normals.shape[1]])

    def moved(self, V: Array, cones: Index, n: int) -> tuple[Array, Array]:
        """``v + X'(2D - I) rho``, the last projections, with their :meth:`multipliers`; their lengths bound prices, settled or not."""
        rho = self.multipliers(cones, n)
        return V + (self.signs[cones] * rho[:, self.rows]) @ self.points, rho

    def remembered(self) -> tuple[Index, NDArray[np.bool_], Array]:
        """A copy of the active sets and their multipliers, for :meth:`restore`."""
        return self._index.copy(), self._on.copy(), self._rho.copy()

    def restore(self, memory: tuple[Index, NDArray[np.bool_], Array], factor: float = 1.0) -> None:
        """Go back to remembered active sets; ``factor`` scales multipliers with the vectors to be projected next."""
        index, on, rho = memory
        if self._factors is not None:
            self._factors.forget(((on != self._on) | (on & (index != self._index))).any(axis=1))
        self._index, self._on, self._rho = index.copy(), on.copy(), factor * rho

    def begin_at(self, other: ConeFaces, cones: Index, factor: float) -> None:
        """Take over what another one remembers of these of its cones."""
        self.restore((other._index[cones], other._on[cones], other._rho[cones]), factor)

    def tangents(self, cones: Index) -> tuple[Array, NDArray[np.bool_]]:
        """Orthonormal columns (len(cones), d, d) and which of them (len(cones), d) span the tangent space of the face."""
        on = self._on[cones]
        normals = np.zeros((len(cones), *on.shape[1:] * 2))
        filled = self._normals(cones)
        normals[:, : filled.shape[1]] = filled
        order = np.argsort(~on, axis=1, kind="stable")
        normals = np.take_along_axis(normals, order[:, :, None], axis=1)
        Q = np.linalg.qr(normals.transpose(0, 2, 1), mode="complete")[0]
        return Q, np.arange(on.shape[1])[None, :] >= on.sum(axis=1)[:, None]
