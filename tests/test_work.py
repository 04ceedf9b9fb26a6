"""Work, not time: iterations and matrix products on fixed problems may not grow by more than a fifth.

Each part is counted by itself from a fixed input, since a whole search is chaotic: a rounding error may cost it three rounds. Rounds are
therefore counted over many small fits. ``python tests/test_work.py`` writes the counts of the present code to ``work.json``; do that
where work has become less, or more for a reason.
"""

import json
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from problems import make_program
from test_proximal_newton import rough_start

from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor
from skconvrelu.cones.cone_faces import ConeFaces
from skconvrelu.cones.projection import _Batch, project
from skconvrelu.kernels.column_products import ColumnProducts
from skconvrelu.search import convex_concave
from skconvrelu.search.descent import _Balanced, descend
from skconvrelu.search.nonnegative_lasso import _Lasso, rescale
from skconvrelu.search.units import Units
from skconvrelu.solvers import block_newton, growing_newton, working_set
from skconvrelu.solvers.block_newton import BlockNewton
from skconvrelu.solvers.block_preconditioner import BlockPreconditioner
from skconvrelu.solvers.interior_point import InteriorPoint
from skconvrelu.solvers.proximal_newton import ProximalNewton

FILE = Path(__file__).with_name("work.json")
#: growth that is an error
ALLOWED = 1.2

#: what is counted: where, and how much one call is
COUNTED = {
    "descent, evaluations": (_Balanced, "__call__", lambda *a: 1),
    "pruning, Newton steps": (_Lasso, "newton", lambda *a: 1),
    "interior point, iterations": (InteriorPoint, "_iterate", lambda *a: 1),
    "block Newton, steps": (BlockNewton, "_newton_step", lambda *a: 1),
    "block Newton, products": (BlockPreconditioner, "__call__", lambda *a: 1),
    "proximal Newton, directions": (ProximalNewton, "_direction", lambda *a: 1),
    "pricing, inner steps": (convex_concave, "_alternate", lambda samples, U, schedule, *a: len(U) * sum(schedule)),
    "cones, steps": (_Batch, "step", lambda self: len(self.index)),
    "faces, steps": (ConeFaces, "_step", lambda self, cones, *a: len(cones)),
    "weighted Grams": (ColumnProducts, "__call__", lambda self, q: len(q)),
}


def cold_programs():
    """The scipy solver from nothing: three kinds of losses."""
    for kind in ("squared_error", "log_loss", "quantile"):
        program = make_program(kind, n=120, d=5, n_gates=40, fraction=0.03)
        assert working_set.solve(program, tol=1e-7, max_iter=300).is_optimal(1e-7)


def warm_programs():
    """The proximal Newton method from a poor start."""
    for seed in range(4):
        for kind in ("squared_error", "log_loss"):
            program = make_program(kind, n=80, d=4, n_gates=30, fraction=0.05, seed=seed)
            assert ProximalNewton(program, rough_start(program)).run(tol=1e-7, max_iter=1000).converged


def growing_programs():
    """The Newton methods from nothing, by way of falling penalties."""
    for kind in ("squared_error", "log_loss"):
        program = make_program(kind, n=150, d=4, n_gates=60, fraction=0.005)
        assert growing_newton.solve(program, tol=1e-6, max_iter=1000).is_optimal(1e-6)
        for n, d in ((150, 4), (500, 20)):
            program = make_program(kind, n=n, d=d, n_gates=60, fraction=0.05, constrained=False)
            assert block_newton.solve(program, tol=1e-6, max_iter=1000).is_optimal(1e-6)


def projections():
    """Cones of random patterns."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 6))
    patterns = (X @ rng.standard_normal((6, 200)) >= 0.0).T
    found = project(X, patterns, rng.standard_normal((200, 6)))
    assert (found.lower <= found.upper).all()


def descent_and_pruning():
    """A network trained by L-BFGS and weighed by the nonnegative Lasso."""
    for seed in range(16):
        program = make_program("squared_error", n=60, d=4, n_gates=5, fraction=0.02, seed=seed)
        rng = np.random.default_rng(seed)
        start = Units(0.1 * rng.standard_normal((40, 5)), np.where(np.arange(40)[:, None] % 2, 1.0, -1.0))
        rescale(program, descend(program, start, steps=200))


def searches():
    """Many small fits over all arrangements."""
    rounds = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((40, 6))
        y = np.abs(X[:, 0]) + X[:, 1] + 0.2 * rng.standard_normal(40)
        rounds += ConvexReLURegressor(0.02, tol=1e-3, random_state=0).fit(X, y).certificate_.n_rounds
        rounds += ConvexReLUClassifier(0.02, tol=1e-3, random_state=0).fit(X, y > 1.0).certificate_.n_rounds
    return rounds


PARTS = {
    part.__name__: part
    for part in (cold_programs, warm_programs, growing_programs, projections, descent_and_pruning, searches)
}


def counts(part):
    """What a part of the work came to, by name."""
    total = dict.fromkeys(COUNTED, 0)
    for name, (owner, method, size) in COUNTED.items():
        original = getattr(owner, method)

        def counting(*args, _name=name, _original=original, _size=size, **kwargs):
            total[_name] += int(_size(*args))
            return _original(*args, **kwargs)

        mock.patch.object(owner, method, counting).start()
    try:
        rounds = PARTS[part]()
    finally:
        mock.patch.stopall()
    found = {name: count for name, count in total.items() if count}
    # the parts of a search vary with its path; its rounds, over all fits, hardly do
    return found if rounds is None else {"rounds": rounds}


@pytest.mark.parametrize("part", PARTS)
def test_work_does_not_grow(part):
    before, now = json.loads(FILE.read_text())[part], counts(part)
    assert set(before) == set(now)
    grown = {name: (before[name], now[name]) for name in now if now[name] > ALLOWED * before[name]}
    assert not grown


if __name__ == "__main__":
    FILE.write_text(json.dumps({part: counts(part) for part in PARTS}, indent=2) + "\n")
    print(FILE.read_text())
