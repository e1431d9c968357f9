"""Effective counts by hand, and their limits: independent rows, copies of one row, clusters of unequal size."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec.stats import clusters


def t_factor(n_rows: float, n_clusters: int, level: float = 0.05) -> float:
    return float((stats.t.ppf(1 - level, n_rows - 1) / stats.t.ppf(1 - level, n_clusters - 1)) ** 2)


def test_rows_that_are_copies_of_each_other_count_as_one_per_cluster() -> None:
    sums = np.array([[10.0] * 8 + [0.0] * 12])

    hits, trials, decidable = clusters.effective_counts(sums, np.full(20, 10), 0.05)

    # deff = 20 / 19 * 10: 19 effective rows, below G_K = 20
    assert trials[0] == pytest.approx(19.0 * t_factor(200, 20))
    assert hits[0] / trials[0] == pytest.approx(0.4)
    assert decidable.tolist() == [True]


def test_without_a_failure_the_number_of_clusters_decides_and_big_clusters_count_less() -> None:
    sizes = np.array([200] + [10] * 30)

    _, trials, _ = clusters.effective_counts(sizes[None, :].astype(float), sizes, 0.05)

    # G_K = 500^2 / (200^2 + 30 * 10^2) = 5.814
    assert trials[0] == pytest.approx(500**2 / 43_000 * t_factor(500, 31))


def test_rows_that_vary_within_clusters_are_still_capped_by_the_number_of_clusters() -> None:
    _, trials, _ = clusters.effective_counts(np.full((1, 50), 5.0), np.full(50, 10), 0.05)

    assert trials[0] == pytest.approx(50 * t_factor(500, 50))


def test_one_cluster_decides_nothing_and_empty_clusters_do_not_count() -> None:
    hits, trials, decidable = clusters.effective_counts([[3.0, 0.0], [5.0, 0.0]], [5, 0], 0.05)

    assert decidable.tolist() == [False, False]
    assert trials.tolist() == [0.0, 0.0]
    assert hits.tolist() == [0.0, 0.0]


def test_groups_with_clusters_of_their_own_go_through_in_one_call() -> None:
    sizes = np.array([[10, 10, 10, 0], [0, 0, 10, 30]])
    sums = np.array([[[4, 5, 6, 0], [0, 0, 5, 9]]])

    _, trials, decidable = clusters.effective_counts(sums, sizes, 0.05)
    _, alone, _ = clusters.effective_counts([[4, 5, 6]], [10, 10, 10], 0.05)

    assert trials.shape == (1, 2)
    assert trials[0, 0] == pytest.approx(alone[0])
    assert decidable.all()


def test_impossible_sums_and_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="0 <= sums <= sizes"):
        clusters.effective_counts([[6.0, 1.0]], [5, 5], 0.05)
    with pytest.raises(ValueError, match=r"level=0\.5"):
        clusters.effective_counts([[1.0, 1.0]], [5, 5], 0.5)
