"""Judges requirements on data that grow: at declared looks with a divided level, or by bounds valid at any time.

At a look the verdict is made of exactly the first so many cases, so that running again before the next look repeats
it. Cases must therefore be appended: what would put other cases first, or draw them anew, is undecided here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

import numpy as np

from pytest_mlspec.data.perturbing import EXCHANGED
from pytest_mlspec.metrics.evidence import Evidence, Goal
from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.metrics.evidence.known import Known
from pytest_mlspec.metrics.evidence.looks import AtLook, RateAtLook, Spending
from pytest_mlspec.metrics.judging.advice import round_up
from pytest_mlspec.metrics.judging.folds import Finding, fold
from pytest_mlspec.stats import anytime, retrainings, sequential
from pytest_mlspec.stats.bounds import IntArray, Method
from pytest_mlspec.verdict import Comparison, Outcome, Terms, decide

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset
    from pytest_mlspec.data.forms import Vector
    from pytest_mlspec.metrics.estimate import Estimate

SPENDING_WORDS = {"obrien-fleming": "O'Brien-Fleming", "pocock": "Pocock", "even": "even"}
DRAWN = (
    "the cases are {} rows drawn at random from a larger dataset, and are drawn anew when it grows: give the growing "
    "cases as a Dataset of their own, as in Splits(train=..., test=...), with new ones at its end"
)
SORTED = (
    "the cases of {} are sorted by their truth, so that the first ones are unlike the rest: leave growing cases in the "
    "order in which they came, or shuffle them once"
)
MANY = 5
PAIRED_ANEW = (
    "rows exchange values with rows that are paired anew whenever cases are added: permute with donors= from other data"
)
NO_ANYTIME = (
    "anytime-valid bounds are known for rates and bounded means of independent cases, and what is made of them: "
    "declare looks= for {}"
)
NO_ANYTIME_MEAN = "members='mean' has no anytime-valid bounds: declare looks=, or ask it of every member"
_PRINTS: WeakKeyDictionary[Dataset, dict[int, str]] = WeakKeyDictionary()
NO_BOUNDS = Method(name="no bounds", bound_class="exact", source="nothing is claimed", domain="any")
NO_LOOKS = "a spread over retrainings is not judged at looks: leave looks= and anytime= out"


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


def find(
    estimate: Estimate, comparison: Comparison, threshold: float, terms: Terms, within: Within | None = None
) -> tuple[Estimate, Finding]:
    """What was found, and the estimate on the cases that it was found on.

    Args:
        estimate: what was measured on all cases so far.
        comparison, threshold: the limit.
        terms: with looks or anytime.
        within: which of the growing cases the estimate is about; ``None``: all.

    Raises:
        ValueError: looks that do not increase, an unknown spending, or looks and anytime together.
    """
    if terms.looks and terms.anytime:
        raise ValueError(f"looks or anytime, not both; got looks={list(terms.looks)} and anytime=True")
    if isinstance(estimate.evidence, Known):  # read off the model: no case had a part in it
        return estimate, fold(estimate, comparison, threshold, terms)
    reason = NO_LOOKS if estimate.form in ("seed_std", "seed_std_quotient") else _unsteady(estimate)
    if reason:
        return estimate, _open(estimate, comparison, terms, reason)
    if terms.anytime:
        return _at_any_time(estimate, comparison, threshold, terms)
    return _at_look(estimate, comparison, threshold, terms, within)


def first_cases(estimate: Estimate, terms: Terms) -> dict[str, str]:
    """Content hashes of the first cases at each look so far: a later run that shows others did not append its cases."""
    data = estimate.predictions.data
    reached = [size for size in terms.looks if size <= len(data)]
    kept = _PRINTS.setdefault(data, {}) if reached else {}
    for size in reached:
        if size not in kept:
            kept[size] = data.take(np.arange(size)).fingerprint
    return {f"first {size:,} examples": kept[size] for size in reached}


def _unsteady(estimate: Estimate) -> str:
    """Why the first cases would not be the same again once there are more; empty where they should be."""
    for side in estimate.sides:
        data = side.data
        if data.cluster_name == EXCHANGED:
            return PAIRED_ANEW
        whole = _source(data)
        if not np.array_equal(whole.origin_rows, np.arange(len(whole))):
            return DRAWN.format(f"{len(whole):,}")
        if data.y is not None and _sorted(data.y):
            return SORTED.format(data.title)
    return ""


def _sorted(y: Vector) -> bool:
    """Whether cases stand in the order of their truth; a handful of one class may do so by chance."""
    codes, counts = np.unique(y, return_inverse=True, return_counts=True)[1:]
    steps = np.diff(codes.reshape(-1))
    return len(y) - int(counts.max()) >= MANY and bool((steps >= 0).all() or (steps <= 0).all())


def _source(data: Dataset) -> Dataset:
    """What a slice, or a perturbed copy of one, was taken from."""
    base = data.base
    while base.unperturbed is not None:
        base = base.unperturbed.base
    return base


def _open(estimate: Estimate, comparison: Comparison, terms: Terms, *reasons: str) -> Finding:
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


# ---- at any time ---------------------------------------------------------------------------------------------------


def _at_any_time(
    estimate: Estimate, comparison: Comparison, threshold: float, terms: Terms
) -> tuple[Estimate, Finding]:
    from pytest_mlspec.metrics.evidence.any_time import at_any_time

    if terms.members == "mean" and not estimate.whole_ensemble:
        return estimate, _open(estimate, comparison, terms, NO_ANYTIME_MEAN)
    evidence = at_any_time(estimate.evidence)
    if evidence is None:
        return estimate, _open(estimate, comparison, terms, NO_ANYTIME.format(estimate.subject))
    steady = replace(estimate, evidence=evidence)
    return steady, fold(steady, comparison, threshold, terms)


# ---- at declared looks ---------------------------------------------------------------------------------------------


def _at_look(
    estimate: Estimate, comparison: Comparison, threshold: float, terms: Terms, within: Within | None
) -> tuple[Estimate, Finding]:
    n_examples = estimate.predictions.n_examples if within is None else within.n_examples
    look = look_of(terms.looks, n_examples)
    if not look.number:
        reason = f"first look at {look.sizes[0]:,} examples, {n_examples:,} so far"
        return estimate, _open(estimate, comparison, terms, reason)
    try:
        taken = replace(estimate, evidence=estimate.evidence.take(_first(look.size, within)))
    except TypeError as refused:  # two sets of cases, a fold of them: which of them grows is not known
        return estimate, _open(estimate, comparison, terms, f"{estimate.subject} cannot be judged at looks: {refused}")
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
