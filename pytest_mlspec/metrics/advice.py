"""Says what would settle an undecided requirement: how many more examples or retrainings, or that none would."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_mlspec.metrics.folds import Finding
from pytest_mlspec.verdict import Comparison, Terms, decide, format_limit, format_value

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate

POWER = 0.9


def advise(
    estimate: Estimate, finding: Finding, comparison: Comparison, threshold: float, terms: Terms
) -> tuple[str, ...]:
    """The lines below the numbers of an undecided verdict."""
    lines = list(finding.reasons)
    per_member = terms.members == "every" or estimate.form == "seed_std"
    if per_member and not finding.reasons:
        lines.extend(_enough_cases(estimate, comparison, threshold, terms))
        lines.extend(_beyond_any_model(estimate, finding, comparison, threshold, terms))
    return tuple(lines)


def _enough_cases(estimate: Estimate, comparison: Comparison, threshold: float, terms: Terms) -> list[str]:
    """Planned for the fold: all members must be met, or one must be violated at its share of the level."""
    evidence, values = estimate.evidence, estimate.values
    n_members = len(values)
    wrong = [k for k, value in enumerate(values) if not _on_right_side(float(value), comparison, threshold)]
    if wrong:
        plans = [evidence.plan(k, threshold, comparison, terms.level / n_members) for k in wrong]
        counted = [n for n in plans if n is not None]
        needed = min(counted) if counted else None
    else:
        power = 1 - (1 - POWER) / n_members
        plans = [evidence.plan(k, threshold, comparison, terms.level, power) for k in range(n_members)]
        needed = None if None in plans else max(n for n in plans if n is not None)
    unit = f"{evidence.unit} in the smaller group" if estimate.form in ("gap", "ratio", "worst") else evidence.unit
    if needed is None:
        return [f"no affordable number of {unit} decides it at this rate: the measured value is too close to the limit"]
    cannot = "more seeds on the same data cannot" if estimate.predictions.retrained else (
        "re-running the same model on the same data cannot"
    )
    if estimate.form == "seed_std":
        cannot = "more examples alone may not"
    return [f"about {round_up(needed):,} {unit} would decide it at this rate (90% power); {cannot}"]


def _beyond_any_model(
    estimate: Estimate, finding: Finding, comparison: Comparison, threshold: float, terms: Terms
) -> list[str]:
    best = estimate.evidence.perfect(comparison, terms.level)
    if best is None or decide(best, best, comparison, threshold) == "met":
        return []
    if estimate.form == "seed_std":
        return [f"even identical members on these cases prove only a seed std <= {format_value(best)}: more cases are needed too"]
    return [
        f"no model could meet this on these cases: even without an error, {finding.n:,} {finding.unit} prove only "
        f"{estimate.metric.replace('_', ' ')} {comparison} {format_value(best)}, not {format_limit(threshold)}"
    ]


def _on_right_side(value: float, comparison: Comparison, threshold: float) -> bool:
    return value >= threshold if comparison == ">=" else value <= threshold


def round_up(n: int) -> int:
    """Two significant digits, upwards: a plan is not more exact than its assumption."""
    if n < 100:
        return n
    step = 10 ** (int(math.log10(n)) - 1)
    return -(-n // step) * step
