"""Training along falling penalties: the unit of work that cross-validation spreads over folds, outputs and machines."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skconvrelu.kernels.blas_threads import one_blas_thread
from skconvrelu.network import TwoLayerReLU
from skconvrelu.problem import Coordinates, Problem
from skconvrelu.program import ConvexProgram
from skconvrelu.search.beta_path import follow
from skconvrelu.search.units import Units, signed_axes
from skconvrelu.solution import Solution
from skconvrelu.solvers import independent_outputs, solve_program
from skconvrelu.stopping import due, seconds_left, until
from skconvrelu.training.trained import Options

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Point:
    """A network at one penalty: units in program coordinates, intercept, and its blocks where arrangements are given."""

    beta: float
    units: Units
    intercept: Array
    blocks: NDArray[np.intp] | None = None


@dataclass(frozen=True, eq=False)
class PenaltyPath:
    """A program to be trained along falling penalties.

    ``searches`` goes over all arrangements by descent, pruning and pricing (:func:`skconvrelu.search.beta_path.follow`); otherwise the
    convex program over the given ones is solved at each penalty.
    """

    program: ConvexProgram
    coordinates: Coordinates
    gates: Array
    searches: bool
    options: Options
    seed: int

    def advance(self, betas: list[float], start: Point | None) -> list[Point]:
        """Points at the penalties, from the point before them; random numbers depend on the seed and the size of the first penalty only.

        Where work is to stop, at the first of the penalties only.
        """
        with one_blas_thread():
            return self._search(betas, start) if self.searches else self._solve(betas, start)

    def _search(self, betas: list[float], start: Point | None) -> list[Point]:
        inward = [self.coordinates.beta_inward(beta) for beta in betas]
        # whatever the units of X and y
        first = np.clip(inward[0], np.finfo(np.float64).tiny, np.finfo(np.float64).max)
        size = round(1e3 * float(np.log2(first) - np.log2(self.program.largest_price() or 1.0)))
        rng = np.random.RandomState([self.seed, size % 2**32])
        units = None if start is None else start.units
        options = self.options
        found = follow(self.program, self.gates, inward, rng, units, n_jobs=options.n_jobs, policy=options.policy)
        return [
            Point(beta, units, program.best_intercept(units.outputs(program.X)))
            for beta, (program, units) in zip(betas, found, strict=False)
        ]

    def _solve(self, betas: list[float], start: Point | None) -> list[Point]:
        points: list[Point] = []
        for beta in betas:
            program = self.program.at_beta(self.coordinates.beta_inward(beta))
            last = points[-1] if points else start
            begin = None
            if last is not None and last.blocks is not None:
                begin = Solution.unverified(program, last.blocks, last.units.coef)
            solution = solve_program(
                program, solver=self.options.solver, tol=self.options.tol, max_iter=self.options.max_iter, start=begin
            )
            units = Units(solution.coef, program.block_directions[solution.blocks])
            points.append(Point(beta, units, solution.intercept, solution.blocks))
            if due():
                break
        return points


@dataclass(frozen=True, eq=False)
class Fold:
    """The training part of one fold: a path for all outputs, or one for each where the loss lets them be trained apart."""

    problem: Problem
    paths: list[PenaltyPath]
    gates: Array | None

    @classmethod
    def build(
        cls, problem: Problem, program: ConvexProgram, gates: Array, options: Options, seed: int, *, searches: bool
    ) -> Fold:
        """``gates`` (d, P) in the coordinates of the data; they decide in prediction where the program is not constrained.

        ``options.n_jobs`` threads share the work of one path; workers that train several of them want none.
        """
        inward = problem.gates_inward(gates.T)
        parts = [part for part, _ in independent_outputs(program)] if searches else [program]
        paths = [
            PenaltyPath(part, problem.coordinates, inward, searches, options, (seed + k) % 2**32)
            for k, part in enumerate(parts)
        ]
        return cls(problem, paths, None if program.constrained else gates)

    def joined(self, points: list[Point]) -> Point:
        """The point of all outputs together."""
        if len(points) == 1:
            return points[0]
        K = len(points)
        axes = signed_axes(K)
        return Point(
            points[0].beta,
            Units(
                np.vstack([p.units.coef for p in points]),
                np.vstack([axes[np.where(p.units.directions[:, 0] > 0.0, k, K + k)] for k, p in enumerate(points)]),
            ),
            np.concatenate([p.intercept for p in points]),
        )

    def outward(self, point: Point) -> Units:
        """Units in the coordinates of the data."""
        return self.problem.units_outward(point.units)

    def network(self, point: Point) -> TwoLayerReLU:
        """The network of a joined point."""
        gates = self.gates
        if gates is not None:
            gates = gates[:, self.paths[0].program.block_patterns[point.blocks]]
        units, intercept = self.outward(point), self.problem.coordinates.intercept_outward(point.intercept)
        return TwoLayerReLU.from_convex(
            units.coef, units.directions, intercept, biases=self.problem.fit_intercept, gates=gates
        )


def advance(path: PenaltyPath, betas: list[float], start: Point | None, left: int = 1) -> list[Point]:
    """:meth:`PenaltyPath.advance` as a function, which workers can import, in an equal share of the time for ``left`` such in a row."""
    with until(time.monotonic() + seconds_left() / left):
        return path.advance(betas, start)
