"""``seed_variance``: a limit on the spread over retrainings, with the noise of the finite test set removed."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec import Predictions, metrics
from pytest_mlspec.requirements.contract import ContractError
from tests.requirements.kinds import contract, faults, groups, judge, seeds


def drawn(spread: float, n: int, n_members: int = 20) -> Predictions:
    """Members whose accuracies are drawn with this standard deviation round 0.9, their errors independent."""
    rng = np.random.default_rng(3)
    accuracies = 0.9 + spread * rng.standard_normal(n_members)
    labels = (rng.uniform(size=(n_members, n)) < accuracies[:, None]).astype(int)
    return Predictions(y=np.ones(n, dtype=int), labels=labels, classes=[0, 1], positive=1, name="drawn")


def test_seeds_that_agree() -> None:
    """No spread at all, yet the plain standard deviation on 5,000 cases shows about sqrt(0.09 / 5000) = 0.004."""
    verdict = judge(contract("seed_variance", max_std=0.01), metrics.accuracy(drawn(0.0, 5000)).seed_std())

    assert verdict.outcome == "met"
    assert verdict.value < 0.003


def test_seeds_that_do_not() -> None:
    verdict = judge(contract("seed_variance", max_std=0.01), metrics.accuracy(drawn(0.04, 5000)).seed_std())

    assert verdict.outcome == "violated"
    # The sample standard deviation of 20 draws is within 30 % of the truth.
    assert verdict.value == pytest.approx(0.04, rel=0.3)


@pytest.mark.parametrize(
    ("predictions", "why"),
    [
        (groups(all=(900, 1000)), "needs at least 2 retrainings"),
        (seeds(900, 905, n=1000), "retrainings"),
    ],
    ids=["one model", "two members"],
)
def test_too_few_retrainings_are_undecided(predictions: Predictions, why: str) -> None:
    verdict = judge(contract("seed_variance", max_std=0.01), metrics.accuracy(predictions).seed_std())

    assert verdict.outcome == "undecided"
    assert why in " ".join(verdict.lines())


def test_only_a_spread_is_judged() -> None:
    with pytest.raises(ContractError, match=r"max_std bounds `\.seed_std\(\)`"):
        judge(contract("seed_variance", max_std=0.01), metrics.accuracy(drawn(0.0, 100)))


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({}, "expected one of max_std="),
        ({"max_std": -1}, "not negative"),
        ({"max_std": 0.1, "members": "mean"}, "members"),
        (
            {"max_std": 0.1, "confidence": 0.99},
            "expected at most 0.98: bounds over seeds are checked down to level 0.01",
        ),
    ],
)
def test_faults(arguments: dict[str, object], fault: str) -> None:
    assert any(fault in found for found in faults("seed_variance", **arguments))
