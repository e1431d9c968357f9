"""Test-first development against a spurious feature: red with plain training, green with augmentation.

    pytest -m satisficing examples/test_spurious_regression.py

x1 and x2 cause y; x3 merely follows from it, y / 0.2 in training and y / 0.1 where the model will be used. Plain
training leans on x3: excellent on held-out data of the same kind, wrong by a factor of five on the shifted set. The
requirement was written first; noise on x3 during training is what makes it green, and the price is visible: the better
model is *worse* on the held-out data.
"""

import numpy as np
import pytest
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pytest_mlspec as mlspec
from pytest_mlspec import metrics


def fit(X, y, seed):
    network = MLPRegressor(hidden_layer_sizes=(16,), early_stopping=True, random_state=seed)
    return make_pipeline(StandardScaler(), network).fit(X, y)


@mlspec.ensemble(seeds=3)
def plain(seed, spurious_regression):
    return fit(spurious_regression.train.X, spurious_regression.train.y, seed)


@mlspec.ensemble(seeds=3)
def augmented(seed, spurious_regression):
    rng = np.random.default_rng(seed)
    X = np.tile(spurious_regression.train.X, (4, 1))
    X[:, 2] += rng.normal(scale=100, size=len(X))
    return fit(X, np.tile(spurious_regression.train.y, 4), seed)


shifted_errors = pytest.mark.satisficing(
    max_failure_rate=0.02, delta=4.0, id="SHIFT-1", because="an error above 4 breaks the downstream controller"
)


@pytest.mark.xfail(strict=True, reason="red: plain training leans on the spurious feature")
@shifted_errors
def test_plain_training_survives_the_shift(plain, spurious_regression, requirement):
    assert metrics.failure_rate(plain, spurious_regression.ood, loss="absolute_error") <= requirement


@shifted_errors
def test_augmented_training_survives_the_shift(augmented, spurious_regression, requirement):
    assert metrics.failure_rate(augmented, spurious_regression.ood, loss="absolute_error") <= requirement


@pytest.mark.satisficing(at_most=1.5, metric="rmse", max_loss=20.0, id="SHIFT-2")
def test_the_error_after_the_shift_is_bounded(augmented, spurious_regression, requirement):
    # An unbounded loss cannot be proven small: max_loss declares the largest error that one case can have.
    assert metrics.rmse(augmented, spurious_regression.ood) <= requirement


@pytest.mark.satisficing(at_least=0.2, metric="mae", max_loss=20.0, id="SHIFT-3", because="the price, shown")
def test_the_better_model_is_worse_on_held_out_data(plain, augmented, spurious_regression, requirement):
    price = metrics.mae(augmented, spurious_regression.test) - metrics.mae(plain, spurious_regression.test)
    assert price >= requirement
