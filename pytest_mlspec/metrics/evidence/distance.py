"""Evidence of a distance between the laws of two datasets: one number, bounded from what was counted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from pytest_mlspec.metrics.evidence import CaseValues, Goal, PseudoValues
from pytest_mlspec.stats import drift
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Method, Side
from pytest_mlspec.verdict import Terms

CLUSTERED = "rows are clustered by {} and bounds of a distance need independent rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """How often an event happened on rows that did not pick it."""

    source_hits: int
    n_source: int
    target_hits: int
    n_target: int

    @property
    def difference(self) -> float:
        """Its share in the target minus its share in the source."""
        return self.target_hits / self.n_target - self.source_hits / self.n_source


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distance:
    """Evidence for the largest difference of two probabilities over a family of events, in [0, 1].

    Args:
        method: how the bounds are called.
        measured: the largest measured difference.
        n_source, n_target: rows of both samples.
        by_chance: what samples of equal laws would measure on average.
        held_out: an event counted on rows that did not pick it; ``None``: bounded for all distribution functions.
        open_above: why nothing bounds it from above; empty where something does.
        clustered: what the clusters of dependent rows are; empty where there are none.
        words: what makes the distance, for messages.
    """

    method: Method
    measured: float
    n_source: int
    n_target: int
    by_chance: float = 0.0
    held_out: HeldOut | None = None
    open_above: str = ""
    clustered: str = ""
    words: str = ""
    unit: str = "rows in both"

    @property
    def values(self) -> FloatArray:
        """(1,) the measured distance."""
        return np.array([self.measured])

    @property
    def sizes(self) -> IntArray:
        """(1,) rows of both samples."""
        return np.array([self.n_source + self.n_target])

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(1,) one-sided bounds, each at ``level``."""
        if self.clustered:
            nothing = np.array([np.inf])
            return Bounds(low=-nothing, high=nothing, method=self.method, reason=CLUSTERED.format(self.clustered))
        low, high = max(0.0, self._lower(level)), np.inf
        if not self.open_above:
            high = drift.distance_upper(self.measured, self.n_source, self.n_target, level)
        return Bounds(low=np.array([low]), high=np.array([high]), method=self.method, reason=self.open_above)

    def _lower(self, level: float) -> float:
        if self.held_out is None:
            return drift.ks_lower(self.measured, self.n_source, self.n_target, level)
        seen = self.held_out
        return drift.held_out_lower(seen.source_hits, seen.n_source, seen.target_hits, seen.n_target, level)

    def take(self, cases: IntArray) -> NoReturn:
        """A distance has no cases of its own."""
        raise TypeError("a distance between two datasets has no groups: slice both with where(...) and measure again")

    def counts(self, member: int) -> str:
        """What makes the distance."""
        return self.words

    def case_values(self, terms: Terms) -> CaseValues | None:
        """``None``: it is no mean over cases."""
        return None

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """``None``: there are no retrainings to compare."""
        return None

    def plan(self, member: int, goal: Goal) -> int | None:
        """Rows of both, in their present proportion, that decide a distance of which chance has been taken off."""
        truth = math.sqrt(max(0.0, self.measured**2 - self.by_chance**2))
        above = truth > goal.threshold
        if self.clustered or (self.open_above and not above):
            return None
        counted = self.held_out if above and self.held_out is not None else self
        if above:
            seen = self.measured if self.held_out is None else self.held_out.difference
            reach = seen - self._lower(goal.level)
        else:
            reach = drift.upper_reach(self.n_source, self.n_target, goal.level)
        return drift.rows_to_decide(
            self.n_source + self.n_target,
            truth=truth,
            limit=goal.threshold,
            by_chance=self.by_chance,
            reach=reach,
            luck=0.5 * math.sqrt(1 / counted.n_source + 1 / counted.n_target),
            power=goal.power,
        )

    def perfect(self, goal: Goal) -> float | None:
        """``None``: no model is judged."""
        return None
