"""Axes to draw on, with matplotlib imported only when something is drawn."""

from __future__ import annotations

from typing import Any


def axes(ax: Any) -> tuple[Any, Any]:
    """The axes given, or new ones, with their figure.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install skconvrelu[plot].") from error
    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    return ax, ax.figure
