"""``optimizing``: significantly worse than the best is violated, provably better is met, the rest is tracked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import pytest

from pytest_mlspec import Predictions, metrics
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.judging.best import Best, as_entry
from pytest_mlspec.requirements.contract import ContractError
from pytest_mlspec.requirements.requirement import Requirement
from pytest_mlspec.running import CONTRACTS, RECORDER, Recorder
from pytest_mlspec.stats import binomial
from pytest_mlspec.verdict import NotJudged, Terms, Verdict
from tests.requirements.kinds import contract, faults, groups, seeds

N = 1000


def rate(hits: int, n: int = N, name: str = "model") -> Predictions:
    labels = np.repeat([1, 0], [hits, n - hits])
    return Predictions(y=np.ones(n, dtype=int), labels=labels, classes=[0, 1], positive=1, name=name)


@dataclass
class Kept:
    """A record in memory."""

    entry: Best | None = None
    updating: bool = False
    file: str = "record.json"
    now: Best | None = None
    why: list[str] = field(default_factory=list)

    def key(self, contract: int) -> str:
        return "key"

    def best(self, contract: int) -> Best | None:
        return self.entry

    def refuse(self, contract: int, why: str) -> None:
        self.why.append(why)

    def measured(self, contract: int, now: Best) -> None:
        self.now = now


@contextmanager
def running(kept: Kept, terms: Terms, **arguments: object) -> Iterator[None]:
    recorder = Recorder(lambda: SimpleNamespace(terms=terms, allow_undecided=False, family=False))
    recorder.tracking = kept
    with RECORDER.hold(recorder), CONTRACTS.hold((contract("optimizing", **arguments),)):
        yield


def judge(kept: Kept, estimate: Estimate, terms: Terms | None = None, **arguments: object) -> Verdict:
    with running(kept, terms or Terms(), **arguments):
        return estimate >= Requirement() if estimate.greater_is_better else estimate <= Requirement()


def recorded(estimate: Estimate, terms: Terms | None = None, **arguments: object) -> Kept:
    """A record that holds this estimate."""
    kept = Kept(updating=True)
    judge(kept, estimate, terms, **arguments)
    return Kept(entry=kept.now)


def bounds(hits: int, level: float) -> tuple[float, float]:
    """Clopper-Pearson by SciPy's binomial test."""
    from scipy.stats import binomtest

    found = binomtest(hits, N).proportion_ci(confidence_level=1 - 2 * level, method="exact")
    return found.low, found.high


def test_a_record_holds_the_value_with_bounds_at_half_the_level() -> None:
    best = recorded(metrics.accuracy(rate(950))).entry

    assert best is not None
    low, high = bounds(950, 0.025)
    assert (best.value, best.low, best.high) == (0.95, pytest.approx(low), pytest.approx(high))
    tail = as_entry(best)["tail"]
    assert tail == pytest.approx([bounds(950, 0.025 / 2**halvings)[0] for halvings in range(1, 11)])


def test_a_raised_record_is_crossed_at_a_32nd_of_its_level() -> None:
    """It was chosen among many: its own bound would be too high."""
    kept = recorded(metrics.accuracy(rate(950)))
    kept.updating = True
    verdict = judge(kept, metrics.accuracy(rate(985)))
    entry = verdict.record()["tracked"]

    assert verdict.outcome == "met"
    assert isinstance(entry, dict)
    assert (entry["value"], entry["raised"], entry["write"]) == (0.985, True, True)
    assert (entry["low"], entry["high"]) == (
        pytest.approx(bounds(985, 0.025 / 32)[0]),
        pytest.approx(bounds(985, 0.025)[1]),
    )
    assert entry["tail"] == pytest.approx([bounds(985, 0.025 / 32 / 2**halvings)[0] for halvings in range(1, 11)])


def test_a_mean_over_retrainings_cannot_be_raised() -> None:
    """Its bounds are checked down to level .025 only."""
    kept = recorded(metrics.accuracy(seeds(*range(840, 850), n=N)), members="mean")
    kept.updating = True
    verdict = judge(kept, metrics.accuracy(seeds(*range(940, 950), n=N)), members="mean")

    assert verdict.outcome == "met"
    assert "only deleting the entry records it anew" in verdict.remark
    assert verdict.record()["tracked"]["write"] is False  # type: ignore[index]


@pytest.mark.parametrize("loss", [False, True], ids=["greater is better", "smaller is better"])
@pytest.mark.parametrize("hits", range(860, 1000, 2))
def test_bounds_that_do_not_overlap_decide(hits: int, loss: bool) -> None:
    def measured(count: int) -> Estimate:
        if not loss:
            return metrics.accuracy(rate(count))
        return metrics.false_positive_rate(
            Predictions(
                y=np.zeros(N, dtype=int), labels=np.repeat([0, 1], [count, N - count]), classes=[0, 1], positive=1
            )
        )

    verdict = judge(recorded(measured(940)), measured(hits))

    (old_low, old_high), (low, high) = bounds(940, 0.025), bounds(hits, 0.025)
    expected = "violated" if high < old_low else "met" if low >= old_high else "undecided"
    assert (verdict.outcome, verdict.standing) == (expected, "tracked" if expected == "undecided" else "")


def test_the_same_again_is_tracked_and_lets_its_test_pass() -> None:
    verdict = judge(recorded(metrics.accuracy(rate(953))), metrics.accuracy(rate(953)))

    assert bool(verdict)
    assert verdict.lines()[0] == "TRACKED accuracy >= the best recorded, 0.953"
    assert "not told apart from the best 0.953 [0.938, 0.965]" in verdict.lines()
    assert verdict.confidence == 0.975


def test_worse_says_by_how_much() -> None:
    verdict = judge(recorded(metrics.accuracy(rate(953))), metrics.accuracy(rate(900)))

    assert not verdict
    assert verdict.lines()[0] == "VIOLATED accuracy >= the best recorded, 0.953"
    assert "worse than the best 0.953 [0.938, 0.965]" in verdict.lines()


def test_how_strongly_it_is_worse() -> None:
    """The p-value is the largest of the halved levels at which the bounds still do not overlap, by SciPy."""
    verdict = judge(recorded(metrics.accuracy(rate(953))), metrics.accuracy(rate(890)))

    holds = [bounds(890, 0.025 / 2**k)[1] < bounds(953, 0.025 / 2**k)[0] for k in range(11)]
    assert verdict.violated_at == pytest.approx(0.05 / 2 ** (holds.index(False) - 1))


@pytest.mark.parametrize(("share", "outcome"), [(1.0, "violated"), (1 / 2, "undecided"), (1 / 3, "undecided")])
def test_a_share_of_the_level_is_asked_of_both_bounds(share: float, outcome: str) -> None:
    """At 904 of 1000 the bounds part at the whole level and overlap at half of it."""
    assert bounds(904, 0.025)[1] < bounds(940, 0.025)[0]
    assert bounds(904, 0.0125)[1] > bounds(940, 0.0125)[0]
    kept = recorded(metrics.accuracy(rate(940)))

    assert judge(kept, metrics.accuracy(rate(904)), replace(Terms(), share=share)).outcome == outcome


def test_the_worst_member_is_tracked() -> None:
    kept = recorded(metrics.accuracy(seeds(950, 940, 960, n=N)))

    assert kept.entry is not None
    assert kept.entry.value == 0.94
    assert judge(kept, metrics.accuracy(seeds(950, 850, 960, n=N))).outcome == "violated"


def test_the_mean_of_retrainings() -> None:
    """One bad member of ten makes the worst significantly worse, not the mean."""
    good, one_bad = seeds(*range(940, 950), n=N), seeds(*range(941, 950), 850, n=N)

    assert judge(recorded(metrics.accuracy(good)), metrics.accuracy(one_bad)).outcome == "violated"
    kept = recorded(metrics.accuracy(good), members="mean")
    verdict = judge(kept, metrics.accuracy(one_bad), members="mean")
    assert (verdict.standing, verdict.subject) == ("tracked", "mean accuracy")


@pytest.mark.parametrize("form", ["gap", "ratio", "worst"])
def test_groups(form: str) -> None:
    fair, unfair = groups(women=(900, 1000), men=(900, 1000)), groups(women=(600, 1000), men=(900, 1000))
    kept = recorded(getattr(metrics.recall(fair), form)("sex"))

    assert kept.entry is not None
    # the entry is of other data: the labels are the same, so only the members' answers differ
    verdict = judge(kept, getattr(metrics.recall(unfair), form)("sex"))
    assert verdict.outcome == "violated"


def test_no_record_is_not_judged_and_says_how_to_make_one() -> None:
    kept = Kept()

    with pytest.raises(NotJudged, match="no record: `pytest --mlspec-update` makes one"):
        judge(kept, metrics.accuracy(rate(950)))
    assert kept.why == ["no record: `pytest --mlspec-update` makes one (record.json)"]


@pytest.mark.parametrize(
    ("then", "now", "words"),
    [
        (
            metrics.accuracy(rate(950)),
            metrics.accuracy(rate(1950, 2000)),
            "other data, .* n=1,000.* and not .* n=2,000",
        ),
        (metrics.accuracy(rate(950)), metrics.recall(rate(950)), "metric='accuracy' and not 'recall'"),
        (metrics.accuracy(rate(950)), metrics.accuracy(seeds(950, 951, n=N)), "n_members=1 and not 2"),
        (
            metrics.accuracy(groups(women=(900, 1000), men=(900, 1000))),
            metrics.accuracy(groups(women=(900, 1000), men=(900, 1000))).worst("sex"),
            "form='level' and not 'worst'",
        ),
    ],
)
def test_a_record_of_something_else_is_not_compared(then: Estimate, now: Estimate, words: str) -> None:
    kept = recorded(then)

    with pytest.raises(NotJudged, match=words):
        judge(kept, now)


@pytest.mark.parametrize(
    ("then", "now", "words"),
    [
        ({}, {"confidence": 0.99}, "confidence=0.95 and not 0.99"),
        ({}, {"members": "mean"}, "members='every' and not 'mean'"),
        ({}, {"max_loss": 2.0}, "max_loss=None and not 2.0"),
    ],
)
def test_a_record_on_other_terms_is_not_compared(then: dict[str, object], now: dict[str, object], words: str) -> None:
    members = seeds(*range(940, 950), n=N)

    with pytest.raises(NotJudged, match=words):
        judge(recorded(metrics.accuracy(members), **then), metrics.accuracy(members), **now)


def test_other_settings_of_the_metric() -> None:
    scores = np.where(np.arange(N) < 950, 0.6, 0.2)
    said = Predictions(y=np.ones(N, dtype=int), probabilities=np.stack([1 - scores, scores], 1), positive=1)

    with pytest.raises(NotJudged, match=r"settings=.*0\.5.* and not .*0\.4"):
        judge(recorded(metrics.recall(said, threshold=0.5)), metrics.recall(said, threshold=0.4))


def test_another_name_of_the_model_is_compared() -> None:
    assert judge(recorded(metrics.accuracy(rate(950))), metrics.accuracy(rate(950, name="other"))).standing == "tracked"


def test_a_record_without_a_bound_could_never_be_crossed() -> None:
    """RMSE has no upper bound without max_loss: nothing would ever be significantly worse."""
    rng = np.random.default_rng(0)
    said = Predictions(y=rng.normal(size=200), values=rng.normal(size=200), name="model")

    with pytest.raises(NotJudged, match="no bound on either side"):
        recorded(metrics.rmse(said))
    assert recorded(metrics.rmse(said), max_loss=20.0).entry is not None


def test_what_has_no_value_is_not_tracked() -> None:
    none_positive = Predictions(y=np.zeros(9, dtype=int), labels=np.zeros(9, dtype=int), classes=[0, 1], positive=1)

    with pytest.raises(NotJudged, match="no value"):
        recorded(metrics.recall(none_positive))


def test_bounds_that_the_project_forbids() -> None:
    terms = Terms(bound_classes=("exact",))

    with pytest.raises(NotJudged, match="mlspec_bounds forbids"):
        judge(Kept(updating=True), metrics.recall(groups(women=(9, 10), men=(9, 10))).gap("sex"), terms)


def test_the_wrong_direction_is_an_error() -> None:
    with running(Kept(), Terms()), pytest.raises(ContractError, match=r"greater is better .* write `>= requirement`"):
        metrics.accuracy(rate(950)) <= Requirement()  # noqa: B015


def test_outside_a_run_there_is_no_record() -> None:
    with (
        RECORDER.hold(None),
        CONTRACTS.hold((contract("optimizing"),)),
        pytest.raises(ContractError, match="the record file of a pytest run"),
    ):
        metrics.accuracy(rate(950)) >= Requirement()  # noqa: B015


def test_differences_are_not_tracked() -> None:
    difference = metrics.accuracy(rate(950)) - metrics.accuracy(rate(940, name="old"))

    with pytest.raises(ContractError, match="a difference is not tracked"):
        judge(Kept(), difference)


def test_the_contract_in_words() -> None:
    assert contract("optimizing", id="ACC", metric="accuracy").describe() == "ACC: optimizing(metric='accuracy')"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"at_least": 0.9}, "unknown argument at_least=0.9"),
        ({"members": 0.9}, "a share of retrainings has no best value"),
        ({"looks": [10, 20]}, "unknown argument looks"),
        ({"confidence": 2}, "expected a confidence"),
        ({"delta": 1.0, "metric": "recall"}, "delta belongs to failure_rate"),
    ],
)
def test_faults(arguments: dict[str, object], fault: str) -> None:
    assert any(fault in found for found in faults("optimizing", **arguments))


def test_clopper_pearson_is_what_the_package_uses() -> None:
    assert binomial.lower(np.array(950), N, 0.025) == pytest.approx(bounds(950, 0.025)[0])
