"""Break the package on purpose, one statement at a time, and see that the tests notice.

``python .ci/mutations.py`` copies the package and its tests, changes one expression, runs the tests named beside it and expects them to
fail. All take about a quarter of an hour; ``--sample N`` takes N of them, others every day. A mutation that survives, or whose text is
not found any more, is an error.
"""

import argparse
import datetime
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: file, text, replacement, tests, the statement that breaks
MUTATIONS = [
    ("arrangements/_enumeration.py", "if below else ()", "if False else ()", "test_arrangements.py",
     "patterns of vectors on hyperplanes count"),
    ("arrangements/_enumeration.py", "self._add(_signs(normals.rows, cells) | zero)", "self._add(_signs(normals.rows, cells) & ~zero)",
     "test_arrangements.py", "a sample on a hyperplane is active"),
    ("arrangements/_normals.py", "_ROUNDINGS = 8.0", "_ROUNDINGS = 8e7", "test_arrangements.py", "near hyperplanes are two"),
    ("arrangements/_normals.py", "_UNCLEAR = 30.0", "_UNCLEAR = 0.0", "test_arrangements.py", "what rounding leaves open"),
    ("arrangements/_counting.py", "comb(n - 1, k) for k in range(min(rank, n))", "comb(n, k) for k in range(min(rank, n))",
     "test_arrangements.py", "the number of patterns in general position"),
    ("arrangements/_counting.py", "e * (n - 1) / rank", "e * n / rank", "test_arrangements.py", "Cover's bound"),
    ("network/equivalent_networks.py", "np.sqrt(inner) * np.sqrt(outer)", "inner * outer", "test_network.py",
     "balancing keeps the function"),
    ("network/equivalent_networks.py", "root = np.concatenate([np.ones(len(rest)), np.sqrt(shares)])",
     "root = np.concatenate([np.ones(len(rest)), shares])", "test_network.py", "splitting keeps the function"),
    ("network/equivalent_networks.py", "on = np.packbits(self._kept().patterns(X).T, axis=1)",
     "on = np.packbits(np.zeros_like(self._kept().patterns(X).T), axis=1)", "test_network.py", "units merge within a pattern only"),
    ("network/minimal_networks.py", "if cost[live] @ null[:, -1] > 0.0", "if cost[live] @ null[:, -1] < 0.0", "test_network.py",
     "pruning does not raise the penalty"),
    ("network/minimal_networks.py", "while null.shape[1]:", "while null.shape[1] > 1:", "test_network.py",
     "pruning ends at independent units"),
    ("theory/optimal_set.py", "active = sizes > level", "active = sizes > 1.2 * level", "test_optimal_set.py",
     "active units price at beta"),
    ("theory/optimal_set.py", "project_on_cone(s[:, None] * program.X, v)", "v", "test_optimal_set.py",
     "active units lie on the ray of the projection"),
    ("theory/optimal_set.py", "int(possible.sum() - rank)", "int(possible.sum() - rank) + 1", "test_optimal_set.py",
     "the dimension of the optimal set"),
    ("theory/optimal_set.py", "Z, fit = Z - Z.mean(axis=0), fit - fit.mean(axis=0)", "pass", "test_optimal_set.py",
     "the intercept is free"),
    ("theory/_nonnegative.py", "bounds=(0.0, most)", "bounds=(0.0, 0.01 * most)", "test_stationarity.py",
     "derivatives at kinks are anything in [0, 1]"),
    ("theory/stationarity.py", "bounded_least_squares(A, target, 1.0)", "bounded_least_squares(A, target, np.inf)",
     "test_stationarity.py", "derivatives at kinks are at most one"),
    ("theory/stationarity.py", "np.linalg.matrix_rank(kinks) < len(kinks)", "False", "test_stationarity.py",
     "dependent samples on a hyperplane switch together"),
    ("theory/optimal_set.py", "_WIDER, _WIDEST = 10.0, 1e-2", "_WIDER, _WIDEST = 10.0, 1e-5", "test_optimal_set.py",
     "members are as good as the solution"),
    ("theory/optimal_set.py", "result.x[m:] > 0.5", "np.ones(m, dtype=bool)", "test_optimal_set.py", "as few units as any"),
    ("theory/stationarity.py", "rest = beta * vectors[:, k]", "rest = -beta * vectors[:, k]", "test_stationarity.py",
     "the stationarity condition"),
    ("theory/stationarity.py", "units = units[units.norms()", "units = units[:1][units[:1].norms()", "test_stationarity.py",
     "the program has the patterns of all units"),
    ("theory/descent_path.py", "(1.0 - t) * network.output_biases + t * optimum.output_biases",
     "optimum.output_biases", "test_descent_path.py", "the crossing is a segment"),
    ("theory/descent_path.py", "for t in np.linspace(0.0, 1.0, n_steps + 1)[1:]", "for t in (1.0,)", "test_descent_path.py",
     "pruning is a path"),
    ("theory/descent_path.py", "c = ratio ** (0.5 * t)", "c = ratio**t", "test_descent_path.py", "balancing goes down"),
    ("theory/landscape.py", "1.0 - 0.5 * beta", "1.0 - beta", "test_landscape.py", "the minimiser of both landscapes"),
    ("theory/landscape.py", "self.beta * (v + w)", "self.beta * (v - w)", "test_landscape.py", "the convex landscape"),
    ("theory/max_margin.py", "max(1.0, largest)", "1.0", "test_max_margin.py", "only dual feasible multipliers bound"),
    ("theory/max_margin.py", "largest <= 1.0 + tol and value <= lower_bound * (1.0 + 10.0 * tol)", "True", "test_max_margin.py",
     "KKT points need a dual feasible multiplier to be optimal"),
    ("theory/max_margin.py", "below[np.arange(n_kinks), kinks[:, 0]] = -1.0", "below[np.arange(n_kinks), kinks[:, 0]] = -1e6",
     "test_max_margin.py", "derivatives at kinks are at most one"),
    ("theory/max_margin.py", "kink_tol: float = 1e-4", "kink_tol: float = 1e-2", "test_max_margin.py", "kinks are few"),
    ("theory/max_margin.py", "worth * np.maximum", "np.maximum", "test_max_margin.py", "verdicts have no units"),
    ("theory/max_margin.py", "np.maximum(excess, 0.0)", "np.zeros(n)", "test_max_margin.py", "complementarity"),
    ("theory/max_margin.py", "inner = w[j] * X.T", "inner = -w[j] * X.T", "test_max_margin.py", "stationarity of the margin problem"),
    ("theory/gradient_flow.py", "activations.T @ pull]", "0.5 * activations.T @ pull]", "test_gradient_flow.py",
     "conservation along the flow"),
    ("theory/gradient_flow.py", "self.y * np.exp(slopes - shift) / len(f)", "self.y / len(f)", "test_gradient_flow.py",
     "the gradient of the loss"),
    ("theory/alignment.py", "direction - pull, 1.0)", "direction - pull, np.inf)", "test_gradient_flow.py",
     "derivatives that alignment takes are at most one"),
    ("theory/alignment.py", "np.sign(network.output_weights[k, 0]) * codes", "codes", "test_gradient_flow.py",
     "alignment has the sign of the output weight"),
    ("theory/separability.py", "(cosines[~same] <= tol).all()", "True", "test_gradient_flow.py", "classes are at right angles or more"),
    ("theory/rectified_ellipsoid.py", "for signed in (dual, -dual):\n            found", "for signed in (dual,):\n            found",
     "test_rectified_ellipsoid.py", "the polar set has two sides"),
    ("theory/rectified_ellipsoid.py", "others = [-np.delete", "others = [np.delete", "test_rectified_ellipsoid.py",
     "spikes: one sample active alone"),
    ("theory/rectified_ellipsoid.py", "G, h = -(rest @ free), rest @ start", "G, h = -(rest @ free), -(rest @ start)",
     "test_rectified_ellipsoid.py", "the shortest preimage"),
    ("search/branch_and_bound.py", "upper = max(search.upper, lower) +", "upper = 0.9 * max(search.upper, lower) +",
     "test_branch_and_bound.py", "exact prices are upper bounds"),
    ("certificate.py", "max(0.0, self.objective - bound) / size", "0.5 * max(0.0, self.objective - bound) / size",
     "test_certificate.py test_certify_network.py", "the relative gap"),
    ("duality.py", " + float(moved @ program.lengths)", "", "test_duality.py", "a point moved into the dual domain prices more"),
    ("duality.py", "return missing * float(program.lengths[best]), missing", "return 0.0, missing", "test_duality.py",
     "what a sum misses zero by has its price"),
    ("duality.py", "return (beta / price) * (1.0 - 4.0 * UNIT) if price > beta else 1.0", "return 1.0", "test_duality.py",
     "dual points are scaled until they are feasible"),
    ("cones/projection.py", "np.where(feasible, cosine, 0.0)", "cosine", "test_cones.py",
     "lower bounds of prices are those of vectors in the cone"),
    ("program.py", "return float(self.weights @ change)", "return 0.0", "test_program.py test_duality.py test_trust.py",
     "objectives are published from above"),
    ("solution.py", "0.1 * max(full - dual_objective, 0.0)", "100.0 * max(full - dual_objective, 0.0)", "test_solvers.py test_program.py",
     "dropping blocks costs a tenth of the gap at most"),
    ("problem/coordinates.py", "return _scaled(dual, self.loss_exponent - self.output_exponent)",
     "return _scaled(dual, self.loss_exponent)", "test_problem.py test_equivariance.py", "dual points go back to the user's units"),
    ("problem/merging.py", "weights = np.bincount(inner, weights=given)", "weights = np.bincount(inner).astype(float)", "test_problem.py",
     "merged samples have the sum of their weights"),
    ("search/tally.py", "(self.counts == 1)", "(self.counts == 2)", "test_evidence.py", "Good and Turing count what was met once"),
    ("search/evidence.py", "evidence = proof or recall >= EVIDENCE", "evidence = True", "test_column_generation.py test_evidence.py",
     "a search that misses what it knows is no evidence"),
    ("search/facets.py", "up = values[best] > prices[moving] * (1.0 + _GAIN)", "up = values[best] < prices[moving]", "test_search.py",
     "walks go up"),
    ("search/whitening.py", "return count if count > 1 else 0", "return 0", "test_search.py",
     "directions of different sizes have penalties of their own"),
    ("search/descent.py", "return value, grad_W * V if K == 1 else grad_W, grad_V, total", "return value, grad_W, grad_V, total",
     "test_search.py", "the gradient of the network"),
    ("search/nonnegative_lasso.py", "+ program.beta\n", "+ 0.5 * program.beta\n", "test_search.py", "the penalty of weighed units"),
    ("search/units.py", "np.add.at(coef, position[inverse.ravel()], self.coef)", "coef[position[inverse.ravel()]] = self.coef",
     "test_search.py", "merged units add up"),
    ("search/beta_path.py", "break\n            new =", "return\n            new =", "test_beta_path.py test_path.py",
     "a path has every penalty"),
    ("cones/cone_faces.py", "drop = low & (reach <= step * (1.0 + 1e-12))", "drop = low & False", "test_proximal_newton.py",
     "constraints leave active sets"),
    ("solvers/proximal_newton.py", "shrink = np.maximum(1.0 - level", "shrink = np.maximum(1.0 - 0.9 * level", "test_proximal_newton.py",
     "blocks shrink by the penalty"),
    ("cones/second_order_cone.py", "disc = b * b - a * c", "disc = b * b + a * c", "test_second_order_cone.py",
     "the way to a cone's end"),
    ("solvers/growing_newton.py", "_FALL, _ROUGH, _HOT, _TIMES = 0.3", "_FALL, _ROUGH, _HOT, _TIMES = 1e-9", "test_growing_newton.py",
     "penalties fall step by step"),
    ("solvers/working_set.py", "order[outside[order] > level]", "order[outside[order] > 1e9 * level]",
     "test_growing_newton.py test_solvers.py", "violators enter the working set"),
    ("solvers/working_set.py", "round_tol <= tol or not local.converged", "True", "test_growing_newton.py test_solvers.py",
     "a rough round is not the last"),
    ("losses/_smooth.py", "return (0.5 * A * A + A * Y).sum(axis=1)", "return (A * A + A * Y).sum(axis=1)", "test_losses.py",
     "the conjugate of squared error"),
    ("losses/_smooth.py", "return np.minimum(p, 1.0 - p)", "return p", "test_losses.py test_duality.py",
     "room in the dual domain ends on both sides"),
    ("training/select_beta.py", "chosen = _choose(scores, one_standard_error=one_standard_error)",
     "chosen = _choose(scores, one_standard_error=False)",
     "test_cv.py", "one standard error"),
    ("estimators/all_or_nothing.py", "except BaseException:", "except KeyboardInterrupt:", "test_whole_fit.py",
     "a failing fit leaves nothing behind"),
    ("policy.py", "not program.shared and d <=", "d <=", "test_shared_units.py test_evidence.py", "shared units have no exact prices"),
]  # fmt: skip


def survives(file: str, text: str, replacement: str, tests: str) -> bool:
    """Whether the tests pass with the mutation in place."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("skconvrelu", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "setup.cfg", copy)
        path = copy / "skconvrelu" / file
        source = path.read_text()
        if text not in source:
            sys.exit(f"{file} does not contain {text!r} any more: bring the list up to date.")
        path.write_text(source.replace(text, replacement))
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider"]
        environment = os.environ | {"PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}
        paths = [str(copy / "tests" / name) for name in tests.split()]
        return subprocess.run([*command, *paths], cwd=copy, env=environment, capture_output=True).returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="only so many, others every day")
    parser.add_argument("--only", help="only those of files whose names begin so")
    arguments = parser.parse_args()
    chosen = [mutation for mutation in MUTATIONS if mutation[0].startswith(arguments.only or "")]
    if arguments.sample:
        chosen = random.Random(datetime.date.today().toordinal()).sample(chosen, min(arguments.sample, len(chosen)))
    alive = 0
    for file, text, replacement, tests, statement in chosen:
        lives = survives(file, text, replacement, tests)
        alive += lives
        print(f"{'SURVIVES' if lives else 'noticed':9s} {statement} ({file})", flush=True)
    sys.exit(f"{alive} mutations survive." if alive else 0)


if __name__ == "__main__":
    main()
