"""A reader of MOSEK's JSON task format, and Clarabel on what it reads; imports neither mosek nor the package.

Entries are taken one by one in plain loops, from the description of the format: nothing is shared with the code that
built the task, so that a mistake there cannot hide here.
"""

import json
import math
from dataclasses import dataclass

import clarabel
import numpy as np
from scipy import sparse

INFINITY = 1e30
STATUS = {
    "Solved": "optimal",
    "AlmostSolved": "stalled",
    "InsufficientProgress": "stalled",
    "MaxIterations": "max_iterations",
    "PrimalInfeasible": "primal_infeasible",
    "DualInfeasible": "dual_infeasible",
}


@dataclass
class Task:
    """``min c'x + cfix``, bounds on ``x`` and ``A x``, and affine conic constraints as lists of rows of ``F x + g``."""

    c: np.ndarray
    cfix: float
    A: sparse.csr_array
    F: sparse.csr_array
    g: np.ndarray
    variable_bounds: list
    row_bounds: list
    cones: list  # (kind, rows of F)
    parameters: dict


@dataclass
class Result:
    """Multipliers are MOSEK's: ``c - A'rows - F'cones = 0`` at an optimum, ``rows`` >= 0 on lower bounds."""

    status: str
    objective: float
    x: np.ndarray
    rows: np.ndarray
    cones: np.ndarray
    n_iter: int


def read_jtask(path):
    """Parse a file that ``writedata("....jtask")`` wrote."""
    with open(path, encoding="utf-8") as file:
        content = json.load(file)
    counts, data = content["Task/INFO"], content["Task/data"]
    assert set(data) <= {"var", "con", "objective", "A", "AFE", "domains", "ACC"}, sorted(data)
    assert data["objective"]["sense"] == "min"
    assert set(data["ACC"]) <= {"name", "domain", "afeidx"}, "constant terms of a cone are not read"
    assert set(data["var"]["type"]) == {"cont"}
    n, m, q = counts["numvar"], counts["numcon"], counts["numafe"]
    c, g = np.zeros(n), np.zeros(q)
    for target, entries in ((c, data["objective"]["c"]), (g, data["AFE"].get("g", {}))):
        for index, value in zip(entries.get("subj", entries.get("subi", [])), entries.get("val", []), strict=True):
            target[index] = value
    domains = data["domains"]["type"]
    return Task(
        c=c,
        cfix=data["objective"]["cfix"],
        A=_matrix(data.get("A", {}), (m, n)),
        F=_matrix(data["AFE"].get("F", {}), (q, n)),
        g=g,
        variable_bounds=_bounds(data["var"]),
        row_bounds=_bounds(data.get("con", {"bk": [], "bl": [], "bu": []})),
        cones=[
            (domains[domain], rows) for domain, rows in zip(data["ACC"]["domain"], data["ACC"]["afeidx"], strict=True)
        ],
        parameters={**content["Task/parameters"]["iparam"], **content["Task/parameters"]["dparam"]},
    )


def _matrix(entries, shape):
    matrix = sparse.lil_array(shape)
    for i, j, value in zip(entries.get("subi", []), entries.get("subj", []), entries.get("val", []), strict=True):
        matrix[i, j] = value
    return matrix.tocsr()


def _bounds(part):
    """(lower, upper) with infinities, from the keys, which outrank the numbers."""
    bounds = []
    for key, lower, upper in zip(part["bk"], part["bl"], part["bu"], strict=True):
        assert max(abs(lower), abs(upper)) <= INFINITY
        has_lower, has_upper = key in ("fx", "lo", "ra"), key in ("fx", "up", "ra")
        assert has_lower or has_upper or key == "fr"
        bounds.append((lower if has_lower else -math.inf, upper if has_upper else math.inf))
    return bounds


def solve(task, *, accuracy=1e-10, max_iter=500):
    """Solve a parsed task with Clarabel, ``matrix x + s = b`` with ``s`` in a product of cones."""
    assert all(math.isinf(lower) and math.isinf(upper) for lower, upper in task.variable_bounds)
    blocks, b, kinds = [], [], []
    owners = []  # for each linear row of Clarabel: (row of A, sign of its multiplier)
    for sort in ("equal", "lower", "upper"):
        count = 0
        for i, (lower, upper) in enumerate(task.row_bounds):
            use, sign, bound = {
                "equal": (lower == upper, 1.0, upper),
                "lower": (lower < upper and lower > -math.inf, -1.0, lower),
                "upper": (lower < upper and upper < math.inf, 1.0, upper),
            }[sort]
            if use:
                blocks.append(sign * task.A[[i]])
                b.append([sign * bound])
                owners.append((i, -sign))
                count += 1
        if count:
            kinds.append(clarabel.ZeroConeT(count) if sort == "equal" else clarabel.NonnegativeConeT(count))
    turns = []
    for (kind, *_), rows in task.cones:
        turn = np.eye(len(rows))
        if kind == "rquad":
            turn[:2, :2] = np.array([[1.0, 1.0], [1.0, -1.0]]) / math.sqrt(2.0)
        elif kind == "pexp":
            turn = turn[::-1]
        else:
            assert kind == "quad", kind
        kinds.append(clarabel.ExponentialConeT() if kind == "pexp" else clarabel.SecondOrderConeT(len(rows)))
        blocks.append(-sparse.csr_array(turn) @ task.F[rows])
        b.append(turn @ task.g[rows])
        turns.append(turn)
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_iter = max_iter
    settings.max_threads = 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = accuracy
    n = len(task.c)
    matrix = sparse.csc_array(sparse.vstack(blocks))
    found = clarabel.DefaultSolver(sparse.csc_array((n, n)), task.c, matrix, np.concatenate(b), kinds, settings).solve()
    z = np.array(found.z)
    rows = np.zeros(len(task.row_bounds))
    for (i, sign), multiplier in zip(owners, z[: len(owners)], strict=True):
        rows[i] += sign * multiplier
    pieces = np.split(z[len(owners) :], np.cumsum([len(turn) for turn in turns])[:-1])
    x = np.array(found.x)
    return Result(
        status=STATUS[str(found.status)],
        objective=float(task.c @ x + task.cfix),
        x=x,
        rows=rows,
        cones=np.concatenate([turn.T @ piece for turn, piece in zip(turns, pieces, strict=True)]),
        n_iter=int(found.iterations),
    )
