"""What a search is worth: counts of maximisers, whitened coordinates, and the words of the verdict."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from test_estimators import regression_data

from skconvrelu import Certificate, ConvexReLURegressor
from skconvrelu.certificate import EVIDENCE, WELL_SEARCHED
from skconvrelu.search import evidence, pricing
from skconvrelu.search.evidence import recall_of
from skconvrelu.search.tally import SAME, Tally
from skconvrelu.search.whitening import Whitening, column_sizes


def tally(places, prices, counts, n_starts, sides=None):
    places = np.asarray(places, dtype=float).reshape(-1, 2)
    sides = np.ones((len(places), 1)) if sides is None else np.asarray(sides, dtype=float).reshape(-1, 1)
    return Tally(places, sides, np.asarray(prices, dtype=float), np.asarray(counts, dtype=np.intp), n_starts)


def at(angle):
    return [np.cos(angle), np.sin(angle)]


def test_ends_in_one_maximiser_are_counted_together():
    """Nine starts: four end in the first, at angles that rounding tells apart, two in the second, one in its opposite, two elsewhere."""
    first = tally([at(0.0), at(1.0)], [1.0, 0.9], [3, 1], 5)
    second = tally([at(0.05), at(1.0), at(1.0 + np.pi)], [1.1, 0.8, 0.95], [1, 1, 1], 4)
    together = first + second
    assert together.n_starts == 9
    np.testing.assert_array_equal(together.counts, [4, 2, 1])
    np.testing.assert_array_equal(together.prices, [1.1, 0.9, 0.95])
    np.testing.assert_allclose(together.places, [at(0.0), at(1.0), at(1.0 + np.pi)])
    assert together.unseen == 1.0 / 9.0
    assert together.met_again
    # the inputs are what they were
    np.testing.assert_array_equal(first.counts, [3, 1])
    np.testing.assert_array_equal(first.prices, [1.0, 0.9])


@pytest.mark.parametrize(("angle", "places"), [(0.99, 1), (1.01, 2)])
def test_the_angle_that_tells_maximisers_apart(angle, places):
    limit = np.arccos(SAME)
    together = tally([at(0.0)], [1.0], [1], 1) + tally([at(angle * limit)], [1.0], [1], 1)
    assert len(together.counts) == places
    assert together.unseen == (0.0 if places == 1 else 1.0)


def test_opposite_sides_are_not_one_maximiser():
    together = tally([at(0.3)], [1.0], [2], 3, sides=[1.0]) + tally([at(0.3)], [0.7], [5], 6, sides=[-1.0])
    np.testing.assert_array_equal(together.counts, [2, 5])
    assert together.n_starts == 9
    assert together.unseen == 0.0


def test_good_turing_is_the_share_of_starts_that_ended_alone():
    """Good (1953): of seven maximisers three were met once, in 20 starts of which some ended far below."""
    found = tally([at(0.8 * k) for k in range(7)], np.linspace(1.0, 0.9, 7), [1, 4, 1, 2, 2, 1, 3], 20)
    assert found.unseen == 3.0 / 20.0
    assert Tally.empty(2, 1).unseen == 1.0
    assert (Tally.empty(2, 1) + found).unseen == 3.0 / 20.0
    assert (found + Tally.empty(2, 1)).n_starts == 20
    # starts that end below count among the starts
    assert (found + tally([], [], [], 10)).unseen == 3.0 / 30.0


def test_good_turing_estimates_the_chance_of_a_new_one():
    """Over many draws its mean is that of the true chance: maximisers drawn with known chances."""
    rng, chances = np.random.default_rng(0), 0.6 ** np.arange(1, 13)
    chances /= chances.sum()
    estimates, truths = [], []
    for _ in range(300):
        drawn = rng.choice(12, size=15, p=chances)
        together = Tally.empty(2, 1)
        for k in drawn:
            together = together + tally([at(0.5 * k)], [1.0], [1], 1)
        estimates.append(together.unseen)
        truths.append(chances[np.setdiff1d(np.arange(12), drawn)].sum())
    assert len(together.counts) == len(np.unique(drawn))
    assert np.mean(estimates) == pytest.approx(np.mean(truths), abs=0.02)
    assert 0.05 < np.mean(truths) < 0.3


def test_met_again_asks_for_the_best_one():
    assert not Tally.empty(2, 1).met_again
    assert not tally([at(0.0), at(1.0)], [1.0, 0.9], [1, 7], 8).met_again
    assert tally([at(0.0), at(1.0)], [1.0, 0.9], [2, 1], 3).met_again
    assert tally([at(0.0)], [0.0], [1], 1).met_again  # no price is positive
    assert tally([at(0.0)], [-1.0], [1], 1).met_again
    assert not tally([at(0.0)], [1e-9], [1], 1).met_again


def test_recall_where_nothing_is_known():
    alone = tally([at(0.0)], [1.0], [1], 5)
    again = tally([at(0.0)], [1.0], [2], 5)
    nothing = np.zeros(0, dtype=bool)
    assert recall_of(nothing, alone) == 0.0
    assert recall_of(nothing, again) == 1.0
    assert recall_of(nothing, Tally.empty(2, 1)) == 0.0
    for found in (alone, again):
        assert recall_of(np.array([True, False, False, True, False]), found) == 0.4


BASE = Certificate(
    objective=2.0, lower_bound_solved=1.99, lower_bound_searched=None, lower_bound_proven=None, n_arrangements=7, n_units=4,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "verdict", "evidence"),
    [
        ({}, "optimal to 0.5% over the arrangements given; others were not searched", False),
        ({"lower_bound_proven": 1.99}, "proven optimal to 0.5%", False),
        ({"lower_bound_proven": 2.0}, "proven optimal to 0%", False),
        ({"lower_bound_proven": 1.981}, "proven optimal to 0.95%", False),
        ({"lower_bound_proven": 1.9, "lower_bound_searched": 1.999, "recall": 1.0}, "optimal to 0.05% as well searched", True),
        ({"lower_bound_searched": 1.999, "recall": WELL_SEARCHED}, "optimal to 0.05% as well searched", True),
        ({"lower_bound_searched": 1.5, "recall": 1.0}, "a gap of 25% is left, well searched", True),
        ({"lower_bound_searched": 1.999, "recall": 0.79}, "optimal to 0.05% as searched in part", True),
        ({"lower_bound_searched": 1.999, "recall": EVIDENCE}, "optimal to 0.05% as searched in part", True),
        (
            {"lower_bound_searched": 1.999, "recall": 0.49},
            "searched poorly: recall 49%: the bound is not evidence",
            False,
        ),
        ({"lower_bound_searched": 1.999, "recall": 0.0}, "searched poorly: recall 0%: the bound is not evidence", False),
        ({"lower_bound_searched": 1.9, "lower_bound_proven": 1.99, "recall": 0.0}, "proven optimal to 0.5%", True),
    ],
)  # fmt: skip
def test_verdicts(changes, verdict, evidence):
    changes = {"largest_price": 1.0, **changes} if "recall" in changes else changes
    certificate = replace(BASE, **changes)
    assert certificate.verdict == verdict
    assert certificate.is_evidence == evidence
    assert verdict in repr(certificate)
    assert verdict in certificate._repr_html_()


def test_representations_show_what_a_search_is_worth_and_the_notes():
    note = "X: its <columns> differ"
    certificate = replace(
        BASE, lower_bound_searched=1.999, recall=0.75, largest_price=1.25, unseen=0.125, n_starts=64, notes=(note,)
    )
    text = repr(certificate)
    assert "64 starts, largest price 1.25 beta, recall 75%, 4 units, chance of a new maximiser 0.12 a start" in text
    assert text.endswith(f"\n  {note}")
    assert "<br>X: its &lt;columns&gt; differ" in certificate._repr_html_()


@pytest.fixture
def blind(monkeypatch):
    """Searches that find no violator and none of the units that are known."""
    real = pricing.search_violators

    def search(*arguments, **options):
        found = real(*arguments, **options)
        none = np.zeros(len(found.violators), dtype=bool)
        return replace(
            found, violators=found.violators[none], largest=0.0, rediscovered=np.zeros_like(found.rediscovered)
        )

    for module in (pricing, evidence):
        monkeypatch.setattr(module, "search_violators", search)


@pytest.mark.parametrize("tol", [1e-2, 1e-3])
def test_a_blind_search_warns_and_its_bound_does_not_reach_tol(blind, tol):
    X, y = regression_data(24, 6)  # beyond the rank up to which a fit proves its optimality by itself
    with pytest.warns(ConvergenceWarning, match="found only 0% of the units that it knows again.*no evidence"):
        model = ConvexReLURegressor(3e-3, n_arrangements=5, random_state=0, tol=tol).fit(X, y)
    certificate = model.certificate_
    assert certificate.recall == 0.0
    assert not certificate.is_evidence
    assert certificate.verdict == "searched poorly: recall 0%: the bound is not evidence"
    assert certificate.gap_searched >= tol * (1.0 - 1e-9)
    assert certificate.lower_bound_proven is None


@pytest.mark.parametrize("tol", [1e-2, 1e-3])
def test_a_search_says_nothing_finer_than_what_it_looked_for(tol):
    X, y = regression_data(24, 6)
    certificate = ConvexReLURegressor(3e-3, n_arrangements=5, random_state=0, tol=tol).fit(X, y).certificate_
    assert certificate.is_evidence
    assert 0.1 * tol * (1.0 - 1e-9) <= certificate.gap_searched <= tol


def test_finer_searches_end_with_more_starts():
    X, y = regression_data(24, 6)
    starts = [
        ConvexReLURegressor(3e-3, n_arrangements=5, random_state=0, tol=tol).fit(X, y).certificate_.n_starts
        for tol in (1e-1, 1e-4)
    ]
    assert starts[0] < starts[1]


def test_a_proof_needs_no_search(blind):
    X, y = regression_data(20, 2)
    certificate = ConvexReLURegressor(3e-3, n_arrangements=5, random_state=0, tol=1e-3).fit(X, y).certificate_
    assert certificate.verdict.startswith("proven optimal")
    assert certificate.gap_proven <= 2e-3


def data(n=40, d=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + [0.0, 0.0, 2.0]
    weights = rng.uniform(0.1, 2.0, n)
    return X, weights / weights.sum(), rng.standard_normal((12, d))


@pytest.mark.parametrize("powers", [[0, 40, -33], [300, 300, 300], [-100, 0, 100]])
def test_whitened_directions_do_not_depend_on_units_bit_for_bit(powers):
    X, weights, U = data()
    scales = 2.0 ** np.array(powers, dtype=float)
    plain, scaled = Whitening.of(X, weights), Whitening.of(X * scales, weights)
    np.testing.assert_array_equal(scaled.directions(U / scales), plain.directions(U))
    rng, again = np.random.RandomState(0), np.random.RandomState(0)
    np.testing.assert_array_equal(scaled.draw(9, again) * scales, plain.draw(9, rng))


@pytest.mark.parametrize("seed", range(3))
def test_cosines_do_not_depend_on_linear_maps_of_the_columns(seed):
    X, weights, U = data()
    M = np.random.default_rng(seed).standard_normal((3, 3)) @ np.diag([1.0, 30.0, 0.02])
    plain = Whitening.of(X, weights).directions(U)
    mapped = Whitening.of(X @ M, weights).directions(np.linalg.solve(M, U.T).T)
    np.testing.assert_allclose(mapped @ mapped.T, plain @ plain.T, atol=1e-10)


def test_cosines_are_correlations_of_values_on_the_samples():
    X, weights, U = data()
    values = X @ U.T
    moments = values.T @ (weights[:, None] * values)
    sizes = np.sqrt(np.diag(moments))
    places = Whitening.of(X, weights).directions(U)
    np.testing.assert_allclose(places @ places.T, moments / np.outer(sizes, sizes), atol=1e-12)


def test_values_of_drawn_gates_are_uncorrelated_and_of_one_size():
    X, weights, _ = data()
    whitening = Whitening.of(X, weights)
    values = X @ whitening.outward
    np.testing.assert_allclose(values.T @ (weights[:, None] * values), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(whitening.inward @ whitening.outward, np.eye(3), atol=1e-12)


def test_whitening_of_next_to_nothing():
    """Zero vectors, zero samples, dependent columns: numbers all the same."""
    zero = Whitening.of(np.zeros((4, 2)), np.full(4, 0.25))
    np.testing.assert_array_equal(zero.directions(np.array([[0.0, 0.0], [3.0, 4.0]])), [[0.0, 0.0], [0.6, 0.8]])
    X, weights, _ = data()
    X[:, 2] = X[:, 0]
    places = Whitening.of(X, weights).directions(np.eye(3))
    np.testing.assert_allclose(np.linalg.norm(places, axis=1), 1.0)
    assert places[0] @ places[2] > 1.0 - 1e-10  # of equal values


def test_column_sizes_are_powers_of_two_near_root_mean_squares():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((500, 5)) * [1e-160, 0.3, 1.0, 1e160, 0.0]
    sizes = column_sizes(X)
    np.testing.assert_array_equal(np.frexp(sizes)[0], 0.5)
    assert sizes[4] == 1.0
    true = np.array([1e-160, 0.3, 1.0, 1e160])
    ratios = sizes[:4] / true
    assert (ratios > 0.6).all()
    assert (ratios < 1.6).all()
    np.testing.assert_array_equal(column_sizes(X[:, 1:3] * [2.0**50, 0.125]), sizes[1:3] * [2.0**50, 0.125])
