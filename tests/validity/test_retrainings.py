"""Does the share of retrainings err at most at its level when bad members share a lucky test set? Enumerated.

A bad member is a hair below the limit and is judged by an exact binomial bound on the shared test set. Given the set,
a share ``r`` of the bad members passes; the number of passes of ``K`` members is then binomial with ``p + (1 - p) r``.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec.stats import retrainings
from tests.validity import table

LEVEL = 0.05
FLOOR = 0.9


def chance_that_a_bad_member_passes(n_examples: int, level: float) -> float:
    """A member exactly at the floor passes when its exact lower bound reaches the floor."""
    hits = np.arange(n_examples + 1)
    tail = stats.binom.sf(hits - 1, n_examples, FLOOR)
    return float(tail[tail <= level].max(initial=0.0))


def smallest_passes(n_members: int, share: float) -> int:
    """The smallest number of passes that proves the share, by the bound under test; K + 1 where none does."""
    counts = range(n_members + 1)
    return bisect_left(counts, share, key=lambda k: float(retrainings.share_bounds(k, 0, n_members, LEVEL).low))


def chance_of_proof(needed: int, n_members: int, share: float, lucky: np.ndarray, weights: np.ndarray) -> float:
    return float(weights @ stats.binom.sf(needed - 1, n_members, share + (1 - share) * lucky))


def record(case: str, share: float, rate: float) -> None:
    truth = f"share {share:g}, bad members a hair below the limit"
    table.record_exact("share of retrainings", case, truth, "false met", rate, LEVEL)
    # The other end is the same arithmetic with good and bad swapped: see the test of the mirror in tests/stats.


@pytest.mark.parametrize("share", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("n_examples", [200, 1000, 5000])
def test_identical_bad_members_break_the_full_level_only(share: float, n_examples: int) -> None:
    """Bad members that err on the same cases pass together: a whole test set is lucky."""
    naive_level, naive_members = LEVEL, int(np.ceil(np.log(LEVEL) / np.log(share)))  # 14 for 0.8
    lucky = np.array([0.0, 1.0])

    chance = chance_that_a_bad_member_passes(n_examples, naive_level)
    naive = chance_of_proof(naive_members, naive_members, share, lucky, np.array([1 - chance, chance]))
    assert naive > (0.07 if share > 0.5 else 0.055)

    chance = chance_that_a_bad_member_passes(n_examples, retrainings.member_level(LEVEL))
    members = retrainings.needed_members(share, LEVEL)
    for n_members in (members, members + 1, 2 * members, 3 * members):
        needed = smallest_passes(n_members, share)
        ours = chance_of_proof(needed, n_members, share, lucky, np.array([1 - chance, chance]))
        record(f"identical bad members, K={n_members}, n={n_examples}", share, ours)


@pytest.mark.parametrize("correlation", [0.0, 0.2, 0.5, 0.8])
@pytest.mark.parametrize("n_members", [20, 60, 200, 1000])
def test_partly_similar_bad_members(n_members: int, correlation: float) -> None:
    """One common factor: the score of each bad member is normal with this correlation to the others'."""
    share, half = 0.8, LEVEL / 2
    nodes = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    weights = np.full(nodes.size, 1 / nodes.size)
    lucky = stats.norm.cdf((np.sqrt(correlation) * nodes - stats.norm.ppf(1 - half)) / np.sqrt(1 - correlation))
    assert weights @ lucky == pytest.approx(half, rel=1e-3)

    rate = chance_of_proof(smallest_passes(n_members, share), n_members, share, lucky, weights)

    record(f"bad members alike by {correlation:g}, K={n_members}", share, rate)


@pytest.mark.parametrize(("n_members", "passes"), [(100, 88), (300, 260), (1000, 825)])
def test_bad_members_of_several_kinds_break_the_plain_binomial_bound_only(n_members: int, passes: int) -> None:
    """With many members a test set that is lucky for some kinds of bad members is enough for the plain bound."""
    half = LEVEL / 2
    share = float(stats.beta.ppf(half, passes, n_members - passes + 1))  # what the plain bound claims to prove

    lotteries = [(np.array([0.0, r]), np.array([1 - half / r, half / r])) for r in np.geomspace(half, 1, 300)]
    naive = max(chance_of_proof(passes, n_members, share, lucky, weights) for lucky, weights in lotteries)
    needed = smallest_passes(n_members, share)
    ours = max(chance_of_proof(needed, n_members, share, lucky, weights) for lucky, weights in lotteries)

    # At the boundary itself: 0.064, 0.085 and 0.139 against a level of 0.05.
    assert naive > {100: 0.06, 300: 0.08, 1000: 0.13}[n_members]
    record(f"the worst lottery of kinds, K={n_members}", round(share, 4), ours)


def test_drawn_members_on_a_drawn_test_set() -> None:
    """The whole chain once by simulation: shared cases, thresholds a hair apart, exact member bounds, share bound."""
    rng, runs, n_members, n_examples, share = np.random.default_rng(21), 4000, 17, 300, 0.8
    needed = next(k for k in range(n_examples + 1) if stats.beta.ppf(LEVEL / 2, k, n_examples - k + 1) >= FLOOR)
    met = 0
    for _ in range(runs):
        difficulty = np.sort(rng.random(n_examples))
        rates = np.where(rng.random(n_members) < share, 1.0, FLOOR - 1e-6 * rng.random(n_members))
        passes = int((np.searchsorted(difficulty, rates) >= needed).sum())
        met += float(retrainings.share_bounds(passes, 0, n_members, LEVEL).low) >= share
    truth = "share 0.8, bad members a hair below the limit"
    table.record("share of retrainings", "drawn, K=17, n=300", truth, "false met", met, runs, LEVEL)
