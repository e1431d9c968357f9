"""Plans over retrainings: the spread of a metric, its mean, and the share of retrainings that meet it."""

from __future__ import annotations

import numpy as np

from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.metrics.evidence.spread import SeedStd
from pytest_mlspec.metrics.judging.advice import MOST_EXAMPLES, MOST_RETRAININGS, MeanPlan
from pytest_mlspec.metrics.planning.plan import Question, Way
from pytest_mlspec.stats import growing, retrainings, seed_planning
from pytest_mlspec.stats.seeds import MEMBERS_TO_BE_MET, SEED_STD, SeedSpread
from pytest_mlspec.verdict import Terms

DIFFERING = 0.1
"""Assumed share of cases on which two retrainings differ."""


def of_spread(question: Question, evidence: SeedStd) -> tuple[Way, ...] | str:
    """More retrainings on the cases at hand, or more cases for the retrainings at hand."""
    if not isinstance(evidence.evidence, Rate) or evidence.evidence.case_values(question.terms) is None:
        return "only the seed std of a rate has a plan: the noise of other metrics depends on what the model will say"
    if evidence.clustered:
        return "rows are clustered, and the spread over seeds has no clustered form"
    n_members, n_examples = question.n_members, int(evidence.evidence.sizes.min())
    words = f"two retrainings differ on {100 * DIFFERING:g}% of cases"

    def members(expected: float, power: float) -> int | None:
        assumed = assumed_spread(expected, max(n_members, 2), n_examples)
        return seed_planning.seeds_to_decide(assumed, question.threshold, question.level, power)

    def examples(expected: float, power: float) -> int | None:
        if n_members < 2:
            return None
        assumed = assumed_spread(expected, n_members, n_examples)
        return seed_planning.examples_to_decide(assumed, question.threshold, question.level, power)

    def endless(expected: float, power: float) -> int | None:
        if not question.threshold > 0:
            return None
        return seed_planning.members_to_decide(expected / question.threshold, question.level, power)

    unit = evidence.evidence.unit
    return (
        Way(unit="retrainings", at_hand=n_members, needed=members, assuming=f"{n_examples:,} {unit}; {words}"),
        Way(unit=unit, at_hand=n_examples, needed=examples, assuming=f"{n_members} retrainings; {words}"),
        Way(unit="retrainings", at_hand=n_members, needed=endless, assuming="a test set without noise"),
    )


def assumed_spread(expected: float, n_members: int, n_examples: int, differing: float = DIFFERING) -> SeedSpread:
    """The spread of a rate as it would be measured: two members differ on a share of cases of their own.

    Such members put as much noise, ``differing / (2 n)``, in every direction.
    """
    noise = float(np.sqrt(differing / (2.0 * n_examples)))
    return SeedSpread(
        value=expected,
        raw=float(np.hypot(expected, noise)),
        low=0.0,
        high=np.inf,
        n_members=n_members,
        n_examples=n_examples,
        noise=noise,
        main_noise=noise,
        own_noise=0.0,
        radius=0.5 * float(np.sqrt(n_members)),
        method=SEED_STD,
    )


def members_of_fold(question: Question) -> int | None:
    """The fewest retrainings with which the fold over members can be met; ``None``: it asks for no number."""
    if question.estimate.whole_ensemble:
        return 2 if question.estimate.form in ("seed_std", "seed_std_quotient", "shortfall") else None
    return fewest_members(question.terms)


def fewest_members(terms: Terms) -> int | None:
    """The fewest retrainings that ``members=`` can be met with; ``None`` where one is enough."""
    if terms.members == "mean":
        return MEMBERS_TO_BE_MET
    if isinstance(terms.members, str):
        return None
    share = float(terms.members)
    if terms.growing_members:  # more than the run allows where no number would do
        return growing.needed_in_sequence(share, terms.level) or terms.growing_members + 1
    return retrainings.needed_members(share, terms.level)


SEED_STDS = (0.0, 0.01)
"""Assumed standard deviations over retrainings of a metric in [0, 1]."""


def of_mean(question: Question) -> tuple[Way, ...] | str:
    """The mean over retrainings of a rate: more cases, or more retrainings on those at hand."""
    evidence = question.estimate.evidence
    if not isinstance(evidence, Rate) or evidence.case_values(question.terms) is None:
        return "members='mean' has a plan for rates over the same cases only"
    if evidence.cluster_codes is not None:
        return "rows are clustered, and the mean over seeds has no clustered form"
    n_members, n_examples = question.n_members, int(evidence.sizes.min())

    limit, level = question.threshold, question.level

    def examples(seed_std: float) -> Way:
        members = max(n_members, MEMBERS_TO_BE_MET)

        def needed(expected: float, power: float) -> int | None:
            met = question.right(expected)
            return examples_for_mean(expected, limit, members, seed_std, level, power) if met else None

        words = f"{members} retrainings with a seed std of {seed_std:g}"
        return Way(unit=evidence.unit, at_hand=n_examples, needed=needed, assuming=words, quick=True)

    def retrained(seed_std: float) -> Way:
        def needed(expected: float, power: float) -> int | None:
            met = question.right(expected)
            return members_for_mean(expected, limit, n_examples, seed_std, level, power) if met else None

        words = f"{n_examples:,} {evidence.unit}, a seed std of {seed_std:g}"
        return Way(unit="retrainings", at_hand=n_members, needed=needed, assuming=words)

    return (*(examples(std) for std in SEED_STDS), retrained(SEED_STDS[-1]))


def examples_for_mean(
    expected: float, limit: float, n_members: int, seed_std: float, level: float, power: float
) -> int | None:
    """How many cases tell the mean rate over retrainings from its limit, with so many retrainings."""
    sizes = np.geomspace(8.0, MOST_EXAMPLES, 4000)
    place = _mean_plan(expected, limit, seed_std, level, power).first(n_members, sizes)
    return None if place is None else int(np.ceil(sizes[place]))


def members_for_mean(
    expected: float, limit: float, n_examples: int, seed_std: float, level: float, power: float
) -> int | None:
    """How many retrainings tell the mean rate over retrainings from its limit, on so many cases."""
    members = np.arange(float(MEMBERS_TO_BE_MET), MOST_RETRAININGS + 1)
    place = _mean_plan(expected, limit, seed_std, level, power).first(members, float(n_examples))
    return None if place is None else int(members[place])


def _mean_plan(expected: float, limit: float, seed_std: float, level: float, power: float) -> MeanPlan:
    """As it would be measured on a rate whose members err on much the same cases, the worst there is for a mean."""
    return MeanPlan(
        n_members=MEMBERS_TO_BE_MET,
        n_examples=1,  # not at hand: both numbers are given where it is asked
        distance=abs(expected - limit),
        width=1.0,
        at_mean=expected * (1.0 - expected),
        at_limit=limit * (1.0 - limit),
        of_cases=expected * (1.0 - expected),
        seed_variance=seed_std**2,
        noise=DIFFERING / 2.0,
        level=level,
        power=power,
    )
