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


def test_the_path_ends_where_nothing_is_higher():
    X, y = data(n=10, d=2)
    optimum = optimal_set(X, y, beta=0.05).network()
    with pytest.raises(ValueError, match="larger objective"):
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
