"""Random splits: every row once, classes in proportion, clusters together."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlspec.data import Dataset, Splits


def parts_of(splits: Splits) -> dict[str, list[int]]:
    return {part: data.origin_rows.tolist() for part, data in splits.items()}


@given(st.integers(6, 80), st.floats(0.2, 0.5), st.sampled_from([0.0, 0.2, 0.3]), st.booleans(), st.integers(0, 5))
def test_every_row_is_in_one_part(n: int, test: float, validation: float, stratify: bool, seed: int) -> None:
    y = np.arange(n) % 2
    data = Dataset(np.arange(n), y)
    splits = data.split(test=test, validation=validation, stratify=stratify, seed=seed)
    parts = parts_of(splits)

    assert sorted(chain(*parts.values())) == list(range(n))
    assert len(parts["test"]) == round(test * n)
    assert len(parts.get("validation", [])) == round(validation * n)
    for _, part in splits.items():
        np.testing.assert_array_equal(part.X, part.origin_rows)
        np.testing.assert_array_equal(part.y, y[part.origin_rows])
        assert part.base is part


@given(st.lists(st.integers(0, 3), min_size=20, max_size=120), st.floats(0.1, 0.6), st.integers(0, 5))
def test_strata_are_in_proportion_to_within_one_row(labels: list[int], test: float, seed: int) -> None:
    counts = np.bincount(labels, minlength=4)
    data = Dataset(np.arange(len(labels)), labels)
    if (counts[counts > 0] < 2).any():
        with pytest.raises(ValueError, match=r"at least 2 rows of every class for stratify=True; class \d has 1"):
            data.split(test=test, stratify=True, seed=seed)
        return
    held_out = data.split(test=test, stratify=True, seed=seed).test

    assert held_out.y is not None
    taken = np.bincount(held_out.y, minlength=4)
    share = len(held_out) / len(labels)
    # A stretch of the order that holds a share t of all rows holds m t + 1 or m t - 1 of a stratum of m at the most;
    # t itself differs from the share by at most the number of strata over the number of rows.
    assert (np.abs(taken - share * counts) <= 1 + counts * 4 / len(labels)).all()


def test_large_strata_are_split_as_exactly_as_counts_allow() -> None:
    data = Dataset(np.arange(1000), np.repeat(["a", "b", "c"], [700, 200, 100]))
    splits = data.split(test=0.3, validation=0.1, stratify=True)

    for part, share in (("test", 0.3), ("validation", 0.1), ("train", 0.6)):
        counts = splits[part].groups("label").sizes
        assert (np.abs(counts - share * np.array([700, 200, 100])) <= 1).all()


@given(st.lists(st.integers(5, 8), min_size=9, max_size=20), st.integers(0, 5), st.booleans())
def test_clusters_never_straddle(sizes: list[int], seed: int, stratify: bool) -> None:
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    data = Dataset(np.arange(clusters.size), clusters % 2, clusters=clusters)
    splits = data.split(test=0.3, validation=0.2, seed=seed, stratify=stratify)
    found = [set(clusters[part.origin_rows].tolist()) for _, part in splits.items()]

    assert len(found) == 3
    assert sorted(chain(*found)) == list(range(len(sizes)))
    assert sorted(chain(*parts_of(splits).values())) == list(range(clusters.size))
    # A cut falls on the nearest boundary between clusters: at most half a cluster away from what was asked for.
    assert abs(len(splits.test) - 0.3 * clusters.size) <= max(sizes) / 2 + 0.5


def test_clusters_and_a_column_are_kept_together_at_once() -> None:
    # Patients 0-39 have three rows each; hospitals hold patients 2k and 2k + 1, one video links hospitals 0 and 1.
    patient = np.repeat(np.arange(40), 3)
    hospital = patient // 2
    video = np.arange(120)
    video[[0, 6]] = 0
    data = Dataset(np.arange(120), columns={"hospital": hospital, "video": video}, clusters=video)
    splits = data.split(test=0.4, by="hospital")
    test = set(splits.test.columns["hospital"].tolist())

    assert not test & set(splits.train.columns["hospital"].tolist())
    assert (0 in test) == (1 in test)
    assert len(splits.test) == 48


def test_copies_of_a_resampled_row_stay_together() -> None:
    splits = Dataset(np.arange(200)).resample(0).split(test=0.3)

    assert not set(splits.test.X.tolist()) & set(splits.train.X.tolist())


def test_the_seed_decides() -> None:
    data = Dataset(np.arange(100))

    assert parts_of(data.split(seed=1)) == parts_of(data.split(seed=1))
    assert parts_of(data.split(seed=1)) != parts_of(data.split(seed=2))


@pytest.mark.parametrize("labels", [np.zeros(20, int), np.repeat([0, 1], [15, 5])])
def test_every_row_is_held_out_equally_often(labels: npt.NDArray[np.int_]) -> None:
    repeats = 2000
    data = Dataset(np.arange(20), labels)
    held_out = np.zeros(20)
    for seed in range(repeats):
        held_out[data.split(test=0.4, stratify=True, seed=seed).test.origin_rows] += 1

    # Strata in proportion: 0.4 of 15 and of 5 are whole numbers. Twenty rows: 4 standard errors.
    assert np.abs(held_out / repeats - 0.4).max() < 4 * np.sqrt(0.4 * 0.6 / repeats)


def test_a_split_of_a_slice_knows_its_rows() -> None:
    data = Dataset(np.arange(20), columns={"light": ["day", "night"] * 10}, name="street")
    splits = data.where(light="night").split(test=0.5)

    assert (splits.test.X % 2 == 1).all()
    assert set(splits.test.columns["light"].tolist()) == {"night"}
    assert splits.test.title == "street.test, light=night"
    np.testing.assert_array_equal(splits.test.origin_rows, splits.test.X)


ERRORS: list[tuple[Callable[[Dataset], object], str]] = [
    (lambda d: d.split(test=1.0), r"test as a fraction in \[0, 1\) or a whole number of rows below 10; got test=1.0"),
    (lambda d: d.split(test=-0.1), r"got test=-0.1"),
    (lambda d: d.split(test=10), r"got test=10"),
    (lambda d: d.split(test=True), r"got test=True"),
    (lambda d: d.split(test=float("nan")), r"got test=nan"),
    (lambda d: d.split(test=0.01), r"less than one row"),
    (lambda d: d.split(test=0.0), r"expected a part to hold out"),
    (lambda d: d.split(test=0.5, validation=0.5), r"expected rows left to train on.*take all 10"),
    (lambda d: d.split(by="ligth"), r"did you mean 'light'"),
    (lambda d: d.split(by="light", test=0.3), r"train got none: 1 clusters|test got none: 1 clusters"),
    (lambda d: d.split(stratify=True), r"class labels for stratify=True; there is no y"),
    (lambda d: Dataset(d.X, d.X).split(stratify=True), r"y holds numbers to predict"),
    (lambda d: Dataset(d.X, [0] * 9 + [1]).split(stratify=True), r"class 1 has 1"),
]


@pytest.mark.parametrize(("make", "message"), ERRORS)
def test_a_split_that_cannot_be(make: Callable[[Dataset], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(Dataset(np.arange(10.0), columns={"light": ["day"] * 10}))


def test_repeated_rows_that_a_split_would_spread_are_an_error() -> None:
    data = Dataset(np.repeat(np.arange(50.0), 2)[:, None], np.repeat([0, 1], 50))

    with pytest.raises(ValueError, match=r"rows of test equal a row of train in content"):
        data.split(test=0.5)
    assert data.split(test=0.5, max_duplicates=1.0).duplicates[("train", "test")] > 0
    assert Dataset(data.X, data.y, clusters=data.X[:, 0]).split(test=0.5).duplicates == {}
