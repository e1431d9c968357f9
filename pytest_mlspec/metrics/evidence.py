"""What a metric hands on: the numbers that bounds are computed from, per member."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray
from pytest_mlspec.verdict import Comparison, Terms


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaseValues:
    """One value per member and case whose mean over cases is the metric: the same cases for every member.

    Args:
        rows: (members, cases) values of any real or uint8 type.
        low: the smallest value that a case can have, ``None`` where there is no bound.
        high: the largest value that a case can have, ``None`` where there is no bound.
        cases: (cases,) positions of the cases within the predictions.
    """

    rows: FloatArray
    low: float | None
    high: float | None
    cases: IntArray


class Evidence(Protocol):
    """Bounds, sizes and case values of one metric on one set of predictions."""

    @property
    def values(self) -> FloatArray:
        """(members,) the metric; NaN where no case decides it."""

    @property
    def sizes(self) -> IntArray:
        """(members,) how many cases decide it."""

    @property
    def unit(self) -> str:
        """What is counted, plural: ``positives``, ``examples``."""

    def bounds(self, level: float, terms: Terms) -> Bounds:
        """(members,) one-sided bounds, each at ``level``."""

    def take(self, cases: IntArray) -> Evidence:
        """The same metric on these positions of the predictions only."""

    def counts(self, member: int) -> str:
        """What was counted, for a message: ``218/368``; empty where nothing is counted."""

    def case_values(self, terms: Terms) -> CaseValues | None:
        """The metric as a mean over cases, or ``None`` where it is not one."""

    def pseudo_values(self) -> FloatArray | None:
        """(members, cases) jackknife pseudo-values whose mean is the metric, or ``None``."""

    def plan(
        self, member: int, threshold: float, comparison: Comparison, level: float, power: float = 0.9
    ) -> int | None:
        """How many cases in all would decide it at the measured value with this power; ``None``: no number would."""

    def perfect(self, comparison: Comparison, level: float) -> float | None:
        """The bound that a flawless model would reach on these cases; ``None`` where that is not known."""
