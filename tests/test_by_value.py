"""Objects that hold arrays: equality, hashes, copies and pickles."""

import copy
import dataclasses
import importlib
import inspect
import pickle
import pkgutil

import numpy as np
import pytest

import skconvrelu
from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor, certify_network, convex_relu_path
from skconvrelu.arrangements import sample_arrangements
from skconvrelu.network import TwoLayerReLU
from skconvrelu.theory import (
    balanced_network,
    clarke_stationarity,
    descent_path,
    gradient_flow,
    max_margin,
    nonconvex_kkt,
    optimal_set,
    rectified_ellipsoid,
    subsampled_program,
    support_function,
)

X = np.array([[-1.0], [-0.5], [0.5], [1.0]])
Y = np.abs(X[:, 0])
SIGNS = np.array([-1, -1, 1, 1])
WEIGHTS = (np.array([[1.0, -1.0]]), np.zeros(2), np.array([[1.0], [1.0]]), np.zeros(1))
FAST = {"refine": False, "n_arrangements": 5, "random_state": 0}


def _network(**changes):
    return dataclasses.replace(TwoLayerReLU(*WEIGHTS), **changes)


def _flow(y):
    regression = {} if y is SIGNS else {"loss": "squared_error"}
    return gradient_flow(X, y, balanced_network(1, 4, 0.1, random_state=0), duration=0.5, n_times=3, **regression)


MADE = {
    "TwoLayerReLU": lambda scale: _network(hidden_weights=scale * WEIGHTS[0]),
    "BetaPath": lambda scale: convex_relu_path(X, scale * Y, betas=2, **FAST),
    "NetworkAudit": lambda scale: certify_network(
        WEIGHTS, X, scale * Y, beta=0.01, loss="squared_error", random_state=0
    ),
    "OptimalSet": lambda scale: optimal_set(X, scale * Y, beta=0.01),
    "MaxMargin": lambda scale: max_margin(scale * X, SIGNS),
    "NonconvexKKT": lambda scale: nonconvex_kkt(max_margin(X, SIGNS).network, scale * X, SIGNS),
    "ClarkeStationarity": lambda scale: clarke_stationarity(TwoLayerReLU(*WEIGHTS), scale * X, Y, beta=0.1),
    "SubsampledProgram": lambda scale: subsampled_program(TwoLayerReLU(*WEIGHTS), scale * X, Y, beta=0.1),
    "DescentPath": lambda scale: descent_path(_network(), _network(), X, Y, beta=0.1 * scale, n_steps=2),
    "GradientFlow": lambda scale: _flow(scale * Y),
    "RectifiedEllipsoid": lambda scale: rectified_ellipsoid(scale * X),
    "Support": lambda scale: support_function(scale * X, Y),
    "SampledArrangements": lambda scale: sample_arrangements(X, 5, random_state=int(scale)),
}


@pytest.mark.parametrize("name", MADE)
def test_equal_by_value_with_one_hash(name):
    one, same, other = (MADE[name](scale) for scale in (1.0, 1.0, 2.0))
    assert type(one).__name__ == name
    assert one == one
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != "something else"
    assert len({one, same, other}) == 2
    for twin in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert twin == one
        assert hash(twin) == hash(one)


def test_every_class_that_holds_arrays_compares():
    """The generated == of dataclasses asks arrays for one truth value."""
    for module in pkgutil.walk_packages(skconvrelu.__path__, "skconvrelu."):
        for kind in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(kind) and dataclasses.is_dataclass(kind):
                held = " ".join(str(field.type) for field in dataclasses.fields(kind))
                if "Array" in held or "Mask" in held or "Units" in held:
                    assert not kind.__dataclass_params__.eq, kind


@pytest.mark.parametrize(
    "changes",
    [
        {"output_biases": np.ones(1)},
        {"gates": np.ones((2, 2))},
        {"classes": np.array(["a", "b"])},
        {"hidden_weights": np.zeros((1, 3)), "hidden_biases": np.zeros(3), "output_weights": np.ones((3, 1))},
    ],
)
def test_networks_differ_in_any_part(changes):
    assert _network(**changes) != _network()
    assert _network(**changes) == _network(**changes)


def test_zero_and_minus_zero_are_equal_with_one_hash():
    plus, minus = _network(hidden_biases=np.zeros(2)), _network(hidden_biases=np.array([0.0, -0.0]))
    assert plus == minus
    assert hash(plus) == hash(minus)


def test_hashes_of_networks_of_one_shape_differ():
    assert len({hash(_network(hidden_biases=np.array([0.0, k]))) for k in range(100)}) > 90


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))])
def test_arrays_of_a_copy_cannot_be_written_to(twin):
    network = twin(_network(gates=np.ones((2, 2)), classes=["a", "b"]))
    for field in dataclasses.fields(network):
        array = getattr(network, field.name)
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[...] = array


def test_networks_of_equal_fits_are_equal():
    for model, y in ((ConvexReLURegressor(0.01, **FAST), Y), (ConvexReLUClassifier(0.01, **FAST), SIGNS)):
        first = model.fit(X, y).network_
        assert first == model.fit(X, y).network_
        assert first == pickle.loads(pickle.dumps(model)).network_
