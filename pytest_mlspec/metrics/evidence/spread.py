"""The spread of a metric over retrainings, with the noise of the finite test set removed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from pytest_mlspec.metrics.evidence import CaseValues, Evidence, Goal, PseudoValues
from pytest_mlspec.stats import jackknife, seed_planning, seeds
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Side
from pytest_mlspec.stats.seeds import SeedSpread
from pytest_mlspec.verdict import Terms, format_value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeedStd:
    """Evidence for the standard deviation of a metric over retrainings: one number for the whole ensemble.

    Args:
        evidence: the metric, per member.
        retrained: whether the members are retrainings; one trained model has no spread.
        clustered: whether rows are clustered, for which these bounds have no form.
    """

    evidence: Evidence
    retrained: bool
    clustered: bool
    whole_ensemble: ClassVar[bool] = True
    _kept: dict[object, SeedSpread] = field(default_factory=dict, init=False, repr=False)

    @property
    def compared(self) -> tuple[Evidence, ...]:
        """The metric itself, per member."""
        return (self.evidence,)

    @property
    def values(self) -> FloatArray:
        """(1,) the standard deviation with the test-set noise taken out; NaN for one model."""
        if not self.retrained or len(self.evidence.values) < 2:
            return np.array([np.nan])
        spread = self.spread(0.05, Terms())
        return np.array([self._raw() if spread is None else spread.value])

    def _raw(self) -> float:
        return float(np.std(self.evidence.values, ddof=1))

    @property
    def sizes(self) -> IntArray:
        """(1,) retrainings."""
        return np.array([len(self.evidence.values)])

    @property
    def unit(self) -> str:
        """What is counted."""
        return "retrainings"

    def spread(self, level: float, terms: Terms) -> SeedSpread | None:
        """The spread with bounds, ``None`` where the metric gives nothing to estimate the test-set noise from."""
        key = (level, terms.max_loss)
        if key not in self._kept:
            found = self._measured(level, terms)
            if found is None:
                return None
            self._kept[key] = found
        return self._kept[key]

    def _measured(self, level: float, terms: Terms) -> SeedSpread | None:
        if not self.evidence.sizes.all():
            return None
        cases = self.evidence.case_values(terms)
        if cases is not None and cases.low is not None and cases.high is not None:
            return seeds.std_bounds(cases.rows, level, cases.high - cases.low)
        pseudo = self.evidence.pseudo_values(terms)
        if pseudo is None:
            return None
        spread = jackknife.std_bounds(pseudo.rows, level, pseudo.width)
        return replace(spread, high=np.inf, reason=pseudo.unbounded) if pseudo.unbounded else spread

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(1,) one-sided bounds, each at ``level``."""
        spread = None
        reason = ""
        if not self.retrained or len(self.evidence.values) < 2:
            reason = "needs at least 2 retrainings: one trained model says nothing about retraining"
        elif not self.evidence.sizes.all():
            reason = f"there are no {self.evidence.unit} to judge"
        elif self.clustered:
            reason = "rows are clustered, and the spread over seeds has no clustered form"
        else:
            spread = self.spread(level, terms)
            reason = (
                spread.reason if spread is not None else "this metric has no values per case to tell test-set noise by"
            )
        if spread is None:
            return Bounds(low=np.array([0.0]), high=np.array([np.inf]), method=seeds.SEED_STD, reason=reason)
        return Bounds(low=np.array([spread.low]), high=np.array([spread.high]), method=spread.method, reason=reason)

    def take(self, cases: IntArray) -> Evidence:
        """The spread on these positions of the predictions only."""
        return SeedStd(evidence=self.evidence.take(cases), retrained=self.retrained, clustered=self.clustered)

    def counts(self, member: int) -> str:
        """``values 0.941 to 0.957, plain std 0.006 of which the test set makes 0.005``."""
        values = self.evidence.values
        words = f"values {format_value(float(values.min()))} to {format_value(float(values.max()))}"
        spread = next(iter(self._kept.values()), None)
        if spread is None or len(values) < 2:
            return words
        cases = f"{spread.n_examples:,} examples"
        return f"{words}; plain std {format_value(spread.raw)}, of which {cases} make {format_value(spread.noise)}"

    def case_values(self, terms: Terms) -> CaseValues | None:
        """``None``: a spread is no mean over cases."""
        return None

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """``None``: one number per ensemble."""
        return None

    def plan(self, member: int, goal: Goal) -> int | None:
        """How many retrainings in all would decide it on the cases at hand."""
        spread = self.spread(goal.level, goal.terms)
        if spread is None:
            return None
        return seed_planning.seeds_to_decide(spread, goal.threshold, goal.level, goal.power)

    def more_cases(self, goal: Goal) -> int | None:
        """How many examples in all would decide it with the retrainings at hand."""
        spread = self.spread(goal.level, goal.terms)
        if spread is None:
            return None
        return seed_planning.examples_to_decide(spread, goal.threshold, goal.level, goal.power)

    def more_of_both(self, goal: Goal) -> int | None:
        """How many retrainings would decide it on a test set so large that it adds no noise."""
        spread = self.spread(goal.level, goal.terms)
        if spread is None or not goal.threshold > 0:
            return None
        return seed_planning.members_to_decide(spread.value / goal.threshold, goal.level, goal.power)

    def perfect(self, goal: Goal) -> float | None:
        """The smallest limit that identical members could meet on so many cases."""
        cases = self.evidence.case_values(goal.terms)
        if goal.comparison == ">=" or cases is None or cases.low is None or cases.high is None or self.clustered:
            return None
        n_members, n_examples = cases.rows.shape
        return seed_planning.smallest_provable(n_members, n_examples, goal.level, cases.high - cases.low)
