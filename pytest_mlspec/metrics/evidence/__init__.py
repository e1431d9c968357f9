"""What a metric hands on: the numbers that bounds are computed from, per member."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Side
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PseudoValues:
    """Jackknife values whose mean over cases is a metric that is no mean itself.

    Args:
        rows: (members, cases).
        width: the range of one case's values, where it is known.
        unbounded: why nothing limits one case's values, in words; empty where the rows seen may stand for the rest.
    """

    rows: FloatArray
    width: float | None = None
    unbounded: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a plan is made for: a threshold to be decided at a level with some power, on the contract's terms."""

    threshold: float
    comparison: Comparison
    level: float
    terms: Terms = field(default_factory=Terms)
    power: float = 0.9

    def right(self, value: float) -> bool:
        """Whether a value lies on the side of the threshold that meets the requirement."""
        return value >= self.threshold if self.comparison == ">=" else value <= self.threshold


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

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds, each at ``level``; a side that is not needed may stay open."""

    def take(self, cases: IntArray) -> Evidence:
        """The same metric on these positions of the predictions only."""

    def counts(self, member: int) -> str:
        """What was counted, for a message: ``218/368``; empty where nothing is counted."""

    def case_values(self, terms: Terms) -> CaseValues | None:
        """The metric as a mean over cases, or ``None`` where it is not one."""

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """Jackknife values whose mean is the metric, or ``None``."""

    def plan(self, member: int, goal: Goal) -> int | None:
        """How many cases in all would decide it at the measured value; ``None``: no number would."""

    def perfect(self, goal: Goal) -> float | None:
        """The bound that a flawless model would reach on these cases; ``None`` where that is not known."""


@runtime_checkable
class AwaitsDelta(Protocol):
    """Evidence of failures, or a fold of it, that cannot be judged before delta is known."""

    def at(self, delta: float) -> Evidence:
        """The evidence at this largest loss of one case."""


@runtime_checkable
class Compares(Protocol):
    """Evidence made of the metric's own on one or two sets of cases, such as a spread or a difference."""

    @property
    def compared(self) -> tuple[Evidence, ...]:
        """The metric per member that it is made of, left to right."""


def at_delta(evidence: Evidence, delta: float) -> Evidence:
    """The evidence at this largest loss of one case.

    Raises:
        TypeError: it is not about failures.
    """
    if not isinstance(evidence, AwaitsDelta):
        raise TypeError("delta belongs to failure_rate: this evidence has none")
    return evidence.at(delta)
