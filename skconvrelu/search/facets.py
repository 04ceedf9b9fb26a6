"""Pricing few samples exactly: from pattern to pattern across the facets of their cones, each priced by its projection.

The best unit of a pattern D is the projection of ``X' D lambda`` on its cone. It lies on some facets of the cone, which are facets of
neighbouring cones, too: the best units of these price at least as high, and where none prices higher the unit is a local maximiser.
Every step is exact, so that features far from zero beside their spread, on which the procedure of :mod:`skconvrelu.search.convex_concave`
loses digits, change nothing; but the steps are small ones, and with many samples it ends in poor maximisers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skconvrelu.cones.cone_faces import ConeFaces
from skconvrelu.stopping import check

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: starts that go on walking, those with the largest prices; steps of a walk, and share of the price that a step must gain
_WALKERS, _STEPS, _GAIN = 24, 10, 1e-6


def walk(X: Array, signed: Array, patterns: Mask) -> Array:
    """The units in which walks end that begin at the patterns.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    signed : ndarray of shape (n,)
        Dual point of one output, times the sign of the units.
    patterns : bool ndarray of shape (m, n)

    Returns
    -------
    U : ndarray of shape (m, d)
        Not normalised: the length of each is its price. Zero where a start and all that it leads to is worth nothing.
    """
    patterns = np.unique(patterns, axis=0)
    U, active = _best_units(X, signed, patterns)
    prices = np.linalg.norm(U, axis=1)
    moving = np.argsort(-prices, kind="stable")[:_WALKERS]
    met = {pattern.tobytes() for pattern in patterns}
    for _ in range(_STEPS):
        check()
        walkers, facets = np.nonzero(active[moving])
        owners, beyond = moving[walkers], patterns[moving[walkers]]
        beyond[np.arange(len(facets)), facets] ^= True
        fresh = np.array([i for i, pattern in enumerate(beyond) if _added(met, pattern.tobytes())], dtype=np.intp)
        if not len(fresh):
            break
        owners, beyond = owners[fresh], beyond[fresh]
        found, theirs = _best_units(X, signed, beyond)
        values = np.linalg.norm(found, axis=1)
        # the neighbour of the largest price of each comes first
        order = np.lexsort((-values, owners))
        moving, first = np.unique(owners[order], return_index=True)
        best = order[first]
        up = values[best] > prices[moving] * (1.0 + _GAIN)
        moving, best = moving[up], best[up]
        patterns[moving], U[moving], prices[moving], active[moving] = (
            beyond[best],
            found[best],
            values[best],
            theirs[best],
        )
    return U


def _added(met: set[bytes], key: bytes) -> bool:
    """Whether the key is new; afterwards it is not."""
    before = len(met)
    met.add(key)
    return len(met) > before


def _best_units(X: Array, signed: Array, patterns: Mask) -> tuple[Array, Mask]:
    """The projection that prices each pattern, and the samples on whose hyperplanes it lies."""
    every = np.arange(len(patterns))
    faces = ConeFaces(X, patterns.astype(np.float64))
    U = faces.project((patterns * signed) @ X, every)
    return U, faces.multipliers(every, len(X)) > 0.0
