"""The difference of a metric of one model between two sets of cases."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pytest_mlspec.metrics.evidence import CaseValues, Evidence, Goal, PseudoValues, at_delta
from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.stats import melded, pairs
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Method, Side
from pytest_mlspec.verdict import Terms, format_value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Across:
    """Evidence for ``first - second`` of the same members on two sets of cases.

    Args:
        first, second: the metric on each set.
        apart: whether no case, and no cluster, is in both.
    """

    first: Evidence
    second: Evidence
    apart: bool

    @property
    def compared(self) -> tuple[Evidence, ...]:
        """The metric itself, per member."""
        return (self.first, self.second)

    @property
    def values(self) -> FloatArray:
        """(members,) the difference."""
        return self.first.values - self.second.values

    @property
    def sizes(self) -> IntArray:
        """(members,) cases in the smaller set."""
        return np.minimum(self.first.sizes, self.second.sizes)

    @property
    def unit(self) -> str:
        """What is counted."""
        return f"{self.first.unit} in the smaller set"

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds: those of independent rates, else each set at half the level."""
        first, second = self.first, self.second
        if self.apart and _independent_rate(first) and _independent_rate(second):
            assert isinstance(first, Rate) and isinstance(second, Rate)
            low, high = pairs.difference_bounds(first.successes, first.sizes, second.successes, second.sizes, level)
            empty = "" if self.sizes.all() else f"there are no {first.unit} to judge in one of the sets"
            return Bounds(low=low, high=high, method=_method(level), reason=empty)
        one, two = first.bounds(level / 2, terms), second.bounds(level / 2, terms)
        method = replace(one.method, name=f"{one.method.name} for each set of cases, Bonferroni")
        return Bounds(low=one.low - two.high, high=one.high - two.low, method=method, reason=one.reason or two.reason)

    def at(self, delta: float) -> Across:
        """The difference of failure rates at this largest loss of one case."""
        return replace(self, first=at_delta(self.first, delta), second=at_delta(self.second, delta))

    def take(self, cases: IntArray) -> Evidence:
        """Refused: two sets of cases have no common positions.

        Raises:
            TypeError: always.
        """
        raise TypeError("a difference between two datasets cannot be sliced: slice each dataset first")

    def counts(self, member: int) -> str:
        """``0.941 (508/540) and 0.812 (406/500)``."""
        return " and ".join(_told(evidence, member) for evidence in (self.first, self.second))

    def case_values(self, terms: Terms) -> CaseValues | None:
        """``None``: the two sets have no common cases."""
        return None

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """``None``: the two sets have no common cases."""
        return None

    def plan(self, member: int, goal: Goal) -> int | None:
        """How many cases each set would need, both growing alike."""
        from pytest_mlspec.metrics.judging.planned import scaled

        return scaled(self, member, goal)

    def perfect(self, goal: Goal) -> float | None:
        """``None``: how good a model can be against itself elsewhere is not known."""
        return None


def _independent_rate(evidence: Evidence) -> bool:
    return isinstance(evidence, Rate) and evidence.cluster_codes is None and evidence.transform == "rate"


def _method(level: float) -> Method:
    return pairs.SQUARE_AND_ADD if level >= pairs.CLOSED_FORM_LEVEL else melded.MELDED


def _told(evidence: Evidence, member: int) -> str:
    counts = evidence.counts(member)
    return f"{format_value(float(evidence.values[member]))}" + (f" ({counts})" if counts else "")
