"""Lower bounds hold, for every dual point, in exact arithmetic."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from problems import KINDS, make_program, with_beta
from reference import cvxpy_optimum

from skconvrelu.arrangements import enumerate_arrangements
from skconvrelu.cones import project
from skconvrelu.duality import lower_bound
from skconvrelu.losses import MultinomialLogLoss
from skconvrelu.rounding import exact_sum, gamma, row_lengths
from skconvrelu.search.branch_and_bound import exact_price
from skconvrelu.solvers import solve_program

mpmath = pytest.importorskip("mpmath")

NAMES = {"quantile": "quantile:0.8", "huber": "huber:0.7", "codes": "squared_error"}
DIGITS = 50
LEVELS = ("squared_error", "squared_error-3", "huber", "absolute_error", "quantile", "quantile-3", "poisson")


def all_patterns(X):
    """Patterns (P, n)."""
    return np.ascontiguousarray(enumerate_arrangements(X, full_dimensional=True).T)


def small(kind, *, n=10, fit_intercept=True, seed=0, fraction=0.1, all_of_them=True):
    """A program over all arrangements of a few samples; of three outputs over those of a few."""
    program = make_program(kind, n=n, d=1, seed=seed, fit_intercept=fit_intercept, fraction=fraction)
    if not all_of_them:
        return program
    patterns = all_patterns(program.X)
    full = type(program).over_patterns(
        program.X, program.Y, program.weights, patterns[patterns.any(axis=1)], program.loss, program.beta,
        constrained=True, fit_intercept=fit_intercept,
    )  # fmt: skip
    return with_beta(full, fraction * full.beta_max())


def optimum(kind, program, fit_intercept):
    name = NAMES.get(kind.split("-")[0], kind.split("-")[0])
    value = cvxpy_optimum(
        program.X, program.Y, program.weights, program.patterns, name, program.beta,
        constrained=True, fit_intercept=fit_intercept,
    )  # fmt: skip
    # Poisson's loss is half the deviance
    return value + float(program.weights @ program.loss.dropped(program.Y))


def exact(value):
    return mpmath.mpf(float(value))


def entropy(p):
    assert p >= 0
    return p * mpmath.log(p) if p > 0 else mpmath.mpf(0)


def exact_conjugate(kind, a, y):
    """The conjugate of one sample from its definition, in the arithmetic of its arguments (a and y: lists of mpf)."""
    kind = kind.split("-")[0] + ("-3" if kind == "log_loss-3" else "")
    if kind == "log_loss-3":
        return mpmath.fsum(entropy(b + z) for b, z in zip(a, y, strict=True))
    total = mpmath.mpf(0)
    for b, z in zip(a, y, strict=True):
        if kind in ("squared_error", "huber", "codes"):
            total += b * b / 2 + b * z
        elif kind in ("absolute_error", "quantile", "hinge"):
            total += b * z
        elif kind == "squared_hinge":
            total += b * b / 4 + b * z
        elif kind == "log_loss":
            total += entropy(-z * b) + entropy(1 + z * b)
        else:
            q = b + z
            total += entropy(q) - q - entropy(z) + z
    return total


def inside(kind, program, A, rng):
    """Points of the dual domain: along the way to its ends, some of them at its ends."""
    share = rng.choice([0.0, 1e-300, 1e-17, 1e-9, 0.3, 0.999, 1.0 - 1e-16, 1.0], (len(A), 1))
    return program.loss.project_dual(A * share, program.Y)


def hostile(program, rng):
    n, K = program.Y.shape
    good = program.zero_dual()
    yield "zero", np.zeros((n, K))
    for size in (1e-300, 1e-3, 1.0, 1e3, 1e150, 1e300):
        yield f"random {size}", size * rng.standard_normal((n, K))
    yield "drifting", good + 1e-3 * np.abs(good).max()
    yield "slightly drifting", good * (1.0 + 1e-12 * rng.standard_normal((n, K)))
    yield "against", -good
    yield "far outside", 1e9 * good
    one = good.copy()
    one[0] *= 1e12
    yield "one sample", one
    for bad in (np.nan, np.inf, -np.inf):
        one = good.copy()
        one[-1, 0] = bad
        yield str(bad), one


def largest_price(program, dual):
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(dual).all() and np.abs(dual).max() < 1e100
        return float(program.prices(dual, rtol=1e-9)[0].max()) if finite else 1.0


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_no_bound_is_above_the_optimum(kind, fit_intercept):
    """Over all arrangements, at the solver's dual point, at hostile ones, and at steps between them."""
    n = 8 if kind.endswith("3") else 10
    program = small(kind, n=n, fit_intercept=fit_intercept, fraction=0.2)
    best = optimum(kind, program, fit_intercept)
    solution = solve_program(program, solver="scipy", tol=1e-9, max_iter=1000)
    assert solution.objective == pytest.approx(best, rel=2e-7)
    highest = best * (1.0 + 1e-7)
    good = lower_bound(program, solution.dual, largest_price(program, solution.dual))
    assert solution.objective * (1.0 - 1e-7) <= good.value <= highest
    rng = np.random.default_rng(1)
    met = 0
    for name, dual in hostile(program, rng):
        for share in (1.0, 0.5, 1e-6) if np.isfinite(dual).all() else (1.0,):
            point = share * dual + (1.0 - share) * solution.dual
            bound = lower_bound(program, point, largest_price(program, point))
            assert 0.0 <= bound.value <= highest, name
            assert np.isfinite(bound.dual).all(), name
            met += bound.value > 0.0
    assert met > 5


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_a_bound_loses_rounding_only(kind, fit_intercept, seed):
    """At a feasible dual point with room the bound is the dual objective, computed here in fifty digits, to ten."""
    program = make_program(kind, n=25, d=3, seed=seed, fit_intercept=fit_intercept, fraction=0.3)
    F = 0.3 * np.random.default_rng(seed).standard_normal(program.Y.shape)
    dual = 0.5 * program.dual_point(F)
    if not program.loss.smooth:
        dual *= 0.9
    upper = float(program.prices(dual, rtol=1e-12)[0].max())
    program = with_beta(program, 1.1 * upper)
    value = lower_bound(program, dual, upper).value
    with mpmath.workdps(DIGITS):
        assert value == pytest.approx(float(exact_dual_value(kind, program, dual)), rel=1e-10)


def exact_dual_value(kind, program, dual):
    total = mpmath.mpf(0)
    for w, row, target in zip(program.weights, dual, program.Y, strict=True):
        a = [-exact(v) / exact(w) for v in row]
        total -= exact(w) * exact_conjugate(kind, a, [exact(v) for v in target])
    return total


@pytest.mark.parametrize("kind", KINDS)
def test_the_value_is_below_that_of_the_point_it_returns(kind):
    """Dual points from everywhere, scaled by the bound; the value in fifty digits, but for a domain left by a rounding."""
    program = make_program(kind, n=20, d=2, fraction=0.05, seed=4)
    rng, found = np.random.default_rng(5), 0
    for name, dual in [*hostile(program, rng), ("good", program.zero_dual())]:
        bound = lower_bound(program, dual, largest_price(program, dual))
        if bound.value == 0.0:
            continue
        found += 1
        with mpmath.workdps(DIGITS):
            total, slack = mpmath.mpf(0), mpmath.mpf(0)
            for w, row, target in zip(program.weights, bound.dual, program.Y, strict=True):
                a, y = [-exact(v) / exact(w) for v in row], [exact(v) for v in target]
                a, moved = into_domain(kind, program, a, y)
                total -= exact(w) * exact_conjugate(kind, a, y)
                slack += exact(w) * moved * 60
            assert exact(bound.value) <= total + slack, name
            assert slack <= 1e-12
        # what is returned is feasible, but for rounding, at the penalty of the program
        assert largest_price(program, bound.dual) <= program.beta * (1.0 + 1e-9)
        if name == "good":
            drift = program.intercept_basis.T @ bound.dual.sum(axis=0)
            assert np.abs(drift).max() <= 1e-14 * np.abs(bound.dual).sum()
    assert found >= 2


def into_domain(kind, program, a, y):
    """Numbers that a division by a weight leaves a rounding outside the domain, moved back; and by how much."""
    given = list(a)
    if kind == "log_loss-3":
        p = [max(b + z, mpmath.mpf(0)) for b, z in zip(a, y, strict=True)]
        total = mpmath.fsum(p)
        a = [q / total - z for q, z in zip(p, y, strict=True)]
    elif kind == "log_loss":
        a = [-z * min(max(-z * b, mpmath.mpf(0)), mpmath.mpf(1)) for b, z in zip(a, y, strict=True)]
    elif kind == "poisson":
        a = [max(b, -z) for b, z in zip(a, y, strict=True)]
    elif kind.split("-")[0] not in ("squared_error", "codes"):
        lower, upper = program.loss.slopes(np.array([[float(z) for z in y]]))
        a = [
            min(max(b, mpmath.mpf(float(u))), mpmath.mpf(float(v)))
            for b, u, v in zip(a, lower[0], upper[0], strict=True)
        ]
    return a, mpmath.fsum(abs(b - c) for b, c in zip(a, given, strict=True))


@pytest.mark.parametrize(
    ("kind", "shift"),
    # labels have no level
    [*((kind, 0.0) for kind in KINDS), *((kind, shift) for kind in LEVELS for shift in (1e3, -1e6))],
)
def test_conjugates_round_as_little_as_they_say(kind, shift):
    program, rng = make_program(kind, n=120, d=2), np.random.default_rng(6)
    Y = program.Y
    Y = Y * (1.0 + abs(shift)) if kind == "poisson" else Y + shift
    loss = program.loss
    A = loss.gradient(10.0 ** rng.uniform(-3, 2, Y.shape) * rng.standard_normal(Y.shape), Y)
    A = inside(kind, replace(program, Y=Y), A, rng)
    values, allowed = loss.conjugate(A, Y), gamma(Y.shape[1] + 12) * loss.conjugate_size(A, Y)
    with mpmath.workdps(DIGITS):
        for i in range(len(Y)):
            a, y = [exact(v) for v in A[i]], [exact(v) for v in Y[i]]
            assert abs(exact(values[i]) - exact_conjugate(kind, a, y)) <= exact(allowed[i]) + mpmath.mpf(10) ** -320


@pytest.mark.parametrize("kind", KINDS)
def test_room_in_the_dual_domain_is_there(kind):
    """Half the room either way stays inside; a little more than all of it, one of the ways, does not."""
    program, rng = make_program(kind, n=60, d=2), np.random.default_rng(7)
    loss, Y = program.loss, program.Y
    A = 0.7 * loss.gradient(rng.standard_normal(Y.shape), Y)
    room = loss.dual_room(A, Y)
    assert (room >= 0.0).all()
    for k in range(Y.shape[1]):
        free = ~np.isfinite(room[:, k])
        step = np.where(free, 1e6, room[:, k])
        for sign in (1.0, -1.0):
            moved = A.copy()
            moved[:, k] += 0.999 * sign * step
            if isinstance(loss, MultinomialLogLoss):  # the other classes have to take it, as far as they can
                continue
            np.testing.assert_allclose(loss.project_dual(moved, Y), moved, rtol=1e-12, atol=1e-12)
        out = []
        for sign in (1.0, -1.0):
            moved = A.copy()
            moved[:, k] += 1.001 * sign * step + sign * 1e-9
            out.append(np.abs(loss.project_dual(moved, Y) - moved)[:, k] > 0.0)
        if not isinstance(loss, MultinomialLogLoss):
            assert (free | out[0] | out[1]).all()
    if isinstance(loss, MultinomialLogLoss):
        for k, other in ((0, 1), (2, 0)):
            for sign in (1.0, -1.0):
                moved, step = A.copy(), 0.999 * np.minimum(room[:, k], room[:, other])
                moved[:, k] += sign * step
                moved[:, other] -= sign * step
                assert ((moved + Y) >= 0.0).all()
                np.testing.assert_allclose(loss.project_dual(moved, Y), moved, atol=1e-12)


def test_what_a_softmax_leaves_outside_the_simplex_is_bounded():
    rng = np.random.default_rng(8)
    loss, Y = MultinomialLogLoss(), np.eye(7)[rng.integers(0, 7, 300)]
    A = loss.project_dual(10.0 ** rng.uniform(-6, 0, (300, 7)) - Y, Y)
    drift = loss.dual_drift(A, Y)
    with mpmath.workdps(DIGITS):
        for i in range(300):
            total = mpmath.fsum(exact(a) + exact(y) for a, y in zip(A[i], Y[i], strict=True))
            assert abs(total - 1) <= exact(drift[i])


@pytest.mark.parametrize("size", [1.0, 1e9])
@pytest.mark.parametrize("kind", ["squared_error", "squared_error-3", "hinge"])
def test_gradients_are_off_by_no_more_than_the_error_of_prices(kind, size):
    """Against exact sums; columns of unlike sizes and offsets make the products cancel."""
    program = make_program(kind, n=40, d=3, n_gates=12)
    rng = np.random.default_rng(9)
    X = program.X * [1.0, size, 1.0 / size, 1.0] + [0.0, 1e3 * size, 0.0, 0.0]
    program = replace(program, X=X)
    dual = rng.standard_normal(program.Y.shape)
    dual -= dual.mean(axis=0)
    blocks = np.arange(program.n_blocks)
    found, allowed = program.gradients(dual, blocks), program.price_error(dual)
    worst = 0.0
    with mpmath.workdps(DIGITS):
        for b in blocks:
            on, v = program.patterns[program.block_patterns[b]], program.block_directions[b]
            pulled = [mpmath.fsum(exact(s) * exact(z) for s, z in zip(v, row, strict=True)) for row in dual]
            off = []
            for i in range(X.shape[1]):
                terms = (exact(x) * p for x, p, o in zip(X[:, i], pulled, on, strict=True) if o)
                off.append(mpmath.fsum(terms) - exact(found[b, i]))
            length = mpmath.sqrt(mpmath.fsum(v**2 for v in off))
            assert length <= exact(allowed)
            worst = max(worst, float(length))
    assert worst > 0.0


@pytest.mark.parametrize("unlike", [1.0, 1e6])
@pytest.mark.parametrize("d", [1, 2])
def test_upper_bounds_of_projections_are_upper_bounds(d, unlike):
    """In the plane the projection on a cone is the vector, a ray or the apex: written down in extended precision."""
    rng = np.random.default_rng(10)
    X = np.hstack([unlike * rng.standard_normal((12, d)), np.ones((12, 2 - d))])
    patterns = all_patterns(X)
    pairs = [(pattern, v) for pattern in patterns for v in rng.standard_normal((6, 2)) * [1.0 / unlike, 1.0]]
    V = np.array([v for _, v in pairs])
    for options in ({}, {"max_iter": 3}, {"level": 0.3}):
        found = project(X, np.array([pattern for pattern, _ in pairs]), V, **options)
        for i, (pattern, v) in enumerate(pairs):
            true = planar_projection(np.where(pattern, 1.0, -1.0)[:, None] * X, v)
            assert exact(found.upper[i]) >= true
            assert exact(found.lower[i]) <= true * (1 + mpmath.mpf(10) ** -14)
            if not options and unlike == 1.0:
                assert found.upper[i] - float(true) <= 3e-9 * np.linalg.norm(v) + 1e-12


def planar_projection(rows, v):
    """``||Proj||`` of v on ``{u : rows u >= 0}`` in the plane."""
    with mpmath.workdps(DIGITS):
        v = [exact(x) for x in v]
        rows = [[exact(x) for x in row] for row in rows]
        candidates = [v] if all(r[0] * v[0] + r[1] * v[1] >= 0 for r in rows) else []
        best = mpmath.mpf(0)
        for r in rows:
            for ray in ([-r[1], r[0]], [r[1], -r[0]]):
                if all(q[0] * ray[0] + q[1] * ray[1] >= 0 for q in rows):
                    length = mpmath.sqrt(ray[0] ** 2 + ray[1] ** 2)
                    best = max(best, (ray[0] * v[0] + ray[1] * v[1]) / length)
        for u in candidates:
            best = max(best, mpmath.sqrt(u[0] ** 2 + u[1] ** 2))
        return best


@pytest.mark.parametrize("unlike", [1.0, 1e-5, 1e4])
@pytest.mark.parametrize("seed", range(4))
def test_exact_prices_are_not_below_the_maximum(seed, unlike):
    """In the plane the maximum over each cell is a projection: all cells, in extended precision."""
    rng = np.random.default_rng(seed)
    n = 15
    X = np.column_stack([unlike * rng.standard_normal(n) + seed, np.ones(n)])
    dual = rng.standard_normal(n)
    dual -= dual.mean()
    patterns = all_patterns(X)
    found = exact_price(X, dual)
    true = mpmath.mpf(0)
    with mpmath.workdps(DIGITS):
        for pattern in patterns:
            g = [
                mpmath.fsum(exact(a) * exact(x) for a, x, o in zip(dual, X[:, k], pattern, strict=True) if o)
                for k in (0, 1)
            ]
            # the projection of the gradient on the cell, whose apex and rays are those of the planar case
            true = max(true, planar_projection_exact(np.where(pattern, 1.0, -1.0)[:, None] * X, g))
        assert exact(found.upper) >= true
    assert found.proven
    # the scale below which differences do not count is a hundredth of the largest possible price
    scale = max(float(true), float(np.abs(dual) @ np.linalg.norm(X, axis=1)) / 100.0)
    assert found.lower <= float(true) + 1e-13 * scale
    assert found.upper - float(true) <= 2e-7 * scale


def planar_projection_exact(rows, g):
    rows = [[exact(x) for x in row] for row in rows]
    if all(r[0] * g[0] + r[1] * g[1] >= 0 for r in rows):
        return mpmath.sqrt(g[0] ** 2 + g[1] ** 2)
    best = mpmath.mpf(0)
    for r in rows:
        for ray in ([-r[1], r[0]], [r[1], -r[0]]):
            if all(q[0] * ray[0] + q[1] * ray[1] >= 0 for q in rows):
                best = max(best, (ray[0] * g[0] + ray[1] * g[1]) / mpmath.sqrt(ray[0] ** 2 + ray[1] ** 2))
    return best


def test_targets_and_weights_that_were_rounded_cost_what_that_may_be():
    """The same numbers with errors declared: a bound for every target within them."""
    program = make_program("squared_error", n=15, d=2)
    dual = program.zero_dual()
    plain = lower_bound(program, dual, program.beta).value
    error = np.full(program.Y.shape, 1e-3)
    rounded = lower_bound(replace(program, target_error=error), dual, program.beta).value
    assert rounded == pytest.approx(plain - 1e-3 * np.abs(dual).sum(), rel=1e-12)
    weighted = lower_bound(replace(program, weight_error=0.01), dual, program.beta).value
    assert weighted == pytest.approx(0.99 * plain, rel=1e-12)
    for sign in (1.0, -1.0):
        moved = replace(program, Y=program.Y + sign * 1e-3 * np.sign(dual))
        assert rounded <= lower_bound(moved, dual, program.beta).value


def test_prices_above_beta_scale_the_bound_and_neglected_lengths_count():
    program = make_program("absolute_error", n=15, d=2, fit_intercept=False)
    dual = program.zero_dual()
    plain = lower_bound(program, dual, program.beta).value
    assert lower_bound(program, dual, 4.0 * program.beta).value == pytest.approx(0.25 * plain, rel=1e-10)
    neglected = np.full(15, 0.1)
    size = np.linalg.norm(dual, axis=1).sum()
    shorter = lower_bound(replace(program, neglected=neglected), dual, program.beta).value
    assert shorter == pytest.approx(plain * program.beta / (program.beta + 0.1 * size), rel=1e-10)


def test_exact_sums_are_rounded_once():
    terms = np.array([1e16, 1.0, -1e16, 1e-30, 3.0])
    assert exact_sum(terms) == 4.0
    assert exact_sum(terms[:3]) == 1.0


@pytest.mark.parametrize("share", [1e-9, 1e-6, 1e-3])
@pytest.mark.parametrize("kind", ["squared_error", "log_loss", "hinge", "poisson"])
def test_what_a_sum_misses_zero_by_costs_what_some_sample_takes_it_for(kind, share):
    """Beside the bound without an intercept: prices grow by what is missing times the length of a row, at least the shortest."""
    program = make_program(kind, n=15, d=2, fraction=0.4)
    dual = 0.5 * program.dual_point(0.1 * np.random.default_rng(1).standard_normal(program.Y.shape))
    dual = dual * (1.0 + share * np.sign(dual))
    missing = abs(dual.sum())
    assert missing > 1e-3 * share * np.abs(dual).sum()
    pinned = lower_bound(replace(program, fit_intercept=False), dual, program.beta).value
    free = lower_bound(program, dual, program.beta).value
    cost = 0.999 * missing * np.linalg.norm(program.X, axis=1).min() / program.beta
    assert 0.0 < free <= pinned / (1.0 + cost)
    assert free >= pinned * (1.0 - 1e3 * missing * np.linalg.norm(program.X, axis=1).max() / program.beta)


@pytest.mark.parametrize("exponent", [-1074, -1060, -600, -510, -440, 0, 500])
def test_row_lengths_are_upper_bounds_exactly(exponent):
    rows = np.ldexp(np.random.default_rng(0).standard_normal((30, 4)), exponent)
    rows[0] = 0.0
    lengths = row_lengths(rows)
    squares = [sum(Fraction(float(x)) ** 2 for x in row) for row in rows]
    assert all(Fraction(float(length)) ** 2 >= square for length, square in zip(lengths, squares, strict=True))
    assert lengths[0] == 0.0
    if exponent > -1000:
        assert all(Fraction(float(length) * 0.99999999) ** 2 <= s for length, s in zip(lengths, squares, strict=True))
