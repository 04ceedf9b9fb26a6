"""All global optima of a training problem: a polytope of unit scales."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, linprog, milp

from skconvrelu._by_value import ByValue
from skconvrelu._checks import check_count, check_number, check_rng, check_shape, check_vector
from skconvrelu.arrangements import enumerate_arrangements
from skconvrelu.losses import BinaryLogLoss, Poisson, SquaredError, SquaredErrorOnCodes
from skconvrelu.network import TwoLayerReLU
from skconvrelu.program import ConvexProgram
from skconvrelu.search.units import Units
from skconvrelu.solution import Solution
from skconvrelu.solvers import solve_program
from skconvrelu.theory._nonnegative import nonnegative_least_squares, project_on_cone
from skconvrelu.theory._setting import Setting

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: cosine from which two rays with one output direction are the same unit
_SAME = 1.0 - 1e-9
#: singular values of the units' outputs below this fraction of the largest count as zero: rays are known to about 1e-6
_DEPENDENT = 1e-6
#: scales below this fraction of their sum count as zero
_ZERO = 1e-7
#: factor by which the tolerance of activity is widened while members are worse than the solution, and the widest
_WIDER, _WIDEST = 10.0, 1e-2
#: excess of a member's objective over the solution's, relative to it, that rounding explains
_EXCESS = 1e-7


@dataclass(frozen=True, eq=False)
class OptimalSet(ByValue):
    """The optimal set ``{alpha >= 0 : sum_j alpha_j (X u_j)_+ v_j' + 1 b' = fit}`` over fixed unit vectors.

    Attributes
    ----------
    units : ndarray of shape (m, d)
        Unit vectors ``u_j`` in the row space: those whose price is beta, none twice; with ``fit_intercept`` the last entry is a bias.
    directions : ndarray of shape (m, K)
        Their output directions ``v_j``.
    fit : ndarray of shape (n_samples, K)
        Outputs of every optimal network on X.
    dual_coef : ndarray of shape (n_samples, K)
        The dual point.
    objective, lower_bound : float
        Training objective of every member, and a proven bound over the arrangements.
    alpha : ndarray of shape (m,)
        One member.
    possible : bool ndarray of shape (m,)
        Units that are active in some member.
    dimension : int
        Of the polytope; zero when there is one optimal network up to permutation and splitting.
    """

    units: Array
    directions: Array
    fit: Array
    dual_coef: Array
    objective: float
    lower_bound: float
    alpha: Array
    possible: Mask
    dimension: int
    _setting: Setting = field(repr=False, compare=False)
    _equations: tuple[Array, Array] = field(repr=False, compare=False)

    @property
    def is_unique(self) -> bool:
        """One optimal network, up to permutation and splitting of units and what differs outside the row space."""
        return self.dimension == 0

    def extreme(self, random_state: Any = None) -> Array:
        """Scales (m,) of a vertex of the polytope, the least one for a random linear cost."""
        rng = check_rng(random_state)
        return self._vertex(rng.standard_normal(len(self.alpha)))

    def member(self, random_state: Any = None, *, n_vertices: int = 5) -> Array:
        """Scales (m,) of a random convex combination of vertices."""
        rng = check_rng(random_state)
        shares = rng.dirichlet(np.ones(check_count(n_vertices, "n_vertices")))
        return sum((share * self.extreme(rng) for share in shares), np.zeros_like(self.alpha))

    def fewest_units(self) -> Array:
        """Scales (m,) of a member with as few units as any, by a mixed-integer linear program."""
        A, b = self._equations
        m, total = len(self.alpha), float(self.alpha.sum())
        if m == 0:
            return self.alpha.copy()
        result = milp(
            np.r_[np.zeros(m), np.ones(m)],
            constraints=[
                LinearConstraint(np.hstack([A * total, np.zeros_like(A)]), b, b),
                LinearConstraint(np.hstack([np.eye(m), -np.eye(m)]), -np.inf, 0.0),
            ],
            integrality=np.r_[np.zeros(m), np.ones(m)],
            bounds=(0.0, 1.0),
        )
        if result.x is None:
            raise RuntimeError(f"the mixed-integer program ended with: {result.message}")
        return self._sharpened(result.x[m:] > 0.5)

    def network(self, alpha: Any = None) -> TwoLayerReLU:
        """The balanced network with these nonnegative scales (m,); ``alpha=None`` takes the stored member."""
        alpha = self.alpha if alpha is None else check_vector(alpha, "alpha")
        if alpha.shape != self.alpha.shape or not (np.isfinite(alpha) & (alpha >= 0.0)).all():
            raise ValueError(f"alpha must be {len(self.alpha)} finite nonnegative scales, got shape {alpha.shape}.")
        keep = alpha > 0.0
        units = Units(self.units[keep] * alpha[keep, None], self.directions[keep])
        hidden = Units(self._setting.space.inward(units.coef), units.directions).outputs(self._setting.X)
        intercept = (self.fit - hidden).mean(axis=0) if self._setting.fit_intercept else np.zeros(self.fit.shape[1])
        return TwoLayerReLU.from_convex(units.coef, units.directions, intercept, biases=self._setting.fit_intercept)

    def _vertex(self, cost: Array) -> Array:
        A, b = self._equations
        if not len(cost):  # the zero network is the only one
            return self.alpha.copy()
        result = linprog(cost, A_eq=A, b_eq=b, bounds=(0.0, None), method="highs-ds")
        if result.x is None:
            raise RuntimeError(f"the linear program over the optimal set ended with: {result.message}")
        return self._sharpened(result.x > _ZERO * result.x.sum())

    def _sharpened(self, support: Mask) -> Array:
        """The member with a support, to rounding rather than to the tolerance of a linear program."""
        A, b = self._equations
        alpha = np.zeros(len(support))
        alpha[support] = nonnegative_least_squares(A[:, support], b)
        return alpha


def optimal_set(
    X: Any,
    y: Any,
    *,
    beta: float,
    loss: str = "squared_error",
    arrangements: Any = "exact",
    sample_weight: Any = None,
    fit_intercept: bool = True,
    tol: float = 1e-8,
    active_tol: float = 1e-5,
    **params: float,
) -> OptimalSet:
    """All global optima of the convex program over the arrangements, hence all optimal networks (Wang, Lacotte & Pilanci 2022).

    The loss is strictly convex in the outputs, so every optimum has the same outputs and the same dual point ``Lambda``. A block of
    pattern D and direction v can be nonzero only if its price ``||Proj_K(X' D Lambda v)||`` is beta, and is then a multiple of that
    projection: it lies on a ray. What is left are the scales, a polytope (Mishkin & Pilanci 2023). Every optimal network is a
    member up to permutation and splitting of its units.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, K)
    beta : float
    loss : str, default="squared_error"
        A strictly convex one: also "poisson", "squared_error_on_classes", or "log_loss" with two classes.
    arrangements : "exact" or bool array of shape (n_samples, P), default="exact"
        Patterns; "exact" enumerates all, so that the set is that of the nonconvex problem.
    sample_weight : array-like of shape (n_samples,), default=None
    fit_intercept : bool, default=True
        Whether there are hidden biases (penalised) and output biases (free).
    tol : float, default=1e-8
        Relative gap of the program's solution.
    active_tol : float, default=1e-5
        Relative distance of a price to beta at which a block counts as possibly active. It is widened, to at most 1e-2, until members
        are as good as the solution: on data of poor scaling prices are known to fewer digits.
    **params
        Parameters of the loss.

    Returns
    -------
    optima : OptimalSet

    Raises
    ------
    ValueError
        If the loss is not strictly convex, there are too many patterns, or the scaling of X leaves the active units unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu.theory import optimal_set
    >>> X = np.array([[-1.0], [0.0], [1.0]])
    >>> optima = optimal_set(X, [1.0, 0.0, 1.0], beta=0.01)
    >>> optima.dimension, int((optima.fewest_units() > 0).sum())
    (0, 2)
    """
    tol, active_tol = check_number(tol, "tol", above=0.0), check_number(active_tol, "active_tol", above=0.0)
    if active_tol > _WIDEST:
        raise ValueError(f"active_tol must be at most {_WIDEST}, got {active_tol!r}.")
    setting = Setting.build(
        X, y, beta=beta, loss=loss, sample_weight=sample_weight, fit_intercept=fit_intercept, **params
    )
    if not isinstance(setting.loss, (SquaredError, SquaredErrorOnCodes, Poisson, BinaryLogLoss)):
        raise ValueError(
            f"loss={loss!r} is not strictly convex, so outputs and dual point need not be unique; "
            "use 'squared_error', 'poisson', 'squared_error_on_classes', or 'log_loss' with two classes."
        )
    program = setting.program(_patterns(setting, arrangements))
    solution = solve_program(program, solver="scipy", tol=tol, max_iter=1000)
    units, equations, alpha = _polytope(setting, program, solution, active_tol)
    hidden = Units(units.coef * alpha[:, None], units.directions).outputs(setting.X)
    possible = _possible(equations, alpha)
    free = equations[0][:, possible]
    singular = np.linalg.svd(free, compute_uv=False) if free.size else np.zeros(0)
    rank = (singular > _DEPENDENT * singular.max(initial=0.0)).sum()
    return OptimalSet(
        units=setting.space.outward(units.coef),
        directions=units.directions,
        fit=hidden + program.best_intercept(hidden),
        dual_coef=solution.dual,
        objective=solution.objective - setting.constant,
        lower_bound=solution.dual_objective - setting.constant,
        alpha=alpha,
        possible=possible,
        dimension=int(possible.sum() - rank),
        _setting=setting,
        _equations=equations,
    )


def _polytope(
    setting: Setting, program: ConvexProgram, solution: Solution, active_tol: float
) -> tuple[Units, tuple[Array, Array], Array]:
    """Rays, equations and one member, of the narrowest tolerance whose members are as good as the solution."""
    fit = program.outputs(solution.blocks, solution.coef) + solution.intercept
    total = program.penalty(solution.coef) / program.beta
    allowed = _EXCESS * abs(solution.objective) + 10.0 * max(solution.gap, 0.0)
    while True:
        units = _rays(program, solution.dual, active_tol)
        equations = _equations(setting, units, fit, total)
        alpha = nonnegative_least_squares(*equations)
        member = Units(units.coef * alpha[:, None], units.directions)
        excess = member.objective(program) - solution.objective
        if excess <= allowed:
            return units, equations, alpha
        if active_tol >= _WIDEST:
            raise ValueError(
                f"X: prices of units are not known well enough to tell the active ones: the best member found is {excess:.2g} above "
                f"the objective {solution.objective:.6g}, itself known to {solution.gap:.1g}. Centre and scale the features, or increase "
                "beta."
            )
        active_tol = min(_WIDER * active_tol, _WIDEST)


def _rays(program: ConvexProgram, dual: Array, active_tol: float) -> Units:
    """Unit vectors and directions of the blocks whose price is beta, each hidden unit once."""
    level = program.beta * (1.0 - active_tol)
    candidates = np.flatnonzero(program.prices(dual, level=level)[0] > level)
    V = program.gradients(dual, candidates)
    signs = 2.0 * program.masks(candidates) - 1.0
    points = np.array([project_on_cone(s[:, None] * program.X, v) for s, v in zip(signs, V, strict=True)]).reshape(
        V.shape
    )
    sizes = np.linalg.norm(points, axis=1)
    active = sizes > level
    points, sides = points[active] / sizes[active, None], program.block_directions[candidates[active]]
    kept: list[int] = []
    for j in range(len(points)):
        if not kept or ((points[kept] @ points[j]) * (sides[kept] @ sides[j])).max() < _SAME:
            kept.append(j)
    return Units(points[kept], sides[kept])


def _equations(setting: Setting, units: Units, fit: Array, total: float) -> tuple[Array, Array]:
    """``A alpha = b`` of full row rank that says fit and penalty are the optimal ones; feasible in spite of rounding.

    At the exact dual point the fit implies the sum of the scales. As an equation of its own it keeps out units whose price is
    below beta by less than is known, and gives all members one objective.
    """
    Z = np.einsum("nm,mk->nkm", np.maximum(setting.X @ units.coef.T, 0.0), units.directions)
    if setting.fit_intercept:
        Z, fit = Z - Z.mean(axis=0), fit - fit.mean(axis=0)
    Z = Z.reshape(fit.size, len(units))
    if not len(units):
        return Z[:0], np.zeros(0)
    size = np.linalg.norm(Z, axis=0).max() or 1.0
    Z = np.vstack([Z, np.full(len(units), size)])
    U, s, Vt = np.linalg.svd(Z, full_matrices=False)
    rank = int((s > _DEPENDENT * s[0]).sum())
    A = s[:rank, None] * Vt[:rank]
    return A, A @ nonnegative_least_squares(A, U[:, :rank].T @ np.append(fit.ravel(), size * total))


def _possible(equations: tuple[Array, Array], alpha: Array) -> Mask:
    """Units that are positive in some member."""
    A, b = equations
    possible = alpha > _ZERO * alpha.sum()
    for j in np.flatnonzero(~possible):
        if possible[j]:
            continue
        cost = np.zeros(len(alpha))
        cost[j] = -1.0
        result = linprog(cost, A_eq=A, b_eq=b, bounds=(0.0, None), method="highs-ds")
        if result.x is not None:
            possible |= result.x > _ZERO * result.x.sum()
    return possible


def _patterns(setting: Setting, arrangements: Any) -> Mask:
    if isinstance(arrangements, str):
        if arrangements != "exact":
            raise ValueError(f"arrangements must be 'exact' or a bool array of patterns, got {arrangements!r}.")
        return np.ascontiguousarray(enumerate_arrangements(setting.X, full_dimensional=True).T)
    check_shape(arrangements, "arrangements")
    patterns = np.asarray(arrangements)
    if patterns.dtype != bool or patterns.ndim != 2 or len(patterns) != len(setting.X):
        raise ValueError(
            f"arrangements must be a bool array with a row for each of the {len(setting.X)} samples, such as enumerate_arrangements(X); "
            f"got {patterns.dtype} of shape {patterns.shape}."
        )
    return np.ascontiguousarray(patterns.T)
