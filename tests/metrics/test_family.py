"""The judgements of one test never use more of a shared level than its contracts have."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from pytest_mlspec import Predictions, metrics
from pytest_mlspec.metrics.judging.family import part_of_share
from pytest_mlspec.metrics.judging.judge import judge
from pytest_mlspec.requirements.contract import Contract
from pytest_mlspec.running import CONTRACTS, RECORDER, Recorder
from pytest_mlspec.verdict import Origin, Terms

LABELS = np.repeat([1, 0], [880, 120])
ESTIMATE = metrics.accuracy(Predictions(y=np.ones(1000, int), labels=LABELS, classes=[0, 1], positive=1))


def contract(index: int) -> Contract:
    return Contract(kind="satisficing", limit="at_least", comparison=">=", threshold=0.9, index=index)


def parts(asked: list[int], contracts: int, *, family: bool = True) -> list[float]:
    """What each judgement of a test may use, contracts by their index and literals as -1."""
    run = SimpleNamespace(terms=Terms(share=0.05 if family else 1.0), allow_undecided=False, family=family)
    found = []
    with RECORDER.hold(Recorder(lambda: run)), CONTRACTS.hold(tuple(contract(place) for place in range(contracts))):
        for index in asked:
            origin = Origin(contract=index)
            found.append(part_of_share(origin))
            judge(ESTIMATE, ">=", 0.9, terms=run.terms, origin=origin)
    return found


@pytest.mark.parametrize(
    ("asked", "contracts"),
    [([-1] * 500, 0), ([0] * 500, 1), ([0, 1, 2], 3), ([0, 0, 1, -1, 2, *[-1] * 300], 3), ([-1, -1, 0], 1)],
)
def test_no_test_uses_more_than_its_contracts_have(asked: list[int], contracts: int) -> None:
    """A literal for each of 500 slices, each at 1/m of the level, would be violated by luck in most runs."""
    assert sum(parts(asked, contracts)) <= max(contracts, 1) + 1e-9
    assert len(asked) > max(contracts, 1) or sum(parts(asked, contracts)) == pytest.approx(0.9 * len(asked))


def test_the_parts_by_hand() -> None:
    assert parts([-1, -1, -1], 0) == pytest.approx([0.9, 0.1 / 2, 0.1 / 6])
    assert parts([-1, 0, 1, 0], 2) == pytest.approx([0.2 / 2, 0.9, 0.9, 0.2 / 6])


def test_where_no_level_is_shared_each_has_its_own() -> None:
    assert parts([-1, -1, 0, 0], 1, family=False) == [1.0] * 4
