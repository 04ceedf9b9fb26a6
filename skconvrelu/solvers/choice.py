"""Which of the package's own solvers a convex program is given to: the numbers that decide it, in one place.

The Newton methods see the nonzero blocks and few others; the interior point sees all, in iterations whose cost and number hardly depend
on how many are nonzero. It is the faster one where its systems are small or many blocks are nonzero. Work is predicted
(:mod:`skconvrelu.costs`) and never measured, like that of a search (:mod:`skconvrelu.policy`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skconvrelu.costs import interior_point_iteration
from skconvrelu.program import ConvexProgram


@dataclass(frozen=True)
class Choice:
    """Numbers by which solvers are chosen; all may be changed by ``dataclasses.replace``.

    Attributes
    ----------
    first : int
        Blocks of a first working set.
    rough : float
        Relative gap of the first round over it: rough prices already tell which blocks matter.
    direct : float
        Multiply-adds of an iteration of the interior point up to which all blocks are solved at once.
    from_start : int
        Iterations of the interior point from a start, which take a dozen where it is a good one.
    few, small, small_kinked : float
        Variables of all blocks, in units of the entries of the targets, and multiply-adds of an iteration, up to which the interior point
        improves a start at no more cost than the proximal Newton method; and where the loss has kinks, however many variables there are.
    large : float
        Multiply-adds of an iteration from which the proximal method's solution is taken as it is, with the gap that it has.
    kinked, near : float
        Relative gap down to which the proximal method is fast where the loss has kinks; and price, in units of beta, of the blocks on
        which the interior point then finishes.
    besides : float
        What an iteration or a step takes besides its products, as multiply-adds.
    iterations, products, seen : float, float, int
        With cones: iterations of the interior point that Newton steps are compared with, somewhat fewer than it takes; products with the
        blocks of a working set in a step (a dozen steps of projections and more); and blocks of such a set at most.
    steps, strong, cheaper : float
        Newton steps with cones that a solve takes at the penalty ``strong``, in units of its maximum, and at weaker ones inversely to its
        root; and by what they are cheaper at stronger ones, with few nonzero blocks.
    iterations_without, more : float
        Without cones: iterations of the interior point; and the Newton method's work, in units of theirs, after which it is given up.
    typical, weakest : float
        Penalty where about a first working set of blocks is nonzero without cones, and the least with few of them.
    steps_without, at, growth : float
        Newton steps without cones that a solve takes at the penalty ``at``, and the exponent by which it takes more at weaker ones.
    """

    first: int = 24
    rough: float = 0.1
    direct: float = 3e9
    from_start: int = 60
    few: float = 1.25
    small: float = 3e8
    small_kinked: float = 1e9
    large: float = 3e11
    kinked: float = 1e-4
    near: float = 0.97
    besides: float = 1.5e7
    iterations: float = 18.0
    products: float = 45.0
    seen: int = 200
    steps: float = 20.0
    strong: float = 0.2
    cheaper: float = 3.0
    iterations_without: float = 9.0
    more: float = 2.5
    typical: float = 0.2
    weakest: float = 0.002
    steps_without: float = 8.0
    at: float = 0.3
    growth: float = 0.35

    def is_direct(self, program: ConvexProgram) -> bool:
        """Whether all blocks are solved at once, without a working set."""
        return program.n_blocks <= self.first or interior_point_iteration(program) <= self.direct

    def improves_by_interior_point(self, program: ConvexProgram) -> bool:
        """Whether the interior point improves a start at no more cost than the proximal Newton method."""
        flops = interior_point_iteration(program)
        if not program.loss.smooth:
            return flops <= self.small_kinked
        return program.n_blocks * program.X.shape[1] <= self.few * program.Y.size and flops <= self.small

    def is_large(self, program: ConvexProgram) -> bool:
        """Whether an iteration of the interior point takes so long that none is begun after the proximal method."""
        return interior_point_iteration(program) > self.large

    def newton_steps(self, program: ConvexProgram) -> int | None:
        """Newton steps with cones that take as much work as a solve by the interior point; None where they would not be enough."""
        strength = strength_of(program)
        steps = self.steps_within(program, strength)
        return None if steps < self.steps * np.sqrt(self.strong / strength) else steps

    def steps_within(self, program: ConvexProgram, strength: float) -> int:
        """Newton steps with cones, at a penalty in units of its maximum, that take as much work as a solve by the interior point."""
        (n, d), seen = program.X.shape, min(program.n_blocks, self.seen)
        step = self.products * seen * d * (n + d**2) / (self.cheaper if strength >= self.strong else 1.0)
        return int(self.iterations * (interior_point_iteration(program) + self.besides) / (step + self.besides))

    def worth_without(self, program: ConvexProgram) -> float:
        """Multiply-adds of a solve without cones by the interior point."""
        return self.iterations_without * (interior_point_iteration(program) + self.besides)

    def steps_without_cones(self, strength: float) -> float:
        """Newton steps that a solve without cones is likely to take, at a penalty in units of its maximum."""
        return float(self.steps_without * (self.at / strength) ** self.growth)


#: what the solvers go by unless they are told otherwise
DEFAULT = Choice()


def strength_of(program: ConvexProgram) -> float:
    """Beta in units of the longest gradient of the zero network."""
    longest = float(np.linalg.norm(program.zero_gradients, axis=1).max(initial=0.0))
    return program.beta / longest if longest > 0.0 else np.inf
