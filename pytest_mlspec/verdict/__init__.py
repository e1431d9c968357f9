"""The only place that decides: met, violated or undecided, and who hears of it.

It knows nothing of data, models or metrics, and imports nothing heavy.
"""

from pytest_mlspec.verdict.here import configured_terms, planner_here, reads_here, scores_are_told
from pytest_mlspec.verdict.outcomes import NotJudged, Outcome, StaleWaiver, Undecided, Violated, decide
from pytest_mlspec.verdict.terms import BOUND_CLASSES, DEFAULT_CONFIDENCE, Comparison, Members, Origin, Reading, Terms
from pytest_mlspec.verdict.verdict import COMPARED, TRACKED, WAIVED, Verdict, announce, explanation, under_waiver
from pytest_mlspec.verdict.wording import format_limit, format_percent, format_value

__all__ = [
    "BOUND_CLASSES",
    "COMPARED",
    "DEFAULT_CONFIDENCE",
    "TRACKED",
    "WAIVED",
    "Comparison",
    "Members",
    "NotJudged",
    "Origin",
    "Outcome",
    "Reading",
    "StaleWaiver",
    "Terms",
    "Undecided",
    "Verdict",
    "Violated",
    "announce",
    "configured_terms",
    "decide",
    "explanation",
    "format_limit",
    "format_percent",
    "format_value",
    "planner_here",
    "reads_here",
    "scores_are_told",
    "under_waiver",
]
