"""Axes to draw on, with matplotlib imported only when something is drawn."""

from __future__ import annotations

from typing import Any


def axes(ax: Any) -> tuple[Any, Any]:
    """The axes given, or new ones, with their figure.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If they are none.
    """
    try:
        import matplotlib.pyplot as plt
        from matplotlib.axes import Axes
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install skconvrelu[plot].") from error
    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be matplotlib Axes or None, got {type(ax).__name__}.")
    return ax, ax.figure
