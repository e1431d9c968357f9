"""Requirements on data that grow: what a look is made of, and what it may err."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec import metrics
from pytest_mlspec.data import Domain
from pytest_mlspec.metrics.judging.judge import Claim, judge_together
from pytest_mlspec.metrics.judging.looks import look_of
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.verdict import Terms
from tests.metrics.grown import MET, UNDECIDED, VIOLATED, retrained, right, spread

FIVE = (400, 800, 1200, 1600, 2000)


def clopper(hits: int, n: int, level: float) -> tuple[float, float]:
    low = stats.beta.ppf(level, hits, n - hits + 1) if hits else 0.0
    high = stats.beta.ppf(1 - level, hits + 1, n - hits) if hits < n else 1.0
    return float(low), float(high)


# ---- what a look is made of ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_examples", "number"), [(0, 0), (399, 0), (400, 1), (401, 1), (799, 1), (800, 2), (2000, 5), (9999, 5)]
)
def test_the_look_is_the_last_one_that_was_reached(n_examples: int, number: int) -> None:
    assert look_of(FIVE, n_examples).number == number


def test_between_looks_nothing_changes_whatever_the_further_cases_say() -> None:
    first = spread(730, 800)
    terms = Terms(looks=FIVE)
    at_look = metrics.accuracy(right(first)).judged(">=", 0.9, terms)

    for more in (np.zeros(10, int), np.ones(399, int), np.zeros(399, int)):
        later = metrics.accuracy(right(np.concatenate([first, more]))).judged(">=", 0.9, terms)

        assert (later.outcome, later.value, later.low, later.high) == (
            at_look.outcome,
            at_look.value,
            at_look.low,
            at_look.high,
        )
        assert (later.n, later.values) == (800, (0.9125,))
        assert f"look 2 of 5 (800 of 2,000 examples; {len(more)} more wait for the next look)" in later.details[0]


def test_before_the_first_look_nothing_is_claimed() -> None:
    verdict = metrics.accuracy(right(np.ones(320))).judged(">=", 0.5, Terms(looks=(500, 1000)))

    assert verdict.outcome is UNDECIDED
    assert (verdict.low, verdict.high) == (-np.inf, np.inf)
    assert verdict.advice == ("first look at 500 examples, 320 so far",)


def test_after_the_last_look_further_cases_are_not_judged() -> None:
    hits = np.concatenate([spread(910, 1000), np.zeros(340)])

    verdict = metrics.accuracy(right(hits)).judged(">=", 0.9, Terms(looks=(500, 1000)))

    assert (verdict.value, verdict.n) == (0.91, 1000)
    assert "look 2 of 2 (1,000 of 1,000 examples; 340 more are not judged)" in verdict.details[0]
    assert verdict.advice[0].startswith("this was the last look")


def test_one_look_at_all_cases_is_the_ordinary_verdict() -> None:
    estimate = metrics.accuracy(right(spread(930, 1000), spread(960, 1000)))

    looked, plain = estimate.judged(">=", 0.9, Terms(looks=(1000,))), estimate.judged(">=", 0.9, Terms())

    assert (looked.outcome, looked.low, looked.high) == (plain.outcome, pytest.approx(plain.low), plain.high)


def test_the_cases_of_a_look_are_those_of_the_slice() -> None:
    """600 cases, every second at night: the night has 300, too few for a look at 400."""
    said = right(np.ones(600), columns={"light": np.tile(["day", "night"], 300)})
    terms = Terms(looks=(200, 400))

    assert "look 2 of 2" in metrics.accuracy(said).judged(">=", 0.9, terms).details[0]
    assert "look 1 of 2 (200 of 400" in metrics.accuracy(said.where(light="night")).judged(">=", 0.9, terms).details[0]


# ---- the level of a look -------------------------------------------------------------------------------------------

FOUR_THEN_EIGHT = Terms(looks=(4, 8), spending="even", confidence=0.8)
"""Against 0.5 at level 0.2, half at each look. P(4 of 4) = 1/16 <= 0.1 < P(3 of 4). At the second look six of eight may
claim: P(4 of 4 at first, or 6 of 8) = 1/16 + 37/256 - 1/16 x 11/16 = 0.164 <= 0.2; parts of 0.1 would ask for seven."""


def test_a_rate_is_judged_by_the_exact_recursion() -> None:
    six, five = [1, 0, 1, 1, 1, 1, 0, 1], [1, 0, 1, 1, 1, 0, 0, 1]

    assert metrics.accuracy(right(six)).judged(">=", 0.5, FOUR_THEN_EIGHT).outcome is MET
    assert metrics.accuracy(right(five)).judged(">=", 0.5, FOUR_THEN_EIGHT).outcome is UNDECIDED
    assert metrics.accuracy(right(1 - np.array(six))).judged(">=", 0.5, FOUR_THEN_EIGHT).outcome is VIOLATED
    assert metrics.accuracy(right([1, 1, 1, 1])).judged(">=", 0.5, FOUR_THEN_EIGHT).outcome is MET
    assert metrics.accuracy(right([1, 0, 1, 1])).judged(">=", 0.5, FOUR_THEN_EIGHT).outcome is UNDECIDED


def test_recall_is_judged_by_the_recursion_over_its_positives() -> None:
    """The same figures where every second case is a positive, and the level is spent by examples."""
    y = np.tile([0, 1], 8)
    found = np.zeros(16, int)
    found[1::2] = [1, 0, 1, 1, 1, 1, 0, 1]
    terms = replace(FOUR_THEN_EIGHT, looks=(8, 16))

    verdict = metrics.recall(Predictions(y=y, labels=found, positive=1)).judged(">=", 0.5, terms)

    assert (verdict.outcome, verdict.n) == (MET, 8)


def test_f1_is_judged_by_its_jaccard_index() -> None:
    """F1 >= 2/3 is J >= 0.5: of eight cases that are positive or said to be, six are both."""
    y, said = [1, 1, 1, 1, 1, 1, 1, 0], [1, 0, 1, 1, 1, 1, 1, 1]

    verdict = metrics.f1(Predictions(y=y, labels=said, positive=1)).judged(">=", 0.6666, FOUR_THEN_EIGHT)

    assert verdict.outcome is MET
    assert verdict.method == "Clopper-Pearson on the Jaccard index at declared looks"


@pytest.mark.parametrize(
    ("spending", "part"),
    [
        ("obrien-fleming", 2 * stats.norm.sf(stats.norm.isf(0.025) / np.sqrt(0.2))),
        ("pocock", 0.05 * np.log(1 + (np.e - 1) * 0.2)),
        ("even", 0.01),
    ],
)
def test_every_other_metric_is_judged_at_its_part_of_the_level(spending: str, part: float) -> None:
    y = np.zeros(450)
    said = Predictions(y=y, values=np.random.default_rng(2).beta(2, 6, size=450))
    first = metrics.mae(Predictions(y=y[:400], values=said.values[0][:400]))

    verdict = metrics.mae(said).judged("<=", 0.3, Terms(looks=FIVE, spending=spending, max_loss=1.0))

    alone = first.judged("<=", 0.3, Terms(confidence=1 - part, max_loss=1.0))
    assert (verdict.low, verdict.high) == (pytest.approx(alone.low), pytest.approx(alone.high))
    assert verdict.confidence == 0.95
    assert verdict.method == "betting at declared looks"


def test_the_spending_moves_the_outcome() -> None:
    """376 of 400: O'Brien-Fleming leaves the first look next to nothing, Pocock and even a good part."""
    estimate = metrics.accuracy(right(spread(376, 400)))

    found = {how: estimate.judged(">=", 0.9, Terms(looks=FIVE, spending=how)) for how in ("obrien-fleming", "pocock")}

    assert found["obrien-fleming"].outcome is UNDECIDED
    assert found["pocock"].outcome is MET
    assert found["pocock"].details[0].endswith("of 0.05 (Pocock)")


def test_looks_move_the_outcome() -> None:
    estimate = metrics.accuracy(right(spread(918, 1000)))

    assert estimate.judged(">=", 0.9, Terms()).outcome is MET
    assert estimate.judged(">=", 0.9, Terms(looks=(500, 1000, 2000))).outcome is UNDECIDED


def test_members_and_shares_divide_the_level_before_the_looks_do() -> None:
    """The second of two members is violated at its half, and at its quarter where the claim has half of the level."""
    said = right(spread(390, 400), spread(344, 400))
    terms = Terms(looks=(400,))
    claim = Claim(estimate=metrics.accuracy(said), comparison=">=", threshold=0.9, share=0.5)

    whole = metrics.accuracy(said).judged(">=", 0.9, terms)
    half = judge_together([claim], terms, None)

    assert whole.low == pytest.approx(clopper(344, 400, 0.05)[0])
    assert whole.high == pytest.approx(clopper(344, 400, 0.025)[1])
    assert half.high == pytest.approx(clopper(344, 400, 0.0125)[1])
    assert "level 0.025 of 0.025" in whole.details[1]
    assert "level 0.013 of 0.013" in half.details[1]


def test_a_look_that_gets_next_to_nothing_of_the_level_decides_nothing() -> None:
    said = Predictions(y=np.zeros(50), values=np.full(50, 0.01))

    verdict = metrics.mae(said).judged("<=", 0.9, Terms(looks=(50, 5000), max_loss=1.0))

    assert verdict.outcome is UNDECIDED
    assert (verdict.low, verdict.high) == (-np.inf, np.inf)


# ---- folds and forms -----------------------------------------------------------------------------------------------


def test_a_gap_is_judged_on_the_groups_of_the_first_cases() -> None:
    hits, sex = np.concatenate([spread(930, 1000), np.zeros(100)]), np.tile(["f", "m"], 550)

    verdict = metrics.accuracy(right(hits, columns={"sex": sex})).gap("sex").judged("<=", 0.1, Terms(looks=(500, 1000)))

    assert (verdict.outcome, verdict.n) == (MET, 1000)
    assert "/500" in verdict.details[0]


def test_a_group_that_turned_up_after_the_look_keeps_it_from_being_met() -> None:
    sex = np.concatenate([np.tile(["f", "m"], 500), np.full(60, "x")])
    hits = np.ones(1060)

    for fold in ("gap", "worst"):
        estimate = getattr(metrics.accuracy(right(hits, columns={"sex": sex})), fold)("sex")
        verdict = estimate.judged("<=" if fold == "gap" else ">=", 0.5, Terms(looks=(1000, 2000)))

        assert verdict.outcome is UNDECIDED
        assert "no examples in the group 'x'" in verdict.advice[0]


def test_cells_grow_with_the_whole_and_not_by_themselves() -> None:
    """Of the first 800 cases 200 are at night; the night's own 250 would not reach a look."""
    light = np.tile(["day", "day", "day", "night"], 250)
    domain = Domain({"light": ["day", "night"]}, min_cases=30)
    estimate = metrics.accuracy(right(np.ones(1000), columns={"light": light})).over(domain)

    verdict = estimate.judged(">=", 0.9, Terms(looks=(400, 800, 1200)))

    night = next(found for found in (verdict, *verdict.beside) if "night" in found.slice)
    assert (verdict.outcome, night.n) == (MET, 200)
    assert "look 2 of 3 (800 of 1,200 examples; 200 more wait" in night.details[-1]


def test_a_paired_difference_is_judged_at_looks() -> None:
    new, old = retrained(spread(950, 1000)[None]), retrained(spread(940, 1000)[None])
    part = 2 * stats.norm.sf(stats.norm.isf(0.025) / np.sqrt(0.4)) - 2 * stats.norm.sf(
        stats.norm.isf(0.025) / np.sqrt(0.2)
    )

    verdict = (metrics.accuracy(new) - metrics.accuracy(old)).judged(">=", -0.05, Terms(looks=FIVE))

    assert (verdict.outcome, verdict.n) == (MET, 800)
    assert f"level {part:.2g} of 0.05" in verdict.details[-1]


def test_a_share_of_retrainings_composes_with_looks() -> None:
    ensemble = retrained(np.stack([np.roll(spread(392, 400), seed) for seed in range(17)]))

    verdict = metrics.accuracy(ensemble).judged(">=", 0.9, Terms(looks=(400,), members=0.8))

    assert verdict.outcome is MET
    assert "level 0.025 of 0.025" in verdict.details[-1]


def test_the_mean_over_retrainings_is_judged_at_its_part() -> None:
    ensemble = retrained(np.stack([spread(950 + seed, 1000) for seed in range(8)]))
    estimate = metrics.accuracy(ensemble)

    early = estimate.judged(">=", 0.9, Terms(looks=(1000, 2000), members="mean"))
    only = estimate.judged(">=", 0.9, Terms(looks=(1000,), members="mean"))

    assert only.outcome is MET
    assert early.outcome is UNDECIDED  # 0.0056 of the level, below which bounds over seeds are not checked
    assert "bounds over seeds are checked down to level" in early.advice[0]


def test_clusters_are_cut_where_the_look_cuts_them() -> None:
    """Patients of 30 rows: a look at 500 holds 16 whole ones and 20 rows of the next."""
    hits, patient = spread(930, 1000), np.arange(1000) // 30
    first = right(hits[:500], columns={"patient": patient[:500]}, clusters="patient")

    verdict = metrics.accuracy(right(hits, columns={"patient": patient}, clusters="patient")).judged(
        ">=", 0.9, Terms(looks=(500, 2000), spending="even")
    )

    alone = metrics.accuracy(first).judged(">=", 0.9, Terms(confidence=0.975))
    assert (verdict.low, verdict.high) == (pytest.approx(alone.low), pytest.approx(alone.high))
    assert verdict.method == f"{alone.method} at declared looks"
