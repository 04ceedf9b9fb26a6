"""Held-out rows: the folds of ``cv``, checked before anything is trained on them, and scores on them."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import check_cv

Index = NDArray[np.intp]


def splits_of(cv: Any, X: Any, y: Any, *, classifier: bool, **metadata: Any) -> list[tuple[Index, Index]]:
    """Training and held-out rows of each fold, as row numbers.

    Raises
    ------
    ValueError
        If there is no fold, or a split is no pair of rows of X.
    """
    if cv is None or isinstance(cv, Integral) or hasattr(cv, "split"):
        splits: Iterable[Any] = check_cv(cv, y, classifier=classifier).split(X, y, **metadata)
    else:
        splits = cv
    folds = [_fold(split, number, X.shape[0]) for number, split in enumerate(splits)]
    if not folds:
        raise ValueError(
            "cv has no folds. Give a number of folds, a splitter, or splits; a generator of splits can be read only once, a list of them "
            "again and again."
        )
    return folds


def _fold(split: Any, number: int, n: int) -> tuple[Index, Index]:
    try:
        train, held_out = split
    except (TypeError, ValueError) as error:
        raise ValueError(f"cv: split {number} must be a pair (training rows, held-out rows), got {split!r}.") from error
    return _rows(train, f"training rows of split {number}", n), _rows(held_out, f"held-out rows of split {number}", n)


def _rows(given: Any, name: str, n: int) -> Index:
    rows = np.asarray(given)
    if rows.ndim != 1 or not rows.size or rows.dtype.kind not in "iub":
        raise ValueError(
            f"cv: {name} must be a list of row numbers or a mask, not empty; got {rows.dtype} of shape {rows.shape}."
        )
    if rows.dtype.kind == "b":
        if len(rows) != n or not rows.any():
            raise ValueError(
                f"cv: {name} must be a mask of {n} samples, some of them True; got {rows.sum()} of {len(rows)}."
            )
        return np.flatnonzero(rows)
    outside = rows[(rows < -n) | (rows >= n)]
    if len(outside):
        raise ValueError(f"cv: {name} must lie in range({n}); got {outside[:5].tolist()}.")
    return rows.astype(np.intp) % n


def score_of(scorer: Any, model: Any, X: Any, y: NDArray[Any], metadata: dict[str, Any], number: int) -> float:
    """Score of a fold's network on its held-out rows; an error names the fold."""
    try:
        score = scorer(model, X, y, **metadata)
    except ValueError as error:
        missing = np.setdiff1d(y, model.classes_) if hasattr(model, "classes_") else y[:0]
        why = f" Its training rows lack the classes {missing.tolist()} of its held-out rows." if len(missing) else ""
        raise ValueError(
            f"scoring failed on the held-out rows of fold {number} of cv: {error}{why} Use fewer or stratified folds, or another scoring."
        ) from error
    if np.ndim(score) != 0 or np.asarray(score).dtype.kind not in "biuf":
        raise ValueError(f"scoring must give one number, larger being better; got {score!r}.")
    return float(score)
