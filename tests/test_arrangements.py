"""Gates, patterns, samplers and exact enumeration."""

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

from skconvrelu.arrangements import exact_gates, merge_patterns, n_patterns_general_position, patterns_of, sample_gates


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
