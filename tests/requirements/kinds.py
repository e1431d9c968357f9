"""What the tests of all kinds share: a contract from keywords, and the verdict of a requirement under contracts."""

from __future__ import annotations

import numpy as np

from pytest_mlspec import Predictions
from pytest_mlspec.requirements.catalogue import kind
from pytest_mlspec.requirements.contract import Contract
from pytest_mlspec.requirements.reading import read
from pytest_mlspec.requirements.requirement import Requirement
from pytest_mlspec.running import CONTRACTS, RECORDER
from pytest_mlspec.verdict import Verdict


def contract(name: str, /, **arguments: object) -> Contract:
    """The contract of a marker without faults."""
    found = read(kind(name), (), arguments)
    assert isinstance(found, Contract), found
    return found


def faults(name: str, /, *positional: object, **arguments: object) -> list[str]:
    """What is wrong with a marker."""
    found = read(kind(name), positional, arguments)
    assert isinstance(found, list), found
    return found


def judge(asked: Contract, estimate: object) -> Verdict:
    """``estimate >= requirement`` or ``<=``, whichever the contract takes."""
    with RECORDER.hold(None), CONTRACTS.hold((asked,)):  # the verdict is looked at here, not asked for its truth
        return estimate >= Requirement() if asked.comparison == ">=" else estimate <= Requirement()  # type: ignore[operator, no-any-return]


def groups(**counts: tuple[int, int]) -> Predictions:
    """Positives found by sex: ``women=(218, 368)`` has 218 of 368 found."""
    labels = np.concatenate([np.repeat([1, 0], [hits, n - hits]) for hits, n in counts.values()])
    sex = np.repeat(list(counts), [n for _, n in counts.values()])
    y = np.ones(len(sex), dtype=int)
    return Predictions(y=y, labels=labels, classes=[0, 1], positive=1, columns={"sex": sex}, name="model")


def seeds(*hits: int, n: int) -> Predictions:
    """Members that are right on their first so many of n cases."""
    labels = np.stack([np.repeat([1, 0], [count, n - count]) for count in hits])
    return Predictions(y=np.ones(n, dtype=int), labels=labels, classes=[0, 1], positive=1, name="ensemble")
