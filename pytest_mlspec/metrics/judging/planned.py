"""Sizes that would decide a requirement, scaled from bounds that are at hand."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri

from pytest_mlspec.metrics.evidence import Evidence, Goal
from pytest_mlspec.stats.betting import STAKE_CAP
from pytest_mlspec.stats.bounds import FloatArray


def scaled(evidence: Evidence, member: int, goal: Goal, *, size: int | None = None) -> int | None:
    """How many cases bring the bound that matters to the threshold, if its distance shrinks with their square root.

    Args:
        evidence: what is measured.
        member: whose bound matters.
        goal: what is to be decided.
        size: the cases that grow, where these are not all that decide.

    Returns:
        The number of cases in all, in the unit of ``size``; ``None`` where the bound is open or the value is
        the threshold.
    """
    from pytest_mlspec.stats import planning

    bounds = evidence.bounds(goal.level, goal.terms)
    value = float(evidence.values[member])
    size = int(evidence.sizes[member]) if size is None else size
    end = float(bounds.low[member] if value > goal.threshold else bounds.high[member])
    distance = abs(value - end)
    if not np.isfinite(distance) or not np.isfinite(value) or value == goal.threshold or not size:
        return None
    return planning.scaled_to_decide(size, value, goal.threshold, distance, goal.level, goal.power)


_LARGEST = 10**8


def betting_to_decide(shares: FloatArray, limit: float, level: float, power: float) -> int | None:
    """How many more cases like these let betting tell their mean from a limit.

    The log wealth after n cases with the stake rate min(sqrt(2 ln(1/level) / (n v)), 0.75 / m) is nearly normal; the
    number is the first at which its lower (1 - power) quantile, by the moments of the cases seen, reaches ln(1/level).

    Args:
        shares: (cases,) values in [0, 1].
        limit: the limit on their mean, in (0, 1).
        level: one-sided error level.
        power: wanted probability of a decision.

    Returns:
        The number of cases in all, or ``None`` above 10 ** 8 and where the mean is the limit.
    """
    mean = float(shares.mean())
    if mean == limit or not 0.0 < limit < 1.0:
        return None
    gains, edge = (shares - limit, limit) if mean > limit else (limit - shares, 1.0 - limit)
    wanted, quantile = math.log(1.0 / level), float(-ndtri(power))
    variance = max(float(shares.var()), 1e-12)

    def enough(n: int) -> bool:
        growth = np.log1p(min(math.sqrt(2.0 * wanted / (n * variance)), STAKE_CAP / edge) * gains)
        return n * float(growth.mean()) + quantile * math.sqrt(n) * float(growth.std()) >= wanted

    high = 1
    while not enough(high):
        high *= 2
        if high > _LARGEST:
            return None
    low = high // 2
    while high - low > max(1, high // 256):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
