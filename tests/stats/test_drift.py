"""Bounds of distances: against hand-made numbers, scipy, and the formulas of their sources."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec.stats import drift


def test_the_statistic_is_scipys() -> None:
    rng = np.random.default_rng(0)
    for n, m in [(1, 1), (7, 30), (200, 150)]:
        first, second = rng.normal(size=n), rng.normal(0.5, 1, size=m)
        rounded = np.round(first, 1), np.round(second, 1)

        assert drift.ks_statistic(first, second) == pytest.approx(stats.ks_2samp(first, second).statistic)
        assert drift.ks_statistic(*rounded) == pytest.approx(stats.ks_2samp(*rounded).statistic)


def test_total_variation_of_two_tables_by_hand() -> None:
    # shares .5 .5 0 against .2 .3 .5: half of .3 + .2 + .5
    assert drift.category_statistic(np.array([5, 5, 0]), np.array([2, 3, 5])) == pytest.approx(0.5)


def test_the_upper_bound_is_hoeffdings_for_a_difference_of_two_means() -> None:
    # ln 20 = 2.9957, 1/1000 + 1/1000 = 0.002: the root of half their product is 0.05473
    assert drift.distance_upper(0.03, 1000, 1000, 0.05) == pytest.approx(0.08473, abs=1e-5)
    assert drift.distance_upper(0.9, 10, 10, 0.05) == 1.0


def test_the_lower_bound_is_massarts_for_two_equal_samples() -> None:
    # each sample at .025, two-sided: sqrt(ln(2 / .025) / 2000) = 0.046808, twice
    assert drift.ks_lower(0.5, 1000, 1000, 0.05) == pytest.approx(0.5 - 2 * 0.046808, abs=1e-5)


def test_unequal_samples_split_the_level_to_the_gain_of_both() -> None:
    equal_split = 0.5 - math.sqrt(math.log(80) / (2 * 100)) - math.sqrt(math.log(80) / (2 * 100_000))

    assert drift.ks_lower(0.5, 100, 100_000, 0.05) > equal_split + 0.005
    # what the small sample alone costs when it takes the whole level
    assert drift.ks_lower(0.5, 100, 100_000, 0.05) < 0.5 - math.sqrt(math.log(40) / (2 * 100))
    assert drift.ks_lower(0.5, 100, 100_000, 0.05) == pytest.approx(drift.ks_lower(0.5, 100_000, 100, 0.05))


@pytest.mark.parametrize("level", [0.2, 0.05, 0.001])
def test_one_point_bounds_better_than_the_whole_band(level: float) -> None:
    band = 0.1 - drift.ks_lower(0.1, 500, 800, level)

    assert drift.distance_upper(0.1, 500, 800, level) - 0.1 < band


def test_an_event_on_held_out_rows_is_bounded_by_two_clopper_pearson_limits() -> None:
    low = stats.binomtest(80, 100).proportion_ci(0.95, "exact").low
    high = stats.binomtest(30, 200).proportion_ci(0.95, "exact").high

    assert drift.held_out_lower(30, 200, 80, 100, 0.05) == pytest.approx(low - high)


def test_the_planned_number_of_rows_decides_as_often_as_promised() -> None:
    # Two samples of 200 of one law: what they measure is chance, which more rows take away.
    rng = np.random.default_rng(1)
    unit = math.sqrt(2 / 200)

    rows = drift.rows_to_decide(
        400, truth=0.0, limit=0.1, by_chance=0.8687 * unit, reach=1.2239 * unit, luck=0.5 * unit, power=0.9
    )

    # (0.8687 + 1.2239 + 1.2816 / 2) sqrt(2 / n) = 0.1, for both samples
    assert rows == pytest.approx(4 * 27.333**2, rel=0.01)
    met = [met_at(rng, rows // 2, 0.1) for _ in range(300)]
    assert np.mean(met) >= 0.9
    # and half as many are too few
    assert np.mean([met_at(rng, rows // 4, 0.1) for _ in range(300)]) < 0.5


def met_at(rng: np.random.Generator, n: int, limit: float) -> bool:
    measured = drift.ks_statistic(rng.normal(size=n), rng.normal(size=n))
    return drift.distance_upper(measured, n, n, 0.05) <= limit


def test_a_distance_above_its_limit_is_planned_for_the_lower_bound() -> None:
    # (0.08 + 1.2816 * 0.01) / 0.04 more precise: 5.38 times the rows
    rows = drift.rows_to_decide(1000, truth=0.1, limit=0.06, by_chance=0.0, reach=0.08, luck=0.01, power=0.9)

    assert rows == pytest.approx(5384, abs=5)


def test_a_distance_at_the_limit_is_never_decided() -> None:
    for truth in (0.1, 0.1 - 1e-7, 0.1 + 1e-7):
        assert drift.rows_to_decide(1000, truth=truth, limit=0.1, by_chance=0.0, reach=0.1, luck=0.0, power=0.9) is None


def test_what_equal_laws_measure_by_chance() -> None:
    rng = np.random.default_rng(2)
    law = np.array([0.5, 0.2, 0.2, 0.1])
    numbers = [drift.ks_statistic(rng.normal(size=300), rng.normal(size=600)) for _ in range(2000)]
    tables = [(rng.multinomial(300, law), rng.multinomial(600, law)) for _ in range(2000)]

    assert drift.ks_by_chance(300, 600) == pytest.approx(np.mean(numbers), rel=0.06)
    expected = np.mean([drift.category_statistic(*both) for both in tables])
    assert drift.categories_by_chance(300 * law, 600 * law) == pytest.approx(expected, rel=0.03)


def test_effective_sample_size_by_hand() -> None:
    # (1 + 3)^2 / (1 + 9)
    assert drift.effective_sample_size([1.0, 3.0]) == pytest.approx(1.6)
