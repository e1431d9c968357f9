"""Evidence whose bounds hold however many cases were judged before: at any time, whatever stopped the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pytest_mlspec.metrics.evidence import CaseValues, Evidence, Goal, PseudoValues
from pytest_mlspec.metrics.evidence.across import Across
from pytest_mlspec.metrics.evidence.averaged import SIGNED, UNBOUNDED, Mean
from pytest_mlspec.metrics.evidence.changes import MeanChange
from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.metrics.evidence.difference import Difference
from pytest_mlspec.metrics.evidence.groups import Grouped
from pytest_mlspec.metrics.evidence.known import Known
from pytest_mlspec.metrics.evidence.leading import Leading
from pytest_mlspec.metrics.evidence.quotient import LevelQuotient
from pytest_mlspec.metrics.evidence.size import Size
from pytest_mlspec.metrics.evidence.whole_ensemble import EnsembleMean
from pytest_mlspec.stats import anytime, anytime_means
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Side
from pytest_mlspec.verdict import Terms

Bound = Callable[[float, Terms], Bounds]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AtAnyTime:
    """The metric with other bounds; it has no values per case, by which bounds for one sample size could be made.

    Args:
        evidence: the metric.
        bound: its bounds at a level, on the contract's terms.
    """

    evidence: Evidence
    bound: Bound

    @property
    def whole_ensemble(self) -> bool:
        """Whether it is one number about all members together."""
        return bool(getattr(self.evidence, "whole_ensemble", False))

    @property
    def values(self) -> FloatArray:
        """(members,) the metric."""
        return self.evidence.values

    @property
    def sizes(self) -> IntArray:
        """(members,) how many cases decide it."""
        return self.evidence.sizes

    @property
    def unit(self) -> str:
        """What is counted."""
        return self.evidence.unit

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds, each at ``level`` over all sample sizes together."""
        if (self.sizes > 0).all():
            return self.bound(level, terms)
        unknown: FloatArray = np.full(len(self.values), np.inf)
        reason = f"there are no {self.unit} to judge"
        return Bounds(low=-unknown, high=unknown, method=anytime.ANYTIME, reason=reason)

    def take(self, cases: IntArray) -> Evidence:
        """The same on these positions only.

        Raises:
            TypeError: bounds that hold at any time are not known for it.
        """
        part = at_any_time(self.evidence.take(cases))
        if part is None:
            raise TypeError("anytime-valid bounds are not known for a part of this metric")
        return part

    def counts(self, member: int) -> str:
        """What was counted."""
        return self.evidence.counts(member)

    def case_values(self, terms: Terms) -> CaseValues | None:
        """``None``: what is made of values per case holds for one sample size."""
        return None

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """``None``: as ``case_values``."""
        return None

    def plan(self, member: int, goal: Goal) -> int | None:
        """How many cases in all would decide it, if the distance shrinks with their square root."""
        from pytest_mlspec.metrics.judging.planned import scaled

        return scaled(self, member, goal)

    def perfect(self, goal: Goal) -> float | None:
        """``None``: the cases still grow."""
        return None


def at_any_time(evidence: Evidence) -> Evidence | None:
    """The same metric with anytime-valid bounds; ``None`` where none are known.

    They are known for rates (F1 among them, by its Jaccard index) and means of values in a declared range of
    independent cases, and so for what Bonferroni's inequality makes of them: folds over groups, differences, quotients
    and sizes. Each holds at all sample sizes at once, and so do all of them together.
    """
    if isinstance(evidence, Known):
        return evidence
    if getattr(evidence, "cluster_codes", None) is not None:
        return None
    if isinstance(evidence, Rate):
        return AtAnyTime(evidence=evidence, bound=lambda level, terms: _rate_bounds(evidence, level))
    if isinstance(evidence, Mean):
        return AtAnyTime(evidence=evidence, bound=lambda level, terms: _mean_bounds(evidence, level, terms))
    if isinstance(evidence, MeanChange):
        return AtAnyTime(
            evidence=evidence, bound=lambda level, terms: _mean_bounds(evidence.as_mean(terms), level, terms)
        )
    if isinstance(evidence, EnsembleMean):
        return _of_ensemble(evidence)
    if isinstance(evidence, Leading):
        inner = at_any_time(evidence.evidence)
        return None if inner is None else replace(evidence, evidence=inner)
    if isinstance(evidence, Grouped):
        parts = _all_of(evidence.by_parts())
        return None if parts is None else replace(evidence, parts=parts, counted=None, whole=None, codes=None)
    return _of_two(evidence)


def _of_two(evidence: Evidence) -> Evidence | None:
    if isinstance(evidence, Size):
        inner = at_any_time(evidence.evidence)
        return None if inner is None else replace(evidence, evidence=inner)
    if isinstance(evidence, Across | LevelQuotient):
        sides = _all_of(evidence.compared)
        return None if sides is None else replace(evidence, first=sides[0], second=sides[1])
    return _difference(evidence) if isinstance(evidence, Difference) else None


def _all_of(parts: tuple[Evidence, ...]) -> tuple[Evidence, ...] | None:
    found = tuple(at_any_time(part) for part in parts)
    known = tuple(part for part in found if part is not None)
    return known if len(known) == len(found) else None


def _of_ensemble(evidence: EnsembleMean) -> Evidence | None:
    if evidence.reason:  # these members decide nothing, whatever the bound
        return evidence
    inner = at_any_time(evidence.mean)
    return None if inner is None else AtAnyTime(evidence=evidence, bound=inner.bounds)


def _rate_bounds(rate: Rate, level: float) -> Bounds:
    bounds = anytime.anytime_bounds(rate.successes, rate.sizes, level)
    return replace(bounds, low=rate.shown(bounds.low), high=rate.shown(bounds.high))


def _mean_bounds(mean: Mean, level: float, terms: Terms) -> Bounds:
    low, high = mean.case_range(terms)
    losses = mean.losses.astype(np.float64)
    if low is None or (high is None and float(losses.min()) < 0):
        unknown: FloatArray = np.full(len(losses), np.inf)
        return Bounds(low=-unknown, high=unknown, method=anytime_means.ANYTIME_MEAN, reason=SIGNED)
    if high is None:
        bounds = replace(anytime_means.lower_bound_unbounded(losses, level), reason=UNBOUNDED)
    else:
        bounds = anytime_means.mean_bounds(np.clip((losses - low) / (high - low), 0.0, 1.0), level)
        bounds = replace(bounds, low=low + (high - low) * bounds.low, high=low + (high - low) * bounds.high)
    return replace(bounds, low=mean.shown(bounds.low), high=mean.shown(bounds.high))


def _difference(difference: Difference) -> Evidence | None:
    """Paired where both sides are about the same cases whatever was drawn, else from the bounds of either side."""
    if difference.exchanged is not None or not difference.independent:
        return None
    given = difference.compared
    sides = _all_of(given)
    if sides is None:
        return None
    apart = replace(difference, first=sides[0], second=sides[1])
    # Where each model chooses its own cases (precision), they may agree by chance: the bound must not hang on that.
    if any(isinstance(side, Rate) and side.included is not None and side.included.ndim == 2 for side in given):
        return apart
    return AtAnyTime(evidence=difference, bound=lambda level, terms: _paired_bounds(difference, apart, level, terms))


def _paired_bounds(difference: Difference, apart: Difference, level: float, terms: Terms) -> Bounds:
    rows = difference.paired_rows(terms)
    if rows is None:
        return apart.bounds(level, terms)
    first, second = rows
    assert first.low is not None and first.high is not None
    width = first.high - first.low
    gains = first.rows.astype(np.float64) - second.rows
    bounds = anytime_means.mean_bounds(np.clip((gains / width + 1.0) / 2.0, 0.0, 1.0), level)
    return replace(bounds, low=width * (2.0 * bounds.low - 1.0), high=width * (2.0 * bounds.high - 1.0))
