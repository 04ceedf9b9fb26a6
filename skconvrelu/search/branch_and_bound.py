"""Exact pricing: the maximum of ``h(u) = lambda' (X u)_+`` on the unit ball, with a proof that can be stopped at any time.

With ``(z)_+ = (z + |z|) / 2`` and one weight for every hyperplane (equal, parallel and opposite rows meet in it),

    h(u) = c'u + sum_k w_k |x_k'u|,        ||x_k|| = 1,

where only the terms with w_k > 0 are not concave. The sphere is covered by simplicial cones {V't : t >= 0} that are split, always
the one with the largest bound first. In a cone with generators v_i a convex term is at most its interpolation, ``|x'u| <= sum t_i
|x'v_i|``, exact once the hyperplane does not cut the cone; a concave term is at most ``w s x'u`` for any |s| <= 1. What remains
is a small quadratic program a cone,

    min ||y||    s.t.   v_i'y >= a_i - sum_j s_j z_ij  for every generator,  |s_j| <= |w_j|,

whose dual iterate u = V't is a candidate. Any y and s give a bound that needs no trust in a solver: if the constraints are missed by at
most e, then h(u) <= y'u + e sum t_i <= ||y|| + e max(sum t_i). Cones are cut where
a hyperplane crosses one of their edges: a cone that no hyperplane of a convex term cuts has nothing left to interpolate.

In high dimension cones are too wide for this; there the Cauchy-Schwarz bound of the whole sphere, ``|z| <= (tau + z^2 / tau) / 2``
with the best tau, is the better one (a Lagrangian bound of the semidefinite relaxation).
"""

from __future__ import annotations

import heapq
import itertools
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skconvrelu.rounding import TINY, gamma, row_lengths
from skconvrelu.row_space import neglected, row_space_basis
from skconvrelu.search.cone_relaxation import AbsoluteForm, cone_bounds
from skconvrelu.search.convex_concave import climb, price

Array = NDArray[np.float64]

#: cones bounded at once; floats in one temporary of a batch; floats that the waiting cones may hold (512 MiB)
BATCH, CHUNK, MEMORY = 256, 2_000_000, 64_000_000
#: coordinates whose signs the first cones fix (2^k of them), and the rank from which the Cauchy-Schwarz bound is worth its time
ORTHANTS, WIDE = 8, 6
#: the default starts of the search for an incumbent
N_STARTS = 32


@dataclass(frozen=True, eq=False)
class ExactPrice:
    """What is proven about ``max lambda' (X u)_+`` on the unit ball.

    Attributes
    ----------
    upper : float
        Proven upper bound of the maximum, whenever the search stopped.
    lower : float
        Price attained by ``unit``.
    unit : ndarray of shape (d,)
        Of norm one, or zero when no unit with a positive price is known.
    proven : bool
        The two bounds meet to the tolerance asked for, or ``upper <= level``.
    n_nodes : int
        Cones that were bounded.
    """

    upper: float
    lower: float
    unit: Array
    proven: bool
    n_nodes: int


def exact_price(
    X: Array,
    dual: Array,
    *,
    level: float | None = None,
    rtol: float = 1e-7,
    max_time: float | None = None,
    max_nodes: int | None = None,
    starts: Array | None = None,
) -> ExactPrice:
    """Maximise ``dual' (X u)_+`` over the unit ball by branch and bound.

    The problem is NP-hard in the rank of X. About a second proves rank 4 with a thousand samples, rank 5 with 300, rank 6 with 100
    and rank 8 with 40; from rank 10 expect a valid but loose upper bound.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    dual : ndarray of shape (n,)
        One sign: call it with ``-dual`` for units of negative direction.
    level : float, default=None
        Only ask whether anything prices above this: stop with ``upper <= level`` (nothing does) or ``lower > level`` (``unit``
        does). Units that are known price at their own level exactly, so set it a tolerance above them.
    rtol : float, default=1e-7
        Stop when ``upper - lower <= rtol * max(lower, sum_k |dual_k| ||x_k|| / 100)``, but for what rounding adds to ``upper``.
    max_time : float, default=None
        Seconds, looked at between batches of cones.
    max_nodes : int, default=None
        Largest number of cones to bound.
    starts : ndarray of shape (m, d), default=None
        Units to begin with; they are improved by :func:`~skconvrelu.search.convex_concave.climb`.

    Returns
    -------
    result : ExactPrice

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu.search.branch_and_bound import exact_price
    >>> X = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    >>> found = exact_price(X, np.array([1.0, 1.0, -1.0]))
    >>> found.proven, round(found.upper, 6), found.unit.round(6)
    (True, 1.414214, array([0.707107, 0.707107]))
    """
    X, dual = _checked(X, dual, starts)
    deadline = np.inf if max_time is None else time.monotonic() + max_time
    basis = row_space_basis(X)
    points = X @ basis
    dropped = float(np.abs(dual) @ neglected(X, basis))
    unit, lower = _incumbent(points, dual, None if starts is None else np.asarray(starts, float) @ basis, deadline)
    form = AbsoluteForm(points, dual)
    search = _Search(form, unit, lower, rtol * 0.01 * float(np.abs(dual) @ np.linalg.norm(points, axis=1)), rtol, level)
    search.run(np.inf if max_nodes is None else max_nodes, deadline)
    unit = basis @ search.unit
    size = float(np.linalg.norm(unit))
    unit = unit / size if size > 0.0 else unit
    lower = float(price(X, dual, unit[None])[0])
    # bounds of cones are sums over hyperplanes, missed constraints among them count as often as generators reach
    rounding = (1.0 + search.reach) * gamma(4 * sum(X.shape) + 60) * float(np.abs(dual) @ row_lengths(X))
    upper = max(search.upper, lower) + form.neglected + dropped + rounding
    # without a positive term it is zero to the last bit
    upper = min(upper, float(np.maximum(dual, 0.0) @ row_lengths(X)) * (1.0 + gamma(len(X))))
    return ExactPrice(upper, lower, unit, search.upper <= search.enough, search.n_nodes)


def _checked(X: Array, dual: Array, starts: Array | None) -> tuple[Array, Array]:
    X, dual = np.asarray(X, dtype=np.float64), np.asarray(dual, dtype=np.float64)
    if X.ndim != 2 or not X.size or not np.isfinite(X).all():
        raise ValueError(f"X must be finite, of shape (n, d), got shape {X.shape}; drop or impute what is missing.")
    if dual.shape != (len(X),) or not np.isfinite(dual).all():
        raise ValueError(
            f"dual must be finite, of shape ({len(X)},), got shape {dual.shape}; price one output and sign at a time."
        )
    if starts is not None and (np.ndim(starts) != 2 or np.shape(starts)[1] != X.shape[1]):
        raise ValueError(f"starts must have shape (m, {X.shape[1]}), got {np.shape(starts)}; give one unit a row.")
    return X, dual


def _incumbent(X: Array, dual: Array, starts: Array | None, deadline: float) -> tuple[Array, float]:
    """A good unit to begin with, zero if none has a positive price."""
    own = np.vstack([X, -X, dual @ X])
    longest = np.argsort(-price(X, dual, own), kind="stable")[:N_STARTS]
    U = own[longest] if starts is None else np.vstack([starts, own[longest]])
    if time.monotonic() < deadline:
        U = climb(X, dual, U)
    prices = price(X, dual, U)
    best = int(prices.argmax())
    if not prices[best] > 0.0:
        return np.zeros(X.shape[1]), 0.0
    return U[best] / np.linalg.norm(U[best]), float(prices[best])


class _Search:
    """Best-first search over cones; ``upper`` is valid after every batch."""

    def __init__(
        self, form: AbsoluteForm, unit: Array, lower: float, atol: float, rtol: float, level: float | None
    ) -> None:
        self.form, self.unit, self.lower = form, unit, lower
        self.atol, self.rtol, self.level = atol, rtol, level
        self.n_nodes = 0
        self.cones = _first_cones(unit)
        # sum of the coefficients of a unit vector in the generators; splitting cannot raise it
        ones = np.ones((len(self.cones), len(unit), 1))
        self.reach = float(np.linalg.norm(np.linalg.solve(self.cones, ones), axis=1).max())
        self.upper = form.trivial_bound
        self.settled = 0.0  # largest bound of the cones that are not split any more

    @property
    def enough(self) -> float:
        """Upper bounds up to here end the search."""
        met = self.lower + max(self.atol, self.rtol * self.lower)
        return met if self.level is None else max(met, self.level)

    def run(self, max_nodes: float, deadline: float) -> None:
        form, r = self.form, len(self.unit)
        if r >= WIDE and self.upper > self.enough:
            self.upper = min(self.upper, _cauchy_schwarz_bound(form, self.unit, deadline))
        serial = itertools.count()  # ties are broken by age
        waiting = [(-self.upper, next(serial), V) for V in self.cones]
        batch = max(1, min(BATCH, CHUNK // max(1, r * len(form.weights))))
        while waiting and -waiting[0][0] > self.enough and (self.level is None or self.lower <= self.level):
            size = int(min(batch, len(waiting), max_nodes - self.n_nodes))
            if size < 1 or time.monotonic() >= deadline or len(waiting) * r * r > MEMORY:
                break
            popped = [heapq.heappop(waiting) for _ in range(size)]
            V, inherited = np.array([node[2] for node in popped]), np.array([-node[0] for node in popped])
            for bound, child in self._branch(V, inherited):
                heapq.heappush(waiting, (-bound, next(serial), child))
            self.n_nodes += size
            self.upper = min(self.upper, max(self.lower, self.settled, -waiting[0][0] if waiting else 0.0))

    def _branch(self, V: Array, inherited: Array) -> list[tuple[float, Array]]:
        """Bound the cones V and split those that may hold something better than what is known."""
        form = self.form
        Z = V @ form.normals.T
        bound, t = cone_bounds(form, V, Z, self.reach, self.enough)
        bound = np.minimum(bound, inherited)
        U = np.einsum("bi,bij->bj", t, V)
        norms = np.linalg.norm(U, axis=1)
        U, t = U / np.maximum(norms, TINY)[:, None], t / np.maximum(norms, TINY)[:, None]
        prices = form(U)
        if prices.max() > self.lower:
            self.lower, self.unit = float(prices.max()), U[prices.argmax()]
        open_ = np.flatnonzero(bound > self.enough)
        i, j, x, can = _cuts(form, V[open_], Z[open_], t[open_])
        done = np.ones(len(V), dtype=bool)
        done[open_[can]] = False
        self.settled = max(self.settled, float(bound[done].max(initial=0.0)))
        children = []
        for node, first, second, ray in zip(open_[can], i[can], j[can], x[can], strict=True):
            for side in (first, second):
                child = V[node].copy()
                child[side] = ray
                children.append((float(bound[node]), child))
        return children


def _first_cones(toward: Array) -> Array:
    """Simplicial cones (count, r, r) that cover the space, generators as rows, ``toward`` among them.

    Orthants, which leave little to interpolate; in high rank only in the leading coordinates, times the r - k + 1 cones over the
    facets of a regular simplex in the others.
    """
    r = len(toward)
    k = min(r, ORTHANTS)
    corners = np.eye(r - k + 1)[:, 1:] if r > k else np.zeros((1, 0))
    if r > k:
        centred = np.eye(r - k + 1) - 1.0 / (r - k + 1)
        corners = centred @ np.linalg.svd(np.ones((1, r - k + 1)))[2][1:].T
        corners /= np.linalg.norm(corners, axis=1)[:, None]
    cones = np.zeros((2**k * len(corners), r, r))
    sides = itertools.product(itertools.product((1.0, -1.0), repeat=k), range(len(corners)))
    for cone, (signs, without) in zip(cones, sides, strict=True):
        cone[:k, :k] = np.diag(signs)
        cone[k:, k:] = np.delete(corners, without, axis=0)
    # reflect the first axis on the incumbent: a relaxation is exact at its generators
    mirror = np.eye(r)[0] - toward
    if toward.any() and mirror @ mirror > 1e-20:
        cones -= 2.0 / (mirror @ mirror) * (cones @ mirror)[..., None] * mirror
    return cones


def _cuts(form: AbsoluteForm, V: Array, Z: Array, t: Array) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """Edges (i, j) to cut at the ray x: where the term with the largest interpolation error at V't changes sign.

    Without such a term (what is left is the accuracy of the quadratic program) the longest edge is halved; cones that are too
    narrow even for that, or rays, are reported as such.
    """
    rows, r = np.arange(len(V)), V.shape[1]
    parts = t[:, :, None] * Z
    term = (form.convex * (np.abs(parts).sum(axis=1) - np.abs(parts.sum(axis=1)))).argmax(axis=1)
    i, j = parts[rows, :, term].argmax(axis=1), parts[rows, :, term].argmin(axis=1)
    before, after = Z[rows, i, term], -Z[rows, j, term]
    crossed = (np.minimum(before, after) > 1e-12) & (i != j)
    cosines = V @ V.transpose(0, 2, 1)
    longest = cosines.reshape(len(V), r * r).argmin(axis=1)
    i, j = np.where(crossed, i, longest // r), np.where(crossed, j, longest % r)
    before, after = np.where(crossed, before, 1.0), np.where(crossed, after, 1.0)
    x = after[:, None] * V[rows, i] + before[:, None] * V[rows, j]
    x /= np.linalg.norm(x, axis=1)[:, None]
    return i, j, x, (i != j) & (cosines[rows, i, j] < 1.0 - 1e-13)


def _cauchy_schwarz_bound(form: AbsoluteForm, unit: Array, deadline: float) -> float:
    """Bound of h on the whole unit ball, ``min_mu sum w tau / 2 + mu / 2 + y'(mu I - M)^{-1} y / 2``, for the best tau found.

    y = c - sum s_j w_j x_j picks a slope for the concave terms and M = sum w_k x_k x_k' / tau_k bounds the convex ones. Both
    are read off a moment matrix U of the maximisers so far, tau_k^2 = x_k'U x_k: a conditional-gradient method on the
    semidefinite relaxation. Every step gives a valid bound.
    """
    r = len(unit)
    best, mean, moment = np.inf, 0.5 * unit, 0.5 * np.outer(unit, unit) + 0.5 * np.eye(r) / r
    for k in range(300):
        tau = np.sqrt(np.maximum(np.einsum("ki,ij,kj->k", form.normals, moment, form.normals), 1e-12))
        slope = form.normals @ mean
        y = form.linear - (form.concave * slope / np.sqrt(slope**2 + 0.03 / r)) @ form.normals
        values, vectors = np.linalg.eigh((form.normals.T * (form.convex / tau)) @ form.normals)
        coordinates = vectors.T @ y
        mu = _trust_multiplier(values, coordinates)
        v = coordinates / (mu - values)
        # eigenvalues are those of a matrix beside M, so much larger at most
        beside = gamma(len(tau) + 10 * r + 40) * float(form.convex @ (1.0 / tau))
        best = min(best, 0.5 * float(form.convex @ tau + mu + beside + coordinates @ v))
        if time.monotonic() >= deadline:
            break
        rest = max(0.0, 1.0 - float(v @ v))
        newest = np.outer(v, v)
        newest[-1, -1] += rest
        weight = 2.0 / (k + 4.0)
        mean = (1.0 - weight) * mean + weight * (vectors @ v)
        moment = (1.0 - weight) * moment + weight * (vectors @ newest @ vectors.T)
    return best


def _trust_multiplier(values: Array, y: Array) -> float:
    """Multiplier mu > max(values) with ``||(mu - values)^{-1} y|| = 1``, or just above the largest value if that is less."""
    low = values[-1] + max(abs(y[-1]), 1e-9 * (abs(values[-1]) + float(np.linalg.norm(y)) + TINY))
    high = values[-1] + float(np.linalg.norm(y))
    for _ in range(50):
        mu = 0.5 * (low + high)
        low, high = (mu, high) if float((np.square(y / (mu - values))).sum()) > 1.0 else (low, mu)
    return max(low, high)
