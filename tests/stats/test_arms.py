"""Folds over groups from the bounds of each group, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec.stats import arms, pairs
from pytest_mlspec.stats.bounds import FloatArray

VALUE = np.array([[0.9, 0.6, 0.7]])


def normal_arms(level: float) -> tuple[FloatArray, FloatArray]:
    width = stats.norm.isf(level) * np.array([[0.01, 0.02, 0.05]])
    return VALUE - width, VALUE + width


def one_unknown(level: float) -> tuple[FloatArray, FloatArray]:
    low, high = normal_arms(level)
    return np.where([[False, False, True]], -np.inf, low), np.where([[False, False, True]], np.inf, high)


def test_the_worst_rate_needs_every_group_to_be_met_and_corrects_the_other_side() -> None:
    bounds = arms.worst_bounds([[90, 12]], [100, 20], 0.05)

    assert float(bounds.value[0]) == pytest.approx(0.6)
    assert float(bounds.low[0]) == pytest.approx(stats.beta.ppf(0.05, 12, 9))
    assert float(bounds.high[0]) == pytest.approx(stats.beta.ppf(0.975, 13, 8))
    assert bounds.value_pair.tolist() == bounds.low_pair.tolist() == [[1, 1]]


def test_the_worst_failure_rate_is_the_mirror_image() -> None:
    bounds = arms.worst_bounds([[10, 8]], [100, 20], 0.05, greater_is_better=False)

    assert float(bounds.value[0]) == pytest.approx(0.4)
    assert float(bounds.high[0]) == pytest.approx(stats.beta.ppf(0.95, 9, 12))
    assert float(bounds.low[0]) == pytest.approx(stats.beta.ppf(0.025, 8, 13))
    assert bounds.value_pair.tolist() == bounds.high_pair.tolist() == [[1, 1]]


def test_an_empty_group_blocks_met_for_the_worst() -> None:
    floor = arms.worst_bounds([[90, 0]], [100, 0], 0.05)
    ceiling = arms.worst_bounds([[10, 0]], [100, 0], 0.05, greater_is_better=False)

    assert np.isnan(floor.value).all()
    assert floor.low.tolist() == [-np.inf]
    assert float(floor.high[0]) == pytest.approx(stats.beta.ppf(0.975, 91, 10))
    assert ceiling.high.tolist() == [np.inf]
    assert float(ceiling.low[0]) == pytest.approx(stats.beta.ppf(0.025, 10, 91))


def test_a_gap_of_dependent_groups_halves_the_level_and_shares_it_among_all_bounds() -> None:
    bounds = arms.gap_bounds_from_arms(VALUE, normal_arms, 0.05)

    z, z_shared = stats.norm.isf(0.025), stats.norm.isf(0.05 / 6)
    assert float(bounds.value[0]) == pytest.approx(0.3)
    assert float(bounds.high[0]) == pytest.approx(max(0.3 + 0.03 * z, 0.2 + 0.06 * z))
    assert float(bounds.low[0]) == pytest.approx(0.3 - 0.03 * z_shared)
    assert bounds.low_pair.tolist() == [[0, 1]]
    assert bounds.method is arms.BONFERRONI_ARMS


def test_a_gap_of_independent_groups_adds_squares() -> None:
    bounds = arms.gap_bounds_from_arms(VALUE, normal_arms, 0.05, independent=True)

    z, z_pair = stats.norm.isf(0.05), stats.norm.isf(0.05 / 6)
    assert float(bounds.high[0]) == pytest.approx(max(0.3 + np.hypot(0.01, 0.02) * z, 0.2 + np.hypot(0.01, 0.05) * z))
    assert float(bounds.low[0]) == pytest.approx(0.3 - np.hypot(0.01, 0.02) * z_pair)


def test_squares_of_clopper_pearson_arms_are_the_gap_of_rates() -> None:
    hits, cases = np.array([[218.0, 363.0]]), np.array([368.0, 424.0])

    def clopper_pearson(level: float) -> tuple[FloatArray, FloatArray]:
        low, high = stats.beta.ppf(level, hits, cases - hits + 1), stats.beta.isf(level, hits + 1, cases - hits)
        return np.asarray(low), np.asarray(high)

    bounds = arms.gap_bounds_from_arms(hits / cases, clopper_pearson, 0.05, independent=True)
    rates = pairs.gap_bounds(hits, cases, 0.05)

    assert (float(bounds.low[0]), float(bounds.high[0])) == pytest.approx((float(rates.low[0]), float(rates.high[0])))


def test_a_ratio_divides_the_bounds_of_both_ends() -> None:
    bounds = arms.ratio_bounds_from_arms(VALUE, normal_arms, 0.05)

    z, z_shared = stats.norm.isf(0.025), stats.norm.isf(0.05 / 6)
    assert float(bounds.value[0]) == pytest.approx(0.6 / 0.9)
    assert float(bounds.low[0]) == pytest.approx(min(0.6 - 0.02 * z, 0.7 - 0.05 * z) / (0.9 + 0.01 * z))
    assert float(bounds.high[0]) == pytest.approx((0.6 + 0.02 * z_shared) / (0.9 - 0.01 * z_shared))
    assert bounds.high_pair.tolist() == [[0, 1]]


def test_a_group_without_bounds_blocks_met_and_leaves_the_rest_to_prove_violated() -> None:
    value = np.array([[0.9, 0.6, np.nan]])
    gap = arms.gap_bounds_from_arms(value, one_unknown, 0.05)
    ratio = arms.ratio_bounds_from_arms(value, one_unknown, 0.05)
    worst = arms.worst_bounds_from_arms(value, one_unknown, 0.05)

    assert np.isnan([gap.value, ratio.value, worst.value]).all()
    assert (float(gap.high[0]), float(ratio.low[0]), float(worst.low[0])) == (np.inf, -np.inf, -np.inf)
    assert float(gap.low[0]) > 0.2
    assert float(ratio.high[0]) < 0.8
    assert float(worst.high[0]) < 0.7


def test_one_group_and_negative_values_are_refused() -> None:
    with pytest.raises(ValueError, match="n_groups=1"):
        arms.gap_bounds_from_arms(VALUE[:, :1], normal_arms, 0.05)
    with pytest.raises(ValueError, match=r"value=-0\.9"):
        arms.ratio_bounds_from_arms(-VALUE, normal_arms, 0.05)
