"""Counts per group against a plain loop, in every form that the fast pass and its fallback take."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pytest_mlspec.stats import counting


def by_hand(codes: npt.NDArray[np.integer], hits: npt.NDArray[np.generic], n_groups: int) -> list[list[int]]:
    return [[int(row[codes == group].astype(int).sum()) for group in range(n_groups)] for row in np.atleast_2d(hits)]


@pytest.mark.parametrize("code_type", [np.uint8, np.int16, np.int64])
@pytest.mark.parametrize("hit_type", [np.uint8, np.bool_, np.int64])
@pytest.mark.parametrize("n_examples", [0, 1, 2, 65_536, 65_537, 131_073])
def test_counts_agree_with_a_loop(code_type: type, hit_type: type, n_examples: int) -> None:
    rng = np.random.default_rng(n_examples)
    codes: npt.NDArray[np.integer] = rng.integers(0, 6, n_examples).astype(code_type)
    hits: npt.NDArray[np.integer] = rng.integers(0, 2, (2, n_examples)).astype(hit_type)

    successes, sizes = counting.group_counts(codes, hits, 7)

    assert successes.tolist() == by_hand(codes, hits, 7)
    assert sizes.tolist() == [int((codes == group).sum()) for group in range(7)]


@pytest.mark.parametrize("n_groups", [1, 2, 20, 127, 128, 129, 250])
def test_any_number_of_groups_is_counted(n_groups: int) -> None:
    rng = np.random.default_rng(n_groups)
    codes = rng.integers(0, n_groups, 3001).astype(np.uint8)
    codes[-1] = n_groups - 1
    hits = rng.integers(0, 2, 3001).astype(np.uint8)

    successes, sizes = counting.group_counts(codes, hits, n_groups)

    assert successes.shape == (1, n_groups)
    assert successes.tolist() == by_hand(codes, hits, n_groups)
    assert int(sizes.sum()) == 3001


def test_arrays_that_are_not_contiguous_are_counted_as_they_read() -> None:
    codes = np.arange(2000, dtype=np.uint8)[::2] % 5
    hits = np.asfortranarray((np.arange(3000) % 3 == 0).reshape(3, 1000).astype(np.uint8))

    assert counting.group_counts(codes, hits, 5)[0].tolist() == by_hand(codes, hits, 5)
    assert counting.group_counts(codes, hits[:, ::-1].astype(bool), 5)[0].tolist() == by_hand(codes, hits[:, ::-1], 5)


def test_real_values_are_summed_per_group() -> None:
    sums, sizes = counting.group_sums(np.array([0, 2, 2]), np.array([[0.5, 1.5, -1.0], [2.0, 3.0, 4.0]]), 3)

    assert sums.tolist() == [[0.5, 0.0, 0.5], [2.0, 0.0, 7.0]]
    assert sizes.tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("codes", "hits", "words"),
    [
        (np.array([0, 3], np.uint8), np.array([1, 0], np.uint8), "from 0 to 3 with n_groups=3"),
        (np.array([0, -1]), np.array([1, 0]), "from -1 to 0"),
        (np.array([0, 1], np.uint8), np.array([1, 2], np.uint8), "from 1 to 2"),
        (np.array([0, 1]), np.array([1.0, np.nan]), "hits of 0 and 1"),
        (np.array([0, 1], np.uint8), np.array([1], np.uint8), "shapes"),
    ],
)
def test_codes_and_hits_outside_their_range_are_refused(
    codes: npt.NDArray[np.integer], hits: npt.NDArray[np.integer], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        counting.group_counts(codes, hits, 3)
