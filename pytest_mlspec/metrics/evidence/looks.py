"""Evidence at one of several declared looks: the same metric, with bounds that hold over all looks together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from pytest_mlspec.metrics.evidence import CaseValues, Evidence, Goal, PseudoValues
from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.stats import binomial, sequential
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Side
from pytest_mlspec.verdict import Terms

TOO_LITTLE = 1e-9
"""A look that gets less of the level decides nothing: no bound is computed, or checked, so far out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """A level divided over declared looks, at the look that has been reached.

    Args:
        looks: examples at each look, increasing.
        number: which look it is, from 1.
        how: how the level is spread over the looks.
    """

    looks: tuple[int, ...]
    number: int
    how: sequential.Spending

    def part(self, level: float) -> float:
        """What this look may err, by Bonferroni's inequality."""
        return float(sequential.spent(self.looks, level, self.how)[self.number - 1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AtLook:
    """Evidence whose bounds at a level are those at this look's part of it (Bonferroni's inequality).

    Args:
        evidence: the metric on the cases of the look.
        spending: how the level is divided.
    """

    evidence: Evidence
    spending: Spending

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
        """(members,) one-sided bounds that hold at all looks together, each at ``level``."""
        part = self.spending.part(level)
        bounds = self.evidence.bounds(max(part, TOO_LITTLE), terms, need)
        method = replace(
            bounds.method,
            name=f"{bounds.method.name} at declared looks",
            source=f"{bounds.method.source}; Lan & DeMets 1983 (spending), Bonferroni's inequality over looks",
        )
        if part >= TOO_LITTLE:
            return replace(bounds, method=method)
        unknown: FloatArray = np.full(np.shape(bounds.low), np.inf)
        return replace(bounds, low=-unknown, high=unknown, method=method)

    def take(self, cases: IntArray) -> AtLook:
        """The same on these positions of the look's cases only."""
        return replace(self, evidence=self.evidence.take(cases))

    def counts(self, member: int) -> str:
        """What was counted."""
        return self.evidence.counts(member)

    def case_values(self, terms: Terms) -> CaseValues | None:
        """The metric as a mean over the look's cases."""
        return self.evidence.case_values(terms)

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """Jackknife values on the look's cases."""
        return self.evidence.pseudo_values(terms)

    def plan(self, member: int, goal: Goal) -> int | None:
        """As many cases as would decide it if this look were the only one, at its part of the level."""
        return self.evidence.plan(member, replace(goal, level=max(self.spending.part(goal.level), TOO_LITTLE)))

    def perfect(self, goal: Goal) -> float | None:
        """What a flawless model would reach at this look."""
        return self.evidence.perfect(replace(goal, level=max(self.spending.part(goal.level), TOO_LITTLE)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RateAtLook:
    """A rate of independent cases at a look, judged against a known limit: the exact recursion over looks.

    Args:
        rate: the rate on the cases of the look.
        spending: how the level is divided.
        threshold: what the rate is compared with; the bounds are valid for this comparison only.
        sizes_so_far: (looks so far, members) how many cases the rate was made of at each look.
    """

    rate: Rate
    spending: Spending
    threshold: float
    sizes_so_far: IntArray

    @property
    def whole_ensemble(self) -> bool:
        """A rate has a value per member."""
        return False

    @property
    def values(self) -> FloatArray:
        """(members,) the rate."""
        return self.rate.values

    @property
    def sizes(self) -> IntArray:
        """(members,) how many cases decide it."""
        return self.rate.sizes

    @property
    def unit(self) -> str:
        """What is counted."""
        return self.rate.unit

    def levels(self, level: float) -> tuple[FloatArray, FloatArray]:
        """(members,) the levels of the lower and of the upper Clopper-Pearson bounds at this look."""
        limit = self.rate.as_rate(self.threshold)
        found = [
            _levels(self.spending.looks, limit, level, self.spending.how, tuple(sizes))
            for sizes in self.sizes_so_far.T.tolist()
        ]
        return np.array([low for low, _ in found]), np.array([high for _, high in found])

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds that, compared with the limit, err at most at ``level`` over all looks."""
        hits, trials = self.rate.successes, self.rate.sizes
        low_levels, high_levels = self.levels(level)
        pairs = list(zip(hits.tolist(), trials.tolist(), low_levels.tolist(), high_levels.tolist(), strict=True))
        low = np.array([float(binomial.lower(k, n, part)) for k, n, part, _ in pairs])
        high = np.array([float(binomial.upper(k, n, part)) for k, n, _, part in pairs])
        known = trials > 0
        return Bounds(
            low=np.where(known, self.rate.shown(low), -np.inf),
            high=np.where(known, self.rate.shown(high), np.inf),
            method=replace(sequential.DECLARED_LOOKS, name=f"{self.rate.method().name} at declared looks"),
            reason="" if known.all() else f"there are no {self.unit} to judge",
        )

    def take(self, cases: IntArray) -> RateAtLook:
        """Refused: how many of some cases each earlier look had is not known here.

        Raises:
            TypeError: always.
        """
        raise TypeError("a rate at a look cannot be sliced: slice the data, then judge")

    def counts(self, member: int) -> str:
        """``218/368``."""
        return self.rate.counts(member)

    def case_values(self, terms: Terms) -> CaseValues | None:
        """Hits on the look's cases."""
        return self.rate.case_values(terms)

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """Jackknife values on the look's cases."""
        return self.rate.pseudo_values(terms)

    def plan(self, member: int, goal: Goal) -> int | None:
        """As many cases as would decide it at this look's level of the side that is nearer."""
        return self.rate.plan(member, replace(goal, level=self._at_look(member, goal)))

    def perfect(self, goal: Goal) -> float | None:
        """What a flawless model would reach at this look."""
        return self.rate.perfect(replace(goal, level=self._at_look(0, goal)))

    def _at_look(self, member: int, goal: Goal) -> float:
        low, high = self.levels(goal.level)
        above = bool(self.values[member] > goal.threshold)
        return max(float((low if above else high)[member]), TOO_LITTLE)


@lru_cache(maxsize=512)
def _levels(
    looks: tuple[int, ...], limit: float, level: float, how: sequential.Spending, sizes: Sequence[int]
) -> tuple[float, float]:
    found = sequential.rate_levels(looks, limit, level, how, cases=sizes)
    return float(found.low[-1]), float(found.high[-1])
