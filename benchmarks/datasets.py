"""The data sets and problems that the benchmarks read by path; none is part of the package.

``SKCONVRELU_SHARED`` names the directory that holds ``data/*.npz`` and ``bench/*.npz``; by default ``../shared`` beside the checkout.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

SHARED = Path(os.environ.get("SKCONVRELU_SHARED", Path(__file__).resolve().parents[2] / "shared"))

REGRESSION = ("uci-concrete", "uci-energy", "uci-power-plant", "uci-wine-red", "uci-yacht", "pmlb-california-housing")


def classification_names() -> list[str]:
    """The twenty ``fd-`` sets."""
    return sorted(path.stem for path in (SHARED / "data").glob("fd-*.npz"))


def load(name: str) -> dict[str, np.ndarray]:
    """Arrays of one data set."""
    with np.load(SHARED / "data" / f"{name}.npz", allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def load_problem(name: str) -> dict[str, np.ndarray]:
    """Arrays of one benchmark problem (SUM normalisation: divide beta and objective by n)."""
    with np.load(SHARED / "bench" / f"{name}.npz", allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def training_rows(data: dict[str, np.ndarray], split: int = 0) -> np.ndarray:
    """Training rows of an official split, or every second row where there is none."""
    if "train_idx" in data:
        return data["train_idx"]
    for key in ("split_train", "kfold_train"):
        if key in data:
            rows = data[key][split]
            return rows[rows >= 0]
    return np.arange(0, len(data["X"]), 2)


def held_out_rows(data: dict[str, np.ndarray], split: int = 0) -> np.ndarray:
    """Test rows of an official split, or the rows that :func:`training_rows` leaves where there is none."""
    if "test_idx" in data:
        return data["test_idx"]
    for key in ("split_test", "kfold_test"):
        if key in data:
            rows = data[key][split]
            return rows[rows >= 0]
    return np.arange(1, len(data["X"]), 2)
