"""Choosing beta by cross-validation along paths: a coarse grid from above until the score has turned, then a finer one around the best."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning

from skconvrelu._warnings import warn
from skconvrelu.stopping import current, due, reason, under
from skconvrelu.training.fold_paths import Fold, Point, advance

Array = NDArray[np.float64]
#: the score of one fold's joined point; larger is better
Score = Callable[[int, Point], float]
#: told of the betas of a stage and their scores; True ends the path
Observe = Callable[[list[float], Array], bool]

logger = logging.getLogger(__name__)

#: the coarse grid is every so many points of the fine one, and so many of its points are trained before folds are compared
_COARSE, _STAGE = 2, 3
#: penalties in a row that end the path: so many worse than the best one by a standard error of the difference, or so many worse at all
_CLEARLY_WORSE, _WORSE = 3, 4


@dataclass(eq=False)
class Selection:
    """What cross-validation found.

    Attributes
    ----------
    betas : ndarray of shape (n_betas,)
        Falling.
    scores : ndarray of shape (n_betas, n_folds)
    best : int
        Row of the beta chosen.
    n_fits : int
        Networks trained.
    seconds : float
    points : list of Point
        Each fold's joined point at the beta chosen.
    cut_short : bool
        A time limit ended it.
    """

    betas: Array
    scores: Array
    best: int
    n_fits: int
    seconds: float
    points: list[Point]
    cut_short: bool


@dataclass(eq=False)
class _Paths:
    """The folds with what has been trained so far."""

    folds: list[Fold]
    score: Score
    observe: Observe
    n_jobs: int | None
    points: dict[float, list[list[Point]]] = field(default_factory=dict)  # beta -> fold -> output
    scores: dict[float, list[float]] = field(default_factory=dict)
    stopped: bool = False

    def train(self, betas: list[float]) -> None:
        """All folds at the penalties given (falling), each from its point at the next larger one.

        Where work is to stop, at those that all folds come to; that is one of them at least.
        """
        above = min((b for b in self.points if b > betas[0]), default=None)
        begin = [
            (path, None if above is None else self.points[above][f][k])
            for f, fold in enumerate(self.folds)
            for k, path in enumerate(fold.paths)
        ]
        stop, at_once = current(), effective_n_jobs(self.n_jobs)
        tasks = (
            delayed(under)(stop, advance, path, betas, point, -(-(len(begin) - i) // at_once))
            for i, (path, point) in enumerate(begin)
        )
        done = Parallel(n_jobs=self.n_jobs)(tasks)
        betas = betas[: min(map(len, done))]
        each = iter(done)
        by_fold = [[next(each) for _ in fold.paths] for fold in self.folds]
        for i, beta in enumerate(betas):
            self.points[beta] = [[points[i] for points in fold] for fold in by_fold]
            joined = self.joined(beta)
            self.scores[beta] = [self.score(f, point) for f, point in enumerate(joined)]
            logger.info(
                "beta %.4g: score %.6g +- %.2g, %.0f hidden units",
                beta, _mean(np.array(self.scores[beta])), standard_error(np.array(self.scores[beta])),
                np.mean([len(point.units) for point in joined]),
            )  # fmt: skip
        self.stopped = self.observe(betas, np.array([self.scores[b] for b in betas])) or self.stopped or due()

    def joined(self, beta: float) -> list[Point]:
        """Each fold's point of all outputs together."""
        return [fold.joined(points) for fold, points in zip(self.folds, self.points[beta], strict=True)]

    def table(self) -> tuple[Array, Array]:
        """Falling betas and their scores."""
        betas = sorted(self.scores, reverse=True)
        return np.array(betas), np.array([self.scores[b] for b in betas])

    def has_turned(self) -> bool:
        """Whether enough of the last penalties are worse than the best."""
        scores = comparable(self.table()[1])
        means = mean_scores(scores)
        if np.isnan(means).all():
            return False
        best = int(np.nanargmax(means))
        # a penalty that is not compared is not known to be worse: its differences are no numbers
        differences = scores[best] - scores[best + 1 :]
        if len(differences) >= _WORSE and np.isfinite(means[-_WORSE:]).all():
            return True
        last = differences[-_CLEARLY_WORSE:]
        return len(last) == _CLEARLY_WORSE and all(_mean(row) > standard_error(row) for row in last)


def select_beta(
    folds: list[Fold],
    grid: Array,
    score: Score,
    *,
    adaptive: bool,
    one_standard_error: bool,
    n_jobs: int | None,
    observe: Observe,
) -> Selection:
    """Train all folds along the grid and choose.

    Parameters
    ----------
    folds : list of Fold
    grid : ndarray of shape (n_betas,)
        Falling, no two the same.
    score : callable
        ``score(fold, point)`` on the fold's held-out rows.
    adaptive : bool
        Every second penalty first, ended early where the score has clearly turned, then the neighbours of the best one; otherwise all.
    one_standard_error : bool
        Take the largest beta whose score is within one standard error of the best.
    n_jobs : int or None
    observe : callable
        Told of each stage; its True ends the path.

    Raises
    ------
    ValueError
        If no score is a finite number.

    Warns
    -----
    UndefinedMetricWarning
        If some are not; :func:`comparable` says what counts then.
    """
    begin = time.monotonic()
    paths = _Paths(folds, score, observe, n_jobs)
    coarse = [float(b) for b in (grid[::_COARSE] if adaptive else grid)]
    for first in range(0, len(coarse), _STAGE):
        paths.train(coarse[first : first + _STAGE])
        if paths.stopped or (adaptive and paths.has_turned()):
            break
    if adaptive and not paths.stopped:
        betas, scores = paths.table()
        centre = int(np.searchsorted(-grid, -betas[_choose(scores, one_standard_error=False)]))
        near = [float(b) for b in grid[max(0, centre - _COARSE + 1) : centre + _COARSE] if float(b) not in paths.scores]
        for beta in near:
            if not paths.stopped:
                paths.train([beta])
    betas, scores = paths.table()
    n_fits = len(betas) * len(folds)
    seconds = time.monotonic() - begin
    chosen = _choose(scores, one_standard_error=one_standard_error)
    _warn_of_undefined(betas, scores)
    logger.info("beta %.4g of %d tried, %d fits in %.1f s", betas[chosen], len(betas), n_fits, seconds)
    return Selection(
        betas, scores, chosen, n_fits, seconds, paths.joined(float(betas[chosen])), cut_short=reason() == "max_time"
    )


def comparable(scores: Array) -> Array:
    """Scores (n_betas, n_folds) with nan where they do not count: means over different folds are not comparable.

    A score that is no finite number says nothing (R^2 of one row, the area under the curve of one class). Folds without one at any penalty
    are left out; so are penalties with fewer of them than others. Where the penalties left are still scored on different folds, those
    that they share count, or each one's own if they share none.
    """
    defined = np.isfinite(scores)
    counts = defined.sum(axis=1)
    most = counts == counts.max()
    shared = defined[most].all(axis=0)
    counted = defined & most[:, None] & (shared if shared.any() else defined)
    return np.where(counted, scores, np.nan)


def mean_scores(scores: Array) -> Array:
    """Mean of what is defined at each penalty, nan where nothing is."""
    return np.array([_mean(row) for row in scores])


def standard_error(scores: Array) -> float:
    """Of the mean of what is defined; zero where that is a single number or none."""
    known = scores[np.isfinite(scores)]
    size = float(np.abs(known).max(initial=0.0)) or 1.0  # squares are numbers then
    return float((known / size).std(ddof=1) / np.sqrt(len(known))) * size if len(known) > 1 else 0.0


def _mean(scores: Array) -> float:
    known = scores[np.isfinite(scores)]
    return float(known.mean()) if len(known) else np.nan


def _choose(scores: Array, *, one_standard_error: bool) -> int:
    """Row of the best mean, the largest beta among equals; or the largest beta within one standard error of it."""
    scores = comparable(scores)
    means = mean_scores(scores)
    if np.isnan(means).all():
        raise ValueError(
            "scoring gave no finite number on any fold of cv at any penalty, so there is nothing to choose by. Use another scoring, or "
            "folds with more held-out rows of positive weight and of every class."
        )
    best = int(np.nanargmax(means))
    if not one_standard_error:
        return best
    return int(np.flatnonzero(means >= means[best] - standard_error(scores[best]))[0])


def _warn_of_undefined(betas: Array, scores: Array) -> None:
    undefined = ~np.isfinite(scores)
    if not undefined.any():
        return
    left_out = [f"folds {np.flatnonzero(undefined.all(axis=0)).tolist()}"] if undefined.all(axis=0).any() else []
    last = betas[np.isnan(mean_scores(comparable(scores)))]
    left_out += [f"penalties {', '.join(f'{beta:.4g}' for beta in last)}"] if len(last) else []
    warn(
        f"scoring gave no finite number for {undefined.sum()} of {undefined.size} scores of cv; the choice of beta compares penalties on "
        f"the same folds and leaves out {' and '.join(left_out) or 'folds that not all of them share'}.",
        UndefinedMetricWarning,
    )
