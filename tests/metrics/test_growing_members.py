"""How one comparison of an ensemble that may grow is judged, at every number of its members."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from pytest_mlspec import metrics
from pytest_mlspec.data import Dataset
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.judging.judge import Claim, judge, judge_together
from pytest_mlspec.running import RECORDER, Recorder
from pytest_mlspec.stats import anytime, growing, retrainings, seeds
from pytest_mlspec.training import Ensemble
from pytest_mlspec.verdict import Members, Outcome, Terms, Verdict

N = 1000
DATA = Dataset(np.arange(N, dtype=float)[:, None], np.ones(N, int), classes=[0, 1], positive=1)


@dataclass(eq=False)
class Member:
    """Right on a share of the cases, beginning at a place of its own."""

    share: float
    place: int

    def predict(self, X: np.ndarray) -> np.ndarray:
        right: np.ndarray = ((X[:, 0] + self.place) % N < self.share * N).astype(int)
        return right


@dataclass(eq=False)
class Grows:
    """Stands for the running test: which ensembles may grow, and what was asked for."""

    answer: int | str
    wished: list[int] = field(default_factory=list)

    def most(self, models: tuple[object, ...]) -> int | str:
        return self.answer

    def wish(self, models: tuple[object, ...], n_members: int) -> None:
        self.wished.append(n_members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    terms: Terms = field(default_factory=Terms)
    allow_undecided: bool = True
    family: bool = False


def accuracy(shares: list[float], declared: int = 10, retrained: bool = True, apart: int = 37) -> Estimate:
    members = tuple(Member(share, apart * place) for place, share in enumerate(shares))
    made = Ensemble(
        members=members,
        seeds=tuple(range(len(members))),
        name="model",
        declared=declared,
        retrained=retrained,
        durations=(1.0,),
    )
    return metrics.accuracy(made, DATA)


def judged(
    estimate: Estimate,
    comparison: str,
    limit: float,
    *,
    members: Members = "every",
    answer: int | str = 40,
    most: int = 40,
) -> tuple[Verdict, list[int]]:
    recorder, grows = Recorder(Configured), Grows(answer)
    recorder.growth = grows
    with RECORDER.hold(recorder):
        terms = Terms(members=members, growing_members=most)
        return judge(estimate, comparison, limit, terms=terms), grows.wished  # type: ignore[arg-type]


# Accuracies of 0.91 to 0.99, twice: a spread of about 0.03.
SPREADING = [0.91, 0.93, 0.95, 0.97, 0.99] * 2


def test_a_share_is_bounded_at_every_number_of_members_at_once() -> None:
    verdict, wished = judged(accuracy([0.99] * 10), ">=", 0.9, members=0.8)

    bounds = anytime.share_sequence(10, 0, 10, 0.05)
    assert (verdict.low, verdict.high) == (float(bounds.low), float(bounds.high))
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.method == anytime.RETRAININGS_ONE_BY_ONE.name
    assert wished == [27]  # the next number at which passes alone prove it


def test_a_member_has_to_pass_at_a_twentieth_of_the_level() -> None:
    """920 of 1000 have the lower bounds 0.905 at 0.05, 0.901 at 0.025 and 0.892 at 0.0025."""
    estimate = accuracy([0.92] * 10)

    fixed, _ = judged(estimate, ">=", 0.9, members=0.8, most=0)
    growing_, _ = judged(estimate, ">=", 0.9, members=0.8)

    assert fixed.details[0].startswith("10 met")
    assert growing_.details[0].startswith("0 met, 0 violated, 10 undecided")


def test_nothing_is_asked_for_where_cases_are_missing() -> None:
    verdict, wished = judged(accuracy([0.92] * 10), ">=", 0.9, members=0.8)

    assert verdict.outcome is Outcome.UNDECIDED
    assert not wished
    assert verdict.advice[-1] == "up to 40 members would not decide it on these cases: none were added"


@pytest.mark.parametrize(("n_members", "look"), [(10, "look 1 of 2"), (40, "look 2 of 2")])
def test_a_spread_is_judged_at_half_the_level_at_both_looks(n_members: int, look: str) -> None:
    estimate = accuracy(SPREADING * (n_members // 10)).seed_std()
    rows = metrics.accuracy(Ensemble.of([Member(s, 37 * k) for k, s in enumerate(SPREADING * (n_members // 10))]), DATA)
    expected = seeds.std_bounds(np.asarray(rows.predictions.hits), 0.025)

    verdict, _ = judged(estimate, "<=", 0.05)

    assert (verdict.low, verdict.high) == pytest.approx((expected.low, expected.high))
    assert verdict.confidence == 0.975
    assert look in verdict.details[-1]


def test_between_its_looks_nothing_is_claimed_of_a_spread() -> None:
    """A limit of 0.9 is far above every bound, and still nothing is claimed."""
    verdict, wished = judged(accuracy(SPREADING * 2).seed_std(), "<=", 0.9)

    assert verdict.outcome is Outcome.UNDECIDED
    assert "judged at 10 and at 40 members only, each at level 0.025" in verdict.advice[0]
    assert wished == [40]


def test_the_second_look_asks_for_nothing() -> None:
    verdict, wished = judged(accuracy(SPREADING * 4).seed_std(), "<=", 0.031)

    assert (verdict.outcome, wished) == (Outcome.UNDECIDED, [])
    assert verdict.advice[-1] == "these are all 40 members that --mlspec-seeds=auto:40 allows"


@pytest.mark.parametrize(
    ("answer", "told"), [(10, ""), (0, ""), ("it is shy", "--mlspec-seeds=auto cannot grow model: it is shy")]
)
def test_what_cannot_grow_is_judged_by_the_bounds_of_a_fixed_number(answer: int | str, told: str) -> None:
    spread, wished = judged(accuracy(SPREADING).seed_std(), "<=", 0.035, answer=answer)
    share, _ = judged(accuracy([0.99] * 17, declared=17), ">=", 0.9, members=0.8, answer=answer)
    mean, _ = judged(accuracy(SPREADING), ">=", 0.94, members="mean", answer=answer)

    assert {verdict.confidence for verdict in (spread, share, mean)} == {0.95}
    assert share.outcome is Outcome.MET
    assert share.low == pytest.approx(float(retrainings.share_bounds(17, 0, 17, 0.05).low))
    assert not wished
    for verdict in (spread, mean):
        assert verdict.outcome is Outcome.UNDECIDED
        assert (verdict.advice[-1] == told) if told else all("auto" not in line for line in verdict.advice)


def test_one_trained_model_and_a_notebook_without_growth_are_judged_as_ever() -> None:
    one, _ = judged(accuracy([0.95], declared=1, retrained=False), ">=", 0.9)
    alone = judge(accuracy([0.95], declared=1, retrained=False), ">=", 0.9, terms=Terms())

    assert (one.low, one.confidence) == (alone.low, 0.95)


def test_a_mean_has_two_looks() -> None:
    floor = 0.94
    first, wished = judged(accuracy(SPREADING), ">=", floor, members="mean")
    second, _ = judged(accuracy(SPREADING * 4), ">=", floor, members="mean")
    rows = np.asarray(accuracy(SPREADING * 4).predictions.hits)

    assert (first.outcome, wished) == (Outcome.UNDECIDED, [40])
    assert second.low == pytest.approx(float(seeds.mean_bounds(rows, 0.025).low))


def test_a_mean_asks_for_nothing_where_the_test_set_is_too_small() -> None:
    _, wished = judged(accuracy([0.95] * 10, apart=0), ">=", 0.949, members="mean")

    assert not wished


def test_every_member_means_every_declared_one() -> None:
    """The eleventh member is bad; the bounds of the ten that were declared are those without it."""
    grown, _ = judged(accuracy([0.95] * 10 + [0.5] * 10), ">=", 0.9)
    declared, _ = judged(accuracy([0.95] * 10), ">=", 0.9)

    assert grown.outcome is Outcome.MET
    assert (grown.low, grown.high, grown.values) == (declared.low, declared.high, declared.values)
    assert judge(accuracy([0.95] * 10 + [0.5] * 10), ">=", 0.9, terms=Terms()).outcome is Outcome.VIOLATED


def test_gaps_and_differences_of_every_member_are_those_of_the_declared_ones() -> None:
    grown, other = accuracy([0.95] * 10 + [0.5] * 5), accuracy([0.94] * 15)

    verdict, _ = judged(grown - other, ">=", -0.1)

    assert verdict.outcome is Outcome.MET
    assert len(verdict.values) == 10


def test_listed_cases_are_counted_for_the_declared_members() -> None:
    from pytest_mlspec.metrics.judging.counts import judge_count
    from pytest_mlspec.verdict import Origin

    wrong = accuracy([1.0] * 10 + [0.9] * 5).predictions
    failures = metrics.failure_rate(wrong, loss="zero_one", delta=0.5)

    counted = judge_count(failures, 0, terms=Terms(growing_members=40), origin=Origin())

    assert counted.outcome is Outcome.MET
    assert judge_count(failures, 0, terms=Terms(), origin=Origin()).outcome is Outcome.VIOLATED


def test_claims_of_one_requirement_are_looked_at_together() -> None:
    """A shortfall is no spread, but beside one it waits for the same looks."""
    estimate = accuracy(SPREADING * 2)
    claims = [
        Claim(estimate=estimate.shortfall(), comparison="<=", threshold=0.5, share=0.2),
        Claim(estimate=estimate.seed_std(), comparison="<=", threshold=0.5, share=0.4),
    ]
    recorder = Recorder(Configured)
    recorder.growth = Grows(40)
    with RECORDER.hold(recorder):
        judge_together(claims, Terms(growing_members=40), None)

    assert [verdict.outcome for verdict in recorder.verdicts] == [Outcome.UNDECIDED, Outcome.UNDECIDED]


def test_nothing_is_asked_for_once_something_is_violated() -> None:
    estimate = accuracy(SPREADING)
    claims = [
        Claim(estimate=estimate.seed_std(), comparison="<=", threshold=0.001, share=0.5),
        Claim(estimate=estimate.seed_std(), comparison="<=", threshold=0.05, share=0.5),
    ]
    recorder, grows = Recorder(Configured), Grows(40)
    recorder.growth = grows
    with RECORDER.hold(recorder):
        verdict = judge_together(claims, Terms(growing_members=40), None)

    assert (verdict.outcome, grows.wished) == (Outcome.VIOLATED, [])


# ---- by how much --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "needed"), [(0.5, 9), (0.8, 27), (0.9, 57)])
def test_passes_that_prove_a_share(share: float, needed: int) -> None:
    assert growing.needed_in_sequence(share, 0.05) == needed
    assert float(anytime.share_sequence(needed, 0, needed, 0.05).low) >= share
    assert float(anytime.share_sequence(needed - 1, 0, needed - 1, 0.05).low) < share


@pytest.mark.parametrize(
    ("passes", "fails", "n_members", "most", "expected"),
    [
        (26, 0, 26, 100, 27),  # one more pass
        (0, 0, 0, 100, 4),  # four straight fails
        (10, 0, 10, 26, None),
        (10, 0, 10, 27, 27),
        (3, 4, 7, 100, 11),  # four more fails
        (2, 0, 20, 100, None),  # nearly all are undecided: cases are missing
        (27, 0, 27, 27, None),
    ],
)
def test_the_next_decision(passes: int, fails: int, n_members: int, most: int, expected: int | None) -> None:
    assert growing.next_decision(passes, fails, n_members, 0.8, 0.05, most) == expected


def test_a_spread_that_the_test_set_hides_is_not_worth_more_members() -> None:
    """Identical members on 200 cases prove no small spread, however many there are."""
    spread = seeds.std_bounds(np.tile(np.arange(200) < 180, (10, 1)), 0.025)

    provable = seeds.std_bounds(np.tile(np.arange(200) < 180, (100, 1)), 0.025).high

    assert not growing.spread_could_decide(spread, 100, 0.99 * provable, 0.025)
    assert growing.spread_could_decide(spread, 100, 1.01 * provable, 0.025)


def test_a_spread_that_members_can_decide_is_worth_them() -> None:
    rng = np.random.default_rng(6)
    spread = seeds.std_bounds(rng.random((5, 5000)) < 0.9 + 0.02 * rng.standard_normal((5, 1)), 0.025)

    assert spread.low < 0.03 < spread.high
    assert growing.spread_could_decide(spread, 100, 0.03, 0.025)


def test_one_member_tells_nothing_yet() -> None:
    assert growing.spread_could_decide(seeds.std_bounds(np.ones((1, 50)), 0.025), 100, 0.01, 0.025)
