"""Exact one-sided bounds for a rate, for real-valued counts too, and what zero failures prove."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from pytest_mlspec.stats.bounds import FloatArray, Method

CLOPPER_PEARSON = Method(
    name="Clopper-Pearson",
    bound_class="exact",
    source="Clopper & Pearson 1934, Biometrika 26:404",
    domain="independent cases",
)


def lower(successes: npt.ArrayLike, trials: npt.ArrayLike, level: float) -> FloatArray:
    """The largest rate that so many successes refute from below: P(rate < lower) <= level at every sample size.

    Args:
        successes: counts between 0 and ``trials``, real-valued ones allowed; broadcasts with ``trials``.
        trials: counts of cases, at least 0 (0 gives the bound 0).
        level: one-sided error level in (0, 1).

    Returns:
        Rates as fractions, in the broadcast shape; 0 where there are no successes.

    Raises:
        ValueError: counts or level outside their range.

    Source:
        Clopper & Pearson 1934: the ``level`` quantile of Beta(successes, trials - successes + 1).
    """
    hits, cases = _counts(successes, trials, level)
    known = hits > 0
    bound = special.betaincinv(np.where(known, hits, 1.0), np.where(known, cases - hits, 0.0) + 1.0, level)
    return np.asarray(np.where(known, bound, 0.0), dtype=np.float64)


def upper(successes: npt.ArrayLike, trials: npt.ArrayLike, level: float) -> FloatArray:
    """The smallest rate that so few successes refute from above: P(rate > upper) <= level at every sample size.

    Args:
        successes: counts between 0 and ``trials``, real-valued ones allowed; broadcasts with ``trials``.
        trials: counts of cases, at least 0 (0 gives the bound 1).
        level: one-sided error level in (0, 1).

    Returns:
        Rates as fractions, in the broadcast shape; 1 where every case is a success.

    Raises:
        ValueError: counts or level outside their range.

    Source:
        Clopper & Pearson 1934: the ``1 - level`` quantile of Beta(successes + 1, trials - successes).
    """
    hits, cases = _counts(successes, trials, level)
    known = hits < cases
    # The complement keeps full precision at the small levels of many pairs, where 1 - level would round.
    bound = special.betainccinv(np.where(known, hits, 0.0) + 1.0, np.where(known, cases - hits, 1.0), level)
    return np.asarray(np.where(known, bound, 1.0), dtype=np.float64)


def smallest_count(trials: int, rate: float, level: float) -> int:
    """The smallest k with P(Binomial(trials, rate) >= k) <= level; ``trials + 1`` where no count is that rare.

    A rate above ``rate`` is proved at ``level`` exactly when at least so many of the trials succeed.

    Args:
        trials: number of cases, at least 0.
        rate: the rate under test, a fraction in [0, 1].
        level: one-sided error level in (0, 1).

    Returns:
        The count.

    Source:
        Clopper & Pearson 1934: the acceptance region that their interval inverts.
    """
    low, high = 0, trials + 1  # P(X >= low) = 1 > level, P(X >= high) = 0
    while high - low > 1:
        middle = (low + high) // 2
        if special.betainc(middle, trials - middle + 1, rate) <= level:
            high = middle
        else:
            low = middle
    return high


def best_rate(trials: npt.ArrayLike, level: float) -> FloatArray:
    """The failure rate that not even a run without a failure can refute: 1 - level ** (1 / trials).

    Args:
        trials: counts of cases without a failure, at least 0 (0 proves nothing: 1).
        level: one-sided error level in (0, 1).

    Returns:
        Upper bounds of the failure rate as fractions, in the shape of ``trials``.
    """
    cases = np.asarray(trials, dtype=np.float64)
    return upper(np.zeros_like(cases), cases, level)


def trials_without_failure(rate: float, level: float) -> int:
    """How many cases without a failure prove a failure rate of at most ``rate``.

    Args:
        rate: the failure rate to prove, a fraction in (0, 1].
        level: one-sided error level in (0, 1).

    Returns:
        The number of cases: 59 for 5 % and 299 for 1 % at level 0.05.

    Raises:
        ValueError: rate or level outside its range.
    """
    _check_level(level)
    if not 0.0 < rate <= 1.0:
        raise ValueError(f"expected a failure rate in (0, 1], got rate={rate}; no run proves a rate of 0")
    if rate == 1.0:
        return 0
    # Rounding must not ask for one case more where level = (1 - rate) ** n holds exactly.
    return math.ceil(math.log(level) / math.log1p(-rate) - 1e-9)


def jaccard_to_f1(jaccard: npt.ArrayLike) -> FloatArray:
    """F1 from the Jaccard index TP / (TP + FP + FN), a binomial rate on the realised denominator: 2 J / (1 + J).

    Args:
        jaccard: fractions in [0, 1], any shape.

    Returns:
        F1 in the same shape; increasing, so that bounds of J map to bounds of F1.

    Source:
        Lam, Gopal & Qian 2023, arXiv 2309.14621.
    """
    index = np.asarray(jaccard, dtype=np.float64)
    return np.asarray(2.0 * index / (1.0 + index), dtype=np.float64)


def f1_to_jaccard(f1: npt.ArrayLike) -> FloatArray:
    """The Jaccard index that belongs to an F1: F1 / (2 - F1), the inverse of ``jaccard_to_f1``.

    Args:
        f1: fractions in [0, 1], any shape.

    Returns:
        The Jaccard index in the same shape.
    """
    score = np.asarray(f1, dtype=np.float64)
    return np.asarray(score / (2.0 - score), dtype=np.float64)


def _counts(successes: npt.ArrayLike, trials: npt.ArrayLike, level: float) -> tuple[FloatArray, FloatArray]:
    _check_level(level)
    hits, cases = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(trials, np.float64))
    valid = (hits >= 0.0) & (hits <= cases) & (cases < np.inf)
    if not valid.all():
        where = tuple(int(index[0]) for index in np.nonzero(~np.atleast_1d(valid)))
        worst_hits, worst_cases = np.atleast_1d(hits)[where], np.atleast_1d(cases)[where]
        raise ValueError(
            f"expected counts with 0 <= successes <= trials, got successes={worst_hits:g}, trials={worst_cases:g}"
        )
    return hits, cases


def _check_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise ValueError(f"expected a one-sided error level in (0, 1), got level={level}")
