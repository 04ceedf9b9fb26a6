"""One way down: no part of the package imports one that builds on it, and files can be read in one sitting."""

import ast
import importlib.util
from pathlib import Path

import pytest

import skconvrelu

ROOT = Path(skconvrelu.__file__).parent

#: each may import those before it
LAYERS = [
    "_by_value", "_warnings", "_logging", "_sklearn", "_checks", "rounding", "stopping", "limits", "rows", "kernels", "row_space", "losses",
    "intercept", "arrangements", "cones", "program", "costs", "policy", "duality", "solution", "solvers", "verification", "certificate",
    "search", "problem", "network", "training", "estimators", "theory", "plotting",
]  # fmt: skip
FILES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))


def part(path):
    return path.parts[0].removesuffix(".py")


def imported(path):
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("skconvrelu"):
            names = node.module.split(".")
            yield from [names[1]] if len(names) > 1 else [alias.name for alias in node.names]


def test_every_part_has_its_place():
    assert {part(path) for path in FILES} - {"__init__"} == set(LAYERS)


def test_imports_go_one_way():
    for path in FILES:
        if part(path) != "__init__":
            below = LAYERS[: LAYERS.index(part(path)) + 1]
            assert set(imported(path)) <= set(below), path


def test_files_can_be_read_in_one_sitting():
    lengths = {str(path): len((ROOT / path).read_text(encoding="utf8").splitlines()) for path in FILES}
    assert {path: length for path, length in lengths.items() if length > 400} == {}


@pytest.mark.parametrize(
    "name", ["losses", "solvers", "search", "problem", "network", "training", "estimators", "theory"]
)
def test_packages_say_what_they_are(name):
    spec = importlib.util.find_spec(f"skconvrelu.{name}")
    assert ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf8")))
