"""Anytime-valid rates: the closed form against numerical integration, numbers worked by hand, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from pytest_mlspec.stats import anytime


@pytest.mark.parametrize(("hits", "cases", "threshold"), [(0, 0, 0.3), (3, 10, 0.3), (46, 50, 0.8), (9, 60, 0.4)])
def test_the_closed_form_is_the_average_likelihood_ratio(hits: int, cases: int, threshold: float) -> None:
    def ratio(rate: float) -> float:
        return float((rate / threshold) ** hits * ((1 - rate) / (1 - threshold)) ** (cases - hits))

    average = integrate.quad(ratio, threshold, 1.0, epsabs=0, epsrel=1e-10)[0] / (1 - threshold)

    assert float(anytime.log_evidence(hits, cases, threshold)) == pytest.approx(np.log(average), abs=1e-8)


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
def test_one_more_case_is_a_fair_bet_at_the_threshold_and_a_losing_one_below(threshold: float) -> None:
    hits, cases = np.meshgrid(np.arange(60), np.arange(60))
    kept = hits <= cases
    now = np.exp(anytime.log_evidence(hits[kept], cases[kept], threshold))
    after_hit = np.exp(anytime.log_evidence(hits[kept] + 1, cases[kept] + 1, threshold))
    after_miss = np.exp(anytime.log_evidence(hits[kept], cases[kept] + 1, threshold))

    np.testing.assert_allclose(threshold * after_hit + (1 - threshold) * after_miss, now, rtol=1e-9)
    lower = 0.8 * threshold
    assert (lower * after_hit + (1 - lower) * after_miss < now).all()


def test_straight_passes_and_fails_that_decide_a_share_of_four_fifths() -> None:
    # n passes: (1 - d**(n + 1)) / ((n + 1) (1 - d) d**n) = 17.15 at 19, 20.46 at 20; fails: d -> 1 - d, 10.3 and 39.
    assert float(anytime.anytime_bounds(19, 19, 0.05).low) < 0.8 <= float(anytime.anytime_bounds(20, 20, 0.05).low)
    assert float(anytime.anytime_bounds(0, 2, 0.05).high) > 0.8 >= float(anytime.anytime_bounds(0, 3, 0.05).high)
    np.testing.assert_allclose(np.exp(anytime.log_evidence([19, 20], [19, 20], 0.8)), [17.15, 20.46], rtol=1e-3)


@pytest.mark.parametrize("level", [0.2, 0.05, 0.001])
def test_the_bounds_are_where_the_wealth_reaches_the_limit(level: float) -> None:
    hits, cases = np.array([1, 3, 45, 90, 950, 99_000]), np.array([3, 3, 50, 100, 1000, 100_000])
    bounds = anytime.anytime_bounds(hits, cases, level)

    np.testing.assert_allclose(anytime.log_evidence(hits, cases, bounds.low), -np.log(level), atol=1e-6)
    inner = bounds.high < 1
    mirrored = anytime.log_evidence((cases - hits)[inner], cases[inner], 1 - bounds.high[inner])
    np.testing.assert_allclose(mirrored, -np.log(level), atol=1e-6)
    grid = np.linspace(1e-6, 1 - 1e-6, 4001)
    for low, hit, case in zip(bounds.low, hits, cases, strict=True):
        excluded = anytime.log_evidence(hit, case, grid) >= -np.log(level)
        assert (excluded == (grid <= low)).all()  # one interval, from 0 up


def test_no_bound_is_tighter_than_the_exact_one_for_a_fixed_size() -> None:
    hits = np.arange(0, 201)
    bounds = anytime.anytime_bounds(hits, 200, 0.05)

    assert (bounds.low <= np.nan_to_num(stats.beta.ppf(0.05, hits, 201 - hits))).all()
    assert (bounds.high >= np.nan_to_num(stats.beta.isf(0.05, hits + 1, 200 - hits), nan=1.0)).all()
    assert (np.diff(bounds.low) > 0).all()
    assert bounds.low[0] == 0.0
    assert bounds.high[-1] == 1.0


def test_many_cases_bring_the_bounds_together_and_no_cases_say_nothing() -> None:
    bounds = anytime.anytime_bounds([0, 9, 900, 900_000], [0, 10, 1000, 1_000_000], 0.05)

    assert (bounds.low[0], bounds.high[0]) == (0.0, 1.0)
    assert (np.diff(bounds.high - bounds.low) < 0).all()
    assert 0.8985 < bounds.low[3] < 0.9 < bounds.high[3] < 0.9015


def test_a_smaller_level_widens_the_bounds() -> None:
    wide, narrow = anytime.anytime_bounds(80, 100, 0.001), anytime.anytime_bounds(80, 100, 0.05)

    assert float(wide.low) < float(narrow.low) < 0.8 < float(narrow.high) < float(wide.high)


def test_shares_pay_for_a_lucky_test_set() -> None:
    # All 27 pass: the passes prove 0.821 at level 0.025, and a tenth of bad members may owe their pass to luck.
    passes = float(anytime.anytime_bounds(27, 27, 0.025).low)
    bounds = anytime.share_sequence(27, 0, 27, 0.05)

    assert float(bounds.low) == pytest.approx((passes - 0.1) / 0.9, abs=1e-12)
    assert float(anytime.share_sequence(26, 0, 26, 0.05).low) < 0.8 <= float(bounds.low)
    assert float(bounds.high) == 1.0
    assert anytime.sequence_member_level(0.05) == pytest.approx(0.0025)


def test_undecided_members_count_against_each_end() -> None:
    bounds = anytime.share_sequence([30, 30, 0], [0, 20, 0], 50, 0.05)

    assert bounds.low.shape == (3,)
    assert bounds.low[0] == bounds.low[1]
    assert bounds.high[0] == 1.0 > bounds.high[1]
    assert bounds.low[2] == 0.0


def test_the_two_ends_of_a_share_mirror_each_other() -> None:
    one, other = anytime.share_sequence(40, 5, 50, 0.05), anytime.share_sequence(5, 40, 50, 0.05)

    assert float(one.low) == pytest.approx(1 - float(other.high), abs=1e-12)
    assert float(one.high) == pytest.approx(1 - float(other.low), abs=1e-12)


@pytest.mark.parametrize(("hits", "cases"), [(-1, 5), (6, 5), (float("nan"), 5), (1, float("inf")), (2.5, 5)])
def test_impossible_counts_are_named(hits: float, cases: float) -> None:
    with pytest.raises(ValueError, match=r"expected whole counts.*successes=.*trials="):
        anytime.anytime_bounds(hits, cases, 0.05)
    with pytest.raises(ValueError, match=r"expected whole counts.*successes=.*trials="):
        anytime.log_evidence(hits, cases, 0.5)


@pytest.mark.parametrize("counts", [(-1, 0, 5), (4, 2, 5), (0, -1, 5), (float("nan"), 0, 5), (0.5, 0, 5)])
def test_impossible_members_are_named(counts: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match=r"passes \+ fails <= n_members.*passes=.*fails=.*n_members="):
        anytime.share_sequence(*counts, 0.05)


def test_levels_and_thresholds_outside_their_range_are_named() -> None:
    for level in (0.0, 1.0, float("nan")):
        with pytest.raises(ValueError, match="level="):
            anytime.anytime_bounds(3, 5, level)
        with pytest.raises(ValueError, match="level="):
            anytime.share_sequence(3, 0, 5, level)
        with pytest.raises(ValueError, match="level="):
            anytime.sequence_member_level(level)
    for threshold in (0.0, 1.0, float("nan")):
        with pytest.raises(ValueError, match="threshold="):
            anytime.log_evidence(3, 5, threshold)
