"""Arrangement cones ``K = {u : (2D - I) X u >= 0}``: projections, with bounds on their norms that are valid at any time.

``||Proj_K(v)||`` is the price of a block, the left-hand side of dual feasibility. It is squeezed from both sides,

    v'u / ||u||  <=  ||Proj_K(v)||  <=  ||v + X'(2D - I) rho||        (u in K, rho >= 0),

so a search can stop as soon as the answer to "above beta?" is certain. Many cones over the same X are treated at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skconvrelu.kernels.column_products import ColumnProducts
from skconvrelu.limits import limits
from skconvrelu.rounding import FINE, TINY, gamma, row_lengths
from skconvrelu.rows import in_memory
from skconvrelu.stopping import due

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Projections:
    """Bounds and points for a batch of projections.

    Attributes
    ----------
    upper, lower : ndarray of shape (B,)
        Valid bounds on ``||Proj_K(v)||``.
    points : ndarray of shape (B, d)
        The feasible vectors that give ``lower`` (approximate projections; zero where none was found).
    """

    upper: Array
    lower: Array
    points: Array


def project(
    X: Array,
    patterns: Mask,
    V: Array,
    *,
    level: float | None = None,
    rtol: float = FINE,
    max_iter: int = 60,
    row_error: Array | None = None,
) -> Projections:
    """Project each row of ``V`` on the cone of the pattern beside it.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    patterns : bool ndarray of shape (B, n)
    V : ndarray of shape (B, d)
    level : float, default=None
        Stop on a row as soon as ``upper <= level``, or ``lower > level`` with the two within 1%.
    rtol : float, default=1e-9
        Otherwise stop when ``upper - lower`` is at most ``rtol`` times ``||v||`` or the level, whichever is less: norms near the
        level would else be told apart from it only as well as the lengths of their gradients, which may be much larger.
    max_iter : int, default=60
        Interior-point iterations; the bounds are valid whenever it stops, as it also does where work is to stop.
    row_error : ndarray of shape (n,), default=None
        What each row adds to an upper bound for a multiplier of one; None is what rounding of products adds.
    """
    if row_error is None:
        row_error = gamma(sum(X.shape) + 10) * row_lengths(X)
    sizes = np.sqrt(np.einsum("bi,bi->b", V, V))
    out = Projections(np.where(sizes > 0.0, row_lengths(V), 0.0), np.zeros(len(V)), np.zeros_like(V))
    if level is not None and len(X) > limits().screening:
        # fewer constraints, enough for most cones: a larger cone, a longer projection, and so an upper bound
        some = slice(None, None, len(X) // limits().screened)
        looser = replace(out, lower=np.zeros(len(V)), points=np.zeros_like(V))
        _squeeze(X[some], patterns[:, some], V, looser, level, 1e-2, max_iter, row_error[some])
    _squeeze(X, patterns, V, out, level, rtol, max_iter, row_error)
    return out


def _squeeze(
    X: Array,
    patterns: Mask,
    V: Array,
    out: Projections,
    level: float | None,
    rtol: float,
    max_iter: int,
    row_error: Array,
) -> None:
    """Move the bounds towards each other, in place."""
    n, d = X.shape
    rows = np.flatnonzero(X.any(axis=1))
    # about one long, exactly, so that squares of short ones are numbers
    exponents = np.frexp(row_lengths(X[rows]))[1]
    A, row_error = np.ldexp(X[rows], -exponents[:, None]), np.ldexp(row_error[rows], -exponents)
    products: ColumnProducts | None = None
    for some in in_memory(len(V), 8 * max(n, d * d)):
        part = np.arange(some.start, some.stop)
        open_ = part[out.upper[part] > (0.0 if level is None else level)]
        if len(open_) and not due():
            products = products or ColumnProducts(A)
            signs = np.where(patterns[open_][:, rows], 1.0, -1.0)
            batch = _Batch(A, products, signs, V[open_], open_, row_error)
            for _ in range(max_iter):
                if not batch.record(out, level, rtol) or due():
                    break
                batch.step()


class _Batch:
    """Primal-dual interior point on ``min ||u - v||^2 / 2, (2D - I) X u >= 0``, each cone with its own step and barrier.

    Vectors are scaled to ``||v|| = 1``; cones whose answer is known leave the batch.
    """

    _PER_CONE = ("index", "size", "v", "u", "slack", "rho", "signs", "dual", "Au")

    def __init__(
        self, A: Array, products: ColumnProducts, signs: Array, V: Array, index: NDArray[np.intp], row_error: Array
    ) -> None:
        self.A, self.products, self.signs, self.index, self.row_error = A, products, signs, index, row_error
        self.size = np.sqrt(np.einsum("bi,bi->b", V, V))
        self.v = V / self.size[:, None]
        self.u = self.v.copy()
        self.slack = np.maximum(np.abs(self.u @ A.T), 0.1 * np.sqrt(np.einsum("ni,ni->n", A, A)))
        self.rho = (0.1 / len(A)) / self.slack
        self.dual = self.Au = self.v  # set by record

    def record(self, out: Projections, level: float | None, rtol: float) -> bool:
        """Keep the best bounds seen so far and the cones that need more; False when none does."""
        self.dual = self.v + (self.signs * self.rho) @ self.A
        self.Au = self.signs * (self.u @ self.A.T)
        length = np.sqrt(np.einsum("bi,bi->b", self.dual, self.dual))
        upper = (length * (1.0 + gamma(self.A.shape[1] + 8)) + self.rho @ self.row_error) * self.size
        better = upper < out.upper[self.index]
        out.upper[self.index[better]] = upper[better]
        norm = np.sqrt(np.einsum("bi,bi->b", self.u, self.u))
        feasible = (self.Au >= 0.0).all(axis=1) & (norm > 0.0)
        cosine = np.einsum("bi,bi->b", self.u, self.v) / np.where(norm > 0.0, norm, 1.0)
        lower = np.where(feasible, cosine, 0.0) * self.size
        better = lower > out.lower[self.index]
        out.lower[self.index[better]] = lower[better]
        out.points[self.index[better]] = self.u[better] * self.size[better, None]

        up, low = out.upper[self.index], out.lower[self.index]
        # length^2 - ||Proj||^2 is at most the complementarity plus what infeasibility may add
        crossed = np.einsum("bn,bn->b", self.slack, self.rho)
        crossed += np.abs((self.Au - self.slack) * self.rho).sum(axis=1)
        share = rtol if level is None else rtol * np.minimum(1.0, level / self.size)
        done = (up - low <= share * self.size) | (crossed <= share * length)
        if level is not None:
            done |= (up <= level) | ((low > level) & (up - low <= 0.01 * low))
        if done.any():
            for name in self._PER_CONE:
                setattr(self, name, getattr(self, name)[~done])
        return len(self.index) > 0

    def step(self) -> None:
        """One predictor-corrector step of every cone in the batch."""
        d = self.A.shape[1]
        product = self.slack * self.rho
        mu: Array = product.sum(axis=1) / len(self.A)
        H = self.products(self.rho / self.slack)
        H[:, np.arange(d), np.arange(d)] += 1.0 + 1e-14 * np.einsum("bii->b", H)[:, None]
        _, ds, drho = self._direction(H, -product)
        a = self._length(ds, drho)
        predicted = np.einsum("bn,bn->b", self.slack + a * ds, self.rho + a * drho) / len(self.A)
        centring = np.clip(predicted / mu, 0.0, 1.0) ** 3 * mu
        target = centring[:, None] - product - ds * drho
        du, ds, drho = self._direction(H, target)
        a = self._length(ds, drho)
        self.u, self.slack, self.rho = self.u + a * du, self.slack + a * ds, self.rho + a * drho

    def _direction(self, H: Array, target: Array) -> tuple[Array, Array, Array]:
        infeasible = self.Au - self.slack
        rhs = self.dual - self.u + (self.signs * ((target - self.rho * infeasible) / self.slack)) @ self.A
        du: Array = np.linalg.solve(H, rhs[:, :, None])[:, :, 0]
        ds = self.signs * (du @ self.A.T) + infeasible
        return du, ds, (target - self.rho * ds) / self.slack

    def _length(self, ds: Array, drho: Array) -> Array:
        hit = np.maximum((-ds / self.slack).max(axis=1), (-drho / self.rho).max(axis=1))
        step: Array = np.minimum(1.0, 0.99 / np.maximum(hit, TINY))
        return step[:, None]
