"""Reweighted means: false verdicts with known weights; with estimated ones, or another p(y|x), only a report."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression

from pytest_mlspec import metrics
from pytest_mlspec.data import Dataset
from pytest_mlspec.metrics.evidence.averaged import Mean
from pytest_mlspec.metrics.weighted import Reweighted, reweighted
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.stats import binomial
from pytest_mlspec.training.weights import covariate_weights
from pytest_mlspec.verdict import Terms
from tests.validity import table

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], tuple[Floats, Floats]]
KNOWN, ESTIMATED = "reweighted mean, known weights", "reweighted mean, estimated weights"
LEVEL = 0.05


def tilted(shift: float, at: float, runs: int) -> Draw:
    """x ~ N(0, 1) weighted to N(shift, 1); right with probability Phi(at - x)."""

    def draw(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        x = rng.normal(size=(runs, n))
        return (rng.random((runs, n)) < stats.norm.cdf(at - x)).astype(float), np.exp(shift * x - shift**2 / 2)

    return draw


def rare_and_heavy(runs: int) -> Draw:
    """One case in 40 has the weight 20.5, the others 0.5, and all errors are among the heavy ones."""

    def draw(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        heavy = rng.random((runs, n)) < 0.025
        return np.where(heavy, 0.0, 1.0), np.where(heavy, 20.5, 0.5)

    return draw


def skewed_losses(runs: int) -> Draw:
    """Values 1 - Beta(1, 20), four times as frequent in one half of the cases as in the other."""

    def draw(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        often = rng.random((runs, n)) < 0.5
        return 1 - rng.beta(1, np.where(often, 20, 5)), np.where(often, 1.6, 0.4)

    return draw


# how it is drawn, cases, the largest weight if it is declared, the truth
CASES: dict[str, tuple[Callable[[int], Draw], int, float | None, float]] = {
    "normal, moved .5, right .87": (lambda runs: tilted(0.5, 2.1, runs), 300, None, stats.norm.cdf(1.6 / np.sqrt(2))),
    "normal, moved 1, right .76": (lambda runs: tilted(1.0, 2.0, runs), 300, None, stats.norm.cdf(1.0 / np.sqrt(2))),
    "rare heavy cases fail": (rare_and_heavy, 100, None, 0.4875),
    "rare heavy cases fail, 20.5 declared": (rare_and_heavy, 100, 20.5, 0.4875),
    "rare heavy cases fail, 20.5 declared, 1,000": (rare_and_heavy, 1000, 20.5, 0.4875),
    "skewed losses": (skewed_losses, 100, None, 1 - 0.8 / 21 - 0.2 / 6),
    "skewed losses, 1.6 declared": (skewed_losses, 100, 1.6, 1 - 0.8 / 21 - 0.2 / 6),
}


def bounds_of(values: Floats, weights: Floats, max_weight: float | None) -> tuple[Floats, Floats]:
    """Bounds of every run; each has weights of its own, so that each is an estimate of its own."""
    low, high = np.empty(len(values)), np.empty(len(values))
    for run in range(len(values)):
        evidence = Reweighted(
            evidence=Mean(losses=values[run : run + 1], high=1.0), weights=weights[run], max_weight=max_weight
        )
        bounds = evidence.bounds(LEVEL, Terms())
        low[run], high[run] = bounds.low[0], bounds.high[0]
    return low, high


def simulate(case: str, runs: int) -> None:
    make, n, max_weight, truth = CASES[case]
    values, weights = make(runs)(np.random.default_rng(3), n)
    low, high = bounds_of(values, weights, max_weight)
    words = f"mean = limit {truth:.3g}, n = {n}"
    table.record(KNOWN, case, words, "false met", int((low > truth + 1e-9).sum()), runs, LEVEL)
    table.record(KNOWN, case, words, "false violated", int((high < truth - 1e-9).sum()), runs, LEVEL)


@pytest.mark.parametrize("case", CASES)
def test_known_weights(case: str) -> None:
    simulate(case, runs=300)


@pytest.mark.slow_validity
@pytest.mark.parametrize("case", CASES)
def test_known_weights_in_full(case: str) -> None:
    simulate(case, runs=4000)


def test_counting_weighted_hits_as_if_they_were_cases_meets_too_often() -> None:
    runs, n, truth = 1000, 100, 0.4875
    values, weights = rare_and_heavy(runs)(np.random.default_rng(4), n)

    shares = (values * weights).sum(axis=1) / weights.sum(axis=1)
    naive = binomial.lower(shares * n, n, LEVEL) > truth

    assert naive.mean() > 0.2
    low, _ = bounds_of(values, weights, None)
    ours = int((low > truth).sum())
    table.record(KNOWN, "rare heavy cases fail, again", f"mean = limit {truth}", "false met", ours, runs, LEVEL)


@pytest.mark.parametrize("runs", [40, pytest.param(400, marks=pytest.mark.slow_validity)])
def test_estimated_weights_are_reported_and_promised_nothing(runs: int) -> None:
    """The truth as limit; once p(y|x) holds, once it does not: no weight of features sees the second."""
    rng, n, shift = np.random.default_rng(5), 400, 0.7
    held, broken = stats.norm.cdf((1.5 - shift) / np.sqrt(2)), stats.norm.cdf((0.8 - shift) / np.sqrt(2))
    wrong = np.zeros(3, dtype=int)
    for run in range(runs):
        x, there = rng.normal(size=(n, 1)), rng.normal(shift, 1, size=(n, 1))
        hits = (rng.random(n) < stats.norm.cdf(1.5 - x[:, 0])).astype(int)
        weights = covariate_weights(Dataset(x), Dataset(there), seed=run, classifier=LogisticRegression())
        accuracy = metrics.accuracy(Predictions(y=np.ones(n, int), labels=hits, classes=[0, 1]))
        bounds = reweighted(accuracy, weights, max_weight=20.0).evidence.bounds(LEVEL, Terms())
        wrong += [bounds.low[0] > held, bounds.high[0] < held, bounds.low[0] > broken]
    case = "normal, moved .7, logistic, n = 400"
    table.report_only(ESTIMATED, case, f"mean = limit {held:.3g}", "false met", wrong[0], runs, LEVEL)
    table.report_only(ESTIMATED, case, f"mean = limit {held:.3g}", "false violated", wrong[1], runs, LEVEL)
    table.report_only(ESTIMATED, f"{case}, other p(y|x)", f"limit {broken:.3g}", "false met", wrong[2], runs, LEVEL)
    assert wrong[2] > 0.5 * runs
