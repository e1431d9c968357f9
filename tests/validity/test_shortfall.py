"""The shortfall of a member from the mean of all: rare regions enumerated, common disagreement simulated.

The member in question differs from the others on a region of its own: its shortfall is the size of the region times
(K - 1) / K. The limit is set at the truth, so that every verdict is a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from pytest_mlspec.stats import jackknife, shortfall
from tests.validity import table

Floats = npt.NDArray[np.float64]
NAME = "shortfall of a member"
JACKKNIFE = "shortfall of a member, jackknife rows"


def one_region(n: int, n_members: int, level: float) -> tuple[Floats, Floats]:
    """Bounds for 0 .. n cases on which the member alone is wrong."""
    highs, lows = [], []
    for wrong in range(n + 1):
        rows = np.ones((n_members, n))
        rows[0, :wrong] = 0
        bounds = shortfall.shortfall_bounds(rows, level)
        highs.append(bounds.high[0])
        lows.append(bounds.low[0])
    return np.array(lows), np.array(highs)


def enumerate_region(n: int, n_members: int, level: float) -> None:
    lows, highs = one_region(n, n_members, level)
    share = (n_members - 1) / n_members
    # The chance of an error jumps where the limit passes a bound: the sizes just beside them are the hardest.
    edges = np.concatenate([highs, lows]) / share
    sizes = np.unique(np.clip(np.concatenate([edges - 1e-9, edges + 1e-9, np.geomspace(0.1 / n, 1, 200)]), 0, 1))
    chance = stats.binom.pmf(np.arange(n + 1)[:, None], n, sizes)
    limits = share * sizes
    met = float(((highs[:, None] <= limits) * chance).sum(axis=0).max())
    violated = float(((lows[:, None] > limits) * chance).sum(axis=0).max())

    case = f"a region of its own, K={n_members}, n={n}, level {level:g}"
    table.record_exact(NAME, case, "any size, the limit", "false met", met, 1.3 * level)
    table.record_exact(NAME, case, "any size, the limit", "false violated", violated, 1.3 * level)


@pytest.mark.parametrize("level", [0.05, 0.01, 0.0005])
@pytest.mark.parametrize(("n_members", "n"), [(2, 30), (10, 200)])
def test_a_member_with_a_region_of_its_own(n_members: int, n: int, level: float) -> None:
    enumerate_region(n, n_members, level)


@pytest.mark.slow_validity
@pytest.mark.parametrize("level", [0.1, 0.05, 0.02, 0.01, 0.005, 0.001, 0.0005])
@pytest.mark.parametrize("n", [20, 50, 500])
@pytest.mark.parametrize("n_members", [2, 3, 20])
def test_a_member_with_a_region_of_its_own_in_full(n_members: int, n: int, level: float) -> None:
    enumerate_region(n, n_members, level)


def won_and_lost(rng: np.random.Generator, n: int, won: float, lost: float) -> Floats:
    """Two members of which the first wins and loses against the second on shares of the cases."""
    place = rng.random(n)
    return np.stack([place < 1 - lost, place >= won]).astype(float)


def small_and_large(rng: np.random.Generator, n: int) -> Floats:
    """Losses that differ a little on many cases and by everything on 3 of all."""
    other = 0.5 + 0.05 * rng.choice([-1.0, 1.0], n)
    rare = rng.random(n) < 3 / n
    return np.stack([np.where(rare, 0.0, 0.5), np.where(rare, 1.0, other)])


Draw = Callable[[np.random.Generator, int], Floats]
DRAWS: dict[str, tuple[Draw, Callable[[int], float]]] = {
    "10 % won, 10 % lost": (lambda rng, n: won_and_lost(rng, n, 0.1, 0.1), lambda n: 0.0),
    "1 % won, 4 % lost": (lambda rng, n: won_and_lost(rng, n, 0.01, 0.04), lambda n: 0.015),
    "30 % won, 5 % lost": (lambda rng, n: won_and_lost(rng, n, 0.3, 0.05), lambda n: -0.125),
    "small both ways, large rarely": (small_and_large, lambda n: 1.5 / n),
}


def simulate(case: str, n: int, level: float, runs: int) -> None:
    draw, truth = DRAWS[case]
    rng, met, violated = np.random.default_rng(51), 0, 0
    for _ in range(runs):
        bounds = shortfall.shortfall_bounds(draw(rng, n), level)
        met += bool(bounds.high[0] <= truth(n))
        violated += bool(bounds.low[0] > truth(n))

    where, said = f"{case}, n={n}, level {level:g}", f"shortfall {truth(n):.3g}, the limit"
    table.record(NAME, where, said, "false met", met, runs, 1.3 * level)
    table.record(NAME, where, said, "false violated", violated, runs, 1.3 * level)


@pytest.mark.parametrize("case", list(DRAWS))
def test_members_that_win_and_lose(case: str) -> None:
    simulate(case, 200, 0.05, runs=2000)


@pytest.mark.slow_validity
@pytest.mark.parametrize("level", [0.05, 0.01, 0.001])
@pytest.mark.parametrize("n", [50, 200, 1000])
@pytest.mark.parametrize("case", list(DRAWS))
def test_members_that_win_and_lose_in_full(case: str, n: int, level: float) -> None:
    simulate(case, n, level, runs=20000)


def test_a_region_that_was_not_seen_breaks_the_paired_t_interval_only() -> None:
    n, size = 200, 2 / 200
    count = np.arange(n + 1)
    mean = count / n / 2
    error = np.sqrt(mean * (0.5 - mean) / (n - 1))
    naive = float(stats.binom.pmf(count, n, size) @ (mean + stats.t.ppf(0.95, n - 1) * error <= size / 2))

    assert naive > 0.13  # no case of the region is seen in .134 of the samples: an interval of width 0
    enumerate_region(n, 2, 0.05)


def test_more_power_than_betting_on_the_same_differences() -> None:
    """Ten members of accuracy .95 that err on 1 % of cases of their own, and a margin of .015 on 1000 cases."""
    from pytest_mlspec.stats import betting

    rng, ours, bets = np.random.default_rng(52), 0, 0
    for _ in range(100):
        rows = (rng.random(1000) < 0.96) & (rng.random((10, 1000)) < 0.99)
        ours += bool(shortfall.shortfall_bounds(rows, 0.05).high.max() <= 0.015)
        shares = (shortfall.case_shortfalls(rows) + 0.9) / 1.8
        bets += bool((1.8 * betting.mean_bounds(shares, 0.05, "high").high - 0.9).max() <= 0.015)

    assert ours > 70
    assert ours > bets + 15


# ---- metrics that are no means --------------------------------------------------------------------------------------
def f1_rows(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Two members that err on 10 and 20 % of cases, 40 % positive: rows, and the values of F1 in the limit."""
    positive = rng.random(n) < 0.4
    said = np.stack([positive ^ (rng.random(n) < rate) for rate in (0.1, 0.2)])
    truth = np.array([2 * 0.4 * (1 - e) / (0.4 + 0.4 * (1 - e) + 0.6 * e) for e in (0.1, 0.2)])
    return jackknife.ratio_rows(2.0 * (said & positive), said.astype(float) + positive), truth


def rmse_rows(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Normal errors of standard deviation 1 and 1.2 with a common part."""
    common, own = rng.standard_normal(n), rng.standard_normal((2, n))
    return jackknife.rmse_rows(((0.8 * common + 0.6 * own) * np.array([[1.0], [1.2]])) ** 2), np.array([1.0, 1.2])


def auroc_rows(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Normal scores, positives higher by 2 and by 1.5, with a common part: AUROC = Phi(shift / sqrt 2)."""
    positive = np.arange(n) < n // 4
    noise = 0.8 * rng.standard_normal(n) + 0.6 * rng.standard_normal((2, n))
    shifts = np.array([[2.0], [1.5]])
    return jackknife.auroc_rows(noise + shifts * positive, positive), stats.norm.cdf(shifts[:, 0] / np.sqrt(2))


METRICS = {"F1": (f1_rows, True), "RMSE": (rmse_rows, False), "AUROC": (auroc_rows, True)}


def hold_metric(metric: str, n: int, level: float, runs: int) -> None:
    draw, greater = METRICS[metric]
    rng, met, violated = np.random.default_rng(53), 0, 0
    for _ in range(runs):
        rows, values = draw(rng, n)
        truth = (values.mean() - values) * (1 if greater else -1)
        bounds = shortfall.jackknife_bounds(rows, level, greater_is_better=greater)
        met += bool(bounds.high[1] <= truth[1])
        violated += bool(bounds.low[1] > truth[1])

    where, said = f"{metric}, n={n}, level {level:g}", f"shortfall {truth[1]:.3g}, the limit"
    table.record(JACKKNIFE, where, said, "false met", met, runs, 1.3 * level)
    table.record(JACKKNIFE, where, said, "false violated", violated, runs, 1.3 * level)


@pytest.mark.parametrize("metric", list(METRICS))
def test_metrics_that_are_no_means(metric: str) -> None:
    hold_metric(metric, 200, 0.05, runs=1500)


@pytest.mark.slow_validity
@pytest.mark.parametrize("level", [0.05, 0.01, 0.001, 0.0005])
@pytest.mark.parametrize("n", [60, 200, 1000])
@pytest.mark.parametrize("metric", list(METRICS))
def test_metrics_that_are_no_means_in_full(metric: str, n: int, level: float) -> None:
    hold_metric(metric, n, level, runs=5000 if metric == "AUROC" else 20000)
