"""Values that a model may be expected to have, where the marker names none."""

from __future__ import annotations

from pytest_mlspec.metrics.judging.refusals import FRACTIONS
from pytest_mlspec.metrics.planning.plan import Question

PARTS = (0.25, 0.5, 0.75, 1.0)
"""How far from the limit to the best value there is."""
MARGINS = (0.01, 0.02, 0.05)


def expected_values(question: Question) -> tuple[float, ...]:
    """The value that the marker expects, else some between the limit and the best there is, nearest first."""
    if question.expect is not None:
        return (float(question.expect),)
    form, limit, sign = question.estimate.form, question.threshold, 1.0 if question.comparison == ">=" else -1.0
    if form == "seed_std_quotient":
        return (1.0, 0.5 * limit) if 0.5 * limit > 1.0 else (0.5 * limit,)
    if form in ("difference", "shortfall"):
        if limit * sign < 0:  # a margin: worse than equal is allowed
            return (limit / 2.0, 0.0)
        return tuple(limit + sign * margin for margin in MARGINS if abs(limit + sign * margin) <= 1.0)
    best = best_value(question)
    if best is None or best == limit:
        return ()
    if form in ("gap", "seed_std") or question.estimate.metric in ("ece", "mce"):
        return tuple(limit + (best - limit) * part for part in (0.25, 0.5, 1.0))
    return tuple(limit + (best - limit) * part for part in PARTS)


def best_value(question: Question) -> float | None:
    """The best value of the metric on the side of the limit that meets it; ``None``: not known."""
    if question.estimate.form in ("quotient", "seed_std_quotient", "size"):
        return None
    if question.comparison == "<=":
        return 0.0 if question.threshold >= 0 else None
    fraction = question.estimate.metric.removeprefix("reweighted_") in FRACTIONS or question.estimate.form == "ratio"
    return 1.0 if fraction else None


def fault_of_expect(question: Question) -> str:
    """Why a value that the marker expects cannot be planned for; empty where it can."""
    value = question.expect
    if value is None or (question.right(value) and value != question.threshold):
        return ""
    return (
        f"expect={value:g} does not lie beyond the limit {question.comparison} {question.threshold:g}: a model at its "
        "limit, or past it, is never met with 90 % power"
    )
