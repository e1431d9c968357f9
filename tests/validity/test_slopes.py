"""The slope of a change over a column: unequal variances, cases far out, changes too rare to be seen, ties.

Changes are 0 or 1 with a probability that depends on the column; the limit is set at the true slope of these
probabilities over the column at hand, so that every verdict is a wrong one. Many runs are drawn at once, as members.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from pytest_mlspec.stats import slopes
from tests.validity import table

Floats = npt.NDArray[np.float64]
NAME = "slope of a change"

COLUMNS: dict[str, Callable[[Floats], Floats]] = {  # of places in (0, 1): quantiles of a law, so that nothing is luck
    "uniform": lambda place: place,
    "exponential": lambda place: -np.log1p(-place),
    "skewed": lambda place: np.log1p(-place) ** 2,
    "20 occupations": lambda place: np.floor(20 * place) ** 2,
    "1 in 5 marked": lambda place: (place > 0.8).astype(float),
}
CHANGES: dict[str, Callable[[Floats], Floats]] = {
    "growing, .1 to .9": lambda place: 0.1 + 0.8 * place,
    "only far out, rarely": lambda place: np.where(place >= np.quantile(place, 0.9), 29 / len(place), 0.0).clip(0, 1),
    "only far out, often": lambda place: np.where(place >= np.quantile(place, 0.9), 0.5, 0.0),
    "flat, 3 of all": lambda place: np.full(len(place), 3 / len(place)),
    "far out and near": lambda place: np.where(place >= np.quantile(place, 0.9), 0.3, np.where(place < 0.3, 0.2, 0.0)),
}


def column_of(name: str, n: int) -> Floats:
    return COLUMNS[name]((np.arange(n) + 0.5) / n)


def hold(column: str, change: str, n: int, level: float, runs: int) -> None:
    rng, x = np.random.default_rng(41), column_of(column, n)
    chance = CHANGES[change]((x - x.min()) / np.ptp(x))
    truth = float(np.polyfit(x, chance, 1)[0])
    above = below = 0
    for _ in range(0, runs, 1000):
        bounds = slopes.slope_bounds(rng.random((1000, n)) < chance, x, level)
        assert not bounds.reason
        above += int((bounds.high <= truth).sum())
        below += int((bounds.low > truth).sum())

    case, limit = f"{column}, {change}, n={n}, level {level:g}", 1.3 * level
    table.record(NAME, case, f"slope {truth:.3g}, the limit", "false met", above, runs, limit)
    table.record(NAME, case, f"slope {truth:.3g}, the limit", "false violated", below, runs, limit)


# Of 50 skewed cases 3 carry the slope: nothing is claimed there.
SIZES = [(column, n) for column in COLUMNS for n in (50, 200, 2000) if (column, n) != ("skewed", 50)]


@pytest.mark.parametrize(("column", "n"), [size for size in SIZES if size[1] < 2000])
@pytest.mark.parametrize("change", ["growing, .1 to .9", "only far out, rarely"])
def test_slopes_at_their_limit(column: str, change: str, n: int) -> None:
    hold(column, change, n, 0.05, runs=2000)


@pytest.mark.slow_validity
@pytest.mark.parametrize("level", [0.05, 0.025, 0.0025, 0.0005])
@pytest.mark.parametrize(("column", "n"), SIZES)
@pytest.mark.parametrize("change", list(CHANGES))
def test_slopes_at_their_limit_in_full(column: str, change: str, n: int, level: float) -> None:
    hold(column, change, n, level, runs=12000 if n == 2000 else 20000)


def naive_rates(n: int, chance: Callable[[Floats], Floats], x: Floats, runs: int = 4000) -> tuple[float, float]:
    """False met and false violated of the textbook slope interval with one variance for all cases."""
    rng, p = np.random.default_rng(42), chance(x)
    truth = np.polyfit(x, p, 1)[0]
    centred = x - x.mean()
    rows = (rng.random((runs, n)) < p).astype(float)
    slope = rows @ centred / (centred @ centred)
    residuals = rows - rows.mean(axis=1, keepdims=True) - slope[:, None] * centred
    error = np.sqrt((residuals**2).sum(axis=1) / (n - 2) / (centred @ centred))
    arm = stats.t.ppf(0.95, n - 2) * error
    return float((slope + arm <= truth).mean()), float((slope - arm > truth).mean())


def test_unequal_variances_break_the_textbook_interval_on_both_sides_only() -> None:
    x = column_of("1 in 5 marked", 400)

    met, violated = naive_rates(400, lambda place: np.where(place > 0, 0.5, 0.0), x)

    assert min(met, violated) > 0.12
    hold("1 in 5 marked", "only far out, often", 400, 0.05, runs=4000)


def test_changes_that_were_not_seen_break_the_textbook_interval_only() -> None:
    x = column_of("20 occupations", 400)

    met, _ = naive_rates(400, lambda place: np.where(place >= np.quantile(place, 0.9), 0.02, 0.0), x)

    assert met > 0.3  # none seen in 45 % of the runs: an interval of width 0
    hold("20 occupations", "only far out, rarely", 400, 0.05, runs=4000)


def test_a_slope_that_is_there_is_found() -> None:
    """A change that grows from .1 to .9: a limit of half the slope is violated, one of 1.5 times is met."""
    rng = np.random.default_rng(43)
    x = column_of("uniform", 400)

    bounds = slopes.slope_bounds(rng.random((500, 400)) < 0.1 + 0.8 * x, x, 0.05)

    assert (bounds.low > 0.4).mean() > 0.95
    assert (bounds.high <= 1.2).mean() > 0.95
