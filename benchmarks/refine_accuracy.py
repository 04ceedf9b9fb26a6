"""Does global optimality pay on test rows? Refined fits against fits over 100 sampled arrangements, official splits.

``python -m benchmarks.refine_accuracy`` prints a row a data set: the test root mean squared error in the units of y, averaged over the
splits, with ``refine`` on and off, each at the beta that 3-fold cross-validation inside the training rows picked for it, the ratio,
the seconds of all splits (choice of beta included), and the betas as fractions of beta_max, one a split. At most ``--rows`` training rows
a split, X and y standardised on them; the test rows are read once, at the end. Sets without official splits are halved, and the
splits draw their training rows from one half. While beta is chosen the refined fits stop after ``--cv-rounds``. One BLAS thread.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from joblib import Parallel, delayed
from sklearn.metrics import mean_squared_error
from threadpoolctl import threadpool_limits

from benchmarks.datasets import REGRESSION, held_out_rows, load, training_rows
from benchmarks.protocol import beta_max, cross_validated_beta, estimator_for, quiet_fit, standardised

FRACTIONS = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)


def split_errors(
    name: str, split: int, max_rows: int, cv_rounds: int, rounds: int, tol: float
) -> tuple[list[float], list[float], list[float]]:
    """Test RMSE, chosen fraction and seconds (choice of beta included), each refined first."""
    data = load(name)
    train = np.random.default_rng(split).permutation(training_rows(data, split))[:max_rows]
    test = held_out_rows(data, split)
    X, V = standardised(data["X"][train].astype(float), data["X"][test].astype(float))
    y = data["y"][train].astype(float)
    mean, spread = y.mean(), y.std()
    target = (y - mean) / spread
    errors, chosen, seconds = [], [], []
    with threadpool_limits(limits=1):
        top = beta_max(True, X, target)
        betas = [fraction * top for fraction in FRACTIONS]
        for cv_refine, refine in ((cv_rounds, rounds), (0, 0)):
            begin = time.perf_counter()
            beta = cross_validated_beta(True, X, target, betas, refine=cv_refine, tol=tol)
            model = quiet_fit(estimator_for(True)(beta, refine=refine, tol=tol, random_state=0), X, target)
            seconds.append(time.perf_counter() - begin)
            errors.append(float(np.sqrt(mean_squared_error(data["y"][test], mean + spread * model.predict(V)))))
            chosen.append(FRACTIONS[betas.index(beta)])
    return errors, chosen, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=list(REGRESSION))
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=10, help="limit of rounds of the refined fits")
    parser.add_argument("--cv-rounds", type=int, default=3, help="the same while beta is chosen")
    parser.add_argument("--tol", type=float, default=1e-2)
    parser.add_argument("--n-jobs", type=int, default=1)
    arguments = parser.parse_args()
    print(
        f"{'set':24s} {'refined':>10s} {'sampled':>10s} {'ratio':>7s} {'seconds':>8s} {'seconds':>8s}  "
        "beta / beta_max, refined; sampled",
        flush=True,
    )
    for name in arguments.sets:
        found = Parallel(n_jobs=arguments.n_jobs)(
            delayed(split_errors)(name, split, arguments.rows, arguments.cv_rounds, arguments.rounds, arguments.tol)
            for split in range(arguments.splits)
        )
        errors, chosen, seconds = (np.array(part) for part in zip(*found, strict=True))
        refined, sampled = errors.mean(axis=0)
        picks = "; ".join(" ".join(f"{fraction:g}" for fraction in column) for column in chosen.T)
        print(
            f"{name:24s} {refined:10.4g} {sampled:10.4g} {refined / sampled:7.3f} "
            f"{seconds[:, 0].sum():8.1f} {seconds[:, 1].sum():8.1f}  {picks}",
            flush=True,
        )


if __name__ == "__main__":
    main()
