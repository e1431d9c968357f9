"""Plans of what compares retrainings: how far one falls behind the others, and two spreads with each other."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import special

from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.metrics.evidence.quotient import SpreadQuotient
from pytest_mlspec.metrics.evidence.shortfall import Shortfall
from pytest_mlspec.metrics.planning.plan import Question, Way
from pytest_mlspec.metrics.planning.seeds import DIFFERING, assumed_spread
from pytest_mlspec.stats import seed_planning, shortfall
from pytest_mlspec.stats.planning_by_draws import smallest_size

CLEAN_STD = 0.01
"""Assumed standard deviation over retrainings on clean data, where a quotient is planned."""
_TRIED = 1000


def of_shortfall(question: Question, evidence: Shortfall) -> tuple[Way, ...] | str:
    """More cases: what two members have in common cancels, so that the cases on which they differ decide."""
    if not isinstance(evidence.evidence, Rate) or evidence.clustered or question.comparison == ">=":
        return "only a ceiling on the shortfall in a rate of independent cases has a plan"
    n_members = question.n_members

    def needed(expected: float, power: float) -> int | None:
        return shortfall_to_decide(expected, n_members, question.threshold, question.level, power)

    words = f"two retrainings differ on {100 * DIFFERING:g}% of cases"
    unit, at_hand = evidence.unit, int(evidence.sizes.min())
    return (Way(unit=unit, at_hand=at_hand, needed=needed, assuming=words, quick=True),)


def shortfall_to_decide(
    expected: float, n_members: int, limit: float, level: float, power: float, differing: float = DIFFERING
) -> int | None:
    """How many cases show that a member falls behind the mean of all by at most a limit.

    Args:
        expected: the true shortfall.
        n_members: retrainings, at least 2.
        limit: the largest shortfall that meets the requirement.
        level: one-sided error level.
        power: wanted probability of *met*.
        differing: share of cases on which two retrainings differ.

    Returns:
        Cases, ``None`` where 10 ** 7 do not suffice.

    Source:
        (z_level + z_power) sqrt(differing (K - 1) / (2 K n)) and the bound of members that agree on every case, which
        together are at most limit - expected.
    """
    if n_members < 2 or not expected < limit:
        return None
    quantiles = float(special.ndtri(power) - special.ndtri(level))
    variance = differing * (n_members - 1) / (2.0 * n_members)
    of_agreeing = _TRIED * shortfall.smallest_provable(n_members, _TRIED, level, 1.0)  # falls with 1 / n

    def reaches(size: int) -> bool:
        return expected + quantiles * float(np.sqrt(variance / size)) + of_agreeing / size <= limit

    return smallest_size(reaches)


def of_quotient(question: Question, evidence: SpreadQuotient) -> tuple[Way, ...] | str:
    """More retrainings on the cases at hand; nothing is planned for cases, which both sides would need."""
    rates = [side.evidence for side in (evidence.stress, evidence.iid) if isinstance(side.evidence, Rate)]
    if len(rates) < 2 or evidence.stress.clustered or evidence.iid.clustered or question.comparison == ">=":
        return "only a ceiling on the quotient of seed stds of a rate of independent cases has a plan"
    n_members, sizes = question.n_members, tuple(int(rate.sizes.min()) for rate in rates)

    def needed(expected: float, power: float) -> int | None:
        return _members_for(expected, sizes, question.threshold, question.level, power)

    words = f"a clean seed std of {CLEAN_STD:g}; {sizes[0]:,} over {sizes[1]:,} examples, members differ on 10% of them"
    return (Way(unit="retrainings", at_hand=n_members, needed=needed, assuming=words),)


@lru_cache(maxsize=64)
def _members_for(quotient: float, sizes: tuple[int, ...], limit: float, level: float, power: float) -> int | None:
    stress = assumed_spread(quotient * CLEAN_STD, 10, sizes[0])
    return seed_planning.seeds_for_quotient(stress, assumed_spread(CLEAN_STD, 10, sizes[1]), limit, level, power)
