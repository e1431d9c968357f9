"""Does the bound of the disagreement of given members err at most at its level on new cases, where pairs mislead?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec.metrics.disagreement import agreements, disagreement
from pytest_mlspec.metrics.similarity import similarity
from pytest_mlspec.predictions import Predictions
from tests.validity import table

LEVEL = 0.05
BOUND = "disagreement of members"
Draw = Callable[[np.random.Generator, int], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Law:
    """``draw(generator, n)`` gives labels (members, n); ``truth`` is the expected share of pairs that differ."""

    draw: Draw
    truth: float
    n: int
    n_classes: int = 2


def tosses(n_members: int, chances: Draw) -> Draw:
    """Members that choose class 1 independently, with a chance that belongs to the case."""

    def draw(generator: np.random.Generator, n: int) -> np.ndarray:
        return (generator.random((n_members, n)) < chances(generator, n)).astype(np.uint8)

    return draw


def split(ones: int, n_members: int, share: float) -> Draw:
    """So many members against all others on a share of the cases."""

    def draw(generator: np.random.Generator, n: int) -> np.ndarray:
        against = np.arange(n_members)[:, None] < ones
        return (against & (generator.random(n) < share)).astype(np.uint8)

    return draw


def three_ways(share_two: float, share_three: float) -> Draw:
    """Three members on three classes: one differs on some cases, all differ on others."""

    def draw(generator: np.random.Generator, n: int) -> np.ndarray:
        kind = generator.random(n)
        labels = np.zeros((3, n), np.uint8)
        labels[1] = kind < share_two + share_three
        labels[2] = np.where(kind < share_three, 2, 0)
        return labels

    return draw


def hard_ones(share: float, chance: float = 0.5) -> Draw:
    """Cases on which nobody differs, and a share of hard ones."""
    return lambda generator, n: np.where(generator.random(n) < share, chance, 0.0)


LAWS = {
    "2 members, 2 % of cases, n=100": Law(draw=split(1, 2, 0.02), truth=0.02, n=100),
    "2 members, 30 % of cases, n=60": Law(draw=split(1, 2, 0.3), truth=0.3, n=60),
    "3 members, one differs on 4 %, n=100": Law(draw=split(1, 3, 0.04), truth=0.04 * 2 / 3, n=100),
    "3 members on 3 classes, rarely all differ, n=60": Law(
        draw=three_ways(0.01, 0.05), truth=0.01 * 2 / 3 + 0.05, n=60, n_classes=3
    ),
    "10 members, 2 % of cases a coin toss, n=200": Law(draw=tosses(10, hard_ones(0.02)), truth=0.01, n=200),
    "10 members, 30 % of cases a coin toss, n=100": Law(draw=tosses(10, hard_ones(0.3)), truth=0.15, n=100),
    "10 members, one differs on 5 %, n=300": Law(draw=split(1, 10, 0.05), truth=0.05 * 0.2, n=300),
    # One value just below the largest that a case can have: without any such case the bound is Clopper-Pearson's.
    "10 members split 4 to 6 on 3 %, n=100": Law(draw=split(4, 10, 0.032), truth=0.032 * 24 / 45, n=100),
    "50 members, Beta(.5, .5) chances, n=100": Law(
        draw=tosses(50, lambda generator, n: generator.beta(0.5, 0.5, n)), truth=0.25, n=100
    ),
}


def hold(case: str, runs: int) -> None:
    law = LAWS[case]
    generator = np.random.default_rng(len(case))
    met = violated = 0
    for _ in range(runs):
        labels = law.draw(generator, law.n)
        said = Predictions(y=np.zeros(law.n, int), labels=labels, classes=list(range(law.n_classes)))
        estimate = disagreement(said)
        met += int(estimate.high() < law.truth - 1e-12)
        violated += int(estimate.low() > law.truth + 1e-12)
    truth = f"{law.truth:.3g}, the limit"
    table.record(BOUND, case, truth, "false met", met, runs, LEVEL)
    table.record(BOUND, case, truth, "false violated", violated, runs, LEVEL)


@pytest.mark.parametrize("case", LAWS)
def test_disagreement_fast(case: str) -> None:
    hold(case, 600)


@pytest.mark.slow_validity
@pytest.mark.parametrize("case", LAWS)
def test_disagreement(case: str) -> None:
    hold(case, 3000)


@pytest.mark.parametrize(
    "case", ["10 members, 30 % of cases a coin toss, n=100", "50 members, Beta(.5, .5) chances, n=100"]
)
def test_counting_pairs_as_cases_errs_far_too_often(case: str) -> None:
    """A case on which members differ brings many differing pairs at once: n K (K - 1) / 2 pairs are no such number."""
    law, generator, runs = LAWS[case], np.random.default_rng(5), 400
    met = violated = 0
    for _ in range(runs):
        labels = law.draw(generator, law.n)
        pairs = len(labels) * (len(labels) - 1) // 2
        differing = law.n * pairs - int(agreements(labels)[0].sum())
        met += int(stats.beta.ppf(1 - LEVEL, differing + 1, law.n * pairs - differing) < law.truth)
        violated += int(stats.beta.ppf(LEVEL, differing, law.n * pairs - differing + 1) > law.truth)

    assert min(met, violated) / runs > 0.2


def test_averaging_the_bounds_of_all_pairs_is_needlessly_wide() -> None:
    """Every pair at its own Clopper-Pearson bound is valid, and hides what ten members tell together."""
    labels = tosses(10, hard_ones(0.3))(np.random.default_rng(6), 1000)
    said = Predictions(y=np.zeros(1000, int), labels=labels, classes=[0, 1])
    widest = max(
        disagreement(Predictions(y=said.y, labels=labels[[0, j]], classes=[0, 1])).high() for j in range(1, 10)
    )

    assert disagreement(said).high() < widest


def test_similarity_at_its_limit() -> None:
    """Ten members whose errors lie on a hard tenth of the cases: each is wrong there half of the time."""
    generator, runs, truth = np.random.default_rng(7), 300, 0.95
    low = high = 0
    for _ in range(runs):
        wrong = tosses(10, hard_ones(0.1))(generator, 100)
        estimate = similarity(Predictions(y=np.zeros(100, int), labels=wrong, classes=[0, 1]))
        low += int(estimate.low() > truth)
        high += int(estimate.high() < truth)
    case = "10 members, errors on a hard tenth, n=100"
    table.record("similarity of members", case, f"{truth:g}, the limit", "false met", low, runs, LEVEL)
    table.record("similarity of members", case, f"{truth:g}, the limit", "false violated", high, runs, LEVEL)
