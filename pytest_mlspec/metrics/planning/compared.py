"""What groups of some sizes can prove about each other at best, whatever the rates in them."""

from __future__ import annotations

import numpy as np

from pytest_mlspec.metrics.evidence.groups import Grouped
from pytest_mlspec.stats import pairs
from pytest_mlspec.stats.bounds import FloatArray
from pytest_mlspec.verdict import Comparison

_PASSES, _TRIES = 3, 128


def best_of_groups(evidence: Grouped, comparison: Comparison, level: float) -> float | None:
    """The smallest gap, or largest ratio, that rates in groups of these sizes could prove; ``None``: not known.

    Equal rates are not the best where sizes differ: next to 10 cases without an error a rate of 0.87 in 10,000 proves a
    smaller gap than a rate of 1, since the 10 cases may well have a rate of 0.74. So one of the two smallest groups is
    put at a rate of 1 and that of the other is tried; any further group could only add to a gap.
    """
    met = "<=" if evidence.fold == "gap" else ">="
    if evidence.fold == "worst" or evidence.counted is None or comparison != met:
        return None
    trials = evidence.counted.trials[0]
    if not (trials > 0).all():
        return None
    smaller, larger = np.sort(trials)[:2].astype(np.float64)
    found = [_best(evidence.fold, sizes, level) for sizes in ((smaller, larger), (larger, smaller))]
    return min(found) if evidence.fold == "gap" else max(found)


def _best(fold: str, sizes: tuple[float, float], level: float) -> float:
    """The best bound where the first group is without an error, over the errors of the second: tried twice, closer."""
    low, high, best = 0.0, sizes[1], 0.0
    for _ in range(_PASSES):
        errors = np.unique(np.round(np.linspace(low, high, _TRIES)))
        bounds = _bounds(fold, sizes, errors, level)
        place = int(np.argmin(bounds) if fold == "gap" else np.argmax(bounds))
        best = float(bounds[place])
        low, high = errors[max(place - 1, 0)], errors[min(place + 1, len(errors) - 1)]
    return best


def _bounds(fold: str, sizes: tuple[float, float], errors: FloatArray, level: float) -> FloatArray:
    hits = np.stack([np.full(len(errors), sizes[0]), sizes[1] - errors], axis=1)
    cases = np.broadcast_to(np.asarray(sizes), hits.shape)
    if fold == "gap":
        return pairs.gap_bounds(hits, cases, level, need="high").high
    return pairs.ratio_bounds(hits, cases, level, need="low").low
