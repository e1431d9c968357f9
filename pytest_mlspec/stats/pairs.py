"""Independent groups with a rate each: bounds for a difference, for the gap max - min and for the ratio min / max.

A gap is a maximum over ordered pairs of groups. Its upper bound is the largest upper bound of a pair at the full level
(at the pair that makes the true gap, that bound already covers it; intersection-union test, Berger 1982). Its lower
bound needs every pair at once: level / (G (G - 1)) each. The ratio is a minimum, so that the sides change places.

The side that can be *met* takes the closed form at levels of 0.05 and above, where enumeration keeps it within 1.2
times the level, and the melded form below (there the closed form errs up to hundreds of times too often).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pytest_mlspec.stats import binomial, melded, square_and_add
from pytest_mlspec.stats.bounds import BoolArray, FloatArray, IntArray, Method, Side

SQUARE_AND_ADD = Method(
    name="square-and-add Clopper-Pearson",
    bound_class="asymptotic",
    source="Newcombe 1998, Statist. Med. 17:873, method 10, with Clopper-Pearson arms; gap by Berger 1982",
    domain="independent cases, independent groups",
)
RATIO_SQUARE_AND_ADD = Method(
    name="square-and-add Clopper-Pearson ratio",
    bound_class="asymptotic",
    source="Donner & Zou 2012, Stat. Methods Med. Res. 21:347 (MOVER-R), with Clopper-Pearson arms",
    domain="independent cases, independent groups",
)

# Below this level the closed form is replaced on the side that can be met: at 0.01 it errs twice too often for groups
# of 10 and 400, at 0.001 eight times.
CLOSED_FORM_LEVEL = 0.05
# Differences beyond this lie between rates near 0 and near 1, where the closed form errs up to 0.084 at level 0.05.
CLOSED_FORM_DIFFERENCE = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class PairBounds:
    """A fold over groups with its one-sided bounds and the groups that decided each of them.

    ``value``, ``low`` and ``high`` have the shape (members,); the pairs have the shape (members, 2): the group with
    the larger rate first, then the smaller. A bound that an empty group forbids is infinite, the value is then NaN.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    value_pair: IntArray
    low_pair: IntArray
    high_pair: IntArray
    method: Method


def difference_bounds(
    hits: npt.ArrayLike, cases: npt.ArrayLike, other_hits: npt.ArrayLike, other_cases: npt.ArrayLike, level: float
) -> tuple[FloatArray, FloatArray]:
    """One-sided bounds for one rate minus another one of independent cases.

    Args:
        hits: successes of the first group, any shape; all four counts broadcast.
        cases: its cases (0 gives the bounds -inf and inf).
        other_hits: successes of the other group.
        other_cases: its cases.
        level: one-sided error level in (0, 1), for each side.

    Returns:
        ``low`` and ``high`` in the broadcast shape.

    Source:
        Newcombe 1998, method 10, with Clopper-Pearson arms; below level 0.05 and beyond 0.6 Fay et al. 2015.
    """
    counts = np.broadcast_arrays(*(np.asarray(count, np.float64) for count in (hits, cases, other_hits, other_cases)))
    k, n, i, m = (count.reshape(-1) for count in counts)
    shape = counts[0].shape
    high, minus_low = _difference_upper(k, n, i, m, level), _difference_upper(i, m, k, n, level)
    return -minus_low.reshape(shape), high.reshape(shape)


def gap_bounds(successes: npt.ArrayLike, trials: npt.ArrayLike, level: float, *, need: Side = "both") -> PairBounds:
    """One-sided bounds for the largest minus the smallest rate of independent groups.

    Args:
        successes: (members, groups), successes of each group under each member; (groups,) is one member.
        trials: (groups,) or (members, groups), cases of each group.
        level: one-sided error level in (0, 1), for each side.
        need: ``low`` leaves the upper bound open below level 0.05, where it is the costly one.

    Returns:
        The gap per member with its bounds: ``high`` at the full level, ``low`` (at least 0) at level / (G (G - 1)) per
        pair. A group without cases makes ``value`` NaN and ``high`` infinite; ``low`` is then that of the others.

    Raises:
        ValueError: fewer than two groups, impossible counts, or a level outside (0, 1).

    Source:
        Newcombe 1998, method 10, with Clopper-Pearson arms; Berger 1982 for the maximum; Fay et al. 2015 in the tails.
    """
    hits, cases, rate = _rates(successes, trials)
    other, empty = _pairs(cases)
    n_groups = hits.shape[1]
    upper = square_and_add.differences_above(rate, *square_and_add.arms(hits, cases, rate, level))
    doubtful = other & ~empty & ((level < CLOSED_FORM_LEVEL) | (upper > CLOSED_FORM_DIFFERENCE))
    if need == "low" and level < CLOSED_FORM_LEVEL:
        upper = np.full_like(upper, np.inf)
    elif doubtful.any():
        trusted = np.where(other & ~doubtful, upper, -np.inf)
        ceiling = binomial.upper(hits, cases, level / 2)[:, :, None] - binomial.lower(hits, cases, level / 2)[:, None]
        ceiling = np.where(doubtful, np.maximum(ceiling, upper), -np.inf)
        upper = np.maximum(trusted, _highest(_difference_upper, hits, cases, level, ceiling))
    tail = level / (n_groups * (n_groups - 1))
    lower = square_and_add.differences_below(rate, *square_and_add.arms(hits, cases, rate, tail))
    high, high_pair = largest(np.where(other, np.where(empty, np.inf, upper), -np.inf))
    low, low_pair = largest(np.where(other & ~empty, lower, -np.inf))
    value, value_pair = largest(np.where(other, rate[:, :, None] - rate[:, None, :], -np.inf))
    return PairBounds(
        value=np.where(empty.any(axis=(1, 2)), np.nan, value),
        low=np.where(np.isinf(low), low, np.maximum(low, 0.0)),
        high=high,
        value_pair=value_pair,
        low_pair=low_pair,
        high_pair=high_pair,
        method=SQUARE_AND_ADD if level >= CLOSED_FORM_LEVEL else melded.MELDED,
    )


def ratio_bounds(successes: npt.ArrayLike, trials: npt.ArrayLike, level: float, *, need: Side = "both") -> PairBounds:
    """One-sided bounds for the smallest over the largest rate of independent groups (the 80 % rule asks for >= 0.8).

    The bounds of a pair are those r at which the bound of the contrast p_g - r p_h, squares of the arms added, is 0.

    Args:
        successes: (members, groups), successes of each group under each member; (groups,) is one member.
        trials: (groups,) or (members, groups), cases of each group.
        level: one-sided error level in (0, 1), for each side.
        need: ``high`` leaves the lower bound open below level 0.05, where it is the costly one.

    Returns:
        The ratio per member with its bounds: ``low`` at the full level, ``high`` (at most 1) at level / (G (G - 1)) per
        pair. A group without cases makes ``value`` NaN and ``low`` -inf; all rates 0 make ``value`` NaN.

    Raises:
        ValueError: fewer than two groups, impossible counts, or a level outside (0, 1).

    Source:
        Donner & Zou 2012 (MOVER-R) with Clopper-Pearson arms; Berger 1982; Fay et al. 2015 in the tails.
    """
    hits, cases, rate = _rates(successes, trials)
    other, empty = _pairs(cases)
    n_groups = hits.shape[1]
    if level >= CLOSED_FORM_LEVEL:
        lower = square_and_add.ratios_below(rate, *square_and_add.arms(hits, cases, rate, level))
    elif need == "high":
        lower = np.full((len(hits), n_groups, n_groups), -np.inf)
    else:
        floor = binomial.lower(hits, cases, level / 2)[:, :, None] / binomial.upper(hits, cases, level / 2)[:, None]
        lower = -_highest(_minus_ratio_lower, hits, cases, level, np.where(other & ~empty, -floor, -np.inf))
    tail = level / (n_groups * (n_groups - 1))
    upper = square_and_add.ratios_above(rate, *square_and_add.arms(hits, cases, rate, tail))
    # Each pair of a ratio is (smaller, larger); reversed below, so that the larger group comes first.
    low, low_pair = largest(np.where(other, np.where(empty, np.inf, -lower), -np.inf))
    high, high_pair = largest(np.where(other & ~empty, -np.minimum(upper, 1.0), -np.inf))
    greatest = rate.max(axis=1)
    value = np.divide(rate.min(axis=1), greatest, out=np.full_like(greatest, np.nan), where=greatest > 0)
    return PairBounds(
        value=np.where(empty.any(axis=(1, 2)), np.nan, value),
        low=-low,
        high=-high,
        value_pair=np.stack([rate.argmax(axis=1), rate.argmin(axis=1)], axis=1).astype(np.int64),
        low_pair=low_pair[:, ::-1],
        high_pair=high_pair[:, ::-1],
        method=RATIO_SQUARE_AND_ADD if level >= CLOSED_FORM_LEVEL else melded.MELDED,
    )


def largest(pairs: FloatArray) -> tuple[FloatArray, IntArray]:
    """The largest entry of each (members, groups, groups) matrix and the (members, 2) pair of groups it belongs to."""
    flat = pairs.reshape(len(pairs), -1)
    best = flat.argmax(axis=1)
    pair = np.stack(np.divmod(best, pairs.shape[2]), axis=1).astype(np.int64)
    return flat[np.arange(len(flat)), best], pair


def _rates(successes: npt.ArrayLike, trials: npt.ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    hits = np.atleast_2d(np.asarray(successes, np.float64))
    cases = np.broadcast_to(np.asarray(trials, np.float64), hits.shape)
    if hits.shape[1] < 2:
        raise ValueError(f"expected at least 2 groups to compare, got n_groups={hits.shape[1]}")
    rate = np.divide(hits, cases, out=np.zeros_like(hits), where=cases > 0)
    return hits, cases, rate


def _pairs(cases: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Which entries of a (members, groups, groups) matrix are pairs of two groups, and which involve an empty one."""
    empty = cases == 0
    return ~np.eye(cases.shape[1], dtype=np.bool_), empty[:, :, None] | empty[:, None, :]


def _difference_upper(k: FloatArray, n: FloatArray, i: FloatArray, m: FloatArray, level: float) -> FloatArray:
    """Upper bounds of k / n - i / m, elementwise: closed form, and melded where that errs too often."""
    hits, cases = np.stack([k, i], axis=-1), np.stack([n, m], axis=-1)
    rate = np.divide(hits, cases, out=np.zeros_like(hits), where=cases > 0)
    bound = square_and_add.differences_above(rate, *square_and_add.arms(hits, cases, rate, level))[:, 0, 1]
    known = (n > 0) & (m > 0)
    doubtful = known & ((level < CLOSED_FORM_LEVEL) | (bound > CLOSED_FORM_DIFFERENCE))
    if doubtful.any():
        refined = melded.difference_upper(k[doubtful], n[doubtful], i[doubtful], m[doubtful], level=level)
        bound[doubtful] = refined if level < CLOSED_FORM_LEVEL else np.maximum(bound[doubtful], refined)
    return np.where(known, bound, np.inf)


def _minus_ratio_lower(k: FloatArray, n: FloatArray, i: FloatArray, m: FloatArray, level: float) -> FloatArray:
    return -melded.ratio_lower(k, n, i, m, level=level)


def _highest(
    bound: Callable[[FloatArray, FloatArray, FloatArray, FloatArray, float], FloatArray],
    hits: FloatArray,
    cases: FloatArray,
    level: float,
    ceiling: FloatArray,
) -> FloatArray:
    """The costly bound of the pairs that may have the largest one: those whose cheap ``ceiling`` leaves them a chance.

    The rest stays -inf; so does every pair whose ceiling is -inf.
    """
    exact = np.full(ceiling.shape, -np.inf)

    def fill(chosen: BoolArray) -> None:
        member, g, h = np.nonzero(chosen)
        if len(member):
            exact[chosen] = bound(hits[member, g], cases[member, g], hits[member, h], cases[member, h], level)

    fill((ceiling == ceiling.max(axis=(1, 2), keepdims=True)) & np.isfinite(ceiling))
    fill((ceiling > exact.max(axis=(1, 2), keepdims=True)) & ~np.isfinite(exact))
    return exact
