"""Answers a question: what is needed, what the data at hand can prove at best, and whether any model could do it."""

from __future__ import annotations

import math

import numpy as np

from pytest_mlspec.metrics.evidence import Goal
from pytest_mlspec.metrics.evidence.averaged import Mean
from pytest_mlspec.metrics.evidence.binned import ClassWise, TopLabel
from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.metrics.evidence.groups import Grouped
from pytest_mlspec.metrics.planning import anytime, seeds
from pytest_mlspec.metrics.planning.at_looks import question_at_hand, ways_at_looks
from pytest_mlspec.metrics.planning.compared import best_of_groups
from pytest_mlspec.metrics.planning.expected import best_value, expected_values, fault_of_expect
from pytest_mlspec.metrics.planning.plan import POWER, Need, Plan, Question, Way
from pytest_mlspec.metrics.planning.ways import ways_to_meet
from pytest_mlspec.metrics.ranking import Ranking
from pytest_mlspec.verdict import format_limit, format_value

HALVINGS = 20
NAMED_BY_MODEL = ("precision", "f1")
"""Rates over cases that the model chooses, so that another model has more or fewer of them."""


def answer(question: Question, claim: str, *, power: float = POWER) -> Plan:
    """The plan of one question.

    Args:
        question: what is to be planned.
        claim: the claim in words.
        power: wanted probability that it is met.
    """
    needed_members = seeds.members_of_fold(question)
    members = _members_in_power(question, needed_members)
    each = 1.0 - (1.0 - power) / members
    found = _ways(question)
    ways = () if isinstance(found, str) else found
    at_hand = question_at_hand(question)
    best = None if isinstance(at_hand, str) else best_provable(at_hand)
    available = max(
        question.n_members if question.estimate.predictions.retrained else 0, question.terms.growing_members
    )
    return Plan(
        claim=claim,
        metric=question.estimate.metric,
        comparison=question.comparison,
        threshold=question.threshold,
        expect=question.expect,
        needs=tuple(_needs(question, ways, each)) if not fault_of_expect(question) else (),
        unit=ways[0].unit if ways else question.estimate.evidence.unit,
        at_hand=ways[0].at_hand if ways else int(question.estimate.evidence.sizes.min()),
        members=question.n_members,
        members_needed=needed_members,
        best=best,
        from_value=_from_value(question, ways, each),
        unmeetable=at_hand if isinstance(at_hand, str) else _unmeetable(at_hand, best, needed_members, available),
        no_plan=found if isinstance(found, str) else fault_of_expect(question),
        notes=_notes(question),
    )


def _members_in_power(question: Question, needed_members: int | None) -> int:
    """Members that must all be met: each needs its part of the power, since they err on cases of their own."""
    if question.estimate.whole_ensemble or question.terms.members == "mean":
        return 1
    return max(question.n_members, needed_members or 1)


def _ways(question: Question) -> tuple[Way, ...] | str:
    if question.terms.anytime:
        return anytime.ways_at_any_time(question)
    return ways_at_looks(question, _ways_at_once) if question.look_levels else _ways_at_once(question)


def _ways_at_once(question: Question) -> tuple[Way, ...] | str:
    if question.terms.members == "mean" and not question.estimate.whole_ensemble:
        return seeds.of_mean(question)
    return ways_to_meet(question)


def _needs(question: Question, ways: tuple[Way, ...], power: float) -> list[Need]:
    return [
        Need(
            expected=value,
            needed=way.needed(value, power),
            unit=way.unit,
            at_hand=way.at_hand,
            assuming=way.assuming,
        )
        for value in expected_values(question)
        for way in ways
    ]


def _from_value(question: Question, ways: tuple[Way, ...], power: float) -> float | None:
    """The expected value nearest to the limit at which the cases at hand are enough."""
    best = best_value(question)
    if not ways or not ways[0].quick or best is None or best == question.threshold:
        return None
    way = ways[0]

    def enough(value: float) -> bool:
        needed = way.needed(value, power)
        return needed is not None and needed <= way.at_hand

    if not enough(best):
        return None
    far, near = best, question.threshold
    for _ in range(HALVINGS):
        middle = 0.5 * (far + near)
        far, near = (middle, near) if enough(middle) else (far, middle)
    return far


def best_provable(question: Question) -> float | None:
    """The bound of the best model there could be on the data at hand; ``None``: not known."""
    estimate, terms = question.estimate, question.terms
    if terms.members == "mean" and not estimate.whole_ensemble:
        return None
    goal = Goal(threshold=question.threshold, comparison=question.comparison, level=question.level, terms=terms)
    if terms.anytime and isinstance(estimate.evidence, Rate):
        return anytime.best_at_any_time(question, estimate.evidence)
    if isinstance(estimate.evidence, Grouped) and estimate.evidence.fold != "worst":
        return best_of_groups(estimate.evidence, question.comparison, question.level)
    found = estimate.evidence.perfect(goal)
    calibration = isinstance(estimate.evidence, (TopLabel, ClassWise))
    if found is None and calibration and question.flawless and question.comparison == "<=":
        found = float(np.max(estimate.evidence.bounds(question.level, terms, "high").high))
    return None if found is None or not math.isfinite(found) else found


def _unmeetable(question: Question, best: float | None, needed_members: int | None, available: int) -> str:
    estimate, terms = question.estimate, question.terms
    if needed_members is not None and available < needed_members:
        of_one = "" if estimate.predictions.retrained else " (one trained model says nothing about retraining)"
        return f"it needs at least {needed_members} retrainings, and there are {available}{of_one}"
    reason = _reason(question)
    if reason:
        return reason
    if best is None or question.right(best):
        return ""
    what = estimate.metric.replace("_", " ") if estimate.form == "level" else estimate.subject
    said = {
        "seed_std": "even identical members on these cases",
        "shortfall": "even members that agree on every case",
        "gap": "whatever the rates, groups of these sizes",
        "ratio": "whatever the rates, groups of these sizes",
    }.get(estimate.form, f"even without an error, {int(estimate.evidence.sizes.min()):,} {estimate.evidence.unit}")
    limit = format_limit(question.threshold)
    return f"{said} prove only {what} {question.comparison} {format_value(best)}, not {limit}" + (
        f" (at the level of the look that they have reached, {question.level:.2g})" if terms.looks else ""
    )


def _reason(question: Question) -> str:
    """Why the bound stays open whatever the model says."""
    estimate, terms = question.estimate, question.terms
    if not isinstance(estimate.evidence, (Rate, Mean, Ranking, TopLabel, ClassWise, Grouped)) or not question.flawless:
        return ""
    grouped = estimate.evidence if isinstance(estimate.evidence, Grouped) else None
    if grouped is not None and grouped.fold == "ratio" and not grouped.group_values.any():
        return ""  # 0 / 0 is what a flawless model makes of a ratio of errors
    bounds = estimate.evidence.bounds(question.level, terms, "low" if question.comparison == ">=" else "high")
    if bounds.method.bound_class not in terms.bound_classes:
        return f"{bounds.method.name} is {bounds.method.bound_class}, a class of bounds that mlspec_bounds forbids"
    return bounds.reason


def _notes(question: Question) -> tuple[str, ...]:
    terms, notes = question.terms, []
    if not question.estimate.whole_ensemble and question.n_members > 1 and terms.members == "every":
        notes.append(f"each of {question.n_members} members must be met: planned at their joint power")
    if (
        question.flawless
        and question.estimate.metric in NAMED_BY_MODEL
        and isinstance(question.estimate.evidence, Rate)
    ):
        notes.append(f"the {question.estimate.evidence.unit} are those of a model without an error")
    if terms.looks:
        sizes = ", ".join(f"{look:,}" for look in terms.looks)
        notes.append(f"cases are those of the first look that is large enough, of {sizes} examples, at its own level")
    elif question.level < terms.level and isinstance(terms.members, str):
        notes.append(f"level {question.level:.3g}, one part of the budget of this test set")
    if terms.anytime:
        notes.append("anytime: planned as if judged once, at this number of cases; looking earlier costs nothing")
    return tuple(notes)
