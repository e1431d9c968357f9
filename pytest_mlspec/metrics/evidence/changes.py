"""Evidence of matched pairs: how far the score of each case moves when one thing about it is edited."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pytest_mlspec.metrics.evidence import CaseValues, Goal, PseudoValues
from pytest_mlspec.metrics.evidence.averaged import Losses, Mean
from pytest_mlspec.stats import slopes
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Side
from pytest_mlspec.verdict import Terms, format_value

UNIT = "matched pairs"
UNBOUNDED = (
    "changes of predicted numbers have no bound without max_loss=... on the marker: state the largest absolute change "
    "of one case, or bound flip_rate of a decision made from them"
)
CLUSTERED = "rows are clustered by {} and the bounds of a slope have no clustered form"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeanChange:
    """The mean over cases of ``after - before``, signed, bounded by betting.

    Args:
        before: (members, examples) scores of the cases as they are.
        after: (members, examples) scores of their edited copies.
        limit: the largest absolute change that one case can have; ``None`` if only ``max_loss`` can say so.
        cluster_codes: (examples,) the cluster of each case; ``None``: independent cases.
        cluster_name: what the clusters are, for messages.
    """

    before: Losses
    after: Losses
    limit: float | None
    cluster_codes: IntArray | None = None
    cluster_name: str = "cluster"

    @property
    def values(self) -> FloatArray:
        """(members,) NaN without cases."""
        return self._mean(self.limit).values

    @property
    def sizes(self) -> IntArray:
        """(members,) all cases."""
        return np.full(len(self.after), self.after.shape[1], dtype=np.int64)

    @property
    def unit(self) -> str:
        """What is averaged over."""
        return UNIT

    @property
    def changes(self) -> FloatArray:
        """(members, examples) after minus before."""
        return self.after.astype(np.float64) - self.before

    def _mean(self, limit: float | None) -> Mean:
        return Mean(
            losses=self.changes if limit is None else np.clip(self.changes, -limit, limit),
            low=None if limit is None else -limit,
            high=limit,
            declared="nothing",
            unit=UNIT,
            cluster_codes=self.cluster_codes,
            cluster_name=self.cluster_name,
        )

    def as_mean(self, terms: Terms) -> Mean:
        """The mean change as a mean of bounded values, as far as the contract bounds them."""
        return self._mean(largest_change(self.changes, self.limit, terms))

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds, each at ``level``.

        Raises:
            ValueError: a change above the declared ``max_loss``.
        """
        mean = self.as_mean(terms)
        bounds = mean.bounds(level, terms, need)
        unbounded = mean.high is None and self.after.shape[1] and self.cluster_codes is None
        return replace(bounds, reason=UNBOUNDED) if unbounded else bounds

    def take(self, cases: IntArray) -> MeanChange:
        """The same mean on these positions only."""
        clusters = None if self.cluster_codes is None else self.cluster_codes[cases]
        return replace(self, before=self.before[:, cases], after=self.after[:, cases], cluster_codes=clusters)

    def counts(self, member: int) -> str:
        """``mean 0.412 before, 0.431 after``."""
        if not self.after.shape[1]:
            return ""
        means = [format_value(float(np.mean(side[member], dtype=np.float64))) for side in (self.before, self.after)]
        return f"mean {means[0]} before, {means[1]} after"

    def case_values(self, terms: Terms) -> CaseValues | None:
        """The changes."""
        return self.as_mean(terms).case_values(terms)

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """The changes."""
        if not self.after.shape[1]:
            return None
        limit = largest_change(self.changes, self.limit, terms)
        width = None if limit is None else 2.0 * limit
        return PseudoValues(rows=self.changes, width=width, unbounded="" if limit is not None else UNBOUNDED)

    def plan(self, member: int, goal: Goal) -> int | None:
        """As many pairs as let the bound decide, by the changes seen."""
        return self.as_mean(goal.terms).plan(member, goal)

    def perfect(self, goal: Goal) -> float | None:
        """``None``: a signed change has no best value."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChangeSlope:
    """The least-squares slope of the change over a numeric column.

    Args:
        changes: (members, examples) after minus before.
        x: (examples,) the column.
        column: its name.
        limit: the largest absolute change that one case can have; ``None`` if only ``max_loss`` can say so.
        cluster_codes: (examples,) the cluster of each case; ``None``: independent cases.
        cluster_name: what the clusters are, for messages.
    """

    changes: FloatArray
    x: FloatArray
    column: str
    limit: float | None
    cluster_codes: IntArray | None = None
    cluster_name: str = "cluster"

    @property
    def values(self) -> FloatArray:
        """(members,) change per unit of the column; NaN where the column is constant."""
        if not self.x.size:
            return np.full(len(self.changes), np.nan)
        return slopes.slopes(self.changes, self.x)

    @property
    def sizes(self) -> IntArray:
        """(members,) all cases."""
        return np.full(len(self.changes), self.x.size, dtype=np.int64)

    @property
    def unit(self) -> str:
        """What the slope is fitted to."""
        return UNIT

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds, each at ``level``.

        Raises:
            ValueError: a change above the declared ``max_loss``.
        """
        limit = largest_change(self.changes, self.limit, terms)
        if not self.x.size:
            return self._open(f"there are no {UNIT} to judge")
        if self.cluster_codes is not None:
            return self._open(CLUSTERED.format(self.cluster_name))
        if limit is None:
            return self._open(UNBOUNDED)
        return slopes.slope_bounds(self.changes, self.x, level, largest=limit)

    def _open(self, reason: str) -> Bounds:
        unknown = np.full(len(self.changes), np.inf)
        return Bounds(low=-unknown, high=unknown, method=slopes.SLOPE, reason=reason)

    def take(self, cases: IntArray) -> ChangeSlope:
        """The same slope on these positions only."""
        clusters = None if self.cluster_codes is None else self.cluster_codes[cases]
        return replace(self, changes=self.changes[:, cases], x=self.x[cases], cluster_codes=clusters)

    def counts(self, member: int) -> str:
        """``mean change 0.120 while share_women runs from 0.020 to 0.970``."""
        if not self.x.size:
            return ""
        ends = (format_value(float(end)) for end in (self.x.min(), self.x.max()))
        mean = format_value(float(self.changes[member].mean()))
        return f"mean change {mean} while {self.column} runs from {' to '.join(ends)}"

    def case_values(self, terms: Terms) -> CaseValues | None:
        """``None``: what one case adds to a slope hangs on the column of all others."""
        return None

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """Influence rows: the slope plus n w_i e_i, with w_i the weight and e_i the residual of case i."""
        slope = self.values
        if not self.x.size or np.isnan(slope).any():
            return None
        centred = self.x - self.x.mean()
        residuals = self.changes - self.changes.mean(axis=1, keepdims=True) - slope[:, None] * centred
        rows = slope[:, None] + self.x.size * residuals * (centred / (centred @ centred))
        limit = largest_change(self.changes, self.limit, terms)
        return PseudoValues(rows=rows, unbounded="" if limit is not None else UNBOUNDED)

    def plan(self, member: int, goal: Goal) -> int | None:
        """How many pairs with such a column would decide it, if the distance shrinks with their square root."""
        from pytest_mlspec.metrics.judging.planned import scaled

        return scaled(self, member, goal)

    def perfect(self, goal: Goal) -> float | None:
        """``None``: a signed slope has no best value."""
        return None


def largest_change(changes: FloatArray, limit: float | None, terms: Terms) -> float | None:
    """The largest absolute change that one case can have: known, or what the contract declares as ``max_loss``.

    Raises:
        ValueError: a change above what was declared.
    """
    if limit is not None or terms.max_loss is None:
        return limit
    seen = np.abs(changes)
    if seen.size and float(seen.max()) > terms.max_loss * (1 + 1e-9):
        case = int(np.unravel_index(int(seen.argmax()), seen.shape)[1])
        raise ValueError(
            f"max_loss={terms.max_loss:g} declares that no prediction can change by more; the case at position {case} "
            f"changed by {float(seen.max()):.4g}. Declare what the quantity allows, not what is hoped for"
        )
    return terms.max_loss
