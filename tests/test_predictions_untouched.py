"""Whoever writes into features or targets is found out: what is said later would be about other data."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from pytest_mlspec import Ensemble, metrics
from pytest_mlspec.data import Dataset

Y = [0, 1, 0, 1]


class InPlace:
    """Scales its features where they lie."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        X -= 0.5
        return (np.asarray(X)[:, 0] > 0).astype(int)


@pytest.mark.parametrize(
    "X",
    [
        np.array([[0.0], [1.0], [0.0], [1.0]]),
        np.zeros((100_000, 4)),
        torch.tensor([[0.0], [1.0], [0.0], [1.0]]),
        pd.DataFrame({"a": [0.0, 1.0, 0.0, 1.0]}),
    ],
    ids=["array", "large array", "tensor", "frame"],
)
def test_a_change_in_place_is_an_error(X):
    data = Dataset(X, np.resize(Y, len(X)), name="road")

    with pytest.raises(ValueError, match=r"'InPlace' changed the features of road in place .* X = X.copy\(\)"):
        metrics.accuracy(InPlace(), data)


def test_a_column_that_is_added_is_an_error():
    class Ratio(InPlace):
        def predict(self, X: pd.DataFrame) -> np.ndarray:
            X["ratio"] = X["a"] / 2
            return (X["ratio"] > 0).to_numpy().astype(int)

    with pytest.raises(ValueError, match="'Ratio' changed the features"):
        metrics.accuracy(Ratio(), Dataset(pd.DataFrame({"a": [0.0, 1.0, 0.0, 1.0]}), Y))


def test_layers_that_work_in_place_get_a_copy():
    X = np.array([[-1.0], [1.0], [-2.0], [2.0]], dtype=np.float32)
    data = Dataset(X, Y)
    module = torch.nn.Sequential(torch.nn.ReLU(inplace=True), torch.nn.Linear(1, 2))

    metrics.brier(Ensemble.of(module, output="logits"), data)

    assert data.X.ravel().tolist() == [-1.0, 1.0, -2.0, 2.0]


def _write(values):
    values[:] = 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data, X: _write(X),
        lambda data, X: _write(data.X),
        lambda data, X: _write(data.y),
    ],
    ids=["own array", "features", "targets"],
)
def test_data_that_a_test_changed_are_not_judged_on(spoil):
    X = np.array([[0.0], [1.0], [0.0], [1.0]])
    data = Dataset(X, Y, columns={"road": ["dry", "wet", "dry", "wet"]}, name="street")
    spoil(data, X)

    for asked in (data, data.where(road="wet")):
        with pytest.raises(ValueError, match="X or y of street was changed in place after the data were made"):
            metrics.accuracy(lambda X: X[:, 0], asked)


@pytest.mark.parametrize("form", [np.array, torch.tensor, pd.DataFrame])
def test_what_nobody_changed_is_judged_in_every_process(form):
    whole = Dataset(form([[float(i)] for i in range(8)]), [0, 1] * 4)
    parts = whole.split(test=0.5, stratify=True)
    model = Ensemble.of(lambda X: np.zeros(len(X), int), output="labels")

    for data in (whole, parts.test, parts.test.perturb(lambda X: X + 1), pickle.loads(pickle.dumps(parts.test))):
        assert metrics.accuracy(model, data).value == 0.5
