"""Operations (multiply-adds, about) of what costs time: one formula for each kernel, from shapes alone.

Whoever decides between methods, or says how long something takes, counts with these: :mod:`skconvrelu.policy` makes seconds of them.
"""

from __future__ import annotations

from skconvrelu.program import ConvexProgram

#: conjugate gradient steps that are expected before any were taken
EXPECTED_STEPS = 6
#: what the operations of a conjugate gradient step and of eigenvalues cost in those of large products; and a step's calls, in multiply-adds
_SLOWER, _EIGENVALUES, _CALLS = 2.0, 15.0, 1e6


def descent_step(program: ConvexProgram, n_units: int) -> float:
    """An L-BFGS step of a network: two products with X in both directions, and as many with the outputs."""
    n, d = program.X.shape
    return 4.0 * n * n_units * (d + program.Y.shape[1])


def pruning_step(program: ConvexProgram, n_units: int) -> float:
    """A Newton step in the scales of so many units: their Gram matrix over all samples and outputs."""
    return float(program.Y.size) * max(n_units, 1) ** 2


def newton_step(program: ConvexProgram, n_coef: int) -> float:
    """A Newton step over so many coefficients, on the side of these or of the outputs."""
    few, many = sorted((program.Y.size, n_coef))
    return float(few) ** 2 * many


def pricing_steps(program: ConvexProgram, n_starts: int, steps: int) -> float:
    """So many inner steps of a search for prices: two products with X each, and elementwise work of the same order."""
    return 4.0 * n_starts * steps * program.X.size


def cone_step(n_rows: int, d: int) -> float:
    """A step of the projection on one cone by an interior point."""
    return float(n_rows) * d * d


def active_set_projection(d: int) -> float:
    """A projection on one cone by active sets at its worst, with as many constraints as features."""
    return float(d) ** 3


def factorisations(
    data: tuple[int, ...], blocks: tuple[int, ...], constant_curvature: bool, constrained: bool
) -> tuple[float, float]:
    """One factorisation of an interior point on the Gram and on the Woodbury side."""
    rows, cols = float(data[0] * blocks[1]), float(blocks[0] * data[1])
    formed = cols if constrained else 2.0 * blocks[0]
    return cols**3 / 3 + (0.0 if constant_curvature else rows * cols**2), rows**2 * formed + rows**3 / 3


def interior_point_iteration(program: ConvexProgram) -> float:
    """One iteration of the interior point over all blocks of a program."""
    (n, d), (B, K) = program.X.shape, program.block_directions.shape
    cones = float(n) * B * d**2 if program.constrained else 0.0
    constant = program.loss.quadratic and not program.constrained
    return min(factorisations((n, d), (B, K), constant, program.constrained)) + cones


def block_systems(
    shape: tuple[int, ...], n_blocks: float, d: int, *, constant: bool, steps: float = EXPECTED_STEPS
) -> tuple[float, float, float]:
    """The Newton system of nonzero blocks without cones in three ways.

    On the side of the blocks, where a constant curvature need not be formed, on that of the outputs, and by conjugate gradients.
    """
    outputs, size = float(shape[0] * shape[1]), n_blocks * d
    by_blocks = (0.0 if constant else outputs * size**2) + size**3 / 3
    by_outputs = outputs**2 * (d + 2.0 * n_blocks + outputs / 3)
    product = _SLOWER * 2.0 * (shape[0] * size + size * (n_blocks + d)) + _CALLS
    return by_blocks, by_outputs, outputs * n_blocks**2 + (d + _EIGENVALUES) * n_blocks**3 + (steps + 1.0) * product


def block_system(program: ConvexProgram, n_blocks: float) -> float:
    """The Newton system of so many blocks in the cheapest way."""
    return min(block_systems(program.Y.shape, n_blocks, program.X.shape[1], constant=program.loss.quadratic))
