"""Active normals of cones and the inverses of their Gram matrices, kept up to date as constraints come and go.

An active-set step changes one constraint of a cone, and the inverse by one rank: k^2 operations in place of the k^2 d + k^3 of a new
factorisation, which matters from some dozen features on. They are done in place, cone by cone, in a core's cache. Every solution is
refined against the normals themselves; where that shows that the updates have lost their digits, the system is solved anew.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skconvrelu.limits import limits

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]

#: lift of the diagonal: constraints may depend on each other
_LIFT = 1e-14
#: squared distance of a new unit normal to the span of the others below which an update has no digits
_INDEPENDENT = 1e-8
#: what is left to solve, relative to the vector, that one refinement makes negligible
_ACCURATE = 1e-6


class FaceFactors:
    """Normals (d, d) and inverse (d, d) of each cone; rows and columns of empty slots are zero."""

    def __init__(self, n_cones: int, d: int) -> None:
        self._normals = np.zeros((n_cones, d, d))
        self._inverse = np.zeros((n_cones, d, d))
        self._fresh = np.zeros(n_cones, dtype=bool)

    @staticmethod
    def pay(n_cones: int, d: int) -> bool:
        """Whether to keep them."""
        return d >= limits().updated and 2 * n_cones * d**2 <= limits().kept

    def stale(self, cones: Index) -> Index:
        """Those whose active sets have changed otherwise."""
        return cones[~self._fresh[cones]]

    def forget(self, changed: Mask) -> None:
        """Of cones (B,) whose active sets are others now."""
        self._fresh &= ~changed

    def renew(self, cones: Index, normals: Array, on: Mask) -> None:
        """From active normals (b, k, d), zero in empty slots."""
        width = normals.shape[1]
        self._normals[cones], self._inverse[cones] = 0.0, 0.0
        self._normals[cones, :width] = normals
        self._inverse[cones, :width, :width] = np.linalg.inv(gram(normals, on)) * (on[:, :, None] & on[:, None, :])
        self._fresh[cones] = True

    def solve(self, cone: int, on: Mask, v: Array) -> tuple[Array, Array]:
        """The multipliers (k,) that minimise ``||v + N' rho||``, and that vector (d,)."""
        width = len(on)
        normals, inverse = self._normals[cone, :width], self._inverse[cone, :width, :width]
        rho = -(inverse @ (normals @ v))
        u = v + rho @ normals
        left = normals @ u
        more = inverse @ left
        rho -= more
        u -= more @ normals
        if left @ left > _ACCURATE**2 * (v @ v):
            self._fresh[cone] = False
            rho = -np.linalg.solve(gram(normals[None], on[None])[0], normals @ v)
            u = v + rho @ normals
        return rho, u

    def add(self, cone: int, slot: int, normal: Array) -> None:
        """A unit normal (d,) in an empty slot."""
        inverse = self._inverse[cone]
        met = self._normals[cone] @ normal
        c = inverse @ met
        apart = float(normal @ normal) + _LIFT - float(met @ c)
        self._normals[cone, slot] = normal
        if apart < _INDEPENDENT:
            self._fresh[cone] = False
            return
        c[slot] = -1.0
        inverse += np.multiply.outer(c, c / apart)

    def drop(self, cone: int, slots: Index) -> None:
        """Constraints that leave."""
        inverse = self._inverse[cone]
        for slot in slots:
            column = inverse[slot].copy()
            if not column[slot] > 0.0:
                self._fresh[cone] = False
                return
            inverse -= np.multiply.outer(column, column / column[slot])
            inverse[slot], inverse[:, slot] = 0.0, 0.0
            self._normals[cone, slot] = 0.0


def gram(normals: Array, on: Mask) -> Array:
    """``N N'`` (b, k, k), with ones on the diagonal in empty slots."""
    matrix = normals @ normals.transpose(0, 2, 1)
    slots = np.arange(normals.shape[1])
    matrix[:, slots, slots] += np.where(on, _LIFT, 1.0)
    return matrix
