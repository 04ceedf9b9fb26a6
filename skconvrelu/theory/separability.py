"""Orthogonal separability: the data on which the implicit bias of gradient flow is the convex max-margin program."""

from __future__ import annotations

from typing import Any

import numpy as np

from skconvrelu._checks import check_labels, check_matrix, check_number
from skconvrelu.row_space import unit_rows


def is_orthogonally_separable(X: Any, y: Any, *, tol: float = 0.0) -> bool:
    """Whether samples of one class have positive inner products and samples of different classes have none that are positive.

    That is ``x_i' x_j > 0`` for ``y_i = y_j`` and ``x_i' x_j <= 0`` otherwise (Phuong & Lampert 2021; Wang & Pilanci 2022, definition of
    orthogonally separable data).

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Two classes.
    tol : float, default=0.0
        Cosines up to which inner products count as zero.

    Returns
    -------
    separable : bool

    Raises
    ------
    ValueError
        If there are not two classes.

    Examples
    --------
    >>> from skconvrelu.theory import is_orthogonally_separable
    >>> is_orthogonally_separable([[1.0, 0.2], [1.0, 0.0], [-1.0, 0.0]], [1, 1, 0])
    True
    >>> is_orthogonally_separable([[1.0, 0.2], [0.0, 1.0], [-1.0, 0.0]], [1, 1, 0])
    True
    >>> is_orthogonally_separable([[1.0, 0.2], [0.0, 1.0], [1.0, -1.0]], [1, 1, 0])
    False
    """
    tol = check_number(tol, "tol")
    X = check_matrix(X)
    codes = check_labels(y, len(X))
    rows = unit_rows(X)
    cosines = rows @ rows.T
    same = np.equal.outer(codes, codes)
    return bool((cosines[same] > tol).all() and (cosines[~same] <= tol).all())
