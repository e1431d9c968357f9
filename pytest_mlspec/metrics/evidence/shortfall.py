"""How much worse each member is than the mean of all members: whether some of them are under-trained."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pytest_mlspec.metrics.evidence import CaseValues, Evidence, Goal, PseudoValues
from pytest_mlspec.stats import shortfall
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Side
from pytest_mlspec.verdict import Terms, format_value

ONE_MEMBER = "needs at least 2 members: one trained model falls behind nobody"
CLUSTERED = "rows are clustered, and the shortfall of a member has no clustered form"
NO_ROWS = "this metric has no values per case to compare the members by"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shortfall:
    """Evidence for the mean of all members minus each member on the same cases, turned so that positive is worse.

    Args:
        evidence: the metric, per member.
        greater_is_better: whether a larger value of it is the better one.
        clustered: whether rows are clustered, where the evidence itself does not say so.
    """

    evidence: Evidence
    greater_is_better: bool
    clustered: bool = False

    @property
    def compared(self) -> tuple[Evidence, ...]:
        """The metric itself, per member."""
        return (self.evidence,)

    @property
    def values(self) -> FloatArray:
        """(members,) the shortfall; NaN for one model."""
        values = self.evidence.values
        if len(values) < 2:
            return np.full(len(values), np.nan)
        return self._turned(values.mean() - values)

    def _turned(self, behind: FloatArray) -> FloatArray:
        return behind if self.greater_is_better else -behind

    @property
    def sizes(self) -> IntArray:
        """(members,) how many cases decide it."""
        return self.evidence.sizes

    @property
    def unit(self) -> str:
        """What is counted."""
        return self.evidence.unit

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds, each at ``level``, from the cases on which the members disagree."""
        if reason := self._why_undecided():
            return self._open(reason)
        cases, better = self._rows(terms), self.greater_is_better
        if cases is not None:
            assert cases.low is not None and cases.high is not None
            return shortfall.shortfall_bounds(cases.rows, level, cases.high - cases.low, greater_is_better=better)
        pseudo = self.evidence.pseudo_values(terms)
        if pseudo is None:
            return self._open(NO_ROWS)
        if pseudo.unbounded:
            return self._open(pseudo.unbounded)
        return shortfall.jackknife_bounds(pseudo.rows, level, pseudo.width, greater_is_better=better)

    def _why_undecided(self) -> str:
        if len(self.evidence.values) < 2:
            return ONE_MEMBER
        if not self.evidence.sizes.all():
            return f"there are no {self.evidence.unit} to judge"
        return CLUSTERED if self.clustered or _has_clusters(self.evidence) else ""

    def _rows(self, terms: Terms) -> CaseValues | None:
        """Values per case in a known range, where the metric is their mean."""
        cases = self.evidence.case_values(terms)
        return None if cases is None or cases.low is None or cases.high is None else cases

    def _open(self, reason: str) -> Bounds:
        unknown = np.full(len(self.evidence.values), np.inf)
        return Bounds(low=-unknown, high=unknown, method=shortfall.SHORTFALL, reason=reason)

    def take(self, cases: IntArray) -> Shortfall:
        """The shortfall on these positions of the predictions only."""
        return replace(self, evidence=self.evidence.take(cases))

    def counts(self, member: int) -> str:
        """``0.912 against 0.968 of all members``."""
        values = self.evidence.values
        return f"{format_value(float(values[member]))} against {format_value(float(values.mean()))} of all members"

    def case_values(self, terms: Terms) -> CaseValues | None:
        """The shortfall on each case, where the metric is a mean of bounded values."""
        cases = self._rows(terms)
        if cases is None or len(cases.rows) < 2 or not cases.rows.shape[1]:
            return None
        assert cases.low is not None and cases.high is not None
        largest = (cases.high - cases.low) * (len(cases.rows) - 1) / len(cases.rows)
        rows = shortfall.case_shortfalls(cases.rows, greater_is_better=self.greater_is_better)
        return CaseValues(rows=rows, low=-largest, high=largest, cases=cases.cases)

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """``None``: the spread of shortfalls is that of the metric itself."""
        return None

    def plan(self, member: int, goal: Goal) -> int | None:
        """Scaled from the distance of the present bound."""
        from pytest_mlspec.metrics.judging.planned import scaled

        return scaled(self, member, goal)

    def perfect(self, goal: Goal) -> float | None:
        """The smallest margin that members which agree on every case could prove."""
        cases = self._rows(goal.terms)
        if goal.comparison == ">=" or cases is None or self._why_undecided():
            return None
        assert cases.low is not None and cases.high is not None
        n_members, n_examples = cases.rows.shape
        return shortfall.smallest_provable(n_members, n_examples, goal.level, cases.high - cases.low)


def _has_clusters(evidence: Evidence) -> bool:
    """Whether the evidence, or one of its parts, knows of clusters: every metric keeps them under this name."""
    if getattr(evidence, "cluster_codes", None) is not None:
        return True
    return any(_has_clusters(part) for part in getattr(evidence, "parts", ()))
