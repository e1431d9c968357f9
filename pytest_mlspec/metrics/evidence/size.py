"""The size of a signed metric: how far it is from zero, whichever the side."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pytest_mlspec.metrics.evidence import CaseValues, Evidence, Goal, PseudoValues, at_delta
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Side
from pytest_mlspec.verdict import Terms


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Size:
    """Evidence for the absolute value of a metric.

    Small is shown by both one-sided bounds at the full level (two one-sided tests: Schuirmann 1987); large, where
    either side would do, at half the level each.
    """

    evidence: Evidence

    @property
    def values(self) -> FloatArray:
        """(members,) the size."""
        return np.abs(self.evidence.values)

    @property
    def sizes(self) -> IntArray:
        """(members,) how many cases decide it."""
        return self.evidence.sizes

    @property
    def unit(self) -> str:
        """What is counted."""
        return self.evidence.unit

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds, each at ``level``; the lower one is at least 0."""
        full, half = self.evidence.bounds(level, terms), self.evidence.bounds(level / 2, terms)
        high = np.maximum(full.high, -full.low)
        low = np.maximum(np.maximum(half.low, -half.high), 0.0)
        return replace(full, low=low, high=high, reason=full.reason or half.reason)

    def at(self, delta: float) -> Size:
        """The size at this largest loss of one case."""
        return replace(self, evidence=at_delta(self.evidence, delta))

    def take(self, cases: IntArray) -> Evidence:
        """The size on these positions of the predictions only."""
        return replace(self, evidence=self.evidence.take(cases))

    def counts(self, member: int) -> str:
        """The signed value, and what was counted for it."""
        counts = self.evidence.counts(member)
        return f"signed {float(self.evidence.values[member]):+.3f}" + (f"; {counts}" if counts else "")

    def case_values(self, terms: Terms) -> CaseValues | None:
        """``None``: the size of a mean is no mean of sizes."""
        return None

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """``None``: the size has a kink at 0."""
        return None

    def plan(self, member: int, goal: Goal) -> int | None:
        """How many cases in all would decide on which side of the limit the size lies."""
        value = float(self.evidence.values[member])
        if value >= 0:
            return self.evidence.plan(member, goal)
        mirrored = replace(goal, threshold=-goal.threshold, comparison=">=" if goal.comparison == "<=" else "<=")
        return self.evidence.plan(member, mirrored)

    def perfect(self, goal: Goal) -> float | None:
        """``None``: how small it could be is not known."""
        return None
