"""Wrong verdicts of the AUROC bounds, the threshold always equal to the true area."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from pytest_mlspec.stats import binomial
from pytest_mlspec.stats.ranking import auroc, auroc_bounds, betting_bounds, hanley_mcneil_bounds
from tests.validity.table import record, report_only

EXACT, ASYMPTOTIC = 0.05, 0.065
Array = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Laws of the scores of both classes and the area they have."""

    name: str
    positives: Draw
    negatives: Draw
    area: float

    def sample(self, runs: int, n_positive: int, n_negative: int) -> tuple[Array, npt.NDArray[np.bool_]]:
        generator = np.random.default_rng(n_positive + 7 * n_negative)
        scores = np.concatenate(
            [self.positives(generator, (runs, n_positive)), self.negatives(generator, (runs, n_negative))], axis=1
        )
        return scores, np.arange(n_positive + n_negative) < n_positive


def _normal(mean: float = 0.0, deviation: float = 1.0) -> Draw:
    return lambda generator, shape: generator.normal(mean, deviation, size=shape)


def binormal(area: float, deviation: float = 1.0) -> Ranking:
    shift = float(np.sqrt(1 + deviation**2) * stats.norm.ppf(area))
    name = f"binormal, sd {deviation:g}"
    return Ranking(name=name, positives=_normal(shift, deviation), negatives=_normal(), area=area)


def missed_subtype(share: float) -> Ranking:
    """A share of the positives scores below all negatives, the others above all."""

    def positives(generator: np.random.Generator, shape: tuple[int, int]) -> Array:
        return np.where(generator.random(shape) < share, -9.0, 9.0) + generator.random(shape)

    return Ranking(name=f"missed subtype {share:g}", positives=positives, negatives=_normal(), area=1 - share)


def loud_negatives(share: float) -> Ranking:
    """A share of the negatives scores above all positives: the mirrored case."""

    def negatives(generator: np.random.Generator, shape: tuple[int, int]) -> Array:
        return np.where(generator.random(shape) < share, 99.0, -99.0)

    return Ranking(name=f"loud negatives {share:g}", positives=_normal(), negatives=negatives, area=1 - share)


def tied(high: float, low: float) -> Ranking:
    """Scores 0 or 1 only: most pairs are ties."""

    def draw(rate: float) -> Draw:
        return lambda generator, shape: (generator.random(shape) < rate).astype(np.float64)

    area = high * (1 - low) + 0.5 * (high * low + (1 - high) * (1 - low))
    return Ranking(name=f"two scores {high:g}/{low:g}", positives=draw(high), negatives=draw(low), area=area)


BALANCED = [(50, 50), (30, 100), (200, 300)]
UNBALANCED = [(30, 300), (300, 30), (100, 1000)]
LAWS = [
    binormal(0.7),
    binormal(0.9),
    binormal(0.98),
    binormal(0.995),
    binormal(0.9, deviation=3.0),
    missed_subtype(0.1),
    missed_subtype(0.02),
    loud_negatives(0.05),
    tied(0.8, 0.3),
    tied(0.99, 0.01),
]


def _judge(law: Ranking, n_positive: int, n_negative: int, runs: int, level: float = 0.05) -> None:
    scores, positive = law.sample(runs, n_positive, n_negative)
    bounds = auroc_bounds(scores, positive, level)
    limit = (EXACT if bounds.method.bound_class == "exact" else ASYMPTOTIC) * level / 0.05
    case = f"{law.name}, {n_positive}/{n_negative}" + ("" if level == 0.05 else f", level {level:g}")
    said = f"AUROC {law.area:.4f} = threshold"
    record(bounds.method.name, case, said, "false met", int((bounds.low > law.area).sum()), runs, limit)
    record(bounds.method.name, case, said, "false violated", int((bounds.high < law.area).sum()), runs, limit)


@pytest.mark.parametrize(("n_positive", "n_negative"), [(50, 50), (30, 300)])
@pytest.mark.parametrize("law", [LAWS[1], LAWS[3], LAWS[5], LAWS[8]], ids=lambda law: law.name)
def test_auroc_fast(law: Ranking, n_positive: int, n_negative: int) -> None:
    _judge(law, n_positive, n_negative, runs=2000)


@pytest.mark.slow_validity
@pytest.mark.parametrize(("n_positive", "n_negative"), BALANCED + UNBALANCED)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_auroc_full(law: Ranking, n_positive: int, n_negative: int) -> None:
    _judge(law, n_positive, n_negative, runs=4000)


@pytest.mark.slow_validity
@pytest.mark.parametrize("level", [0.2, 0.01, 0.0025])
@pytest.mark.parametrize("law", [LAWS[2], LAWS[5]], ids=lambda law: law.name)
def test_auroc_at_other_levels(law: Ranking, level: float) -> None:
    for sizes in [(100, 100), (50, 300)]:
        _judge(law, *sizes, runs=10_000, level=level)


def test_a_missed_subtype_breaks_hanley_mcneil_but_not_the_default() -> None:
    """One positive in fifty below all negatives: in 13 % of the samples of 100 none of them is seen."""
    law, runs = missed_subtype(0.02), 2000
    scores, positive = law.sample(runs, 100, 300)

    naive = hanley_mcneil_bounds(scores, positive, 0.05)
    errors = int((naive.low > law.area).sum())

    assert errors / runs > 0.12
    report_only(
        naive.method.name, f"{law.name}, 100/300", "AUROC .98 = threshold", "false met", errors, runs, ASYMPTOTIC
    )
    _judge(law, 100, 300, runs)


def test_a_missed_subtype_is_called_violated_by_hanley_mcneil_only() -> None:
    """Many negatives and a tenth of the positives lost: the area scatters far more than near-normal scores would."""
    law, runs = missed_subtype(0.3), 2000
    scores, positive = law.sample(runs, 50, 2000)

    naive = hanley_mcneil_bounds(scores, positive, 0.05)

    assert np.mean(naive.high < law.area) > 0.065
    _judge(law, 50, 2000, runs)


def test_delong_near_one_is_a_false_met() -> None:
    """AUROC .995, 30 positives and 300 negatives: the normal interval with DeLong's variance (1988)."""
    law, runs = binormal(0.995), 2000
    scores, positive = law.sample(runs, 30, 300)
    below = (scores[:, 30:, None] < scores[:, None, :30]).astype(np.float32)
    by_positive, by_negative = below.mean(axis=1), below.mean(axis=2)
    deviation = np.sqrt(by_positive.var(axis=1, ddof=1) / 30 + by_negative.var(axis=1, ddof=1) / 300)

    delong = auroc(scores, positive) - stats.norm.ppf(0.95) * deviation

    assert np.mean(delong > law.area) > 0.2
    assert np.mean(auroc_bounds(scores, positive, 0.05).low > law.area) <= EXACT


def test_hanley_mcneil_holds_on_equal_variance_normal_scores() -> None:
    for area in (0.7, 0.9):
        law, runs = binormal(area), 2000
        scores, positive = law.sample(runs, 100, 200)
        bounds = hanley_mcneil_bounds(scores, positive, 0.05)
        case, said = f"{law.name}, 100/200", f"AUROC {area} = threshold"
        record(bounds.method.name, case, said, "false met", int((bounds.low > area).sum()), runs, ASYMPTOTIC)
        record(bounds.method.name, case, said, "false violated", int((bounds.high < area).sum()), runs, ASYMPTOTIC)


def test_placements_in_own_blocks_decide_more_than_the_smaller_class() -> None:
    """100 positives, 1000 negatives, true AUROC .95 against a floor of .90."""
    scores, positive = binormal(0.95).sample(1000, 100, 1000)

    betting = np.mean(betting_bounds(scores, positive, 0.05).low >= 0.9)
    smaller_class = np.mean(binomial.lower(100 * auroc(scores, positive), 100, 0.05) >= 0.9)

    assert betting > smaller_class + 0.15
