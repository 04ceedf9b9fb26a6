"""The rectified ellipsoid ``{(X u)_+ : ||u|| <= 1}``: its support function is the price, its polar set dual feasibility."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skconvrelu._by_value import ByValue, hash_of_values, same_values
from skconvrelu._checks import (
    check_count,
    check_flag,
    check_matrix,
    check_method,
    check_number,
    check_rng,
    check_vector,
)
from skconvrelu.row_space import null_space
from skconvrelu.search.branch_and_bound import exact_price
from skconvrelu.search.convex_concave import SETTLE, climb, price
from skconvrelu.theory._nonnegative import nonnegative_least_squares, project_on_cone

Array = NDArray[np.float64]

#: roundings that a coordinate of a point may carry
_ROUNDINGS = 8.0
#: starts of a search for the support function, for each dimension
_STARTS = 40


class Support(NamedTuple):
    """Support function of the rectified ellipsoid in one direction.

    Attributes
    ----------
    value : float
        ``lambda' (X u)_+`` at ``unit``.
    upper : float or None
        Proven upper bound of the maximum; None after a search.
    unit : ndarray of shape (d,)
        Of norm one, or zero where the maximum is zero.
    """

    value: float
    upper: float | None
    unit: Array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple) and same_values(tuple(self), tuple(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash_of_values(self)


def support_function(
    X: Any, dual_coef: Any, *, method: str = "exact", max_time: float | None = None, random_state: Any = None
) -> Support:
    """``max_{||u|| <= 1} lambda' (X u)_+``, the price of the best hidden unit of positive output weight.

    Parameters
    ----------
    X : array-like of shape (n_samples, d)
        With its constant column, where there are hidden biases.
    dual_coef : array-like of shape (n_samples,)
        ``lambda``; with ``-lambda`` for units of negative output weight.
    method : {"exact", "search"}, default="exact"
        "exact" is branch and bound, exponential in the rank of X and able to stop with a valid bound; "search" climbs from many starts.
    max_time : float, default=None
        Seconds for "exact".
    random_state : int, RandomState instance or None, default=None
        Draws the starts of "search".

    Returns
    -------
    support : Support

    Raises
    ------
    ValueError
        If the shapes do not match, the method is unknown, or the time limit is no time.

    Examples
    --------
    >>> from skconvrelu.theory import support_function
    >>> round(support_function([[3.0, 4.0]], [1.0]).value, 12)
    5.0
    """
    check_method(method, max_time)
    rng = check_rng(random_state)
    X = check_matrix(X)
    dual = check_vector(dual_coef, "dual_coef")
    if dual.shape != (len(X),) or not np.isfinite(dual).all():
        raise ValueError(
            f"dual_coef must be finite with one value for each of the {len(X)} samples, got shape {dual.shape}."
        )
    if method == "exact":
        found = exact_price(X, dual, max_time=max_time)
        return Support(max(found.lower, 0.0), max(found.upper, 0.0), found.unit)
    starts = np.vstack([rng.standard_normal((_STARTS * X.shape[1], X.shape[1])), dual @ X, (np.maximum(dual, 0.0)) @ X])
    best = climb(X, dual, climb(X, dual, starts), schedule=SETTLE)
    values = price(X, dual, best)
    k = int(values.argmax())
    return Support(float(values[k]), None, best[k]) if values[k] > 0.0 else Support(0.0, None, np.zeros(X.shape[1]))


def rectified_ellipsoid(X: Any) -> RectifiedEllipsoid:
    """The set ``Q = {(X u)_+ : ||u|| <= 1}`` of all activations of a hidden unit of norm at most one.

    Parameters
    ----------
    X : array-like of shape (n_samples, d)

    Returns
    -------
    ellipsoid : RectifiedEllipsoid

    Raises
    ------
    ValueError
        If X is not a finite matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu.theory import rectified_ellipsoid
    >>> Q = rectified_ellipsoid(np.eye(2))
    >>> Q.contains([0.6, 0.8]), Q.contains([0.8, 0.8]), Q.in_polar_set([1.0, 0.0])
    (True, False, True)
    """
    return RectifiedEllipsoid(X)


@dataclass(frozen=True, eq=False)
class RectifiedEllipsoid(ByValue):
    """``Q = {(X u)_+ : ||u|| <= 1}``, see :func:`rectified_ellipsoid`.

    Attributes
    ----------
    X : ndarray of shape (n_samples, d)
    """

    X: Array = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "X", check_matrix(self.X))

    def points(self, n_points: int = 1000, *, boundary: bool = True, random_state: Any = None) -> Array:
        """Points (n_points, n_samples) of the set: images of uniform vectors of norm one, or of the whole ball."""
        check_count(n_points, "n_points", 0)
        check_flag(boundary, "boundary")
        rng = check_rng(random_state)
        d = self.X.shape[1]
        U = rng.standard_normal((n_points, d))
        U /= np.linalg.norm(U, axis=1)[:, None]
        if not boundary:
            U *= rng.uniform(size=(n_points, 1)) ** (1.0 / d)
        return np.maximum(U @ self.X.T, 0.0)

    def support(self, direction: Any, *, method: str = "exact", max_time: float | None = None) -> Support:
        """Support function, see :func:`support_function`; also that of the convex hull."""
        direction = self._checked(direction, "direction")
        return support_function(self.X, direction, method=method, max_time=max_time, random_state=0)

    def spikes(self) -> Array:
        """Extreme points on the coordinate axes, (n_samples, n_samples): row i is the largest multiple of e_i in the set.

        It is ``||p_i|| e_i`` with ``p_i`` the projection of ``x_i`` on ``{u : x_j' u <= 0 for all j != i}`` (the extreme points of Ergen &
        Pilanci 2021); zero where no vector activates sample i alone.
        """
        others = [-np.delete(self.X, i, axis=0) for i in range(len(self.X))]
        sizes = np.array([np.linalg.norm(project_on_cone(C, x)) for C, x in zip(others, self.X, strict=True)])
        sizes[sizes <= 1e-10 * np.linalg.norm(self.X, axis=1)] = 0.0
        return np.diag(sizes)

    def preimage(self, z: Any) -> Array | None:
        """The shortest ``u`` with ``(X u)_+ = z``, or None where there is none."""
        z = self._checked(z, "z")
        if (z < 0.0).any():
            return None
        on = z > 0.0
        fixed, rest = self.X[on], self.X[~on]
        start = np.linalg.lstsq(fixed, z[on], rcond=None)[0] if on.any() else np.zeros(self.X.shape[1])
        size = np.linalg.norm(z)
        if on.any() and np.linalg.norm(fixed @ start - z[on]) > 1e-9 * size:
            return None
        free = null_space(fixed, 1e-12)  # what may be added without changing the active samples
        if not len(rest):
            return start
        # shortest start + free w with rest (start + free w) <= 0: the dual is a nonnegative least-squares problem (Lawson & Hanson)
        G, h = -(rest @ free), rest @ start
        shift = _least_distance(G, h)
        return None if shift is None else start + free @ shift

    def contains(self, z: Any, *, tol: float = 1e-9) -> bool:
        """Whether ``z`` lies in the set, to a relative tolerance in the length of its preimage.

        To it comes what the rounding of ``z`` does to the preimage, which is much where samples are nearly parallel.
        """
        tol = check_number(tol, "tol")
        u = self.preimage(z)
        if u is None:
            return False
        singular = np.linalg.svd(self.X[np.asarray(z) > 0.0], compute_uv=False)
        singular = singular[singular > singular.max(initial=0.0) * max(self.X.shape) * np.finfo(float).eps]
        rounding = _ROUNDINGS * np.finfo(float).eps * (singular[0] / singular[-1] if len(singular) else 0.0)
        return bool(np.linalg.norm(u) <= 1.0 + tol + rounding)

    def in_polar_set(self, dual_coef: Any, *, method: str = "exact", tol: float = 1e-7) -> bool:
        """Whether ``max_{||u|| <= 1} |lambda' (X u)_+| <= 1``: dual feasibility of the max-margin problem.

        With ``method="exact"`` True is proven, whatever branch and bound needs for it.
        """
        dual, tol = self._checked(dual_coef, "dual_coef"), check_number(tol, "tol")
        for signed in (dual, -dual):
            found = self.support(signed, method=method)
            if (found.value if found.upper is None else found.upper) > 1.0 + tol:
                return False
        return True

    def gauge(self, dual_coef: Any, *, method: str = "exact") -> float:
        """``max_{||u|| <= 1} |lambda' (X u)_+|``: a dual point divided by it lies on the boundary of the polar set."""
        dual = self._checked(dual_coef, "dual_coef")
        return max(self.support(signed, method=method).value for signed in (dual, -dual))

    def _checked(self, z: Any, name: str) -> Array:
        z = check_vector(z, name)
        if z.shape != (len(self.X),):
            raise ValueError(
                f"{name}: a point of this space has {len(self.X)} coordinates, one a sample; got shape {z.shape}."
            )
        if not np.isfinite(z).all():
            raise ValueError(f"{name}: a point of this space has finite coordinates; got NaN or infinite ones.")
        return z


def _least_distance(G: Array, h: Array) -> Array | None:
    """Shortest ``w`` with ``G w >= h``; None where there is none (least distance programming by nonnegative least squares)."""
    if (h <= 0.0).all():
        return np.zeros(G.shape[1])
    # w is measured in units in which both have size one
    steepness = np.abs(G).max(initial=0.0)
    if steepness == 0.0:
        return None
    scale = np.abs(h).max() / steepness
    E = np.vstack([G.T / steepness, h[None] / np.abs(h).max()])
    f = np.r_[np.zeros(G.shape[1]), 1.0]
    residual = E @ nonnegative_least_squares(E, f) - f
    if np.linalg.norm(residual) <= 1e-9:
        return None
    return -scale * residual[:-1] / residual[-1]
