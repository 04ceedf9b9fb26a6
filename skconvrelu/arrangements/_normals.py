"""Normals of the hyperplanes of data, with bounds of their rounding errors, by which hyperplanes are told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skconvrelu.rounding import positive

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: roundings that one entry of a unit row may carry from the start
_ROUNDINGS = 8.0
#: sweeps that bring rows and columns to one size: rounding is relative to single entries
_SWEEPS = 4
#: hyperplanes further apart than rounding, but not by this factor, can be told neither apart nor together
_UNCLEAR = 30.0
#: relative error of a normal from which a coincidence says nothing
_BLURRED = 1e-5


@dataclass(frozen=True, eq=False)
class Normals:
    """Normals (m, k) of hyperplanes in coordinates of a flat, and bounds (m,) of the absolute errors that rounding left in them.

    They start as unit vectors in coordinates that make X nearly orthonormal, where hyperplanes that a large common offset
    had squeezed together stand apart; patterns depend neither on the sizes of rows nor on such a linear map.
    """

    rows: Array
    error: Array

    @classmethod
    def of(cls, X: Array) -> tuple[Normals, Array]:
        """The rows of X, and the map (d, k) of vectors of these coordinates to gates."""
        scaled, columns = X, np.ones(X.shape[1])
        for _ in range(_SWEEPS):
            scaled = scaled / positive(np.abs(scaled).max(axis=1))[:, None]
            sizes = positive(np.abs(scaled).max(axis=0))
            scaled, columns = scaled / sizes, columns * sizes
        unit = scaled / positive(np.linalg.norm(scaled, axis=1))[:, None]
        _, s, Vt = np.linalg.svd(unit, full_matrices=False)
        floor = max(X.shape) * np.finfo(float).eps
        rank = max(int((s > floor * s.max(initial=0.0)).sum()), 1)
        scales = positive(s[:rank])
        outward = Vt[:rank].T / scales
        rows = unit @ outward
        sizes = positive(np.linalg.norm(rows, axis=1))
        error = _ROUNDINGS * np.finfo(float).eps * np.sqrt(X.shape[1]) / (scales[-1] * sizes)
        return cls(rows / sizes[:, None], error), outward / columns[:, None]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def rank(self) -> int:
        return self.rows.shape[1]

    def __getitem__(self, which: Any) -> Normals:
        return Normals(self.rows[which], self.error[which])

    def vanishing(self) -> Mask:
        """Which rows are zero.

        Raises
        ------
        ValueError
            If rounding leaves that open.
        """
        sizes = np.linalg.norm(self.rows, axis=1)
        zero = sizes <= self.error
        _settled(sizes, self.error, zero)
        return zero

    def within(self, k: int) -> tuple[Normals, Array]:
        """All rows restricted to the hyperplane of row k, and an orthonormal basis of that in these coordinates."""
        plane = plane_of(self.rows[k])
        tilt = self.error[k] / np.linalg.norm(self.rows[k])
        return Normals(self.rows @ plane, self.error + tilt * np.linalg.norm(self.rows, axis=1)), plane

    def distinct(self) -> NDArray[np.intp]:
        """Which rows are nonzero, the first of each line (x and -x cut the same hyperplane).

        Raises
        ------
        ValueError
            If rounding leaves open which rows are parallel.
        """
        cutting = np.flatnonzero(~self.vanishing())
        if self.rank == 1:
            return cutting[:1]
        sizes = np.linalg.norm(self.rows[cutting], axis=1)
        unit, blur = self.rows[cutting] / sizes[:, None], self.error[cutting] / sizes
        kept = np.zeros(0, dtype=np.intp)
        for i in range(len(cutting)):
            near = kept[np.abs(unit[kept] @ unit[i]) > 0.999]
            # a difference of unit vectors keeps the digits that a cosine loses
            apart = np.minimum(
                np.linalg.norm(unit[near] - unit[i], axis=1), np.linalg.norm(unit[near] + unit[i], axis=1)
            )
            error = blur[near] + blur[i]
            same = apart <= error
            _settled(apart, error, same)
            if not same.any():
                kept = np.append(kept, i)
        return cutting[kept]


def _settled(distance: Array, error: Array, same: Mask) -> None:
    if (~same & (distance <= _UNCLEAR * error)).any() or (same & (error > _BLURRED)).any():
        raise unclear()


def plane_of(normal: Array) -> Array:
    """Orthonormal basis (r, r - 1) of a hyperplane."""
    return np.linalg.svd(normal[None, :])[2][1:].T


def unclear() -> ValueError:
    return ValueError(
        "X has hyperplanes that rounding lets nobody tell apart or together, so that its patterns cannot be enumerated. Centre and scale "
        "the features, drop nearly equal samples, or use sample_arrangements."
    )
