"""Clopper-Pearson errs at most at its level at every rate and size; the intervals it replaces do not. Enumerated."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from pytest_mlspec.stats import arms, binomial
from tests.validity import table

Floats = npt.NDArray[np.float64]
NAME = "Clopper-Pearson"


def worst_errors(low: Floats, high: Floats, n: int, rates: Floats) -> tuple[float, float]:
    """Largest P(low > rate) and P(high < rate) over the rates; the bounds are those of 0, 1, ..., n successes."""
    chance = stats.binom.pmf(np.arange(n + 1)[:, None], n, rates)
    too_high, too_low = low[:, None] > rates + 1e-12, high[:, None] < rates - 1e-12
    return float((chance * too_high).sum(axis=0).max()), float((chance * too_low).sum(axis=0).max())


@pytest.mark.parametrize("level", [0.2, 0.05, 0.01, 1e-4])
@pytest.mark.parametrize("n", [1, 10, 50, 200, 1000])
def test_the_exact_bounds_err_at_most_at_their_level_everywhere(n: int, level: float) -> None:
    hits = np.arange(n + 1)
    low, high = binomial.lower(hits, n, level), binomial.upper(hits, n, level)
    # The worst rates lie right beside the bounds themselves.
    beside = np.concatenate([low - 1e-9, high + 1e-9])
    rates = np.unique(np.clip(np.concatenate([np.linspace(0.0, 1.0, 2001), beside]), 0.0, 1.0))

    false_met, false_violated = worst_errors(low, high, n, rates)

    truth = f"any rate, level {level:g}"
    table.record_exact(NAME, f"n={n}", truth, "false met", false_met, limit=level)
    table.record_exact(NAME, f"n={n}", truth, "false violated", false_violated, limit=level)


@pytest.mark.parametrize(("n", "naive_rate"), [(50, 0.77), (200, 0.36)])
def test_wald_says_met_far_too_often_for_floors_near_one(n: int, naive_rate: float) -> None:
    hits = np.arange(n + 1)
    rate = hits / n
    wald = rate - 1.645 * np.sqrt(rate * (1 - rate) / n)
    floors = np.arange(0.80, 0.9951, 0.001)

    naive, _ = worst_errors(wald, np.ones(n + 1), n, floors)
    exact, _ = worst_errors(binomial.lower(hits, n, 0.05), np.ones(n + 1), n, floors)

    assert naive > naive_rate
    table.record_exact(
        NAME, f"n={n}, where Wald has {naive:.2f}", "rate = floor, .80 to .995", "false met", exact, 0.05
    )


def test_the_worst_group_needs_no_correction_for_met_and_one_for_violated() -> None:
    rng, runs = np.random.default_rng(1), 20_000
    one_at_the_floor = rng.binomial(200, [0.9, 1, 1, 1, 1, 1, 1, 1], (runs, 8))
    all_at_the_floor = rng.binomial(200, 0.9, (runs, 8))

    met = arms.worst_bounds(one_at_the_floor, 200, 0.05).low > 0.9
    violated = arms.worst_bounds(all_at_the_floor, 200, 0.05).high < 0.9
    uncorrected = binomial.upper(all_at_the_floor, 200, 0.05).min(axis=1) < 0.9

    assert uncorrected.mean() > 0.2
    truth = "worst rate = floor .9"
    table.record("worst group", "8 x 200, one at the floor", truth, "false met", int(met.sum()), runs, 0.05)
    table.record("worst group", "8 x 200, all at the floor", truth, "false violated", int(violated.sum()), runs, 0.05)
