"""Bounds of a mean that hold at all sample sizes: by hand, by their wealth, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec.stats import anytime_means

MEAN_SHARE = 0.9 * (2.0 - 2.0**-15) / 16
"""The mean of 0.9, 0.45, ..., 0.9 / 2**15."""


@pytest.mark.parametrize("level", [0.5, 0.2])
def test_one_case_of_value_1_by_hand(level: float) -> None:
    """The wealth against m is 1 + c (1 / m - 1), c the mean share: it is 1 / level at m = c / (c + 1 / level - 1)."""
    bounds = anytime_means.mean_bounds([1.0], level)

    assert bounds.low[0] == pytest.approx(MEAN_SHARE / (MEAN_SHARE + 1 / level - 1), abs=1e-8)
    assert bounds.high[0] == 1.0


def test_the_wealth_at_the_bound_is_one_over_the_level() -> None:
    values = np.random.default_rng(3).beta(8, 2, size=500)

    low = anytime_means.mean_bounds(values, 0.05).low[0]

    wealth = np.mean([np.prod(1.0 + 0.9 / 2**step * (values / low - 1.0)) for step in range(16)])
    assert wealth == pytest.approx(20.0, rel=1e-3)


def test_the_upper_bound_mirrors_the_lower_one() -> None:
    values = np.random.default_rng(4).beta(2, 5, size=(2, 300))

    bounds, mirrored = anytime_means.mean_bounds(values, 0.05), anytime_means.mean_bounds(1.0 - values, 0.05)

    assert bounds.high == pytest.approx(1.0 - mirrored.low)
    assert (bounds.low < values.mean(axis=1)).all() and (values.mean(axis=1) < bounds.high).all()


def test_the_order_of_the_cases_does_not_matter() -> None:
    """A file sorted by loss gains nothing: stakes do not follow what was seen."""
    values = np.random.default_rng(5).uniform(size=400)

    drawn, sorted_up = (anytime_means.mean_bounds(rows, 0.05) for rows in (values, np.sort(values)))

    assert drawn.low == pytest.approx(sorted_up.low)
    assert drawn.high == pytest.approx(sorted_up.high)


def test_more_cases_and_larger_levels_give_narrower_bounds() -> None:
    few, many = (anytime_means.mean_bounds(np.tile([0.6, 0.8], n), 0.05) for n in (50, 5000))
    loose = anytime_means.mean_bounds(np.tile([0.6, 0.8], 50), 0.2)

    assert few.low[0] < loose.low[0] < many.low[0] < 0.7 < many.high[0] < loose.high[0] < few.high[0]


def test_losses_without_a_bound_are_bounded_from_below_only() -> None:
    losses = np.random.default_rng(6).exponential(3.0, size=2000)

    bounds = anytime_means.lower_bound_unbounded(losses, 0.05)

    assert 2.5 < bounds.low[0] < 3.0
    assert bounds.high[0] == np.inf


def test_nothing_is_known_without_cases_or_of_zeros() -> None:
    empty = anytime_means.mean_bounds(np.zeros((2, 0)), 0.05)
    zeros = anytime_means.mean_bounds(np.zeros(100), 0.05)

    assert (empty.low.tolist(), empty.high.tolist()) == ([0.0, 0.0], [1.0, 1.0])
    assert zeros.low[0] == 0.0
    assert zeros.high[0] < 0.1


@pytest.mark.parametrize("values", [[0.5, np.nan], [-0.1], [1.1], np.zeros((2, 2, 2))])
def test_values_outside_their_range_are_refused(values: object) -> None:
    with pytest.raises(ValueError, match=r"in \[0, 1\]|shape"):
        anytime_means.mean_bounds(values, 0.05)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_levels_are_fractions(level: float) -> None:
    with pytest.raises(ValueError, match=rf"level={level}"):
        anytime_means.mean_bounds([0.5], level)


def test_an_infinite_loss_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        anytime_means.lower_bound_unbounded([1.0, np.inf], 0.05)
