"""The p-value of a violated verdict is the smallest level at which it would still be violated."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from pytest_mlspec import Predictions, metrics
from pytest_mlspec.metrics.judging.p_value import SMALLEST, STEP, smallest_level
from pytest_mlspec.verdict import Terms, Verdict
from tests.requirements.kinds import contract, groups, judge, seeds


def rate(hits: int, n: int) -> Predictions:
    labels = np.repeat([1, 0], [hits, n - hits])
    return Predictions(y=np.ones(n, dtype=int), labels=labels, classes=[0, 1], positive=1, name="model")


def close(verdict: Verdict, p_value: float) -> bool:
    """Whether the grid's level lies above the p-value by at most one step."""
    return p_value * (1 - 1e-9) <= verdict.violated_at <= p_value * STEP * (1 + 1e-9)


@pytest.mark.parametrize("hits", [860, 870, 875, 880])
def test_a_rate_has_the_p_value_of_the_binomial_test(hits: int) -> None:
    """Violated at a level where the Clopper-Pearson upper bound is below .9: where P(X <= hits; .9) is below it."""
    verdict = metrics.accuracy(rate(hits, 1000)) >= 0.9

    assert verdict.outcome == "violated"
    assert close(verdict, float(binom.cdf(hits, 1000, 0.9)))


def test_nothing_below_the_smallest_level_is_said() -> None:
    verdict = metrics.accuracy(rate(500, 1000)) >= 0.9

    assert SMALLEST <= verdict.violated_at <= SMALLEST * STEP


def test_members_are_corrected_for() -> None:
    """One bad member of five: five times its own p-value, as Holm's first step has it."""
    verdict = metrics.accuracy(seeds(870, 900, 900, 900, 900, n=1000)) >= 0.9

    assert verdict.outcome == "violated"
    assert close(verdict, 5 * float(binom.cdf(870, 1000, 0.9)))


@pytest.mark.parametrize("hits", [950, 890])
def test_only_a_violated_verdict_has_one(hits: int) -> None:
    verdict = metrics.accuracy(rate(hits, 1000)) >= 0.9

    assert verdict.outcome in ("met", "undecided")
    assert "violated_at" not in verdict.record()


def test_the_p_value_does_not_depend_on_the_level_asked() -> None:
    at_05 = metrics.accuracy(rate(860, 1000)).judged(">=", 0.9, Terms())
    at_01 = metrics.accuracy(rate(860, 1000)).judged(">=", 0.9, Terms(confidence=0.99))

    assert at_05.violated_at == pytest.approx(at_01.violated_at, rel=STEP - 1)
    assert (at_05.level, at_01.level) == (0.05, 0.01)


def test_claims_pay_for_their_share() -> None:
    """One of three claims has 0.2 of the level, so that its p-value is five times as large."""
    whole = metrics.accuracy(rate(860, 1000)).judged(">=", 0.9, Terms())
    fifth = metrics.accuracy(rate(860, 1000)).judged(">=", 0.9, Terms(share=0.2))

    # on terms of one's own there is no family: the share is the claim's
    assert fifth.violated_at == pytest.approx(5 * whole.violated_at, rel=STEP - 1)


@pytest.mark.parametrize("limit", [0.1, 0.15, 0.2])
def test_a_gap_is_violated_at_its_p_value_and_not_below(limit: float) -> None:
    unfair = metrics.recall(groups(women=(218, 368), men=(363, 424))).gap("sex")
    p_value = unfair.judged("<=", limit, Terms()).violated_at

    assert unfair.judged("<=", limit, Terms(confidence=1 - p_value)).outcome == "violated"
    if p_value > SMALLEST * STEP:
        assert unfair.judged("<=", limit, Terms(confidence=1 - p_value / STEP)).outcome != "violated"


def test_a_share_of_retrainings() -> None:
    """All of 40 members fail: 0.5 ** 40 for the share alone, at half the level for each member."""
    verdict = metrics.accuracy(seeds(*range(700, 740), n=1000)).judged(">=", 0.9, Terms(members=0.5))

    assert verdict.outcome == "violated"
    assert verdict.violated_at < 0.001


def test_counted_cases_are_certain() -> None:
    said = Predictions(y=[0.0] * 5, values=[9.0] * 5, name="m")
    verdict = judge(contract("satisficing", max_failures=0, delta=1.0), metrics.failure_rate(said))

    assert (verdict.outcome, verdict.violated_at) == ("violated", 0.0)


@pytest.mark.parametrize("truth", [0.05, 0.03, 1e-4, 1e-9])
def test_halving_finds_the_smallest_level_of_the_grid(truth: float) -> None:
    found = smallest_level(lambda level: level >= truth, 0.05)

    grid = [0.05 / STEP**step for step in range(200) if 0.05 / STEP**step >= SMALLEST]
    assert found == pytest.approx(min(level for level in grid if level >= truth))


def test_a_bound_that_ends_early_stays_at_its_last_level() -> None:
    """A seed bound is open below .02, whatever the data."""
    found = smallest_level(lambda level: level >= 0.02, 0.05)

    assert 0.02 <= found <= 0.02 * STEP
