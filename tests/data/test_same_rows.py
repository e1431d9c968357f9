"""Rows are matched by position: what says that it is in another order, or that a row comes twice, is answered."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from pytest_mlspec import Predictions, metrics
from pytest_mlspec.data import Dataset

FRAME = pd.DataFrame({"age": [20, 30, 40, 50]}, index=["a", "b", "c", "d"])
SORTED = pd.Series([0, 1, 0, 1], index=["a", "b", "c", "d"])
SHUFFLED = SORTED.loc[["a", "d", "b", "c"]]


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: Dataset(FRAME, SHUFFLED), "expected y in the order of X"),
        (lambda: Dataset(FRAME, SORTED, columns={"sex": SHUFFLED}), "expected column 'sex' in the order of X"),
        (lambda: Dataset(FRAME, SORTED, columns=SHUFFLED.to_frame("sex")), "expected columns in the order of X"),
        (lambda: Dataset(FRAME, SORTED, clusters=SHUFFLED), "expected clusters in the order of X"),
        (lambda: Dataset(np.ones((4, 1)), SORTED, ids=SHUFFLED), "expected ids in the order of y"),
        (lambda: Predictions(y=SORTED, labels=SHUFFLED), "expected labels in the order of y"),
        (lambda: Predictions(y=SORTED, probabilities=SHUFFLED), "expected probabilities in the order of y"),
        (lambda: Predictions(y=SORTED, values=SHUFFLED), "expected values in the order of y"),
        (lambda: Predictions(y=SORTED, labels=[0] * 4, columns={"s": SHUFFLED}), "expected column 's' in the order of"),
    ],
)
def test_the_same_index_in_another_order_is_an_error(make: Callable[[], object], what: str) -> None:
    with pytest.raises(ValueError, match=what) as caught:
        make()

    assert "(row 1 is b in " in str(caught.value)
    assert "or pass .to_numpy() where the order is right" in str(caught.value)


def test_other_indexes_say_nothing_about_the_order() -> None:
    numbered = pd.Series([0, 1, 0, 1])

    for y in (SORTED, numbered, SHUFFLED.to_numpy(), [0, 1, 0, 1], numbered.set_axis([0, 0, 1, 1])):
        assert len(Dataset(FRAME, y)) == 4


def test_a_row_that_is_taken_again_is_no_new_evidence() -> None:
    said = Predictions(y=[0, 1, 1, 0], labels=[0, 1, 0, 1])
    again = said.take(np.repeat([0, 1], 500))

    assert metrics.accuracy(again).value == 1.0
    assert metrics.accuracy(again).low() <= 0.05**0.5 + 1e-9  # what two cases prove
    assert said.take([1, 0]).cluster_codes is None


def test_a_row_that_is_taken_again_stays_in_the_cluster_that_it_has() -> None:
    data = Dataset([[0], [1], [2], [3]], [0, 1, 0, 1], columns={"patient": ["a", "a", "b", "b"]}, clusters="patient")

    assert data.take([0, 0, 1, 2]).cluster_name == "patient"
    assert data.take([0, 0, 1, 2]).cluster_codes.tolist() == [0, 0, 0, 1]  # type: ignore[union-attr]
