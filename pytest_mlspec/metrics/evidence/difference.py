"""The paired difference of a metric: two models on the same cases, or one model on cases and their changed copies."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pytest_mlspec.metrics.evidence import CaseValues, Evidence, Goal, PseudoValues, at_delta
from pytest_mlspec.stats import betting, paired
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Side
from pytest_mlspec.verdict import Terms


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Difference:
    """Evidence for ``first - second``, member by member; one trained model is compared with every member.

    Args:
        first, second: the metric on each side.
        independent: whether no two cases depend on each other.
        exchanged: (cases,) pairs of rows of one side that exchanged values; pairs do not depend on each other.
    """

    first: Evidence
    second: Evidence
    independent: bool
    exchanged: IntArray | None = None

    @property
    def compared(self) -> tuple[Evidence, ...]:
        """The metric itself, per member."""
        return (self.first, self.second)

    @property
    def values(self) -> FloatArray:
        """(members,) the difference."""
        return self.first.values - self.second.values

    @property
    def sizes(self) -> IntArray:
        """(members,) cases that both were judged on."""
        return np.minimum(*np.broadcast_arrays(self.first.sizes, self.second.sizes))

    @property
    def unit(self) -> str:
        """What is counted."""
        return self.first.unit

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds: discordant cases for rates, betting for bounded losses, else arms."""
        rows = self.paired_rows(terms)
        if rows is None:
            return self._ranked(level) or self._from_arms(level, terms)
        first, second = rows
        if self._counts_only(first, second):
            won, lost, n_cases = _discordant(first.rows, second.rows)
            shared = self._rows_per_pair(first.cases)
            low, high = paired.difference_bounds(won / shared, lost / shared, n_cases / shared, level)
            return Bounds(low=low, high=high, method=paired.PAIRED_SQUARE_AND_ADD)
        assert first.low is not None and first.high is not None
        width = first.high - first.low
        left, right = np.broadcast_arrays(first.rows - first.low, second.rows - first.low)
        return betting.difference_bounds(
            self._by_pair(left, first.cases), self._by_pair(right, first.cases), width, level
        )

    def _rows_per_pair(self, cases: IntArray) -> float:
        """What the variance of a sum over pairs may be of that over as many independent cases: sum m^2 / sum m."""
        if self.exchanged is None:
            return 1.0
        sizes = np.unique(self.exchanged[cases], return_counts=True)[1]
        return float(np.square(sizes).sum() / sizes.sum())

    def _by_pair(self, rows: FloatArray, cases: IntArray) -> FloatArray:
        """(members, pairs) means over the rows of a pair: all have one expectation, so pairs are cases of their own."""
        if self.exchanged is None:
            return rows
        pairs, codes, sizes = np.unique(self.exchanged[cases], return_inverse=True, return_counts=True)
        means = np.zeros((len(rows), len(pairs)))
        for sums, values in zip(means, rows, strict=True):
            np.add.at(sums, codes.reshape(-1), values)
        return means / sizes

    def paired_rows(self, terms: Terms) -> tuple[CaseValues, CaseValues] | None:
        """Values of both on the same cases and the same bounded range; ``None`` where there are none."""
        if not self.independent and self.exchanged is None:
            return None
        first, second = self.first.case_values(terms), self.second.case_values(terms)
        if first is None or second is None or not np.array_equal(first.cases, second.cases) or not len(first.cases):
            return None
        if first.low is None or first.high is None or (first.low, first.high) != (second.low, second.high):
            return None
        return first, second

    @staticmethod
    def _counts_only(first: CaseValues, second: CaseValues) -> bool:
        return first.rows.dtype.kind in "bui" and second.rows.dtype.kind in "bui"

    def _ranked(self, level: float) -> Bounds | None:
        """Paired placements of two AUROCs of independent cases; ``None`` for anything else."""
        from pytest_mlspec.metrics.ranking import Ranking
        from pytest_mlspec.stats import ranking

        first, second = self.first, self.second
        if not (self.independent and isinstance(first, Ranking) and isinstance(second, Ranking)):
            return None
        if first.named or second.named or not np.array_equal(first.positive, second.positive):
            return None
        found = ranking.difference_bounds(first.scores, second.scores, first.positive, level)
        # Blocks see fewer pairs of cases than the areas do: the measured value may lie beyond their bounds.
        return replace(found, low=np.fmin(found.low, self.values), high=np.fmax(found.high, self.values))

    def _from_arms(self, level: float, terms: Terms) -> Bounds:
        """Each side at half the level: valid whatever the dependence, without the gain of pairing."""
        first, second = self.first.bounds(level / 2, terms), self.second.bounds(level / 2, terms)
        method = replace(first.method, name=f"{first.method.name} for each model, Bonferroni")
        return Bounds(
            low=first.low - second.high,
            high=first.high - second.low,
            method=method,
            reason=first.reason or second.reason,
        )

    def at(self, delta: float) -> Difference:
        """The difference of failure rates at this largest loss of one case."""
        return replace(self, first=at_delta(self.first, delta), second=at_delta(self.second, delta))

    def take(self, cases: IntArray) -> Evidence:
        """The difference on these positions of the predictions only."""
        exchanged = None if self.exchanged is None else self.exchanged[cases]
        return replace(self, first=self.first.take(cases), second=self.second.take(cases), exchanged=exchanged)

    def counts(self, member: int) -> str:
        """``0.941 and 0.952; 12 cases won, 23 lost``."""
        words = f"{self._value(self.first, member):.3f} and {self._value(self.second, member):.3f}"
        rows = self.paired_rows(Terms())
        if rows is None or not self._counts_only(*rows):
            return words
        won, lost, _ = _discordant(rows[0].rows, rows[1].rows)
        return f"{words}; {won[member]:,} case{'s' if won[member] != 1 else ''} won, {lost[member]:,} lost"

    @staticmethod
    def _value(evidence: Evidence, member: int) -> float:
        return float(evidence.values[member if len(evidence.values) > 1 else 0])

    def case_values(self, terms: Terms) -> CaseValues | None:
        """Differences per case, or per pair of rows that exchanged values, where both have values on the same cases."""
        rows = self.paired_rows(terms)
        if rows is None:
            return None
        first, second = rows
        assert first.low is not None and first.high is not None
        width = first.high - first.low
        values = np.asarray(first.rows, np.float64) - np.asarray(second.rows, np.float64)
        if self.exchanged is None:
            return CaseValues(rows=values, low=-width, high=width, cases=first.cases)
        pairs = self._by_pair(values, first.cases)
        return CaseValues(rows=pairs, low=-width, high=width, cases=np.arange(pairs.shape[1]))

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """``None``: not needed, since the difference of spreads is not defined."""
        return None

    def plan(self, member: int, goal: Goal) -> int | None:
        """How many cases in all would decide it at the measured rates of disagreement."""
        from pytest_mlspec.metrics.judging.planned import scaled

        shares = self._disagreement(goal.terms)
        if shares is None:
            return scaled(self, member, goal)
        from pytest_mlspec.stats.planning_by_draws import paired_to_decide

        value, sign = float(self.values[member]), 1.0 if self.values[member] > goal.threshold else -1.0
        share = max(float(shares[member]), abs(value))  # which rounding may leave a hair below
        return paired_to_decide(sign * value, share, sign * goal.threshold, goal.level, goal.power)

    def cases_by_normal_law(self, goal: Goal) -> FloatArray | None:
        """(members,) in some unit, how many cases decide each: which member needs most, without a plan for all.

        Source:
            Connor 1987: the share of cases on which the sides differ over the squared distance to the limit.
        """
        shares = self._disagreement(goal.terms)
        if shares is None:
            return None
        distance = np.square(self.values - goal.threshold)
        return np.divide(shares + 1e-9, distance, out=np.full(len(shares), np.inf), where=distance > 0)

    def _disagreement(self, terms: Terms) -> FloatArray | None:
        """(members,) share of cases that one side alone has right; ``None`` where more than such cases decides."""
        rows = None if self.exchanged is not None else self.paired_rows(terms)
        if rows is None or not self._counts_only(*rows):
            return None
        won, lost, n_cases = _discordant(rows[0].rows, rows[1].rows)
        return np.asarray((won + lost) / n_cases, np.float64)

    def perfect(self, goal: Goal) -> float | None:
        """``None``: how good a model can be against another one is not known."""
        return None


def _discordant(first: FloatArray, second: FloatArray) -> tuple[IntArray, IntArray, int]:
    """Cases won and lost per member, and cases in all."""
    left, right = np.asarray(first, np.bool_), np.asarray(second, np.bool_)
    won, lost = (left & ~right).sum(axis=1), (~left & right).sum(axis=1)
    return won, lost, left.shape[1]
