"""Does betting err at most at its level, at the boundary and on hard laws, where the naive bounds fail?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec.stats import betting
from tests.validity import table

LEVEL = 0.05
Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]

# name: (draw, mean, cases), every value in [0, 1]
BOUNDED: dict[str, tuple[Draw, float, int]] = {
    "Bernoulli(.02), n=50": (lambda rng, shape: (rng.random(shape) < 0.02).astype(float), 0.02, 50),
    "Bernoulli(.02), n=200": (lambda rng, shape: (rng.random(shape) < 0.02).astype(float), 0.02, 200),
    "Bernoulli(.02), n=1000": (lambda rng, shape: (rng.random(shape) < 0.02).astype(float), 0.02, 1000),
    "Bernoulli(.5), n=100": (lambda rng, shape: (rng.random(shape) < 0.5).astype(float), 0.5, 100),
    "Beta(1, 20), n=200": (lambda rng, shape: rng.beta(1, 20, shape), 1 / 21, 200),
    "Beta(5, 5), n=200": (lambda rng, shape: rng.beta(5, 5, shape), 0.5, 200),
    "Beta(.2, .2), n=100": (lambda rng, shape: rng.beta(0.2, 0.2, shape), 0.5, 100),
    "Beta(20, 1), n=50": (lambda rng, shape: rng.beta(20, 1, shape), 20 / 21, 50),
    "small noise plus 1 % of whole losses, n=300": (
        lambda rng, shape: np.where(rng.random(shape) < 0.01, 1.0, 0.02 * rng.random(shape)),
        0.01 + 0.99 * 0.01,
        300,
    ),
    "constant .3, n=30": (lambda rng, shape: np.full(shape, 0.3), 0.3, 30),
}

# name: (draw, mean, cases), losses >= 0 without an upper limit
UNBOUNDED: dict[str, tuple[Draw, float, int]] = {
    "left-skewed: 1 with 1 % zeros, n=50": (lambda rng, shape: (rng.random(shape) < 0.99).astype(float), 0.99, 50),
    "left-skewed: 1 with 0.2 % zeros, n=500": (
        lambda rng, shape: (rng.random(shape) < 0.998).astype(float),
        0.998,
        500,
    ),
    "left-skewed: 10 - Gamma(.2), n=100": (
        lambda rng, shape: np.maximum(10.0 - rng.gamma(0.2, 5.0, shape), 0.0),
        float(stats.gamma(0.2, scale=5.0).expect(lambda x: np.maximum(10.0 - x, 0.0))),
        100,
    ),
    "exponential, n=50": (lambda rng, shape: rng.exponential(1.0, shape), 1.0, 50),
    "exponential, n=1000": (lambda rng, shape: rng.exponential(1.0, shape), 1.0, 1000),
    "lognormal(sigma 2), n=300": (lambda rng, shape: rng.lognormal(0.0, 2.0, shape), float(np.exp(2.0)), 300),
    "squared t5, n=200": (lambda rng, shape: rng.standard_t(5, shape) ** 2, 5 / 3, 200),
    "half zeros, half exponential, n=80": (
        lambda rng, shape: rng.exponential(2.0, shape) * (rng.random(shape) < 0.5),
        1.0,
        80,
    ),
}


def hold_bounded(case: str, runs: int) -> None:
    draw, mean, n_examples = BOUNDED[case]

    bounds = betting.mean_bounds(draw(np.random.default_rng(101), (runs, n_examples)), LEVEL)

    truth = f"mean {mean:.4g}, the threshold"
    table.record("betting", case, truth, "false met", int((bounds.high < mean).sum()), runs, LEVEL)
    table.record("betting", case, truth, "false violated", int((bounds.low > mean).sum()), runs, LEVEL)


def hold_unbounded(case: str, runs: int) -> None:
    draw, mean, n_examples = UNBOUNDED[case]

    wrong = betting.exceeds(draw(np.random.default_rng(102), (runs, n_examples)), mean, LEVEL)

    table.record("betting, unbounded", case, f"mean {mean:.4g}", "false violated", int(wrong.sum()), runs, LEVEL)


@pytest.mark.parametrize("case", list(BOUNDED))
def test_bounded_means(case: str) -> None:
    hold_bounded(case, runs=2000 if BOUNDED[case][2] <= 300 else 1000)


@pytest.mark.parametrize("case", list(UNBOUNDED))
def test_unbounded_losses(case: str) -> None:
    hold_unbounded(case, runs=2000)


@pytest.mark.slow_validity
@pytest.mark.parametrize("case", list(BOUNDED))
def test_bounded_means_in_full(case: str) -> None:
    hold_bounded(case, runs=20_000 if BOUNDED[case][2] <= 300 else 6000)


@pytest.mark.slow_validity
@pytest.mark.parametrize("case", list(UNBOUNDED))
def test_unbounded_losses_in_full(case: str) -> None:
    hold_unbounded(case, runs=20_000 if UNBOUNDED[case][2] <= 300 else 6000)


@pytest.mark.parametrize("level", [0.2, 0.01, 0.0025])
def test_other_levels(level: float) -> None:
    runs = 4000
    rng = np.random.default_rng(103)

    skewed = betting.mean_bounds(rng.beta(1, 20, (runs, 100)), level)
    heavy = betting.exceeds(rng.exponential(1.0, (runs, 100)), 1.0, level)

    case = f"Beta(1, 20), n=100, level {level:g}"
    table.record("betting", case, "mean 1/21", "false met", int((skewed.high < 1 / 21).sum()), runs, level)
    table.record("betting", case, "mean 1/21", "false violated", int((skewed.low > 1 / 21).sum()), runs, level)
    case = f"exponential, n=100, level {level:g}"
    table.record("betting, unbounded", case, "mean 1", "false violated", int(heavy.sum()), runs, level)


def test_a_file_sorted_by_loss_breaks_betting_in_file_order_only() -> None:
    runs, n_examples, mean = 1000, 500, 0.5
    rows = np.sort(np.random.default_rng(104).random((runs, n_examples)), axis=1)

    naive = highest_log_wealth_in_file_order(1 - rows, 1 - mean) >= np.log(1 / LEVEL)
    ours = betting.mean_bounds(rows, LEVEL).high < mean

    assert naive.mean() > 0.99
    table.record("betting", "a file sorted by loss, n=500", "mean 0.5", "false met", int(ours.sum()), runs, LEVEL)


def test_a_left_skewed_loss_breaks_the_t_bound_only() -> None:
    runs, n_examples, mean = 4000, 50, 0.99
    losses = (np.random.default_rng(105).random((runs, n_examples)) < mean).astype(float)

    standard_error = losses.std(axis=1, ddof=1) / np.sqrt(n_examples)
    naive = losses.mean(axis=1) - stats.t.ppf(1 - LEVEL, n_examples - 1) * standard_error > mean
    ours = betting.exceeds(losses, mean, LEVEL)

    assert naive.mean() == pytest.approx(0.99**50, abs=0.025)  # no zero seen: 0.605
    case = "left-skewed loss that breaks the t bound, n=50"
    table.record("betting, unbounded", case, "mean 0.99", "false violated", int(ours.sum()), runs, LEVEL)


def test_rare_errors_break_the_t_bound_on_the_met_side_only() -> None:
    runs, n_examples, mean = 2000, 50, 0.02
    rows = (np.random.default_rng(106).random((runs, n_examples)) < mean).astype(float)

    standard_error = rows.std(axis=1, ddof=1) / np.sqrt(n_examples)
    naive = rows.mean(axis=1) + stats.t.ppf(1 - LEVEL, n_examples - 1) * standard_error < mean
    ours = betting.mean_bounds(rows, LEVEL).high < mean

    assert naive.mean() > 0.3
    case = "rare errors that break the t bound, n=50"
    table.record("betting", case, "mean 0.02", "false met", int(ours.sum()), runs, LEVEL)


def test_a_paired_difference_at_its_margin() -> None:
    runs, n_examples, margin = 1500, 300, 0.1
    rng = np.random.default_rng(107)
    old = 2 * rng.random((runs, n_examples))
    new = old + margin * (rng.random((runs, n_examples)) < 0.5) * 2 * (old <= 1.8)
    mean = margin * 0.9

    bounds = betting.difference_bounds(new, old, width=2.0, level=LEVEL)

    truth = f"mean {mean:.3g}, the margin"
    table.record(
        "betting", "paired difference, n=300", truth, "false met", int((bounds.high < mean).sum()), runs, LEVEL
    )
    table.record(
        "betting", "paired difference, n=300", truth, "false violated", int((bounds.low > mean).sum()), runs, LEVEL
    )


def test_power_of_the_unbounded_form() -> None:
    losses = np.random.default_rng(108).exponential(1.5, (1000, 200))

    # An exponential mean half above the limit: t decides nearly always (z = 4.7), betting must not be far behind.
    assert betting.exceeds(losses, 1.0, LEVEL).mean() > 0.9


def highest_log_wealth_in_file_order(rows: np.ndarray, mean: float) -> np.ndarray:
    """The same bets without the permutation."""
    n_examples = rows.shape[1]
    seen = np.arange(1, n_examples + 1)
    running = (0.5 + np.cumsum(rows, axis=1)) / (seen + 1)
    squares = np.cumsum((rows - running) ** 2, axis=1)
    past = np.concatenate([np.zeros((len(rows), 1)), squares[:, :-1]], axis=1)
    rates = np.minimum(np.sqrt(2 * np.log(1 / LEVEL) * seen / (n_examples * (0.25 + past))), 0.75 / mean)
    log_wealth: np.ndarray = np.cumsum(np.log1p(rates * (rows - mean)), axis=1).max(axis=1)
    return log_wealth
