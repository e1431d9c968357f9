"""How many cases a bound needs that has no formula for its power: tried on drawn data, with a fixed seed.

Every function assumes a truth, draws data of some size from it, and looks where the bound falls that would prove the
requirement. The size grows until that bound reaches the limit as often as was asked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy import special

from pytest_mlspec.stats import binomial, calibration, paired, pairs, ranking
from pytest_mlspec.stats.bounds import FloatArray

DRAWS, SEED = 1000, 1931
MOST = 10**7
_MOST_SCORES = 3 * 10**5  # drawn scores of one data set; beyond, a plan is not worth its seconds
_MOST_DRAWN = 1 << 15  # cases beyond which the distance of a bound is scaled by the square root of their number
_MOST_BETTING, _BETTING_DRAWS = 1 << 12, 60  # the same for bets on one data set after another, which take longer
_BLOCK = 4 * 10**6
_RELATIVE = 64  # a size is found to one part in so many


def smallest_size(reaches: Callable[[int], bool], *, start: int = 8, most: int = MOST) -> int | None:
    """The smallest size, to about 2 %, that reaches its aim; ``None`` where ``most`` does not.

    Args:
        reaches: whether a size does, true from some size on.
        start: the first size to be tried.
        most: the largest one.
    """
    low, high = 0, start
    while not reaches(high):
        if high >= most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > max(1, high // _RELATIVE):
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return high


def _well_below(variance: float, margin: float, level: float, power: float) -> int:
    """A size to begin with: a quarter of what the normal formula asks for, so that few doublings reach the answer."""
    quantiles = float(special.ndtri(power) - special.ndtri(level))
    return int(np.clip(0.25 * variance * (quantiles / margin) ** 2, 8.0, MOST))


def unlucky(bounds: FloatArray, power: float, *, upper: bool) -> float:
    """Where a bound lies at worst with this probability: a quantile of its draws, or of their normal law beyond."""
    if (1.0 - power) * len(bounds) >= 5:
        careful = power + np.sqrt(power * (1.0 - power) / len(bounds))  # a quantile of draws is itself drawn
        return float(np.quantile(bounds, careful if upper else 1.0 - careful))
    worst = power if upper else 1.0 - power
    return float(bounds.mean() + special.ndtri(worst) * bounds.std())


@lru_cache(maxsize=256)
def gap_to_decide(
    rates: tuple[float, ...],
    shares: tuple[float, ...],
    limit: float,
    level: float,
    power: float = 0.9,
    *,
    fold: Literal["gap", "ratio"] = "gap",
) -> int | None:
    """How many cases the smallest group needs for the largest gap (smallest ratio) of rates to be proven.

    Args:
        rates: (groups,) the assumed true rates.
        shares: (groups,) how the cases divide over the groups, in any unit.
        limit: the largest gap, or the smallest ratio, that meets the requirement.
        level: one-sided error level.
        power: wanted probability of *met*.
        fold: which of the two.

    Returns:
        Cases of the smallest group, all groups growing alike; ``None`` where 10 ** 7 do not suffice.

    Source:
        The bounds of ``stats.pairs``, tried on binomial counts.

    Example:
        >>> 200 <= gap_to_decide((0.9, 0.9), (1, 1), 0.10, 0.05) <= 240
        True
    """
    truth, weights = np.asarray(rates, np.float64), np.asarray(shares, np.float64)
    meets = truth.max() - truth.min() < limit if fold == "gap" else truth.min() > limit * truth.max()
    if not meets:
        return None

    draws = min(DRAWS, max(DRAWS // 5, 4 * DRAWS // len(truth)))  # pairs of groups cost their square

    def reaches(smallest: int) -> bool:
        sizes = np.round(weights * (smallest / weights.min())).astype(np.int64)
        trials = np.broadcast_to(sizes, (draws, len(sizes)))
        hits = np.random.default_rng(SEED).binomial(trials, truth)
        if fold == "gap":
            return unlucky(pairs.gap_bounds(hits, trials, level, need="high").high, power, upper=True) <= limit
        known = hits.any(axis=1)  # no ratio where every rate came out 0
        low = np.zeros(draws)
        low[known] = pairs.ratio_bounds(hits[known], trials[known], level, need="low").low
        return unlucky(low, power, upper=False) >= limit

    margin = limit - (truth.max() - truth.min()) if fold == "gap" else truth.min() - limit * truth.max()
    variance = float((truth * (1.0 - truth)).max())
    return smallest_size(reaches, start=_well_below(variance, float(margin), level, power))


@lru_cache(maxsize=256)
def paired_to_decide(expected: float, discordant: float, limit: float, level: float, power: float = 0.9) -> int | None:
    """How many cases prove a floor of a paired difference of rates.

    Args:
        expected: the assumed true difference, above the limit.
        discordant: share of cases on which exactly one of the two sides is right, at least ``|expected|``.
        limit: the smallest difference that meets the requirement; a ceiling is its mirror, all signs turned.
        level: one-sided error level.
        power: wanted probability of *met*.

    Returns:
        Cases; ``None`` where 10 ** 7 do not suffice.

    Source:
        The bounds of ``stats.paired``, tried on multinomial counts. The normal formula of Connor 1987 asks for too few
        where hardly any case is discordant.
    """
    if not expected > limit or discordant < abs(expected):
        return None
    won, lost = (discordant + expected) / 2.0, (discordant - expected) / 2.0

    def reaches(size: int) -> bool:
        counts = np.random.default_rng(SEED).multinomial(size, [won, lost, 1.0 - won - lost], size=DRAWS)
        low, _ = paired.difference_bounds(counts[:, 0], counts[:, 1], float(size), level)
        return unlucky(np.asarray(low), power, upper=False) >= limit

    return smallest_size(reaches, start=_well_below(discordant, expected - limit, level, power))


@lru_cache(maxsize=256)
def ece_to_decide(
    expected: float, bins: int, limit: float, level: float, power: float = 0.9, *, edges_fixed: bool = True
) -> int | None:
    """How many cases prove an expected calibration error, for top probabilities spread evenly from 0.5 to 1.

    Args:
        expected: the assumed true error: the accuracy is so much below every top probability (0: calibrated).
        bins: number of bins of equal width.
        limit: the largest error that meets the requirement.
        level: one-sided error level.
        power: wanted probability of *met*.
        edges_fixed: whether the bins were fixed before the data.

    Returns:
        Cases; ``None`` where 10 ** 7 do not suffice.

    Source:
        The bounds of ``stats.calibration``, tried on drawn scores and hits; scaled beyond 32,768 cases, and beyond
        4,096 at levels where they are made by betting.
    """
    if not expected < limit:
        return None
    by_betting = level < calibration.LOWEST_LEVEL

    def reaches(size: int) -> bool:
        drawn = min(size, _MOST_BETTING if by_betting else _MOST_DRAWN)
        draws = _BETTING_DRAWS if by_betting else min(DRAWS // 2, max(60, _BLOCK // drawn))
        bounds = drawn_ece_bounds(expected, bins, drawn, level, edges_fixed=edges_fixed, draws=draws)
        distance = unlucky(bounds, power, upper=True) - expected
        return expected + distance * float(np.sqrt(drawn / size)) <= limit

    return smallest_size(reaches, start=64)


def drawn_ece_bounds(
    expected: float, bins: int, size: int, level: float, *, edges_fixed: bool = True, draws: int = 60, seed: int = SEED
) -> FloatArray:
    """(draws,) upper bounds of the calibration error of so many cases, as ``ece_to_decide`` assumes them."""
    generator, found = np.random.default_rng(seed), []
    per_block = max(1, _BLOCK // size)
    for done in range(0, draws, per_block):
        block = (min(per_block, draws - done), size)
        scores = 0.5 + 0.5 * generator.random(block)
        hits = (generator.random(block) < np.clip(scores - expected, 0.0, 1.0)).astype(np.uint8)
        bounds = calibration.ece_bounds(scores, hits, bins, level, edges_fixed=edges_fixed, need="high")
        found.append(bounds.high)
    return np.concatenate(found)


@lru_cache(maxsize=256)
def auroc_to_decide(area: float, ratio: float, limit: float, level: float, power: float = 0.9) -> int | None:
    """How many cases of the rarer class prove an AUROC, for scores that are normal in either class.

    Args:
        area: the assumed true AUROC.
        ratio: cases of the other class per case of the rarer one, at least 1.
        limit: the smallest AUROC that meets the requirement.
        level: one-sided error level.
        power: wanted probability of *met*.

    Returns:
        Cases of the rarer class, the other growing alike; ``None`` where 10 ** 7 do not suffice.

    Source:
        The Clopper-Pearson bound on the rarer class, at the (1 - power) quantile of the area by the variance of Hanley
        & McNeil 1982; from five to one on, the betting bound tried on drawn scores.
    """
    if not limit < area <= 1.0:
        return None
    if ratio >= ranking.BLOCK_RATIO:
        return smallest_size(
            lambda size: unlucky(_drawn_areas(area, ratio, size, level), power, upper=False) >= limit,
            most=int(_MOST_SCORES / ratio),
        )

    def reaches(size: int) -> bool:
        lucky = area + float(special.ndtri(1.0 - power)) * _area_error(area, size, ratio)
        return lucky > 0.0 and float(binomial.lower(size * lucky, float(size), level)) >= limit

    return smallest_size(reaches)


def _area_error(area: float, rare: int, ratio: float) -> float:
    """Standard error of an area: q1, q2 are the chances that two cases of one class lie right of one of the other."""
    others = rare * ratio
    q1, q2 = area / (2.0 - area), 2.0 * area**2 / (1.0 + area)
    # The larger of the two classes may be either: the larger variance.
    one, other = (rare - 1) * (q1 - area**2), (others - 1) * (q2 - area**2)
    swapped = (rare - 1) * (q2 - area**2) + (others - 1) * (q1 - area**2)
    return float(np.sqrt((area * (1.0 - area) + max(one + other, swapped)) / (rare * others)))


def _drawn_areas(area: float, ratio: float, rare: int, level: float) -> FloatArray:
    """(draws,) lower bounds of the area of normal scores; an area of 1 puts the classes 50 deviations apart."""
    others, generator = round(rare * ratio), np.random.default_rng(SEED)
    draws = min(DRAWS // 2, max(40, _BLOCK // (rare + others)))
    apart = float(np.sqrt(2.0) * special.ndtri(area)) if area < 1.0 else 50.0
    positive = np.repeat([True, False], [rare, others])
    scores = generator.standard_normal((draws, rare + others)) + apart * positive
    return ranking.auroc_bounds(scores, positive, level).low
