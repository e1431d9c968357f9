"""``satisficing``: a hard limit on a metric, its worst group, a paired difference, or on failing cases."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec import Predictions, metrics
from pytest_mlspec.requirements.contract import ContractError
from tests.requirements.kinds import contract, faults, groups, judge, seeds

VALUES = Predictions(y=np.zeros(1000), values=np.repeat([0.5, 3.0], [995, 5]), name="brakes")


@pytest.mark.parametrize(
    ("limit", "outcome"),
    # 95 % one-sided Clopper-Pearson bounds of 990 in 1000 are 0.983 and 0.995.
    [({"at_least": 0.98}, "met"), ({"at_least": 0.99}, "undecided"), ({"at_least": 0.999}, "violated")],
)
def test_a_floor(limit: dict[str, float], outcome: str) -> None:
    verdict = judge(contract("satisficing", **limit), metrics.recall(groups(all=(990, 1000))))

    assert verdict.outcome == outcome
    assert (round(verdict.low, 3), round(verdict.high, 3)) == (0.983, 0.995)


def test_a_ceiling_takes_the_other_comparison() -> None:
    asked = contract("satisficing", at_most=0.05, metric="false_positive_rate")

    assert asked.comparison == "<="


@pytest.mark.parametrize(("delta", "failures", "outcome"), [(2.0, 0.005, "met"), (0.25, 1.0, "violated")])
def test_delta_is_the_largest_loss_of_one_case(delta: float, failures: float, outcome: str) -> None:
    """Five of 1,000 errors are above 2: the upper bound of 5/1000 is 0.0105, so that 0.02 is met."""
    asked = contract("satisficing", max_failure_rate=0.02, delta=delta)

    verdict = judge(asked, metrics.failure_rate(VALUES, loss="absolute_error"))

    assert (verdict.outcome, verdict.value) == (outcome, failures)


def test_a_stricter_delta_never_has_fewer_failures() -> None:
    rates = [
        judge(
            contract("satisficing", max_failure_rate=1.0, delta=delta),
            metrics.failure_rate(VALUES, loss="absolute_error"),
        )
        for delta in (3.0, 2.0, 0.5, 0.25)
    ]

    assert [rate.value for rate in rates] == sorted(rate.value for rate in rates)


def test_listed_cases_are_counted_and_named() -> None:
    asked = contract("satisficing", max_failures=0, delta=2.0)

    verdict = judge(asked, metrics.failure_rate(VALUES, loss="absolute_error"))

    assert (verdict.outcome, verdict.value, verdict.n) == ("violated", 5, 1000)
    assert "995" in " ".join(verdict.details)


def test_another_delta_in_the_body_is_an_error() -> None:
    asked = contract("satisficing", max_failure_rate=0.02, delta=2.0)

    with pytest.raises(ContractError, match=r"the body says delta=1.0, the contract .*delta=2"):
        judge(asked, metrics.failure_rate(VALUES, loss="absolute_error", delta=1.0))


def test_the_worst_group_and_a_paired_difference_are_satisficing() -> None:
    predictions = groups(women=(480, 500), men=(499, 500))

    assert judge(contract("satisficing", at_least=0.94), metrics.recall(predictions).worst(by="sex")).outcome == "met"
    difference = metrics.recall(predictions) - metrics.recall(predictions)
    assert judge(contract("satisficing", at_least=-0.01), difference).outcome == "met"


@pytest.mark.parametrize(
    ("members", "outcome"),
    [("every", "met"), ("mean", "met"), (0.5, "met"), (0.9, "undecided")],
    ids=str,
)
def test_members(members: str | float, outcome: str) -> None:
    """Six members of 970 in 1000; at half the level, six passes prove a share of 0.025 ** (1 / 6) = 0.54."""
    verdict = judge(contract("satisficing", at_least=0.95, members=members), metrics.recall(seeds(*[970] * 6, n=1000)))

    assert verdict.outcome == outcome


def test_an_unbounded_loss_needs_max_loss() -> None:
    numbers = Predictions(y=np.zeros(2000), values=np.full(2000, 0.5), name="model")
    limit = {"at_most": 0.6, "metric": "mae"}

    without = judge(contract("satisficing", **limit), metrics.mae(numbers))
    declared = judge(contract("satisficing", **limit, max_loss=2.0), metrics.mae(numbers))

    assert (without.outcome, declared.outcome) == ("undecided", "met")
    assert "max_loss" in " ".join(without.advice)


def test_delta_alone_is_the_classic_mistake() -> None:
    (fault,) = faults("satisficing", delta=0.9)

    assert fault.endswith("did you mean at_least=0.9? delta is the largest loss of one case")


def test_every_fault_is_told_at_once() -> None:
    found = faults("satisficing", at_leest=0.9, max_failure_rate=5, confidence=95)

    assert len(found) == 3
    assert "did you mean 'at_least'?" in found[0]
    assert "never percent; did you mean 0.05?" in found[1]
