"""Gap, ratio and difference of independent groups: formulas by hand, folds by a plain loop, empty groups."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import optimize, stats

from pytest_mlspec.stats import melded, pairs


def low_cp(k: float, n: float, level: float) -> float:
    return float(stats.beta.ppf(level, k, n - k + 1)) if k > 0 else 0.0


def high_cp(k: float, n: float, level: float) -> float:
    return float(stats.beta.isf(level, k + 1, n - k)) if k < n else 1.0


def closed_high(k: float, n: float, i: float, m: float, level: float) -> float:
    p, q = k / n, i / m
    return p - q + float(np.hypot(high_cp(k, n, level) - p, q - low_cp(i, m, level)))


def melded_high(k: float, n: float, i: float, m: float, level: float) -> float:
    """The 1 - level quantile of U - L by adaptive integration, independent of the quadrature under test."""
    upper, lower = stats.beta(k + 1, n - k), stats.beta(i, m - i + 1)
    grid = np.linspace(0.0, 1.0, 8_001)
    middle = 0.5 * (grid[1:] + grid[:-1])
    mass = np.diff(lower.cdf(grid))
    return float(optimize.brentq(lambda t: float(mass @ upper.sf(middle + t)) - level, -1.0, 1.0))


K, N = np.array([218, 363, 40, 9]), np.array([368, 424, 50, 10])


def test_a_gap_of_two_groups_follows_the_formula() -> None:
    bounds = pairs.gap_bounds([218, 363], [368, 424], 0.05)

    assert bounds.value.tolist() == [pytest.approx(363 / 424 - 218 / 368)]
    assert bounds.high.tolist() == [pytest.approx(closed_high(363, 424, 218, 368, 0.05))]
    assert bounds.low.tolist() == [pytest.approx(-closed_high(218, 368, 363, 424, 0.025))]
    assert bounds.value_pair.tolist() == bounds.high_pair.tolist() == bounds.low_pair.tolist() == [[1, 0]]
    assert bounds.method is pairs.SQUARE_AND_ADD


def test_a_gap_is_the_fold_over_all_ordered_pairs() -> None:
    bounds = pairs.gap_bounds(K, N, 0.05)

    highs = {(g, h): closed_high(K[g], N[g], K[h], N[h], 0.05) for g, h in itertools.permutations(range(4), 2)}
    lows = {(g, h): -closed_high(K[h], N[h], K[g], N[g], 0.05 / 12) for g, h in itertools.permutations(range(4), 2)}
    assert float(bounds.high[0]) == pytest.approx(max(highs.values()))
    assert tuple(bounds.high_pair[0]) == max(highs, key=highs.__getitem__)
    assert float(bounds.low[0]) == pytest.approx(max(*lows.values(), 0.0))
    assert tuple(bounds.low_pair[0]) == max(lows, key=lows.__getitem__)


@pytest.mark.parametrize("level", [0.01, 0.0004])
def test_below_the_level_of_the_closed_form_a_gap_folds_melded_bounds(level: float) -> None:
    bounds = pairs.gap_bounds(K, N, level)

    highs = [melded_high(K[g], N[g], K[h], N[h], level) for g, h in itertools.permutations(range(4), 2)]
    assert float(bounds.high[0]) == pytest.approx(max(highs), abs=2e-4)
    assert bounds.method is melded.MELDED


@pytest.mark.parametrize(("k", "n", "i", "m"), [(9, 10, 1, 12), (3, 400, 2, 3), (20, 30, 15, 30), (1, 2, 399, 400)])
@pytest.mark.parametrize("level", [0.05, 0.001])
def test_melded_differences_agree_with_plain_integration(k: int, n: int, i: int, m: int, level: float) -> None:
    found = melded.difference_upper(*(np.array([float(count)]) for count in (k, n, i, m)), level=level)

    assert float(found[0]) == pytest.approx(melded_high(k, n, i, m, level), abs=6e-4)


def test_melded_bounds_of_a_table_agree_with_fishers_exact_test() -> None:
    # At a difference of 0 the melded bound rejects exactly when Fisher's one-sided test does (Fay et al. 2015).
    disagreements = 0
    for k, i in itertools.product(range(9), range(13)):
        p_value = stats.fisher_exact(np.array([[k, 8 - k], [i, 12 - i]]), alternative="less").pvalue
        high = float(melded.difference_upper(*(np.array([float(c)]) for c in (k, 8, i, 12)), level=0.05)[0])
        disagreements += (high < 0.0) != (p_value <= 0.05)

    assert disagreements == 0


def test_melded_ratios_agree_with_drawn_quantiles() -> None:
    rng = np.random.default_rng(5)
    drawn = rng.beta(40, 11, 2_000_000) / rng.beta(46, 15, 2_000_000)

    found = melded.ratio_lower(*(np.array([float(count)]) for count in (40, 50, 45, 60)), level=0.01)

    assert float(found[0]) == pytest.approx(np.quantile(drawn, 0.01), abs=1.5e-3)


def test_differences_near_one_take_the_wider_of_both_forms() -> None:
    _, high = pairs.difference_bounds(9, 10, 1, 10, 0.05)

    assert float(high) == pytest.approx(max(closed_high(9, 10, 1, 10, 0.05), melded_high(9, 10, 1, 10, 0.05)), abs=6e-4)
    assert float(high) > closed_high(9, 10, 1, 10, 0.05) + 0.01


def test_a_difference_is_the_gap_of_an_ordered_pair_at_the_full_level() -> None:
    low, high = pairs.difference_bounds([363, 0], [424, 5], [218, 5], [368, 5], 0.05)

    assert high[0] == pytest.approx(closed_high(363, 424, 218, 368, 0.05))
    assert low[0] == pytest.approx(-closed_high(218, 368, 363, 424, 0.05))
    assert low[1] == -1.0


def test_ratio_bounds_are_where_the_contrast_is_zero() -> None:
    bounds = pairs.ratio_bounds([70, 180], [100, 200], 0.05)

    def contrast(r: float, side: int, level: float) -> float:
        p, q = 0.7, 0.9
        down, up = p - low_cp(70, 100, level), high_cp(70, 100, level) - p
        other_down, other_up = q - low_cp(180, 200, level), high_cp(180, 200, level) - q
        arms = (down, r * other_up) if side < 0 else (up, r * other_down)
        return p - r * q + side * float(np.hypot(*arms))

    assert float(bounds.value[0]) == pytest.approx(7 / 9)
    assert float(bounds.low[0]) == pytest.approx(optimize.brentq(contrast, 0.1, 2.0, args=(-1, 0.05)))
    assert float(bounds.high[0]) == pytest.approx(optimize.brentq(contrast, 0.1, 2.0, args=(1, 0.025)))
    assert bounds.value_pair.tolist() == bounds.low_pair.tolist() == bounds.high_pair.tolist() == [[1, 0]]


def test_a_group_that_is_never_selected_pulls_the_ratio_to_zero() -> None:
    bounds = pairs.ratio_bounds([50, 40, 0], [100, 100, 100], 0.05)

    assert bounds.value.tolist() == [0.0]
    assert bounds.low.tolist() == [0.0]
    assert bounds.value_pair.tolist() == [[0, 2]]
    assert 0.0 < float(bounds.high[0]) < 0.2


def test_rates_that_are_all_zero_have_no_ratio() -> None:
    bounds = pairs.ratio_bounds([0, 0], [10, 10], 0.05)

    assert np.isnan(bounds.value).all()
    assert (bounds.low.tolist(), bounds.high.tolist()) == ([0.0], [1.0])


def test_an_empty_group_blocks_met_and_leaves_the_rest_to_prove_violated() -> None:
    gap, ratio = (fold([218, 363, 0], [368, 424, 0], 0.05) for fold in (pairs.gap_bounds, pairs.ratio_bounds))

    assert np.isnan(gap.value).all()
    assert np.isnan(ratio.value).all()
    assert gap.high.tolist() == [np.inf]
    assert ratio.low.tolist() == [-np.inf]
    assert float(gap.low[0]) == pytest.approx(-closed_high(218, 368, 363, 424, 0.05 / 6))
    assert 0.5 < float(ratio.high[0]) < 0.9
    assert gap.low_pair.tolist() == ratio.high_pair.tolist() == [[1, 0]]
    assert 2 in gap.high_pair[0]


def test_groups_that_are_all_empty_but_one_prove_nothing() -> None:
    gap, ratio = (fold([3, 0], [8, 0], 0.01) for fold in (pairs.gap_bounds, pairs.ratio_bounds))

    assert (gap.low.tolist(), gap.high.tolist()) == ([-np.inf], [np.inf])
    assert (ratio.low.tolist(), ratio.high.tolist()) == ([-np.inf], [np.inf])


def test_equal_groups_never_exclude_a_gap_of_zero() -> None:
    bounds = pairs.gap_bounds(np.full((3, 8), 80), 100, 0.05)

    assert bounds.low.tolist() == [0.0] * 3
    assert (bounds.high > 0.0).all()


@pytest.mark.parametrize("level", [0.05, 0.01])
def test_members_are_judged_apart(level: float) -> None:
    rng = np.random.default_rng(3)
    hits, cases = rng.binomial(60, 0.8, (5, 4)), np.array([60, 70, 60, 80])
    for fold in (pairs.gap_bounds, pairs.ratio_bounds):
        together = fold(hits, cases, level)
        apart = [fold(row, cases, level) for row in hits]

        assert together.low == pytest.approx(np.concatenate([one.low for one in apart]))
        assert together.high == pytest.approx(np.concatenate([one.high for one in apart]))
        assert together.high_pair.tolist() == [one.high_pair[0].tolist() for one in apart]


def test_one_group_cannot_be_compared() -> None:
    for fold in (pairs.gap_bounds, pairs.ratio_bounds):
        with pytest.raises(ValueError, match="at least 2 groups to compare, got n_groups=1"):
            fold([[3]], [5], 0.05)
