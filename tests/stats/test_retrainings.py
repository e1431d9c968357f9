"""Shares of retrainings: hand-worked numbers of members, the binomial limits, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec.stats import retrainings


@pytest.mark.parametrize(("share", "level", "expected"), [(0.8, 0.05, 17), (0.9, 0.05, 36), (0.95, 0.05, 72)])
def test_members_that_must_all_pass(share: float, level: float, expected: int) -> None:
    # ln(0.025) / ln(0.8) = 16.5, / ln(0.9) = 35.01, / ln(0.95) = 71.9
    assert retrainings.needed_members(share, level) == expected


def test_enough_members_prove_the_share_and_one_fewer_does_not() -> None:
    for share in (0.5, 0.8, 0.9, 0.95):
        needed = retrainings.needed_members(share, 0.05)

        assert float(retrainings.share_bounds(needed, 0, needed, 0.05).low) >= share
        assert float(retrainings.share_bounds(needed - 1, 0, needed - 1, 0.05).low) < share


def test_all_passes_give_the_root_of_half_the_level() -> None:
    bounds = retrainings.share_bounds(20, 0, 20, 0.05)

    assert float(bounds.low) == pytest.approx(0.025 ** (1 / 20), rel=1e-9)
    assert float(bounds.high) == 1.0
    assert bounds.low.shape == ()


def test_undecided_members_count_against_each_end() -> None:
    bounds = retrainings.share_bounds(passes=6, fails=1, n_members=10, level=0.05)

    clopper_pearson = stats.binomtest(6, 10).proportion_ci(0.95, method="exact")
    assert clopper_pearson.low - 0.03 < float(bounds.low) <= clopper_pearson.low
    # One proven failure of ten: the two-sided binomial limit of 9 successes, 0.9975, a little wider for shared luck.
    assert float(bounds.high) >= stats.binomtest(9, 10).proportion_ci(0.95, method="exact").high


def test_the_two_ends_mirror_each_other() -> None:
    one = retrainings.share_bounds(passes=17, fails=2, n_members=20, level=0.05)
    other = retrainings.share_bounds(passes=2, fails=17, n_members=20, level=0.05)

    assert float(one.high) == pytest.approx(1 - float(other.low), abs=1e-12)
    assert float(one.low) == pytest.approx(1 - float(other.high), abs=1e-12)


def test_no_passes_prove_nothing() -> None:
    bounds = retrainings.share_bounds(0, 0, 5, 0.05)

    assert (float(bounds.low), float(bounds.high)) == (0.0, 1.0)


def test_more_passes_never_lower_the_bound() -> None:
    for n_members in (5, 20, 60):
        lows = [float(retrainings.share_bounds(k, 0, n_members, 0.05).low) for k in range(n_members + 1)]

        assert np.all(np.diff(lows) >= 0)
        assert lows[-1] > lows[-2] > lows[-3]


def test_each_member_is_judged_at_half_the_level() -> None:
    assert retrainings.member_level(0.05) == 0.025


@pytest.mark.parametrize(("passes", "fails", "n_members"), [(3, 3, 5), (-1, 0, 5), (0, -1, 5), (0, 0, 0)])
def test_counts_that_do_not_fit_are_refused(passes: int, fails: int, n_members: int) -> None:
    with pytest.raises(ValueError, match=f"passes={passes}, fails={fails}, n_members={n_members}"):
        retrainings.share_bounds(passes, fails, n_members, 0.05)


@pytest.mark.parametrize("share", [0.0, 1.0, 90])
def test_a_share_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        retrainings.needed_members(share, 0.05)


def test_a_level_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="level"):
        retrainings.share_bounds(1, 0, 1, 95)
