"""The hostile problems of the benchmark, as many as are fast; and its checks, which must see a certificate that says too much."""

from dataclasses import replace

import numpy as np
import pytest

from skconvrelu import ConvexReLURegressor
from skconvrelu.estimators.base import BaseConvexReLU

trust = pytest.importorskip("benchmarks.trust")

#: of the first 260 problems, fast ones of every kind; and four whose dual points or folds are hard to carry
NUMBERS = (
    8,
    12,
    18,
    23,
    27,
    34,
    37,
    42,
    43,
    48,
    49,
    55,
    56,
    57,
    59,
    60,
    64,
    68,
    70,
    71,
    73,
    74,
    87,
    98,
    103,
    107,
    109,
    113,
    118,
    123,
    132,
    136,
    138,
    142,
    143,
    151,
    154,
    156,
    166,
    170,
    178,
    185,
    187,
    191,
    193,
    196,
    201,
    205,
    217,
    218,
    219,
    221,
    222,
    223,
    230,
    235,
    239,
    240,
    246,
    249,
    250,
    258,
    1447,
    2003,
    3397,
    5737,
)


@pytest.mark.parametrize("number", NUMBERS)
def test_certificates_of_hostile_problems_say_what_is_true(number):
    outcome = trust.run(number)
    assert not outcome.failures
    assert outcome.fits == 2


def test_the_numbers_are_of_every_kind():
    problems = [trust.draw(number) for number in NUMBERS]
    kinds = {kind for problem in problems for kind in problem.kinds}
    assert {
        "fill value", "scale of X", "column scales", "offset of X", "level of y", "scale of y", "weights", "sparse", "one-hot",
        "single precision", "duplicates", "low rank", "ties", "ties of y", "constant",
    } <= kinds  # fmt: skip
    losses = {problem.params["loss"] for problem in problems}
    assert losses == {*trust.REGRESSION, *trust.CLASSIFICATION}
    assert {problem.params["fit_intercept"] for problem in problems} == {True, False}
    again = [trust.draw(number) for number in NUMBERS]
    for one, other in zip(problems, again, strict=True):
        np.testing.assert_array_equal(one.y, other.y)


def plain(**params):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((15, 1))
    y = np.abs(X[:, 0]) + 0.1 * rng.standard_normal(15)
    options = {"loss": "squared_error", "beta": 0.01, "fit_intercept": True, "tol": 1e-4, "refine": True, **params}
    return trust.Problem(-1, ConvexReLURegressor, options, X, y, None, ["none"])


def falsify(monkeypatch, change):
    """Certificates of all fits, changed after the fit."""
    real = BaseConvexReLU._set_trained

    def changed(self, *arguments):
        real(self, *arguments)
        change(self)

    monkeypatch.setattr(BaseConvexReLU, "_set_trained", changed)


def certified(**changes):
    def change(model):
        known = model.certificate_
        model.certificate_ = replace(known, **{name: value(known) for name, value in changes.items()})

    return change


def attribute(name, factor):
    def change(model):
        setattr(model, name, factor * getattr(model, name))

    return change


def moved_intercept(model):
    model.intercepts_ = [model.intercepts_[0], model.intercepts_[1] + 1e-3]


def test_nothing_is_found_where_nothing_is_wrong(monkeypatch):
    monkeypatch.setattr(trust, "draw", lambda number: plain())
    outcome = trust.run(0)
    assert not outcome.failures
    assert outcome.proven == 2
    assert outcome.evidence >= 1


@pytest.mark.parametrize(
    ("change", "failure"),
    [
        (certified(lower_bound_proven=lambda c: c.objective * (1.0 + 1e-9)), "FALSE PROOF"),
        (
            certified(
                lower_bound_searched=lambda c: c.objective * (1.0 + 1e-6), recall=lambda c: 1.0, unseen=lambda c: 0.0
            ),
            "FALSE SEARCHED",
        ),
        (certified(lower_bound_solved=lambda c: c.objective * (1.0 + 1e-9)), "solved bound"),
        (certified(objective=lambda c: c.objective * (1.0 + 1e-9)), "objective"),
        (attribute("dual_coef_", 0.9), "solved bound"),
        (attribute("convex_coef_", -1.0), "cones"),
        (moved_intercept, "objective"),
    ],
    ids=["proof", "searched", "solved", "objective", "dual point", "cones", "network"],
)
def test_falsified_fits_are_found_out(change, failure, monkeypatch):
    monkeypatch.setattr(trust, "draw", lambda number: plain())
    falsify(monkeypatch, change)
    outcome = trust.run(0)
    assert any(said.startswith(failure) for said in outcome.failures), outcome.failures


def test_a_search_without_recall_may_be_wrong_if_it_says_so(monkeypatch):
    monkeypatch.setattr(trust, "draw", lambda number: plain())
    falsify(monkeypatch, certified(
        lower_bound_searched=lambda c: c.objective * (1.0 + 1e-6), lower_bound_proven=lambda c: None, recall=lambda c: 0.0
    ))  # fmt: skip
    outcome = trust.run(0)
    assert not any(said.startswith("FALSE") for said in outcome.failures)
    assert outcome.false_without_evidence == outcome.no_evidence == 2


def test_exceptions_warnings_and_nameless_refusals_are_failures(monkeypatch):
    monkeypatch.setattr(trust, "draw", lambda number: plain())
    assert any(said.startswith("slow") for said in trust.run(0, limit=-1.0).failures)
    for error, said in (
        (ValueError("no name"), "refused without a name"),
        (ZeroDivisionError("zero"), "ZeroDivisionError"),
    ):

        def broken(self, *arguments, error=error):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(BaseConvexReLU, "_set_trained", broken)
            assert any(failure.startswith(said) for failure in trust.run(0).failures)
    with monkeypatch.context() as patch:
        patch.setattr(
            BaseConvexReLU, "_set_trained", lambda *arguments: (_ for _ in ()).throw(ValueError("beta is too small"))
        )
        patch.setattr(trust, "LIMIT", 10.0)
        outcome = trust.run(0)
        assert not outcome.failures
        assert outcome.refused == 2


def test_a_bound_beyond_the_verifiers_is_not_lost_in_the_size_of_least_losses():
    """Poisson's documented loss may be negative: sizes are above the least loss."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((15, 1))
    y = rng.poisson(np.exp(1.0 + X[:, 0])).astype(float)
    problem = trust.Problem(
        -1, ConvexReLURegressor, {"loss": "poisson", "beta": 0.02, "tol": 1e-4}, X, y, None, ["none"]
    )
    model = ConvexReLURegressor(0.02, loss="poisson", tol=1e-4, random_state=0).fit(X, y)
    model.said = ""
    outcome = trust.Outcome(-1, [])
    assert trust._verified(problem, model, outcome) == pytest.approx(model.objective_, rel=1e-10)
    assert not outcome.failures
    certificate = model.certificate_
    size = certificate.objective - certificate.least_loss
    model.certificate_ = replace(certificate, lower_bound_proven=certificate.objective + 1e-9 * size)
    trust._check_bounds(model, model.objective_, outcome)
    assert [said[:11] for said in outcome.failures] == ["FALSE PROOF"]
