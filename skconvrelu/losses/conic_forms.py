"""The losses as rows and cones of a neutral cone program: one function a loss.

Each adds what it needs to a :class:`~skconvrelu.solvers.conic_form.Builder` that holds the variables ``f`` (n, K) of the outputs, and
returns a constant on top.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


def squared_error(loss: Any, Y: Array, weights: Array, build: Any, f: Indices) -> float:
    """``s >= sum_i w_i ||f_i - y_i||^2 / 2`` as ``(1, s, sqrt(w) (f - y))`` in a rotated cone."""
    root = np.repeat(np.sqrt(weights)[:, None], f.shape[1], axis=1)
    build.in_cones(_half_square(build, root, -Y), f, root)
    return 0.0


def _exponentials(build: Any, arguments: int, n: int) -> tuple[Indices, Indices]:
    """``z_k >= exp(x_k)`` with ``sum_k z_k <= 1`` for each sample: cone rows (n, arguments) of the x_k, and nothing else."""
    z = build.variables(n * arguments).reshape(n, arguments)
    total = build.rows(n, -np.inf, 1.0)
    build.in_rows(total[:, None], z, 1.0)
    g = np.tile([0.0, 1.0, 0.0], (n * arguments, 1))
    rows = build.cone("exponential", 3, g).reshape(n, arguments, 3)
    build.in_cones(rows[:, :, 0], z, 1.0)
    return rows[:, :, 2], z


def binary_log_loss(loss: Any, Y: Array, weights: Array, build: Any, f: Indices) -> float:
    """``t >= log(1 + exp(-y f))`` as ``exp(-t) + exp(-y f - t) <= 1``."""
    t = build.variables(len(f), weights)
    x, _ = _exponentials(build, 2, len(f))
    build.in_cones(x, t[:, None], -1.0)
    build.in_cones(x[:, 1], f[:, 0], -Y[:, 0])
    return 0.0


def multinomial_log_loss(loss: Any, Y: Array, weights: Array, build: Any, f: Indices) -> float:
    """``t >= log sum_k exp(f_k)`` as ``sum_k exp(f_k - t) <= 1``; the label's output is subtracted in the cost."""
    n, K = f.shape
    t = build.variables(n, weights)
    x, _ = _exponentials(build, K, n)
    build.in_cones(x, t[:, None], -1.0)
    build.in_cones(x, f, 1.0)
    _add_cost(build, f, -weights[:, None] * Y)
    return 0.0


def huber(loss: Any, Y: Array, weights: Array, build: Any, f: Indices) -> float:
    """``f - y = a + c`` with ``w a^2 / 2`` as a rotated cone and ``w epsilon |c|`` by two rows."""
    weights = np.repeat(weights[:, None], f.shape[1], axis=1)
    c = build.variables(f.size).reshape(f.shape)
    size = build.variables(f.size, (loss.epsilon * weights).ravel()).reshape(f.shape)
    for sign in (1.0, -1.0):
        rows = build.rows(f.size, 0.0, np.inf).reshape(f.shape)
        build.in_rows(rows, size, 1.0)
        build.in_rows(rows, c, sign)
    tails = _half_square(build, np.sqrt(weights), -Y)
    build.in_cones(tails, f, np.sqrt(weights))
    build.in_cones(tails, c, -np.sqrt(weights))
    return 0.0


def squared_hinge(loss: Any, Y: Array, weights: Array, build: Any, f: Indices) -> float:
    """``xi >= 1 - y f``, ``xi >= 0``, and the sum of ``w xi^2`` as a rotated cone."""
    root = np.repeat(np.sqrt(2.0 * weights)[:, None], f.shape[1], axis=1)
    xi = build.variables(f.size).reshape(f.shape)
    positive = build.rows(f.size, 0.0, np.inf).reshape(f.shape)
    build.in_rows(positive, xi, 1.0)
    margin = build.rows(f.size, 1.0, np.inf).reshape(f.shape)
    build.in_rows(margin, xi, 1.0)
    build.in_rows(margin, f, Y)
    build.in_cones(_half_square(build, root, np.zeros(f.shape)), xi, root)
    return 0.0


def _half_square(build: Any, root: Array, shift: Array) -> Indices:
    """``s >= ||x||^2 / 2`` at cost s: the rows of x, filled with ``root * shift`` so far."""
    s = build.variables(1, 1.0)
    g = np.concatenate([[1.0, 0.0], (root * shift).ravel()])
    rows = build.cone("rotated", len(g), g[None, :])[0]
    build.in_cones(rows[1], s, 1.0)
    return rows[2:].reshape(shift.shape)


def poisson(loss: Any, Y: Array, weights: Array, build: Any, f: Indices) -> float:
    """``z >= exp(f)`` at cost ``w z - w y f``."""
    each = np.repeat(weights[:, None], f.shape[1], axis=1)
    z = build.variables(f.size, each.ravel())
    rows = build.cone("exponential", 3, np.tile([0.0, 1.0, 0.0], (f.size, 1)))
    build.in_cones(rows[:, 0], z, 1.0)
    build.in_cones(rows[:, 2], f.ravel(), 1.0)
    _add_cost(build, f, -each * Y)
    return float(weights @ loss.dropped(Y))


def piecewise_linear(loss: Any, Y: Array, weights: Array, build: Any, f: Indices) -> float:
    """``t`` above both lines, a row each; where a slope is infinite the row bounds f itself."""
    kink = loss.kink(Y)
    t = build.variables(f.size, np.repeat(weights, f.shape[1])).reshape(f.shape)
    for slope in loss.slopes(Y):
        finite = np.isfinite(slope)
        rows = build.rows(int(finite.sum()), (-slope * kink)[finite], np.inf)
        build.in_rows(rows, t[finite], 1.0)
        build.in_rows(rows, f[finite], -slope[finite])
        bounded = ~finite
        rows = build.rows(int(bounded.sum()), (-np.sign(slope) * kink)[bounded], np.inf)
        build.in_rows(rows, f[bounded], -np.sign(slope)[bounded])
    return 0.0


def _add_cost(build: Any, x: Indices, cost: Array) -> None:
    """Add ``cost`` of variables that exist already, through one variable that equals it."""
    total = build.variables(1, 1.0)
    row = build.rows(1, 0.0, 0.0)
    build.in_rows(row[0], total[0], -1.0)
    build.in_rows(row[0], x, cost)
