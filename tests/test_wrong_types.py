"""Arguments of a wrong kind, in every public function and method: an error that names the argument, no raw one of numpy."""

import inspect
import re

import numpy as np
import pytest

import skconvrelu
from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor, ConvexReLURegressorCV, arrangements, plotting, theory
from skconvrelu.network import TwoLayerReLU

plt = pytest.importorskip("matplotlib.pyplot")

X, y = np.array([[1.0], [-2.0], [0.5], [-1.0]]), np.array([1, -1, 1, -1])
TARGETS = y.astype(float)
NETWORK = TwoLayerReLU(np.array([[1.0, -1.0]]), np.zeros(2), np.array([[1.0], [-1.0]]), np.zeros(1))
FAST = {"refine": False, "n_arrangements": 5, "random_state": 0}
REGRESSOR = ConvexReLURegressor(0.1, random_state=0).fit(X, TARGETS)
CLASSIFIER = ConvexReLUClassifier(0.1, **FAST).fit(X, y)
CHOSEN = ConvexReLURegressorCV(betas=[0.1], cv=2, **FAST).fit(X, TARGETS)
PATH = skconvrelu.convex_relu_path(X, TARGETS, betas=2, **FAST)
OPTIMA = theory.optimal_set(X, TARGETS, beta=0.1)
ELLIPSOID = theory.rectified_ellipsoid(X)
LANDSCAPE = theory.landscape_1d(0.5)
FLOW = theory.gradient_flow(X, y, NETWORK, duration=0.1, n_times=3)

#: no argument of this package is any of these
WRONG = {
    "object": object(),
    "dict": {},
    "ragged list": [[1, 2], [3]],
    "three dimensions": np.zeros((2, 2, 2)),
    "complex": 1j,
    "bytes": b"x",
    "set": {1},
    "strings": np.array(["a"]),
    "nested strings": [["a"]],
}
#: what every parameter of these names may be
GIVEN = {
    "X": X, "y": y, "beta": 0.1, "network": NETWORK, "optimum": NETWORK, "network0": NETWORK, "dual_coef": TARGETS,
    "n_features": 2, "n_hidden": 3, "scale": 0.1, "gates": np.ones((1, 3)), "n": 3, "rank": 2,
}  # fmt: skip
SAMPLER = {
    "X": X,
    "arrangements": "gaussian",
    "count": 3,
    "rng": np.random.RandomState(0),
    "weights": np.ones(4),
    "constant": False,
}

LAYERS = {
    "hidden_weights": NETWORK.hidden_weights, "hidden_biases": NETWORK.hidden_biases,
    "output_weights": NETWORK.output_weights, "output_biases": NETWORK.output_biases,
}  # fmt: skip
BLOCKS = {"coef": np.ones((2, 2)), "directions": np.ones((2, 1)), "intercept": np.zeros(1), "biases": True}
PATCHES = {"X": np.ones((3, 4)), "kind": "patches", "image_shape": (2, 2), "patch_shape": (1, 1)}
POINTS = {"z": TARGETS, "dual_coef": TARGETS, "direction": TARGETS}
OF_NETWORKS = (
    "outputs", "predict", "patterns", "merge", "minimal", "contributions", "grouped", "pruning_scales", "to_mlp",
)  # fmt: skip
OF_ELLIPSOIDS = ("points", "support", "preimage", "contains", "in_polar_set", "gauge")

FUNCTIONS = {
    **{name: (getattr(theory, name), GIVEN) for name in theory.__all__},
    **{name: (getattr(arrangements, name), GIVEN) for name in arrangements.__all__},
    "gradient_flow": (theory.gradient_flow, GIVEN | {"duration": 0.1, "n_times": 3}),
    "sample_arrangements": (arrangements.sample_arrangements, PATCHES),
    "sample_gates": (arrangements.sample_gates, SAMPLER),
    "beta_max": (skconvrelu.beta_max, {"X": X, "y": TARGETS}),
    "convex_relu_path": (skconvrelu.convex_relu_path, {"X": X, "y": TARGETS, "betas": [0.1]}),
    "certify_network": (skconvrelu.certify_network, GIVEN | {"y": TARGETS, "loss": "squared_error"}),
    "fit": (ConvexReLURegressor(**FAST).fit, {"X": X, "y": TARGETS}),
    "fit of a classifier": (ConvexReLUClassifier(**FAST).fit, {"X": X, "y": y}),
    "fit that chooses": (ConvexReLURegressorCV(betas=[0.1], cv=2, **FAST).fit, {"X": X, "y": TARGETS}),
    "predict": (REGRESSOR.predict, {"X": X}),
    "predict_proba": (CLASSIFIER.predict_proba, {"X": X}),
    "certify": (REGRESSOR.certify, {"X": X, "y": TARGETS}),
    "TwoLayerReLU": (TwoLayerReLU, LAYERS),
    "from_mlp": (TwoLayerReLU.from_mlp, {}),
    "from_convex": (TwoLayerReLU.from_convex, BLOCKS),
    **{name: (getattr(NETWORK, name), {"X": X}) for name in OF_NETWORKS},
    "objective": (NETWORK.objective, GIVEN | {"y": TARGETS}),
    "permute": (NETWORK.permute, {}),
    "split": (NETWORK.split, {"unit": 0, "shares": [0.5, 0.5]}),
    "rescaled": (NETWORK.rescaled, {"left": np.ones(2), "right": np.ones(2)}),
    "scaled_units": (NETWORK.scaled_units, {}),
    **{name: (getattr(OPTIMA, name), {}) for name in ("extreme", "member", "network")},
    **{name: (getattr(ELLIPSOID, name), POINTS) for name in OF_ELLIPSOIDS},
    "nonconvex": (LANDSCAPE.nonconvex, {"u": 1.0, "a": 1.0}),
    "convex": (LANDSCAPE.convex, {"v": 1.0, "w": 1.0}),
    "network of a flow": (FLOW.network, {}),
    "ArrangementDisplay": (plotting.ArrangementDisplay.from_data, {"X": np.array([[1.0, 2.0], [2.0, 1.0]])}),
    "BetaPathDisplay": (plotting.BetaPathDisplay.from_path, {"path": PATH}),
    "BetaPathDisplay of an estimator": (plotting.BetaPathDisplay.from_estimator, {"estimator": CHOSEN}),
    "CertificateDisplay": (plotting.CertificateDisplay.from_estimator, {"estimator": REGRESSOR}),
    "SearchDisplay": (plotting.SearchDisplay.from_estimator, {"estimator": REGRESSOR}),
    "HiddenUnitsDisplay": (plotting.HiddenUnitsDisplay.from_estimator, {"estimator": REGRESSOR, "X": X}),
    "HiddenUnitsDisplay of a network": (plotting.HiddenUnitsDisplay.from_network, {"network": NETWORK, "X": X}),
}  # fmt: skip
FUNCTIONS = {name: pair for name, pair in FUNCTIONS.items() if not inspect.isclass(pair[0]) or pair[0] is TwoLayerReLU}


def _parameters(function):
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [name for name, p in inspect.signature(function).parameters.items() if p.kind not in kinds]


CASES = [(name, parameter) for name, (function, _) in FUNCTIONS.items() for parameter in _parameters(function)]


def _may_be(parameter, kind):
    """What looks wrong and is not: labels may be any strings, and landscapes have any shape."""
    elementwise = parameter in ("u", "a", "v", "w") and kind == "three dimensions"
    return elementwise or (parameter in ("y", "classes") and "strings" in kind)


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize(("name", "parameter"), CASES)
def test_the_argument_is_named(name, parameter):
    function, given = FUNCTIONS[name]
    known = {key: value for key, value in given.items() if key in _parameters(function)}
    for kind, wrong in WRONG.items():
        if _may_be(parameter, kind):
            continue
        with pytest.raises((TypeError, ValueError)) as caught:
            function(**(known | {parameter: wrong}))
        assert re.search(rf"\b{parameter}\b", str(caught.value)), f"{kind}: {caught.value}"


def test_all_public_functions_have_cases():
    for module in (theory, arrangements):
        functions = {name for name in module.__all__ if not inspect.isclass(getattr(module, name))}
        assert functions <= set(FUNCTIONS)
    for name in skconvrelu.__all__:
        if inspect.isfunction(getattr(skconvrelu, name)):
            assert name in FUNCTIONS
    assert len(CASES) > 150


@pytest.mark.parametrize("weights", [np.inf, np.nan, -1.0, 0.0, [1.0, np.inf, 1.0, 1.0]])
def test_weights_of_a_fit_are_finite_and_positive(weights):
    with pytest.raises(ValueError, match="sample_weight"):
        ConvexReLURegressor(**FAST).fit(X, TARGETS, weights)
    with pytest.raises(ValueError, match="sample_weight"):
        skconvrelu.certify_network(NETWORK, X, TARGETS, beta=0.1, loss="squared_error", sample_weight=weights)
