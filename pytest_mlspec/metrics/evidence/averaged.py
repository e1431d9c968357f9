"""Evidence that is averaged: one loss per member and case, whose mean (or its root) is the metric."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from pytest_mlspec.metrics.evidence import CaseValues, Goal, PseudoValues
from pytest_mlspec.stats import betting, binomial
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Side
from pytest_mlspec.verdict import Terms

Losses = npt.NDArray[np.floating]

UNBOUNDED = (
    "an unbounded loss cannot be met without max_loss=... on the marker: state the largest absolute error of one case, "
    "or bound P(loss > t) with failure_rate"
)
CLUSTERED = "rows are clustered by {} and the betting bound of a mean has no clustered form"
SIGNED = "losses below 0 have no exact bound: bound P(loss > t) with failure_rate, or make the loss non-negative"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mean:
    """The mean loss per member, bounded by betting, or by Clopper-Pearson where every loss is one of its two extremes.

    Args:
        losses: (members, examples), finite.
        low: the smallest loss that one case can have, ``None`` if there is no such limit.
        high: the largest loss that one case can have, ``None`` if only ``max_loss`` can say so.
        declared: what ``max_loss`` limits: the loss itself, its root (squared errors) or nothing.
        transform: ``sqrt`` where the root of the mean is reported.
        unit: what is averaged over, plural.
        cluster_codes: (examples,) the cluster of each case; ``None``: independent cases.
        cluster_name: what the clusters are, for messages.
    """

    losses: Losses
    low: float | None = 0.0
    high: float | None = None
    declared: Literal["loss", "root", "nothing"] = "loss"
    transform: Literal["mean", "sqrt"] = "mean"
    unit: str = "examples"
    cluster_codes: IntArray | None = None
    cluster_name: str = "cluster"

    @property
    def values(self) -> FloatArray:
        """(members,) NaN without cases."""
        if not self.losses.shape[1]:
            return np.full(len(self.losses), np.nan)
        return self.shown(self.losses.mean(axis=1, dtype=np.float64))

    def shown(self, means: FloatArray) -> FloatArray:
        """Mean losses as they are reported: their root where that is the metric."""
        return means if self.transform == "mean" else np.sqrt(np.maximum(means, 0.0))

    @property
    def sizes(self) -> IntArray:
        """(members,) all cases."""
        return np.full(len(self.losses), self.losses.shape[1], dtype=np.int64)

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds, each at ``level``.

        Raises:
            ValueError: a loss above the declared ``max_loss``.
        """
        low, high = self.case_range(terms)
        if not self.losses.shape[1]:
            return self._open(f"there are no {self.unit} to judge")
        if self.cluster_codes is not None:
            return self._open(CLUSTERED.format(self.cluster_name))
        if low is None or (high is None and float(self.losses.min()) < 0):
            return self._open(SIGNED)
        bounds = self._unbounded(level) if high is None else self._bounded(low, high, level, need)
        return replace(bounds, low=self.shown(bounds.low), high=self.shown(bounds.high))

    def _open(self, reason: str) -> Bounds:
        unknown = np.full(len(self.losses), np.inf)
        return Bounds(low=-unknown, high=unknown, method=betting.BETTING, reason=reason)

    def _unbounded(self, level: float) -> Bounds:
        return replace(betting.lower_bound_unbounded(self.losses, level), reason=UNBOUNDED)

    def _bounded(self, low: float, high: float, level: float, need: Side) -> Bounds:
        width = high - low
        shares = np.clip((self.losses.astype(np.float64) - low) / width, 0.0, 1.0)
        if np.isin(shares, (0.0, 1.0)).all():
            hits, n_examples = shares.sum(axis=1), shares.shape[1]
            ends = binomial.lower(hits, n_examples, level), binomial.upper(hits, n_examples, level)
            return Bounds(low=low + width * ends[0], high=low + width * ends[1], method=binomial.CLOPPER_PEARSON)
        bounds = betting.mean_bounds(shares, level, need)
        return replace(bounds, low=low + width * bounds.low, high=low + width * bounds.high)

    def case_range(self, terms: Terms) -> tuple[float | None, float | None]:
        """The smallest and the largest loss that one case can have, with what the contract declares."""
        if self.declared == "nothing" or terms.max_loss is None:
            return self.low, self.high
        limit = terms.max_loss**2 if self.declared == "root" else terms.max_loss
        if self.losses.size and (float(self.losses.max()) > limit * (1 + 1e-9) or float(self.losses.min()) < 0):
            self._refuse(terms.max_loss)
        return 0.0, limit if self.high is None else min(limit, self.high)

    def _refuse(self, max_loss: float) -> None:
        smallest, largest = float(self.losses.min()), float(self.losses.max())
        if smallest < 0:
            raise ValueError(
                f"max_loss={max_loss:g} declares losses in [0, {max_loss:g}]; got a loss of {smallest:.4g}"
            )
        worst = largest**0.5 if self.declared == "root" else largest
        case = int(np.unravel_index(int(np.argmax(self.losses)), self.losses.shape)[1])
        raise ValueError(
            f"max_loss={max_loss:g} declares that no case can have a larger absolute error; the case at position "
            f"{case} has {worst:.4g}. Declare what the quantity allows, not what is hoped for"
        )

    def take(self, cases: IntArray) -> Mean:
        """The same mean on these positions only."""
        clusters = None if self.cluster_codes is None else self.cluster_codes[cases]
        return replace(self, losses=self.losses[:, cases], cluster_codes=clusters)

    def counts(self, member: int) -> str:
        """Nothing is counted."""
        return ""

    def case_values(self, terms: Terms) -> CaseValues | None:
        """The losses, where their mean itself is the metric."""
        if self.transform != "mean":
            return None
        low, high = self.case_range(terms)
        return CaseValues(rows=self.losses, low=low, high=high, cases=np.arange(self.losses.shape[1]))  # type: ignore[arg-type]

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """Influence rows of the root mean square; the losses themselves for a mean."""
        from pytest_mlspec.stats.jackknife import rmse_rows

        if not self.losses.shape[1]:
            return None
        _, high = self.case_range(terms)
        if self.transform == "mean":
            return PseudoValues(rows=self.losses.astype(np.float64), unbounded="" if high is not None else UNBOUNDED)
        smallest = float(self.values.min())
        width = high / (2 * smallest) if high is not None and smallest > 0 else None
        return PseudoValues(rows=rmse_rows(self.losses), width=width, unbounded="" if width is not None else UNBOUNDED)

    def plan(self, member: int, goal: Goal) -> int | None:
        """As many cases as let the bound that was shown decide, by the losses seen."""
        from pytest_mlspec.metrics.judging.planned import betting_to_decide, scaled
        from pytest_mlspec.stats import planning

        low, high = self.case_range(goal.terms)
        if low is None or high is None or self.cluster_codes is not None or not self.losses.shape[1]:
            return scaled(self, member, goal)
        limit = (goal.threshold**2 if self.transform == "sqrt" else goal.threshold) - low
        if not 0.0 <= limit <= high - low:
            return None
        shares = np.clip((self.losses[member].astype(np.float64) - low) / (high - low), 0.0, 1.0)
        rate = limit / (high - low)
        if np.isin(shares, (0.0, 1.0)).all():
            return planning.trials_to_decide(float(shares.mean()), rate, goal.level, goal.power, goal.comparison)
        return betting_to_decide(shares, rate, goal.level, goal.power)

    def perfect(self, goal: Goal) -> float | None:
        """The upper bound of a model without any loss; ``None`` where losses have no limit."""
        low, high = self.case_range(goal.terms)
        n_examples = self.losses.shape[1]
        if goal.comparison == ">=" or low is None or high is None or not n_examples or self.cluster_codes is not None:
            return None
        best = low + (high - low) * binomial.upper(0, n_examples, goal.level)
        return float(self.shown(np.asarray(best)))
