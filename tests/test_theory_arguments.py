"""Numbers that no tolerance can be are refused by name, in every function of the theory that takes one, before any work."""

import inspect

import numpy as np
import pytest

from skconvrelu import theory
from skconvrelu.network import TwoLayerReLU

X, y = np.array([[1.0], [-2.0]]), np.array([1, -1])
NETWORK = TwoLayerReLU(np.array([[1.0, -1.0]]), np.zeros(2), np.array([[1.0], [-1.0]]), np.zeros(1))
GIVEN = {"X": X, "y": y, "beta": 0.1, "network": NETWORK, "optimum": NETWORK}
CASES = [
    (name, parameter)
    for name in theory.__all__
    if not inspect.isclass(getattr(theory, name))
    for parameter in inspect.signature(getattr(theory, name)).parameters
    if parameter in ("tol", "kink_tol", "active_tol", "sample_weight")
]


@pytest.mark.parametrize("bad", ["a", {}, np.nan])
@pytest.mark.parametrize(("name", "parameter"), CASES)
def test_tolerances_and_weights_are_numbers(name, parameter, bad):
    function = getattr(theory, name)
    needed = [p for p in inspect.signature(function).parameters if p in GIVEN]
    with pytest.raises(ValueError, match=parameter):
        function(**{p: GIVEN[p] for p in needed}, **{parameter: bad})


def test_cases_are_not_empty():
    assert {parameter for _, parameter in CASES} == {"tol", "kink_tol", "active_tol", "sample_weight"}
