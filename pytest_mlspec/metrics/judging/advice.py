"""Says what would settle an undecided requirement: how many more examples or retrainings, or that none would."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.metrics.evidence import Evidence, Goal
from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.metrics.evidence.difference import Difference
from pytest_mlspec.metrics.evidence.groups import Grouped
from pytest_mlspec.metrics.evidence.spread import SeedStd
from pytest_mlspec.metrics.judging.folds import Finding
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
    if not np.isfinite(finding.value):
        return (f"{estimate.subject} has no value on these cases: what it is divided by, or measured on, is nothing",)
    goal = Goal(threshold=threshold, comparison=comparison, level=terms.level, terms=terms)
    if terms.members == "every" or estimate.whole_ensemble:
        lines.extend(_enough_cases(estimate, goal))
        lines.extend(_beyond_any_model(estimate, finding, goal))
    elif terms.members == "mean":
        lines.extend(_enough_for_mean(estimate, goal))
    return tuple(lines)


def _enough_for_mean(estimate: Estimate, goal: Goal) -> list[str]:
    """Planned for the bound of a mean over retrainings: more examples, or more retrainings on these."""
    plan = MeanPlan.of(estimate, goal)
    if plan is None:
        return []
    members = np.arange(float(plan.n_members), MOST_RETRAININGS + 1)
    sizes = np.geomspace(plan.n_examples, MOST_EXAMPLES, 2000)
    ways = []
    if (place := plan.first(plan.n_members, sizes)) is not None:
        needed = round_up(math.ceil(sizes[place]))
        ways.append(f"{needed:,} {estimate.evidence.unit} with the {plan.n_members} retrainings at hand")
    if (place := plan.first(members, plan.n_examples)) is not None:
        ways.append(f"{round_up(int(members[place])):,} retrainings on these cases")
    if not ways:
        return ["no affordable number of examples or retrainings alone decides it: the mean is too close to the limit"]
    return [f"about {' or '.join(ways)} would decide it at this mean (90% power)"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanPlan:
    """What the bound of a mean over retrainings is made of, to be scaled to other numbers of cases and members.

    Args:
        n_members, n_examples: at hand.
        distance: between the mean and its limit.
        width: the range of one case's values.
        at_mean, at_limit: (x - low)(high - x), the largest variance of one case with this mean.
        of_cases: variance over cases of the mean over members.
        seed_variance: variance over retrainings.
        noise: variance that one case adds to a member's mean value.
        level, power: one-sided error level of the bound, wanted probability of a decision.
    """

    n_members: int
    n_examples: int
    distance: float
    width: float
    at_mean: float
    at_limit: float
    of_cases: float
    seed_variance: float
    noise: float
    level: float
    power: float

    @classmethod
    def of(cls, estimate: Estimate, goal: Goal) -> MeanPlan | None:
        """Measured on the cases at hand; ``None`` where the metric is no mean or the limit out of its range."""
        from pytest_mlspec.stats import seeds

        cases = estimate.evidence.case_values(goal.terms)
        if cases is None or cases.low is None or cases.high is None or not cases.low <= goal.threshold <= cases.high:
            return None
        low, high, value = cases.low, cases.high, estimate.value
        n_members, n_examples = cases.rows.shape
        spread = seeds.std_bounds(cases.rows, goal.level, high - low)
        return cls(
            n_members=n_members,
            n_examples=n_examples,
            distance=abs(value - goal.threshold),
            width=high - low,
            at_mean=(value - low) * (high - value),
            at_limit=(goal.threshold - low) * (high - goal.threshold),
            of_cases=float(cases.rows.mean(axis=0, dtype=np.float64).var(ddof=1)),
            seed_variance=spread.value**2,
            noise=spread.noise**2 * n_examples,
            level=goal.level,
            power=goal.power,
        )

    def first(self, n_members: float | FloatArray, n_examples: float | FloatArray) -> int | None:
        """The place of the first numbers of members and cases that tell the limit from the mean.

        The bound acts on n* = min(n, at_mean / se^2) independent cases with se^2 = of_cases / n +
        (t_{K-1} / z_level)^2 (seed_variance + noise / n) / K. The limit is told from the mean where
        z_level sqrt(at_limit / n*) + width / (2 n*) + z_power sqrt(of_cases / n + seed_variance / K) is at most
        their distance.
        """
        from scipy.special import ndtri, stdtrit

        z_level, z_power = -float(ndtri(self.level)), float(ndtri(self.power))
        heavier = (stdtrit(n_members - 1, 1 - self.level) / z_level) ** 2
        error = self.of_cases / n_examples + heavier * (self.seed_variance + self.noise / n_examples) / n_members
        worth = self.at_mean / np.maximum(error, np.finfo(float).tiny) if self.at_mean > 0 else n_examples
        independent = np.minimum(n_examples, worth)
        luck = z_power * np.sqrt(self.of_cases / n_examples + self.seed_variance / n_members)
        arm = z_level * np.sqrt(self.at_limit / independent) + 0.5 * self.width / independent
        enough = arm + luck <= self.distance
        return int(np.argmax(enough)) if enough.any() else None


def _deciding(evidence: Evidence, members: list[int], goal: Goal, *, furthest: bool) -> list[int]:
    """Whose plans settle it: of rates on as many cases the nearest to the limit needs most, the furthest fewest."""
    if isinstance(evidence, Difference) and (cases := evidence.cases_by_normal_law(goal)) is not None:
        return [members[int(np.argmin(cases[members]) if furthest else np.argmax(cases[members]))]]
    if not isinstance(evidence, Rate) or evidence.cluster_codes is not None or len(set(evidence.sizes.tolist())) > 1:
        return members
    distance = np.abs(evidence.values[members] - goal.threshold)
    return [members[int(np.argmax(distance) if furthest else np.argmin(distance))]]


def _enough_cases(estimate: Estimate, goal: Goal) -> list[str]:
    """Planned for the fold: all members must be met, or one must be violated at its share of the level."""
    evidence, n_members = estimate.evidence, len(estimate.values)
    wrong = [member for member, value in enumerate(estimate.values) if not goal.right(float(value))]
    if wrong:
        shared = replace(goal, level=goal.level / n_members)
        asked = _deciding(evidence, wrong, goal, furthest=True)
        counted = [n for member in asked if (n := evidence.plan(member, shared)) is not None]
        needed = min(counted) if counted else None
    else:
        sure = replace(goal, power=1 - (1 - POWER) / n_members)
        asked = _deciding(evidence, list(range(n_members)), goal, furthest=False)
        plans = [evidence.plan(member, sure) for member in asked]
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
    if estimate.form in ("seed_std", "seed_std_quotient"):
        return [words]
    if estimate.metric.endswith("_distance"):  # of two datasets: there is no model to run again
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
