"""The reconstructed network and the convex weights are the same function at the same cost."""

import numpy as np
import pytest
from problems import KINDS, make_program

from skconvrelu.network import TwoLayerReLU
from skconvrelu.solvers import solve_program


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("constrained", [True, False])
@pytest.mark.parametrize("biases", [True, False])
def test_network_reproduces_outputs_and_penalty(kind, constrained, biases):
    program = make_program(kind, constrained=constrained, fit_intercept=biases, seed=2)
    solution = solve_program(program, solver="scipy", tol=1e-6, max_iter=300)
    # any gates inside the patterns' cells will do; without constraints they have to be kept
    gates = None
    if not constrained:
        rng = np.random.default_rng(2)
        pool = rng.standard_normal((program.X.shape[1], 100_000))
        found = (program.X @ pool >= 0).T
        where = [np.flatnonzero((found == p).all(axis=1))[0] for p in program.patterns]
        gates = pool[:, np.array(where)[program.block_patterns[solution.blocks]]]
    network = TwoLayerReLU.from_convex(
        solution.coef, program.block_directions[solution.blocks], solution.intercept, biases=biases, gates=gates
    )
    X = program.X[:, :-1] if biases else program.X
    F = network.outputs(X)
    expected = program.outputs(solution.blocks, solution.coef) + solution.intercept
    np.testing.assert_allclose(F, expected, atol=1e-12)
    assert program.beta * network.penalty() == pytest.approx(program.penalty(solution.coef), rel=1e-12)
    objective = program.loss_value(F) + program.beta * network.penalty()
    assert objective == pytest.approx(solution.objective, rel=1e-9)
    assert network.n_hidden == len(solution.blocks)


def test_network_without_units_is_its_intercept():
    network = TwoLayerReLU.from_convex(np.zeros((0, 3)), np.zeros((0, 2)), np.array([1.0, -2.0]), biases=True)
    np.testing.assert_array_equal(network.outputs(np.ones((4, 2))), np.tile([1.0, -2.0], (4, 1)))
    assert network.penalty() == 0.0
