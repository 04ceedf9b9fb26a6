"""What a search may spend, and on what: the numbers that decide what runs when, in one place.

Whether something is worth its time is asked here and nowhere else in :mod:`skconvrelu.search`. Costs are predicted, from counts of
operations and a nominal speed, and never measured: a model must not depend on the clock. Everything that searches is handed a
:class:`Policy`; estimators have the default one as the class attribute ``_policy``, which a subclass may replace.
"""

from __future__ import annotations

from dataclasses import dataclass

from skconvrelu import costs
from skconvrelu.limits import limits
from skconvrelu.program import ConvexProgram


@dataclass(frozen=True)
class Policy:
    """Numbers by which a search decides; all of them may be changed by ``dataclasses.replace``.

    Attributes
    ----------
    speed : float
        Operations a second of products on one core: nominal, so that predicted seconds are the same everywhere.
    held : int
        Numbers in one array over samples and units beyond which no convex program is solved.
    many_rows : int
        Samples above which prices are climbed by gradient ascents, and convex programs count as expensive.

    max_rounds : int
        Rounds that ``refine=True`` may take.
    steps : int
        L-BFGS steps of a round.
    piece, pruning_steps : int
        L-BFGS steps between two prunings (nonnegative Lassos over the units), where descent does the work of convex programs, and of a
        round of many samples at least; and Newton steps of a pruning.
    rounded : float
        Share of the typical loss over which descent rounds the kinks of a piecewise linear one.
    new_units : int
        Units that a round may add, beside as many as there are.
    units_per_target : float
        Units for each entry of the targets beyond which (and ``new_units``) the shortest leave as new ones enter: an optimum needs one.
    stalled : float
        Gain of the objective, in units of tol or a tenth of the gap, below which a round has not moved the search.
    in_vain : int
        How often something may be tried in vain: rounds that have not moved the search, pricings without a rediscovery before the last one
        ends, and further pricings at the best dual point before an expensive end of the search rests on it.
    loosest, finest : float
        Relative gap of the first round's convex program, and the least that is asked for.
    late : float
        Relative gap from which new units go straight into the convex program: descent has nothing to add.
    far : float
        Searched gap, in units of tol, down to which a round's pricing climbs by ascents: most of what it finds does not enter.
    rough, slow : float
        Searched gap up to which expensive convex programs are solved all the same, and the gain of a round, as a share of the objective, up
        to which they are.

    expensive_step : float
        Seconds of a Newton step from which a convex program is expensive.
    program_seconds : float
        Seconds in convex programs after which a search ends: as much as a default should take.
    round_iterations : int
        Iterations in the convex program of one round: the next one goes on where it stopped, with better arrangements.
    unsolved : int
        Rounds whose convex program was not solved all the same after which a search ends; outputs that are searched apart share them.
    cones, all_cones : float
        Seconds of the projections on all cones at their worst beyond which no convex program is solved, and of a step of the projection on
        one cone, and on all of them, beyond which no network is given a bound by projections.

    starts_per_dimension, most_starts : int
        Independent starts of a pricing, for each output and sign: so many a dimension, at most so many for all.
    pricing_seconds : float
        Seconds of one pricing that these may take.
    walked : int
        Numbers in X up to which exact walks are added to them where these are poor, and above which a small penalty is approached along
        falling ones.
    least_seconds : float
        Seconds in independent starts that the last pricing takes at least, over the root of tol: finer statements need more of them.
    last_starts : int
        Independent starts after which the last pricing ends. Beyond the seconds of one pricing it asks for evidence only.
    provable : tuple of int
        Samples up to which exact pricing takes about a tenth of a second, for ranks one, two and so on.
    proof_cones : int
        Cones after which it gives up.

    part, part_growth : int
        Samples of the first part where there are more than twice as many; how many times larger the next part is.
    part_rounds : int
        Rounds on each part.
    descent_seconds, part_seconds : float
        Seconds up to which there are more; and on a part.
    least_gain : float
        Gain of a step, as a share of the zero network's loss, that is not worth another pass over many samples.

    path_steps, path_starts : int
        Of each penalty of a path: L-BFGS steps before and after a pricing; and its starts an output and sign, and sampled gates that join.
    path_above, path_pricings, path_far : float, int, float
        Price, in units of beta, from which a unit joins; pricings at one penalty; and the largest price from which there is another one.
    path_begin, path_ratio : float
        Where an approach begins, and the first part of many samples, as a share of the largest price at the zero network; and the ratio of
        the penalties.
    """

    speed: float = 2e10
    held: int = 15_000_000
    many_rows: int = 5_000

    max_rounds: int = 60
    steps: int = 300
    piece: int = 60
    pruning_steps: int = 20
    rounded: float = 0.05
    new_units: int = 100
    units_per_target: float = 2.0
    stalled: float = 0.03
    in_vain: int = 3
    loosest: float = 3e-2
    finest: float = 1e-9
    late: float = 1e-3
    far: float = 10.0
    rough: float = 0.01
    slow: float = 1.5e-4

    expensive_step: float = 1.0
    program_seconds: float = 2_000.0
    round_iterations: int = 60
    unsolved: int = 10
    cones: float = 0.1
    all_cones: float = 10.0

    starts_per_dimension: int = 20
    most_starts: int = 800
    pricing_seconds: float = 5.0
    walked: int = 1_000
    least_seconds: float = 0.005
    last_starts: int = 16_000
    provable: tuple[int, ...] = (10_000, 2_000, 500, 60, 25)
    proof_cones: int = 5_000

    part: int = 15_000
    part_growth: int = 4
    part_rounds: int = 2
    descent_seconds: float = 250.0
    part_seconds: float = 50.0
    least_gain: float = 1e-7

    path_steps: int = 30
    path_starts: int = 15
    path_above: float = 1.02
    path_pricings: int = 4
    path_far: float = 2.0
    path_begin: float = 0.1
    path_ratio: float = 10.0**0.5

    def seconds(self, operations: float) -> float:
        """Predicted time of so many operations."""
        return operations / self.speed

    def has_many_rows(self, program: ConvexProgram) -> bool:
        """Whether prices are climbed by ascents."""
        return len(program.X) > self.many_rows

    def sees_parts(self, program: ConvexProgram) -> bool:
        """Whether the first rounds see a part of the samples only."""
        return len(program.X) > 2 * self.part

    def newton_step(self, program: ConvexProgram, n_coef: int) -> float:
        """Seconds of a Newton step over so many coefficients."""
        return self.seconds(costs.newton_step(program, n_coef))

    def has_long_steps(self, program: ConvexProgram, n_coef: int) -> bool:
        """Whether a Newton step over so many coefficients alone takes as long as a pricing."""
        return self.newton_step(program, n_coef) > self.expensive_step

    def is_expensive(self, program: ConvexProgram, n_coef: int) -> bool:
        """Whether the convex program over so many coefficients takes much longer than a round of descent."""
        return self.has_many_rows(program) or self.has_long_steps(program, n_coef)

    def is_solved(self, program: ConvexProgram, n_units: int) -> bool:
        """Whether the convex program over the patterns of so many units is solved at all."""
        n, d = program.X.shape
        return n_units * n <= self.held and self.seconds(n_units * costs.active_set_projection(d)) <= self.cones

    def is_projected(self, program: ConvexProgram, n_blocks: int) -> bool:
        """Whether vectors are projected on so many cones to bound the prices of a network."""
        n, d = program.X.shape
        one = self.seconds(costs.cone_step(n, d))
        # a part of many samples screens the cones first
        return (
            one <= self.cones
            and n_blocks * self.seconds(costs.cone_step(min(n, limits().screening), d)) <= self.all_cones
        )

    def is_provable(self, program: ConvexProgram) -> bool:
        """Whether a fit proves its bound by exact pricing."""
        n, d = program.X.shape
        return not program.shared and d <= len(self.provable) and n <= self.provable[d - 1]

    def is_walked(self, program: ConvexProgram) -> bool:
        """Whether exact walks may be added to the climbs of a pricing."""
        return program.X.size <= self.walked

    def unsolved_rounds(self, n_searches: int) -> int:
        """Rounds with unsolved convex programs that each of so many searches of a fit may have."""
        return -(-self.unsolved // n_searches)

    def most_units(self, program: ConvexProgram) -> int:
        """Units beyond which the shortest leave as new ones enter."""
        return int(self.units_per_target * program.Y.size) + self.new_units


#: what estimators have
DEFAULT = Policy()
