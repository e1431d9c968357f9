"""Requirements whose bounds hold at any time, however many cases were judged before."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pytest_mlspec import metrics
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.evidence.any_time import at_any_time
from pytest_mlspec.metrics.evidence.leading import Leading
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.verdict import Terms
from tests.metrics.grown import MET, UNDECIDED, VIOLATED, day_less_night, retrained, right, spread


def test_a_rate_at_any_time_by_hand() -> None:
    """Of passes alone: the wealth is (1 - d^(n+1)) / ((n + 1) (1 - d) d^n), and passes 20 at n = 20 for d = 0.8."""
    wealth = [(1 - 0.8 ** (n + 1)) / ((n + 1) * 0.2 * 0.8**n) for n in (19, 20)]
    assert wealth[0] < 20 < wealth[1]

    at_any_time = Terms(anytime=True)
    found = [metrics.accuracy(right(np.ones(n))).judged(">=", 0.8, at_any_time).outcome for n in (19, 20)]

    assert found == [UNDECIDED, MET]


def test_anytime_moves_the_outcome() -> None:
    estimate = metrics.accuracy(right(spread(918, 1000)))

    assert estimate.judged(">=", 0.9, Terms()).outcome is MET
    assert estimate.judged(">=", 0.9, Terms(anytime=True)).outcome is UNDECIDED


def test_members_share_the_level_of_violated_at_any_time() -> None:
    said = right(spread(390, 400), spread(330, 400))
    estimate = metrics.accuracy(said)

    verdict = estimate.judged(">=", 0.9, Terms(anytime=True))

    at_half = metrics.accuracy(right(spread(330, 400))).judged(">=", 0.9, Terms(anytime=True, confidence=0.975))
    assert verdict.high == at_half.high
    assert verdict.outcome is VIOLATED


def test_f1_at_any_time_stands_on_the_jaccard_index() -> None:
    y = np.ones(100, int)
    said = np.array([1] * 90 + [0] * 10)

    f1 = metrics.f1(Predictions(y=y, labels=said, positive=1)).judged(">=", 0.1, Terms(anytime=True))
    rate = metrics.recall(Predictions(y=y, labels=said, positive=1)).judged(">=", 0.1, Terms(anytime=True))

    assert f1.low == pytest.approx(2 * rate.low / (1 + rate.low))


def test_means_and_their_roots_at_any_time() -> None:
    said = Predictions(y=np.zeros(600), values=np.tile([0.1, 0.3], 300))
    terms = Terms(anytime=True, max_loss=1.0)

    mae, rmse = metrics.mae(said).judged("<=", 0.3, terms), metrics.rmse(said).judged("<=", 0.35, terms)
    free = metrics.mae(said).judged("<=", 0.3, Terms(anytime=True))

    assert (mae.outcome, rmse.outcome) == (MET, MET)
    assert mae.low < 0.2 < mae.high and rmse.low < np.sqrt(0.05) < rmse.high
    assert free.outcome is UNDECIDED
    assert "an unbounded loss cannot be met without max_loss" in free.advice[0]
    assert metrics.mae(said).judged("<=", 0.1, Terms(anytime=True)).outcome is VIOLATED


def test_what_bonferroni_makes_of_rates_holds_at_any_time() -> None:
    sex = np.repeat(["f", "m"], 1000)
    said = right(spread(1900, 2000), columns={"sex": sex})
    terms = Terms(anytime=True)
    new, old = retrained(spread(1900, 2000)[None]), retrained(spread(1880, 2000)[None])

    gap = metrics.accuracy(said).gap("sex").judged("<=", 0.1, terms)
    worst = metrics.accuracy(said).worst("sex").judged(">=", 0.9, terms)
    change = (metrics.accuracy(new) - metrics.accuracy(old)).judged(">=", -0.05, terms)
    across = day_less_night(np.repeat(spread(950, 1000), 2)).judged(">=", -0.1, terms)

    assert [gap.outcome, worst.outcome, change.outcome, across.outcome] == [MET] * 4
    assert change.method == "anytime-valid mean"
    assert all("anytime-valid rate" in verdict.method for verdict in (gap, worst, across))


def test_precision_of_two_models_is_not_paired_at_any_time() -> None:
    """Each model chooses its own cases; that they agree today must not choose the bound."""
    hits = spread(1900, 2000)
    new, old = retrained(hits[None]), retrained(np.roll(hits, 1)[None])

    change = (metrics.precision(new) - metrics.precision(old)).judged(">=", -0.05, Terms(anytime=True))

    assert "for each model, Bonferroni" in change.method


@pytest.mark.parametrize(
    ("estimate", "terms"),
    [
        (lambda: metrics.accuracy(right(np.ones(500), clusters=np.arange(500) // 5)), Terms(anytime=True)),
        (lambda: metrics.ece(scored()), Terms(anytime=True)),
        (lambda: metrics.auroc(scored()), Terms(anytime=True)),
        (lambda: metrics.accuracy(right(np.ones(500), np.ones(500))), Terms(anytime=True, members="mean")),
    ],
)
def test_what_has_no_anytime_bounds_says_so(estimate: Callable[[], Estimate], terms: Terms) -> None:
    verdict = estimate().judged(">=", 0.01, terms)

    assert verdict.outcome is UNDECIDED
    assert "declare looks=" in verdict.advice[0]


def scored() -> Predictions:
    y = np.tile([0, 1], 300)
    score = np.random.default_rng(8).uniform(size=600) * 0.5 + 0.5 * y
    return Predictions(y=y, probabilities=np.stack([1 - score, score], axis=1), positive=1)


def test_no_case_at_all_decides_nothing_at_any_time() -> None:
    verdict = metrics.recall(Predictions(y=[0, 0], labels=[0, 1], classes=[0, 1], positive=1)).judged(
        ">=", 0.5, Terms(anytime=True)
    )

    assert (verdict.outcome, verdict.advice) == (UNDECIDED, ("there are no positives to judge",))


def test_a_group_without_cases_decides_nothing_at_any_time() -> None:
    sex = np.tile(["f", "m"], 500)
    y = np.where(sex == "m", 0, 1)
    said = Predictions(y=y, labels=y, classes=[0, 1], positive=1, columns={"sex": sex})

    verdict = metrics.recall(said).gap("sex").judged("<=", 0.5, Terms(anytime=True))

    assert verdict.outcome is UNDECIDED
    assert "no positives in the group 'm'" in verdict.advice[0]


def test_the_first_members_at_any_time() -> None:
    """What is judged of the first of two members is what it would be of that member alone."""
    both, one = (metrics.accuracy(right(*hits)) for hits in ((spread(390, 400), spread(330, 400)), (spread(390, 400),)))

    first = at_any_time(Leading(evidence=both.evidence, n_members=1))

    assert first is not None
    assert first.bounds(0.05, Terms()).low == pytest.approx([one.judged(">=", 0.9, Terms(anytime=True)).low])
    assert at_any_time(Leading(evidence=metrics.ece(scored()).evidence, n_members=1)) is None
