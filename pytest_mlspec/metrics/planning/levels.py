"""What the error level pays for besides the one bound: looks, a budget of models, members."""

from __future__ import annotations

from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.metrics.judging.judge import Claim
from pytest_mlspec.metrics.planning.ways import counted
from pytest_mlspec.stats import anytime, retrainings, sequential
from pytest_mlspec.stats.bounds import FloatArray
from pytest_mlspec.verdict import Terms

OVER_SEEDS = ("seed_std", "seed_std_quotient")


def levels_of_plan(claim: Claim, terms: Terms, budget: int = 1) -> tuple[float, ...]:
    """The level of the bound that has to prove the claim: one for every declared look, the only one without any.

    With a budget each of its models has an equal part; for a share of retrainings each member has half, or less where
    members are added.
    """
    level = sequential.ledger_level(terms.level, budget) if budget > 1 else terms.level
    of_share = not isinstance(terms.members, str) and not claim.estimate.whole_ensemble
    if of_share:
        level = anytime.sequence_member_level(level) if terms.growing_members else retrainings.member_level(level)
    elif terms.growing_members and (terms.members == "mean" or claim.estimate.form in OVER_SEEDS):
        level /= 2.0  # judged at the declared and at the largest number of members
    if not terms.looks:
        return (level,)
    evidence = claim.estimate.evidence
    if isinstance(evidence, Rate) and evidence.cluster_codes is None:
        limit = counted(evidence, claim.threshold)
        if 0.0 < limit < 1.0:
            levels = sequential.rate_levels(terms.looks, limit, level, _spending(terms))
            return _floats(levels.low if claim.comparison == ">=" else levels.high)
    return _floats(sequential.spent(terms.looks, level, _spending(terms)))


def _floats(levels: FloatArray) -> tuple[float, ...]:
    return tuple(float(level) for level in levels)


def _spending(terms: Terms) -> sequential.Spending:
    known: sequential.Spending = terms.spending  # type: ignore[assignment]  # checked where the marker was read
    return known
