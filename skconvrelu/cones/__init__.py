"""The cones of arrangement patterns, ``{u : (2D - I) X u >= 0}``, and projections on them."""

from skconvrelu.cones.projection import Projections, project

__all__ = ["Projections", "project"]
