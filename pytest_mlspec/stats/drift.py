"""How far apart are two laws of which independent samples are at hand: distances, and bounds for their size.

A distance is the largest difference of two probabilities over a family of events: over all ``{x <= t}`` for the
Kolmogorov-Smirnov distance, over all events for total variation. Its two bounds need different things.

* From above, one event is enough: the event E that makes the true distance is fixed, though unknown, and the measured
  distance is at least the measured difference on E. That falls short of the truth by more than
  ``sqrt(ln(1 / level) (1 / n + 1 / m) / 2)`` with probability at most ``level`` (Hoeffding 1963), whatever the family.
* From below, the measured distance picked its event by looking: either all events are bounded at once (Massart 1990),
  or the event is picked on one half of the rows and counted on the other.

Ties and discrete laws do no harm to any of them.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from pytest_mlspec.stats import binomial, planning
from pytest_mlspec.stats.bounds import FloatArray, IntArray, Method

KOLMOGOROV_SMIRNOV = Method(
    name="Dvoretzky-Kiefer-Wolfowitz below, Hoeffding above",
    bound_class="exact",
    source="Massart 1990, Ann. Probab. 18:1269 for each sample; Hoeffding 1963, JASA 58:13 at the widest point",
    domain="independent rows, independent samples",
)
CATEGORIES = Method(
    name="held-out Clopper-Pearson below, Hoeffding above",
    bound_class="exact",
    source="Clopper & Pearson 1934 on categories picked from the other half; Hoeffding 1963, JASA 58:13",
    domain="independent rows, independent samples",
)
CLASSIFIER = Method(
    name="classifier two-sample test, held-out Clopper-Pearson",
    bound_class="exact",
    source="Lopez-Paz & Oquab 2017, ICLR, arXiv 1610.06545; Clopper & Pearson 1934 on both rates",
    domain="independent rows, independent samples; from below only",
)


def ks_statistic(source: npt.ArrayLike, target: npt.ArrayLike) -> float:
    """The largest distance between the empirical distribution functions of two samples.

    Args:
        source: (examples,) numbers, at least one.
        target: (examples,) numbers, at least one.

    Returns:
        A fraction in [0, 1].

    Example:
        >>> ks_statistic([1, 2, 3, 4], [3, 4, 5, 6])
        0.5
    """
    first, second = (np.sort(np.asarray(sample)) for sample in (source, target))
    points = np.concatenate([first, second])
    shares = [np.searchsorted(sample, points, side="right") / len(sample) for sample in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())


def category_statistic(source_counts: IntArray, target_counts: IntArray) -> float:
    """Total variation distance of the shares of categories, half the sum of their absolute differences.

    Args:
        source_counts: (categories,) rows of each category in the first sample.
        target_counts: (categories,) the same of the second.

    Returns:
        A fraction in [0, 1].

    Example:
        >>> category_statistic(np.array([6, 2]), np.array([4, 4]))
        0.25
    """
    difference = source_counts / source_counts.sum() - target_counts / target_counts.sum()
    return float(np.abs(difference).sum() / 2)


def distance_upper(measured: float, n_source: int, n_target: int, level: float) -> float:
    """Upper bound of a largest difference over events, from the measured one: its error is at most ``level``.

    Args:
        measured: the largest measured difference over the whole family of events, a fraction.
        n_source: rows of the first sample, at least 1.
        n_target: rows of the second sample, at least 1.
        level: one-sided error level in (0, 1).

    Returns:
        A fraction in [0, 1].

    Source:
        Hoeffding 1963, theorem 2, for the difference of two means at the one event that makes the true distance.
    """
    return min(1.0, measured + upper_reach(n_source, n_target, level))


def upper_reach(n_source: int, n_target: int, level: float) -> float:
    """How far above the measured distance its upper bound lies: sqrt(ln(1 / level) (1 / n + 1 / m) / 2)."""
    return math.sqrt(-math.log(level) / 2) * _unit(n_source, n_target)


def ks_lower(measured: float, n_source: int, n_target: int, level: float) -> float:
    """Lower bound of the Kolmogorov-Smirnov distance: its error is at most ``level``.

    Args:
        measured: the distance of the empirical distribution functions, a fraction.
        n_source: rows of the first sample, at least 1.
        n_target: rows of the second sample, at least 1.
        level: one-sided error level in (0, 1), split between the samples so that the two bands are narrowest.

    Returns:
        At most the measured distance; below 0 it proves nothing.

    Source:
        Massart 1990: P(sup |F_n - F| > e) <= 2 exp(-2 n e^2) at every n, for each of the two samples.
    """
    shares = np.linspace(0.0, 1.0, 2001)[1:-1] * level  # equal samples take half each
    bands = np.sqrt(np.log(2.0 / shares) / (2 * n_source)) + np.sqrt(np.log(2.0 / (level - shares)) / (2 * n_target))
    return measured - float(bands.min())


def held_out_lower(source_hits: int, n_source: int, target_hits: int, n_target: int, level: float) -> float:
    """Lower bound of P(event) in the target minus P(event) in the source, of an event that these rows did not pick.

    It is a lower bound of the total variation distance, too, which no event exceeds.

    Args:
        source_hits: rows of the first sample on which the event happened.
        n_source: rows of the first sample.
        target_hits: rows of the second sample on which the event happened.
        n_target: rows of the second sample.
        level: one-sided error level in (0, 1), half of it for each rate.

    Returns:
        A number in [-1, 1]; below 0 it proves nothing.

    Source:
        Clopper & Pearson 1934 for each rate (Bonferroni); Lopez-Paz & Oquab 2017 for the classifier as the event.
    """
    in_target = float(binomial.lower(target_hits, n_target, level / 2))
    in_source = float(binomial.upper(source_hits, n_source, level / 2))
    return in_target - in_source


def ks_by_chance(n_source: int, n_target: int) -> float:
    """The distance that samples of one and the same continuous law measure on average: sqrt(pi / 2) ln 2 of the unit.

    Source:
        Kolmogorov 1933: the mean of the limit law, in the unit sqrt(1 / n + 1 / m).
    """
    return math.sqrt(math.pi / 2) * math.log(2.0) * _unit(n_source, n_target)


def categories_by_chance(source_counts: IntArray, target_counts: IntArray) -> float:
    """The distance that samples of one law of the pooled shares p measure on average, by their normal limits.

    Returns:
        sum of sqrt(p (1 - p) / (2 pi)) in the unit sqrt(1 / n + 1 / m).
    """
    pooled = (source_counts + target_counts) / (source_counts.sum() + target_counts.sum())
    deviations = float(np.sqrt(pooled * (1 - pooled)).sum()) / math.sqrt(2 * math.pi)
    return deviations * _unit(int(source_counts.sum()), int(target_counts.sum()))


def rows_to_decide(
    n_rows: int, *, truth: float, limit: float, by_chance: float, reach: float, luck: float, power: float
) -> int | None:
    """The number of rows of both samples together, in their present proportion, that would decide a distance.

    With x times the rows, laws at the distance ``truth`` measure about sqrt(truth^2 + by_chance^2 / x), and the bound
    lies (reach + z_power luck) / sqrt(x) beyond.

    Args:
        n_rows: rows at hand.
        truth: the distance that is assumed.
        limit: what it is judged against.
        by_chance: what equal laws would measure on average at hand.
        reach: distance of the bound at hand from the measured distance.
        luck: standard error of the measured distance at hand.
        power: wanted probability of a decision.

    Returns:
        The number of rows, or None where it is above 10 ** 8 (always so at the limit).

    Example:
        >>> rows_to_decide(1000, truth=0.1, limit=0.06, by_chance=0.0, reach=0.08, luck=0.0, power=0.9)
        4000
    """
    shrink = reach + float(special.ndtri(power)) * luck
    if truth >= limit:
        scale = (truth - limit) / shrink  # 1 / sqrt(x)
    else:
        scale, high = 0.0, limit / shrink
        for _ in range(100):
            middle = 0.5 * (scale + high)
            if math.hypot(truth, by_chance * middle) + shrink * middle <= limit:
                scale = middle
            else:
                high = middle
    if scale**2 * planning.LARGEST < n_rows:
        return None
    return math.ceil(n_rows / scale**2 - 1e-9)


def _unit(n_source: int, n_target: int) -> float:
    return math.sqrt(1 / n_source + 1 / n_target)


def effective_sample_size(weights: npt.ArrayLike) -> float:
    """As many equally weighted rows as tell as much: (sum w)^2 / sum w^2.

    Args:
        weights: (examples,), at least 0 and not all of them 0.

    Returns:
        A number of rows, from 1 to the number of weights.

    Source:
        Kong 1992, Technical Report 348, University of Chicago.

    Example:
        >>> effective_sample_size([1.0, 1.0, 0.0, 0.0])
        2.0
    """
    given: FloatArray = np.asarray(weights, dtype=np.float64)
    return float(given.sum() ** 2 / np.square(given).sum())
