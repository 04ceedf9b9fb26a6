"""Pictures of networks, arrangements, paths and certificates, as scikit-learn display objects; they need matplotlib."""

from skconvrelu.plotting._arrangements import ArrangementDisplay
from skconvrelu.plotting._certificate import CertificateDisplay
from skconvrelu.plotting._path import BetaPathDisplay
from skconvrelu.plotting._search import SearchDisplay
from skconvrelu.plotting._units import HiddenUnitsDisplay

__all__ = [
    "ArrangementDisplay",
    "BetaPathDisplay",
    "CertificateDisplay",
    "HiddenUnitsDisplay",
    "SearchDisplay",
]
