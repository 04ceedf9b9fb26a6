"""Data at the ends of double precision: an answer, or a refusal that names what is too small; never a bare arithmetic error."""

import numpy as np
import pytest

from skconvrelu import ConvexReLUClassifier, ConvexReLURegressor
from skconvrelu.certificate import verify

pytestmark = [
    pytest.mark.filterwarnings("ignore:X. its columns:UserWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.mark.parametrize("y", [np.array([1.0, 0.0] * 5) > 0.5, np.r_[0.3, np.abs(np.linspace(-1, 1, 9))] > 0.4])
def test_log_loss_with_a_fill_value_of_1e37(y):
    X = np.vstack([[[1e37, 0.0]], np.column_stack([np.zeros(9), np.linspace(-1, 1, 9)])])
    ConvexReLUClassifier(1e-3, arrangements="data", random_state=1).fit(X, y)


@pytest.mark.parametrize("size", [pytest.param(1e20, marks=pytest.mark.slow), 1e27, 1e40])
@pytest.mark.parametrize("loss", ["poisson", "squared_error", "log_loss"])
def test_large_features_at_a_small_penalty(loss, size):
    rng = np.random.default_rng(0)
    X, y = size * rng.standard_normal((7, 6)), rng.integers(1, 4, 7).astype(float)
    estimator, targets = (ConvexReLUClassifier, y > 2) if loss == "log_loss" else (ConvexReLURegressor, y)
    model = estimator(1e-6, loss=loss, random_state=0, tol=1e-2)
    if size > 1e20:  # no penalty that doubles could tell from none
        with pytest.raises(ValueError, match=r"^beta=1e-06 is too small"):
            model.fit(X, targets)
    else:
        assert np.isfinite(model.fit(X, targets).objective_)


def test_poisson_with_weights_whose_sum_is_no_number():
    ConvexReLURegressor(loss="poisson").fit([[1.3], [0.2]], [6.0, 1.0], sample_weight=[1e308, 1e308])


@pytest.mark.parametrize("seed", range(3))
def test_huber_objective_where_epsilon_is_far_below_the_spread(seed):
    X, y = np.eye(2)[np.arange(18) % 2], 1e25 * (1.0 + 0.3 * np.random.default_rng(seed).standard_normal(18))
    model = ConvexReLURegressor(0.06, loss="huber", random_state=0).fit(X, y)
    assert model.objective_ == pytest.approx(verify(model, X, y).objective, rel=1e-11)
