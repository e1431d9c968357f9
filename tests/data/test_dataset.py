"""What a data set takes, keeps, infers and refuses."""

from __future__ import annotations

import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from pytest_mlspec.data import Dataset, overlap

X = np.arange(12.0).reshape(6, 2)
LIGHT = ["day", "night", "day", "night", "dusk", "day"]


def test_values_are_kept_and_described() -> None:
    street = Dataset(X, [0, 1, 0, 1, 2, 0], columns={"light": LIGHT}, ids=list("abcdef"), name="street.test")

    assert len(street) == 6
    assert street.X is X
    assert street.y is not None
    assert street.y.tolist() == [0, 1, 0, 1, 2, 0]
    assert dict(street.columns).keys() == {"light"}
    assert street.columns["light"].tolist() == LIGHT
    assert street.ids is not None
    assert street.ids.tolist() == list("abcdef")
    assert (street.role, street.description, street.title) == ("", "", "street.test")
    assert street.base is street
    assert street.rows is None
    assert street.origin == street.fingerprint
    assert street.origin_rows.tolist() == [0, 1, 2, 3, 4, 5]
    assert repr(street) == "Dataset('street.test', 6 rows, 3 classes, columns: light)"


def test_nothing_can_be_changed_from_outside() -> None:
    street = Dataset(X, columns={"light": LIGHT})

    with pytest.raises(AttributeError):
        street.name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        street.columns["light"] = np.zeros(6)  # type: ignore[index]
    with pytest.raises(ValueError, match="read-only"):
        street.columns["light"][0] = "night"


def test_later_changes_of_the_users_arrays_do_not_reach_targets_and_columns() -> None:
    y, light, ids = np.array([0, 1, 0, 1, 0, 1]), np.array(LIGHT), np.arange(6)
    street = Dataset(X, y, columns={"light": light}, ids=ids)
    y[0], light[0], ids[0] = 9, "x", 9

    assert street.y is not None
    assert street.ids is not None
    assert (street.y[0], street.columns["light"][0], street.ids[0]) == (0, "day", 0)


def test_equality_is_identity_and_a_weak_reference_works() -> None:
    one, other = Dataset(X), Dataset(X)
    watch = weakref.ref(other)

    assert one != other
    assert len({one, other}) == 2
    del other
    gc.collect()
    assert watch() is None


def test_a_list_becomes_an_array_and_other_forms_stay() -> None:
    frame = pd.DataFrame(X, columns=["a", "b"])

    assert isinstance(Dataset(X.tolist()).X, np.ndarray)
    assert Dataset(frame).X is frame
    assert list(Dataset(["a text", "another"]).X) == ["a text", "another"]


def test_columns_of_a_frame_are_slice_columns_and_explicit_ones_replace_them() -> None:
    frame = pl.DataFrame({"age": [20, 30, 40], "light": ["x", "y", "z"]})
    people = Dataset(frame, columns={"light": ["day", "day", "night"], "sex": ["f", "m", "f"]})

    assert list(people.columns) == ["age", "light", "sex"]
    assert people.columns["age"].tolist() == [20, 30, 40]
    assert people.columns["light"].tolist() == ["day", "day", "night"]


def test_columns_may_be_a_frame_and_its_names_need_not_be_text() -> None:
    data = Dataset(X[:2], columns=pd.DataFrame({0: [1, 2], "b": ["x", "y"]}))

    assert {name: values.tolist() for name, values in data.columns.items()} == {"0": [1, 2], "b": ["x", "y"]}


@pytest.mark.parametrize(
    ("y", "classes", "positive"),
    [
        ([0, 1, 1], [0, 1], 1),
        ([False, True, True], [False, True], True),
        ([0.0, 1.0, 1.0], [0.0, 1.0], 1.0),
        ([1, 1, 1], [1], 1),
        ([0, 0, 0], [0], 1),
        ([-1, 1, 1], [-1, 1], None),
        ([1, 2, 1], [1, 2], None),
        (["b", "a", "b"], ["a", "b"], None),
        ([2, 0, 1], [0, 1, 2], None),
    ],
)
def test_labels_have_classes_and_an_obvious_positive_one(
    y: list[object], classes: list[object], positive: object
) -> None:
    data = Dataset(X[:3], y)

    assert data.classes is not None
    assert data.classes.tolist() == classes
    assert data.positive == positive
    assert type(data.positive) is type(positive)


@pytest.mark.parametrize("y", [[25.0, 75.0, 151.0], [0.0, 0.0, 0.0], [0.0, 1.0, 2.0], [0.5, 1.0, 1.0]])
def test_floats_are_numbers_to_predict_however_round(y: list[float]) -> None:
    assert Dataset(X[:3], y).classes is None


def test_declared_classes_win_and_keep_their_order() -> None:
    data = Dataset(X[:3], [1.0, 2.0, 1.0], classes=[3.0, 2.0, 1.0], positive=3.0)

    assert data.classes is not None
    assert data.classes.tolist() == [3.0, 2.0, 1.0]
    assert data.positive == 3.0
    text = Dataset(X[:3], ["b", "a", "b"], positive="a").positive
    assert text == "a"
    assert type(text) is str


def test_clusters_are_a_column_or_an_array() -> None:
    by_name = Dataset(X, columns={"patient": LIGHT}, clusters="patient")
    by_value = Dataset(X, clusters=[7, 7, 5, 5, 9, 9])

    assert by_name.cluster_name == "patient"
    assert by_name.cluster_codes is not None
    assert by_name.cluster_codes.tolist() == [0, 2, 0, 2, 1, 0]
    assert by_value.cluster_name == "clusters"
    assert by_value.cluster_codes is not None
    assert by_value.cluster_codes.tolist() == [1, 1, 0, 0, 2, 2]
    assert Dataset(X).cluster_codes is None


ERRORS: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: Dataset(X, [0, 1]), ValueError, r"X has 6 rows, y has 2"),
    (lambda: Dataset(X, columns={"light": ["day"]}), ValueError, r"X has 6 rows, column 'light' has 1"),
    (lambda: Dataset(X, ids=[1]), ValueError, r"X has 6 rows, ids has 1"),
    (lambda: Dataset(X, clusters=[1]), ValueError, r"X has 6 rows, clusters has 1"),
    (lambda: Dataset(np.empty((0, 2))), ValueError, r"at least one row"),
    (lambda: Dataset(3.0), TypeError, r"expected X as a NumPy array.*got X=float"),
    (lambda: Dataset(np.array(3.0)), ValueError, r"one row per example"),
    (lambda: Dataset({"a": [1, 2]}), TypeError, r"got X=dict"),
    (lambda: Dataset(pl.DataFrame({"a": [1]}).lazy()), TypeError, r"collect\(\)"),
    (lambda: Dataset([[1.0], [1.0, 2.0]]), ValueError, r"rows of different shapes"),
    (lambda: Dataset(pd.DataFrame([[1, 2]], columns=["a", "a"])), ValueError, r"unique column names"),
    (lambda: Dataset(pd.DataFrame([[1, 2]], columns=["1", 1])), ValueError, r"unique column names; got 1 more"),
    (lambda: Dataset(X, [0.0, np.nan, 1, 1, 1, 1]), ValueError, r"without missing or infinite.*y\[1\]=nan"),
    (lambda: Dataset(X, [0.0, np.inf, 1, 1, 1, 1]), ValueError, r"y\[1\]=inf"),
    (lambda: Dataset(X, ["a", None, "a", "a", "a", "a"]), ValueError, r"y\[1\]=None \(1 such rows of 6\)"),
    (lambda: Dataset(X, pd.Series(["a", None] * 3)), ValueError, r"y\[1\]=nan \(3 such"),
    (lambda: Dataset(X, pd.Series([1, None] * 3, dtype="Int64")), ValueError, r"y\[1\]=nan"),
    (lambda: Dataset(X, pl.Series([True, None] * 3)), ValueError, r"y\[1\]=None"),
    (lambda: Dataset(X, np.zeros(6, complex)), TypeError, r"real numbers or labels"),
    (lambda: Dataset(X, X), ValueError, r"multi-label and multi-output are not supported.*\(6, 2\)"),
    (lambda: Dataset(X, X[:, :1]), ValueError, r"pass y\.ravel\(\)"),
    (lambda: Dataset(X, [[1], [1, 2], [], [], [], []]), ValueError, r"multi-label"),
    (lambda: Dataset(X, pd.DataFrame(X)), ValueError, r"multi-label.*2 columns"),
    (lambda: Dataset(X, "label"), TypeError, r"one value per example; got y='label'"),
    (lambda: Dataset(X, ["a", 1, "a", 1, "a", 1]), TypeError, r"one kind of value in y; got int and str"),
    (lambda: Dataset(X, list("ababab"), positive="c"), ValueError, r"\['a', 'b'\]; got positive='c'"),
    (lambda: Dataset(X, X[:, 0], positive=1), ValueError, r"numbers to predict.*got positive=1"),
    (lambda: Dataset(X, positive=1), ValueError, r"there is no y"),
    (lambda: Dataset(X, list("ababab"), classes=["a"]), ValueError, r"classes=\['a'\]; got \['b'\] in y"),
    (lambda: Dataset(X, classes=["a", "a"]), ValueError, r"each class once"),
    (lambda: Dataset(X, classes=[]), ValueError, r"at least one class"),
    (lambda: Dataset(X, columns={"patient": LIGHT}, clusters="patiant"), ValueError, r"did you mean 'patient'"),
    (lambda: Dataset(X, clusters=[1.0, np.nan, 1, 1, 1, 1]), ValueError, r"a group for every row in clusters"),
    (lambda: Dataset(X, ids=[1, 2, 3, 1, 4, 5]), ValueError, r"unique id per row; got \[1\]"),
    (lambda: Dataset(X, columns=[LIGHT]), TypeError, r"columns as a mapping"),
    (lambda: Dataset(X, columns={1: LIGHT}), TypeError, r"text as the name of a column; got 1"),
    (lambda: Dataset(X, columns={"a": X}), ValueError, r"column 'a' with one value per example"),
]


@pytest.mark.parametrize(("make", "kind", "message"), ERRORS)
def test_what_is_wrong_is_named(make: Callable[[], object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        make()


def test_a_perturbation_changes_features_only_and_keeps_the_lineage() -> None:
    data = Dataset(X.copy(), [0, 1] * 3, columns={"light": LIGHT}, ids=range(6), name="street")
    test = data.split(test=3).test

    def doubled(features: Any) -> Any:
        features *= 2  # in place: the original must not notice
        return features

    changed = test.perturb(doubled)

    np.testing.assert_array_equal(changed.X, 2 * test.X)
    np.testing.assert_array_equal(test.X, X[test.origin_rows])
    np.testing.assert_array_equal(changed.columns["light"], test.columns["light"])
    assert changed.y is not None
    assert test.y is not None
    assert changed.y.tolist() == test.y.tolist()
    assert (changed.base, changed.rows) == (changed, None)
    assert (changed.name, changed.description, changed.role) == ("street.test", "doubled", "test")
    assert changed.fingerprint != test.fingerprint
    assert overlap(test, changed) == overlap(changed, data) == 3
    assert test.perturb(lambda features: features, name="blur").description == "blur"
    assert test.where(lambda c: np.arange(3), name="all").perturb(doubled).description == "all, doubled"


def test_a_perturbation_must_keep_the_number_of_rows() -> None:
    with pytest.raises(ValueError, match=r"keep the number of rows of street: 6 went in, 5 came out"):
        Dataset(X, name="street").perturb(lambda features: features[1:])


def test_a_bootstrap_sample_is_repeatable_and_its_copies_are_one_cluster() -> None:
    data = Dataset(np.arange(1000), np.arange(1000) % 2, ids=np.arange(1000))
    sample = data.resample(3)

    assert len(sample) == 1000
    np.testing.assert_array_equal(sample.X, data.resample(3).X)
    assert not np.array_equal(sample.X, data.resample(4).X)
    # A row is left out with probability (1 - 1/n)^n, about 1/e; the number left out has a standard deviation below 10.
    assert abs(len(set(sample.X.tolist())) - 1000 * (1 - np.exp(-1))) < 30
    np.testing.assert_array_equal(sample.origin_rows, sample.X)
    np.testing.assert_array_equal(sample.cluster_codes, sample.X)
    assert overlap(data, sample) == 1000


def test_a_bootstrap_sample_draws_whole_clusters() -> None:
    data = Dataset(np.arange(90), clusters=np.arange(90) // 3)
    sample = data.resample(0)
    counts = np.bincount(np.asarray(sample.X), minlength=90).reshape(30, 3)

    assert len(sample) == 90
    assert (counts == counts[:, :1]).all()
    np.testing.assert_array_equal(sample.cluster_codes, sample.X // 3)


def test_pickled_data_is_equal_and_knows_its_relatives() -> None:
    splits = Dataset(X, [0, 1] * 3, columns=pd.DataFrame({"light": LIGHT}), name="street").split(test=3)
    slice_ = splits.test.where(lambda columns: [0, 2])
    again_test, again_slice = pickle.loads(pickle.dumps((splits.test, slice_)))

    assert again_test.fingerprint == splits.test.fingerprint
    assert again_slice.base is again_test
    np.testing.assert_array_equal(again_slice.X, slice_.X)
    assert again_slice.columns["light"].tolist() == slice_.columns["light"].tolist()
    assert overlap(again_test, splits.test) == 3
    assert overlap(splits.train, again_test) == 0


def test_a_pickled_part_leaves_the_rest_of_its_origin_behind() -> None:
    big = Dataset(np.zeros((10_000, 10)), np.arange(10_000.0))
    test = big.split(test=10).test

    assert len(pickle.dumps(test)) < 10_000
