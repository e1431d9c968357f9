"""Order statistics: the ranks by binomial tails, ties, too few cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec.stats import quantiles


def test_the_sample_quantile_is_an_observed_value() -> None:
    # 10 values: the smallest that at least 85 % do not exceed is the 9th
    assert float(quantiles.quantile(np.arange(10.0, 110.0, 10.0), 0.85)) == 90.0
    assert quantiles.quantile(np.array([[3.0, 1.0, 2.0], [9.0, 7.0, 8.0]]), 0.5).tolist() == [2.0, 8.0]
    assert np.isnan(quantiles.quantile(np.empty((2, 0)), 0.5)).all()


@pytest.mark.parametrize(("n", "share"), [(100, 0.9), (1000, 0.99), (40, 0.5)])
def test_the_ranks_are_the_first_ones_improbable_enough(n: int, share: float) -> None:
    values = np.random.default_rng(0).permutation(np.arange(1.0, n + 1.0))

    bounds = quantiles.quantile_bounds(values, share, 0.05)

    above, below = int(bounds.high), int(bounds.low)  # the value is its own rank
    assert stats.binom.sf(above - 1, n, share) <= 0.05 < stats.binom.sf(above - 2, n, share)
    assert stats.binom.cdf(below - 1, n, share) <= 0.05 < stats.binom.cdf(below, n, share)


def test_ties_keep_both_bounds_at_the_common_value() -> None:
    bounds = quantiles.quantile_bounds(np.zeros((2, 200)), 0.9, 0.05)

    assert bounds.low.tolist() == [0.0, 0.0]
    assert bounds.high.tolist() == [0.0, 0.0]


def test_too_few_cases_leave_the_upper_side_open_and_say_how_many_it_takes() -> None:
    bounds = quantiles.quantile_bounds(np.arange(58.0), 0.95, 0.05)

    assert float(bounds.high) == np.inf
    assert bounds.reason == "an upper bound of the 0.95 quantile needs at least 59 cases, there are 58"
    assert float(quantiles.quantile_bounds(np.arange(59.0), 0.95, 0.05).high) == 58.0


def test_without_cases_nothing_is_known() -> None:
    bounds = quantiles.quantile_bounds(np.empty((3, 0)), 0.5, 0.05)

    assert bounds.low.tolist() == [-np.inf] * 3
    assert bounds.high.tolist() == [np.inf] * 3


def test_values_that_are_not_finite_and_shares_outside_their_range_are_refused() -> None:
    with pytest.raises(ValueError, match="got 1 that are NaN or infinite"):
        quantiles.quantile_bounds([0.0, np.nan], 0.5, 0.05)
    with pytest.raises(ValueError, match=r"share=1\.0"):
        quantiles.quantile([0.0], 1.0)
