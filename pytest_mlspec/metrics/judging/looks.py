"""One of several declared looks: which cases it is made of, what it may err, and what it says."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from pytest_mlspec.metrics.evidence import Evidence, Goal
from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.metrics.evidence.looks import AtLook, RateAtLook, Spending
from pytest_mlspec.metrics.judging.advice import round_up
from pytest_mlspec.metrics.judging.folds import Finding, fold
from pytest_mlspec.stats import anytime, retrainings, sequential
from pytest_mlspec.stats.bounds import IntArray, Method
from pytest_mlspec.verdict import Comparison, Outcome, Terms, decide

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate

SPENDING_WORDS = {"obrien-fleming": "O'Brien-Fleming", "pocock": "Pocock", "even": "even"}
NO_BOUNDS = Method(name="no bounds", bound_class="exact", source="nothing is claimed", domain="any")


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """Where the cases of an estimate lie among those that grow, for a cell of a domain.

    Args:
        cases: (examples of the estimate,) increasing positions.
        n_examples: how many grow together.
    """

    cases: IntArray
    n_examples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The look that so many examples have reached.

    Args:
        sizes: examples at each look.
        number: which look it is, from 1; 0 before the first.
        n_examples: how many there are.
    """

    sizes: tuple[int, ...]
    number: int
    n_examples: int

    @property
    def size(self) -> int:
        """How many examples are judged."""
        return self.sizes[self.number - 1]

    @property
    def last(self) -> bool:
        """Whether no look is left."""
        return self.number == len(self.sizes)


def look_of(looks: tuple[int, ...], n_examples: int) -> Look:
    """The last of the declared looks that so many examples have reached.

    Raises:
        ValueError: looks that are no increasing whole numbers.
    """
    sequential.spent(looks, 0.05)  # says what looks are where these are none
    number = int(np.searchsorted(np.asarray(looks), n_examples, side="right"))
    return Look(sizes=tuple(looks), number=number, n_examples=n_examples)


def unknown(estimate: Estimate, comparison: Comparison, terms: Terms, *reasons: str) -> Finding:
    """Nothing is known but the value so far."""
    values, member = estimate.values, 0
    if estimate.whole_ensemble or terms.members == "every":
        member = int(np.argmin(values) if comparison == ">=" else np.argmax(values))
        value = float(values[member])
    else:
        value = float(np.mean(values)) if terms.members == "mean" else math.nan
    return Finding(
        value=value,
        low=-np.inf,
        high=np.inf,
        n=int(estimate.evidence.sizes[member]),
        unit=estimate.evidence.unit,
        method=NO_BOUNDS,
        member=member,
        reasons=reasons,
    )


def at_look(
    estimate: Estimate, comparison: Comparison, threshold: float, terms: Terms, within: Within | None
) -> tuple[Estimate, Finding]:
    """What was found at the look that was reached, and the estimate on its cases; see ``growing_data.find``."""
    n_examples = estimate.predictions.n_examples if within is None else within.n_examples
    look = look_of(terms.looks, n_examples)
    if not look.number:
        reason = f"first look at {look.sizes[0]:,} examples, {n_examples:,} so far"
        return estimate, unknown(estimate, comparison, terms, reason)
    try:
        taken = replace(estimate, evidence=estimate.evidence.take(_first(look.size, within)))
    except TypeError as refused:  # two sets of cases, a fold of them: which of them grows is not known
        reason = f"{estimate.subject} cannot be judged at looks: {refused}"
        return estimate, unknown(estimate, comparison, terms, reason)
    spending = Spending(looks=look.sizes, number=look.number, how=cast(sequential.Spending, terms.spending))
    if terms.members == "mean" and not estimate.whole_ensemble:
        used, of = spending.part(terms.level), terms.level
        finding = fold(taken, comparison, threshold, replace(terms, confidence=1.0 - used))
    else:
        bounded = _bounded(estimate.evidence, taken.evidence, threshold, spending, within)
        finding = fold(replace(taken, evidence=bounded), comparison, threshold, terms)
        used, of = _level_used(bounded, finding, comparison, threshold, terms)
    details = (*finding.details, _look_words(look, used, of, terms.spending))
    reasons = (*finding.reasons, *_next(look, taken, finding, comparison, threshold, terms))
    return taken, replace(finding, details=details, reasons=reasons)


def _first(size: int, within: Within | None) -> IntArray:
    """Positions of the first cases."""
    if within is None:
        return np.arange(size, dtype=np.int64)
    return np.flatnonzero(within.cases < size).astype(np.int64)


def _bounded(
    whole: Evidence, taken: Evidence, threshold: float, spending: Spending, within: Within | None
) -> AtLook | RateAtLook:
    """The evidence of a look with bounds for all looks: by the exact recursion where it is a rate."""
    if not isinstance(taken, Rate) or taken.cluster_codes is not None or not 0.0 < taken.as_rate(threshold) < 1.0:
        return AtLook(evidence=taken, spending=spending)
    reached = spending.looks[: spending.number]
    sizes = np.stack([whole.take(_first(size, within)).sizes for size in reached])
    return RateAtLook(rate=taken, spending=spending, threshold=threshold, sizes_so_far=sizes)


def _look_words(look: Look, level: float, of: float, how: str) -> str:
    """``look 2 of 5 (1,000 of 5,000 examples), level 0.0019 of 0.05 (O'Brien-Fleming)``."""
    waiting = look.n_examples - look.size
    rest = "" if not waiting else f"; {waiting:,} more {'are not judged' if look.last else 'wait for the next look'}"
    return (
        f"look {look.number} of {len(look.sizes)} ({look.size:,} of {look.sizes[-1]:,} examples{rest}), "
        f"level {level:.2g} of {of:.2g} ({SPENDING_WORDS[how]})"
    )


def _level_used(
    evidence: AtLook | RateAtLook, finding: Finding, comparison: Comparison, threshold: float, terms: Terms
) -> tuple[float, float]:
    """The level at this look of the end that decided, or that would meet it, and what it is a part of."""
    violated = decide(finding.low, finding.high, comparison, threshold) is Outcome.VIOLATED
    of = terms.level
    if not evidence.whole_ensemble and not isinstance(terms.members, str):
        judged_at = anytime.sequence_member_level if terms.growing_members else retrainings.member_level
        of, violated = judged_at(terms.level), False  # each member's own
    elif violated:
        of = terms.level * terms.share / len(evidence.values)
    if isinstance(evidence, AtLook):
        return evidence.spending.part(of), of
    low, high = evidence.levels(of)
    return float((low if (comparison == ">=") != violated else high)[finding.member]), of


def _next(
    look: Look, taken: Estimate, finding: Finding, comparison: Comparison, threshold: float, terms: Terms
) -> tuple[str, ...]:
    """What would settle an undecided look."""
    if look.last:
        return (
            "this was the last look: another one at the same cases would break the error level; declare looks for "
            "fresh cases",
        )
    to_come = look.sizes[look.number]
    if terms.members == "every" and decide(finding.low, finding.high, comparison, threshold) is not Outcome.UNDECIDED:
        return ()
    words = f"next look at {to_come:,} examples, {to_come - look.n_examples:,} to go; until then this verdict stays"
    return (words, *_plan(look, taken, finding, comparison, threshold, terms))


def _plan(
    look: Look, taken: Estimate, finding: Finding, comparison: Comparison, threshold: float, terms: Terms
) -> tuple[str, ...]:
    """Which of the looks to come would decide it at the measured value, by its own part of the level."""
    size = int(taken.evidence.sizes[finding.member]) if terms.members == "every" else 0
    if not size or finding.reasons or taken.whole_ensemble or not np.isfinite(finding.value):
        return ()
    examples = 0
    for number in range(look.number + 1, len(look.sizes) + 1):
        spending = Spending(looks=look.sizes, number=number, how=cast(sequential.Spending, terms.spending))
        goal = Goal(threshold=threshold, comparison=comparison, level=spending.part(terms.level), terms=terms)
        needed = taken.evidence.plan(finding.member, goal)
        if needed is None:
            return (f"no affordable number of {taken.evidence.unit} decides it: the measured value is too close",)
        examples = math.ceil(needed * look.size / size)
        if examples <= look.sizes[number - 1]:
            return (f"at this rate look {number} would decide it ({look.sizes[number - 1]:,} examples, 90% power)",)
    return (f"about {round_up(examples):,} examples would decide it at this rate, more than the last look will have",)
