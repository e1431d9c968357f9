"""Sizes that would decide a requirement, scaled from bounds that are at hand."""

from __future__ import annotations

import numpy as np

from pytest_mlspec.metrics.evidence import Evidence
from pytest_mlspec.stats.bounds import Bounds
from pytest_mlspec.verdict import Comparison


def scaled(
    evidence: Evidence,
    bounds: Bounds,
    member: int,
    threshold: float,
    comparison: Comparison,
    level: float,
    power: float,
) -> int | None:
    """How many cases bring the bound that matters to the threshold, if its distance shrinks with their square root.

    Returns:
        The number of cases in all, in the unit of ``evidence.sizes``; ``None`` where the bound is open or the value is
        the threshold.
    """
    from pytest_mlspec.stats import planning

    value, size = float(evidence.values[member]), int(evidence.sizes[member])
    end = float(bounds.low[member] if value > threshold else bounds.high[member])
    distance = abs(value - end)
    if not np.isfinite(distance) or not np.isfinite(value) or value == threshold or not size:
        return None
    return planning.scaled_to_decide(size, value, threshold, distance, level, power)
