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
    few, small : float
        Variables of all blocks, in units of the entries of the targets where the loss is smooth, and multiply-adds of an iteration, up to
        which the interior point improves a start at no more cost than the proximal Newton method.
    large : float
        Multiply-adds of an iteration from which the proximal method's solution is taken as it is, with the gap that it has.
    kinked, near : float
        Relative gap down to which the proximal method is fast where the loss has kinks; and price, in units of beta, of the blocks on
        which the interior point then finishes.
    besides : float
        What an iteration or a step takes besides its products, as multiply-adds.
    iterations : float
        Iterations of the interior point that Newton steps are compared with, about as many as it takes.
    strong : float
        Penalty, in units of its maximum, where about a first working set of blocks is nonzero.
    products, seen, steps : float, int, float
        With cones: products with the blocks of a working set in a Newton step (a dozen steps of projections and more), blocks of such a set
        at most, and Newton steps of a solve at the strong penalty, inversely to its root at weaker ones.
    steps_without, growth, more : float
        Without cones: Newton steps at the strong penalty, the exponent by which there are more at weaker ones, and their work, in units of
        the interior point's, after which they are given up.
    """

    first: int = 24
    rough: float = 0.1
    direct: float = 3e9
    few: float = 1.25
    small: float = 3e8
    large: float = 3e11
    kinked: float = 1e-4
    near: float = 0.97
    besides: float = 1.5e7
    iterations: float = 12.0
    strong: float = 0.2
    products: float = 30.0
    seen: int = 200
    steps: float = 20.0
    steps_without: float = 12.5
    growth: float = 0.35
    more: float = 1.9

    def is_direct(self, program: ConvexProgram) -> bool:
        """Whether all blocks are solved at once, without a working set."""
        return program.n_blocks <= self.first or interior_point_iteration(program) <= self.direct

    def improves_by_interior_point(self, program: ConvexProgram) -> bool:
        """Whether the interior point improves a start at no more cost than the proximal Newton method."""
        few = program.n_blocks * program.X.shape[1] <= self.few * program.Y.size or not program.loss.smooth
        return few and interior_point_iteration(program) <= self.small

    def is_large(self, program: ConvexProgram) -> bool:
        """Whether an iteration of the interior point takes so long that none is begun after the proximal method."""
        return interior_point_iteration(program) > self.large

    def newton_steps(self, program: ConvexProgram) -> int | None:
        """Newton steps with cones that take as much work as a solve by the interior point; None where they would not be enough."""
        (n, d), seen = program.X.shape, min(program.n_blocks, self.seen)
        step = self.products * seen * d * (n + d**2)
        steps = int(self.solve_work(program) / (step + self.besides))
        return None if steps < self.steps * np.sqrt(self.strong / strength_of(program)) else steps

    def solve_work(self, program: ConvexProgram) -> float:
        """Multiply-adds of a solve by the interior point."""
        return self.iterations * (interior_point_iteration(program) + self.besides)

    def steps_without_cones(self, strength: float) -> float:
        """Newton steps that a solve without cones is likely to take, at a penalty in units of its maximum."""
        return float(self.steps_without * (self.strong / strength) ** self.growth)


#: what the solvers go by unless they are told otherwise
DEFAULT = Choice()


def strength_of(program: ConvexProgram) -> float:
    """Beta in units of the longest gradient of the zero network."""
    longest = float(np.linalg.norm(program.zero_gradients, axis=1).max(initial=0.0))
    return program.beta / longest if longest > 0.0 else np.inf
