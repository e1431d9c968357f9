"""``non_inferiority``: candidate minus baseline on the same cases, within a margin or better by a superiority."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_mlspec
from pytest_mlspec import Dataset, Predictions, metrics
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.requirements.catalogue import kind
from pytest_mlspec.requirements.contract import Contract, ContractError
from pytest_mlspec.requirements.requirement import Requirement
from pytest_mlspec.running import CONTRACTS, RECORDER
from pytest_mlspec.verdict import Verdict
from tests.requirements.kinds import contract, faults

Y = np.ones(1000, dtype=int)


class Threshold:
    """Right on all but the rows below a limit."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return np.where(rows[:, 0] < self.limit, 0, 1)


class Other(Threshold):
    """Another model of the same form."""


def said(name: str, hits: int, **columns: object) -> Predictions:
    """A model that finds the first so many of 1000 positives."""
    labels = np.repeat([1, 0], [hits, 1000 - hits])
    return Predictions(y=Y, labels=labels, classes=[0, 1], positive=1, name=name, columns=columns)


def gain(new: int, old: int) -> Estimate:
    """Accuracy of a model with ``new`` right cases minus that of one with ``old``; the same cases are right first."""
    return metrics.accuracy(said("new", new)) - metrics.accuracy(said("old", old))


def at_least(asked: Contract, estimate: Estimate) -> Verdict:
    with RECORDER.hold(None), CONTRACTS.hold((asked,)):
        return estimate >= Requirement()


def at_most(asked: Contract, estimate: Estimate) -> Verdict:
    with RECORDER.hold(None), CONTRACTS.hold((asked,)):
        return estimate <= Requirement()


@pytest.mark.parametrize(
    ("new", "margin", "outcome"),
    [
        (900, 0.01, "met"),  # no disagreement in 1000 cases: at most 0.3 % is lost
        (895, 0.01, "undecided"),  # 5 lost: 0.5 %, between 0.2 % and 1.05 %
        (895, 0.02, "met"),
        (870, 0.01, "violated"),  # 30 lost: at least 2.1 %
        (870, 0.05, "met"),
    ],
)
def test_the_margin_is_the_largest_loss_tolerated(new: int, margin: float, outcome: str) -> None:
    verdict = at_least(contract("non_inferiority", margin=margin), gain(new, 900))

    assert (verdict.outcome, verdict.threshold, verdict.comparison) == (outcome, -margin, ">=")


@pytest.mark.parametrize(("new", "outcome"), [(950, "met"), (920, "undecided"), (900, "violated"), (880, "violated")])
def test_superiority_is_the_smallest_gain_demanded(new: int, outcome: str) -> None:
    """50 gained of 1000 are at least 3.9 %, 20 gained between 1.3 and 2.9 %."""
    assert at_least(contract("non_inferiority", superiority=0.02), gain(new, 900)).outcome == outcome


def test_of_a_loss_the_candidate_may_have_a_margin_more() -> None:
    new = metrics.failure_rate(said("new", 895), loss="zero_one", delta=0.5)
    old = metrics.failure_rate(said("old", 900), loss="zero_one", delta=0.5)
    verdict = at_most(contract("non_inferiority", margin=0.02), new - old)

    assert (verdict.outcome, verdict.threshold, verdict.comparison) == ("met", 0.02, "<=")
    assert at_most(contract("non_inferiority", superiority=0.001), new - old).threshold == -0.001


def test_messages_name_both_models() -> None:
    assert at_least(contract("non_inferiority", margin=0.01), gain(870, 900)).claim() == (
        "difference in accuracy, new minus old >= -0.01"
    )


def test_a_candidate_that_is_the_baseline_is_pointed_out() -> None:
    same = at_least(contract("non_inferiority", margin=0.01), gain(900, 900))
    other = at_least(contract("non_inferiority", margin=0.05), gain(899, 900))

    assert "new and old say exactly the same about every case: is the baseline the candidate?" in same.lines()
    assert not any("exactly the same" in line for line in other.lines())


def test_the_wrong_direction_is_told_the_right_one() -> None:
    with pytest.raises(ContractError, match="margin takes >=, the body says <="):
        at_most(contract("non_inferiority", margin=0.01), gain(900, 900))


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (metrics.accuracy(said("new", 900)), "bounds candidate - baseline, as in .*; not a level"),
        (gain(900, 900).__abs__(), "not a size"),
        (metrics.accuracy(said("one", 900)) - metrics.accuracy(said("one", 900)), "both sides are one"),
    ],
)
def test_what_compares_no_two_models_is_refused(estimate: Estimate, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        at_least(contract("non_inferiority", margin=0.01), estimate)


def test_a_candidate_on_clean_data_against_a_baseline_on_changed_data_is_refused() -> None:
    """The rows are the same, so that the difference exists; that the new model won would say nothing."""
    clean = Dataset(np.arange(1000.0)[:, None], Y, classes=[0, 1], positive=1, name="street.test")
    fog = clean.perturb(lambda rows: rows + 100, name="fog")
    estimate = metrics.accuracy(Threshold(50), clean) - metrics.accuracy(Other(150), fog)

    with pytest.raises(
        ContractError, match=r"the same data, not street\.test on the left and street\.test, fog on the"
    ):
        at_least(contract("non_inferiority", margin=0.01), estimate)


@pytest.mark.parametrize(("max_loss", "outcome"), [(None, "undecided"), (1.0, "met")])
def test_an_unbounded_loss_needs_its_bound(max_loss: float | None, outcome: str) -> None:
    truth = np.linspace(0, 1, 4000)
    new, old = (
        metrics.rmse(Predictions(y=truth, values=truth + 0.1 * np.sin(100 * truth + shift), name=name))
        for name, shift in (("new", 0), ("old", 1))
    )
    given = {} if max_loss is None else {"max_loss": max_loss}
    verdict = at_most(contract("non_inferiority", margin=0.2, **given), new - old)

    assert verdict.outcome == outcome
    assert ("cannot be met without max_loss" in "".join(verdict.lines())) == (max_loss is None)


def test_the_metric_and_the_groups_of_the_marker_hold() -> None:
    with pytest.raises(ContractError, match="metric='recall', not 'accuracy'"):
        at_least(contract("non_inferiority", margin=0.01, metric="recall"), gain(900, 900))
    with pytest.raises(ContractError, match=r"the marker says by=\['sex'\], the body no gap"):
        at_least(contract("non_inferiority", margin=0.01, by="sex"), gain(900, 900))


def test_the_gap_between_groups_may_grow_by_a_margin() -> None:
    sex = np.tile(["w", "m"], 500)
    new, old = (metrics.recall(said(name, 900, sex=sex)).gap(by="sex") for name in ("new", "old"))
    verdict = at_most(contract("non_inferiority", margin=0.03, by="sex"), new - old)

    assert verdict.outcome == "met"
    assert verdict.claim() == "difference in gap in recall by sex, new minus old <= 0.03"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({}, "expected one of margin= | superiority="),
        ({"margin": 0}, "margin=0: expected a number above 0"),
        ({"margin": -0.01}, "expected a number above 0"),
        ({"superiority": -0.01}, "expected a number that is not negative"),
        ({"margin": 0.01, "superiority": 0.01}, "one limit per marker"),
        ({"margni": 0.01}, "did you mean 'margin'?"),
    ],
)
def test_faults(arguments: dict[str, object], fault: str) -> None:
    assert any(fault in found for found in faults("non_inferiority", **arguments))


def test_it_needs_a_baseline_and_so_is_no_part_of_the_gate() -> None:
    assert not kind("non_inferiority").gate
    assert pytest_mlspec.non_inferiority(margin=0.01).mark.kwargs == {"margin": 0.01}


# ---- members ------------------------------------------------------------------------------------------------------


def members(name: str, *hits: int) -> Predictions:
    labels = np.stack([np.repeat([1, 0], [count, 1000 - count]) for count in hits])
    return Predictions(y=Y, labels=labels, classes=[0, 1], positive=1, name=name)


NEW, OLD = members("new", *range(900, 920)), members("old", *range(900, 920))
WORSE = members("worse", *range(700, 720))


@pytest.mark.parametrize(("candidate", "outcome"), [(NEW, "met"), (WORSE, "violated")])
@pytest.mark.parametrize("fold", ["every", "mean", 0.8])
def test_members_are_compared_seed_by_seed(candidate: Predictions, outcome: str, fold: object) -> None:
    """The bound of a mean over retrainings is the widest: it takes the range of a difference, [-1, 1], to its ends."""
    estimate = metrics.accuracy(candidate) - metrics.accuracy(OLD)

    assert at_least(contract("non_inferiority", margin=0.06, members=fold), estimate).outcome == outcome


def test_the_mean_of_differences_of_gaps_is_undecided_with_the_reason() -> None:
    sex = np.tile(["w", "m"], 500)
    hits = np.stack([np.repeat([1, 0], [900 + seed, 100 - seed]) for seed in range(6)])
    new, old = (
        metrics.recall(Predictions(y=Y, labels=hits, classes=[0, 1], positive=1, name=name, columns={"sex": sex}))
        for name in ("new", "old")
    )
    estimate = new.gap(by="sex") - old.gap(by="sex")
    mean = at_most(contract("non_inferiority", margin=0.05, members="mean"), estimate)

    assert mean.outcome == "undecided"
    assert "it is not a mean of bounded values over cases" in mean.advice[0]
    assert at_most(contract("non_inferiority", margin=0.05, members="every"), estimate).outcome == "met"
