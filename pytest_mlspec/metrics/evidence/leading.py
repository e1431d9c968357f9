"""The first members of an ensemble: what a requirement on every member is about when members are added."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pytest_mlspec.metrics.evidence import CaseValues, Evidence, Goal, PseudoValues
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Side
from pytest_mlspec.verdict import Terms


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Leading:
    """Evidence about the first members alone; each of them is bounded as it was before others were added.

    Args:
        evidence: the metric of all members, each with a value of its own.
        n_members: how many of them count.
    """

    evidence: Evidence
    n_members: int

    @property
    def values(self) -> FloatArray:
        """(n_members,) the metric of each."""
        return self.evidence.values[: self.n_members]

    @property
    def sizes(self) -> IntArray:
        """(n_members,) how many cases decide it."""
        return self.evidence.sizes[: self.n_members]

    @property
    def unit(self) -> str:
        """What is counted."""
        return self.evidence.unit

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(n_members,) one-sided bounds, each at ``level``."""
        bounds = self.evidence.bounds(level, terms, need)
        return replace(bounds, low=bounds.low[: self.n_members], high=bounds.high[: self.n_members])

    def take(self, cases: IntArray) -> Leading:
        """The same members on these positions only."""
        return replace(self, evidence=self.evidence.take(cases))

    def counts(self, member: int) -> str:
        """What was counted of one member."""
        return self.evidence.counts(member)

    def case_values(self, terms: Terms) -> CaseValues | None:
        """The values per case of these members."""
        cases = self.evidence.case_values(terms)
        return None if cases is None else replace(cases, rows=cases.rows[: self.n_members])

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """The jackknife rows of these members."""
        pseudo = self.evidence.pseudo_values(terms)
        return None if pseudo is None else replace(pseudo, rows=pseudo.rows[: self.n_members])

    def plan(self, member: int, goal: Goal) -> int | None:
        """How many cases would decide it for one member."""
        return self.evidence.plan(member, goal)

    def perfect(self, goal: Goal) -> float | None:
        """The bound of a flawless model on these cases."""
        return self.evidence.perfect(goal)
