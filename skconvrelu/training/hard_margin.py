"""The hard margin through an exact penalty: the hinge loss at a penalty so small that no sample gives in.

With ``mean hinge + beta sum ||u_j||`` every multiplier is at most ``w_i``; as soon as the multipliers ``mu_i`` of the max-margin program
satisfy ``beta mu_i < w_i``, both have the same optimum, and ``lambda / beta`` is the dual point of the max-margin program. So beta is
lowered until the network, scaled to a margin of one, meets the dual bound.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from skconvrelu._warnings import warn
from skconvrelu.losses import HardMargin, Hinge
from skconvrelu.program import ConvexProgram
from skconvrelu.search.units import Units, units_of
from skconvrelu.stopping import due
from skconvrelu.training.trained import Trained

Array = NDArray[np.float64]
Solve = Callable[[ConvexProgram, Units | None], Trained]

logger = logging.getLogger(__name__)

#: first penalty of the hinge loss as a fraction of its beta_max, the factor between penalties, and how often it is lowered
_FIRST, _FACTOR, _TIMES = 3e-2, 0.1, 10
#: relative gap, in units of tol, at which the penalty counts as exact; and penalties in a row without a smaller one that are the last
_EXACT, _VAIN = 2.0, 2


class NotSeparated(ValueError):
    """No network that was found separates the classes."""


def max_margin(program: ConvexProgram, solve: Solve, tol: float, start: Units | None) -> Trained:
    """The max-margin network: least ``sum ||u_j||`` with ``y f >= 1``.

    Parameters
    ----------
    program : ConvexProgram
        With :class:`~skconvrelu.losses.HardMargin` and beta 1.
    solve : callable
        ``solve(program, units)`` trains with the hinge loss.
    tol : float
        Relative gap to reach.
    start : Units or None
        Known units.

    Raises
    ------
    NotSeparated
        If the networks that were found, at the smallest penalty, do not separate the classes.

    Warns
    -----
    ConvergenceWarning
        If no penalty brought the relative gap down to ``tol``.
    """
    _check_distinct(program)
    uniform = np.full(len(program.weights), 1.0 / len(program.weights))
    hinge = replace(program, loss=Hinge(), weights=uniform)
    beta = _FIRST * (hinge.beta_max() or 1.0)
    best: Trained | None = None
    gap, least, in_vain = np.inf, np.inf, 0
    for _ in range(_TIMES):
        trained = solve(replace(hinge, beta=beta), start)
        start = units_of(trained.program, trained.solution)
        scaled = _scaled(program, trained, beta)
        if scaled is not None:
            bound = scaled.certificate.lower_bound_searched
            bound = scaled.certificate.lower_bound_solved if bound is None else bound
            own_gap = (scaled.solution.objective - bound) / scaled.solution.objective
            logger.info("penalty %.2g: sum of norms %.8g, relative gap %.1e", beta, scaled.solution.objective, own_gap)
            if own_gap <= _EXACT * tol:
                return scaled
            in_vain = 0 if own_gap < least else in_vain + 1
            least = min(least, own_gap)
            if best is None or scaled.solution.objective < best.solution.objective:
                best, gap = scaled, own_gap
            if in_vain >= _VAIN:  # smaller penalties only cost digits
                break
        if due():
            break
        beta *= _FACTOR
    if best is None:
        raise NotSeparated(
            f"loss='hard_margin' needs arrangements that separate the classes, and none were found{' within max_time' if due() else ''}; "
            f"use more {'time' if due() else 'arrangements'}, "
            "refine=True, or a loss that lets samples violate the margin, such as 'hinge'."
        )
    warn(
        f"The sum of norms {best.solution.objective:.6g} for a margin of one has a relative gap of {gap:.2g}, above tol={tol:.3g}, at "
        f"every penalty that was tried. Increase {'max_time' if due() else 'refine'}, max_iter or tol, or scale the features; "
        "objective_ and certificate_ are exact for the point returned.",
        ConvergenceWarning,
    )
    return best


def _check_distinct(program: ConvexProgram) -> None:
    """Equal samples with different labels are separated by no network."""
    _, first, inverse = np.unique(program.X, axis=0, return_index=True, return_inverse=True)
    clash = np.flatnonzero((program.Y[first[inverse.ravel()]] != program.Y).any(axis=1))
    if len(clash):
        raise ValueError(
            f"loss='hard_margin' needs separable data, but {len(clash)} sample(s) have the features of a sample with another label."
        )


def _scaled(program: ConvexProgram, trained: Trained, beta: float) -> Trained | None:
    """A hinge fit scaled to a margin of one, with its dual point scaled to match; None if it does not separate."""
    own, solution, loss = trained.program, trained.solution, program.loss
    assert isinstance(loss, HardMargin)
    F = own.outputs(solution.blocks, solution.coef)
    intercept = loss.best_constant(F, own.Y, own.weights) if own.fit_intercept else np.zeros(F.shape[1])
    margins = (own.Y * (F + intercept)).min(axis=0)
    if not (margins > 0.0).all():
        return None
    directions = own.block_directions[solution.blocks]
    coef = solution.coef / (np.abs(directions) @ margins)[:, None]
    objective = float(np.linalg.norm(coef, axis=1).sum())
    final = replace(own, loss=loss, weights=program.weights, beta=1.0)
    certificate = trained.certificate

    def bound(value: float | None) -> float | None:
        return None if value is None else min(value / beta, objective)

    solved = bound(certificate.lower_bound_solved)
    assert solved is not None
    return replace(
        trained,
        program=final,
        solution=replace(
            solution,
            coef=coef,
            intercept=intercept / margins,
            dual=solution.dual / beta,
            objective=objective,
            dual_objective=solved,
            scale=objective,
        ),
        certificate=replace(
            certificate,
            objective=objective,
            lower_bound_solved=solved,
            lower_bound_searched=bound(certificate.lower_bound_searched),
            lower_bound_proven=bound(certificate.lower_bound_proven),
        ),
        objectives=[objective],
    )
