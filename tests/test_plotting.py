"""Displays hold the right data, draw the right number of things, and leave pyplot alone where axes are given."""

import numpy as np
import pytest

from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor, ConvexReLURegressorCV, convex_relu_path
from skconvrelu.arrangements import arrangement_bound, enumerate_arrangements
from skconvrelu.network import TwoLayerReLU
from skconvrelu.plotting import (
    ArrangementDisplay,
    BetaPathDisplay,
    CertificateDisplay,
    HiddenUnitsDisplay,
    SearchDisplay,
)

plt = pytest.importorskip("matplotlib.pyplot")
plt.switch_backend("Agg")


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def line_data(n=40):
    x = np.linspace(-1.0, 1.0, n)[:, None]
    return x, np.abs(x[:, 0]) + 0.5 * np.maximum(x[:, 0] - 0.5, 0.0)


def plane_data(n=60):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 2))
    return X, np.abs(X[:, 0]) + X[:, 1]


def test_curves_are_the_network_and_its_units(ax):
    X, y = line_data()
    model = ConvexReLURegressor(1e-3, random_state=0).fit(X, y)
    display = HiddenUnitsDisplay.from_estimator(model, X, y, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert len(display.unit_lines_) == model.network_.n_hidden
    curve = next(line for line in ax.lines if line.get_label() == "network")
    x, f = curve.get_data()
    np.testing.assert_allclose(f, model.predict(x[:, None]), atol=1e-12)
    units = sum(line.get_ydata() for line in display.unit_lines_)
    np.testing.assert_allclose(units + model.network_.output_biases[0], f, atol=1e-12)


@pytest.mark.parametrize("labels", [False, True])
def test_lines_are_where_units_switch(ax, labels):
    X, y = plane_data()
    if labels:
        y = y > 0.5
    model = (ConvexReLUClassifier if labels else ConvexReLURegressor)(1e-2, tol=1e-2, random_state=0).fit(X, y)
    display = HiddenUnitsDisplay.from_estimator(model, X, y, ax=ax)
    assert 0 < len(display.unit_lines_) <= model.network_.n_hidden
    W, b = model.network_.hidden_weights, model.network_.hidden_biases
    for line in display.unit_lines_:
        ends = np.column_stack(line.get_data())
        assert (np.abs(ends @ W + b).max(axis=0) < 1e-9).any()
    mesh = ax.collections[0].get_array().reshape(200, 200)
    corner = [ax.get_xlim()[0], ax.get_ylim()[0]]
    assert mesh[0, 0] == pytest.approx(model.network_.predict(np.array([corner]))[0])


def test_cells_are_the_patterns_of_the_data(ax):
    X, _ = plane_data(7)
    display = ArrangementDisplay.from_data(X, ax=ax)
    assert len(display.wedges_) == arrangement_bound(X).exact == 14
    full = enumerate_arrangements(X, full_dimensional=True).T
    assert {tuple(p) for p in display.patterns} == {tuple(p) for p in full}
    angles = np.radians([0.5 * (wedge.theta1 + wedge.theta2) for wedge in display.wedges_])
    np.testing.assert_array_equal((X @ [np.cos(angles), np.sin(angles)] >= 0).T, display.patterns)


def test_path_shows_objective_and_units(ax):
    X, y = line_data()
    path = convex_relu_path(X, y, betas=4, random_state=0)
    display = BetaPathDisplay.from_path(path, ax=ax)
    np.testing.assert_array_equal(display.line_.get_xdata(), path.betas)
    np.testing.assert_array_equal(display.line_.get_ydata(), path.objectives)
    np.testing.assert_array_equal(display.units_ax_.lines[0].get_ydata(), path.n_units)


def test_cross_validated_scores_and_the_choice(ax):
    X, y = line_data()
    model = ConvexReLURegressorCV(betas=[0.1, 0.01, 0.001], cv=3, random_state=0).fit(X, y)
    display = BetaPathDisplay.from_estimator(model, ax=ax)
    np.testing.assert_allclose(display.line_.get_ydata(), model.cv_scores_.mean(axis=1))
    assert any(np.allclose(line.get_xdata(), model.beta_) for line in ax.lines if line is not display.line_)
    assert display.units_ax_ is None


def test_rounds_and_gaps(ax):
    X, y = plane_data()
    model = ConvexReLURegressor(1e-2, random_state=0).fit(X, y)
    display = SearchDisplay.from_estimator(model, ax=ax)
    gaps = display.gap_ax_.lines[0].get_ydata()
    assert len(gaps) == len(model.objectives_) + 1
    # three columns: the fit carries a proof, and its bound is the one drawn
    assert gaps[-1] == pytest.approx(model.certificate_.gap_proven, rel=1e-6)
    np.testing.assert_array_equal(ax.lines[0].get_ydata()[:-1], model.objectives_)


def test_bars_are_the_gaps(ax):
    X, y = plane_data(20)
    model = ConvexReLURegressor(1e-2, random_state=0).fit(X, y)
    display = CertificateDisplay.from_estimator(model, ax=ax)
    found = model.certificate_
    expected = [gap for gap in (found.gap_solved, found.gap_searched, found.gap_proven) if gap is not None]
    np.testing.assert_allclose([bar.get_width() for bar in display.bars_], np.maximum(expected, 1e-12))


def test_new_axes_are_made():
    X, _ = plane_data(5)
    display = ArrangementDisplay.from_data(X)
    first = display.figure_
    assert display.plot().figure_ is not first
    plt.close("all")


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: ArrangementDisplay.from_data(np.ones((3, 3))), "two columns"),
        (
            lambda: HiddenUnitsDisplay.from_network(
                TwoLayerReLU(np.eye(3), np.zeros(3), np.ones((3, 1)), np.zeros(1)), np.eye(3)
            ),
            "one or two",
        ),
        (
            lambda: HiddenUnitsDisplay.from_network(
                TwoLayerReLU(np.eye(2), np.zeros(2), np.eye(2), np.zeros(2)), np.eye(2)
            ),
            "one output",
        ),
    ],
)
def test_refusals(act, message):
    with pytest.raises(ValueError, match=message):
        act()


@pytest.mark.parametrize("sides", [3, 4, 6, 7, 12])
@pytest.mark.parametrize("turn", [0.0, 0.3])
def test_regular_polygons_have_a_cell_for_each_pattern(ax, sides, turn):
    angles = turn + 2.0 * np.pi * np.arange(sides) / sides
    X = np.column_stack([np.cos(angles), np.sin(angles)])
    cells = ArrangementDisplay.from_data(X, ax=ax).wedges_
    assert len(cells) == enumerate_arrangements(X, full_dimensional=True).shape[1]


def test_units_of_size_zero_are_drawn(ax):
    network = TwoLayerReLU(np.ones((2, 1)), [0.0], [[0.0]], [0.0])
    assert len(HiddenUnitsDisplay.from_network(network, np.eye(2), ax=ax).unit_lines_) == 1


def test_targets_belong_to_the_samples():
    network = TwoLayerReLU(np.ones((1, 1)), [0.0], [[1.0]], [0.0])
    with pytest.raises(ValueError, match="one value for each"):
        HiddenUnitsDisplay.from_network(network, [[1.0], [2.0]], [1.0])


@pytest.mark.parametrize(
    "X",
    [
        [[1.0, 0.0], [1.0, 1e-10], [0.0, 1.0]],
        np.c_[1e5 + np.arange(5.0), np.ones(5)],
        [[1.0, 2.0], [-2.0, -4.0], [0.0, 0.0]],
        np.random.default_rng(0).normal(size=(9, 2)),
    ],
)
def test_cells_drawn_are_those_enumerated(X):
    display = ArrangementDisplay.from_data(X)
    every = enumerate_arrangements(X, full_dimensional=True)
    assert len(display.wedges_) == every.shape[1] == len(display.boundaries) - 1
    assert {tuple(p) for p in display.patterns} == {tuple(p) for p in every.T}
    middles = 0.5 * (display.boundaries[:-1] + display.boundaries[1:])
    wide = np.diff(display.boundaries) > 1e-6
    drawn = np.array([np.cos(middles), np.sin(middles)])[:, wide]
    moved = np.asarray(X) @ drawn
    clear = np.abs(moved) > 1e-9 * np.abs(moved).max()
    assert ((moved > 0.0) == display.patterns[wide].T)[clear].all()


def test_arrangements_of_zeros_cannot_be_drawn():
    with pytest.raises(ValueError, match=r"shape \(2, 2\) and only zeros"):
        ArrangementDisplay.from_data(np.zeros((2, 2)))


@pytest.mark.parametrize("n_features", [1, 2])
@pytest.mark.parametrize("y", [["a", "b", "c", "a"], ["a", "a", "a", "a"], ["a", "b", "b", "a"], [1.0, 2.0, 3.0, 4.0]])
def test_labels_of_any_kind_are_drawn(n_features, y):
    rng = np.random.default_rng(0)
    network = TwoLayerReLU(rng.normal(size=(n_features, 2)), np.ones(2), np.ones((2, 1)), np.zeros(1))
    display = HiddenUnitsDisplay.from_network(network, rng.normal(size=(4, n_features)), y)
    names = display.ax_.get_legend_handles_labels()[1]
    assert n_features == 1 or isinstance(y[0], float) or {f"class {label}" for label in y} <= set(names)


def test_only_networks_are_drawn():
    with pytest.raises(TypeError, match="network must be a TwoLayerReLU"):
        HiddenUnitsDisplay.from_network(None, [[1.0]])
