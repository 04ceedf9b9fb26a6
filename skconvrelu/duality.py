"""Weak duality with its rounding: lower bounds of the training objective that hold for the numbers at hand (Pilanci & Ergen 2020).

For every dual point lambda in the dual domain of the loss whose sum vanishes (where there is a free intercept),

    sum_i w_i l(f_i, y_i) + beta sum_j ||u_j||  >=  -sum_i w_i l*(-lambda_i / w_i)   if   prices at lambda are at most beta.

Each of the three conditions holds in floating point but for rounding. :func:`lower_bound` moves the point until they hold exactly, or
shows how far a point is for which they do, and takes what that may cost off the bound:

1. the variable is ``A = -lambda / w``, projected on the dual domain; all of these are star-shaped about zero, so that shrinking A stays
   inside;
2. what the sum of ``w A`` misses zero by is given to one sample that has room for it on both sides;
3. prices at the moved point exceed those at the given one by at most ``sum_i |change of lambda_i| ||x_i||``; together with the rounding of
   the prices themselves that is added to the largest price, and A is shrunk by beta over the result;
4. conjugates are evaluated with a bound of their rounding error, and summed exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skconvrelu.program import ConvexProgram
from skconvrelu.rounding import UNIT, exact_sum, gamma

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bound:
    """A lower bound of the training objective and the dual point that gives it.

    Attributes
    ----------
    value : float
        At least the least loss of any outputs, which is zero.
    dual : ndarray of shape (n, K)
        Scaled until it is feasible.
    """

    value: float
    dual: Array


def lower_bound(program: ConvexProgram, dual: Array, largest: float) -> Bound:
    """A bound of the training objective from below, if no unit (of those it is to hold for) prices above ``largest`` at ``dual``.

    Parameters
    ----------
    program : ConvexProgram
        Data, loss and beta; its patterns play no part.
    dual : ndarray of shape (n, K)
        Any point, as it comes out of a solver.
    largest : float
        Bound of the prices at ``dual`` as they are computed; the rounding of products with X is added here.
    """
    weights, loss, Y = program.weights[:, None], program.loss, program.Y
    nothing = Bound(0.0, np.zeros_like(dual))
    with np.errstate(over="ignore", invalid="ignore"):
        A = loss.project_dual(-dual / weights, Y)
        moved = _norms(weights * A + dual) + 4.0 * UNIT * _norms(dual)
    if not (np.isfinite(A).all() and np.isfinite(moved).all() and np.isfinite(largest)):
        return nothing
    price = largest + program.price_error(dual) + float(moved @ program.lengths)
    A = A * _shrinkage(program.beta, price)
    # what rounding leaves outside the dual domain
    drift = loss.dual_drift(A, Y) * program.weights
    balance = _Balance.of(program, A, drift) if program.intercept_basis.shape[1] else _Balance(A, 0.0, 0.0)
    if balance is None:
        return nothing
    terms = program.weights * loss.conjugate(balance.A, Y)
    error = gamma(Y.shape[1] + 12) * float(program.weights @ loss.conjugate_size(balance.A, Y)) + balance.value
    if drift.any():  # moved to the largest entry of a row, whose logarithm is at most that of the number of classes
        error += float(drift.sum()) * (np.log(Y.shape[1]) + 2.0)
    if program.target_error is not None:
        error += float((np.abs(weights * balance.A) * program.target_error).sum())
    value = -exact_sum(terms) - error * (1.0 + gamma(len(Y) + 8))
    # the dual objective is concave and zero at zero, so that a share of the point has at least that share of the value
    moved_price = min(price, program.beta) + float(drift @ program.lengths) + balance.price
    value *= _shrinkage(program.beta, moved_price * (1.0 + gamma(len(Y) + 8))) * (
        1.0 - program.weight_error - 4.0 * UNIT
    )
    return Bound(value, -weights * balance.A) if value > 0.0 else nothing


def _norms(rows: Array) -> Array:
    return np.sqrt(np.einsum("nk,nk->n", rows, rows))


def _shrinkage(beta: float, price: float) -> float:
    return (beta / price) * (1.0 - 4.0 * UNIT) if price > beta else 1.0


@dataclass(frozen=True, eq=False)
class _Balance:
    """A dual point beside ``A`` whose weighted sum vanishes exactly: what it costs in the price and in the value to move there.

    The point itself is not formed. It differs from ``A`` in few samples, by a number that is known to be small.
    """

    A: Array
    price: float
    value: float

    @classmethod
    def of(cls, program: ConvexProgram, A: Array, drift: Array) -> _Balance | None:
        """None where no sample has room for what the sum misses zero by."""
        loss, Y, weights = program.loss, program.Y, program.weights[:, None]
        terms = weights * A
        # every product is off by a rounding, which may have either sign
        missing = np.array([abs(exact_sum(column)) for column in terms.T])
        missing += 4.0 * UNIT * np.abs(terms).sum(axis=0) + float(drift.sum())
        if not missing.any():
            return cls(A, 0.0, 0.0)
        size = np.abs(terms).max(axis=0)
        for shrink in (0.0, float((4.0 * missing / np.where(size > 0.0, size, np.inf)).max())):
            if shrink >= 0.5:
                return None
            point = A * (1.0 - shrink)
            room = loss.dual_room(point, Y)
            outputs = np.abs(loss.outputs_at(point, Y))
            if loss.separable:
                takers = [_taker(program, room[:, k], outputs[:, k], missing[k]) for k in range(Y.shape[1])]
            else:
                takers = _takers_of_classes(program, room, outputs, missing)
            if all(taker is not None for taker in takers):
                costs = np.array([taker for taker in takers if taker is not None]).reshape(-1, 2)
                return cls(point, float(costs[:, 0].sum()), float(costs[:, 1].sum()))
        return None


def _taker(program: ConvexProgram, room: Array, outputs: Array, missing: float) -> tuple[float, float] | None:
    """What it costs in the price and in the value that one sample, with room for twice as much on both sides, takes what is missing.

    The slope of a conjugate is the output at its argument. Over such a change the logarithms that it may hold change by less than two.
    """
    if missing == 0.0:
        return 0.0, 0.0
    able = np.flatnonzero((room * program.weights >= 4.0 * missing) & np.isfinite(outputs))
    if not len(able):
        return None
    lengths, slopes = program.lengths[able], outputs[able] + 2.0
    best = able[np.argmin(lengths / np.median(program.lengths) + slopes / np.median(slopes))]
    change = missing / program.weights[best]
    return missing * float(program.lengths[best]), missing * (float(outputs[best]) + 2.0 + 2.0 * change)


def _takers_of_classes(
    program: ConvexProgram, room: Array, outputs: Array, missing: Array
) -> list[tuple[float, float] | None]:
    """The same where the entries of a sample sum to zero: each class moves what it misses to the heaviest class within one sample."""
    heaviest = int(np.argmax(program.weights @ program.Y))
    return [
        _taker(
            program, np.minimum(room[:, k], room[:, heaviest]), outputs[:, k] + outputs[:, heaviest], 2.0 * missing[k]
        )
        for k in range(len(missing))
        if k != heaviest
    ]
