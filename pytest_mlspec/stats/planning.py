"""How many cases would decide a requirement: exact for one rate, scaled from the present bound for the rest."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from scipy import special

from pytest_mlspec.stats.bounds import FloatArray, IntArray

LARGEST = 10**8
_WIDEST_SCAN = 2000


def trials_to_decide(
    rate: float, threshold: float, level: float, power: float = 0.9, comparison: Literal[">=", "<="] = ">="
) -> int | None:
    """The number of cases from which on Clopper-Pearson decides a rate with the given power, met or violated.

    The power is a sawtooth in the number of cases; the answer is the first number after which it never falls below
    ``power`` again.

    Args:
        rate: the assumed true rate, a fraction in [0, 1].
        threshold: the limit it is judged against, a fraction in [0, 1].
        level: one-sided error level in (0, 0.5).
        power: wanted probability of a decision, in (0, 1).
        comparison: the direction of the requirement; it matters only where every rate meets it.

    Returns:
        The number of cases, or None where no number up to 10 ** 8 decides (always so at ``rate == threshold``).

    Raises:
        ValueError: an argument outside its range.

    Source:
        Clopper & Pearson 1934 (the bound); the search goes over the failures that a run may have, exactly.
    """
    _check(rate, threshold, level, power, comparison)
    if threshold == (0.0 if comparison == ">=" else 1.0):
        return 1
    if rate == threshold:
        return None
    # Proving a rate below its limit is the one problem; a rate above it is proved by counting the other outcome.
    share, limit = (rate, threshold) if rate < threshold else (1.0 - rate, 1.0 - threshold)
    if share == 0.0:
        return _capped(float(_sizes(np.zeros(1), limit, level)[0]))
    if limit == 1.0:  # one case of the other outcome proves it
        return _capped(math.ceil(math.log(1.0 - power) / math.log(share) - 1e-9))
    return _first_lasting(share, limit, level, power)


def scaled_to_decide(
    n: int, value: float, threshold: float, bound_distance: float, level: float, power: float = 0.9
) -> int | None:
    """The number of cases that would decide, if the distance of the present bound shrinks like 1 / sqrt(n).

    Args:
        n: present number of cases (or clusters, or cases of the deciding group), at least 1.
        value: present estimate, assumed to be the truth.
        threshold: the limit it is judged against, in the unit of ``value``.
        bound_distance: distance from ``value`` to its one-sided bound on the side of the threshold, at least 0.
        level: one-sided error level of that bound, in (0, 0.5).
        power: wanted probability of a decision, in (0, 1).

    Returns:
        n ((z_level + z_power) / z_level * bound_distance / |value - threshold|)^2 rounded up, or None where that is
        not finite or above 10 ** 8.

    Raises:
        ValueError: an argument outside its range.

    Source:
        Normal theory: the standard error is bound_distance / z_level.
    """
    _check_levels(level, power)
    if n < 1:
        raise ValueError(f"expected at least 1 present case, got n={n}")
    margin = abs(value - threshold)
    if not (math.isfinite(margin) and math.isfinite(bound_distance)) or margin == 0.0 or bound_distance < 0.0:
        return None
    z_level, z_power = -float(special.ndtri(level)), float(special.ndtri(power))
    return _capped(max(1.0, n * ((z_level + z_power) / z_level * bound_distance / margin) ** 2))


def _first_lasting(share: float, limit: float, level: float, power: float) -> int | None:
    """The first size after the last dip of the sawtooth, for a true share below its limit."""
    if _dips(np.array([0.0]), share, limit, level)[0] >= power:
        below = 0
    else:
        below, above = 0, 1
        while _dips(np.array([above], np.float64), share, limit, level)[0] < power:
            below, above = above, 2 * above
            if below / limit > LARGEST:
                return None
        while above - below > 1:
            middle = (above + below) // 2
            enough = _dips(np.array([middle], np.float64), share, limit, level)[0] >= power
            below, above = (below, middle) if enough else (middle, above)
    # Sizes are integers, which shakes the dips by so many steps around their smooth rise.
    reach = min(_WIDEST_SCAN, math.ceil(2.0 * share / (limit - share)) + 10)
    counts = np.arange(max(0, below - reach), below + reach + 1, dtype=np.float64)
    failing = np.flatnonzero(_dips(counts, share, limit, level) < power)
    count = counts[failing[-1]] + 1.0 if len(failing) else counts[0]
    return _capped(float(_sizes(np.array([count]), limit, level)[0]))


def _dips(counts: FloatArray, share: float, limit: float, level: float) -> FloatArray:
    """The lowest power while ``counts`` events are allowed: at the last size before one more is allowed."""
    sizes = _sizes(counts + 1.0, limit, level) - 1
    return np.asarray(special.betaincc(counts + 1.0, sizes - counts, share))


def _sizes(counts: FloatArray, limit: float, level: float) -> IntArray:
    """The smallest sizes at which so many events still prove a share of at most ``limit``."""

    def proves(sizes: FloatArray) -> FloatArray:
        return np.asarray(special.betaincc(counts + 1.0, np.maximum(sizes - counts, 1e-9), limit) <= level)

    low = counts.copy()  # as many events as cases prove nothing below 1
    z = float(special.ndtri(level))
    high = np.ceil((counts + 1.0 + z * z + np.abs(z) * np.sqrt(counts + 1.0 + z * z)) * 2.0 / limit)
    centre = np.ceil((counts + 0.5 + z * z * (1.0 - limit) / 2.0 - z * np.sqrt((counts + 1.0) * (1.0 - limit))) / limit)
    for guess in (centre + 3.0, centre - 3.0, centre + 30.0, centre - 30.0):
        inside = (guess > low) & (guess < high)
        proved = np.where(inside, proves(guess), False).astype(np.bool_)
        high = np.where(inside & proved, guess, high)
        low = np.where(inside & ~proved, guess, low)
    while (high - low > 1.0).any():
        middle = np.floor(0.5 * (low + high))
        proved = proves(middle).astype(np.bool_)
        high, low = np.where(proved, middle, high), np.where(proved, low, middle)
    return np.asarray(high, dtype=np.int64)


def _capped(n: float) -> int | None:
    return None if not n <= LARGEST else math.ceil(n)


def _check(rate: float, threshold: float, level: float, power: float, comparison: str) -> None:
    for name, fraction in (("rate", rate), ("threshold", threshold)):
        if not 0.0 <= fraction <= 1.0:
            raise ValueError(f"expected a fraction in [0, 1], got {name}={fraction}")
    if comparison not in (">=", "<="):
        raise ValueError(f"expected '>=' or '<=', got comparison={comparison!r}")
    _check_levels(level, power)


def _check_levels(level: float, power: float) -> None:
    if not 0.0 < level < 0.5:
        raise ValueError(f"expected a one-sided error level in (0, 0.5), got level={level}")
    if not 0.0 < power < 1.0:
        raise ValueError(f"expected a probability in (0, 1), got power={power}")
