"""Group codes: one column, intersections, true classes."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlspec.data import Dataset

PEOPLE = Dataset(
    np.arange(5),
    ["no", "yes", "no", "no", "no"],
    columns={"sex": ["female", "male", "female", "male", "male"], "age": ["65+", "<65", "<65", "<65", "<65"]},
    classes=["no", "yes", "perhaps"],
    name="people",
)


def test_one_column() -> None:
    codes, labels = PEOPLE.codes("sex")

    assert labels == ("female", "male")
    assert codes.tolist() == [0, 1, 0, 1, 1]
    assert codes.dtype == np.uint8
    assert PEOPLE.groups("sex").sizes.tolist() == [2, 3]
    assert PEOPLE.codes("sex")[0] is codes


def test_intersections_that_occur_and_those_that_do_not() -> None:
    groups = PEOPLE.groups(["sex", "age"])

    assert groups.by == ("sex", "age")
    assert groups.labels == ("female, 65+", "female, <65", "male, <65")
    assert groups.codes.tolist() == [0, 2, 1, 2, 2]
    assert groups.sizes.tolist() == [1, 1, 3]
    assert groups.missing == ("male, 65+",)


def test_true_classes_and_the_declared_class_without_a_case() -> None:
    groups = PEOPLE.groups("label")

    assert groups.labels == ("no", "yes")
    assert groups.codes.tolist() == [0, 1, 0, 0, 0]
    assert groups.missing == ("perhaps",)
    assert PEOPLE.where(sex="female").groups("label").missing == ("yes", "perhaps")


def test_a_slice_has_the_groups_that_it_has() -> None:
    assert PEOPLE.where(sex="male").codes(["sex", "age"])[1] == ("male, <65",)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([65.0, 20.5, 65.0], ("20.5", "65")),
        ([np.inf, 1.0, 2.0], ("1", "2", "inf")),
        ([True, False, True], ("False", "True")),
        ([10, 9, 9], ("9", "10")),
        (["1", 1, "1"], ("1", "'1'")),
        (np.array(["2020-01-02", "2020-01-01", "2020-01-02"], dtype="datetime64[D]"), ("2020-01-01", "2020-01-02")),
    ],
)
def test_labels_read_well_and_differ(values: object, labels: tuple[str, ...]) -> None:
    found = Dataset(np.arange(3), columns={"v": values}).codes("v")[1]

    assert found == labels


def test_more_than_255_groups_take_wider_codes() -> None:
    few = Dataset(np.arange(255), columns={"v": np.arange(255)}).codes("v")[0]
    many = Dataset(np.arange(256), columns={"v": np.arange(256)}).codes("v")[0]

    assert (few.dtype.name, many.dtype.name) == ("uint8", "int64")
    assert many.tolist() == list(range(256))


@pytest.mark.parametrize("values", [[1.0, np.nan, 2.0], ["a", None, "b"], pl.Series(["a", None, "b"])])
def test_a_missing_group_is_an_error_that_says_how_to_mend_it(values: object) -> None:
    data = Dataset(np.arange(3), columns={"v": values})

    for ask in (lambda: data.groups("v"), lambda: data.split_by("v")):
        with pytest.raises(
            ValueError, match=r"a group for every row in column 'v'; got (nan|None) in row 1.*'unknown'"
        ):
            ask()


def test_what_cannot_be_grouped_by() -> None:
    with pytest.raises(
        ValueError, match=r"unknown column 'sez' of people; did you mean 'sex'\? \(it has age, label, sex"
    ):
        PEOPLE.codes("sez")
    with pytest.raises(ValueError, match=r"at least one column and each once; got by=\['sex', 'sex'\]"):
        PEOPLE.codes(["sex", "sex"])
    with pytest.raises(ValueError, match=r"at least one column"):
        PEOPLE.codes([])
    with pytest.raises(ValueError, match=r"class labels in y.*numbers to predict"):
        Dataset([1, 2], [0.5, 1.5]).codes("label")
    with pytest.raises(ValueError, match=r"unknown column 'label'.*it has none"):
        Dataset([1, 2]).codes("label")


@given(st.lists(st.tuples(st.integers(-3, 3), st.sampled_from("abc")), min_size=1, max_size=50))
def test_codes_agree_with_numpy(rows: list[tuple[int, str]]) -> None:
    numbers, letters = (np.array(values) for values in zip(*rows, strict=True))
    data = Dataset(np.arange(len(rows)), columns={"n": numbers, "l": letters})
    distinct, inverse = np.unique(numbers, return_inverse=True)
    both, both_inverse = np.unique([f"{n}, {letter}" for n, letter in rows], return_inverse=True)

    codes, labels = data.codes("n")
    assert labels == tuple(str(value) for value in distinct)
    np.testing.assert_array_equal(codes, inverse)
    codes, labels = data.codes(["n", "l"])
    assert sorted(labels) == both.tolist()
    assert [labels[code] for code in codes] == both[both_inverse].tolist()
    groups = data.groups(["n", "l"])
    assert len(groups.missing) + len(groups.labels) == len(distinct) * len(set(letters.tolist()))
    np.testing.assert_array_equal(groups.sizes, np.bincount(groups.codes))
