"""One training problem: validated data in coordinates in which numbers have moderate sizes, and the exact maps from and to the user's."""

from skconvrelu.problem.coordinates import Coordinates
from skconvrelu.problem.problem import Problem

__all__ = ["Coordinates", "Problem"]
