"""The three answers, how bounds give them, and what a test raises that cannot pass."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_mlspec.verdict.terms import Comparison


class Outcome(StrEnum):
    """The three answers to a requirement."""

    MET = "met"
    VIOLATED = "violated"
    UNDECIDED = "undecided"


class Undecided(AssertionError):
    """Raised when an undecided verdict is asked for its truth: the data cannot tell."""

    # Shown as "Undecided: ..." in tracebacks, as pytest does with its own outcomes.
    __module__ = "builtins"


class Violated(AssertionError):
    """Raised after a test that went on although a requirement was violated."""

    __module__ = "builtins"


class NotJudged(AssertionError):
    """Raised after a test whose requirement was never judged, or judged and never asked."""

    __module__ = "builtins"


class StaleWaiver(AssertionError):
    """Raised after a test whose requirement is met although it is waived."""

    __module__ = "builtins"


def decide(low: float, high: float, comparison: Comparison, threshold: float) -> Outcome:
    """Decide a requirement from one-sided bounds; anything that is not a number stays undecided.

    Source: the confidence-interval form of two one-sided tests; each side at its full level, because for any truth
    only one of the two answers can be wrong.
    """
    if comparison == ">=":
        met, violated = low >= threshold, high < threshold
    else:
        met, violated = high <= threshold, low > threshold
    if met == violated:  # neither, or bounds that contradict each other
        return Outcome.UNDECIDED
    return Outcome.MET if met else Outcome.VIOLATED
