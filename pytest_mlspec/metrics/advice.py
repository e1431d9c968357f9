"""Says what would settle an undecided requirement: how many more examples or retrainings, or that none would."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_mlspec.metrics.evidence import Goal
from pytest_mlspec.metrics.folds import Finding
from pytest_mlspec.metrics.groups import Grouped
from pytest_mlspec.metrics.spread import SeedStd
from pytest_mlspec.verdict import Comparison, Terms, format_limit, format_value

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate

POWER = 0.9
SAME_DATA = "re-running the same model on the same data cannot"


def advise(
    estimate: Estimate, finding: Finding, comparison: Comparison, threshold: float, terms: Terms
) -> tuple[str, ...]:
    """The lines below the numbers of an undecided verdict."""
    lines = list(finding.reasons)
    per_member = terms.members == "every" or estimate.form == "seed_std"
    if per_member and not finding.reasons:
        goal = Goal(threshold=threshold, comparison=comparison, level=terms.level, terms=terms)
        lines.extend(_enough_cases(estimate, goal))
        lines.extend(_beyond_any_model(estimate, finding, goal))
    return tuple(lines)


def _enough_cases(estimate: Estimate, goal: Goal) -> list[str]:
    """Planned for the fold: all members must be met, or one must be violated at its share of the level."""
    evidence, n_members = estimate.evidence, len(estimate.values)
    wrong = [member for member, value in enumerate(estimate.values) if not goal.right(float(value))]
    if wrong:
        shared = replace(goal, level=goal.level / n_members)
        counted = [n for member in wrong if (n := evidence.plan(member, shared)) is not None]
        needed = min(counted) if counted else None
    else:
        sure = replace(goal, power=1 - (1 - POWER) / n_members)
        plans = [evidence.plan(member, sure) for member in range(n_members)]
        needed = None if None in plans else max(n for n in plans if n is not None)
    unit = evidence.unit
    if isinstance(evidence, Grouped):
        unit += f" in the {'smaller' if len(evidence.labels) == 2 else 'smallest'} group"
    ways = [f"{round_up(needed):,} {unit}"] if needed is not None else []
    if isinstance(evidence, SeedStd) and (cases := evidence.more_cases(goal)) is not None:
        ways.append(f"{round_up(cases):,} examples with the {n_members_of(estimate)} retrainings at hand")
    if not ways and isinstance(evidence, SeedStd) and (members := evidence.more_of_both(goal)) is not None:
        return [
            "neither more retrainings nor more examples alone would decide it: "
            f"it takes at least {round_up(members):,} retrainings and more examples"
        ]
    if not ways:
        return [f"no affordable number of {unit} decides it: the measured value is too close to the limit"]
    words = f"about {', or '.join(ways)}, would decide it at this rate (90% power)".replace(", would", " would")
    if estimate.form == "seed_std":
        return [words]
    cannot = "more seeds on the same data cannot" if estimate.predictions.retrained else SAME_DATA
    return [f"{words}; {cannot}"]


def n_members_of(estimate: Estimate) -> int:
    """How many retrainings stand behind a spread."""
    return int(estimate.predictions.n_members)


def _beyond_any_model(estimate: Estimate, finding: Finding, goal: Goal) -> list[str]:
    best = estimate.evidence.perfect(goal)
    if best is None or goal.right(best):
        return []
    if estimate.form == "seed_std":
        proven = f"even identical members on these cases prove only a seed std <= {format_value(best)}"
        return [f"{proven}: more cases are needed too"]
    if estimate.form in ("gap", "ratio"):
        # Unequal rates may prove a little more where group sizes differ, so "no model" would claim too much.
        why, what = "too few cases: even with a rate of 1 in every group", estimate.subject
    else:
        why = "no model could meet this on these cases: even without an error"
        what = estimate.metric.replace("_", " ") if estimate.form == "level" else estimate.subject
    return [
        f"{why}, {finding.n:,} {finding.unit} prove only {what} {goal.comparison} {format_value(best)}, "
        f"not {format_limit(goal.threshold)}"
    ]


def round_up(n: int) -> int:
    """Two significant digits, upwards: a plan is not more exact than its assumption."""
    if n < 100:
        return n
    step = 10 ** (int(math.log10(n)) - 1)
    return -(-n // step) * step
