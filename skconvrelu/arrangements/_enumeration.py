"""All patterns of small data: the cells of the arrangement of hyperplanes ``x_i' u = 0``, and its lower-dimensional faces."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skconvrelu._checks import check_count, check_flag, check_matrix
from skconvrelu.arrangements._counting import n_patterns_general_position
from skconvrelu.arrangements._normals import Normals, unclear
from skconvrelu.arrangements._patterns import patterns_of

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: "exact" is refused above this many patterns (in general position; real data never have more)
MAX_EXACT = 10_000


def exact_gates(X: Array, *, max_patterns: int = MAX_EXACT) -> Array:
    """One interior gate for every full-dimensional pattern of X, (d, P); patterns without interior are faces of these.

    Rows are inserted one by one. A cell is cut by the new hyperplane exactly when the arrangement restricted to that hyperplane
    has a cell with its pattern, so the cells to split come from the same problem one dimension lower: the cost is
    proportional to the number of patterns, without a linear program.

    Raises
    ------
    ValueError
        If the count in general position exceeds ``max_patterns``, or rounding leaves open what the patterns are.
    """
    check_count(max_patterns, "max_patterns", most=None)
    X = check_matrix(X)
    data, outward = Normals.of(X)
    rows = data[data.distinct()]
    bound = n_patterns_general_position(len(rows), rows.rank)
    if bound > max_patterns:
        raise ValueError(
            f"arrangements='exact' would enumerate up to {bound} patterns for {len(rows)} distinct hyperplanes of rank "
            f"{rows.rank}, more than {max_patterns}. Use arrangements='gaussian' or 'data', fewer samples or features."
        )
    gates = outward @ _cells(rows, max_patterns).T
    if len(np.unique(_keys(patterns_of(X, gates)))) < gates.shape[1]:
        raise unclear()
    return gates


def enumeration_error(X: Array) -> Array | None:
    """How far (n,) each row of X may be from one of data whose patterns :func:`exact_gates` finds; None if these are of lower rank.

    Hyperplanes that rounding keeps apart by less than its own error count as one, on every flat again, so that what is enumerated are
    the cells of data beside X: prices over all arrangements of X exceed those over the enumerated ones by the sum of
    ``|lambda_i|`` times this at most.
    """
    normals, outward = Normals.of(X)
    narrowest = float(np.linalg.svd(outward, compute_uv=False)[-1])
    if normals.rank < X.shape[1] or not narrowest > 0.0:
        return None
    # an error of a unit normal, in the coordinates of X; every flat on the way to a vertex may add its own
    return np.asarray(2.0 * normals.rank * normals.error * np.linalg.norm(X @ outward, axis=1) / narrowest)


def _cells(normals: Normals, most: int) -> Array:
    """Interior points (P, r) of all cells of the central arrangement with distinct ``normals``, unless more than ``most``."""
    r = normals.rank
    if r == 1 or not len(normals):
        return np.vstack([np.eye(1, r), -np.eye(1, r)]) if len(normals) else np.eye(1, r)
    first = normals.rows[0] / np.linalg.norm(normals.rows[0])
    cells = np.vstack([first, -first])
    for k in range(1, len(normals)):
        normal, before = normals.rows[k] / np.linalg.norm(normals.rows[k]), normals.rows[:k]
        restricted, plane = normals[: k + 1].within(k)  # the earlier hyperplanes cut the new one
        earlier = restricted[:k]
        inside = _cells(earlier[earlier.distinct()], most) @ plane.T
        split = np.isin(_keys(_signs(before, cells)), _keys(_signs(before, inside)))
        if split.sum() != len(inside):
            raise unclear()
        both = np.vstack([_step_aside(before, inside, normal), _step_aside(before, inside, -normal)])
        cells = np.vstack([cells[~split], both])
        if len(cells) > most:
            raise _too_many(most)
    return cells


def _step_aside(normals: Array, points: Array, direction: Array) -> Array:
    """Points moved along a unit ``direction``, at most halfway to the first of the hyperplanes."""
    at = points @ normals.T
    speed = normals @ direction
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(at * speed < 0.0, -at / speed, np.inf).min(axis=1)
    sizes = np.linalg.norm(points, axis=1)
    moved = points + np.minimum(0.5 * reach, sizes)[:, None] * direction
    return moved / np.linalg.norm(moved, axis=1)[:, None]


def _signs(normals: Array, points: Array) -> Mask:
    return points @ normals.T >= 0.0


def _keys(signs: Mask) -> NDArray[np.void]:
    packed = np.ascontiguousarray(np.packbits(signs, axis=1))
    return (
        packed.view([("", packed.dtype)] * packed.shape[1]).ravel() if packed.shape[1] else np.zeros(len(signs), "V1")
    )


def enumerate_arrangements(X: Any, *, max_patterns: int = 100_000, full_dimensional: bool = False) -> Mask:
    """All arrangement patterns ``diag(1[X u >= 0])``, u any vector (Wang, Lacotte & Pilanci 2022, section 2).

    A vector u on some of the hyperplanes, u = 0 among them, switches their samples on. Where more hyperplanes meet than the rank,
    such as with repeated, opposite or zero rows, that gives patterns that no vector off the hyperplanes has. Every flat (intersection
    of hyperplanes) is visited once and its cells are enumerated inside it, so the cost follows the number of faces.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        What the gates multiply: with hidden biases its last column is constant one.
    max_patterns : int, default=100_000
        More than that are refused.
    full_dimensional : bool, default=False
        Only patterns whose cone ``{u : (2D - I) X u >= 0}`` has an interior in the row space; they suffice for the convex program,
        since the other cones are faces of these.

    Returns
    -------
    patterns : bool ndarray of shape (n_samples, P)
        Distinct columns in lexicographic order.

    Raises
    ------
    ValueError
        If X is not a finite matrix, there are more than ``max_patterns``, or rounding leaves open what they are.

    See Also
    --------
    arrangement_bound : How many there can be.

    Examples
    --------
    >>> from skconvrelu.arrangements import enumerate_arrangements
    >>> X = [[3.0, 3.0], [2.0, 2.0], [1.0, 0.0]]
    >>> enumerate_arrangements(X).T.astype(int)
    array([[0, 0, 0],
           [0, 0, 1],
           [1, 1, 0],
           [1, 1, 1]])
    """
    X = check_matrix(X)
    check_count(max_patterns, "max_patterns", most=None)
    faces = _Faces(max_patterns)
    faces.visit(Normals.of(X)[0], below=not check_flag(full_dimensional, "full_dimensional"))
    return faces.patterns()


class _Faces:
    """Patterns of all faces of a central arrangement, flat by flat."""

    def __init__(self, max_patterns: int) -> None:
        self.max_patterns = max_patterns
        self.found: set[bytes] = set()
        self.flats: set[bytes] = set()
        self.n = 0

    def patterns(self) -> Mask:
        rows = [np.frombuffer(key, dtype=np.uint8) for key in sorted(self.found)]
        return np.ascontiguousarray(np.unpackbits(np.array(rows), axis=1, count=self.n).astype(bool).T)

    def visit(self, normals: Normals, *, below: bool) -> None:
        """Add the patterns of the cells of a flat; with ``below`` of all flats inside it too.

        ``normals`` are those of all samples, restricted to the flat.
        """
        zero = normals.vanishing()
        self.n = len(zero)
        key = np.packbits(zero).tobytes()
        if key in self.flats:
            return
        self.flats.add(key)
        hyperplanes = normals.distinct()
        cells = _cells(normals[hyperplanes], self.max_patterns)
        self._add(_signs(normals.rows, cells) | zero)
        for k in hyperplanes if below else ():
            self.visit(normals.within(k)[0], below=True)

    def _add(self, on: Mask) -> None:
        self.found.update(row.tobytes() for row in np.packbits(on, axis=1))
        if len(self.found) > self.max_patterns:
            raise _too_many(self.max_patterns)


def _too_many(most: int) -> ValueError:
    return ValueError(
        f"X has more than max_patterns={most} arrangement patterns; use fewer samples or features, or sample_arrangements."
    )
