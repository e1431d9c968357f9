"""Splits: named parts that are proved to be apart."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from pytest_mlspec.data import Dataset, Splits, overlap


def rows(n: int, start: int = 0, **more: object) -> Dataset:
    """Distinct rows without a common origin with those of another start."""
    return Dataset(np.arange(start, start + n, dtype=float)[:, None], np.arange(n) % 2, **more)  # type: ignore[arg-type]


def test_parts_have_names_and_roles() -> None:
    splits = Splits(train=rows(4), validation=rows(3, 10), test=rows(2, 20), ood=rows(5, 30), name="street")

    assert [part for part, _ in splits.items()] == list(splits) == ["train", "validation", "test", "ood"]
    assert [data.name for _, data in splits.items()] == [
        "street.train",
        "street.validation",
        "street.test",
        "street.ood",
    ]
    assert [data.role for _, data in splits.items()] == ["train", "validation", "test", ""]
    assert splits.ood is splits["ood"] is splits.ood
    assert splits.test.where(label=0).role == "test"
    assert "ood" in splits
    assert "ood" in dir(splits)
    assert len(splits) == 4
    assert repr(splits) == "Splits('street', train: 4 rows, validation: 3 rows, test: 2 rows, ood: 5 rows)"
    assert splits.duplicates == {}
    assert splits.message == ""


def test_a_renamed_copy_keeps_content_and_lineage() -> None:
    splits = rows(10, name="old").split(test=4)
    street = splits.named("street")

    assert (street.name, street.test.name, splits.test.name) == ("street", "street.test", "old.test")
    assert street.test.fingerprint == splits.test.fingerprint
    assert street.test.base is street.test
    assert overlap(splits.test, street.test) == 4
    assert rows(3).named("lone").name == "lone"
    assert repr(Splits(test=rows(3))) == "Splits(test: 3 rows)"
    assert Splits(test=rows(3)).test.name == "test"


def test_splits_do_not_change() -> None:
    splits = rows(10).split()

    with pytest.raises(AttributeError, match="do not change"):
        splits.name = "other"


def test_a_part_that_does_not_exist() -> None:
    splits = rows(10, name="street").split(test=0.3)

    with pytest.raises(AttributeError, match=r"^street has no part 'validation'; it has train, test$"):
        _ = splits.validation
    with pytest.raises(AttributeError, match="no part 'ood'"):
        _ = splits.ood
    with pytest.raises(KeyError, match="no part 'ood'"):
        _ = splits["ood"]
    assert not hasattr(splits, "ood")


def test_pickling_keeps_everything() -> None:
    splits = rows(10, name="street").split(test=0.3)
    again = pickle.loads(pickle.dumps(splits))

    assert repr(again) == repr(splits)
    assert again.test.fingerprint == splits.test.fingerprint
    assert overlap(splits.train, again.test) == 0
    assert overlap(splits.train, again.train) == 7


WHOLE = rows(10, name="whole")
ERRORS: list[tuple[Callable[[], object], type[Exception], str]] = [
    (
        lambda: Splits(train=WHOLE, test=WHOLE),
        ValueError,
        r"10 of the 10 rows of test are rows of train.*split\(",
    ),
    (
        lambda: Splits(train=WHOLE, validation=WHOLE.take([3, 4])),
        ValueError,
        r"2 of the 2 rows of validation are rows of",
    ),
    (lambda: Splits(validation=WHOLE, test=WHOLE.resample(0)), ValueError, r"10 of the 10 rows of test"),
    (lambda: Splits(train=WHOLE, ood=WHOLE.perturb(lambda x: x + 99.0)), ValueError, r"rows of ood are rows of train"),
    (
        lambda: Splits(train=rows(3, ids=["a", "b", "c"]), test=rows(3, 10, ids=["c", "d", "b"])),
        ValueError,
        r"train and test without a common id; 2 ids are in both: 'c', 'b'",
    ),
    (lambda: Splits(), ValueError, r"at least one part"),
    (lambda: Splits(test=([1], [0])), TypeError, r"expected test as a Dataset; got tuple.*test=Dataset\(X, y\)"),  # type: ignore[arg-type]
    (lambda: Splits(items=WHOLE), ValueError, r"'items' already means something"),
    (lambda: Splits(_parts=WHOLE), ValueError, r"'_parts' already means something"),
    (lambda: Splits(duplicates=WHOLE), ValueError, r"'duplicates' already means something"),
    (lambda: Splits(test=WHOLE, max_duplicates=1.5), ValueError, r"share in \[0, 1\]; got max_duplicates=1.5"),
]


@pytest.mark.parametrize(("make", "kind", "message"), ERRORS)
def test_parts_that_are_not_apart(make: Callable[[], object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        make()


def test_shifted_versions_of_the_test_data_are_welcome() -> None:
    base = rows(10).split(test=0.5)
    splits = Splits(train=base.train, test=base.test, blurred=base.test.perturb(lambda x: x + 0.5))

    assert splits.blurred.role == "test"
    assert overlap(splits.test, splits.blurred) == 5


def test_overlap_counts_rows_of_the_second_by_lineage() -> None:
    splits = rows(100).split(test=0.3)
    train = splits.train

    assert overlap(train, splits.test) == 0
    assert overlap(train, train.where(label=1)) == len(train.where(label=1))
    assert overlap(train, train.resample(0)) == 70
    assert overlap(train.take([0, 1]), train) == 2
    assert overlap(train, train.perturb(lambda x: -x).take([5])) == 1
    assert overlap(rows(5), rows(5, 10)) == 0
    assert overlap(rows(5), rows(5)) == 5, "equal content is the same origin, in another process as well"


def test_equal_rows_are_counted_and_an_error_above_the_limit() -> None:
    train, test = rows(1000), rows(400, 996)  # rows 996 to 999 are in both, with equal targets

    splits = Splits(train=train, test=test)
    assert splits.duplicates == {("train", "test"): 4}
    assert splits.message == "4 of 400 rows of test equal a row of train in content"
    with pytest.raises(ValueError, match=r"max_duplicates=0.009 of the evaluated rows.*4 of 400 rows of test equal"):
        Splits(train=train, test=test, max_duplicates=0.009)
    assert Splits(train=train, test=test, max_duplicates=0.01).duplicates == {("train", "test"): 4}


def test_equal_features_with_another_target_are_no_duplicates() -> None:
    X = np.arange(10.0)[:, None]

    assert Splits(train=Dataset(X, [0] * 10), test=Dataset(X, [1] * 10)).duplicates == {}
    with pytest.raises(ValueError, match="10 of 10 rows of test"):
        Splits(train=Dataset(X), test=Dataset(X + 0, [1] * 10))


def test_validation_rows_count_against_test_and_training_rows_against_shifted_data() -> None:
    splits = Splits(train=rows(10), validation=rows(10, 10), test=rows(10, 18), ood=rows(10, 8), max_duplicates=1.0)

    assert splits.duplicates == {("train", "ood"): 2, ("validation", "test"): 2}


NUMBERS = np.array([[0.0, 1.0], [2.0, np.nan], [0.5, 3.0], [4.0, 5.0]])
OTHERS = np.array([[-0.0, 1.0], [2.0, np.nan], [0.5, 3.5], [9.0, 9.0]])


@pytest.mark.parametrize(
    "form",
    [
        np.asarray,
        lambda X: X.astype(np.float32),
        lambda X: pd.DataFrame(X, columns=["a", "b"]),
        lambda X: pl.DataFrame({"a": X[:, 0], "b": X[:, 1]}),
        torch.tensor,
        lambda X: torch.tensor(X, dtype=torch.float32),
    ],
)
def test_equal_rows_are_found_in_every_form(form: Callable[[object], object]) -> None:
    splits = Splits(train=Dataset(form(NUMBERS)), test=Dataset(OTHERS), max_duplicates=1.0)

    assert splits.duplicates == {("train", "test"): 2}


def test_equal_rows_of_sparse_text_and_image_data() -> None:
    from scipy.sparse import coo_matrix

    sparse = Splits(
        train=Dataset(coo_matrix(np.eye(3))), test=Dataset(coo_matrix(np.eye(3)[:2] * [1, 2, 1])), max_duplicates=1.0
    )
    text = Splits(train=Dataset(["a b", "c"]), test=Dataset(np.array(["c", "d"], object)), max_duplicates=1.0)
    frames = Splits(
        train=Dataset(pd.DataFrame({"n": [1, 2], "t": ["x", "y"]})),
        test=Dataset(pl.DataFrame({"n": [2, 1], "t": ["y", "y"]})),
        max_duplicates=1.0,
    )
    images = np.random.default_rng(0).random((50, 8, 8, 3))
    pictures = Splits(train=Dataset(images[:30]), test=Dataset(images[25:] + 0.0), max_duplicates=1.0)

    assert sparse.duplicates == text.duplicates == frames.duplicates == {("train", "test"): 1}
    assert pictures.duplicates == {("train", "test"): 5}


def test_blocks_do_not_change_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mlspec.data.duplicates._BLOCK_BYTES", 64)
    splits = Splits(train=rows(100), test=rows(100, 60), max_duplicates=1.0)

    assert splits.duplicates == {("train", "test"): 40}


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_shifted_part_that_equals_the_test_part_is_refused(shuffled: bool) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 2)), np.tile([0, 1], 15)
    order = rng.permutation(30) if shuffled else np.arange(30)

    with pytest.raises(ValueError, match="expected night to differ from test: their 30 rows are equal in content"):
        Splits(test=Dataset(X, y), night=Dataset(X[order], y[order]))
    assert len(Splits(test=Dataset(X, y), night=Dataset(X, 1 - y))) == 2
