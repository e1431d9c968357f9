"""Is a verdict wrong at most at its level, from predictions to ``estimate >= threshold``, and is the point estimate?

Every case draws fresh predictions whose true metric is known. The limit is set at the truth, where both *met* and
*violated* are as likely as they get to be wrong, and a little to either side of it, where one of them is. The gate that
compares the point estimate with the limit errs in the same rows many times as often; its rows are shown, not held.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from pytest_mlspec import Domain, metrics
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.judging import judge as judging
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.running import RECORDER
from pytest_mlspec.verdict import Comparison, Members, Outcome, Terms, Verdict
from tests.validity import table

LEVEL = 0.05
Draw = Callable[[np.random.Generator], Estimate]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Predictions with a known true metric, and the requirement that it just meets.

    ``near`` is how far to either side of the truth a second and a third limit lie; ``share`` is the limit of the metric
    where the requirement is on the share of retrainings, whose true value is ``truth``.
    """

    draw: Draw
    comparison: Comparison
    truth: float
    near: float
    members: Members = "every"
    floor: float | None = None

    def judge(self, estimate: Estimate, shift: float) -> Verdict:
        """The verdict of the public comparison with the limit moved by ``shift``."""
        limit = self.truth + shift
        if self.floor is not None:
            return estimate.judged(self.comparison, self.floor, Terms(members=limit))
        if self.members != "every":
            return estimate.judged(self.comparison, limit, Terms(members=self.members))
        return (operator.ge if self.comparison == ">=" else operator.le)(estimate, limit)

    def passes_naively(self, estimate: Estimate, shift: float) -> bool:
        """Whether the point estimates lie on the right side of the limit."""
        right = operator.ge if self.comparison == ">=" else operator.le
        if self.floor is not None:
            return bool(np.mean(right(estimate.values, self.floor)) >= self.truth + shift)
        values = np.mean(estimate.values) if self.members == "mean" else estimate.values
        if estimate.cells:
            values = np.concatenate([cell.estimate.values for cell in estimate.cells])
        return bool(np.all(right(values, self.truth + shift)))

    @property
    def worse(self) -> float:
        """The shift of the limit after which the true metric does not meet it."""
        return self.near if self.comparison == ">=" else -self.near


def accuracy_of(right: Bools, **more: object) -> Estimate:
    """(members, examples) what was right, as the accuracy of predictions."""
    n_examples = right.shape[1]
    labels = (~right).astype(np.int64)
    return metrics.accuracy(Predictions(y=np.zeros(n_examples, np.int64), labels=labels, classes=[0, 1], **more))


def own_errors(n_members: int, n_examples: int, rate: float, sigma: float = 0.0) -> Draw:
    """Members that err on cases of their own, with accuracies that differ by ``sigma``."""

    def draw(generator: np.random.Generator) -> Estimate:
        rates = rate + sigma * generator.standard_normal((n_members, 1))
        return accuracy_of(generator.random((n_members, n_examples)) < rates)

    return draw


def shared_errors(n_members: int, n_examples: int, rate: float) -> Draw:
    """Members that err on the same cases: all of them are lucky, or none."""
    return lambda generator: accuracy_of(np.tile(generator.random(n_examples) < rate, (n_members, 1)))


def groups(fold: str, rates: tuple[float, ...], n_each: int) -> Draw:
    """A fold over groups of equal size with these accuracies."""
    column = np.repeat(np.arange(len(rates)), n_each)
    of_cases = np.repeat(rates, n_each)

    def draw(generator: np.random.Generator) -> Estimate:
        estimate = accuracy_of((generator.random(len(column)) < of_cases)[None], columns={"group": column})
        return getattr(estimate, fold)(by="group")  # type: ignore[no-any-return]

    return draw


def paired(n_examples: int, won: float, lost: float) -> Draw:
    """The accuracy of a new model minus that of an old one on the same cases."""

    def draw(generator: np.random.Generator) -> Estimate:
        score = generator.random(n_examples)
        new, old = score >= lost, (score < lost) | (score >= lost + won)
        return accuracy_of(new[None]) - accuracy_of(old[None])

    return draw


def two_kinds(n_members: int, n_examples: int, share: float, good: float, bad: float) -> Draw:
    """Members of two accuracies that err on the hardest cases: members of a kind pass or fail together."""

    def draw(generator: np.random.Generator) -> Estimate:
        rates = np.where(generator.random((n_members, 1)) < share, good, bad)
        return accuracy_of(generator.random(n_examples) < rates)

    return draw


def overconfident(n_examples: int, by: float) -> Draw:
    """Top probabilities in [0.6, 1), each too large by the same amount: that is the calibration error of every bin."""

    def draw(generator: np.random.Generator) -> Estimate:
        said = generator.uniform(0.6, 1.0, n_examples)
        y = (generator.random(n_examples) < said - by).astype(np.int64)
        return metrics.ece(Predictions(y=y, probabilities=np.stack([1 - said, said], axis=-1), classes=[0, 1]))

    return draw


def spread_out(n_members: int, n_examples: int, rate: float, sigma: float) -> Draw:
    """The spread over retrainings whose true accuracies differ by ``sigma``."""
    members = own_errors(n_members, n_examples, rate, sigma)
    return lambda generator: members(generator).seed_std()


def patients(n_clusters: int, size: int, rate: float, alike: float) -> Draw:
    """The recall of rows that come in clusters, each with a rate of its own (intra-class correlation ``alike``)."""
    weight = 1 / alike - 1
    clusters = np.repeat(np.arange(n_clusters), size)

    def draw(generator: np.random.Generator) -> Estimate:
        rates = np.repeat(generator.beta(rate * weight, (1 - rate) * weight, n_clusters), size)
        found = (generator.random(len(clusters)) < rates).astype(np.int64)
        y = np.ones(len(clusters), np.int64)
        return metrics.recall(Predictions(y=y, labels=found, classes=[0, 1], clusters=clusters))

    return draw


def two_sets(
    make: Callable[[Estimate, Estimate], Estimate], sizes: tuple[int, int], rates: tuple[float, float]
) -> Draw:
    """One model on two sets of cases of their own."""

    def draw(generator: np.random.Generator) -> Estimate:
        first, second = (
            accuracy_of((generator.random(n) < rate)[None], name="served", columns={"case": generator.random(n)})
            for n, rate in zip(sizes, rates, strict=True)
        )
        return make(first, second)

    return draw


def cells(rates: tuple[float, ...], n_each: int) -> Draw:
    """Every cell of a domain with these accuracies."""
    level = np.repeat(np.arange(len(rates)), n_each)
    domain = Domain({"level": list(range(len(rates)))})

    def draw(generator: np.random.Generator) -> Estimate:
        right = (generator.random(len(level)) < np.repeat(rates, n_each))[None]
        return accuracy_of(right, columns={"level": level}).over(domain)

    return draw


HAIR = 1e-9
CASES = {
    "accuracy, n=300": Case(draw=own_errors(1, 300, 0.9), comparison=">=", truth=0.9, near=0.005),
    "every of 5 equal members, errors shared, n=300": Case(
        draw=shared_errors(5, 300, 0.9), comparison=">=", truth=0.9, near=0.005
    ),
    "every of 5 equal members, own errors, n=300": Case(
        draw=own_errors(5, 300, 0.9), comparison=">=", truth=0.9, near=0.005
    ),
    "gap over 4 groups of 200, one worse": Case(
        draw=groups("gap", (0.9, 0.9, 0.9, 0.8), 200), comparison="<=", truth=0.1, near=0.01
    ),
    "gap over 2 groups of 200": Case(draw=groups("gap", (0.9, 0.8), 200), comparison="<=", truth=0.1, near=0.01),
    "worst of 4 equal groups of 100": Case(
        draw=groups("worst", (0.85,) * 4, 100), comparison=">=", truth=0.85, near=0.01
    ),
    "worst of 4 groups of 100, one worse": Case(
        draw=groups("worst", (0.97, 0.97, 0.97, 0.85), 100), comparison=">=", truth=0.85, near=0.01
    ),
    "ratio over 4 groups of 200": Case(
        draw=groups("ratio", (0.8, 0.8, 0.8, 0.64), 200), comparison=">=", truth=0.8, near=0.015
    ),
    "paired difference, n=400": Case(draw=paired(400, 0.03, 0.05), comparison=">=", truth=-0.02, near=0.005),
    "difference between two sets of 400 and 150": Case(
        draw=two_sets(operator.sub, (400, 150), (0.95, 0.85)), comparison="<=", truth=0.1, near=0.008
    ),
    "quotient of accuracies on 500 and 300": Case(
        draw=two_sets(operator.truediv, (500, 300), (0.72, 0.9)), comparison=">=", truth=0.8, near=0.01
    ),
    "size of a paired difference, n=400": Case(
        draw=lambda generator: abs(paired(400, 0.03, 0.05)(generator)), comparison="<=", truth=0.02, near=0.004
    ),
    "every of 6 equal cells of 100": Case(draw=cells((0.85,) * 6, 100), comparison=">=", truth=0.85, near=0.01),
    "every of 6 cells of 100, one worse": Case(
        draw=cells((0.97,) * 5 + (0.85,), 100), comparison=">=", truth=0.85, near=0.01
    ),
    "mean of 5 retrainings, sigma .02, n=500": Case(
        draw=own_errors(5, 500, 0.9, 0.02), comparison=">=", truth=0.9, near=0.004, members="mean"
    ),
    "share .8 of 20 retrainings, bad ones a hair below the floor, n=200": Case(
        draw=two_kinds(20, 200, 0.8, 0.99, 0.9 - HAIR), comparison=">=", truth=0.8, near=0.02, floor=0.9
    ),
    "share .2 of 20 retrainings, good ones on the floor, n=200": Case(
        draw=two_kinds(20, 200, 0.2, 0.9, 0.7), comparison=">=", truth=0.2, near=0.02, floor=0.9
    ),
    "seed std of 10 retrainings, sigma .02, n=500": Case(
        draw=spread_out(10, 500, 0.9, 0.02), comparison="<=", truth=0.02, near=0.002
    ),
    "ece, over-confident by .03, n=1000": Case(draw=overconfident(1000, 0.03), comparison="<=", truth=0.03, near=0.004),
    "recall of 60 clusters of 10 alike by .3": Case(
        draw=patients(60, 10, 0.9, 0.3), comparison=">=", truth=0.9, near=0.008
    ),
    "recall of 60 clusters of 10 alike by .9": Case(
        draw=patients(60, 10, 0.9, 0.9), comparison=">=", truth=0.9, near=0.012
    ),
}


@pytest.fixture(autouse=True)
def bare_verdicts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Verdicts without advice, which decides nothing and takes most of the time, and unheard by the plugin."""
    monkeypatch.setattr(judging, "advise", lambda *arguments: ())
    with RECORDER.hold(None):
        yield


def hold(name: str, runs: int, seed: int) -> None:
    case = CASES[name]
    generator = np.random.default_rng(seed)
    ours = dict.fromkeys(("met at", "violated at", "met near", "violated near"), 0)
    naive = dict.fromkeys(("met near", "violated near"), 0)
    with RECORDER.hold(None):
        for _ in range(runs):
            estimate = case.draw(generator)
            at, bad, good = (case.judge(estimate, shift).outcome for shift in (0.0, case.worse, -case.worse))
            ours["met at"] += at is Outcome.MET
            ours["violated at"] += at is Outcome.VIOLATED
            ours["met near"] += bad is Outcome.MET
            ours["violated near"] += good is Outcome.VIOLATED
            naive["met near"] += case.passes_naively(estimate, case.worse)
            naive["violated near"] += not case.passes_naively(estimate, -case.worse)
    truth, sign = f"{case.truth:g}", case.comparison
    limits = {"at": truth, "bad": f"{case.truth + case.worse:g}", "good": f"{case.truth - case.worse:g}"}
    table.record("verdict", name, f"{truth} {sign} {limits['at']}", "false met", ours["met at"], runs, LEVEL)
    table.record("verdict", name, f"{truth} {sign} {limits['at']}", "false violated", ours["violated at"], runs, LEVEL)
    for side, key, limit in (
        ("false met", "met near", limits["bad"]),
        ("false violated", "violated near", limits["good"]),
    ):
        table.record("verdict", name, f"{truth} {sign} {limit}", side, ours[key], runs, LEVEL)  # type: ignore[arg-type]
        table.report_only("point estimate", name, f"{truth} {sign} {limit}", side, naive[key], runs, LEVEL)  # type: ignore[arg-type]
    worst = max(naive.values()) / runs
    assert worst > 0.25, f"expected the point estimate to fail near the limit, it errs at rate {worst:.3f} on {name}"


@pytest.mark.parametrize("name", list(CASES))
def test_verdicts_near_their_limit(name: str) -> None:
    hold(name, runs=400, seed=901)


@pytest.mark.slow_validity
@pytest.mark.parametrize("name", list(CASES))
def test_verdicts_near_their_limit_in_full(name: str) -> None:
    hold(name, runs=4000, seed=902)
