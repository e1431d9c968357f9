"""Bundled data: what scikit-learn holds, split in halves, with honest names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

from pytest_mlspec.data import Splits, overlap
from pytest_mlspec.data.bundled import breast_cancer, diabetes, diabetes_high, digits


@pytest.mark.parametrize(
    ("load", "name", "source", "n_classes"),
    [
        (digits, "digits", lambda: load_digits(), 10),
        (breast_cancer, "breast_cancer", lambda: load_breast_cancer(), 2),
        (diabetes, "diabetes", lambda: load_diabetes(scaled=False), None),
        (diabetes_high, "diabetes_high", lambda: load_diabetes(scaled=False), 2),
    ],
)
def test_half_is_held_out_and_the_rows_are_scikit_learns(
    load: Callable[[], Splits], name: str, source: Callable[[], Any], n_classes: int | None
) -> None:
    splits, bunch = load(), source()

    assert list(splits) == ["train", "test"]
    assert splits.test.name == f"{name}.test"
    assert len(splits.train) + len(splits.test) == len(bunch.data)
    assert abs(len(splits.train) - len(splits.test)) <= 1
    assert overlap(splits.train, splits.test) == 0
    assert splits.duplicates == {}
    for _, part in splits.items():
        assert part.X.dtype == np.float64
        np.testing.assert_array_equal(part.X, bunch.data[part.origin_rows])
        assert (None if part.classes is None else len(part.classes)) == n_classes
    assert splits.test.fingerprint == load().test.fingerprint


def test_digits_are_coded_by_their_value_and_spread_evenly() -> None:
    splits, target = digits(), load_digits().target
    counts = [np.bincount(target[part.origin_rows]) for _, part in splits.items()]

    np.testing.assert_array_equal(splits.test.y, target[splits.test.origin_rows])
    assert np.abs(counts[0] - counts[1]).max() <= 2


def test_malignant_is_positive_and_called_so() -> None:
    test = breast_cancer().test
    coded = load_breast_cancer().target[test.origin_rows]

    assert test.positive == "malignant"
    np.testing.assert_array_equal(test.y == "malignant", coded == 0)  # 212 of 569 in all, says scikit-learn
    assert len(test.where(label="malignant")) == 106


def test_diabetes_has_columns_to_slice_by() -> None:
    test, bunch = diabetes().test, load_diabetes(scaled=False)
    age, sex = bunch.data[test.origin_rows, 0], bunch.data[test.origin_rows, 1]

    assert list(test.columns) == ["sex", "age", "age_band"]
    np.testing.assert_array_equal(test.y, bunch.target[test.origin_rows])
    np.testing.assert_array_equal(test.columns["age"], age)
    np.testing.assert_array_equal(test.columns["sex"] == "sex_1", sex == 1)
    np.testing.assert_array_equal(test.columns["sex"] == "sex_2", sex == 2)
    assert len(test.where(age_band="under 40")) == (age < 40).sum()
    assert len(test.where(age_band="40-59")) == ((age >= 40) & (age <= 59)).sum()
    assert len(test.where(age_band="60+")) == (age >= 60).sum()
    assert test.groups(["sex", "age_band"]).missing == ()


def test_the_threshold_decides_who_is_high() -> None:
    progression = load_diabetes().target
    for above in (150.0, 200.0):
        splits = diabetes_high(above=above)
        for _, part in splits.items():
            np.testing.assert_array_equal(part.y == "high", progression[part.origin_rows] > above)
            assert part.positive == "high"
        assert sum(len(part.where(label="high")) for _, part in splits.items()) == (progression > above).sum()
    assert list(diabetes_high().test.columns) == ["sex", "age", "age_band"]


@pytest.mark.parametrize("above", [0.0, 346.0, 400.0, float("nan")])
def test_a_threshold_that_separates_nobody(above: float) -> None:
    with pytest.raises(ValueError, match=r"threshold between 25 and 346 with patients on both sides; got above="):
        diabetes_high(above=above)


@pytest.mark.parametrize("load", [digits, breast_cancer, diabetes_high])
def test_scikit_learn_takes_the_labels_as_they_are(load: Callable[[], Splits]) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    splits = load()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(splits.train.X, splits.train.y)

    assert splits.test.classes is not None
    assert model.classes_.tolist() == splits.test.classes.tolist()
    majority = splits.test.groups("label").sizes.max() / len(splits.test)
    assert model.score(splits.test.X, splits.test.y) > majority + 0.1
