"""A metric split by group and folded: gap, ratio and worst group, with bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pytest_mlspec.metrics.evidence import CaseValues, Evidence, Goal, PseudoValues, at_delta
from pytest_mlspec.metrics.evidence.splitting import Counts, counts_of, split_by_group
from pytest_mlspec.stats import arms, binomial, pairs
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Side
from pytest_mlspec.verdict import BOUND_CLASSES, Terms, format_value

if TYPE_CHECKING:
    from pytest_mlspec.predictions import Predictions

Fold: TypeAlias = Literal["gap", "ratio", "worst"]

# A plan is tried on this many draws of fresh counts, and grown until it decides as often as was asked.
_TRIES, _SEED, _GROWTH, _STEPS = 300, 1931, 1.2, 12
_MOST_TRIED = 10**8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Arms:
    """The bounds of every group at any level, and what they were made with."""

    parts: tuple[Evidence, ...]
    terms: Terms
    asked: list[Bounds] = field(default_factory=list)

    def __call__(self, level: float) -> tuple[FloatArray, FloatArray]:
        found = [part.bounds(level, self.terms) for part in self.parts]
        self.asked.extend(found)
        return np.stack([bounds.low for bounds in found], axis=1), np.stack([bounds.high for bounds in found], axis=1)

    def named(self, found: pairs.PairBounds) -> Bounds:
        """The bounds of the fold, of the loosest class of what they were made with."""
        loosest = max((bounds.method for bounds in self.asked), key=lambda m: BOUND_CLASSES.index(m.bound_class))
        method = replace(loosest, name=f"{loosest.name} for each group, {found.method.name}")
        reason = next((bounds.reason for bounds in self.asked if bounds.reason), "")
        return Bounds(low=found.low, high=found.high, method=method, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grouped:
    """Evidence for a fold over groups.

    Args:
        fold: gap (largest minus smallest), ratio (smallest over largest) or worst.
        labels: the groups.
        missing: intersections that no case belongs to; they keep the fold from being met.
        parts: one evidence per group, or
        counted: (members, groups) counts where the metric is a rate of independent cases.
        unit: what a group counts.
        greater_is_better: which group is the worst.
        whole: the metric before it was split, and
        codes: (examples,) the group of every case, by which fewer cases are split alike.
    """

    fold: Fold
    labels: tuple[str, ...]
    missing: tuple[str, ...]
    parts: tuple[Evidence, ...]
    counted: Counts | None
    unit: str
    greater_is_better: bool
    whole: Evidence | None = None
    codes: npt.NDArray[np.integer] | None = None

    @property
    def group_values(self) -> FloatArray:
        """(members, groups) the metric of each group; NaN where nothing decides it."""
        if self.counted is None:
            return np.stack([part.values for part in self.parts], axis=1)
        trials = self.counted.trials
        rates: FloatArray = np.full(trials.shape, np.nan)
        np.divide(self.counted.successes, trials, out=rates, where=trials > 0)
        return rates

    @property
    def group_sizes(self) -> IntArray:
        """(members, groups) how many cases decide each group."""
        if self.counted is None:
            return np.stack([part.sizes for part in self.parts], axis=1)
        return self.counted.trials.astype(np.int64)

    @property
    def values(self) -> FloatArray:
        """(members,) the fold; NaN where a group has no case that decides it."""
        values = self.group_values
        if self.fold == "gap":
            return values.max(axis=1) - values.min(axis=1)
        if self.fold == "ratio":
            largest = values.max(axis=1)
            ratio: FloatArray = np.full_like(largest, np.nan)
            return np.divide(values.min(axis=1), largest, out=ratio, where=largest > 0)
        return values.min(axis=1) if self.greater_is_better else values.max(axis=1)

    @property
    def sizes(self) -> IntArray:
        """(members,) cases in all groups."""
        return self.group_sizes.sum(axis=1)

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds of the fold, each at ``level``."""
        bounds = self._worst(level, terms) if self.fold == "worst" else self._compared(level, terms, need)
        blocked = self._blocked()
        if not blocked:
            return bounds
        nothing = np.full(len(bounds.low), np.inf)
        floor = self.fold == "ratio" or (self.fold == "worst" and self.greater_is_better)
        return Bounds(
            low=-nothing if floor else bounds.low,
            high=bounds.high if floor else nothing,
            method=bounds.method,
            reason=blocked,
        )

    def _blocked(self) -> str:
        empty = [label for label, size in zip(self.labels, self.group_sizes.min(axis=0), strict=True) if size == 0]
        if empty:
            return f"no {self.unit} in the group {', '.join(map(repr, empty))}: a group without cases decides nothing"
        if self.fold == "ratio" and not self.group_values.any(axis=1).all():
            return "the ratio is not defined where the value of every group is 0"
        if self.missing:
            return f"no cases at all of {', '.join(map(repr, self.missing))}: an empty intersection decides nothing"
        return ""

    def _compared(self, level: float, terms: Terms, need: Side) -> Bounds:
        if self.counted is not None:
            of_rates = pairs.gap_bounds if self.fold == "gap" else pairs.ratio_bounds
            found = of_rates(self.counted.successes, self.counted.trials, level, need=need)
            return Bounds(low=found.low, high=found.high, method=found.method)
        of_arms = arms.gap_bounds_from_arms if self.fold == "gap" else arms.ratio_bounds_from_arms
        groups = _Arms(parts=self.parts, terms=terms)
        return groups.named(of_arms(self.group_values, groups, level))

    def _worst(self, level: float, terms: Terms) -> Bounds:
        better = self.greater_is_better
        if self.counted is not None:
            found = arms.worst_bounds(self.counted.successes, self.counted.trials, level, greater_is_better=better)
            return Bounds(low=found.low, high=found.high, method=binomial.CLOPPER_PEARSON)
        groups = _Arms(parts=self.parts, terms=terms)
        return groups.named(arms.worst_bounds_from_arms(self.group_values, groups, level, greater_is_better=better))

    def at(self, delta: float) -> Grouped:
        """The fold of failure rates at this largest loss of one case."""
        parts = tuple(at_delta(part, delta) for part in self.parts)
        counted = counts_of(parts)
        whole = None if self.whole is None else at_delta(self.whole, delta)
        return replace(self, parts=parts if counted is None else (), counted=counted, whole=whole)

    def take(self, cases: IntArray) -> Grouped:
        """The fold over the same groups on these positions only; a group that is left without cases stays a group.

        Raises:
            TypeError: it is not known which group each case belongs to.
        """
        if self.whole is None or self.codes is None:
            raise TypeError(f"this {self.fold} over groups does not know its cases: slice the data, then fold")
        whole, codes = self.whole.take(cases), self.codes[cases]
        parts, counted = split_by_group(whole, codes, len(self.labels))
        return replace(self, parts=parts, counted=counted, whole=whole, codes=codes)

    def by_parts(self) -> tuple[Evidence, ...]:
        """The metric of each group as evidence of its own, also where counts alone were kept.

        Raises:
            TypeError: it is not known which group each case belongs to.
        """
        if self.parts:
            return self.parts
        if self.whole is None or self.codes is None:
            raise TypeError(f"this {self.fold} over groups does not know its cases")
        return tuple(self.whole.take(np.flatnonzero(self.codes == group)) for group in range(len(self.labels)))

    def extremes(self, member: int) -> list[int]:
        """The groups that make the fold, the smaller value first; one group for the worst."""
        values = np.nan_to_num(self.group_values[member], nan=np.inf)
        known = np.where(np.isinf(values), -np.inf, values)
        # Of equal values the last is the largest, so that equal groups are shown as two.
        ends = [int(values.argmin()), len(known) - 1 - int(known[::-1].argmax())]
        if self.fold == "worst":
            return ends[:1] if self.greater_is_better else ends[1:]
        return ends

    def counts(self, member: int) -> str:
        """``women 0.592 (218/368), men 0.856 (363/424)``."""
        return ", ".join(self._group_words(member, group) for group in self.extremes(member))

    def _group_words(self, member: int, group: int) -> str:
        words = f"{self.labels[group]} {format_value(float(self.group_values[member, group]))}"
        if self.counted is not None:
            hits, cases = self.counted.successes[member, group], self.counted.trials[member, group]
            return f"{words} ({hits:.0f}/{cases:.0f})"
        return f"{words} ({self.parts[group].counts(member) or f'n={self.parts[group].sizes[member]:,}'})"

    def case_values(self, terms: Terms) -> CaseValues | None:
        """``None``: a fold over groups is no mean over cases."""
        return None

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """``None``: the extremes of a fold jump between groups."""
        return None

    def plan(self, member: int, goal: Goal) -> int | None:
        """How many cases the smallest group would need, all groups growing alike."""
        from pytest_mlspec.metrics.judging.planned import scaled

        if not np.isfinite(self.values[member]):
            return None
        needed = scaled(self, member, goal, size=int(self.group_sizes[member].min()))
        if needed is None or self.counted is None or goal.level < pairs.CLOSED_FORM_LEVEL:
            return needed
        # Scaling reckons with one pair of groups; where several are near the limit, all of them must be lucky at once.
        for _ in range(_STEPS):
            if needed > _MOST_TRIED or self._decided(member, goal, needed) >= goal.power:
                break
            needed = int(np.ceil(_GROWTH * needed))
        return needed

    def _decided(self, member: int, goal: Goal, smallest: int) -> float:
        """How often fresh counts at the measured rates would be decided the right way; a fixed seed."""
        assert self.counted is not None
        sizes = self.counted.trials[member]
        trials = np.broadcast_to(np.round(sizes * (smallest / sizes.min())), (_TRIES, len(sizes)))
        drawn = np.random.default_rng(_SEED).binomial(trials.astype(np.int64), self.group_values[member])
        fresh = replace(self, counted=Counts(successes=drawn.astype(np.float64), trials=trials), missing=())
        bounds = fresh.bounds(goal.level, goal.terms)
        met = goal.right(float(self.values[member]))
        if goal.comparison == ">=":
            return float(np.mean(bounds.low >= goal.threshold if met else bounds.high < goal.threshold))
        return float(np.mean(bounds.high <= goal.threshold if met else bounds.low > goal.threshold))

    def perfect(self, goal: Goal) -> float | None:
        """The bound of a fold in which every group is without error, for rates."""
        if self.counted is None or not (self.counted.trials > 0).all():
            return None
        trials = self.counted.trials[:1]
        flawless = trials if self.greater_is_better or self.fold != "worst" else 0 * trials
        ideal = Grouped(
            fold=self.fold,
            labels=self.labels,
            missing=(),
            parts=(),
            counted=Counts(successes=flawless, trials=trials),
            unit=self.unit,
            greater_is_better=self.greater_is_better,
        ).bounds(goal.level, goal.terms)
        return float(ideal.low[0] if goal.comparison == ">=" else ideal.high[0])


def fold_groups(
    fold: Fold, evidence: Evidence, predictions: Predictions, columns: Sequence[str], *, greater_is_better: bool
) -> Grouped:
    """Split evidence by the groups of some columns.

    Raises:
        ValueError: an unknown column, or one group only, which compares nothing.
    """
    found = predictions.groups(list(columns))
    n_groups = len(found.labels)
    if n_groups < 2:
        raise ValueError(
            f"{fold} by {' and '.join(columns)} needs at least two groups, got only {found.labels[0]!r}: "
            "choose another column or a wider slice"
        )
    parts, counted = split_by_group(evidence, found.codes, n_groups)
    return Grouped(
        fold=fold,
        labels=found.labels,
        missing=found.missing,
        parts=parts,
        counted=counted,
        unit=evidence.unit,
        greater_is_better=greater_is_better,
        whole=evidence,
        codes=found.codes,
    )
