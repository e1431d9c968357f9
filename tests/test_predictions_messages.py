"""Plausible mistakes with models and data are answered in words."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_mlspec as mlspec
from pytest_mlspec import metrics
from pytest_mlspec.data import Dataset


class Booster:
    """Predicts numbers and does not say so."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        return X[:, 0] * 2.0


@pytest.fixture
def model() -> Booster:
    return Booster()


@mlspec.dataset
def street() -> Dataset:
    return Dataset([[1], [2]], [0, 1])


def test_a_fixture_that_the_test_does_not_take():
    with pytest.raises(TypeError, match="'model' is a fixture: give the test an argument of that name, def test_"):
        metrics.rmse(model, Dataset([[1], [2]], [0.5, 1.5]))
    with pytest.raises(TypeError, match="'street' is a fixture"):
        metrics.rmse(Booster(), street)


def test_whole_numbers_in_y_make_labels_of_what_an_unknown_model_says():
    counts = Dataset([[1], [2], [3]], [2, 4, 6])

    with pytest.raises(
        ValueError, match=r"y holds labels; if it predicts numbers, say so: Ensemble.of\(model, output="
    ):
        metrics.rmse(Booster(), counts)
    assert metrics.rmse(mlspec.Ensemble.of(Booster(), output="values"), counts).value == 0


@pytest.mark.parametrize("metric", [metrics.accuracy, metrics.brier, metrics.recall])
def test_data_without_y(metric):
    with pytest.raises(ValueError, match=r"road has no y to compare with: give Dataset\(X, y\)"):
        metric(Booster(), Dataset([[1], [2]], name="road"))
