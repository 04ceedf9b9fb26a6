"""A second opinion on a certificate, which shares no code with what made it: everything again from X, y, network and dual point.

Arithmetic is numpy's longdouble, which has 64 bits of mantissa on x86 and more elsewhere, but is a double on some machines;
``Verification.digits`` says how many there were. Losses and conjugates are written a second time from their definitions. Prices are bounded
by multipliers of the cones' constraints (any nonnegative ones are valid), which SciPy's nonnegative least squares finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import lsq_linear, nnls
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

Long = NDArray[np.longdouble]
Mask = NDArray[np.bool_]

# each time the sum of a dual point misses zero by less; the second leaves the rounding of extended precision
BALANCING = 2


@dataclass(frozen=True)
class Verification:
    """What came out when a certificate was computed again.

    Attributes
    ----------
    objective : float
        Training objective of the network in ``coefs_`` and ``intercepts_``.
    lower_bound : float
        What the dual point proves over the patterns, once its sum vanishes and it is scaled until no price is above beta.
    largest_price : float
        Bound of the prices at the dual point before it is scaled, in units of beta.
    cone_violation : float
        Largest violation of a constraint of the convex weights, over the lengths of the sample and of the longest vector.
    double_error : float
        How much rounding may change the objective when the network is evaluated in double precision: much, where units nearly cancel.
    digits : int
        Decimal digits of the arithmetic.
    """

    objective: float
    lower_bound: float
    largest_price: float
    cone_violation: float
    double_error: float
    digits: int


def verify(model: Any, X: Any, y: Any, *, sample_weight: Any = None, patterns: Any = None) -> Verification:
    """Compute objective and lower bound of a fitted estimator again, in extended precision.

    Parameters
    ----------
    model : ConvexReLURegressor or ConvexReLUClassifier
        Fitted. Of its attributes ``coefs_``, ``intercepts_``, ``convex_coef_``, ``convex_directions_``, ``convex_arrangements_``,
        ``arrangements_``, ``dual_coef_`` and ``beta_`` are used, and of ``certificate_`` nothing.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The training data of the fit.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    sample_weight : array-like of shape (n_samples,), default=None
        Class weights multiplied in, if there were any.
    patterns : bool array-like of shape (n_samples, P), default=None
        Arrangement patterns over which the bound is to hold, such as all of them from
        :func:`~skconvrelu.arrangements.enumerate_arrangements`. None: those of ``arrangements_``.

    Returns
    -------
    verification : Verification

    Raises
    ------
    ValueError
        If data, weights or patterns do not fit the model, or its loss has no dual point here ("hard_margin", shared units).

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu import ConvexReLURegressor
    >>> from skconvrelu.certificate import verify
    >>> X = np.linspace(-1, 1, 21)[:, None]
    >>> model = ConvexReLURegressor(beta=1e-3, arrangements="exact").fit(X, np.abs(X[:, 0]))
    >>> found = verify(model, X, np.abs(X[:, 0]))
    >>> bool(np.isclose(found.objective, model.objective_, rtol=1e-12))
    True
    >>> bool(found.lower_bound >= (1 - 1e-9) * model.certificate_.lower_bound_proven)
    True
    """
    check_is_fitted(model, "certificate_")
    X = check_array(X, accept_sparse=("csr", "csc"), dtype=[np.float64, np.float32])
    dense = np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.longdouble)
    if dense.shape[1] != model.n_features_in_:
        raise ValueError(f"X has {dense.shape[1]} features, the model {model.n_features_in_}.")
    biased = np.hstack([dense, np.ones((len(dense), 1), dtype=np.longdouble)]) if model.fit_intercept else dense
    Y = _targets(model, y)
    dual = np.asarray(model.dual_coef_, dtype=np.longdouble).reshape(len(model.dual_coef_), -1)
    if len(Y) != len(dense) or dual.shape != Y.shape:
        raise ValueError(f"y has {len(Y)} samples for {len(dense)} of X and {len(dual)} of the fit.")
    weights = np.ones(len(Y)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (len(Y),):
        raise ValueError(f"sample_weight must have shape ({len(Y)},), got {weights.shape}.")
    shares = weights.astype(np.longdouble) / weights.max()
    shares = shares / shares.sum()

    gates = np.asarray(model.arrangements_, dtype=np.longdouble)
    masks = (biased @ gates >= 0.0) if patterns is None else np.asarray(patterns, dtype=bool)
    if masks.shape[0] != len(Y):
        raise ValueError(f"patterns must have {len(Y)} rows, got shape {masks.shape}.")
    used = shares > 0.0
    loss = _Loss(model, Y[used], shares[used])
    rows, dual, masks = biased[used], dual[used], masks[used]
    beta = np.longdouble(model.beta_)
    slopes = loss.feasible(-dual / loss.shares[:, None], np.sqrt(np.square(rows).sum(axis=1)))
    price = _largest_price(
        rows, -loss.shares[:, None] * slopes, masks, float(beta), constrained=model.activation == "relu"
    )
    F = _outputs(model, dense)[used]
    return Verification(
        objective=float(loss.value(F) + _penalty(model, beta)),
        lower_bound=float(loss.bound(slopes * min(np.longdouble(1.0), beta / price if price > 0.0 else 1.0))),
        largest_price=float(price / beta),
        cone_violation=_cone_violation(model, rows),
        double_error=float(loss.change(F, _double_error(model, rows, F))),
        digits=int(np.finfo(np.longdouble).precision),
    )


def _outputs(model: Any, X: Long) -> Long:
    (W1, W2), (b1, b2) = model.coefs_, model.intercepts_
    hidden = X @ W1.astype(np.longdouble) + b1
    if model.activation == "relu":
        active = np.maximum(hidden, 0.0)
    else:
        gates = model.arrangements_[:, model.convex_arrangements_].astype(np.longdouble)
        values = X @ gates[: X.shape[1]] + (gates[-1] if model.fit_intercept else 0.0)
        active = hidden * (values >= 0.0)
    return np.asarray(active @ W2.astype(np.longdouble) + b2)


def _penalty(model: Any, beta: np.longdouble) -> np.longdouble:
    W1 = np.vstack([model.coefs_[0], model.intercepts_[0]]).astype(np.longdouble)
    squares = np.square(W1).sum() + np.square(model.coefs_[1].astype(np.longdouble)).sum()
    return np.longdouble(0.5 * beta * squares)


def _double_error(model: Any, X: Long, F: Long) -> Long:
    """Bound (n,) of the rounding errors of the outputs in double precision."""
    reach = np.sqrt(np.square(model.convex_coef_.astype(np.longdouble)).sum(axis=1)).sum() * np.sqrt(
        np.square(X).sum(axis=1)
    )
    operations = 2.0 * sum(model.convex_coef_.shape) + 20.0
    return np.asarray(operations * np.finfo(np.float64).eps * (reach + np.abs(F).max(axis=1)))


def _cone_violation(model: Any, biased: Long) -> float:
    if model.activation != "relu" or not len(model.convex_coef_):
        return 0.0
    coef = model.convex_coef_.astype(np.longdouble)
    gates = model.arrangements_[:, model.convex_arrangements_].astype(np.longdouble)
    signs = np.where(biased @ gates >= 0.0, 1.0, -1.0)
    values = signs * (biased @ coef.T)
    sizes = np.sqrt(np.square(biased).sum(axis=1))[:, None] * np.sqrt(np.square(coef).sum(axis=1)).max()
    return float(np.max(-values / np.where(sizes > 0.0, sizes, 1.0), initial=0.0))


def _largest_price(X: Long, dual: Long, masks: Mask, beta: float, *, constrained: bool) -> np.longdouble:
    """Bound of ``||Proj_K(X' D lambda_k v)||`` over patterns, outputs and signs."""
    largest = np.longdouble(0.0)
    for column in dual.T:
        gradients = (masks * column[:, None]).T @ X
        for v, mask in zip(gradients, masks.T, strict=True):
            for side in (1.0, -1.0) if constrained else (1.0,):
                bound = np.sqrt(np.square(v).sum())
                if constrained and bound > max(np.longdouble(beta), largest):
                    bound = min(bound, _projected(X, mask, side * v))
                largest = max(largest, bound)
    return largest


def _projected(X: Long, mask: Mask, v: Long) -> np.longdouble:
    """``min_{rho >= 0} ||v + X'(2D - I) rho||`` to double precision, evaluated in extended precision."""
    signed = np.where(mask, 1.0, -1.0)[:, None] * X
    # rows and the vector of length one: multipliers of rows of any size are then about one
    sizes, length = np.sqrt(np.square(signed).sum(axis=1)), np.sqrt(np.square(v).sum())
    kept = sizes > 0.0
    unit = signed[kept] / sizes[kept, None]
    A, b = unit.T.astype(np.float64), (-v / length).astype(np.float64)
    # two active-set methods, each of which may end early where rows are nearly parallel
    starts = [nnls(A, b, maxiter=30 * A.shape[1] + 300)[0], lsq_linear(A, b, (0.0, np.inf), method="bvls", tol=1e-15).x]
    return min(_sharpened(unit, v / length, np.asarray(rho, dtype=np.longdouble)) for rho in starts) * length


def _sharpened(unit: Long, v: Long, rho: Long) -> np.longdouble:
    """``||v + unit' rho||`` after steps that win back, by residuals in extended precision, the digits that a double loses."""
    best, used = np.sqrt(np.square(v + rho @ unit).sum()), np.flatnonzero(rho > 0.0)
    for _ in range(4):
        residual = v + rho @ unit
        step = np.linalg.lstsq(unit[used].T.astype(np.float64), -residual.astype(np.float64), rcond=None)[0]
        rho[used] = np.maximum(rho[used] + step, 0.0)
        best = min(best, np.sqrt(np.square(v + rho @ unit).sum()))
    return np.longdouble(best)


class _Loss:
    """Losses and their conjugates from the definitions in the estimators' documentation."""

    def __init__(self, model: Any, Y: Long, shares: Long) -> None:
        self.name, self.Y, self.shares, self.free = model.loss, Y, shares, bool(model.fit_intercept)
        self.several = Y.shape[1] > 1
        self.labels = hasattr(model, "classes_")
        self.epsilon = np.longdouble(getattr(model, "epsilon", 0.0))
        self.quantile = np.longdouble(getattr(model, "quantile", 0.5) if self.name == "quantile" else 0.5)
        # a dual point whose sum vanishes does not see a shift of the targets, which would only amplify what the sum misses zero by
        shifted = (
            self.free and self.name in ("squared_error", "huber", "absolute_error", "quantile") and not self.labels
        )
        self.level = np.median(Y, axis=0) if shifted else np.zeros(Y.shape[1], dtype=np.longdouble)

    def value(self, F: Long) -> np.longdouble:
        """Weighted mean loss."""
        return np.longdouble(self.shares @ self._values(F))

    def change(self, F: Long, error: Long) -> np.longdouble:
        """Bound of the change of the value when all outputs of a sample change by at most ``error`` (n,)."""
        here = self._values(F)
        sides = [np.abs(self._values(F + sign * error[:, None]) - here) for sign in (1.0, -1.0)]
        # twice the larger, for convex losses whose outputs may change in different directions
        return np.longdouble(2.0 * F.shape[1] * (self.shares @ np.maximum(*sides)))

    def _values(self, F: Long) -> Long:
        Y, name = self.Y, self.name
        r, margin = F - Y, Y * F
        if name == "log_loss" and self.several:
            ahead = F - margin.sum(axis=1, keepdims=True)
            top = np.maximum(ahead.max(axis=1), 0.0)
            others = np.where(Y > 0.0, 0.0, np.exp(ahead - top[:, None])).sum(axis=1)
            return np.asarray(top + np.log1p(others + np.expm1(-top)))
        terms = {
            "squared_error": lambda: 0.5 * r * r,
            "huber": lambda: np.where(
                np.abs(r) <= self.epsilon, 0.5 * r * r, self.epsilon * np.abs(r) - 0.5 * self.epsilon**2
            ),
            "absolute_error": lambda: np.abs(r),
            "quantile": lambda: np.maximum(-self.quantile * r, (1.0 - self.quantile) * r),
            "poisson": lambda: np.exp(F) - margin,
            "log_loss": lambda: np.logaddexp(0.0, -margin),
            "hinge": lambda: np.maximum(0.0, 1.0 - margin),
            "squared_hinge": lambda: np.square(np.maximum(0.0, 1.0 - margin)),
        }
        return np.asarray(terms[name]().sum(axis=1))

    def feasible(self, A: Long, lengths: Long) -> Long:
        """Slopes of the loss (n, K) in the dual domain whose weighted sums vanish where intercepts are free, beside ``A``."""
        A = self._inside(A)
        # what the sum misses zero by is taken from the shorter samples; a slope may leave its domain by that
        takers = lengths <= np.median(lengths)
        for _ in range(BALANCING if self.free else 0):
            drift = (self.shares[:, None] * A).sum(axis=0)
            A[takers] = A[takers] - drift / self.shares[takers].sum()
            A = self._inside(A)
        return A

    def bound(self, A: Long) -> np.longdouble:
        """Dual objective at slopes ``A`` (n, K) of the loss."""
        return np.longdouble(-self.shares @ self._conjugates(A))

    def _inside(self, A: Long) -> Long:
        """The nearest point of the dual domain."""
        Y, name = self.Y, self.name
        if name == "log_loss" and self.several:
            p = np.maximum(A + Y, 0.0)
            return np.asarray(p / p.sum(axis=1, keepdims=True) - Y)
        if name in ("log_loss", "hinge"):
            return np.asarray(-Y * np.clip(-Y * A, 0.0, 1.0))
        if name == "squared_hinge":
            return np.asarray(-Y * np.maximum(-Y * A, 0.0))
        if name == "poisson":
            return np.maximum(A, -Y)
        if name == "huber":
            return np.clip(A, -self.epsilon, self.epsilon)
        if name == "absolute_error":
            return np.clip(A, -1.0, 1.0)
        if name == "quantile":
            return np.clip(A, -self.quantile, 1.0 - self.quantile)
        return A

    def _conjugates(self, A: Long) -> Long:
        Y, name = self.Y - self.level, self.name
        if name == "log_loss" and self.several:
            return np.asarray(_entropy(A + Y).sum(axis=1))
        p = -Y * A
        terms = {
            "squared_error": lambda: 0.5 * A * A + A * Y,
            "huber": lambda: 0.5 * A * A + A * Y,
            "absolute_error": lambda: A * Y,
            "quantile": lambda: A * Y,
            "poisson": lambda: _entropy(A + Y) - (A + Y),
            "log_loss": lambda: _entropy(p) + _entropy(1.0 - p),
            "hinge": lambda: -p,
            "squared_hinge": lambda: 0.25 * p * p - p,
        }
        return np.asarray(terms[name]().sum(axis=1))


def _entropy(p: Long) -> Long:
    """``p log p``, zero at zero."""
    positive = p > 0.0
    return np.where(positive, p * np.log(np.where(positive, p, 1.0)), 0.0)


def _targets(model: Any, y: Any) -> Long:
    """Targets (n, K): as they are, or codes of labels."""
    if model.loss == "hard_margin" or (getattr(model, "shared_units", False) and np.ndim(model.dual_coef_) == 2):
        raise ValueError(
            "verify needs a loss with a dual point for each output: neither loss='hard_margin' nor shared_units=True."
        )
    y = np.asarray(y)
    if not hasattr(model, "classes_"):
        return y.astype(np.longdouble).reshape(len(y), -1)
    labels = y[:, None] == model.classes_
    if len(model.classes_) == 2:
        return np.where(labels[:, 1:], 1.0, -1.0).astype(np.longdouble)
    if model.loss == "log_loss":
        return labels.astype(np.longdouble)
    return np.where(labels, 1.0, -1.0).astype(np.longdouble)
