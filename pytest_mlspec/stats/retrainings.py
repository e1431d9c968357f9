"""Bounds for the share of retrainings that meet a requirement, from members that were each judged on one test set.

Each of ``K`` members is judged by a bound of its own at ``level / 2``; the other half of the level pays for the members
being a sample of all retrainings. The members share their test set, so bad members can look good together: given the
test set let ``r`` be the share of bad members that are falsely passed, a random number of mean at most ``level / 2``.
The number of passes is then binomial with rate ``p + (1 - p) r``, and nothing else is known of ``r``. If every member
passes, that costs at most ``level / 2 + p**K``. If some may fail, a lucky ``r`` well below 1 is enough, and the plain
binomial bound at ``level / 2`` would err too often with many members; ``share_bounds`` takes the worst ``r`` instead.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, log

import numpy as np
from scipy import special

from pytest_mlspec.stats import binomial
from pytest_mlspec.stats.bounds import Bounds, FloatArray, Method

RETRAININGS = Method(
    name="share of retrainings, Clopper-Pearson at half the level",
    bound_class="exact",
    source="Wilks 1941, Clopper & Pearson 1934; worst case over shared test sets in share_bounds",
    domain="independent retrainings, each judged by an exact bound at half the level on one shared test set",
)

LUCKY_SHARES = 480  # grid of r; each cell is charged with its dearest end
HALVINGS = 36


def member_level(level: float) -> float:
    """The level at which each member has to be judged for ``share_bounds`` at ``level``: one half."""
    return _checked_level(level) / 2.0


def needed_members(share: float, level: float) -> int:
    """Tell how many retrainings must all meet a requirement to prove that this share of all retrainings does.

    Args:
        share: the share to be proven, a fraction in (0, 1).
        level: one-sided error of the proof.

    Returns:
        ``ceil(ln(level / 2) / ln(share))``: 17, 36, 72 for 0.8, 0.9, 0.95 at level 0.05.

    Raises:
        ValueError: on a share outside (0, 1).

    Source:
        Wilks 1941, at half the level.
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"share is a fraction between 0 and 1 (0.9: nine of ten retrainings); got share={share!r}")
    return ceil(log(member_level(level)) / log(share) - 1e-9)


def share_bounds(passes: int, fails: int, n_members: int, level: float) -> Bounds:
    """Bound the share of all retrainings that meet a requirement.

    Args:
        passes: members proven to meet it, each at ``level / 2``.
        fails: members proven to violate it, each at ``level / 2``; the others are undecided.
        n_members: all members.
        level: one-sided error of each end.

    Returns:
        Bounds of shape (): ``low`` counts undecided members as bad, ``high`` counts them as good.

    Raises:
        ValueError: on counts that do not fit together.

    Source:
        Clopper & Pearson 1934 at level / 2, and where some member did not pass the largest p with
        sup_r [(1 - c / r) P(p) + (c / r) P(p + (1 - p) r)] <= level, c = level / 2, P(q) = P(Bin(K, q) >= passes):
        the dearest test-set luck is a lottery between 0 and one r.
    """
    _checked_level(level)
    if n_members < 1 or passes < 0 or fails < 0 or passes + fails > n_members:
        raise ValueError(
            "expected passes + fails <= n_members and n_members >= 1; "
            f"got passes={passes!r}, fails={fails!r}, n_members={n_members!r}"
        )
    low, high = _proven_share(passes, n_members, level), 1.0 - _proven_share(fails, n_members, level)
    return Bounds(low=np.asarray(low), high=np.asarray(high), method=RETRAININGS)


def _checked_level(level: float) -> float:
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is the one-sided error of a bound, between 0 and 1; got level={level!r}")
    return level


@lru_cache(maxsize=1024)
def _proven_share(count: int, n_members: int, level: float) -> float:
    plain = float(np.asarray(binomial.lower(count, n_members, level / 2.0)).item())
    if count in (0, n_members):
        return plain  # P is convex in r where all must pass: the lottery between 0 and 1 is the dearest
    low, high = 0.0, plain
    if _dearest_error(plain, count, n_members, level) <= level:
        return plain
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if _dearest_error(middle, count, n_members, level) <= level:
            low = middle
        else:
            high = middle
    return low


def _dearest_error(share: float, count: int, n_members: int, level: float) -> float:
    """Probability of at least ``count`` passes under the worst luck of the test set, rounded up."""
    half = level / 2.0
    lucky = np.geomspace(half, 1.0, LUCKY_SHARES)
    at_least = _binomial_tail(count, n_members, share + (1.0 - share) * lucky)
    unlucky = float(_binomial_tail(count, n_members, np.asarray([share]))[0])
    weights = half / lucky[:-1]  # of a cell [r_j, r_j+1]: the weight of its left end, the tail of its right end
    return float(np.max((1.0 - weights) * unlucky + weights * at_least[1:]))


def _binomial_tail(count: int, n_members: int, rates: FloatArray) -> FloatArray:
    tail: FloatArray = special.betainc(count, n_members - count + 1, rates)
    return tail
