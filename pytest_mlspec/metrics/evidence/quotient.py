"""Quotients of a metric between two sets of cases: of its seed spreads, or of its level under each member."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from pytest_mlspec.metrics.evidence import CaseValues, Evidence, Goal, PseudoValues, at_delta
from pytest_mlspec.metrics.evidence.spread import SeedStd
from pytest_mlspec.stats import quotients, seed_planning
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Side
from pytest_mlspec.verdict import Terms, format_value

NOT_SLICED = "a quotient between two sets of cases cannot be sliced: slice each of them first"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpreadQuotient:
    """Evidence for the seed std on stress cases over the one on i.i.d. cases: one number for the whole ensemble.

    Args:
        stress: the dividend.
        iid: the divisor.
    """

    stress: SeedStd
    iid: SeedStd
    whole_ensemble: ClassVar[bool] = True

    @property
    def compared(self) -> tuple[Evidence, ...]:
        """The metric itself, per member, on the stress cases and on the i.i.d. cases."""
        return (self.stress.evidence, self.iid.evidence)

    @property
    def values(self) -> FloatArray:
        """(1,) the quotient, test-set noise taken out of both; infinite or NaN where nothing is left of the divisor."""
        return _quotient(self.stress.values, self.iid.values)

    @property
    def sizes(self) -> IntArray:
        """(1,) retrainings."""
        return np.minimum(self.stress.sizes, self.iid.sizes)

    @property
    def unit(self) -> str:
        """What is counted."""
        return self.stress.unit

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(1,) one-sided bounds, each at ``level``: either spread at half of it."""
        return quotients.quotient_bounds(self.stress.bounds(level / 2, terms), self.iid.bounds(level / 2, terms))

    def take(self, cases: IntArray) -> Evidence:
        """Refused: two sets of cases have no common positions.

        Raises:
            TypeError: always.
        """
        raise TypeError(NOT_SLICED)

    def counts(self, member: int) -> str:
        """``seed std 0.041 on the first, 0.0016 on the second``, and whether that could be none at all."""
        first, second = (format_value(float(side.values[0])) for side in (self.stress, self.iid))
        known = self.iid.bounds(Terms().level / 2, Terms()).low[0] > 0
        none = "" if known else " (which cannot be told from 0)"
        return f"seed std {first} on the first, {second} on the second{none}"

    def case_values(self, terms: Terms) -> CaseValues | None:
        """``None``: a quotient of spreads is no mean over cases."""
        return None

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """``None``: one number per ensemble."""
        return None

    def plan(self, member: int, goal: Goal) -> int | None:
        """How many retrainings in all would decide it on the cases at hand."""
        stress, iid = (side.spread(goal.level / 2, goal.terms) for side in (self.stress, self.iid))
        if stress is None or iid is None or self.bounds(goal.level, goal.terms).reason:
            return None
        return seed_planning.seeds_for_quotient(stress, iid, goal.threshold, goal.level, goal.power)

    def perfect(self, goal: Goal) -> float | None:
        """``None``: the smaller the i.i.d. spread, the larger the quotient; no model is the best one."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LevelQuotient:
    """Evidence for ``first / second``, member by member; one trained model stands against every member.

    Args:
        first: the dividend, of values that are never negative.
        second: the divisor, of values that are never negative.

    Raises:
        ValueError: a value below 0, of which a quotient says nothing.
    """

    first: Evidence
    second: Evidence

    def __post_init__(self) -> None:
        for side in self.compared:
            if (side.values < 0).any():
                raise ValueError(
                    "a quotient needs a metric that is never negative; "
                    f"got value={float(np.nanmin(side.values)):g}: bound the difference instead"
                )

    @property
    def compared(self) -> tuple[Evidence, ...]:
        """The metric itself, per member, on either set of cases."""
        return (self.first, self.second)

    @property
    def values(self) -> FloatArray:
        """(members,) the quotient; infinite or NaN where the divisor is 0."""
        return _quotient(self.first.values, self.second.values)

    @property
    def sizes(self) -> IntArray:
        """(members,) cases in the smaller set."""
        return np.minimum(*np.broadcast_arrays(self.first.sizes, self.second.sizes))

    @property
    def unit(self) -> str:
        """What is counted."""
        return f"{self.first.unit} in the smaller set"

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds, each at ``level``: either side at half of it, whatever their dependence."""
        first, second = self.first.bounds(level / 2, terms), self.second.bounds(level / 2, terms)
        found = quotients.ratio_of_bounds(first, second)
        # A lower bound below 0 tells of a metric that can be negative: then nothing is known from below.
        signed = (first.low < 0) | (second.low < 0)
        return replace(found, low=np.where(signed, -np.inf, found.low))

    def at(self, delta: float) -> LevelQuotient:
        """The quotient of failure rates at this largest loss of one case."""
        return replace(self, first=at_delta(self.first, delta), second=at_delta(self.second, delta))

    def take(self, cases: IntArray) -> Evidence:
        """Refused: two sets of cases have no common positions.

        Raises:
            TypeError: always.
        """
        raise TypeError(NOT_SLICED)

    def counts(self, member: int) -> str:
        """``2.870 on the first, 0.520 (26/50) on the second``."""
        first, second = (_told(side, member) for side in self.compared)
        return f"{first} on the first, {second} on the second"

    def case_values(self, terms: Terms) -> CaseValues | None:
        """``None``: a quotient is no mean over cases."""
        return None

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """``None``: two sets of cases have no common rows."""
        return None

    def plan(self, member: int, goal: Goal) -> int | None:
        """How many cases each set would need, both growing alike."""
        from pytest_mlspec.metrics.judging.planned import scaled

        return scaled(self, member, goal)

    def perfect(self, goal: Goal) -> float | None:
        """``None``: how good a model can be against itself elsewhere is not known."""
        return None


def _quotient(first: FloatArray, second: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(first / second)


def _told(evidence: Evidence, member: int) -> str:
    place = member if len(evidence.values) > 1 else 0
    counts = evidence.counts(place)
    return format_value(float(evidence.values[place])) + (f" ({counts})" if counts else "")
