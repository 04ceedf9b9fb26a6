"""A fit that fails or is interrupted leaves the estimator as it was, and no fit touches or keeps the arrays it was given."""

from unittest import mock

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from skconvrelu import ConvexReLUClassifier, ConvexReLUClassifierCV, ConvexReLURegressor, ConvexReLURegressorCV
from skconvrelu.estimators import base, choosing_beta
from skconvrelu.training import train

QUICK = {"n_arrangements": 5, "random_state": 0}
PLAIN = [ConvexReLURegressor, ConvexReLUClassifier]
CHOOSING = [ConvexReLURegressorCV, ConvexReLUClassifierCV]


def _make(kind, **params):
    return kind(betas=[1e-2, 1e-1], cv=2, **QUICK, **params) if kind in CHOOSING else kind(1e-2, **QUICK, **params)


def _data(kind, labels=("a", "b"), names="uv"):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.standard_normal((16, len(names))), columns=list(names))
    y = X.iloc[:, 0].to_numpy() + 0.3 * rng.standard_normal(16)
    return X, np.where(y > 0.0, *labels) if "Classifier" in kind.__name__ else y


def _after(module, name, calls=1):
    """A function that is interrupted after it has been called so many times."""
    genuine = getattr(module, name)
    count = 0

    def interrupted(*args, **kwargs):
        nonlocal count
        result = genuine(*args, **kwargs)
        count += 1
        if count >= calls:
            raise KeyboardInterrupt
        return result

    return mock.patch.object(module, name, interrupted)


def _same(now, before):
    assert now.keys() == before.keys()
    for name, value in before.items():
        assert now[name] is value, name


POINTS = [
    (kind, module, name)
    for kind in PLAIN + CHOOSING
    for module, name in [
        (base.Problem, "build"),
        (kind, "_coded"),
        (kind, "_set_trained"),
        (kind, "_set"),
        # one of a round leaves a network, which is kept (test_max_time.py)
        (base.Progress, "begin"),
        *([(choosing_beta, "select_beta"), (kind, "_from_held_out")] if kind in CHOOSING else []),
    ]
]


@pytest.mark.parametrize(("kind", "module", "name"), POINTS)
def test_an_interrupted_fit_leaves_the_last_one(kind, module, name):
    model = _make(kind)
    before = dict(vars(model))
    with _after(module, name), pytest.raises(KeyboardInterrupt):
        model.fit(*_data(kind))
    _same(vars(model), before)
    model.fit(*_data(kind))
    before, predicted = dict(vars(model)), model.predict(_data(kind)[0])
    with _after(module, name), pytest.raises(KeyboardInterrupt):
        model.fit(*_data(kind, labels=("c", "d"), names="xyz"))
    _same(vars(model), before)
    np.testing.assert_array_equal(model.predict(_data(kind)[0]), predicted)


@pytest.mark.parametrize("kind", PLAIN + CHOOSING)
def test_refused_data_leave_the_last_fit(kind):
    model = _make(kind)
    X, y = _data(kind)
    for fitted in (False, True):
        before = dict(vars(model))
        with pytest.raises(ValueError, match="negative"):
            model.fit(*_data(kind, names="xyz"), sample_weight=-np.ones(len(y)))
        _same(vars(model), before)
        if not fitted:
            model.fit(X, y)


@pytest.mark.parametrize("kind", PLAIN)
def test_a_warm_start_that_fails_keeps_what_it_starts_from(kind):
    model = _make(kind, warm_start=True).fit(*_data(kind))
    before = dict(vars(model))
    model.set_params(solver="scipy", arrangements=lambda X, n, rng: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.fit(*_data(kind))
    model.set_params(solver="auto", arrangements="gaussian")
    _same(vars(model), before)


@pytest.mark.parametrize("kind", CHOOSING)
def test_a_choice_without_refit_forgets_the_network_only_when_it_is_made(kind):
    model = _make(kind).fit(*_data(kind))
    model.set_params(refit=False)
    before = dict(vars(model))
    with _after(choosing_beta.ChoosesBeta, "_forget_network"), pytest.raises(KeyboardInterrupt):
        model.fit(*_data(kind))
    _same(vars(model), before)
    assert not hasattr(model.fit(*_data(kind)), "coefs_")


@pytest.mark.parametrize("kind", PLAIN + CHOOSING)
def test_an_interrupted_certify_leaves_the_fit(kind):
    X, y = _data(kind)
    model = _make(kind, refine=False, tol=1e-3).fit(X, y)
    before = dict(vars(model))
    # better arrangements are found, and the fit goes on with them
    with _after(kind, "_set"), pytest.raises(KeyboardInterrupt):
        model.certify(X, y, max_time=60.0)
    _same(vars(model), before)
    with _after(train, "_searched"), pytest.raises(KeyboardInterrupt):
        model.certify(X, y, max_time=60.0)
    _same(vars(model), before)
    model.certify(X, y, max_time=60.0)
    assert vars(model)["certificate_"] is not before["certificate_"]


class _Writer:
    """A callback that asks for the data, writes to them, and may fail."""

    max_propagation_depth = None

    def __init__(self, fails=None):
        self.fails = fails

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, *, X, y, metadata):
        for array in (X.data if sparse.issparse(X) else X, metadata["sample_weight"]):
            array[...] = 0.0
        y[...] = y[0]

    def on_fit_task_end(self, estimator, context, *, X, y, metadata):
        self.on_fit_task_begin(estimator, context, X=X, y=y, metadata=metadata)
        if context.task_name == self.fails:
            raise OSError("the disk is full")


@pytest.mark.parametrize("kind", PLAIN + CHOOSING)
@pytest.mark.parametrize("task", ["round", "fit"])
def test_a_callback_that_fails_leaves_the_last_fit(kind, task):
    pytest.importorskip("sklearn.callback")
    model = _make(kind).fit(*_data(kind))
    model.set_callbacks(_Writer(fails=task))
    before = dict(vars(model))
    with pytest.raises(OSError, match="disk"):
        model.fit(*_data(kind, names="xyz"))
    _same(vars(model), before)


def _same_fit(model, other):
    for name in ("convex_coef_", "dual_coef_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(other, name))


@pytest.mark.parametrize("kind", PLAIN + CHOOSING)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_callables_may_write_to_what_they_are_given(kind, fit_intercept):
    X, y = _data(kind)
    X = X.to_numpy()
    weights = np.linspace(1.0, 2.0, len(y))
    kept = X.copy(), y.copy(), weights.copy()

    def gates(X, n, rng, write=True):
        found = X[:n].T.copy()
        if write:
            X[...] = 1.0
        return found

    def score(model, X, y, write=True):
        right = -float(np.square(model.predict(X)[:, None] != y).mean())
        if write:
            X[...], y[...] = 0.0, y[0]
        return right

    models = []
    for write in (True, False):
        model = _make(
            kind, arrangements=lambda X, n, rng, w=write: gates(X, n, rng, write=w), fit_intercept=fit_intercept
        )
        if kind in CHOOSING:
            model.set_params(scoring=lambda model, X, y, w=write: score(model, X, y, write=w))
        if write and hasattr(model, "set_callbacks") and pytest.importorskip("sklearn.callback"):
            model.set_callbacks(_Writer())
        models.append(model.fit(X, y, sample_weight=weights))
        for given, copy in zip((X, y, weights), kept, strict=True):
            np.testing.assert_array_equal(given, copy)
    _same_fit(*models)


def _arrays(value):
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _arrays(item)
    elif hasattr(value, "__dict__") and not callable(value):
        yield from _arrays(list(vars(value).values()))


@pytest.mark.parametrize("kind", PLAIN + CHOOSING)
@pytest.mark.parametrize("activation", ["relu", "gated_relu"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_fits_read_their_arrays_and_keep_none_of_them(kind, activation, fit_intercept):
    X, y = _data(kind)
    X = np.ascontiguousarray(X.to_numpy())
    y = np.where(y == "a", 1.0, 0.0) if y.dtype.kind == "U" else y
    weights = np.linspace(1.0, 2.0, len(y))
    gates = np.random.default_rng(1).standard_normal((2 + fit_intercept, 6))
    given = [X, y, weights, gates]
    if kind in CHOOSING:
        given.append(np.array([1e-1, 1e-2]))
    for array in given:
        array.flags.writeable = False  # a fit that writes fails
    model = _make(kind, arrangements=gates, activation=activation, fit_intercept=fit_intercept)
    if kind in CHOOSING:
        model.set_params(betas=given[-1])
    model.fit(X, y, sample_weight=weights)
    fitted = {name: value for name, value in vars(model).items() if name.endswith("_")} | {"network_": model.network_}
    for name, value in fitted.items():
        for array in _arrays(value):
            assert not any(np.shares_memory(array, original) for original in given), name
