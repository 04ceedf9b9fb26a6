"""Two-layer ReLU networks trained to global optimality, as scikit-learn estimators."""

from importlib.metadata import PackageNotFoundError, version

from skconvrelu._certify_network import NetworkAudit, certify_network
from skconvrelu._classifier import ConvexReLUClassifier
from skconvrelu._cv import ConvexReLUClassifierCV, ConvexReLURegressorCV
from skconvrelu._path import BetaMax, BetaPath, beta_max, convex_relu_path
from skconvrelu._regressor import ConvexReLURegressor
from skconvrelu.certificate import Certificate

try:
    __version__ = version("skconvrelu")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = [
    "BetaMax",
    "BetaPath",
    "Certificate",
    "ConvexReLUClassifier",
    "ConvexReLUClassifierCV",
    "ConvexReLURegressor",
    "ConvexReLURegressorCV",
    "NetworkAudit",
    "__version__",
    "beta_max",
    "certify_network",
    "convex_relu_path",
]
