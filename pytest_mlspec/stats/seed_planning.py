"""How many more retrainings, or cases, would decide a limit on the spread over seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import special

from pytest_mlspec.stats.bounds import FloatArray
from pytest_mlspec.stats.seeds import LOWEST_LEVEL, SeedSpread, std_high, std_low

MOST_MEMBERS = 1000
MOST_EXAMPLES = 10**8
MOST_FOR_QUOTIENT = 300  # each trial draws the null law of its lower bound: beyond this the answer is not worth seconds


def members_to_decide(ratio: float, level: float, power: float = 0.9) -> int | None:
    """Tell how many retrainings decide a limit on the spread when the test set adds no noise.

    Args:
        ratio: true standard deviation over its limit; below 1 the answer is for *met*, above 1 for *violated*.
        level: one-sided error of the verdict.
        power: probability of reaching it.

    Returns:
        Retrainings, or None where 1000 do not suffice.

    Raises:
        ValueError: on a negative ratio.

    Source:
        met when s <= limit sqrt(chi2_{level} / (K-1)), violated when s > limit sqrt(chi2_{1-level} / (K-1)), and
        (K-1) s^2 is sigma^2 chi-square with K - 1 degrees.
    """
    if not ratio >= 0:
        raise ValueError(f"ratio is the standard deviation over its limit, at least 0; got ratio={ratio!r}")
    degrees = np.arange(1, MOST_MEMBERS) / 2.0
    if ratio < 1:
        edge = special.gammaincinv(degrees, level) / max(ratio, 1e-9) ** 2
        reached = special.gammainc(degrees, edge) >= power
    else:
        edge = special.gammaincinv(degrees, 1.0 - level) / ratio**2
        reached = special.gammaincc(degrees, edge) >= power
    return int(np.argmax(reached)) + 2 if reached.any() else None


def seeds_to_decide(spread: SeedSpread, limit: float, level: float, power: float = 0.9) -> int | None:
    """Tell how many retrainings in all would decide the limit on the cases at hand.

    The spread and the noise are taken to be what was measured; the part of the noise along the main direction grows
    with the members, the rest stays.

    Args:
        spread: what was measured.
        limit: the limit on the standard deviation.
        level: one-sided error of the verdict.
        power: probability of reaching it.

    Returns:
        Retrainings, or None where 1000 do not suffice (then more cases may: ``examples_to_decide``).
    """
    return _first(lambda n_members: _decides(spread, n_members, spread.n_examples, limit, level, power), MOST_MEMBERS)


def examples_to_decide(spread: SeedSpread, limit: float, level: float, power: float = 0.9) -> int | None:
    """Tell how many cases in all would decide the limit with the retrainings at hand.

    Args:
        spread: what was measured.
        limit: the limit on the standard deviation.
        level: one-sided error of the verdict.
        power: probability of reaching it.

    Returns:
        Cases, or None where 10**8 do not suffice (then more retrainings may: ``seeds_to_decide``).
    """
    return _first(lambda n_examples: _decides(spread, spread.n_members, n_examples, limit, level, power), MOST_EXAMPLES)


def seeds_for_quotient(
    stress: SeedSpread, iid: SeedSpread, limit: float, level: float, power: float = 0.9
) -> int | None:
    """Tell how many retrainings in all would decide a limit on ``stress / iid`` on the cases at hand.

    Both spreads and both noises are taken to be what was measured, the two raw standard deviations to be independent.

    Args:
        stress: what was measured on the stress cases.
        iid: what was measured on the i.i.d. cases.
        limit: the limit on the quotient of the two.
        level: one-sided error of the verdict; each bound has half of it.
        power: probability of reaching it.

    Returns:
        Retrainings, or None where 300 do not suffice (then more cases may: without them the i.i.d. spread cannot be
        told from 0, or the noise of the stress cases is above the limit).

    Source:
        log s^2 is nearly normal, so that two of them are unfavourable together with probability 1 - power where each
        lies at its Phi(z_power / sqrt(2)) quantile: the bounds are taken there.
    """
    at_each = float(special.ndtr(special.ndtri(power) / np.sqrt(2.0)))
    is_met = stress.value < limit * iid.value
    if not (iid.value > 0 or stress.value > 0) or stress.value == limit * iid.value or not limit > 0:
        return None

    def decides(n_members: int) -> bool:
        above, below = (_projected(side, n_members, side.n_examples) for side in (stress, iid))
        if is_met:
            return _unlucky_high(above, level / 2, at_each) <= limit * _unlucky_low(below, level / 2, at_each)
        return _unlucky_low(above, level / 2, at_each) > limit * _unlucky_high(below, level / 2, at_each)

    if min(stress.n_members, iid.n_members) < 2 or level / 2 < LOWEST_LEVEL - 1e-12:
        return None
    return _first(decides, MOST_FOR_QUOTIENT)


def smallest_provable(n_members: int, n_examples: int, level: float, width: float = 1.0) -> float:
    """The smallest limit on the standard deviation that identical members could meet on so many cases.

    Args:
        n_members: retrainings, at least 2.
        n_examples: cases.
        level: one-sided error of the verdict.
        width: the range of one case's values.

    Returns:
        ``f z^2 width sqrt(K) / (2 n sqrt(K-1))`` in the unit of the metric, infinite where nothing is claimed.
    """
    if n_members < 2 or n_examples < 2 or level < LOWEST_LEVEL - 1e-12:
        return np.inf
    return std_high(0.0, 0.0, 0.0, n_members, n_examples, level, 0.5 * width * float(np.sqrt(n_members)))


def would_decide(spread: SeedSpread, n_members: int, limit: float, level: float) -> bool:
    """Whether a spread of this ``value`` is more likely than not decided by so many retrainings on the cases at hand.

    Args:
        spread: what was measured; its ``value`` is taken for the truth.
        n_members: retrainings in all.
        limit: the limit on the standard deviation.
        level: one-sided error of the verdict.
    """
    return _decides(spread, n_members, spread.n_examples, limit, level, 0.5)


def _decides(spread: SeedSpread, n_members: int, n_examples: int, limit: float, level: float, power: float) -> bool:
    """Whether a standard deviation drawn at the unfavourable end of its law would still be decided."""
    if spread.n_members < 2 or level < LOWEST_LEVEL - 1e-12 or spread.value == limit:
        return False
    planned = _projected(spread, n_members, n_examples)
    if spread.value < limit:
        return _unlucky_high(planned, level, power) <= limit
    return _unlucky_low(planned, level, power) > limit


def _unlucky_high(planned: SeedSpread, level: float, power: float) -> float:
    """The upper bound where the raw standard deviation comes out as large as its ``power`` quantile."""
    n_members, degrees = planned.n_members, planned.n_members - 1
    drawn = planned.raw * float(np.sqrt(2.0 * special.gammaincinv(degrees / 2.0, power) / degrees))
    main, own = planned.main_noise**2, planned.own_noise**2
    return std_high(drawn, main, own, n_members, planned.n_examples, level, planned.radius)


def _unlucky_low(planned: SeedSpread, level: float, power: float) -> float:
    """The lower bound where the raw standard deviation comes out as small as its ``1 - power`` quantile."""
    n_members, degrees = planned.n_members, planned.n_members - 1
    drawn = planned.raw * float(np.sqrt(2.0 * special.gammaincinv(degrees / 2.0, 1.0 - power) / degrees))
    noises = np.full(n_members, (degrees * planned.noise**2 - planned.main_noise**2) / max(degrees - 1, 1))
    noises[-1] = 0.0
    noises[0] = planned.main_noise**2
    noises = np.clip(noises, 0.0, None)
    null = _null_quantile(noises, level)
    return std_low(drawn, noises, n_members, planned.n_examples, level, planned.radius, null)


def _null_quantile(noises: FloatArray, level: float) -> float:
    """The (1 - level) quantile of sum_j lam_j chi2_1, nearly: a plan asks for it at hundreds of numbers of members.

    Source:
        Satterthwaite 1946: a multiple of a chi-square variable with the same mean and variance.
    """
    total = float(noises.sum())
    if not total > 0:
        return 0.0
    squares = float(np.square(noises).sum())
    return 2.0 * squares / total * float(special.gammaincinv(total**2 / squares / 2.0, 1.0 - level))


def _first(decides: Callable[[int], bool], most: int) -> int | None:
    """Smallest number that decides: doubled until one does, then bisected."""
    high = 2
    while not decides(high):
        if high >= most:
            return None
        high = min(2 * high, most)
    low = max(high // 2, 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high


def _projected(spread: SeedSpread, n_members: int, n_examples: int) -> SeedSpread:
    shrink, grow = spread.n_examples / n_examples, (n_members - 1) / (spread.n_members - 1)
    average = spread.noise**2 * shrink
    main = average + max(spread.main_noise**2 * shrink - average, 0.0) * grow
    return replace(
        spread,
        raw=float(np.sqrt(spread.value**2 + average)),
        noise=float(np.sqrt(average)),
        main_noise=float(np.sqrt(main)),
        own_noise=spread.own_noise * float(np.sqrt(shrink)),
        radius=spread.radius * float(np.sqrt(n_members / spread.n_members)),
        n_members=n_members,
        n_examples=n_examples,
    )
