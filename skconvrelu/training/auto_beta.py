"""``beta="auto"``: the penalty, down to a hundredth of the largest useful one, that predicts held-out samples best.

A quarter of the samples is held out and the others are trained along falling penalties, as a fold of cross-validation is; where samples
are few, each of up to four quarters in turn. A hundredth of the largest penalty is small enough for most tables, and fits stay short;
noise asks for more. Over given arrangements it is that hundredth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skconvrelu.policy import Policy
from skconvrelu.problem import Problem
from skconvrelu.program import ConvexProgram, Index
from skconvrelu.search.units import Units
from skconvrelu.stopping import half_way, until
from skconvrelu.training.fold_paths import Fold, Point
from skconvrelu.training.penalties import beta_grid
from skconvrelu.training.select_beta import select_beta
from skconvrelu.training.trained import Options

Array = NDArray[np.float64]

#: the least penalty, as a fraction of the largest useful one, and how many there are from that down to it
LEAST, _PENALTIES = 0.01, 9
#: parts of the samples, of which each is held out in turn until so many samples were
_PARTS, _HELD_OUT = 4, 100
#: distinct samples below which none is held out
_FEWEST = 8


@dataclass(frozen=True, eq=False)
class AutoBeta:
    """What was chosen.

    Attributes
    ----------
    beta : float
        In canonical units.
    units : Units or None
        A network at it, in program coordinates, trained on a part of the samples; None where there is none.
    """

    beta: float
    units: Units | None = None


def auto_beta(
    problem: Problem,
    program: ConvexProgram,
    gates: Array,
    options: Options,
    rng: np.random.RandomState,
    *,
    searches: bool,
    deadline: float | None = None,
) -> AutoBeta:
    """Choose a penalty for a program over the gates (d, P) from which a fit ``searches``, in half of the time to a deadline.

    It is the least of those there are to choose among where the fit stays with these gates, where there are fewer than eight samples or
    no split leaves anything to learn, and where time ends the choice.

    Raises
    ------
    ValueError
        If the least is no number in the user's units.
    """
    coordinates, policy = problem.coordinates, options.policy
    grid = beta_grid(problem, [program], _PENALTIES, LEAST, policy)
    if not (np.isfinite(grid).all() and (grid > 0.0).all()):
        raise ValueError("beta='auto' leaves the range of double precision for such X and y; scale the features and y.")
    least = AutoBeta(coordinates.beta_inward(grid[-1]))
    if not searches:
        return least
    draw = np.random.RandomState(rng.randint(2**31 - 1))
    splits = _splits(problem, policy, draw) if len(grid) > 1 else []
    if not splits:
        return least
    seed = int(draw.randint(2**31 - 1))
    folds = [Fold.build(problem, program.on_rows(rows), gates, options, seed, searches=True) for rows, _ in splits]
    held_out = [program.on_rows(rows) for _, rows in splits]

    def score(f: int, point: Point) -> float:
        return _score(held_out[f], point)

    with until(half_way(deadline)) as stop:
        selection = select_beta(
            folds,
            grid,
            score,
            adaptive=True,
            one_standard_error=False,
            n_jobs=None,
            observe=lambda betas, scores: False,
        )
    if stop.interrupted:
        raise KeyboardInterrupt
    if selection.cut_short:
        return least
    return AutoBeta(coordinates.beta_inward(selection.betas[selection.best]), selection.points[0].units)


def _score(held_out: ConvexProgram, point: Point) -> float:
    """Minus the mean loss of a network on held-out samples, in canonical units, or the Brier score, which bears being sure and wrong."""
    worst = float(np.finfo(np.float64).max) ** 0.25  # whose square is a number
    loss = held_out.loss
    with np.errstate(over="ignore", invalid="ignore"):
        F = point.units.outputs(held_out.X) + point.intercept
        # slopes of these losses are the errors of the probabilities
        each = (
            np.square(loss.gradient(F, held_out.Y)).sum(axis=1)
            if loss.gives_probabilities
            else loss.value(F, held_out.Y)
        )
        mean = float(held_out.weights @ each)
    return -min(mean, worst) if np.isfinite(mean) else -worst


def _splits(problem: Problem, policy: Policy, draw: np.random.RandomState) -> list[tuple[Index, Index]]:
    """Training and held-out samples, distinct ones, of as many parts as are held out; of many samples some are neither."""
    Y, n = problem.rows.Y, len(problem.rows.Y)
    if n < _FEWEST:
        return []
    rows = np.sort(draw.choice(n, size=policy.part, replace=False)) if n > policy.part else np.arange(n)
    # whatever the order and the units of the columns
    totals = problem.rows.X[rows].sum(axis=1)
    parts = _parts(Y[rows], totals, draw, classes=problem.loss.unitless)
    splits = [
        (np.sort(rows[parts != part]), np.sort(rows[parts == part]))
        for part in range(min(_PARTS, -(-_PARTS * _HELD_OUT // len(rows))))
    ]
    learnable = (Y[0] != Y).any()
    return [
        (train, held_out)
        for train, held_out in splits
        if len(held_out) and not (learnable and (Y[train] == Y[train[0]]).all())
    ]


def _parts(Y: Array, totals: Array, draw: np.random.RandomState, *, classes: bool) -> NDArray[np.intp]:
    """A part for each sample, 0 to 3, with alike targets in each; -1 for the only one of its class, which is always trained on."""
    order = np.lexsort((totals, *Y.T[::-1]))
    parts = np.empty(len(Y), dtype=np.intp)
    if classes:
        _, label = np.unique(Y[order], axis=0, return_inverse=True)
        groups = [order[label == k] for k in range(label.max() + 1)]
    else:
        groups = [order[i : i + _PARTS] for i in range(0, len(order), _PARTS)]
    for group in groups:
        parts[group] = draw.permutation(np.arange(len(group)) % _PARTS)
        if classes and len(group) == 1:
            parts[group] = -1
    return parts
