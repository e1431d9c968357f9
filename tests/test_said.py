"""A model is known again by what it says: noise makes no other model, any other prediction does."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec import Dataset, Predictions
from pytest_mlspec.predictions.asking import predict
from pytest_mlspec.predictions.said import said

N = 400
rng = np.random.default_rng(0)
Y = rng.integers(0, 2, N)
P = rng.uniform(0.01, 0.99, N)
ORDER = rng.permutation(N)


def of(scores: np.ndarray, y: np.ndarray = Y, **given: object) -> str:
    return said(Predictions(y=y, probabilities=np.stack([1 - scores, scores], axis=-1), **given))  # type: ignore[arg-type]


def test_names_columns_and_arithmetic_noise_make_no_other_model() -> None:
    noisy = [of(P + rng.normal(size=N) * 1e-9) for _ in range(50)]

    assert {of(P), of(P, name="other"), of(P, columns={"c": Y}), of(P.astype(np.float32)), *noisy} == {of(P)}


@pytest.mark.parametrize("size", [1e-3, 1e-2])
def test_small_changes_of_scores_make_another_model(size: float) -> None:
    """Labels stay: half of the range on either side of one half is left alone."""
    away = np.where(P > 0.5, 0.5 + P / 2, P / 2)
    changed = [of(np.clip(away + size * rng.normal(size=N) / 10, 0, 1)) for _ in range(50)]

    assert len({of(away), *changed}) == 51


def test_a_recalibration_makes_another_model() -> None:
    """A hundred temperatures a hair apart: the labels never change."""
    logits = np.log(P / (1 - P))
    found = {of(1 / (1 + np.exp(-logits / temperature))) for temperature in np.linspace(1, 1.1, 100)}

    assert len(found) == 100


def test_rare_events_with_tiny_scores_are_told_apart() -> None:
    rare = rng.uniform(1e-6, 2e-6, N)
    found = {of(rare), of(rare[::-1]), of(rare * 1.01)}

    assert len(found) == 3


def test_one_other_label_makes_another_model() -> None:
    labels = (P > 0.5).astype(int)
    other = labels.copy()
    other[7] = 1 - other[7]

    assert said(Predictions(y=Y, labels=labels)) != said(Predictions(y=Y, labels=other))


def test_fewer_or_other_members_make_another_model() -> None:
    members = np.stack([P, P[::-1], np.roll(P, 1)])
    assert len({of(members), of(members[:2]), of(members[0]), of(members[[1, 0, 2]])}) == 4


def test_numbers_of_any_size_are_told_apart_to_the_fifth_digit_of_their_spread() -> None:
    def numbers(values: np.ndarray) -> str:
        return said(Predictions(y=P, values=values))

    for size in (1e-9, 1.0, 1e9):
        values = P * size
        noisy = {numbers(values * (1 + 1e-10 * rng.normal(size=N))) for _ in range(20)}
        assert noisy == {numbers(values)}
        assert numbers(values) != numbers(values * 1.001)
    assert numbers(np.full(N, 3.0)) != numbers(np.full(N, 3.01))
    assert numbers(np.zeros(N)) == numbers(np.zeros(N))


def test_a_slice_speaks_for_the_whole() -> None:
    made = Predictions(y=Y, probabilities=P, positive=1, columns={"part": Y})

    assert said(made.where(part=1)) == said(made)


class Model:
    """Says the first feature; as a score too, or one that fails."""

    classes_ = np.array([0, 1])

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (X[:, 0] > 0.5).astype(int)

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        if self.broken:
            raise RuntimeError("no scores today")
        return np.asarray(X[:, 0] - 0.5)


def test_rows_in_another_order_are_the_same_model() -> None:
    def of_model(order: np.ndarray, *, broken: bool = False) -> str:
        data = Dataset(P[order, None], Y[order])
        return said(predict(Model(broken=broken), data))

    assert of_model(ORDER) == of_model(np.arange(N))
    assert of_model(ORDER, broken=True) == of_model(np.arange(N), broken=True) != of_model(ORDER)
