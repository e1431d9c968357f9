"""Betting bounds against a second, slow implementation, hand-worked cases and the properties they promise."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mlspec.stats import betting


def slow_log_wealth(values: list[float], mean: float, level: float, bounded: bool) -> float:
    """Largest log wealth against "the mean is at most ``mean``", one row at a time as the paper writes it."""
    order = np.random.default_rng(betting.ROW_ORDER_SEED).permutation(len(values))
    log_wealth, best = 0.0, -math.inf
    squares, total = 0.0, 0.0
    for i, index in enumerate(order, start=1):
        value = values[index]
        variance = ((0.25 if bounded else mean**2 / 4) + squares) / i
        rate = min(math.sqrt(2 * math.log(1 / level) / (len(values) * variance)), 0.75 / mean)
        log_wealth += math.log(1 + rate * (value - mean))
        best = max(best, log_wealth)
        total += value
        running_mean = (0.5 + total) / (i + 1) if bounded else total / i
        squares += (value - running_mean) ** 2
    return best


def test_one_row_by_hand() -> None:
    # One row of value 1 at level 0.5: the stake is capped at 0.75 / m, so 1 + 0.75 (1 - m) / m = 2 at m = 3 / 7.
    bounds = betting.mean_bounds([1.0], level=0.5)

    assert bounds.low[0] == pytest.approx(3 / 7, abs=1e-6)
    assert bounds.high[0] == 1.0
    assert bounds.low.shape == (1,)


@pytest.mark.parametrize("level", [0.2, 0.05, 0.001])
@pytest.mark.parametrize("law", ["beta", "rare", "uniform", "constant"])
def test_ends_are_where_the_slow_wealth_crosses(law: str, level: float) -> None:
    rng = np.random.default_rng(3)
    draws = {
        "beta": rng.beta(1, 20, 150),
        "rare": (rng.random(150) < 0.05).astype(float),
        "uniform": rng.random(150),
        "constant": np.full(150, 0.3),
    }[law]

    bounds = betting.mean_bounds(draws, level)

    target = math.log(1 / level)
    low, high = float(bounds.low[0]), float(bounds.high[0])
    assert slow_log_wealth(list(1 - draws), 1 - high, level, bounded=True) >= target - 1e-9
    assert slow_log_wealth(list(1 - draws), 1 - high + 1e-6, level, bounded=True) < target
    if low > 0:
        assert slow_log_wealth(list(draws), low, level, bounded=True) >= target - 1e-9
    assert slow_log_wealth(list(draws), low + 1e-6, level, bounded=True) < target


def test_unbounded_end_is_where_the_slow_wealth_crosses() -> None:
    losses = np.random.default_rng(4).lognormal(0.0, 1.0, 300)

    low = float(betting.lower_bound_unbounded(losses, 0.05).low[0])

    assert slow_log_wealth(list(losses), low, 0.05, bounded=False) >= math.log(20) - 1e-6
    assert slow_log_wealth(list(losses), low * (1 + 1e-5), 0.05, bounded=False) < math.log(20)


@settings(max_examples=150, deadline=None)
@given(
    values=st.lists(st.floats(0, 50, allow_subnormal=False), min_size=1, max_size=30),
    lower=st.floats(0.01, 20),
    ratio=st.floats(1.0001, 10),
    level=st.floats(0.001, 0.3),
)
def test_wealth_falls_as_the_mean_under_test_grows(
    values: list[float], lower: float, ratio: float, level: float
) -> None:
    higher = lower * ratio

    assert slow_log_wealth(values, higher, level, bounded=False) <= slow_log_wealth(values, lower, level, False) + 1e-9
    scaled = [value / 50 for value in values]
    assert slow_log_wealth(scaled, higher, level, True) <= slow_log_wealth(scaled, lower, level, True) + 1e-9


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=40), level=st.floats(0.001, 0.3))
def test_bounds_are_ordered_mirrored_and_wider_at_a_stricter_level(values: list[float], level: float) -> None:
    rows = np.asarray(values)

    bounds = betting.mean_bounds(rows, level)
    mirrored = betting.mean_bounds(1 - rows, level)
    stricter = betting.mean_bounds(rows, level / 2)

    assert 0 <= bounds.low[0] <= bounds.high[0] <= 1
    assert mirrored.low[0] == pytest.approx(1 - bounds.high[0], abs=1e-6)
    assert stricter.low[0] <= bounds.low[0] + 1e-6
    assert stricter.high[0] >= bounds.high[0] - 1e-6


def test_members_are_bounded_each_on_its_own() -> None:
    rows = np.random.default_rng(5).random((7, 20_000))

    together = betting.mean_bounds(rows, 0.05)

    for member in (0, 3, 6):
        alone = betting.mean_bounds(rows[member], 0.05)
        assert together.low[member] == pytest.approx(alone.low[0], abs=3e-7)
        assert together.high[member] == pytest.approx(alone.high[0], abs=3e-7)


def test_published_widths_are_reproduced() -> None:
    # Mean upper ends over 600 data sets; Hoeffding's are 0.193 and 0.134, empirical Bernstein's 0.237 and 0.100.
    rng = np.random.default_rng(6)

    rare = betting.mean_bounds((rng.random((600, 50)) < 0.02).astype(float), 0.05)
    skewed = betting.mean_bounds(rng.beta(1, 20, (600, 200)), 0.05)

    assert rare.high.mean() == pytest.approx(0.104, abs=0.004)
    assert skewed.high.mean() == pytest.approx(0.068, abs=0.002)


def test_paired_difference_is_the_mapped_mean() -> None:
    rng = np.random.default_rng(7)
    old = 4 * rng.random((3, 2000))
    new = np.clip(old + rng.normal(0.2, 0.1, (3, 2000)), 0, 4)

    bounds = betting.difference_bounds(new, old, width=4.0, level=0.05)

    difference = (new - old).mean(axis=1)
    assert (bounds.low < difference).all() and (difference < bounds.high).all()
    assert (bounds.high - bounds.low < 0.06).all()  # unpaired losses of standard deviation 1.15 could not give this
    swapped = betting.difference_bounds(old, new, width=4.0, level=0.05)
    assert swapped.low == pytest.approx(-bounds.high, abs=5e-6)


def test_exceeds_agrees_with_the_lower_bound_and_scales_with_the_unit() -> None:
    losses = np.random.default_rng(8).exponential(3.0, (4, 500))
    low = betting.lower_bound_unbounded(losses, 0.05)

    assert betting.exceeds(losses, low.low * (1 - 1e-5), 0.05).all()
    assert not betting.exceeds(losses, low.low * (1 + 1e-5), 0.05).any()
    assert betting.lower_bound_unbounded(1000 * losses, 0.05).low == pytest.approx(1000 * low.low, rel=1e-6)
    assert np.isposinf(low.high).all() and "max_loss" in low.reason


def test_exceeds_at_the_ends() -> None:
    losses = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 2.0], [5.0, 5.0, 5.0]])

    assert betting.exceeds(losses, -0.1, 0.05).tolist() == [True, True, True]  # a loss >= 0 has a mean above -0.1
    assert betting.exceeds(losses, 0.0, 0.05).tolist() == [False, True, True]
    assert betting.exceeds(losses, 5.0, 0.05).tolist() == [False, False, False]
    assert betting.lower_bound_unbounded(losses[:1], 0.05).low.tolist() == [0.0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.2, 1.2], r"\[0, 1\]; got values in \[0.2, 1.2\]"),
        ([-0.1, 0.5], "declared largest loss"),
        ([math.nan, 0.5], "finite number"),
        ([[[0.5]]], "shape"),
        ([], "at least one example"),
    ],
)
def test_values_outside_their_range_are_errors(values: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        betting.mean_bounds(values, 0.05)


def test_other_misuse_is_named() -> None:
    with pytest.raises(ValueError, match="level=5"):
        betting.mean_bounds([0.5], 5)
    with pytest.raises(ValueError, match="same cases"):
        betting.difference_bounds([0.5, 0.4], [0.5], width=1.0, level=0.05)
    with pytest.raises(ValueError, match="width"):
        betting.difference_bounds([0.5], [0.5], width=0.0, level=0.05)
    with pytest.raises(ValueError, match="finite number"):
        betting.exceeds([math.inf, 1.0], 0.5, 0.05)
    with pytest.raises(ValueError, match="threshold"):
        betting.exceeds([1.0], math.nan, 0.05)


def test_ten_members_of_a_hundred_thousand_cases_are_quick() -> None:
    rows = np.random.default_rng(9).beta(2, 9, (10, 100_000))
    start = time.perf_counter()

    bounds = betting.mean_bounds(rows, 0.05)

    assert time.perf_counter() - start < 2.0  # about 0.25 s on one core
    assert (bounds.low < rows.mean(axis=1)).all()
