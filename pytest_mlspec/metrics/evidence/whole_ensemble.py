"""Evidence about an ensemble as a whole: one number per case that its members make together, averaged over cases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from pytest_mlspec.metrics.evidence import CaseValues, Goal, PseudoValues
from pytest_mlspec.metrics.evidence.averaged import Mean
from pytest_mlspec.stats import betting
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Side
from pytest_mlspec.verdict import Terms

Words = Callable[[IntArray | None], str]
"""What the cases at these positions (``None``: all) show, in words."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EnsembleMean:
    """The mean over cases of one number per case for the whole ensemble, as it is: the members are not sampled.

    Args:
        mean: one row of values, and what is known of their range.
        words: what the cases show beside their mean, for messages.
        cases: (examples,) positions within the predictions; ``None``: all.
        reason: why these members decide nothing, in words; empty where they do.
    """

    whole_ensemble: ClassVar[bool] = True

    mean: Mean
    words: Words | None = None
    cases: IntArray | None = None
    reason: str = ""

    @property
    def values(self) -> FloatArray:
        """(1,) the mean; NaN where there is nothing to average."""
        return np.array([np.nan]) if self.reason else self.mean.values

    @property
    def sizes(self) -> IntArray:
        """(1,) all cases."""
        return self.mean.sizes

    @property
    def unit(self) -> str:
        """What is averaged over."""
        return self.mean.unit

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(1,) one-sided bounds, each at ``level``: about new cases for these very members."""
        if not self.reason:
            return self.mean.bounds(level, terms, need)
        return Bounds(low=np.array([-np.inf]), high=np.array([np.inf]), method=betting.BETTING, reason=self.reason)

    def take(self, cases: IntArray) -> EnsembleMean:
        """The same mean on these positions only."""
        within = cases if self.cases is None else self.cases[cases]
        return replace(self, mean=self.mean.take(cases), cases=within)

    def counts(self, member: int) -> str:
        """What the cases show beside their mean."""
        empty = not self.mean.losses.shape[1]
        return "" if self.words is None or self.reason or empty else self.words(self.cases)

    def case_values(self, terms: Terms) -> CaseValues | None:
        """The values per case, one row."""
        return None if self.reason else self.mean.case_values(terms)

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """The values per case, one row."""
        return None if self.reason else self.mean.pseudo_values(terms)

    def plan(self, member: int, goal: Goal) -> int | None:
        """As many cases as let the bound decide, by the values seen."""
        return None if self.reason else self.mean.plan(member, goal)

    def perfect(self, goal: Goal) -> float | None:
        """The upper bound of an ensemble whose every case has the smallest value."""
        return None if self.reason else self.mean.perfect(goal)
