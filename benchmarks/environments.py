"""Virtual environments for rivals whose pins clash with ours, made on first use beside this file."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).with_name(".environments")

#: what each rival needs: arguments of one or more calls of pip install
PACKAGES = {
    "adelie": [["adelie==1.1.52", "numpy<2"]],
    # its own pins ask for packages that it does not import here, and its torch for another numpy
    "pyscnn": [
        ["torch==2.13.0", "numpy", "scipy", "scikit-learn", "tqdm", "cvxpy", "opt_einsum"],
        ["--no-deps", "pyscnn==0.0.10", "linalg_backends"],
    ],
}


def python_of(adapter: str) -> str:
    """The interpreter of an adapter's environment; this one for those that share it."""
    if adapter not in PACKAGES:
        return sys.executable
    folder = FOLDER / adapter
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        for arguments in PACKAGES[adapter]:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *arguments], check=True)
        (folder / "ready").touch()
    return str(python)
