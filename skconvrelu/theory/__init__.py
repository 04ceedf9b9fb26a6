"""What the theory of convex ReLU networks states, as functions of data.

The statements are those of Wang, Lacotte & Pilanci (2022), "The hidden convex optimization landscape of regularized two-layer ReLU
networks", and Wang & Pilanci (2022), "The convex geometry of backpropagation", both at ICLR. The page "Theory" of the documentation
lists each with its function, test and picture.
"""

from skconvrelu.theory.alignment import alignment
from skconvrelu.theory.descent_path import DescentPath, descent_path
from skconvrelu.theory.gradient_flow import GradientFlow, balanced_network, gradient_flow
from skconvrelu.theory.landscape import Landscape1D, landscape_1d
from skconvrelu.theory.max_margin import MaxMargin, NonconvexKKT, max_margin, nonconvex_kkt
from skconvrelu.theory.optimal_set import OptimalSet, optimal_set
from skconvrelu.theory.rectified_ellipsoid import RectifiedEllipsoid, Support, rectified_ellipsoid, support_function
from skconvrelu.theory.separability import is_orthogonally_separable
from skconvrelu.theory.stationarity import (
    ClarkeStationarity,
    SubsampledProgram,
    clarke_stationarity,
    subsampled_program,
)

__all__ = [
    "ClarkeStationarity",
    "DescentPath",
    "GradientFlow",
    "Landscape1D",
    "MaxMargin",
    "NonconvexKKT",
    "OptimalSet",
    "RectifiedEllipsoid",
    "SubsampledProgram",
    "Support",
    "alignment",
    "balanced_network",
    "clarke_stationarity",
    "descent_path",
    "gradient_flow",
    "is_orthogonally_separable",
    "landscape_1d",
    "max_margin",
    "nonconvex_kkt",
    "optimal_set",
    "rectified_ellipsoid",
    "subsampled_program",
    "support_function",
]
