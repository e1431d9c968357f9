"""Plans for bounds that hold at every number of cases: the size at which an unlucky count would decide."""

from __future__ import annotations

import numpy as np
from scipy import special

from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.metrics.planning.plan import Question, Way
from pytest_mlspec.stats.anytime import log_evidence
from pytest_mlspec.stats.planning_by_draws import smallest_size


def ways_at_any_time(question: Question) -> tuple[Way, ...] | str:
    """Cases that decide a rate with an anytime-valid bound."""
    evidence = question.estimate.evidence
    if not isinstance(evidence, Rate) or evidence.transform != "rate" or evidence.cluster_codes is not None:
        return "anytime=True has a plan for rates of independent cases only"

    def needed(expected: float, power: float) -> int | None:
        return cases_at_any_time(_for_floor(question, expected), _for_floor(question), question.level, power)

    return (Way(unit=evidence.unit, at_hand=int(evidence.sizes.min()), needed=needed, quick=True),)


def _for_floor(question: Question, value: float | None = None) -> float:
    value = question.threshold if value is None else value
    return value if question.comparison == ">=" else 1.0 - value


def cases_at_any_time(rate: float, floor: float, level: float, power: float) -> int | None:
    """How many cases prove a rate above a floor by the wealth at that size alone, with this power.

    Source:
        ``stats.anytime.log_evidence`` at the (1 - power) quantile of the binomial count.
    """
    if not 0.0 < floor < rate <= 1.0:
        return None

    def reaches(size: int) -> bool:
        hits = np.arange(size + 1) if size < 4096 else np.arange(int(floor * size), size + 1)
        proving = log_evidence(hits, size, floor) >= np.log(1.0 / level)
        if not proving.any():
            return False
        least = float(hits[int(np.argmax(proving))])
        return bool(_at_least(least, size, rate) >= power)

    return smallest_size(reaches, most=10**6)


def _at_least(least: float, size: int, rate: float) -> float:
    return 1.0 if least <= 0 else float(special.betainc(least, size - least + 1.0, rate))


def best_at_any_time(question: Question, evidence: Rate) -> float | None:
    """What a model without an error would prove on the cases at hand."""
    from pytest_mlspec.stats.anytime import anytime_bounds

    size = int(evidence.sizes.min())
    if not size or evidence.transform != "rate" or evidence.cluster_codes is not None:
        return None
    hits = size if question.comparison == ">=" else 0
    bounds = anytime_bounds(hits, size, question.level)
    return float(bounds.low if question.comparison == ">=" else bounds.high)
