"""The measurements hold on to names inside the package, and the plots to the shape of the tables: both must not break unnoticed."""

import ast
import importlib
import pkgutil

import numpy as np
import pytest
from problems import with_policy

import benchmarks
from benchmarks import defaults, growth, limit, protocol
from benchmarks.protocol import quiet_fit
from skconvrelu import ConvexReLUClassifierCV, ConvexReLURegressor
from skconvrelu.policy import DEFAULT


@pytest.mark.parametrize(
    "name", [module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name != "__main__"]
)
def test_every_module_can_be_imported(name):
    assert importlib.import_module(f"benchmarks.{name}").__doc__


def test_the_account_of_a_fit_counts_its_kernels():
    X, y = growth.teacher(200, 3, 5)
    account = limit.Account()
    with account.watching():
        watched = quiet_fit(ConvexReLURegressor(0.01, tol=1e-2, random_state=0), X, y)
    plain = quiet_fit(ConvexReLURegressor(0.01, tol=1e-2, random_state=0), X, y)
    np.testing.assert_array_equal(watched.predict(X), plain.predict(X))
    for kernel in ("pricing: climbing", "pricing: prices", "descent: value and gradient", "pruning: outputs"):
        assert account.calls[kernel] > 0
        assert account.flops[kernel] > 0.0
        assert account.seconds[kernel] > 0.0
    # the products of an evaluation of descent: at least one unit, forward and back, on all rows
    assert account.flops["descent: value and gradient"] >= account.calls["descent: value and gradient"] * 4 * 200 * 4


def test_accounts_are_made_of_given_arrangements_too():
    model, X, y = limit.problem("given:300x10x100 relu 0.3")
    account = limit.Account()
    with account.watching():
        fitted = quiet_fit(model, X, y)
    assert fitted.dual_gap_ <= 1e-6 * fitted.objective_
    assert account.calls["convex program: projections"] > 0
    assert account.flops["convex program: Newton systems"] > 0.0


def test_accounts_count_the_ascents_of_many_rows():
    X, y = growth.teacher(200, 3, 5)
    account = limit.Account()
    with account.watching():
        quiet_fit(with_policy(ConvexReLURegressor(0.01, tol=1e-2, random_state=0), many_rows=100), X, y)
    assert account.flops["pricing: ascents"] > 0.0


@pytest.mark.parametrize("change", [*defaults.CHOICE, *defaults.SEARCH], ids=lambda change: change.label)
def test_changes_of_defaults_are_made_undone_and_labelled_by_the_present_default(change):
    estimator = ConvexReLUClassifierCV() if change in defaults.CHOICE else ConvexReLURegressor()
    estimator.set_params(**({"cv": 5} if "cv" in change.params else {}))  # what scikit-learn makes of None
    present = {name: getattr(estimator, name) for name in change.params}
    numbers = {name: getattr(DEFAULT, name) for name in change.policy}
    for name, value in (change.params | change.policy).items():
        assert value != (present | numbers)[name]
    changed = change.made(estimator)
    assert {name: getattr(changed._policy, name) for name in change.policy} == change.policy
    assert {name: getattr(changed, name) for name in change.params} == change.params
    assert type(estimator)._policy is DEFAULT
    if "(" in change.label and "Brier" not in change.label:
        shown = ast.literal_eval(change.label.split("(")[1].rstrip(")"))
        assert shown == next(iter((present | numbers).values()))


def test_plots_show_every_row_of_their_tables(tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks import plots

    plots.draw_all(tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == set(plots.PLOTS)
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    plots.given_arrangements(ax)
    assert len(ax.get_yticklabels()) == sum("|" in line for line in plots.rows_of("given_arrangements")) - 1
    plt.close(figure)


@pytest.mark.parametrize("regression", [True, False])
def test_largest_penalty_leaves_the_zero_network(regression):
    X, y = growth.teacher(60, 3, 5)
    y = y if regression else y > np.median(y)
    largest = protocol.beta_max(regression, X, y)
    sizes = [
        len(protocol.estimator_for(regression)(share * largest, random_state=0).fit(X, y).convex_coef_)
        for share in (1.001, 0.99)
    ]
    assert sizes[0] == 0
    assert sizes[1] > 0
