"""Every table of the documentation from one command.

``python -m benchmarks`` runs all benchmarks one after the other, each in a process of its own, and writes what they print to files
of their names; with names behind it only those. Together they take a day on two cores; data are read from the folder named by
``SKCONVRELU_SHARED``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

#: module and arguments of each table, in the order of the documentation
TABLES = {
    "given_arrangements": [],
    "free_arrangements": [],
    "free_race": [],
    "rivals_on_data": [],
    "refine_accuracy": [],
    "losses": [],
    "quantile_coverage": ["--rows", "400"],
    "accuracy": [],
    "growth": [],
    "cv_speed": ["--repeats", "1"],
    "exactness": [],
    "trust": [],
    "beta_auto": [],
    "defaults": [],
    "scale": [],
    "limit": [],
    "time_to_model": [],
    "max_time": [],
}


def run(name: str, folder: Path) -> int:
    """One benchmark; what it prints goes to a file, which is complete only if the process returns zero."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *TABLES[name]]
    if name in ("accuracy", "defaults", "time_to_model"):  # fits that are there already are not run again
        command += ["--results", str(folder / f"{name}.jsonl")]
    begin = time.monotonic()
    with (folder / f"{name}.txt").open("w") as file:
        code = subprocess.run(command, stdout=file).returncode
    print(
        f"{name:20s} {'done' if code == 0 else f'ended with code {code}'} after {time.monotonic() - begin:.0f} s",
        flush=True,
    )
    return code


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"some of {', '.join(TABLES)}; all by default")
    parser.add_argument("--output", type=Path, default=Path("benchmark-results"))
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(TABLES)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; choose from {', '.join(TABLES)}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    codes = [run(name, arguments.output) for name in arguments.names or TABLES]
    sys.exit(1 if any(codes) else 0)


if __name__ == "__main__":
    main()
