"""Gap and ratio: error rates of a pair by enumeration of all outcomes, of many groups by simulation.

For a pair with the truth d = p_g - p_h >= 0, a gap is falsely met where the upper bound of (g, h) lies below d, and
falsely violated where its lower bound lies above d.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from pytest_mlspec.stats import pairs, square_and_add
from tests.validity import table

Floats = npt.NDArray[np.float64]
GAP, RATIO = "gap of rates", "ratio of rates"
DIFFERENCES = np.concatenate([[0.0], np.arange(0.005, 1.0, 0.015)])
RATIOS = np.array([0.25, 0.5, 0.7, 0.8, 0.9, 1.0])


def outcomes(n: int, m: int) -> tuple[Floats, Floats]:
    first, second = np.meshgrid(np.arange(n + 1.0), np.arange(m + 1.0), indexing="ij")
    return first, second


def chance(n: int, rates: Floats) -> Floats:
    return np.asarray(stats.binom.pmf(np.arange(n + 1)[:, None], n, rates))


def edge_heavy(low: float, high: float) -> Floats:
    """Rates between two ends, many of them close to the ends, where the bounds are worst."""
    steps = (high - low) * np.geomspace(1e-4, 1.0, 15)
    return np.unique(np.clip(np.concatenate([np.linspace(low, high, 41), low + steps, high - steps]), low, high))


def worst_gap_errors(low: Floats, high: Floats, differences: Floats = DIFFERENCES) -> tuple[float, float]:
    """Largest P(high < d) and P(low > d) over d >= 0 and all rates that far apart."""
    n, m = low.shape[0] - 1, low.shape[1] - 1
    worst = np.zeros(2)
    for difference in differences:
        rates = edge_heavy(float(difference), 1.0)
        first, second = chance(n, rates), chance(m, np.clip(rates - difference, 0.0, 1.0))
        for side, wrong in enumerate((high < difference - 1e-12, low > difference + 1e-12)):
            worst[side] = max(worst[side], float((first * (wrong @ second)).sum(axis=0).max()))
    return float(worst[0]), float(worst[1])


def agresti_caffo(n: int, m: int, level: float) -> tuple[Floats, Floats]:
    k, i = outcomes(n, m)
    p, q = (k + 1) / (n + 2), (i + 1) / (m + 2)
    width = stats.norm.isf(level) * np.sqrt(p * (1 - p) / (n + 2) + q * (1 - q) / (m + 2))
    return p - q - width, p - q + width


def closed_form_high(n: int, m: int, level: float) -> Floats:
    k, i = outcomes(n, m)
    up = np.where(k < n, stats.beta.isf(level, k + 1, np.maximum(n - k, 1)), 1.0) - k / n
    down = i / m - np.where(i > 0, stats.beta.ppf(level, np.maximum(i, 1), m - i + 1), 0.0)
    return np.asarray(k / n - i / m + np.hypot(up, down))


def gap_low(n: int, m: int, level: float) -> Floats:
    """The lower bound of p_g - p_h that a gap folds, for all outcomes."""
    k, i = outcomes(n, m)
    hits = np.stack([k.ravel(), i.ravel()], axis=1)
    rate = hits / [n, m]
    both = square_and_add.arms(hits, np.broadcast_to(np.array([n, m], float), hits.shape), rate, level)
    return square_and_add.differences_below(rate, *both)[:, 0, 1].reshape(k.shape)


def enumerate_gap(n: int, m: int, level: float) -> None:
    k, i = outcomes(n, m)
    _, high = pairs.difference_bounds(k, n, i, m, level)
    false_met, false_violated = worst_gap_errors(gap_low(n, m, level), high)
    truth = f"gap = limit, any rates, level {level:g}"
    table.record_exact(GAP, f"{n} and {m} cases", truth, "false met", false_met, 1.3 * level)
    table.record_exact(GAP, f"{n} and {m} cases", truth, "false violated", false_violated, 1.3 * level)


@pytest.mark.parametrize(("n", "m"), [(3, 10), (10, 10), (30, 10), (10, 60)])
@pytest.mark.parametrize("level", [0.1, 0.05, 0.01])
def test_pairs_of_small_groups(n: int, m: int, level: float) -> None:
    enumerate_gap(n, m, level)


CLOSED = [(n, m, level) for n, m in [(30, 30), (100, 30), (10, 400), (100, 100)] for level in (0.2, 0.1, 0.05)]
TAIL = [(30, 30, 0.01), (30, 30, 2e-5), (25, 60, 0.001), (5, 200, 0.01), (5, 200, 2e-5), (200, 5, 0.001)]


@pytest.mark.slow_validity
@pytest.mark.parametrize(("n", "m", "level"), CLOSED + TAIL)
def test_pairs_of_larger_groups(n: int, m: int, level: float) -> None:
    enumerate_gap(n, m, level)


def test_agresti_caffo_meets_too_often_for_100_against_400_at_rates_of_1_and_point_9() -> None:
    _, naive_high = agresti_caffo(100, 400, 0.05)
    _, high = pairs.difference_bounds(100, 100, np.arange(401), 400, 0.05)
    smaller = chance(400, np.array([0.9]))[:, 0]  # the group at rate 1 succeeds in all of its 100 cases

    naive, ours = float(smaller @ (naive_high[100] < 0.1)), float(smaller @ (high < 0.1))

    assert naive > 0.10
    table.record_exact(GAP, "100 at 1, 400 at .9", "gap = limit .1", "false met", ours, 0.05)


def test_agresti_caffo_is_a_hundred_times_too_often_wrong_in_the_tail_of_fifty_groups() -> None:
    level = 0.05 / (50 * 49)
    naive_low, high = agresti_caffo(10, 400, level)

    _, naive = worst_gap_errors(naive_low, high, np.array([0.0]))
    _, ours = worst_gap_errors(gap_low(10, 400, level), high)

    assert naive > 100 * level
    table.record_exact(GAP, "10 and 400 of 50 groups", f"gap = limit, level {level:.2g}", "false violated", ours, level)


@pytest.mark.parametrize(("n", "m", "level", "times"), [(10, 60, 0.01, 1.5), (10, 60, 1e-4, 6), (30, 30, 1e-4, 100)])
def test_the_closed_form_alone_would_meet_too_often_in_the_tails(n: int, m: int, level: float, times: float) -> None:
    false_met, _ = worst_gap_errors(np.full((n + 1, m + 1), -1.0), closed_form_high(n, m, level))

    assert false_met > times * level


def test_the_closed_form_alone_would_meet_too_often_between_rates_near_zero_and_one() -> None:
    false_met, _ = worst_gap_errors(np.full((11, 11), -1.0), closed_form_high(10, 10, 0.05), np.arange(0.6, 1.0, 0.01))

    assert false_met > 0.075


def simulate_gap(case: str, rates: list[float], sizes: list[int], runs: int, level: float = 0.05) -> None:
    hits = np.random.default_rng(7).binomial(sizes, rates, (runs, len(sizes)))
    gap = max(rates) - min(rates)
    bounds = pairs.gap_bounds(hits, sizes, level)
    truth = f"gap = limit {gap:g}, level {level:g}"
    limit = 1.3 * level
    table.record(GAP, case, truth, "false met", int((bounds.high < gap - 1e-12).sum()), runs, limit)
    table.record(GAP, case, truth, "false violated", int((bounds.low > gap + 1e-12).sum()), runs, limit)


MANY_GROUPS = {
    "8 x 200, one worse": ([0.85] + [0.9] * 7, [200] * 8),
    "8 groups of 20 to 2000": ([0.9] * 4 + [0.85] * 4, [20, 50, 100, 200, 400, 800, 1500, 2000]),
    "30 and 1000 near 1": ([0.99, 0.97], [30, 1000]),
    "12 equal groups": ([0.98] * 12, [100] * 12),
}


@pytest.mark.parametrize("case", MANY_GROUPS)
def test_many_groups(case: str) -> None:
    simulate_gap(case, *MANY_GROUPS[case], runs=2000)


@pytest.mark.slow_validity
@pytest.mark.parametrize("case", MANY_GROUPS)
def test_many_groups_in_full(case: str) -> None:
    simulate_gap(case, *MANY_GROUPS[case], runs=20_000)


@pytest.mark.slow_validity
def test_fifty_groups_one_of_them_tiny() -> None:
    simulate_gap("10 and 49 x 400, equal", [0.984] * 50, [10] + [400] * 49, runs=4000)


def test_a_bootstrap_interval_of_the_gap_always_excludes_zero_and_ours_does_not() -> None:
    rng, runs = np.random.default_rng(11), 2000
    hits = rng.binomial(200, 0.9, (runs, 8))
    draws = rng.binomial(200, hits[:200, None, :] / 200, (200, 500, 8)) / 200
    gaps = draws.max(axis=2) - draws.min(axis=2)

    assert (np.quantile(gaps, 0.05, axis=1) > 0.0).mean() == 1.0
    false_violated = int((pairs.gap_bounds(hits, 200, 0.05).low > 0.0).sum())
    table.record(GAP, "8 x 200, equal", "gap = limit 0", "false violated", false_violated, runs, 0.05)


def worst_ratio_errors(low: Floats, high: Floats) -> tuple[float, float]:
    """Largest P(low > r) and P(high < r) over the ratios r = p_g / p_h and all rates p_h."""
    n, m = low.shape[0] - 1, low.shape[1] - 1
    rates = np.unique(np.concatenate([np.geomspace(1e-3, 1.0, 40), edge_heavy(0.0, 1.0)]))
    worst = np.zeros(2)
    for ratio in RATIOS:
        first, second = chance(n, ratio * rates), chance(m, rates)
        for side, wrong in enumerate((low > ratio + 1e-9, high < ratio - 1e-9)):
            worst[side] = max(worst[side], float((first * (wrong @ second)).sum(axis=0).max()))
    return float(worst[0]), float(worst[1])


def enumerate_ratio(n: int, m: int, level: float) -> None:
    k, i = outcomes(n, m)
    hits = np.stack([k.ravel(), i.ravel()], axis=1)
    cases = np.broadcast_to(np.array([n, m], float), hits.shape)
    bounds = pairs.ratio_bounds(hits, cases, level)
    met, violated = worst_ratio_errors(bounds.low.reshape(k.shape), bounds.high.reshape(k.shape))
    truth = f"ratio = limit, any rates, level {level:g}"
    table.record_exact(RATIO, f"{n} and {m} cases", truth, "false met", met, 1.3 * level)
    table.record_exact(RATIO, f"{n} and {m} cases", truth, "false violated", violated, 1.3 * level)


@pytest.mark.parametrize(("n", "m"), [(3, 10), (10, 10), (30, 10), (10, 60)])
@pytest.mark.parametrize("level", [0.1, 0.05, 0.01])
def test_ratios_of_small_groups(n: int, m: int, level: float) -> None:
    enumerate_ratio(n, m, level)


@pytest.mark.slow_validity
@pytest.mark.parametrize(("n", "m", "level"), CLOSED + TAIL)
def test_ratios_of_larger_groups(n: int, m: int, level: float) -> None:
    enumerate_ratio(n, m, level)


def test_a_normal_test_of_the_contrast_meets_the_four_fifths_rule_too_often() -> None:
    k, i = outcomes(10, 60)
    p, q = k / 10, i / 60
    error = np.sqrt(p * (1 - p) / 10 + 0.64 * q * (1 - q) / 60)
    met = (p - 0.8 * q) > 1.645 * error
    rates = edge_heavy(0.01, 1.0)

    naive = float((chance(10, 0.8 * rates) * (met @ chance(60, rates))).sum(axis=0).max())

    assert naive > 0.10


def test_many_groups_at_the_four_fifths_rule() -> None:
    runs, sizes = 4000, [60, 100, 200, 400]
    rng = np.random.default_rng(13)
    one_low = pairs.ratio_bounds(rng.binomial(sizes, [0.4, 0.5, 0.5, 0.5], (runs, 4)), sizes, 0.05)
    two_low = pairs.ratio_bounds(rng.binomial(sizes, [0.4, 0.5, 0.4, 0.5], (runs, 4)), sizes, 0.05)

    truth = "ratio = limit .8, level 0.05"
    table.record(RATIO, "4 groups, one low", truth, "false met", int((one_low.low > 0.8).sum()), runs, 0.065)
    table.record(RATIO, "4 groups, two low", truth, "false violated", int((two_low.high < 0.8).sum()), runs, 0.065)
