"""Says what would settle an undecided requirement: how many more examples or retrainings, or that none would."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.metrics.evidence import Goal
from pytest_mlspec.metrics.folds import Finding
from pytest_mlspec.metrics.groups import Grouped
from pytest_mlspec.metrics.spread import SeedStd
from pytest_mlspec.stats.bounds import FloatArray
from pytest_mlspec.verdict import Comparison, Terms, format_limit, format_value

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate

POWER = 0.9
MOST_RETRAININGS = 1000
MOST_EXAMPLES = 10**8
SAME_DATA = "re-running the same model on the same data cannot"


def advise(
    estimate: Estimate, finding: Finding, comparison: Comparison, threshold: float, terms: Terms
) -> tuple[str, ...]:
    """The lines below the numbers of an undecided verdict."""
    lines = list(finding.reasons)
    if finding.reasons:
        return tuple(lines)
    goal = Goal(threshold=threshold, comparison=comparison, level=terms.level, terms=terms)
    if terms.members == "every" or estimate.form == "seed_std":
        lines.extend(_enough_cases(estimate, goal))
        lines.extend(_beyond_any_model(estimate, finding, goal))
    elif terms.members == "mean":
        lines.extend(_enough_for_mean(estimate, goal))
    return tuple(lines)


def _enough_for_mean(estimate: Estimate, goal: Goal) -> list[str]:
    """Planned for the bound of a mean over retrainings on more examples, or for more retrainings on these.

    v is the variance over cases of the mean over members, a the spread over seeds, e^2 / n the test-set noise in it and
    b(x) = (x - low)(high - x). The bound acts on n* = min(n, b(mean) / se^2) independent cases with
    se^2 = v / n + (t_{K-1} / z_level)^2 (a^2 + e^2 / n) / K. The limit is told from the mean where
    z_level sqrt(b(limit) / n*) + 1 / (2 n*) + z_power sqrt(v / n + a^2 / K) is at most their distance.
    """
    from scipy.special import ndtri, stdtrit

    from pytest_mlspec.stats import seeds

    cases = estimate.evidence.case_values(goal.terms)
    if cases is None or cases.low is None or cases.high is None:  # a reason was given before
        return []
    at_hand, n_at_hand = cases.rows.shape
    spread = seeds.std_bounds(cases.rows, goal.level, cases.high - cases.low)
    of_cases = float(cases.rows.mean(axis=0, dtype=np.float64).var(ddof=1))
    noise = spread.noise**2 * n_at_hand
    width = cases.high - cases.low
    at_mean, at_limit = ((x - cases.low) * (cases.high - x) for x in (estimate.value, goal.threshold))
    z_level, z_power = -float(ndtri(goal.level)), float(ndtri(goal.power))
    if at_limit < 0:
        return []

    def first(n_members: float | FloatArray, n_examples: float | FloatArray) -> int | None:
        of_seeds = stdtrit(n_members - 1, 1 - goal.level) ** 2 * (spread.value**2 + noise / n_examples) / n_members
        error = np.maximum(of_cases / n_examples + of_seeds / z_level**2, np.finfo(float).tiny)
        independent = np.minimum(n_examples, at_mean / error if at_mean > 0 else n_examples)
        luck = z_power * np.sqrt(of_cases / n_examples + spread.value**2 / n_members)
        arm = z_level * np.sqrt(at_limit / independent) + 0.5 * width / independent
        enough = arm + luck <= abs(estimate.value - goal.threshold)
        return int(np.argmax(enough)) if enough.any() else None

    sizes = np.geomspace(n_at_hand, MOST_EXAMPLES, 2000)
    members = np.arange(float(at_hand), MOST_RETRAININGS + 1)
    ways = []
    if (place := first(at_hand, sizes)) is not None:
        needed = round_up(math.ceil(sizes[place]))
        ways.append(f"{needed:,} {estimate.evidence.unit} with the {at_hand} retrainings at hand")
    if (place := first(members, n_at_hand)) is not None:
        ways.append(f"{round_up(int(members[place])):,} retrainings on these cases")
    if not ways:
        return ["no affordable number of examples or retrainings alone decides it: the mean is too close to the limit"]
    return [f"about {' or '.join(ways)} would decide it at this mean (90% power)"]


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
