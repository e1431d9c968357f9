"""The gap between groups under one model minus that under another one, on the same cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pytest_mlspec.metrics.evidence import CaseValues, Evidence, Goal, PseudoValues
from pytest_mlspec.metrics.evidence.difference import Difference
from pytest_mlspec.metrics.evidence.groups import Grouped
from pytest_mlspec.stats import gap_differences
from pytest_mlspec.stats.arms import Arms
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Side
from pytest_mlspec.stats.gap_differences import PAIRED_SHARE
from pytest_mlspec.verdict import BOUND_CLASSES, Terms, format_value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GapDifference:
    """Evidence for ``first - second`` of two gaps over the same groups of the same cases.

    Args:
        first, second: the gap of each model.
        independent: whether no two cases depend on each other.
    """

    first: Grouped
    second: Grouped
    independent: bool

    @property
    def compared(self) -> tuple[Evidence, ...]:
        """The gap of each model."""
        return (self.first, self.second)

    @property
    def values(self) -> FloatArray:
        """(members,) the difference; NaN where a group has no case that decides it."""
        return np.asarray(self.first.values - self.second.values)

    @property
    def sizes(self) -> IntArray:
        """(members,) cases in all groups."""
        return np.minimum(*np.broadcast_arrays(self.first.sizes, self.second.sizes))

    @property
    def unit(self) -> str:
        """What a group counts."""
        return self.first.unit

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds: paired within every group, or from both gaps, whichever is nearer."""
        spare = (1 - PAIRED_SHARE) * level
        # The bounds of a gap are costly on one side, which only the opposite side of the other gap goes with.
        other: dict[Side, Side] = {"both": "both", "high": "low", "low": "high"}
        gaps = [gap.bounds(spare / 2, terms, side) for gap, side in ((self.first, need), (self.second, other[need]))]
        reason = next((bounds.reason for bounds in gaps if bounds.reason), "")
        n_members = len(self.values)
        if reason:
            unknown = np.full(n_members, np.inf)
            return Bounds(low=-unknown, high=unknown, method=gaps[0].method, reason=reason)
        parts = [
            Difference(first=one, second=other, independent=self.independent)
            for one, other in zip(self.first.by_parts(), self.second.by_parts(), strict=True)
        ]
        first, second = self.first.by_parts(), self.second.by_parts()
        differences = np.stack([part.values for part in parts], axis=1)
        rates = self.independent and self.first.counted is not None and self.second.counted is not None
        arms = _arms(parts, n_members, terms)
        paired = PAIRED_SHARE * level

        def upper(sign: int, of_first: Arms) -> FloatArray:
            of_differences = arms if sign > 0 else _mirrored(arms)
            return gap_differences.gap_difference_upper(
                sign * differences, of_differences, of_first, paired, independent=rates
            )

        high = np.minimum(upper(1, _arms(first, n_members, terms)), gaps[0].high - gaps[1].low)
        low = np.maximum(-upper(-1, _arms(second, n_members, terms)), gaps[0].low - gaps[1].high)
        base = gap_differences.PAIRED_GAPS if rates else gap_differences.PAIRED_GAPS_BY_BONFERRONI
        made_of = [part.bounds(level, terms).method for part in parts]
        loosest = max((base, *made_of, *(gap.method for gap in gaps)), key=_looseness)
        name = f"{made_of[0].name}, {base.name}"
        return Bounds(low=low, high=high, method=replace(base, name=name, bound_class=loosest.bound_class))

    def at(self, delta: float) -> GapDifference:
        """The difference of the gaps in failure rates at this largest loss of one case."""
        return replace(self, first=self.first.at(delta), second=self.second.at(delta))

    def take(self, cases: IntArray) -> Evidence:
        """The difference over the same groups on these positions only."""
        return replace(self, first=self.first.take(cases), second=self.second.take(cases))

    def counts(self, member: int) -> str:
        """``gaps 0.041 and 0.052``."""
        one, other = (float(gap.values[member if len(gap.values) > 1 else 0]) for gap in (self.first, self.second))
        return f"gaps {format_value(one)} and {format_value(other)}"

    def case_values(self, terms: Terms) -> CaseValues | None:
        """``None``: a gap is a maximum, no mean over cases."""
        return None

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """``None``: a maximum has kinks."""
        return None

    def plan(self, member: int, goal: Goal) -> int | None:
        """How many cases in all groups would decide it, all groups growing alike."""
        from pytest_mlspec.metrics.judging.planned import scaled

        return scaled(self, member, goal)

    def perfect(self, goal: Goal) -> float | None:
        """``None``: how fair a model can be against another one is not known."""
        return None


def _arms(parts: Sequence[Evidence], n_members: int, terms: Terms) -> Arms:
    """The bounds of every group at any level, (members, groups) each."""

    def at(level: float) -> tuple[FloatArray, FloatArray]:
        found = [part.bounds(level, terms) for part in parts]
        low, high = (np.stack([getattr(bounds, end) for bounds in found], axis=1) for end in ("low", "high"))
        shape = (n_members, low.shape[1])
        return np.broadcast_to(low, shape), np.broadcast_to(high, shape)

    return at


def _mirrored(arms: Arms) -> Arms:
    def at(level: float) -> tuple[FloatArray, FloatArray]:
        low, high = arms(level)
        return -high, -low

    return at


def _looseness(method: object) -> int:
    return BOUND_CLASSES.index(str(getattr(method, "bound_class", BOUND_CLASSES[-1])))
