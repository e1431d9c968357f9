"""Bounds for two independent rates that hold in the tails: the melding of two Clopper-Pearson bounds.

The upper bound of one rate at every level at once is a distribution, U ~ Beta(k + 1, n - k), the lower bound another,
L ~ Beta(k, n - k + 1). A bound of a difference or a ratio is the quantile of that of independent U and L. It costs an
integral and a root per pair, so ``pairs`` uses it only where its closed form errs too often.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

from pytest_mlspec.stats import binomial
from pytest_mlspec.stats.bounds import FloatArray, Method

MELDED = Method(
    name="melded Clopper-Pearson",
    bound_class="asymptotic",
    source="Fay, Proschan & Brittain 2015, Biometrics 71:146",
    domain="independent cases, independent groups",
)

# The trapezoid rule on a normal weight converges faster than any power of the step.
_STEP = 0.125
_SCORES = np.arange(-8.25, 8.25 + _STEP, _STEP)
_PROBABILITIES = special.ndtr(_SCORES)
_WEIGHTS = _STEP * np.exp(-0.5 * _SCORES**2) / np.sqrt(2.0 * np.pi)
_TOLERANCE = 1e-9


def difference_upper(
    hits: FloatArray, cases: FloatArray, other_hits: FloatArray, other_cases: FloatArray, *, level: float
) -> FloatArray:
    """The upper bound of the first rate minus the other: the 1 - level quantile of U - L_other.

    Args:
        hits: (pairs,), successes of the first group; real-valued counts are allowed.
        cases: (pairs,), its cases, at least 1.
        other_hits: (pairs,), successes of the other group.
        other_cases: (pairs,), its cases, at least 1.
        level: one-sided error level in (0, 1).

    Returns:
        (pairs,), bounds of the difference, in [-1, 1].

    Source:
        Fay, Proschan & Brittain 2015, eq. (3).
    """
    high = binomial.upper(hits, cases, level)
    low = binomial.lower(other_hits, other_cases, level)
    # One distribution is a single point where all or none of the cases succeed: then one bound alone decides.
    bound = np.where(other_hits <= 0.0, high, 1.0 - low)
    spread = (other_hits > 0.0) & (hits < cases)
    if spread.any():
        k, n, i, m = (counts[spread] for counts in (hits, cases, other_hits, other_cases))
        # U - L = (1 - L) - (1 - U): counting failures exchanges the two, so that L is the narrower one.
        swap = _variance(k + 1.0, n - k) < _variance(i, m - i + 1.0)
        k, n, i, m = (np.where(swap, *two) for two in ((m - i, k), (m, n), (n - k, i), (n, m)))
        points = _quantiles(i, m - i + 1.0)

        def excess(limit: FloatArray) -> FloatArray:
            beyond = np.clip(limit[:, None] + points, 0.0, 1.0)
            tail = special.betaincc(k[:, None] + 1.0, (n - k)[:, None], beyond) @ _WEIGHTS
            return _score(tail) - special.ndtri(level)

        start = binomial.upper(k, n, np.sqrt(level)) - binomial.lower(i, m, np.sqrt(level))
        stop = binomial.upper(k, n, level / 2) - binomial.lower(i, m, level / 2)
        bound[spread] = _root(excess, start, stop)
    return np.asarray(bound, dtype=np.float64)


def ratio_lower(
    hits: FloatArray, cases: FloatArray, other_hits: FloatArray, other_cases: FloatArray, *, level: float
) -> FloatArray:
    """The lower bound of the first rate over the other: the level quantile of L / U_other.

    Args:
        hits: (pairs,), successes of the first group; real-valued counts are allowed.
        cases: (pairs,), its cases, at least 1.
        other_hits: (pairs,), successes of the other group.
        other_cases: (pairs,), its cases, at least 1.
        level: one-sided error level in (0, 1).

    Returns:
        (pairs,), bounds of the ratio, at least 0; 0 where the first group has no success.

    Source:
        Fay, Proschan & Brittain 2015, eq. (3), for the ratio.
    """
    bound = binomial.lower(hits, cases, level)  # the ratio to an upper bound of 1
    spread = (hits > 0.0) & (other_hits < other_cases)
    if spread.any():
        k, n, i, m = (counts[spread] for counts in (hits, cases, other_hits, other_cases))
        shape, other = (k, n - k + 1.0), (i + 1.0, m - i)
        # The integral runs over the relatively narrower of the two, where the distribution of the other is smooth.
        inner = _variance(*shape) / _mean(*shape) ** 2 < _variance(*other) / _mean(*other) ** 2
        points = np.where(inner[:, None], _quantiles(*shape), _quantiles(*other))
        first, second = (np.where(inner, *two)[:, None] for two in zip(other, shape, strict=True))

        def shortfall(limit: FloatArray) -> FloatArray:
            below = special.betainc(first, second, np.clip(limit[:, None] * points, 0.0, 1.0))
            above = special.betaincc(first, second, np.clip(points / limit[:, None], 0.0, 1.0))
            return special.ndtri(level) - _score(np.where(inner[:, None], above, below) @ _WEIGHTS)

        start = binomial.lower(k, n, level / 2) / binomial.upper(i, m, level / 2)
        stop = binomial.lower(k, n, np.sqrt(level)) / binomial.upper(i, m, np.sqrt(level))
        bound[spread] = _root(shortfall, start, stop)
    return np.asarray(bound, dtype=np.float64)


def _mean(first: FloatArray, second: FloatArray) -> FloatArray:
    return first / (first + second)


def _variance(first: FloatArray, second: FloatArray) -> FloatArray:
    return first * second / ((first + second) ** 2 * (first + second + 1.0))


def _quantiles(first: FloatArray, second: FloatArray) -> FloatArray:
    """(pairs, scores), quantiles of Beta(first, second), once per distribution: many pairs share a group."""
    shapes, pair = np.unique(np.stack([first, second], axis=1), axis=0, return_inverse=True)
    points = special.betaincinv(shapes[:, :1], shapes[:, 1:], _PROBABILITIES)
    return np.asarray(points[pair.reshape(-1)], dtype=np.float64)


def _score(probability: FloatArray) -> FloatArray:
    return np.asarray(special.ndtri(np.clip(probability, 1e-300, 1.0 - 1e-16)))


def _root(function: Callable[[FloatArray], FloatArray], start: FloatArray, stop: FloatArray) -> FloatArray:
    """The root of a decreasing function that is nearly linear, by false position with a halving every third step."""
    left, right = start.copy(), stop.copy()
    at_left, at_right = function(left), function(right)
    middle = right
    for step in range(90):
        if step % 3 == 2:
            middle = 0.5 * (left + right)
        else:
            drop = at_left - at_right
            share = np.divide(at_left, drop, out=np.full_like(drop, 0.5), where=drop > 0.0)
            middle = left + np.clip(share, 0.0, 1.0) * (right - left)
        value = function(middle)
        if np.all((np.abs(value) < _TOLERANCE) | (right - left < _TOLERANCE)):
            break
        above = value > 0.0
        left, at_left = np.where(above, middle, left), np.where(above, value, at_left)
        right, at_right = np.where(above, right, middle), np.where(above, at_right, value)
    return np.asarray(middle, dtype=np.float64)
