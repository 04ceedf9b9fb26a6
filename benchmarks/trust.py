"""Is what certificates say true? Thousands of fits of hostile data, each checked by other means than those that made it.

``python -m benchmarks.trust`` draws problems by number: sizes from 1 x 1 to 60 x 12; features of one scale from 1e-150 to 1e150,
columns of different ones, offsets, duplicates, ties, fill values, one-hot columns, single precision, sparse; targets of any scale and
level; weights from 1e-12 to 1e12 and zeros; every loss, activation, kind of arrangements, with and without intercept. Each is fitted
twice, by different seeds (the second time over all arrangements, where they can be enumerated). Of every fit

- objective, lower bound and cones are computed again in extended precision by :func:`skconvrelu.certificate.verify`;
- no bound over all arrangements may lie above an objective that either network attains, computed in extended precision: a proven one
  never, a searched one only where the certificate says itself that it is no evidence;
- data that cannot be carried must be refused by a ValueError that names them, with no other exception and no warning but scikit-learn's
  ConvergenceWarning and the package's own advice on scales;
- ten seconds of processor time are enough.

A row for each kind of hostility: fits, how many were refused, and how many failed in which way; then a line for each failure with its
number, which ``--numbers`` runs again. Failures are shown on standard error as they come, too.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor
from skconvrelu.certificate import verify

REGRESSION = ("squared_error", "huber", "absolute_error", "quantile", "poisson")
CLASSIFICATION = ("log_loss", "hinge", "squared_hinge", "squared_error")
#: arguments one of which a refusal has to name
NAMES = ("X", "y", "sample_weight", "beta", "epsilon", "arrangements", "class_weight", "shared_units")
#: share of the objective by which the verifier's bound may be below the published one: its multipliers are no better than nearly
#: parallel rows let them be
SUPPORTED = 1e-6
#: seconds that a fit may take, objectives and bounds may differ by so much of their size, and convex weights may leave their cones
LIMIT, ROUNDING, CONES = 10.0, 1e-11, 1e-7


@dataclass
class Problem:
    """One hostile problem: an estimator's class and parameters, data, and what is hostile about it."""

    number: int
    estimator: type
    params: dict[str, Any]
    X: Any
    y: np.ndarray
    weights: np.ndarray | None
    kinds: list[str]


@dataclass
class Outcome:
    """What happened to one problem."""

    number: int
    kinds: list[str]
    fits: int = 0
    refused: int = 0
    evidence: int = 0
    no_evidence: int = 0
    false_without_evidence: int = 0
    proven: int = 0
    failures: list[str] = field(default_factory=list)


def draw(number: int) -> Problem:
    """Problem ``number``."""
    rng = np.random.default_rng([number, 25])
    n, d = int(np.ceil(60 * rng.random() ** 1.5)), int(np.ceil(12 * rng.random() ** 2))
    X, kinds = _features(rng, n, d)
    signal = np.abs(X @ rng.standard_normal(d)) + 0.3 * rng.standard_normal(n)
    X = _hostile_features(rng, X, kinds)
    classes = rng.random() < 0.4
    loss = str(rng.choice(CLASSIFICATION if classes else REGRESSION))
    y = _labels(rng, signal) if classes else _targets(rng, signal, loss, kinds)
    if classes and len(np.unique(y)) < 2:
        y[: max(1, n // 2)] = 1 - y[0]
        if n == 1:
            classes, loss, y = False, "squared_error", signal
    params = _parameters(rng, n, d, loss, kinds)
    weights = _weights(rng, n, kinds) if rng.random() < 0.25 else None
    if rng.random() < 0.1 and np.abs(X).max() < 1e30:
        X = X.astype(np.float32)
        kinds.append("single precision")
    if rng.random() < 0.1:
        X = sparse.csr_matrix(X)
        kinds.append("sparse")
    estimator = ConvexReLUClassifier if classes else ConvexReLURegressor
    return Problem(number, estimator, params, X, y, weights, kinds or ["none"])


def _features(rng: np.random.Generator, n: int, d: int) -> tuple[np.ndarray, list[str]]:
    kind = rng.choice(
        ["normal", "ties", "one-hot", "duplicates", "constant", "low rank"], p=[0.5, 0.15, 0.1, 0.1, 0.05, 0.1]
    )
    X = rng.standard_normal((n, d))
    if kind == "ties":
        X = rng.integers(-2, 3, (n, d)).astype(float)
    elif kind == "one-hot":
        X = np.eye(d)[rng.integers(0, d, n)]
    elif kind == "duplicates":
        X = X[rng.integers(0, max(1, n // 3), n)]
    elif kind == "constant":
        X[:, rng.integers(d)] = rng.choice([0.0, 1.0, 3.7])
    elif kind == "low rank":
        X = X[:, : max(1, d // 2)] @ rng.standard_normal((max(1, d // 2), d))
    return X, [] if kind == "normal" else [str(kind)]


def _hostile_features(rng: np.random.Generator, X: np.ndarray, kinds: list[str]) -> np.ndarray:
    if rng.random() < 0.2:
        kinds.append("scale of X")
        X = X * 10.0 ** rng.uniform(-150, 150)
    if rng.random() < 0.25:
        kinds.append("column scales")
        X = X * 10.0 ** (rng.choice([1, 3, 8, 20, 100]) * rng.uniform(-1, 1, X.shape[1]))
    if rng.random() < 0.2:
        kinds.append("offset of X")
        X = X + np.abs(X).max() * 10.0 ** rng.uniform(0, 9) * (rng.random(X.shape[1]) < 0.6)
    if rng.random() < 0.15:
        kinds.append("fill value")
        X = np.where(rng.random(X.shape) < 0.1, rng.choice([-999.0, 1e6, 1e16, 1e25, 1e37]), X)
    return X


def _targets(rng: np.random.Generator, signal: np.ndarray, loss: str, kinds: list[str]) -> np.ndarray:
    if loss == "poisson":
        y = rng.poisson(np.exp(np.clip(signal / (np.abs(signal).max() or 1.0), -2, 2))).astype(float)
        y[0] += 1.0
        return y * (10.0 ** rng.uniform(-20, 20) if rng.random() < 0.2 else 1.0)
    y = signal / (signal.std() or 1.0)
    if rng.random() < 0.2:
        kinds.append("scale of y")
        y = y * 10.0 ** rng.uniform(-150, 150)
    if rng.random() < 0.25:
        kinds.append("level of y")
        y = y + (np.abs(y).max() or 1.0) * 10.0 ** rng.uniform(0, 12)
    if rng.random() < 0.1:
        kinds.append("ties of y")
        y = np.round(y / (np.abs(y).max() or 1.0), 1) * (np.abs(y).max() or 1.0)
    if rng.random() < 0.1:
        y = np.column_stack([y, y[::-1]])
    return y


def _labels(rng: np.random.Generator, signal: np.ndarray) -> np.ndarray:
    cuts = np.quantile(signal, [0.5] if rng.random() < 0.7 else [0.3, 0.7])
    return np.digitize(signal, cuts)


def _weights(rng: np.random.Generator, n: int, kinds: list[str]) -> np.ndarray:
    kind = rng.choice(["moderate", "extreme", "huge", "zeros"])
    if kind != "moderate":
        kinds.append("weights")
    if kind == "extreme":
        return 10.0 ** rng.uniform(-12, 12, n)
    if kind == "huge":
        return rng.uniform(0.5, 1.0, n) * 1e308
    weights = rng.uniform(0.1, 2.0, n)
    if kind == "zeros" and n > 2:
        weights[rng.random(n) < 0.3] = 0.0
        weights[:2] = 1.0
    return weights


def _parameters(rng: np.random.Generator, n: int, d: int, loss: str, kinds: list[str]) -> dict[str, Any]:
    params: dict[str, Any] = {
        "loss": loss,
        "beta": "auto" if rng.random() < 0.6 else float(10.0 ** rng.uniform(-6, 0)),
        "fit_intercept": bool(rng.random() < 0.7),
        "tol": float(rng.choice([1e-2, 1e-4])),
        "arrangements": str(rng.choice(["gaussian", "sparse", "data"])),
        "n_arrangements": int(rng.integers(1, 60)),
        "refine": [True, 3, False][int(rng.choice(3, p=[0.7, 0.15, 0.15]))],
    }
    if rng.random() < 0.1:
        params["activation"] = "gated_relu"
    if loss == "quantile":
        params["quantile"] = float(rng.choice([0.001, 0.1, 0.5, 0.9]))
    return params


def run(number: int, limit: float = LIMIT) -> Outcome:
    """Fit problem ``number`` twice and check both."""
    problem = draw(number)
    outcome = Outcome(number, problem.kinds)
    attained, claims = [], []
    with threadpool_limits(1):
        for seed in (0, 1):
            # the automatic penalty is what a search meets, and another one may meet a little more
            changes = {"beta": claims[0].beta_, **_again(problem)} if claims else {}
            model = _fitted(problem, seed, changes, outcome, limit)
            if model is None:
                continue
            found = _verified(problem, model, outcome)
            if found is not None:
                attained.append(found)
                claims.append(model)
    if attained and problem.params.get("activation", "relu") == "relu":
        for model in claims:
            _check_bounds(model, min(attained), outcome)
    return outcome


def _again(problem: Problem) -> dict[str, Any]:
    """What the second fit does differently: all arrangements, where they may be few."""
    n, d = problem.X.shape
    rank = d + problem.params["fit_intercept"]
    if rank <= 3 and n <= 40 and problem.params.get("activation", "relu") == "relu":
        return {"arrangements": "exact"}
    return {"refine": problem.params["refine"] or True} if "activation" not in problem.params else {}


def _fitted(problem: Problem, seed: int, changes: dict[str, Any], outcome: Outcome, limit: float) -> Any:
    model = problem.estimator(**{**problem.params, **changes, "random_state": seed})
    outcome.fits += 1
    begin = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(problem.X, problem.y, problem.weights)
        except ValueError as error:
            if not str(error).startswith(NAMES):
                outcome.failures.append(f"refused without a name: {error}")
            outcome.refused += 1
            model = None
        except Exception as error:
            outcome.failures.append(f"{type(error).__name__}: {error}")
            model = None
    seconds = time.process_time() - begin
    if seconds > limit:
        outcome.failures.append(f"slow: {seconds:.0f} s")
    if model is not None:
        model.said = " ".join(str(warning.message) for warning in caught)
    for warning in {(str(w.message), w.category): w for w in caught}.values():
        if not issubclass(warning.category, ConvergenceWarning) and not str(warning.message).startswith(
            "X: its columns"
        ):
            outcome.failures.append(f"warning: {warning.category.__name__}: {warning.message}")
    return model


def _verified(problem: Problem, model: Any, outcome: Outcome) -> float | None:
    """The network's objective in extended precision; failures where the certificate's numbers are others."""
    found = verify(model, problem.X, problem.y, sample_weight=problem.weights)
    certificate = model.certificate_
    size = max(abs(found.objective), abs(certificate.objective), found.objective - certificate.least_loss)
    # it is published from above, by a bound of its rounding
    above, rounding = certificate.objective - found.objective, ROUNDING * size + 2.0 * found.double_error
    if not -rounding <= above <= rounding + 100.0 * found.double_error:
        outcome.failures.append(f"objective {certificate.objective!r}, computed again {found.objective!r}")
        return None
    if certificate.lower_bound_solved > found.objective + ROUNDING * size:
        outcome.failures.append(f"solved bound {certificate.lower_bound_solved!r} above {found.objective!r}")
    if certificate.lower_bound_solved > found.lower_bound + SUPPORTED * size:
        outcome.failures.append(f"solved bound {certificate.lower_bound_solved!r}, verified only {found.lower_bound!r}")
    if found.cone_violation > CONES and "outside its cone" not in model.said:
        outcome.failures.append(f"cones left by {found.cone_violation:.1e}")
    outcome.proven += certificate.lower_bound_proven is not None
    return found.objective


def _check_bounds(model: Any, best: float, outcome: Outcome) -> None:
    certificate = model.certificate_
    size = max(abs(best), best - certificate.least_loss)
    proven, searched = certificate.lower_bound_proven, certificate.lower_bound_searched
    if proven is not None and proven > best + ROUNDING * size:
        outcome.failures.append(f"FALSE PROOF: {proven!r} above {best!r}")
    if searched is None:
        return
    false = searched > best + max(ROUNDING, 1e-9) * size
    supported = certificate.is_evidence
    outcome.evidence += supported
    outcome.no_evidence += not supported
    outcome.false_without_evidence += false and not supported
    if false and supported:
        outcome.failures.append(
            f"FALSE SEARCHED: {searched!r} above {best!r} ({(searched - best) / size:.1e}), recall {certificate.recall}, "
            f"unseen {certificate.unseen}"
        )


def table(outcomes: list[Outcome]) -> str:
    """A row for each kind of hostility."""
    rows = [
        f"{'kind':18s} {'fits':>6s} {'refused':>8s} {'proofs':>7s} {'evidence':>9s} {'none':>6s} {'false':>6s} | "
        "failures: proof, searched, other bounds, exceptions, warnings, slow"
    ]
    kinds = ["all", *sorted({kind for outcome in outcomes for kind in outcome.kinds})]
    for kind in kinds:
        some = [outcome for outcome in outcomes if kind == "all" or kind in outcome.kinds]
        counts = Counter(_class(failure) for outcome in some for failure in outcome.failures)
        rows.append(
            f"{kind:18s} {sum(o.fits for o in some):6d} {sum(o.refused for o in some):8d} {sum(o.proven for o in some):7d} "
            f"{sum(o.evidence for o in some):9d} {sum(o.no_evidence for o in some):6d} "
            f"{sum(o.false_without_evidence for o in some):6d} | "
            + ", ".join(str(counts[name]) for name in ("proof", "searched", "bound", "exception", "warning", "slow"))
        )
    return "\n".join(rows)


def lines(outcome: Outcome) -> list[str]:
    """One for each failure."""
    return [f"{outcome.number:6d} {'; '.join(outcome.kinds)}: {failure[:300]}" for failure in outcome.failures]


def _class(failure: str) -> str:
    for start, name in (
        ("FALSE PROOF", "proof"),
        ("FALSE SEARCHED", "searched"),
        ("warning", "warning"),
        ("slow", "slow"),
        ("solved", "bound"),
        ("objective", "bound"),
        ("cones", "bound"),
    ):
        if failure.startswith(start):
            return name
    return "exception"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--numbers", type=int, nargs="*")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=np.inf, help="begin no further problem after so long")
    arguments = parser.parse_args()
    numbers = arguments.numbers or range(arguments.first, arguments.first + arguments.problems)
    begin = time.monotonic()
    tasks = (delayed(run)(number) for number in numbers if time.monotonic() - begin < arguments.seconds)
    outcomes = []
    for outcome in Parallel(n_jobs=arguments.jobs, pre_dispatch=arguments.jobs, return_as="generator")(tasks):
        outcomes.append(outcome)
        for line in lines(outcome):
            print(line, file=sys.stderr, flush=True)
    print(table(outcomes))
    for outcome in outcomes:
        print("".join(f"{line}\n" for line in lines(outcome)), end="")


if __name__ == "__main__":
    main()
