"""Plans for means of bounded losses, whose bound is a bet: by the spread of the losses, which must be assumed."""

from __future__ import annotations

import numpy as np
from scipy import special

from pytest_mlspec.metrics.evidence.averaged import Mean
from pytest_mlspec.metrics.evidence.difference import Difference
from pytest_mlspec.metrics.judging.planned import betting_to_decide
from pytest_mlspec.metrics.planning.plan import Question, Way
from pytest_mlspec.stats.bounds import FloatArray

SPREADS = (0.25, 0.1)
"""Assumed standard deviations of one case's value, as shares of its range; the worst case has its own row."""
_POINTS = 512


def of_mean(question: Question, evidence: Mean) -> tuple[Way, ...] | str:
    """A mean, or its root, of losses in a known range."""
    cases = case_range(question, evidence)
    if isinstance(cases, str):
        return cases
    low, high = cases

    def share(value: float) -> float:
        return ((value**2 if evidence.transform == "sqrt" else value) - low) / (high - low)

    def way(spread: float | None) -> Way:
        def needed(expected: float, power: float) -> int | None:
            if not question.right(expected):
                return None
            return mean_to_decide(share(expected), spread, share(question.threshold), question.level, power)

        return Way(
            unit=evidence.unit, at_hand=int(evidence.sizes.min()), needed=needed, assuming=_words(spread, high - low)
        )

    return (way(None), *(way(spread) for spread in SPREADS))


def case_range(question: Question, evidence: Mean) -> tuple[float, float] | str:
    if evidence.cluster_codes is not None:
        return "rows are clustered, and the bound of a mean has no clustered form"
    low, high = evidence.case_range(question.terms)
    if low is None or high is None:
        return "a loss without a largest value has no plan: give max_loss= on the marker"
    return low, high


def _words(spread: float | None, width: float) -> str:
    if spread is None:
        return "whatever the losses (each 0 or the largest)"
    return f"losses with a standard deviation of at most {spread * width:.3g}"


def of_difference(question: Question, evidence: Difference) -> tuple[Way, ...] | str:
    """A paired difference of bounded losses: a mean of values in [-width, width]."""
    first = evidence.first.case_values(question.terms)
    if first is None or first.low is None or first.high is None or not evidence.independent:
        return "a difference of metrics that are no means of bounded values over independent cases has no plan"
    width = first.high - first.low

    def share(value: float) -> float:
        return (value + width) / (2.0 * width)

    def way(spread: float) -> Way:
        def needed(expected: float, power: float) -> int | None:
            if not question.right(expected):
                return None
            return mean_to_decide(share(expected), spread / 2.0, share(question.threshold), question.level, power)

        words = f"differences of one case with a standard deviation of at most {spread * width:.3g}"
        return Way(unit=evidence.unit, at_hand=int(evidence.sizes.min()), needed=needed, assuming=words)

    return tuple(way(spread) for spread in SPREADS)


def mean_to_decide(mean: float, spread: float | None, limit: float, level: float, power: float) -> int | None:
    """How many cases tell a mean from its limit by betting.

    Args:
        mean: the assumed mean, in [0, 1].
        spread: the standard deviation of one case; ``None``, or more than a mean allows: the largest there is.
        limit: the limit on the mean.
        level: one-sided error level.
        power: wanted probability of a decision.

    Returns:
        The number of cases, ``None`` where none up to 10 ** 8 suffices.

    Source:
        ``betting_to_decide`` on the quantiles of a beta law with these moments; of all laws in [0, 1] with one mean
        the largest variance is that of the extremes alone.
    """
    largest = float(np.sqrt(mean * (1.0 - mean)))
    if not 0.0 <= mean <= 1.0 or not 0.0 <= limit <= 1.0:
        return None
    if spread is None or spread >= largest:
        return betting_to_decide(_two_points(mean), limit, level, power)
    concentration = mean * (1.0 - mean) / spread**2 - 1.0
    ranks = (np.arange(_POINTS) + 0.5) / _POINTS
    values = special.betaincinv(mean * concentration, (1.0 - mean) * concentration, ranks)
    return betting_to_decide(np.clip(values + (mean - values.mean()), 0.0, 1.0), limit, level, power)


def _two_points(mean: float) -> FloatArray:
    """Values of 0 and 1 with this mean, to one part in ten thousand."""
    points = 10_000
    return (np.arange(points) < round(mean * points)).astype(np.float64)
