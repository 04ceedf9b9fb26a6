"""Gates, patterns, samplers and exact enumeration."""

import itertools
from math import comb

import numpy as np
import pytest
from scipy.optimize import linprog

from skconvrelu import ConvexReLURegressor
from skconvrelu.arrangements import (
    arrangement_bound,
    enumerate_arrangements,
    exact_gates,
    merge_patterns,
    n_patterns_general_position,
    patterns_of,
    sample_arrangements,
    sample_gates,
)


def brute_force_patterns(X):
    """All full-dimensional sign patterns, each decided by a linear program of its own."""
    found = set()
    for signs in itertools.product([1.0, -1.0], repeat=len(X)):
        A = np.array(signs)[:, None] * X
        keep = np.abs(X).any(axis=1)
        result = linprog(
            np.r_[np.zeros(X.shape[1]), -1.0],
            A_ub=np.hstack([-A[keep], np.ones((keep.sum(), 1))]),
            b_ub=np.zeros(keep.sum()),
            bounds=[(-1, 1)] * X.shape[1] + [(None, 1)],
        )
        if -result.fun > 1e-9:
            found.add(tuple((np.array(signs) > 0) | ~keep))
    return found


def test_the_slides_example_has_exactly_four_patterns():
    """X = [[3, 3], [2, 2], [1, 0]] of the talk on the convex landscape: 111, 110, 000 and 001."""
    X = np.array([[3.0, 3.0], [2.0, 2.0], [1.0, 0.0]])
    patterns = {"".join(map(str, p.astype(int))) for p in patterns_of(X, exact_gates(X))}
    assert patterns == {"111", "110", "000", "001"}


@pytest.mark.parametrize(("n", "r"), [(1, 1), (7, 1), (12, 2), (40, 3), (20, 4), (10, 5), (4, 6)])
def test_enumeration_counts_general_position(n, r):
    X = np.random.default_rng(n * r).standard_normal((n, r))
    patterns = patterns_of(X, exact_gates(X))
    assert len(np.unique(patterns, axis=0)) == len(patterns) == n_patterns_general_position(n, min(n, r))


@pytest.mark.parametrize("seed", range(4))
def test_enumeration_of_degenerate_data_matches_linear_programs(seed):
    """Small integers: repeated, parallel, opposite and zero rows, and many hyperplanes through one line."""
    X = np.random.default_rng(seed).integers(-1, 2, (8, 3)).astype(float)
    X[0] = 0.0
    X[1] = -2.0 * X[2]
    assert {tuple(p) for p in patterns_of(X, exact_gates(X))} == brute_force_patterns(X)


def test_enumeration_is_refused_when_too_large():
    X = np.random.default_rng(0).standard_normal((200, 6))
    with pytest.raises(ValueError, match="arrangements='exact' would enumerate up to"):
        exact_gates(X)


def test_merging_drops_repeats_and_all_off_and_keeps_the_first_gate():
    X = np.array([[1.0, 0.0], [0.0, 1.0]])
    gates = np.array([[1.0, 2.0, -1.0, -1.0, 3.0], [1.0, 1.0, -1.0, 2.0, -5.0]])
    kept, patterns = merge_patterns(X, gates)
    np.testing.assert_array_equal(kept, gates[:, [0, 3, 4]])
    np.testing.assert_array_equal(patterns, [[True, True], [False, True], [True, False]])


@pytest.mark.parametrize("name", ["gaussian", "sparse", "data"])
@pytest.mark.parametrize("constant", [True, False])
def test_samplers_are_reproducible_and_interior(name, constant):
    rng = np.random.default_rng(5)
    X = 3.0 * rng.standard_normal((50, 5))
    if constant:
        X = np.hstack([X + 100.0, np.ones((50, 1))])
    weights = np.full(50, 1 / 50)
    draw = [
        sample_gates(X, name, 30, np.random.RandomState(seed), weights=weights, constant=constant) for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(draw[0], draw[1])
    assert (draw[0] != draw[2]).any()
    assert draw[0].shape == (X.shape[1], 30)
    # no sample on a hyperplane: every sampled cell has an interior
    assert (np.abs(X @ draw[0]) > 0).all()
    assert len(merge_patterns(X, draw[0])[0].T) > 20


def test_gaussian_gates_follow_shifts_and_scales_of_the_features():
    X = np.random.default_rng(6).standard_normal((40, 3))
    weights = np.full(40, 1 / 40)
    moved = np.hstack([1e3 * X + 1e5, np.ones((40, 1))])
    plain = np.hstack([X, np.ones((40, 1))])
    a, b = (
        patterns_of(Z, sample_gates(Z, "gaussian", 25, np.random.RandomState(0), weights=weights, constant=True))
        for Z in (plain, moved)
    )
    np.testing.assert_array_equal(a, b)


def test_data_gates_pass_beside_data_points():
    X = np.random.default_rng(7).standard_normal((60, 4))
    gates = sample_gates(X, "data", 20, np.random.RandomState(0), weights=np.ones(60), constant=False)
    smallest = np.sort(np.abs(X @ gates) / np.linalg.norm(X, axis=1)[:, None], axis=0)
    random = np.sort(np.abs(X @ (g := np.random.default_rng(0).standard_normal((4, 20)) / 2)), axis=0) / 1.0
    assert g.shape == gates.shape
    # three of the sixty points are nearest by construction, not by chance
    assert np.median(smallest[2]) < 0.5 * np.median(random[2])


def test_sparse_gates_look_at_few_features():
    X = np.random.default_rng(8).standard_normal((60, 10))
    gates = sample_gates(X, "sparse", 50, np.random.RandomState(0), weights=np.ones(60), constant=False)
    support = (gates != 0).sum(axis=0)
    assert support.min() == 1
    assert support.max() == 3


@pytest.mark.parametrize("value", [0.1, 136.11219967, 3.7e12])
def test_sparse_gates_of_a_column_that_is_constant_but_for_rounding(value):
    """Its standard deviation is rounding: gates in units of it would be huge and cancel with their bias."""
    X = np.column_stack([np.random.default_rng(1).standard_normal(23), np.full(23, value), np.ones(23)])
    gates = sample_gates(X, "sparse", 40, np.random.RandomState(0), weights=np.ones(23), constant=True)
    assert np.abs(gates[1]).max() < 10.0


def feasible_patterns(X):
    """All patterns of closed and open half-spaces, each decided by a linear program: a strict inequality may be scaled to one."""
    found = set()
    for on in itertools.product([True, False], repeat=len(X)):
        on = np.array(on)
        result = linprog(
            np.zeros(X.shape[1]),
            A_ub=np.vstack([-X[on], X[~on]]),
            b_ub=np.r_[np.zeros(on.sum()), -np.ones((~on).sum())],
            bounds=[(None, None)] * X.shape[1],
        )
        if result.status == 0:
            found.add(tuple(on))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_all_patterns_match_linear_programs(seed):
    """Faces included: small integers make repeated, parallel, opposite and zero rows and flats where many hyperplanes meet."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-1, 2, (8, 3)).astype(float) if seed < 4 else rng.standard_normal((7, 2 + seed % 2))
    if seed == 0:
        X[0], X[1], X[2] = 0.0, -2.0 * X[3], 0.5 * X[4]
    found = enumerate_arrangements(X)
    assert {tuple(p) for p in found.T} == feasible_patterns(X)
    assert found.shape[1] == len({tuple(p) for p in found.T})
    assert {tuple(p) for p in enumerate_arrangements(X, full_dimensional=True).T} == brute_force_patterns(X)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_patterns_do_not_depend_on_the_size_of_rows(scale):
    X = np.random.default_rng(0).standard_normal((9, 3))
    scaled = X * np.where(np.arange(9) % 2, scale, 1.0)[:, None]
    np.testing.assert_array_equal(enumerate_arrangements(scaled), enumerate_arrangements(X))


@pytest.mark.parametrize(("n", "r"), [(1, 1), (12, 2), (40, 3), (20, 4)])
def test_bound_is_the_count_in_general_position(n, r):
    X = np.random.default_rng(n * r).standard_normal((n, r))
    bound = arrangement_bound(X)
    patterns = enumerate_arrangements(X, full_dimensional=True)
    assert patterns.shape[1] == bound.exact == 2 * sum(comb(n - 1, k) for k in range(r))
    if n > r:
        assert bound.exact <= bound.cover == pytest.approx(2 * r * (np.e * (n - 1) / r) ** r)
    # the origin adds the pattern that is on everywhere, unless some vector has all samples on its side
    everything = enumerate_arrangements(X)
    assert everything.shape[1] - bound.exact == (0 if patterns.all(axis=0).any() else 1)


def test_bound_uses_the_rank():
    X = np.outer(np.arange(1.0, 6.0), [1.0, 2.0, 3.0])
    assert arrangement_bound(X).rank == 1
    assert arrangement_bound(X).exact == 2
    assert arrangement_bound(np.zeros((3, 2))).exact == enumerate_arrangements(np.zeros((3, 2))).shape[1] == 1


def test_enumeration_says_when_there_are_too_many():
    X = np.random.default_rng(0).standard_normal((60, 6))
    with pytest.raises(ValueError, match="more than max_patterns=1000"):
        enumerate_arrangements(X, max_patterns=1000)


@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_patches_lie_in_the_image(channels, fit_intercept):
    X = np.random.default_rng(0).standard_normal((30, 5 * 7 * max(1, *channels, 1)))
    sampled = sample_arrangements(
        X,
        40,
        kind="patches",
        image_shape=(5, 7, *channels),
        patch_shape=(2, 3),
        fit_intercept=fit_intercept,
        random_state=0,
    )
    weights = sampled.gates[: X.shape[1]].T.reshape(-1, 5, 7, *channels)
    corners = set()
    for gate in weights:
        rows, columns = np.nonzero(gate.reshape(5, 7, -1).any(axis=2))
        assert set(rows) == {rows.min(), rows.min() + 1}
        assert np.ptp(columns) == 2
        assert np.count_nonzero(gate) == 6 * max(1, *channels, 1)
        corners.add((rows.min(), columns.min()))
    assert len(corners) > 10
    biased = np.hstack([X, np.ones((30, 1))]) if fit_intercept else X
    np.testing.assert_array_equal(sampled.patterns, biased @ sampled.gates >= 0)


def test_sampled_gates_go_into_an_estimator():
    X = np.random.default_rng(0).standard_normal((30, 16))
    sampled = sample_arrangements(
        X, 20, kind="patches", image_shape=(4, 4), patch_shape=(2, 2), fit_intercept=True, random_state=1
    )
    model = ConvexReLURegressor(0.1, arrangements=sampled.gates, refine=False).fit(X, X[:, 0])
    np.testing.assert_array_equal(model.arrangements_, sampled.gates)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"kind": "grid"}, "kind must be"),
        ({"n_arrangements": 0}, "n_arrangements"),
        ({"n_arrangements": 2.5}, "n_arrangements"),
        ({"kind": "patches"}, "needs image_shape"),
        ({"kind": "patches", "image_shape": (3, 3), "patch_shape": (1, 1)}, "image_shape"),
        ({"kind": "patches", "image_shape": (2, 2), "patch_shape": (3, 1)}, "patch_shape"),
    ],
)
def test_sampling_refuses(bad, message):
    with pytest.raises(ValueError, match=message):
        sample_arrangements(np.ones((5, 4)), **bad)


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e7])
@pytest.mark.parametrize("columns", [1, 2])
def test_a_common_offset_hides_no_pattern(offset, columns):
    """Features far from zero squeeze the hyperplanes together; with a bias the patterns are those of the centred data."""
    features = np.random.default_rng(0).integers(-3, 4, (12, columns)).astype(float)
    centred, moved = (np.hstack([features + shift, np.ones((12, 1))]) for shift in (0.0, offset))
    np.testing.assert_array_equal(enumerate_arrangements(moved), enumerate_arrangements(centred))
    found, expected = (np.unique(patterns_of(X, exact_gates(X)), axis=0) for X in (moved, centred))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("angle", "patterns"), [(1e-3, 8), (1e-9, 8), (1e-12, 8), (1e-17, 6)])
def test_nearly_equal_rows_are_two_hyperplanes(angle, patterns):
    X = np.array([[1.0, 0.0], [1.0, angle], [0.0, 1.0], [1.0, 1.0]])
    assert enumerate_arrangements(X, full_dimensional=True).shape[1] == patterns


@pytest.mark.parametrize("enumerate_all", [exact_gates, enumerate_arrangements])
def test_what_rounding_leaves_open_is_refused(enumerate_all):
    X = np.array([[1.0, 0.0], [1.0, 1e-14], [0.0, 1.0], [1.0, 1.0]])
    with pytest.raises(ValueError, match="Centre and scale the features"):
        enumerate_all(X)


def test_the_bound_of_wide_data_is_no_overflow():
    bound = arrangement_bound(np.random.default_rng(0).standard_normal((3000, 450)))
    assert bound.cover == np.inf
    assert bound.exact == 2 * sum(comb(2999, k) for k in range(450))


@pytest.mark.parametrize("scales", [(1.0, 1.0, 1e-16), (1e-100, 1.0, 1e100)])
def test_bounds_hold_whatever_the_scaling(scales):
    X = np.random.default_rng(0).normal(size=(8, 3))
    for scaled in (X * scales, X * np.r_[1.0, np.full(7, 1e-18)][:, None]):
        count = enumerate_arrangements(scaled, full_dimensional=True).shape[1]
        assert arrangement_bound(scaled).exact == count == 58


@pytest.mark.parametrize("shapes", [(4, (1, 1)), ((2.9, 2.9), (1, 1)), ((2, 2), (1.7, 1)), ((2, 2), 1)])
def test_shapes_of_images_are_integers(shapes):
    with pytest.raises(ValueError, match="_shape must be a tuple of integers"):
        sample_arrangements(np.ones((3, 4)), 5, kind="patches", image_shape=shapes[0], patch_shape=shapes[1])


def test_patterns_of_gates_whose_products_underflow():
    """A sample beside the hyperplane of a tiny gate is beside it all the same."""
    X = np.array([[1.0, 0.0], [0.0, 1e-152], [0.0, -1e-152], [1.0, 1e-152]])
    gates = np.array([[0.0, 0.0, 1e-170], [-1e-178, 1e-178, -1e-178]])
    expected = np.array([[True, False, True, False], [True, True, False, True], [True, False, True, True]])
    np.testing.assert_array_equal(patterns_of(X, gates), expected)
    np.testing.assert_array_equal(patterns_of(X, 1e178 * gates), expected)
