"""Whether more retrainings could decide a requirement, and how many at least: what an ensemble grows by.

Where to stop is free: the bounds that judge a growing ensemble hold under every stopping rule. These numbers only keep
training from being wasted, on members that could not change the verdict or where too few cases are what is missing.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy import special

from pytest_mlspec.stats import anytime, binomial, seed_planning
from pytest_mlspec.stats.seeds import SeedSpread

# What is rarer than that is not waited for. Nothing is lost but power where training stops too early, nothing but
# training where it stops too late.
FUTILITY_OF_SHARE, FUTILITY_OF_SPREAD = 0.25, 0.05


@lru_cache(maxsize=256)
def needed_in_sequence(share: float, level: float, most: int = 2000) -> int | None:
    """How many retrainings, all of them met, prove a share when it is judged after each of them.

    Args:
        share: the share to be proven, a fraction in (0, 1).
        level: one-sided error of the proof.
        most: members beyond which nothing is tried.

    Returns:
        Retrainings, or ``None`` where ``most`` do not suffice.

    Source:
        Inverts ``anytime.share_sequence``.

    Example:
        >>> needed_in_sequence(0.8, 0.05), needed_in_sequence(0.9, 0.05)
        (27, 57)
    """
    members = np.arange(1, most + 1)
    proven = anytime.share_sequence(members, 0, members, level).low >= share
    return int(members[np.argmax(proven)]) if proven.any() else None


def next_decision(passes: int, fails: int, n_members: int, share: float, level: float, most: int) -> int | None:
    """The next number of members at which a share could be decided: all that are added are met, or all violate it.

    Args:
        passes: members proven to meet it, at ``anytime.sequence_member_level(level)``.
        fails: members proven to violate it, at that level; the others are undecided.
        n_members: all members so far.
        share: the share of retrainings that has to meet it.
        level: one-sided error of the share.
        most: the largest number of members allowed.

    Returns:
        A number of members in all above ``n_members``; ``None`` where nothing up to ``most`` decides it, or where so
        many members are undecided that the number of cases is what is missing.

    Example:
        >>> next_decision(20, 0, 20, 0.8, 0.05, 100), next_decision(2, 0, 20, 0.8, 0.05, 100)
        (27, None)
    """
    added = np.arange(1, most - n_members + 1)
    members, wanted = n_members + added, np.log(2.0 / level)
    # The bounds of ``anytime.share_sequence`` are at the limit where the wealth against it reaches 2 / level.
    met = anytime.log_evidence(passes + added, members, _with_luck(share)) >= wanted
    violated = anytime.log_evidence(fails + added, members, _with_luck(1.0 - share)) >= wanted
    if n_members and _rate_below(passes, n_members, share):
        met[:] = False
    if n_members and _rate_below(fails, n_members, 1.0 - share):
        violated[:] = False
    either = met | violated
    return int(members[np.argmax(either)]) if either.any() else None


def _with_luck(rate: float) -> float:
    return anytime.LUCK + (1.0 - anytime.LUCK) * rate


def _rate_below(count: int, trials: int, rate: float) -> bool:
    return float(np.asarray(binomial.upper(count, trials, FUTILITY_OF_SHARE)).item()) < rate


def spread_could_decide(spread: SeedSpread, n_members: int, limit: float, level: float) -> bool:
    """Whether this many retrainings could decide a limit on the spread, on the cases at hand.

    Asked at the two ends of what the spread may well be, the chi-square interval of the members' values less the noise
    of the test set: where neither would be decided with so many members, cases are what is missing.

    Args:
        spread: what was measured.
        n_members: retrainings in all.
        limit: the limit on the standard deviation.
        level: one-sided error of the verdict.
    """
    degrees = spread.n_members - 1
    if degrees < 1 or spread.n_examples < 2:
        return True  # nothing is known yet
    quantiles = 2.0 * special.gammaincinv(degrees / 2.0, [1.0 - FUTILITY_OF_SPREAD, FUTILITY_OF_SPREAD])
    ends = np.sqrt(np.maximum(degrees * spread.raw**2 / quantiles - spread.noise**2, 0.0))
    return any(seed_planning.would_decide(replace(spread, value=float(end)), n_members, limit, level) for end in ends)
