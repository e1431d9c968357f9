"""Predictions whose figures are known, for tests of data that grow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pytest_mlspec import metrics
from pytest_mlspec.data import Dataset
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.predictions import Predictions, predict
from pytest_mlspec.training import Ensemble
from pytest_mlspec.verdict import Outcome

MET, VIOLATED, UNDECIDED = Outcome.MET, Outcome.VIOLATED, Outcome.UNDECIDED


def right(*hits: object, **given: object) -> Predictions:
    """Predictions that are right where `hits` says so, one row per member; all cases are positive."""
    labels = np.array(hits, dtype=int)
    n_examples = labels.shape[1]
    y = np.ones(n_examples, dtype=int)
    return Predictions(y=y, labels=labels if len(labels) > 1 else labels[0], classes=[0, 1], positive=1, **given)


def spread(hits: int, n: int) -> np.ndarray:
    """`hits` of `n` cases right, evenly spread, so that every stretch has nearly the same share."""
    return np.diff(np.floor(np.arange(n + 1) * hits / n)).astype(int)


def retrained(hits: np.ndarray) -> Predictions:
    """What an ensemble says whose member k is right where row k says so."""
    rows = np.arange(hits.shape[1])
    data = Dataset(rows[:, None], np.ones(len(rows), int), classes=[0, 1], positive=1, name="grown")

    def fit(seed: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda X: hits[seed][X[:, 0]]

    return predict(Ensemble.fit(fit, seeds=len(hits), output="labels", classes=[0, 1]), data)


def day_less_night(hits: np.ndarray) -> Estimate:
    """The difference of one model between every second case and the others."""
    n_examples = len(hits)
    light = {"light": np.tile(["day", "night"], n_examples // 2)}
    data = Dataset(np.arange(n_examples)[:, None], np.ones(n_examples, int), columns=light, classes=[0, 1], positive=1)
    model = Ensemble.of(lambda X: hits[X[:, 0]].astype(int), output="labels", classes=[0, 1])
    return metrics.accuracy(model, data.where(light="day")) - metrics.accuracy(model, data.where(light="night"))


class Says:
    """P(second class) moves with x0 where x1 is set."""

    classes_ = np.array([0, 1])

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        yes = 0.4 + 0.2 * X[:, 1] * X[:, 0]
        return np.stack([1 - yes, yes], axis=1)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (self.predict_proba(X)[:, 1] >= 0.5).astype(int)


def edited(n: int) -> tuple[Dataset, Dataset]:
    X = np.stack([np.tile([0.0, 1.0], n // 2), np.zeros(n)], axis=1)
    data = Dataset(X, np.tile([0, 1], n // 2), positive=1)

    def set_second(X: np.ndarray) -> np.ndarray:
        X[:, 1] = 1.0
        return X

    return data, data.perturb(set_second)
