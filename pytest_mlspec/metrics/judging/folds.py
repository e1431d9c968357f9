"""Folds the members of an ensemble into the one pair of bounds that a requirement is decided on."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.stats.bounds import Bounds, FloatArray, Method, Side
from pytest_mlspec.verdict import Comparison, Terms, format_percent, format_value

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate

PLAIN_COUNTS = re.compile(r"\d+/\d+")
NOT_RETRAINED = "this is one trained model, not retrainings of a training function"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a fold found: the value and bounds that decide, and the words that explain them."""

    value: float
    low: float
    high: float
    n: int
    unit: str
    method: Method
    member: int = 0
    details: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def fold(estimate: Estimate, comparison: Comparison, threshold: float, terms: Terms) -> Finding:
    """The fold that the terms ask for; the end that decides *violated* is that of its share of the level."""
    finding = _fold(estimate, comparison, threshold, terms)
    if terms.share >= 1:
        return finding
    sterner = replace(terms, confidence=1 - terms.level * terms.share, share=1.0)
    far = _fold(estimate, comparison, threshold, sterner)
    of_share = not isinstance(terms.members, str) and not estimate.whole_ensemble
    if of_share and far.high >= float(terms.members):  # its value counts members, and belongs to the end shown
        return replace(finding, high=far.high)
    # The words are those of the sterner fold: no member is said to violate what it violates at the full level only.
    if comparison == ">=" or of_share:
        return replace(far, low=finding.low, reasons=finding.reasons)
    return replace(far, high=finding.high, reasons=finding.reasons)


def _fold(estimate: Estimate, comparison: Comparison, threshold: float, terms: Terms) -> Finding:
    if estimate.whole_ensemble or terms.members == "every":
        return every_member(estimate, comparison, threshold, terms)
    if terms.members == "mean":
        return mean_member(estimate, comparison, terms)
    return share_of_members(estimate, comparison, threshold, terms)


def every_member(estimate: Estimate, comparison: Comparison, threshold: float, terms: Terms) -> Finding:
    """Every member must meet it: met needs no correction, violated is corrected for the number of members.

    With K members the near bound is the worst of the K bounds at the full level (an intersection-union test: Berger
    1982); the far bound takes each member at level / K (Holm's first step), so that what is shown is what decided.
    """
    evidence = estimate.evidence
    at_level = permitted(evidence.bounds(terms.level, terms), terms)
    n_members = len(evidence.values)
    side: Side = "high" if comparison == ">=" else "low"
    shared = at_level if n_members == 1 else permitted(evidence.bounds(terms.level / n_members, terms, side), terms)
    if comparison == ">=":
        near, far = int(np.argmin(at_level.low)), int(np.argmin(shared.high))
        low, high = float(at_level.low[near]), float(shared.high[far])
        violating = int(np.sum(shared.high < threshold))
    else:
        near, far = int(np.argmax(at_level.high)), int(np.argmax(shared.low))
        low, high = float(shared.low[far]), float(at_level.high[near])
        violating = int(np.sum(shared.low > threshold))
    member = far if violating else near
    return Finding(
        value=float(evidence.values[member]),
        low=low,
        high=high,
        n=int(evidence.sizes[member]),
        unit=evidence.unit,
        method=at_level.method,
        member=member,
        details=_member_words(estimate, member, near if violating else far, violating),
        reasons=tuple(dict.fromkeys(reason for reason in (at_level.reason, shared.reason) if reason)),
    )


def _member_words(estimate: Estimate, member: int, other: int, violating: int) -> tuple[str, ...]:
    n_members = len(estimate.evidence.values)
    parts = []
    counts = estimate.evidence.counts(member)
    if counts and (n_members > 1 or not PLAIN_COUNTS.fullmatch(counts)):  # 9/10 says no more than the value and n
        parts.append(counts)
    if n_members > 1:
        words = f"worst of {n_members} members ({member_name(estimate, member)})"
        parts.append(words if other == member else f"{words}, other bound from {member_name(estimate, other)}")
        if violating:
            parts.append(_all_of(n_members) if violating == n_members else f"{violating} of {n_members} violate it")
    return ("; ".join(parts),) if parts else ()


def _all_of(n_members: int) -> str:
    return "both violate it" if n_members == 2 else f"all {n_members} violate it"


def member_name(estimate: Estimate, member: int) -> str:
    """``seed 3``, or ``member 3`` of members that nobody gave seeds."""
    seeds = estimate.predictions.seeds
    return f"seed {seeds[member]}" if len(seeds) > member else f"member {member}"


def mean_member(estimate: Estimate, comparison: Comparison, terms: Terms) -> Finding:
    """The expected retraining must meet it: seed noise and test-set noise are both in the error."""
    from pytest_mlspec.stats import seeds

    evidence, values = estimate.evidence, estimate.evidence.values
    smallest, largest = (format_value(float(end)) for end in (values.min(), values.max()))
    reasons: tuple[str, ...] = ()
    cases = evidence.case_values(terms)
    bounds = Bounds(low=np.array(-np.inf), high=np.array(np.inf), method=seeds.SEED_MEAN)
    if not estimate.predictions.retrained:
        reasons = (f"members='mean' needs at least 5 retrainings to be met: {NOT_RETRAINED}",)
    elif not evidence.sizes.all():
        reasons = (f"there are no {evidence.unit} to judge",)
    elif cases is None or cases.low is None or cases.high is None:
        reasons = (
            f"members='mean' is not defined for {estimate.subject}: it is not a mean of bounded values over cases",
        )
    elif estimate.clustered:
        reasons = ("rows are clustered, and the mean over seeds has no clustered form",)
    else:
        found = seeds.mean_bounds(cases.rows, terms.level, comparison, (cases.low, cases.high))
        bounds = permitted(found, terms)
        reasons = (bounds.reason,) if bounds.reason else ()
    return Finding(
        value=float(np.mean(values)),
        low=float(bounds.low),
        high=float(bounds.high),
        n=int(evidence.sizes[0]),
        unit=evidence.unit,
        method=bounds.method,
        details=(f"mean of {len(values)} members, from {smallest} to {largest}",),
        reasons=reasons,
    )


def share_of_members(estimate: Estimate, comparison: Comparison, threshold: float, terms: Terms) -> Finding:
    """A share of retrainings must meet it: a distribution-free tolerance bound, half the level for each member."""
    from pytest_mlspec.stats import anytime, growing, retrainings

    share, n_members = float(terms.members), len(estimate.evidence.values)
    passes, fails, bounds = passed_and_failed(estimate, comparison, threshold, terms)
    open_ones = n_members - passes - fails
    if terms.growing_members:
        method, of_share = anytime.RETRAININGS_ONE_BY_ONE, anytime.share_sequence(passes, fails, n_members, terms.level)
        needed = growing.needed_in_sequence(share, terms.level) or terms.growing_members + 1
    else:
        method, of_share = retrainings.RETRAININGS, retrainings.share_bounds(passes, fails, n_members, terms.level)
        needed = retrainings.needed_members(share, terms.level)
    if not estimate.predictions.retrained:
        low, high = 0.0, 1.0
        reasons: tuple[str, ...] = (f"a share of retrainings needs at least {needed} retrainings: {NOT_RETRAINED}",)
    else:
        low, high = float(of_share.low), float(of_share.high)
        reasons = (bounds.reason,) if bounds.reason else ()
        if n_members < needed and low < share <= high:
            reasons += (f"a share of {format_percent(share)} needs at least {needed} retrainings, all of them met",)
        elif low < share <= high and not reasons:
            undecided = f"more examples would decide the {open_ones} undecided members, " if open_ones else ""
            reasons = (f"{undecided}more retrainings would narrow the share",)
    return Finding(
        value=passes / n_members,
        low=low,
        high=high,
        n=n_members,
        unit="retrainings",
        # The share itself is exact; what it counts is no better than the bounds that judged each member.
        method=replace(method, bound_class=bounds.method.bound_class),
        details=(f"{passes} met, {fails} violated, {open_ones} undecided, each judged by {bounds.method.name}",),
        reasons=reasons,
    )


def passed_and_failed(
    estimate: Estimate, comparison: Comparison, threshold: float, terms: Terms
) -> tuple[int, int, Bounds]:
    """How many members are proven to meet it, how many to violate it, and the bounds that prove it.

    Half the level is each member's own at a fixed number of members; where members are added until the share is
    decided it is a twentieth.
    """
    from pytest_mlspec.stats import anytime, retrainings

    judged_at = anytime.sequence_member_level if terms.growing_members else retrainings.member_level
    bounds = permitted(estimate.evidence.bounds(judged_at(terms.level), terms), terms)
    if comparison == ">=":
        return int(np.sum(bounds.low >= threshold)), int(np.sum(bounds.high < threshold)), bounds
    return int(np.sum(bounds.high <= threshold)), int(np.sum(bounds.low > threshold)), bounds


def permitted(bounds: Bounds, terms: Terms) -> Bounds:
    """The bounds, or none where the project forbids their class."""
    if bounds.method.bound_class in terms.bound_classes:
        return bounds
    nothing: FloatArray = np.full(np.shape(bounds.low), np.inf)
    reason = f"{bounds.method.name} is {bounds.method.bound_class}, a class of bounds that mlspec_bounds forbids"
    return replace(bounds, low=-nothing, high=nothing, reason=reason)
