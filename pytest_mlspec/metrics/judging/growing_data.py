"""Judges requirements on data that grow: at declared looks with a divided level, or by bounds valid at any time.

At a look the verdict is made of exactly the first so many cases, so that running again before the next look repeats
it. Cases must therefore be appended: what would put other cases first, or draw them anew, is undecided here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from pytest_mlspec.data.perturbing import EXCHANGED, redrawn, source
from pytest_mlspec.metrics.evidence.known import Known
from pytest_mlspec.metrics.judging.folds import Finding, fold
from pytest_mlspec.metrics.judging.looks import Within, at_look, unknown
from pytest_mlspec.verdict import Comparison, Terms

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset
    from pytest_mlspec.data.forms import Vector
    from pytest_mlspec.metrics.estimate import Estimate

DRAWN = (
    "the cases are {} rows drawn at random from a larger dataset, and are drawn anew when it grows: give the growing "
    "cases as a Dataset of their own, as in Splits(train=..., test=...), with new ones at its end"
)
SORTED = (
    "the cases of {} are sorted by their truth, so that the first ones are unlike the rest: leave growing cases in the "
    "order in which they came, or shuffle the file once and append from then on"
)
MANY = 5
REDRAWN = (
    "{} makes something else of the same rows when rows are added, so that the first cases would change: perturb by a "
    "function of each row alone"
)
NO_ANYTIME = (
    "anytime-valid bounds are known for rates and bounded means of independent cases, and what is made of them: "
    "declare looks= for {}"
)
NO_ANYTIME_MEAN = "members='mean' has no anytime-valid bounds: declare looks=, or ask it of every member"
_PRINTS: WeakKeyDictionary[Dataset, dict[int, str]] = WeakKeyDictionary()
NO_LOOKS = "a spread over retrainings is not judged at looks: leave looks= and anytime= out"


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
        return estimate, unknown(estimate, comparison, terms, reason)
    if terms.anytime:
        return _at_any_time(estimate, comparison, threshold, terms)
    return at_look(estimate, comparison, threshold, terms, within)


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
        if data.cluster_name == EXCHANGED or redrawn(data):
            return REDRAWN.format(", ".join(data.perturbations) or data.title)
        whole = source(data).base
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


def _at_any_time(
    estimate: Estimate, comparison: Comparison, threshold: float, terms: Terms
) -> tuple[Estimate, Finding]:
    from pytest_mlspec.metrics.evidence.any_time import at_any_time

    if terms.members == "mean" and not estimate.whole_ensemble:
        return estimate, unknown(estimate, comparison, terms, NO_ANYTIME_MEAN)
    evidence = at_any_time(estimate.evidence)
    if evidence is None:
        return estimate, unknown(estimate, comparison, terms, NO_ANYTIME.format(estimate.subject))
    steady = replace(estimate, evidence=evidence)
    return steady, fold(steady, comparison, threshold, terms)
