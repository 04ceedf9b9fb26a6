"""Plots of the documentation, drawn from the tables in ``benchmarks/results``.

``python -m benchmarks.plots folder`` writes one image a plot into the folder; the documentation's build does the same.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).with_name("results")

#: contender, race 1: colour and marker
_RIVALS = {
    "adelie": ("C1", "o"), "Clarabel": ("C2", "s"), "SCS": ("C4", "D"), "pyscnn": ("C5", "^"), "pyscnn32": ("C6", "v"),
}  # fmt: skip
#: error from which a rival of race 1 has not reached the optimum
_REACHED = 1e-6


def rows_of(name: str) -> list[str]:
    """Lines of a table, its header first."""
    return [line for line in (RESULTS / f"{name}.txt").read_text().splitlines() if line.strip()]


def number(text: str) -> float:
    """A number, or nan for a dash."""
    return float("nan") if text == "-" else float(text)


def _legend(ax: Any) -> None:
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False)


def given_arrangements(ax: Any) -> None:
    """Race 1: time of each rival over ours, hollow where it did not reach the optimum to 1e-6."""
    lines = [line for line in rows_of("given_arrangements")[1:] if "|" in line]
    labels = []
    for place, line in enumerate(lines):
        first, *columns = line.split("|")
        labels.append(first.rsplit(None, 1)[0])
        for (colour, marker), column in zip(_RIVALS.values(), columns, strict=True):
            fields = column.split()
            if len(fields) < 3:
                continue
            reached = number(fields[2]) <= _REACHED
            ax.plot(number(fields[1]), place, marker, color=colour, mfc=colour if reached else "none", ms=5)
    for name, (colour, marker) in _RIVALS.items():
        ax.plot([], [], marker, color=colour, label=name, ms=5)
    ax.axvline(1.0, color="0.3", lw=1)
    ax.set(xscale="log", xlabel="time of the rival / ours (hollow: objective more than 1e-6 above the optimum)")
    ax.set_yticks(range(len(labels)), labels, fontsize=7)
    ax.margins(y=0.01)
    ax.invert_yaxis()
    ax.grid(axis="x", alpha=0.3)
    _legend(ax)


def free_race(ax: Any) -> None:
    """Race 2: seconds to within 0.1% of the best objective; those who never got there stand beyond the axis."""
    table: dict[str, dict[str, float]] = {}
    for line in rows_of("free_race")[1:]:
        problem, *contender, _, _, _, seconds = line.split()
        table.setdefault(problem, {})[" ".join(contender)] = number(seconds)
    who = list(dict.fromkeys(name for entry in table.values() for name in entry))
    known = [seconds for entry in table.values() for seconds in entry.values() if np.isfinite(seconds)]
    never = 5.0 * max(known)
    for k, name in enumerate(who):
        places = [(i, entry[name]) for i, entry in enumerate(table.values()) if name in entry]
        heights = np.array([i for i, _ in places]) + (k - 0.5 * (len(who) - 1)) * 0.1
        seconds = np.array([s for _, s in places])
        got = np.isfinite(seconds)
        colour = f"C{k + 3}"
        ax.plot(seconds[got], heights[got], "o", color=colour, ms=8 if name == "ours" else 5, label=name)
        ax.plot(np.full((~got).sum(), never), heights[~got], "x", color=colour, ms=5)
    ax.axvline(never / 2.0, color="0.3", lw=1, ls=":")
    ax.text(never, -0.6, "never", ha="center", va="center", fontsize=8)
    ax.set(xscale="log", xlabel="seconds to within 0.1% of the best objective known", ylim=(len(table) - 0.4, -0.8))
    ax.set_yticks(range(len(table)), list(table), fontsize=8)
    ax.grid(axis="x", alpha=0.3)
    _legend(ax)


def growth(ax: Any) -> None:
    """Race 3: seconds of fit and prediction by the number of rows, beside straight lines of exponent one."""
    lines = [line.split() for line in rows_of("growth_rows")[1:]]
    n = np.array([float(fields[0]) for fields in lines])
    for column, label, colour in ((3, "fit", "C3"), (5, "prediction", "C0")):
        seconds = np.array([float(fields[column]) for fields in lines])
        ax.plot(n, seconds, "o-", color=colour, label=label)
        ax.plot(n, seconds[0] * n / n[0], ":", color=colour, lw=1, label=f"{label}, if it grew like n")
    ax.set(xscale="log", yscale="log", xlabel="rows", ylabel="seconds")
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8)


def accuracy(ax: Any) -> None:
    """Test errors of regression, relative to the lowest of each set."""
    header, *lines = rows_of("accuracy_regression")
    who = header.split()[:6]
    sets = [line.split() for line in lines if not line.startswith(("mean", "lowest"))]
    scores = np.array([[float(value) for value in fields[1:7]] for fields in sets])
    relative = scores / scores.min(axis=1, keepdims=True)
    for k, name in enumerate(who):
        ax.plot(relative[:, k], range(len(sets)), "o", color=f"C{k + 3}", ms=9 if name == "ours" else 6, label=name)
    ax.set(xscale="log", xlabel="root mean squared error on test rows / lowest of the set")
    ax.set_xticks([1, 1.2, 1.5, 2, 3, 5, 10, 20], ["1", "1.2", "1.5", "2", "3", "5", "10", "20"])
    ax.minorticks_off()
    ax.set_yticks(range(len(sets)), [fields[0] for fields in sets], fontsize=8)
    ax.invert_yaxis()
    ax.grid(axis="x", alpha=0.3)
    _legend(ax)


#: plots and their sizes in inches
PLOTS: dict[str, tuple[Callable[[Any], None], tuple[float, float]]] = {
    "given_arrangements": (given_arrangements, (8.0, 12.0)),
    "free_race": (free_race, (8.0, 5.5)),
    "growth": (growth, (6.0, 4.0)),
    "accuracy": (accuracy, (8.0, 3.5)),
}


def draw_all(folder: Path) -> None:
    """One PNG a plot."""
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    for name, (draw, size) in PLOTS.items():
        figure, ax = plt.subplots(figsize=size, layout="constrained")
        draw(ax)
        figure.savefig(folder / f"{name}.png", dpi=110)
        plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    draw_all(parser.parse_args().folder)


if __name__ == "__main__":
    main()
