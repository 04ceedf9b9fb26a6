"""The best scales of units whose directions are fixed: a nonnegative Lasso over their activations.

This is the fully corrective step of conditional-gradient methods: it sets the scales of new and old units together and drops the ones that
are not needed, at the cost of a few solves of the size of the number of units.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skconvrelu.program import ConvexProgram
from skconvrelu.rows import Rows
from skconvrelu.search.nonnegative_quadratic import minimise_nonnegative
from skconvrelu.search.units import Units
from skconvrelu.stopping import due

Array = NDArray[np.float64]

#: numbers of the design that are multiplied at once
_AT_ONCE = 262_144
#: chunks of activations that are kept from one product to the next
_KEPT = 4


def rescale(program: ConvexProgram, units: Units, *, max_iter: int = 50, tol: float = 1e-8) -> Units:
    """Minimise the objective over the scales of the units (and the intercept) by Newton steps, and drop the zeros.

    A step minimises the quadratic model over nonnegative scales, so that squared error needs two or three. Never worse than
    the units given; ``tol`` is relative to beta.
    """
    if not len(units):
        return units
    lasso = _Lasso(program, units)
    scale, c = units.norms(), program.intercept_basis.T @ program.best_intercept(units.outputs(program.X))
    value = lasso.value(scale, c)
    for _ in range(max_iter):
        if due():
            break
        slope, slope_c, root = lasso.gradient(scale, c)
        free = (scale > 0.0) | (slope < 0.0)
        residual = np.abs(np.where(scale > 0.0, slope, np.minimum(slope, 0.0))).max(initial=0.0)
        if max(residual, np.abs(slope_c).max(initial=0.0)) <= tol * program.beta:
            break
        step, step_c = lasso.newton(root, free, slope, slope_c, scale)
        moved = False
        for shorten in 0.5 ** np.arange(30):
            trial, trial_c = np.maximum(scale + shorten * step, 0.0), c + shorten * step_c
            with np.errstate(
                over="ignore", invalid="ignore"
            ):  # a singular Hessian may send a step anywhere; it is shortened then
                new = lasso.value(trial, trial_c)
            if new < value:
                moved = value - new > 1e-15 * abs(value)
                scale, c, value = trial, trial_c, new
                break
        if not moved:
            break
    keep = scale > 1e-9 * scale.max(initial=0.0)
    return Units(lasso.unit[keep] * scale[keep, None], units.directions[keep])


class _Lasso:
    """Loss plus ``beta sum scale_j`` at ``F = sum_j scale_j (X u_j / ||u_j||)_+ v_j' + basis c``."""

    def __init__(self, program: ConvexProgram, units: Units) -> None:
        self.program, self.directions = program, units.directions
        self.unit = units.coef / units.norms()[:, None]
        # activations of many rows and units are computed again where they are wanted: cheaper than the products with them, and not held
        self.kept = Rows.in_memory(len(units), program.X).n_parts <= _KEPT
        self.X = self._activations(program.X) if self.kept else program.X
        self.basis = program.intercept_basis

    def _activations(self, X: Array) -> Array:
        return np.maximum(X @ self.unit.T, 0.0)

    def _active(self, X: Array) -> Array:
        """Activations of some rows of ``self.X``."""
        return X if self.kept else self._activations(X)

    def _outputs(self, scale: Array, c: Array) -> Array:
        scaled, constant = scale[:, None] * self.directions, self.basis @ c
        return Rows.in_memory(len(scale), self.X).map(lambda X: constant + self._active(X) @ scaled)

    def value(self, scale: Array, c: Array) -> float:
        return self.program.loss_value(self._outputs(scale, c)) + self.program.beta * float(scale.sum())

    def gradient(self, scale: Array, c: Array) -> tuple[Array, Array, Array]:
        """Slopes in the scales and in the intercept, and the root (n, K, K) of the weighted curvature."""
        program = self.program
        F = self._outputs(scale, c)
        G = program.weights[:, None] * program.loss.gradient(F, program.Y)
        root = np.sqrt(program.weights)[:, None, None] * program.loss.curvature_root(F, program.Y)
        pull = Rows.in_memory(len(scale), self.X, G).sum(lambda X, G: self._active(X).T @ G)
        slope = np.einsum("mk,mk->m", pull, self.directions) + program.beta
        return slope, self.basis.T @ G.sum(axis=0), root

    def newton(
        self, root: Array, free: NDArray[np.bool_], slope: Array, slope_c: Array, scale: Array
    ) -> tuple[Array, Array]:
        """Step to the least quadratic model over nonnegative free scales and the intercept; other scales stay."""
        K = root.shape[1]
        index = np.flatnonzero(free)
        size = len(index) + self.basis.shape[1]

        def gram(X: Array, root: Array) -> Array:
            design = self._design(X, root, index)
            return design.T @ design

        hessian = Rows(max(1, _AT_ONCE // (K * max(size, 1))), self.X, root).sum(gram)
        diagonal = np.diagonal(hessian)
        # lifts the directions in which activations depend on each other; monotone decrease is checked by the caller
        hessian[np.diag_indices_from(hessian)] += 1e-10 * diagonal + 1e-12 * diagonal.mean() + np.finfo(float).tiny
        # ... and a loss without curvature those in which it is straight, so that steps stay finite
        straight = 1e-16 * max(np.abs(slope).max(), np.abs(slope_c).max(initial=0.0)) / (scale.max() or 1.0)
        hessian[np.diag_indices_from(hessian)] += np.maximum(straight - np.diagonal(hessian), 0.0)
        here = np.concatenate([scale[index], np.zeros(self.basis.shape[1])])
        there = minimise_nonnegative(hessian, hessian @ here - np.concatenate([slope[index], slope_c]), len(index))
        step = np.zeros(len(slope))
        step[index] = (there - here)[: len(index)]
        return step, there[len(index) :]

    def _design(self, X: Array, root: Array, index: NDArray[np.intp]) -> Array:
        """Some rows of the derivative of the outputs in the free scales and the intercept, times the curvature root."""
        active = self._active(X)[:, index]
        if root.shape[1] == 1:
            columns = active * (root[:, 0] * self.directions[index, 0])
        else:
            columns = np.tensordot(root, self.directions[index], axes=(1, 1))
            columns *= active[:, None]
            columns = columns.reshape(columns.shape[0] * columns.shape[1], len(index))
        border = np.einsum("nkl,kq->nlq", root, self.basis).reshape(len(columns), -1)
        return np.hstack([columns, border])
