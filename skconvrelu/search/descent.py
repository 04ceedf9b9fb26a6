"""Descent on the nonconvex problem: a balanced network trained by L-BFGS, which crosses cell walls freely.

Its stationary points are the optima of the convex program over their own patterns (Wang, Lacotte & Pilanci 2022); where it
stalls at kinks (``x_i' u = 0``) the convex program takes over.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from scipy.optimize import minimize

from skconvrelu.limits import limits
from skconvrelu.program import ConvexProgram
from skconvrelu.rows import Rows
from skconvrelu.search.convex_concave import DType
from skconvrelu.search.units import Units
from skconvrelu.search.whitening import column_sizes
from skconvrelu.stopping import due, may_end_early

Array = NDArray[np.float64]


def descend(
    program: ConvexProgram,
    units: Units,
    *,
    steps: int,
    dtype: DType = np.float64,
    n_jobs: int | None = None,
    least_gain: float = 1e-13,
) -> Units:
    """Improve units by at most ``steps`` L-BFGS iterations on ``(beta / 2) (||W1||^2 + ||w2||^2)`` plus the loss.

    Parameters
    ----------
    program : ConvexProgram
        Data, loss and beta; its patterns play no part.
    units : Units
        Start. Units that end at zero are dropped.
    steps : int
    dtype : numpy floating type, default=float64
        Of the matrix products; float32 halves the time where only a direction is wanted.
    n_jobs : int, default=None
        Threads that share many rows; the result does not depend on it.
    least_gain : float, default=1e-13
        Gain of a step, as a share of the zero network's loss, below which it is the last one.

    Returns
    -------
    units : Units
        Better than the start, or the start itself.
    """
    if not len(units) or due():
        return units
    with _beyond_doubles():
        return _descended(program, units, steps, dtype, n_jobs, least_gain)


def _beyond_doubles() -> np.errstate:
    """Silence: values that are not finite end a descent, and its start is kept. For each thread a new one."""
    return np.errstate(over="ignore", invalid="ignore", divide="ignore")


def _descended(
    program: ConvexProgram, units: Units, steps: int, dtype: DType, n_jobs: int | None, least_gain: float
) -> Units:
    problem = (_Shared if program.shared else _Balanced)(program, units.directions, dtype)
    jobs = effective_n_jobs(n_jobs) if len(program.X) > limits().share else 1
    with ThreadPoolExecutor(jobs) if jobs > 1 else nullcontext() as problem.pool:
        best = problem.pack(units)

        def keep(z: Array) -> None:
            nonlocal best
            best = z.copy()
            if due():
                raise StopIteration

        with may_end_early():
            # a steeper limit on function values than on steps: they cost the same
            best = minimize(
                problem,
                best,
                jac=True,
                method="L-BFGS-B",
                callback=keep,
                options={"maxiter": steps, "maxfun": 2 * steps + 20, "maxcor": 10, "ftol": least_gain, "gtol": 0.0},
            ).x
    moved = problem.unpack(best)
    return moved if len(moved) and moved.objective(program) < units.objective(program) else units


class _Balanced:
    """Objective and gradient in the weights ``(w1_j, a_j)`` of each unit and the intercept, in units of their own scale.

    Columns of X are brought to one size and divided by the root mean square norm of the rows, the objective by the loss of the zero
    network, which makes the iterates independent of the units of the features and of y and keeps L-BFGS's absolute tolerances meaningful.
    The penalty stays that of the weights on X itself.
    """

    #: threads that share the rows
    pool: ThreadPoolExecutor | None = None

    def __init__(self, program: ConvexProgram, directions: Array, dtype: DType) -> None:
        self.program, self.directions = program, directions
        columns = column_sizes(program.X)
        scaled = program.X / columns
        rows = float(np.sqrt(program.weights @ np.square(scaled).sum(axis=1))) or 1.0
        self.X: NDArray[Any] = np.asarray(scaled / rows, dtype=dtype)
        # one size for all columns, in which hidden and output weights are about equal
        typical = float(np.exp2(np.mean(np.log2(columns))))
        self.size = rows * typical
        # weights on the scaled columns times this are those on X
        self.back = typical / columns
        self.squares = np.square(self.back)
        self.beta = program.beta / self.size
        self.unit = program.loss_value(np.zeros_like(program.Y)) or 1.0
        self.basis = program.intercept_basis
        # one unit of weight is worth this much output
        self.reach = np.sqrt(self.unit)

    def pack(self, units: Units) -> Array:
        coef = units.coef * (self.size / self.reach)
        root = np.sqrt(np.linalg.norm(coef, axis=1))[:, None]
        c = self.basis.T @ self.program.best_intercept(units.outputs(self.program.X))
        own = self._own(root * units.directions)
        return np.concatenate([(coef / root / self.back).ravel(), own.ravel(), c / self.reach])

    def unpack(self, z: Array) -> Units:
        W, V, _ = self._split(z)
        lengths = np.linalg.norm(V, axis=1)
        coef = W * self.back * (lengths * (self.reach / self.size))[:, None]
        sizes = np.linalg.norm(coef, axis=1)
        keep = sizes > 1e-10 * sizes.max(initial=0.0)
        return Units(coef[keep], V[keep] / lengths[keep, None] + 0.0)

    def _split(self, z: Array) -> tuple[Array, Array, Array]:
        """Hidden weights (m, d), output weights (m, K) and intercept."""
        m, d = len(self.directions), self.X.shape[1]
        end = len(z) - self.basis.shape[1]
        return z[: m * d].reshape(m, d), self._output_weights(z[m * d : end]), z[end:]

    def _output_weights(self, own: Array) -> Array:
        """Output weights (m, K) from the variables they depend on: a length along each unit's direction."""
        return own[:, None] * self.directions

    def _own(self, V: Array) -> Array:
        """What (m, K) output weights, or slopes in them, are in those variables."""
        return np.einsum("mk,mk->m", V, self.directions)

    def __call__(self, z: Array) -> tuple[float, Array]:
        """Value and gradient; shares of the rows are summed in their order, whoever works on them."""
        W, V, c = self._split(z)
        shares = Rows(limits().share, self.X, self.program.Y, self.program.weights)
        run = map if self.pool is None or shares.n_parts == 1 else self.pool.map
        loss, grad_W, grad_V, total = shares.sum(lambda X, Y, weights: self._sums(X, Y, weights, W, V, c), run)
        value = float(loss) + 0.5 * self.beta * self.reach * float(
            (np.square(W) * self.squares).sum() + np.square(V).sum()
        )
        gradient = self.reach * np.concatenate(
            [
                (grad_W + self.beta * self.squares * W).ravel(),
                self._own(grad_V + self.beta * V).ravel(),
                self.basis.T @ total,
            ]
        )
        return value / self.unit, gradient / self.unit

    def _sums(self, X: NDArray[Any], Y: Array, weights: Array, W: Array, V: Array, c: Array) -> tuple[Array, ...]:
        """Loss, its gradients in both layers and of the outputs, summed over a share of the rows.

        Some rows at a time: activations then stay in the cache from the first product to the last.
        """
        loss, K = self.program.loss, V.shape[1]
        Vx, down = V.astype(X.dtype), np.ascontiguousarray(W.T, dtype=X.dtype)
        limit = limits()
        cached = limit.cached // 2 if len(self.X) <= limit.share else limit.cached_in_shares
        rows = Rows.in_cache(len(W), X, Y, weights, numbers=cached)
        workspace = np.empty((min(rows.step, len(X)), len(W)), dtype=X.dtype)

        def sums(X: NDArray[Any], Y: Array, weights: Array) -> tuple[Array, ...]:
            active = np.matmul(X, down, out=workspace[: len(X)])
            np.maximum(active, 0.0, out=active)
            F = self.reach * (np.asarray(active @ Vx, dtype=np.float64) + self.basis @ c)
            value = np.asarray(weights @ loss.value(F, Y))
            G = weights[:, None] * loss.gradient(F, Y)
            Gx = G.astype(X.dtype)
            grad_V = np.asarray(active.T @ Gx, dtype=np.float64)
            np.greater(active, 0.0, out=active)
            if K == 1:  # the sides of the units can wait until the rows are summed
                grad_W = active.T @ (X * Gx)
            else:
                active *= Gx @ Vx.T
                grad_W = active.T @ X
            return value, np.asarray(grad_W, dtype=np.float64), grad_V, G.sum(axis=0)

        with _beyond_doubles():
            value, grad_W, grad_V, total = rows.sum(sums)
        return value, grad_W * V if K == 1 else grad_W, grad_V, total


class _Shared(_Balanced):
    """The same with output weights (m, K) that are free: directions move too."""

    def _output_weights(self, own: Array) -> Array:
        return own.reshape(self.directions.shape)

    def _own(self, V: Array) -> Array:
        return V
