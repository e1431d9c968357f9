"""A test set is known again by its content: in any order, process and type, whatever it is called."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from pytest_mlspec.data import Dataset
from pytest_mlspec.data.row_marks import content_key, row_marks, whole_of

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
Y = rng.integers(0, 2, 60)
LIGHT = ["day", "night", "dusk"] * 20
ANOTHER_PROCESS = """
import numpy as np
from pytest_mlspec.data import Dataset
from pytest_mlspec.data.row_marks import content_key
print(content_key(Dataset([["a", 1.5], ["b", 2.5]], ["cat", "dog"])))
"""


def key(X: object = X, y: object = Y, **given: object) -> str:
    return content_key(Dataset(X, y, **given))  # type: ignore[arg-type]


def test_columns_names_classes_and_budgets_do_not_count() -> None:
    others = [
        key(columns={"light": LIGHT}),
        key(name="street"),
        key(positive=0),
        key(classes=[0, 1, 2]),
        key(clusters=LIGHT),
        key(ids=range(60)),
        key(budget=7),
    ]

    assert set(others) == {key()}


def test_order_and_type_of_numbers_do_not_count() -> None:
    order = rng.permutation(60)
    others = [key(X[order], Y[order]), key(X.astype(np.float32)), key(X.tolist(), Y.tolist()), key(pd.DataFrame(X))]

    assert set(others) == {key()}


def test_a_changed_feature_target_row_or_pairing_is_another_test_set() -> None:
    changed = X.copy()
    changed[7, 1] += 0.01
    others = [key(changed), key(X, 1 - Y), key(X[1:], Y[1:]), key(X, np.roll(Y, 1)), key(X[:, ::-1]), key(X, None)]

    assert len({key(), *others}) == 7


def test_text_is_known_again_in_another_process() -> None:
    command = [sys.executable, "-c", ANOTHER_PROCESS]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))

    assert first == second
    assert first.strip() == content_key(Dataset([["a", 1.5], ["b", 2.5]], ["cat", "dog"]))


def test_the_key_of_known_rows_stays_what_it_is() -> None:
    """Ledgers outlive versions of the library: another number here would forget every read."""
    assert content_key(Dataset([[1.0, 2.0], [3.0, 4.0]], [0, 1])) == "baa36e2db2e878ec9a0ef4de284301c2"


def test_rows_without_features_are_told_apart_by_place_target_and_id() -> None:
    empty = np.empty((6, 0))
    keys = [
        key(empty, [0, 0, 0, 1, 1, 1]),
        key(empty, [0, 1, 0, 1, 0, 1]),
        key(empty, [0] * 3 + [1] * 3, ids=list("abcdef")),
    ]

    assert len(set(keys)) == 3
    assert len(set(row_marks(Dataset(empty, [1] * 6)).tolist())) == 6


def test_a_slice_has_the_marks_of_its_rows() -> None:
    data = Dataset(X, Y, columns={"light": LIGHT})
    night = data.where(light="night")

    assert row_marks(night).tolist() == row_marks(data)[1::3].tolist()
    assert content_key(night) == content_key(Dataset(X[1::3], Y[1::3]))


def test_slices_draws_and_changed_copies_belong_to_their_test_set() -> None:
    whole = Dataset(X, Y, columns={"light": LIGHT}, name="street").split(test=0.5, seed=0)
    test = whole.test
    belonging = [
        test,
        test.where(light="night"),
        test.where(light="night").take([0, 1]),
        test.perturb(lambda rows: rows + 1),
        test.perturb(lambda rows: rows + 1).where(light="day"),
        test.where(light="day").perturb(lambda rows: rows + 1).perturb(lambda rows: rows * 2),
        test.shuffle(0),
        test.resample(3),
        test.resample(3).where(light="night"),
    ]

    assert {content_key(whole_of(data)) for data in belonging} == {content_key(test)}
    assert content_key(whole_of(whole.train)) == content_key(whole.train) != content_key(test)


class Box:
    """Shows its place in memory, as most objects do."""

    def __init__(self, content: int) -> None:
        self.content = content


def test_objects_count_by_their_content() -> None:
    def boxes(first: int) -> np.ndarray:
        return np.array([[Box(first)], [Box(2)], [None], [{"b", "a"}]], dtype=object)

    assert key(boxes(1), [0, 1, 0, 1]) == key(boxes(1), [0, 1, 0, 1]) != key(boxes(3), [0, 1, 0, 1])


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool])
def test_whole_numbers_of_any_type(dtype: type) -> None:
    assert key((X > 0).astype(dtype)) == key((X > 0).astype(float))
