"""Plans at declared looks: the first one that is large enough at its own level, and the one that was reached."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace

from pytest_mlspec.metrics.judging.looks import look_of
from pytest_mlspec.metrics.planning.plan import Question, Way

Ways = Callable[[Question], tuple[Way, ...] | str]


def ways_at_looks(question: Question, ways: Ways) -> tuple[Way, ...] | str:
    """The ways of a claim whose cases are looked at when there are so many: a number of cases is that of a look.

    Beyond the last look it is what the level of that look would need.
    """
    found = [ways(replace(question, level=level)) for level in question.look_levels if level > 0.0]
    if not found or isinstance(found[-1], str):
        return ways(question)
    looks = question.terms.looks[-len(found) :]  # where the level is 0 nothing can be met
    n_examples = max(1, int(question.estimate.predictions.n_examples))
    by_way = zip(*(each for each in found if not isinstance(each, str)), strict=True)
    return tuple(_at_looks(same, looks, n_examples, question.estimate.evidence.unit) for same in by_way)


def _at_looks(same: tuple[Way, ...], looks: tuple[int, ...], n_examples: int, unit: str) -> Way:
    """One way at every look: looks count examples, a way counts the cases among them."""
    last = same[-1]
    if not last.unit.startswith(unit):  # retrainings, clusters: their number does not grow with the examples
        return last
    cases = [look * last.at_hand / n_examples for look in looks]

    def needed(expected: float, power: float) -> int | None:
        def enough(place: int) -> bool:
            asked = same[place].needed(expected, power)
            return asked is not None and asked <= cases[place]

        first = bisect_left(range(len(looks)), True, key=enough)
        return math.ceil(cases[first]) if first < len(looks) else last.needed(expected, power)

    return replace(last, needed=needed)


def question_at_hand(question: Question) -> Question | str:
    """The question at the level of the look that the data have reached, or why nothing is judged yet."""
    if not question.look_levels:
        return question
    look = look_of(question.terms.looks, int(question.estimate.predictions.n_examples))
    if not look.number:
        return f"the first look is at {look.sizes[0]:,} examples, and there are {look.n_examples:,}"
    level = question.look_levels[look.number - 1]
    return replace(question, level=level) if level > 0.0 else f"no model is met at look {look.number}, whatever it says"
