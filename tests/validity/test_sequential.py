"""Do looks, anytime bounds and ledgers err at most at their level? Enumerated by a walk of one case at a time.

The rate is exactly at the limit, the hardest truth: a claim needs a count, and counts grow with the rate. A walk
carries the chance of every count that has led to no claim yet, and drops what reaches the count that the bound under
test asks for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from pytest_mlspec.stats import anytime, binomial, sequential
from tests.validity import table

LEVEL = 0.05
LOOKS, ANYTIME, SHARE, LEDGER = (
    "declared looks",
    "anytime-valid rate",
    "share of retrainings, one by one",
    "levels of a ledger",
)
FIVE = [400, 800, 1200, 1600, 2000]
SPENDINGS: tuple[sequential.Spending, ...] = ("obrien-fleming", "pocock", "even")

Counts = npt.NDArray[np.int64]


def first_counts(sizes: Counts, claims: Callable[[Counts, Counts], npt.NDArray[np.bool_]]) -> Counts:
    """The smallest count at each size for which a bound makes its claim; ``size + 1`` where none does."""
    low, high = np.full_like(sizes, -1), sizes + 1
    while (high - low > 1).any():
        middle = np.clip((low + high) // 2, 0, sizes)
        claimed = claims(middle, sizes)
        high, low = np.where(claimed, np.minimum(high, middle), high), np.where(claimed, low, np.maximum(low, middle))
    return high


def walk(sizes: Counts, first: Counts, rate: float) -> tuple[float, float]:
    """P(a claim at some size) and the mean number of cases until a claim or the last size."""
    needed = dict(zip(sizes.tolist(), first.tolist(), strict=True))
    n_cases = int(sizes[-1])
    chance, mean_cases = np.zeros(n_cases + 1), 0.0
    chance[0] = 1.0
    for case in range(1, n_cases + 1):
        mean_cases += chance.sum()
        chance[1:] = chance[1:] * (1 - rate) + chance[:-1] * rate
        chance[0] *= 1 - rate
        chance[needed.get(case, n_cases + 1) :] = 0.0
    return float(1.0 - chance.sum()), float(mean_cases)


def look_counts(sizes: Counts, levels: npt.NDArray[np.float64], limit: float, side: table.Side) -> Counts:
    """Successes that make the lower bound reach the limit; failures that make the upper bound fall to it."""

    def claims(counts: Counts, cases: Counts) -> npt.NDArray[np.bool_]:
        pairs = zip(counts.tolist(), cases.tolist(), levels.tolist(), strict=True)
        if side == "false met":
            return np.array([float(binomial.lower(k, n, level)) >= limit for k, n, level in pairs])
        return np.array([float(binomial.upper(n - k, n, level)) <= limit for k, n, level in pairs])

    return first_counts(sizes, claims)


def look_errors(looks: list[int], limit: float, levels: sequential.LookLevels) -> dict[table.Side, float]:
    sizes = np.array(looks)
    met = look_counts(sizes, levels.low, limit, "false met")
    violated = look_counts(sizes, levels.high, limit, "false violated")
    return {"false met": walk(sizes, met, limit)[0], "false violated": walk(sizes, violated, 1 - limit)[0]}


def record_looks(looks: list[int], limit: float, spending: sequential.Spending, level: float) -> None:
    shown = f"{len(looks)} looks up to n={looks[-1]}, {spending}"
    parts = sequential.spent(looks, level, spending)
    exact = look_errors(looks, limit, sequential.rate_levels(looks, limit, level, spending))
    divided = look_errors(looks, limit, sequential.LookLevels(low=parts, high=parts))
    for side in table.SIDES:
        truth = f"rate = limit {limit:g}, level {level:g}"
        table.record_exact(LOOKS, shown, truth, side, exact[side], level)
        table.record_exact(f"{LOOKS}, parts of the level", shown, truth, side, divided[side], level)
        assert divided[side] <= exact[side]


@pytest.mark.parametrize("spending", SPENDINGS)
@pytest.mark.parametrize("limit", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("looks", [[20, 40, 80, 160], FIVE])
def test_looks(looks: list[int], limit: float, spending: sequential.Spending) -> None:
    record_looks(looks, limit, spending, LEVEL)


@pytest.mark.slow_validity
@pytest.mark.parametrize("level", [0.2, 0.01, 0.0005])
@pytest.mark.parametrize("spending", SPENDINGS)
@pytest.mark.parametrize("limit", [0.02, 0.3, 0.95, 0.999])
@pytest.mark.parametrize("looks", [[1, 2, 4, 8, 16], [250, 500, 1000, 2000], list(range(100, 2001, 100)), [1900, 2000]])
def test_looks_in_full(looks: list[int], limit: float, spending: sequential.Spending, level: float) -> None:
    record_looks(looks, limit, spending, level)


@pytest.mark.parametrize("rate", [0.8, 0.85, 0.89])
def test_a_rate_below_the_limit_is_met_more_rarely_than_one_at_it(rate: float) -> None:
    sizes = np.array(FIVE)
    first = look_counts(sizes, sequential.rate_levels(FIVE, 0.9, LEVEL).low, 0.9, "false met")

    below, _ = walk(sizes, first, rate)

    assert below < walk(sizes, first, 0.9)[0]
    table.record_exact(
        LOOKS, "5 looks up to n=2000, obrien-fleming", f"rate {rate:g}, limit 0.9", "false met", below, LEVEL
    )


def test_peeking_at_the_full_level_meets_every_fifth_rate_at_its_limit() -> None:
    peeks = np.arange(50, 2001, 50)
    first = look_counts(peeks, np.full(len(peeks), LEVEL), 0.9, "false met")

    naive, _ = walk(peeks, first, 0.9)

    assert naive == pytest.approx(0.217, abs=0.01)  # of the order that a simulation of its own had shown
    record_looks(peeks.tolist(), 0.9, "obrien-fleming", LEVEL)
    record_looks(peeks.tolist(), 0.9, "even", LEVEL)


def test_labelling_more_until_met_errs_more_with_every_doubling() -> None:
    naive = []
    for doublings in (2, 4, 6):
        looks = [250 * 2**step for step in range(doublings)]
        first = look_counts(np.array(looks), np.full(doublings, LEVEL), 0.9, "false met")
        naive.append(walk(np.array(looks), first, 0.9)[0])
        record_looks(looks, 0.9, "even", LEVEL)

    assert naive[0] > LEVEL
    assert naive[2] > naive[1] > naive[0]
    assert naive[2] > 0.1


def drawn_claims(cases: npt.NDArray[np.bool_], looks: list[int], needed: Counts) -> int:
    hits = np.cumsum(cases, axis=1)[:, np.array(looks) - 1]
    return int((hits >= needed).any(axis=1).sum())


def test_drawn_cases_agree_with_the_walk() -> None:
    runs, rng = 4000, np.random.default_rng(31)
    cases = rng.random((runs, 2000)) < 0.9
    needed = look_counts(np.array(FIVE), sequential.rate_levels(FIVE, 0.9, LEVEL).low, 0.9, "false met")

    wrong = drawn_claims(cases, FIVE, needed)

    rate, _ = walk(np.array(FIVE), needed, 0.9)
    assert wrong / runs == pytest.approx(rate, abs=3 * np.sqrt(rate * (1 - rate) / runs))
    table.record(LOOKS, "5 looks up to n=2000, drawn", "rate = limit 0.9", "false met", wrong, runs, LEVEL)


def anytime_counts(sizes: Counts, limit: float, level: float, side: table.Side) -> Counts:
    """Found by the wealth, which is fast, and held to be the counts at which the bounds decide."""
    against = limit if side == "false met" else 1 - limit

    def by_bounds(counts: Counts, cases: Counts) -> npt.NDArray[np.bool_]:
        if side == "false met":
            return anytime.anytime_bounds(counts, cases, level).low >= limit
        return anytime.anytime_bounds(cases - counts, cases, level).high <= limit

    first = first_counts(sizes, lambda k, n: anytime.log_evidence(k, n, against) >= -np.log(level))
    reachable = first <= sizes
    assert by_bounds(first[reachable], sizes[reachable]).all()
    assert not by_bounds(first - 1, sizes).any()
    return first


def record_anytime(limit: float, n_cases: int, level: float) -> None:
    sizes = np.arange(1, n_cases + 1)
    for side in table.SIDES:
        rate = limit if side == "false met" else 1 - limit
        wrong, _ = walk(sizes, anytime_counts(sizes, limit, level, side), rate)
        truth = f"rate = limit {limit:g}, level {level:g}"
        table.record_exact(ANYTIME, f"a look after each of {n_cases} cases", truth, side, wrong, level)
        assert wrong > 0


@pytest.mark.parametrize("limit", [0.5, 0.9, 0.99])
def test_a_look_after_every_case(limit: float) -> None:
    record_anytime(limit, 1000, LEVEL)


@pytest.mark.slow_validity
@pytest.mark.parametrize("level", [0.3, 0.05, 0.005])
@pytest.mark.parametrize("limit", [0.02, 0.2, 0.5, 0.9, 0.98])
def test_a_look_after_every_case_in_full(limit: float, level: float) -> None:
    record_anytime(limit, 5000, level)


def test_looking_after_every_case_with_the_bound_for_a_fixed_size_errs_in_every_third_history() -> None:
    sizes = np.arange(1, 2001)

    naive, _ = walk(sizes, look_counts(sizes, np.full(len(sizes), LEVEL), 0.9, "false met"), 0.9)

    assert naive > 0.3


@pytest.mark.parametrize(
    ("rate", "by_looks", "by_anytime"), [(0.92, (0.924, 1402), (0.609, 1423)), (0.95, (1.0, 720), (1.0, 271))]
)
def test_what_looks_and_anytime_bounds_save(
    rate: float, by_looks: tuple[float, float], by_anytime: tuple[float, float]
) -> None:
    """Chance of "met" and mean cases for a limit of 0.9 and 2000 cases at most; expected values by simulation."""
    sizes, every_50th = np.array(FIVE), np.arange(50, 2001, 50)
    looks = look_counts(sizes, sequential.rate_levels(FIVE, 0.9, LEVEL).low, 0.9, "false met")

    met, cases = walk(sizes, looks, rate)
    assert met == pytest.approx(by_looks[0], abs=0.01)
    assert cases == pytest.approx(by_looks[1], abs=20)

    met, cases = walk(every_50th, anytime_counts(every_50th, 0.9, LEVEL, "false met"), rate)
    assert met == pytest.approx(by_anytime[0], abs=0.02)
    assert cases == pytest.approx(by_anytime[1], abs=30)


def worst_lottery(share: float, mean_luck: float, claims: Callable[[Counts, Counts], npt.NDArray[np.bool_]]) -> float:
    """Largest chance of a false claim within 400 members: the test set passes no bad member, or the share r of them."""
    members = np.arange(1, 401)
    first = first_counts(members, claims)
    without, _ = walk(members, first, share)
    worst = without
    for lucky in np.append(np.geomspace(mean_luck, 1.0, 25), [anytime.LUCK, np.nextafter(anytime.LUCK, 1)]):
        passing, _ = walk(members, first, share + (1 - share) * float(lucky))
        worst = max(worst, (1 - mean_luck / lucky) * without + mean_luck / lucky * passing)
    return float(worst)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.9])
def test_shares_on_a_lucky_test_set(share: float) -> None:
    """Bad members a hair below the limit, judged after each member; fails are the mirror: see tests/stats."""

    def plain(passes: Counts, members: Counts) -> npt.NDArray[np.bool_]:
        return anytime.anytime_bounds(passes, members, LEVEL / 2).low >= share

    def ours(passes: Counts, members: Counts) -> npt.NDArray[np.bool_]:
        return anytime.share_sequence(passes, 0, members, LEVEL).low >= share

    naive = worst_lottery(share, LEVEL / 2, plain)
    wrong = worst_lottery(share, anytime.sequence_member_level(LEVEL), ours)

    # Half the level for each member, as at a fixed number of members, is not enough: .119, .074 and .056.
    assert naive > {0.5: 0.1, 0.8: 0.07, 0.9: 0.055}[share]
    truth = f"share {share:g}, bad members a hair below the limit"
    table.record_exact(SHARE, "the worst lottery, up to 400 members", truth, "false met", wrong, LEVEL)


@pytest.mark.parametrize("n_models", [10, 100])
def test_reads_of_one_test_set(n_models: int) -> None:
    """Models with independent errors: at the limit, and at .895 below a floor of .90."""
    cases, shown = 2000, f"{n_models} models, n=2000, independent errors"

    def some_met(levels: list[float], rate: float) -> float:
        counts = [binomial.smallest_count(cases, 0.9, level) for level in levels]
        return float(1 - np.prod([stats.binom.cdf(count - 1, cases, rate) for count in counts]))

    divided = [sequential.ledger_level(LEVEL, n_models)] * n_models
    open_ended = [sequential.open_ended_level(LEVEL, read) for read in range(1, n_models + 1)]
    assert some_met([LEVEL] * n_models, 0.895) > {10: 0.07, 100: 0.5}[n_models]
    for rate in (0.895, 0.9):
        truth = f"rate {rate:g}, floor 0.9"
        table.record_exact(LEDGER, f"{shown}, budget", truth, "false met", some_met(divided, rate), LEVEL)
        table.record_exact(LEDGER, f"{shown}, open-ended", truth, "false met", some_met(open_ended, rate), LEVEL)
