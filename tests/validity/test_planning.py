"""Is a requirement met with 90 % power at the planned size, and not far below 90 % at half of it? Simulated.

A plan that is too small wastes the labels it asked for, one that is far too large wastes what it need not have asked.
The naive plan, the size at which the bound reaches the limit for the *expected* count, has about half the power.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec.metrics.planning import alike, anytime, bounded, seeds
from pytest_mlspec.stats import (
    betting,
    binomial,
    paired,
    pairs,
    planning,
    planning_by_draws,
    ranking,
    retrainings,
    seed_planning,
    shortfall,
)
from pytest_mlspec.stats import seeds as seed_bounds
from pytest_mlspec.stats.anytime import anytime_bounds
from pytest_mlspec.stats.bounds import FloatArray
from pytest_mlspec.verdict import Terms
from tests.validity import table

LEVEL, POWER = 0.05, 0.9
FULL = pytest.mark.slow_validity


def hold(bound: str, case: str, met: Callable[[int], FloatArray], planned: int | None) -> None:
    """The planned size misses in at most one of ten runs, half of it in more."""
    assert planned is not None
    runs = np.asarray(met(planned), np.bool_)
    table.record(f"plan: {bound}", case, f"planned {planned:,}", "missed", int((~runs).sum()), runs.size, 1 - POWER)
    half = np.asarray(met(planned // 2), np.bool_)
    noise = 3 * math.sqrt(POWER * (1 - POWER) / half.size)
    assert half.mean() < POWER - noise or planned < 20, f"half of {planned} would do: {half.mean():.3f}"


# ---- rates, enumerated ---------------------------------------------------------------------------------------------


def exact_power(n: int, rate: float, floor: float, level: float) -> float:
    """Probability that the Clopper-Pearson lower bound of n cases reaches the floor."""
    least = stats.binom.isf(level, n, floor) + 1
    return float(stats.binom.sf(least - 1, n, rate))


@pytest.mark.parametrize(("rate", "known"), [(0.95, 263), (0.93, 792), (0.92, 1845)])
def test_rates(rate: float, known: int) -> None:
    planned = planning.trials_to_decide(rate, 0.9, LEVEL)

    assert planned == known
    assert exact_power(known, rate, 0.9, LEVEL) >= POWER
    assert exact_power(known // 2, rate, 0.9, LEVEL) < POWER


@pytest.mark.parametrize(("limit", "known"), [(0.05, 59), (0.01, 299), (0.001, 2995)])
def test_no_failure_proves_a_limit_from_the_known_size_on(limit: float, known: int) -> None:
    """The rule of three: ln(.05) / ln(1 - limit)."""
    assert planning.trials_to_decide(0.0, limit, LEVEL, comparison="<=") == known
    assert float(binomial.upper(0.0, float(known), LEVEL)) <= limit < float(binomial.upper(0.0, known - 1.0, LEVEL))


def test_the_naive_size_has_half_the_power() -> None:
    """The first size at which the expected count itself is enough."""
    naive = next(n for n in range(20, 2000) if float(binomial.lower(0.95 * n, float(n), LEVEL)) >= 0.9)

    assert naive < 160
    assert exact_power(naive, 0.95, 0.9, LEVEL) < 0.7


def test_every_one_of_five_members_needs_more_than_one_member() -> None:
    """Members that err on cases of their own are all met with the product of their powers."""
    alone, of_five = (planning.trials_to_decide(0.95, 0.9, LEVEL, power) for power in (POWER, 1 - 0.1 / 5))
    assert alone is not None and of_five is not None

    assert exact_power(alone, 0.95, 0.9, LEVEL) ** 5 < 0.7
    assert exact_power(of_five, 0.95, 0.9, LEVEL) ** 5 >= POWER
    assert exact_power(of_five // 2, 0.95, 0.9, LEVEL) ** 5 < POWER


@pytest.mark.parametrize(("share", "members"), [(0.8, 17), (0.9, 36), (0.95, 72)])
def test_a_share_of_retrainings(share: float, members: int) -> None:
    """All of 17, 36, 72 pass, each at half the level and with 1 - 0.1 / K power."""
    assert seeds.fewest_members(Terms(members=share)) == members
    half = retrainings.member_level(LEVEL)
    planned = planning.trials_to_decide(0.95, 0.9, half, 1 - 0.1 / members)
    assert planned is not None

    assert exact_power(planned, 0.95, 0.9, half) ** members >= POWER
    assert exact_power(planned // 2, 0.95, 0.9, half) ** members < POWER
    assert float(retrainings.share_bounds(members, 0, members, LEVEL).low) >= share
    assert float(retrainings.share_bounds(members - 1, 0, members - 1, LEVEL).low) < share


@pytest.mark.parametrize(("rate", "floor"), [(0.95, 0.9), (0.93, 0.9), (0.6, 0.5)])
def test_a_rate_at_any_time(rate: float, floor: float) -> None:
    planned = anytime.cases_at_any_time(rate, floor, LEVEL, POWER)

    def met(n: int) -> FloatArray:
        hits = np.random.default_rng(3).binomial(n, rate, 2000)
        return np.asarray(anytime_bounds(hits, n, LEVEL).low) >= floor

    hold("anytime-valid rate", f"{rate:g} over {floor:g}", met, planned)


# ---- groups and pairs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rates", "shares", "limit"),
    [
        ((0.9, 0.9), (1.0, 1.0), 0.10),
        ((0.9, 0.85), (3.0, 1.0), 0.15),
        ((0.9, 0.9, 0.9, 0.9), (1.0, 1.0, 1.0, 1.0), 0.10),
        pytest.param((0.9,) * 8, (1.0,) * 8, 0.05, marks=FULL),
        pytest.param((0.5,) * 4, (1.0, 2.0, 3.0, 4.0), 0.10, marks=FULL),
        pytest.param((0.98, 0.98), (1.0, 10.0), 0.05, marks=FULL),
    ],
)
def test_gaps(rates: tuple[float, ...], shares: tuple[float, ...], limit: float) -> None:
    planned = planning_by_draws.gap_to_decide(rates, shares, limit, LEVEL)

    def met(smallest: int) -> FloatArray:
        sizes = np.round(np.array(shares) * smallest / min(shares)).astype(int)
        trials = np.broadcast_to(sizes, (2000, len(sizes)))
        hits = np.random.default_rng(7).binomial(trials, rates)
        return pairs.gap_bounds(hits, trials, LEVEL, need="high").high <= limit

    hold("gap", f"rates {rates[0]:g} to {rates[-1]:g}, {len(rates)} groups, limit {limit:g}", met, planned)


@pytest.mark.parametrize(("rates", "limit"), [((0.9, 0.85), 0.8), ((0.6, 0.6), 0.8)])
def test_ratios(rates: tuple[float, ...], limit: float) -> None:
    planned = planning_by_draws.gap_to_decide(rates, (1.0, 1.0), limit, LEVEL, fold="ratio")

    def met(smallest: int) -> FloatArray:
        trials = np.full((2000, 2), smallest)
        hits = np.random.default_rng(7).binomial(trials, rates)
        return pairs.ratio_bounds(hits, trials, LEVEL, need="low").low >= limit

    hold("ratio", f"rates {rates[0]:g} and {rates[1]:g}, limit {limit:g}", met, planned)


@pytest.mark.parametrize(
    ("difference", "discordant", "margin"), [(0.0, 0.05, 0.02), (0.0, 0.1, 0.05), (0.01, 0.05, 0.01), (0.0, 0.02, 0.02)]
)
def test_paired_differences(difference: float, discordant: float, margin: float) -> None:
    planned = planning_by_draws.paired_to_decide(difference, discordant, -margin, LEVEL)

    def met(n: int) -> FloatArray:
        won, lost = (discordant + difference) / 2, (discordant - difference) / 2
        counts = np.random.default_rng(5).multinomial(n, [won, lost, 1 - discordant], size=2000)
        low, _ = paired.difference_bounds(counts[:, 0], counts[:, 1], float(n), LEVEL)
        return np.asarray(low) >= -margin

    hold("paired difference", f"{difference:g} on {discordant:g} discordant, margin {margin:g}", met, planned)


# ---- means ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "spread", "limit"),
    [(0.1, 0.1, 0.15), (0.2, 0.25, 0.3), pytest.param(0.05, 0.1, 0.06, marks=FULL), (0.02, 0.05, 0.05)],
)
def test_bounded_means(mean: float, spread: float, limit: float) -> None:
    planned = bounded.mean_to_decide(mean, spread, limit, LEVEL, POWER)
    concentration = mean * (1 - mean) / spread**2 - 1

    def met(n: int) -> FloatArray:
        losses = np.random.default_rng(2).beta(mean * concentration, (1 - mean) * concentration, (400, n))
        return betting.mean_bounds(losses, LEVEL, "high").high <= limit

    hold("bounded mean", f"{mean:g}, std {spread:g}, limit {limit:g}", met, planned)


# ---- calibration and ranking ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "limit"),
    [(0.0, 0.05), (0.0, 0.1), pytest.param(0.02, 0.05, marks=FULL), pytest.param(0.0, 0.03, marks=FULL)],
)
def test_calibration(expected: float, limit: float) -> None:
    planned = planning_by_draws.ece_to_decide(expected, 15, limit, LEVEL)

    def met(n: int) -> FloatArray:
        return planning_by_draws.drawn_ece_bounds(expected, 15, n, LEVEL, draws=400, seed=99) <= limit

    hold("calibration error", f"{expected:g}, limit {limit:g}, 15 bins", met, planned)


@pytest.mark.parametrize(
    ("area", "ratio", "floor"),
    [(0.95, 1.0, 0.9), (0.9, 3.0, 0.8), (0.95, 10.0, 0.9), pytest.param(0.85, 1.0, 0.8, marks=FULL), (0.8, 20.0, 0.7)],
)
def test_ranking(area: float, ratio: float, floor: float) -> None:
    planned = planning_by_draws.auroc_to_decide(area, ratio, floor, LEVEL)
    apart = math.sqrt(2) * stats.norm.ppf(area)

    def met(rare: int) -> FloatArray:
        positive = np.repeat([True, False], [rare, round(rare * ratio)])
        scores = np.random.default_rng(11).standard_normal((400, positive.size)) + apart * positive
        return ranking.auroc_bounds(scores, positive, LEVEL).low >= floor

    hold("AUROC", f"{area:g}, {ratio:g} to one, floor {floor:g}", met, planned)


# ---- retrainings ---------------------------------------------------------------------------------------------------

ACCURACY = 0.9
DIFFERING = 2 * ACCURACY * (1 - ACCURACY)
"""Members that are right on 90 % of cases, each on its own, differ on 18 %."""


def members(n_members: int, n_examples: int, std: float, runs: int) -> np.ndarray:
    """(runs, members, examples) hits of members whose accuracy varies with this standard deviation."""
    rng = np.random.default_rng(13)
    rates = np.clip(ACCURACY + std * rng.standard_normal((runs, n_members, 1)), 0.0, 1.0)
    return rng.random((runs, n_members, n_examples), dtype=np.float32) < rates


def spread_met(n_members: int, n_examples: int, std: float, limit: float, runs: int = 300) -> FloatArray:
    return np.array(
        [seed_bounds.std_bounds(rows, LEVEL).high <= limit for rows in members(n_members, n_examples, std, runs)]
    )


@pytest.mark.parametrize(("std", "limit", "n_examples"), [(0.01, 0.03, 2000), (0.0, 0.02, 1000)])
def test_retrainings_for_a_spread(std: float, limit: float, n_examples: int) -> None:
    assumed = seeds.assumed_spread(std, 5, n_examples, DIFFERING)
    planned = seed_planning.seeds_to_decide(assumed, limit, LEVEL)

    hold("seed std, members", f"{std:g}, limit {limit:g}", lambda k: spread_met(k, n_examples, std, limit), planned)


def test_examples_for_a_spread() -> None:
    assumed = seeds.assumed_spread(0.005, 10, 100, DIFFERING)
    planned = seed_planning.examples_to_decide(assumed, 0.02, LEVEL)

    hold("seed std, cases", "0.005, limit 0.02, K=10", lambda n: spread_met(10, n, 0.005, 0.02), planned)


@pytest.mark.parametrize(("ratio", "known"), [(0.5, 12), (1 / 3, 6)])
def test_retrainings_for_a_spread_without_noise(ratio: float, known: int) -> None:
    """(K - 1) s ** 2 / sigma ** 2 is chi-square: searched over every K."""
    planned = seed_planning.members_to_decide(ratio, LEVEL)

    def power(k: int) -> float:
        return float(stats.chi2.cdf(stats.chi2.ppf(LEVEL, k - 1) / ratio**2, k - 1))

    assert planned == next(k for k in range(2, 100) if power(k) >= POWER)
    assert planned == known


def alike_members(n_members: int, n_examples: int, std: float, runs: int) -> np.ndarray:
    """(runs, members, examples) hits of members that err on the same cases, up to the difference in their accuracy."""
    rng = np.random.default_rng(17)
    rates = np.clip(0.95 + std * rng.standard_normal((runs, n_members, 1)), 0.0, 1.0)
    return rng.random((runs, 1, n_examples)) < rates


@pytest.mark.parametrize(("n_members", "std"), [(5, 0.0), (10, 0.01)])
def test_means_over_retrainings(n_members: int, std: float) -> None:
    planned = seeds.examples_for_mean(0.95, 0.92, n_members, std, LEVEL, POWER)

    def met(n: int) -> FloatArray:
        rows = alike_members(n_members, n, std, 400)
        return np.array([float(seed_bounds.mean_bounds(one, LEVEL).low) >= 0.92 for one in rows])

    hold("mean over seeds, cases", f"0.95 over 0.92, std {std:g}, K={n_members}", met, planned)


def test_retrainings_for_a_mean() -> None:
    planned = seeds.members_for_mean(0.95, 0.92, 2000, 0.03, LEVEL, POWER)

    def met(k: int) -> FloatArray:
        rows = alike_members(k, 2000, 0.03, 300)
        return np.array([float(seed_bounds.mean_bounds(one, LEVEL).low) >= 0.92 for one in rows])

    hold("mean over seeds, members", "0.95 over 0.92, std 0.03, n=2000", met, planned)


@pytest.mark.parametrize("n_members", [5, 10])
def test_shortfalls(n_members: int) -> None:
    planned = alike.shortfall_to_decide(0.0, n_members, 0.05, LEVEL, 1 - 0.1 / n_members, DIFFERING)

    def met(n: int) -> FloatArray:
        rows = members(n_members, n, 0.0, 400)
        return np.array([(shortfall.shortfall_bounds(one, LEVEL).high <= 0.05).all() for one in rows])

    hold("shortfall of the worst member", f"0, margin 0.05, K={n_members}", met, planned)
