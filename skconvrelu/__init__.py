"""Two-layer ReLU networks trained to global optimality, as scikit-learn estimators."""

from importlib.metadata import PackageNotFoundError, version

from skconvrelu.certificate import Certificate
from skconvrelu.estimators.certify_network import NetworkAudit, certify_network
from skconvrelu.estimators.classifier import ConvexReLUClassifier
from skconvrelu.estimators.classifier_cv import ConvexReLUClassifierCV
from skconvrelu.estimators.regressor import ConvexReLURegressor
from skconvrelu.estimators.regressor_cv import ConvexReLURegressorCV
from skconvrelu.estimators.regularization_path import BetaMax, BetaPath, beta_max, convex_relu_path

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
