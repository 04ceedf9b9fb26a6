"""Warnings that point at the user's own line, however deep inside the package they arise."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import joblib
import sklearn

#: what lies between the user and the place of a warning
_INSIDE = tuple(str(Path(file).parent) for file in (__file__, sklearn.__file__, joblib.__file__))


def warn(message: str, category: type[Warning]) -> None:
    """As :func:`warnings.warn`, at the first caller outside of this package, scikit-learn and joblib."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
