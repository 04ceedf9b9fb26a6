"""Paths without valleys: monotone, continuous, from where they begin to the optimum."""

import numpy as np
import pytest
from test_stationarity import data, random_network

from skconvrelu.network import TwoLayerReLU
from skconvrelu.theory import descent_path, optimal_set


@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
@pytest.mark.parametrize("m", [3, 60])
@pytest.mark.parametrize("seed", range(3))
def test_objective_never_rises(loss, m, seed):
    X, y = data(loss, n=10, d=2, seed=seed)
    start = random_network(2, m, seed=seed)
    optima = optimal_set(X, y, beta=0.05, loss=loss)
    path = descent_path(start, optima.network(), X, y, beta=0.05, loss=loss, n_steps=30)
    values = np.array([n.objective(X, y, beta=0.05, loss=loss) for n in path.networks])
    np.testing.assert_allclose(values, path.objectives, rtol=1e-12)
    assert path.objectives[0] == pytest.approx(start.objective(X, y, beta=0.05, loss=loss), rel=1e-12)
    assert (np.diff(path.objectives) <= 1e-10 * path.objectives[0]).all()
    assert path.objectives[-1] == pytest.approx(optima.objective, rel=1e-7)
    widths = np.array([n.n_hidden for n in path.networks])
    crossing = np.array(path.stages) == "cross"
    assert widths[crossing].max() <= len(X) + optima.network().n_hidden
    assert widths.max() <= max(m, len(X) + optima.network().n_hidden)
    assert path.stages[0] == "balance"
    assert ("prune" in path.stages) or m == 3


def test_outputs_move_in_small_steps():
    X, y = data(n=10, d=2)
    optimum = optimal_set(X, y, beta=0.05).network()
    jumps = []
    for n_steps in (20, 200):
        path = descent_path(random_network(2, 5), optimum, X, y, beta=0.05, n_steps=n_steps)
        outputs = np.array([n.predict(X) for n in path.networks])
        jumps.append(np.abs(np.diff(outputs, axis=0)).max())
    assert jumps[1] < 0.15 * jumps[0]


def size(network):
    """The weights of the units, largest first: what is left of them whatever their order and number."""
    return np.sort(np.r_[np.linalg.norm(network.vectors(), axis=0), np.zeros(70 - network.n_hidden)])[::-1]


def test_functions_and_weights_move_in_small_steps_in_every_stage():
    """At points off X, too, where removing a dependent unit changes the function."""
    X, y = data(n=10, d=2)
    optimum = optimal_set(X, y, beta=0.05).network()
    elsewhere = 3.0 * np.random.default_rng(0).normal(size=(200, 2))
    jumps = []
    for n_steps in (20, 200):
        path = descent_path(random_network(2, 60), optimum, X, y, beta=0.05, n_steps=n_steps)
        stages = np.array(path.stages)
        functions = np.array([network.predict(elsewhere) for network in path.networks])
        weights = np.array([size(network) for network in path.networks])
        changes = []
        for stage in ("balance", "merge", "prune", "cross"):
            own = np.flatnonzero(stages == stage)
            assert len(own) > n_steps
            assert (np.diff(own) == 1).all()
            changes.append([np.abs(np.diff(a[own], axis=0)).max() for a in (functions, weights)])
        jumps.append(changes)
        joints = np.flatnonzero(stages[1:] != stages[:-1])
        assert np.abs(functions[joints + 1] - functions[joints]).max() < 1e-9 * np.abs(functions).max()
    few, many = (np.array(changes) for changes in jumps)
    moves = few > 1e-9 * few.max(axis=0)
    assert moves.sum() >= 6  # balancing keeps the function, merging the weights of merged units
    assert (many[:, 0] <= 0.15 * few[:, 0] + 1e-9)[moves[:, 0]].all()
    assert (many[:, 1] <= 0.5 * few[:, 1] + 1e-9)[moves[:, 1]].all()  # a unit vanishes like the root of its share


def test_a_target_above_what_pruning_reaches_is_refused():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(10, 2)), rng.normal(size=10)
    start = random_network(2, 30, seed=1)
    with pytest.raises(ValueError, match=r"larger than the .* balanced, merged and pruned"):
        descent_path(start, start.balance(), X, y, beta=0.1)
    path = descent_path(start, optimal_set(X, y, beta=0.1).network(), X, y, beta=0.1)
    assert (np.diff(path.objectives) <= 1e-12 * path.objectives[0]).all()


def test_the_path_ends_where_nothing_is_higher():
    X, y = data(n=10, d=2)
    optimum = optimal_set(X, y, beta=0.05).network()
    with pytest.raises(ValueError, match="larger than the"):
        descent_path(optimum, random_network(2, 5), X, y, beta=0.05)


def test_units_that_cancel_are_passed_by():
    X, y = np.array([[0.0], [0.0], [1.0]]), np.array([0.0, 0.0, 1.0])
    network = TwoLayerReLU([[3.0, -3.0]], [1.0, 1.0], [[1.0], [1.0]], [0.0])
    path = descent_path(network, optimal_set(X, y, beta=0.1).network(), X, y, beta=0.1)
    assert np.isfinite(path.objectives).all()
    assert (np.diff(path.objectives) <= 1e-12).all()


@pytest.mark.parametrize("n_steps", [0, 2.5, None])
def test_a_path_has_steps(n_steps):
    X, y = data()
    with pytest.raises(ValueError, match="n_steps must be an integer"):
        descent_path(random_network(), random_network(), X, y, beta=0.1, n_steps=n_steps)
