"""Distance to the limit: the arithmetic that a fit cannot do without, against the time it takes.

``python -m benchmarks.limit`` measures this machine's rate of large matrix products, fits a few problems on one thread, and counts in
each kernel of the search the operations of the products and factorisations it needs (a symmetric product at half its price, a look
at all constraints once a projection). A row a kernel: calls, seconds without those of kernels inside it, share of the fit, operations, and
the rate as a share of the machine's in the same precision. "rest" is everything outside the kernels.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.free_race import Task
from benchmarks.given_arrangements import TARGET, estimator, grid
from benchmarks.growth import teacher
from benchmarks.protocol import quiet_fit
from skconvrelu import ConvexReLURegressor
from skconvrelu.cones.cone_faces import ConeFaces
from skconvrelu.cones.projection import _Batch
from skconvrelu.costs import block_system, factorisations
from skconvrelu.search import convex_concave, gradient_ascent, pricing
from skconvrelu.search.descent import _Balanced
from skconvrelu.search.nonnegative_lasso import _Lasso
from skconvrelu.solvers.block_newton import BlockNewton
from skconvrelu.solvers.newton_system import BlockFits, NewtonSystem
from skconvrelu.solvers.semismooth_system import SemismoothSystem

Cost = Callable[..., float]


def _descent(
    self: Any, X: np.ndarray, Y: np.ndarray, weights: np.ndarray, W: np.ndarray, V: np.ndarray, c: np.ndarray
) -> float:
    return 4.0 * len(X) * len(W) * (W.shape[1] + V.shape[1])


def _pruning(self: Any, root: np.ndarray, free: np.ndarray, *rest: Any) -> float:
    m = float(free.sum())
    return root.shape[0] * root.shape[1] * m**2 + m**3 / 3


def _climbing(samples: Any, U: np.ndarray, schedule: Any, *rest: Any) -> float:
    rising, falling = float(len(samples.rising)), float(len(samples.falling))
    return 4.0 * U.size * (rising * len(schedule) + falling * sum(schedule))


def _semismooth(self: Any, r: np.ndarray) -> float:
    p, rows = float(len(self.L) + self.border.shape[1]), float(r.size)
    small, large = min(p, rows), max(p, rows)
    return 2.0 * len(self.L) * len(self.fits.X) * self.L.shape[1] + small**2 * large + small**3 / 3


def _factoring(self: Any, blocks: np.ndarray, root: np.ndarray, inverse: Any = None) -> float:
    remembered = self._constant and self._gram is not None
    gram, woodbury = factorisations(self._fits.X.shape, self._fits.directions.shape, remembered, inverse is None)
    return gram if self.uses_gram else woodbury


def _fits(self: Any, *rest: Any) -> float:
    return 2.0 * self.masks.size * self.X.shape[1]


#: name, where the function is, precision, and its operations
KERNELS: tuple[tuple[str, Any, str, str, Cost], ...] = (
    ("descent: value and gradient", _Balanced, "_sums", "float64", _descent),
    ("pruning: quadratic models", _Lasso, "newton", "float64", _pruning),
    ("pruning: outputs", _Lasso, "_outputs", "float64",
     lambda self, scale, c: 2.0 * len(self.program.X) * len(scale) * self.directions.shape[1]),
    ("pricing: climbing", convex_concave, "_alternate", "float32", _climbing),
    ("pricing: ascents", gradient_ascent, "_gradients", "float32",
     lambda X, dual, U, V: 4.0 * len(U) * len(X) * (X.shape[1] + 0.5 * dual.shape[1])),
    ("pricing: prices", pricing, "price", "float64", lambda X, dual, U: 2.0 * len(U) * X.size),
    ("convex program: Newton systems", SemismoothSystem, "solve", "float64", _semismooth),
    ("convex program: block Newton", BlockNewton, "_newton_step", "float64",
     lambda self, program: block_system(program, len(self.blocks))),
    ("convex program: interior point", NewtonSystem, "factor", "float64", _factoring),
    ("convex program: fits", BlockFits, "outputs", "float64", _fits),
    ("convex program: fits", BlockFits, "adjoint", "float64", _fits),
    ("prices of given blocks", _Batch, "step", "float64",
     lambda self: float(len(self.index)) * self.A.size * (self.A.shape[1] + 8.0)),
    ("convex program: projections", ConeFaces, "project", "float64",
     lambda self, V, cones: 2.0 * len(V) * self.A.size),
)  # fmt: skip


class Account:
    """Calls, own seconds and operations of each kernel."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = defaultdict(int)
        self.seconds: dict[str, float] = defaultdict(float)
        self.flops: dict[str, float] = defaultdict(float)
        self._inside: list[float] = []  # seconds spent in kernels within the present ones

    def watched(self, name: str, function: Callable[..., Any], cost: Cost) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            flops = cost(*args)  # before the call, which may leave something remembered
            self._inside.append(0.0)
            begin = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                whole = time.perf_counter() - begin
                self.seconds[name] += whole - self._inside.pop()
                self.calls[name] += 1
                self.flops[name] += flops
                if self._inside:
                    self._inside[-1] += whole

        return call

    @contextmanager
    def watching(self) -> Iterator[None]:
        with ExitStack() as stack:
            for name, owner, attribute, _, cost in KERNELS:
                watched = self.watched(name, getattr(owner, attribute), cost)
                stack.enter_context(mock.patch.object(owner, attribute, watched))
            yield


def rates(size: int = 1500, repeat: int = 30) -> dict[str, float]:
    """Operations a second of a large matrix product, the best of many on a machine whose speed varies."""
    found = {}
    for dtype in ("float64", "float32"):
        A = np.random.default_rng(0).standard_normal((size, size)).astype(dtype)
        times = []
        for _ in range(repeat):
            begin = time.perf_counter()
            A @ A
            times.append(time.perf_counter() - begin)
        found[dtype] = 2.0 * size**3 / min(times)
    return found


def problem(name: str) -> tuple[Any, np.ndarray, np.ndarray]:
    """A model to fit and its data."""
    if name.startswith("teacher"):
        n, d = (int(k) for k in name.split(":")[1].split("x"))
        return ConvexReLURegressor(tol=1e-2, random_state=0), *teacher(n, d, 10)
    if name.startswith("given:"):
        size, activation, fraction = name.removeprefix("given:").split()
        given = grid([size], [float(fraction)], [activation == "gated"], False)[0]
        return estimator(given, TARGET), given.X, given.y
    task = Task(name)
    return task.model(tol=task.tol), task.X, task.y


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    names = ["synth-500x10", "uci-concrete", "oh-german-credit-numeric", "teacher:16000x10"]
    names += [f"given:{p}" for p in ("300x50x100 relu 0.3", "1000x10x100 relu 0.003", "1000x10x1000 gated 0.03")]
    parser.add_argument("--problems", nargs="+", default=names)
    arguments = parser.parse_args()
    precision = {name: dtype for name, _, _, dtype, _ in KERNELS}
    with threadpool_limits(limits=1):
        machine = rates()
        print(
            f"matrix products: {machine['float64'] / 1e9:.0f} and {machine['float32'] / 1e9:.0f} Gflop/s in double and single"
        )
        for name in arguments.problems:
            model, X, y = problem(name)
            account = Account()
            begin = time.perf_counter()
            with account.watching():
                quiet_fit(model, X, y)
            total = time.perf_counter() - begin
            print(
                f"\n{name}: {total:.1f} s\n{'':32s}{'calls':>9s}{'seconds':>9s}{'share':>7s}{'Gflop':>9s}{'of rate':>9s}"
            )
            for kernel in sorted(account.seconds, key=lambda k: -account.seconds[k]):
                seconds, flops = account.seconds[kernel], account.flops[kernel]
                share = flops / max(seconds, 1e-9) / machine[precision[kernel]]
                print(
                    f"{kernel:32s}{account.calls[kernel]:9d}{seconds:9.2f}{seconds / total:7.0%}{flops / 1e9:9.2f}{share:9.0%}"
                )
            rest = total - sum(account.seconds.values())
            ideal = sum(flops / machine[precision[kernel]] for kernel, flops in account.flops.items())
            print(f"{'rest':32s}{'':9s}{rest:9.2f}{rest / total:7.0%}")
            print(
                f"{'all':32s}{'':9s}{total:9.2f}{'':7s}{sum(account.flops.values()) / 1e9:9.2f}{ideal / total:9.0%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
