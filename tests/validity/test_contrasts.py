"""Does the bound of a mean change err at most at its level, for changes that are tiny, rare or lopsided?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec.metrics.evidence.changes import MeanChange
from pytest_mlspec.metrics.evidence.size import Size
from pytest_mlspec.verdict import Terms
from tests.validity import table

LEVEL = 0.05
BOUND = "mean change, betting"
Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def rare(share: float, size: float) -> Draw:
    return lambda rng, shape: size * (rng.random(shape) < share)


# name: (draw, mean, cases), every change in [-1, 1]
CHANGES: dict[str, tuple[Draw, float, int]] = {
    "tiny, normal(.002, .001), n=500": (lambda rng, shape: rng.normal(0.002, 0.001, shape), 0.002, 500),
    "1 % of cases change by .8, n=200": (rare(0.01, 0.8), 0.008, 200),
    "1 % of cases change by -.8, n=200": (rare(0.01, -0.8), -0.008, 200),
    "1 % change by 1 amid tiny falls, n=300": (
        lambda rng, shape: np.where(rng.random(shape) < 0.01, 1.0, -0.02 * rng.random(shape)),
        0.01 - 0.99 * 0.01,
        300,
    ),
    "lopsided, -Beta(.2, 5), n=100": (lambda rng, shape: -rng.beta(0.2, 5, shape), -0.2 / 5.2, 100),
    "both ways about 0, 2 Beta(.3, .3) - 1, n=100": (lambda rng, shape: 2 * rng.beta(0.3, 0.3, shape) - 1, 0.0, 100),
    "both ways alike, uniform, n=1000": (lambda rng, shape: rng.uniform(-0.3, 0.3, shape), 0.0, 1000),
    "all the same, .3, n=30": (lambda rng, shape: np.full(shape, 0.3), 0.3, 30),
}


def evidence(case: str, runs: int) -> tuple[MeanChange, float]:
    """One simulated data set per member."""
    draw, mean, n_examples = CHANGES[case]
    after = draw(np.random.default_rng(len(case)), (runs, n_examples))
    return MeanChange(before=np.zeros_like(after), after=after, limit=1.0), mean


def hold(case: str, runs: int) -> None:
    changes, mean = evidence(case, runs)

    bounds = changes.bounds(LEVEL, Terms())

    truth = f"mean {mean:.3g}, the limit"
    table.record(BOUND, case, truth, "false met", int((bounds.high < mean - 1e-12).sum()), runs, LEVEL)
    table.record(BOUND, case, truth, "false violated", int((bounds.low > mean + 1e-12).sum()), runs, LEVEL)


@pytest.mark.parametrize("case", CHANGES)
def test_mean_change_fast(case: str) -> None:
    hold(case, 1000)


@pytest.mark.slow_validity
@pytest.mark.parametrize("case", CHANGES)
def test_mean_change(case: str) -> None:
    hold(case, 10_000)


def hold_size(case: str, runs: int) -> None:
    changes, mean = evidence(case, runs)

    bounds = Size(evidence=changes).bounds(LEVEL, Terms())

    truth = f"size {abs(mean):.3g}, the limit"
    bound = "size of a mean change, betting"
    table.record(bound, case, truth, "false met", int((bounds.high < abs(mean) - 1e-12).sum()), runs, LEVEL)
    table.record(bound, case, truth, "false violated", int((bounds.low > abs(mean) + 1e-12).sum()), runs, LEVEL)


@pytest.mark.parametrize("case", CHANGES)
def test_the_size_of_a_mean_change_fast(case: str) -> None:
    hold_size(case, 500)


@pytest.mark.slow_validity
@pytest.mark.parametrize("case", CHANGES)
def test_the_size_of_a_mean_change(case: str) -> None:
    hold_size(case, 10_000)


@pytest.mark.parametrize("case", ["1 % of cases change by .8, n=200", "1 % change by 1 amid tiny falls, n=300"])
def test_the_paired_t_bound_meets_too_often_where_changes_are_rare(case: str) -> None:
    """Where no case changed, or none of the few that change by much, the spread seen is near 0."""
    changes, mean = evidence(case, 2000)
    rows = changes.changes

    error = rows.std(axis=1, ddof=1) / np.sqrt(rows.shape[1])
    high = rows.mean(axis=1) + stats.t.ppf(1 - LEVEL, rows.shape[1] - 1) * error

    assert (high < mean).mean() > 0.1


def test_power_where_changes_are_small() -> None:
    """Changes of .02 or less about 0 on 1000 pairs: a limit of .01 is met nearly always."""
    after = np.random.default_rng(9).uniform(-0.02, 0.02, (500, 1000))
    bounds = MeanChange(before=np.zeros_like(after), after=after, limit=1.0).bounds(LEVEL, Terms())

    assert (bounds.high <= 0.01).mean() > 0.95
    assert (bounds.low >= -0.01).mean() > 0.95
