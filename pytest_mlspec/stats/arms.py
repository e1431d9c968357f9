"""Worst group, gap and ratio from the one-sided bounds of each group, whatever the metric.

The caller passes ``arms``: a function from a level to the lower and upper bounds of every group, both of the shape
(members, groups), infinite where a group has none. The functions here ask it for the levels that their fold needs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pytest_mlspec.stats import binomial, square_and_add
from pytest_mlspec.stats.bounds import FloatArray, Method
from pytest_mlspec.stats.pairs import PairBounds, largest

Arms = Callable[[float], tuple[FloatArray, FloatArray]]

BONFERRONI_ARMS = Method(
    name="difference of one-sided bounds",
    bound_class="exact",
    source="Bonferroni's inequality; Berger 1982, Technometrics 24:295 for the maximum",
    domain="as the bounds of the single groups; groups may depend on each other",
)
SQUARED_ARMS = Method(
    name="square-and-add",
    bound_class="asymptotic",
    source="Zou & Donner 2008, Statist. Med. 27:1693 (MOVER); Berger 1982 for the maximum",
    domain="as the bounds of the single groups; independent groups",
)
WORST = Method(
    name="one-sided bounds of the worst group",
    bound_class="exact",
    source="Berger 1982, Technometrics 24:295; Bonferroni's inequality for the other side",
    domain="as the bounds of the single groups; groups may depend on each other",
)


def worst_bounds(
    successes: npt.ArrayLike, trials: npt.ArrayLike, level: float, *, greater_is_better: bool = True
) -> PairBounds:
    """Exact one-sided bounds for the worst rate of several groups: the smallest, or the largest of a failure rate.

    Args:
        successes: (members, groups), successes of each group under each member; (groups,) is one member.
        trials: (groups,) or (members, groups), cases of each group.
        level: one-sided error level in (0, 1), for each side.
        greater_is_better: whether the worst group is the one with the smallest rate.

    Returns:
        See ``worst_bounds_from_arms``; a group without cases makes ``value`` NaN and the side to be met infinite.

    Raises:
        ValueError: impossible counts, or a level outside (0, 1).

    Source:
        Clopper & Pearson 1934; Berger 1982 for the side that needs no correction.
    """
    hits = np.atleast_2d(np.asarray(successes, np.float64))
    cases = np.broadcast_to(np.asarray(trials, np.float64), hits.shape)
    empty = cases == 0
    rate = np.divide(hits, cases, out=np.full_like(hits, np.nan), where=~empty)

    def arms(tail: float) -> tuple[FloatArray, FloatArray]:
        low, high = binomial.lower(hits, cases, tail), binomial.upper(hits, cases, tail)
        return np.where(empty, -np.inf, low), np.where(empty, np.inf, high)

    return worst_bounds_from_arms(rate, arms, level, greater_is_better=greater_is_better)


def worst_bounds_from_arms(
    value: FloatArray, arms: Arms, level: float, *, greater_is_better: bool = True
) -> PairBounds:
    """One-sided bounds for the worst of several groups from the bounds of each.

    Args:
        value: (members, groups), the metric of each group, NaN where it has none.
        arms: the bounds of each group at a level, (members, groups) each.
        level: one-sided error level in (0, 1), for each side.
        greater_is_better: whether the worst group is the one with the smallest value.

    Returns:
        (members,) bounds. For the smallest: ``low`` is the smallest lower bound at the full level, ``high`` the
        smallest upper bound at level / G; mirrored for the largest. Both entries of a pair name the deciding group.

    Source:
        Berger 1982 (intersection-union test) and Bonferroni's inequality.
    """
    sign = 1.0 if greater_is_better else -1.0
    n_groups = value.shape[1]
    met, violated = (0, 1) if greater_is_better else (1, 0)
    full, shared = sign * arms(level)[met], sign * arms(level / n_groups)[violated]
    folds = [(folded.min(axis=1), folded.argmin(axis=1)) for folded in (full, shared, sign * value)]
    (near, near_group), (far, far_group), (worst, worst_group) = ((sign * fold, group) for fold, group in folds)
    ends = (near, far) if greater_is_better else (far, near)
    groups = (near_group, far_group) if greater_is_better else (far_group, near_group)
    return PairBounds(
        value=np.where(np.isnan(value).any(axis=1), np.nan, worst),
        low=ends[0],
        high=ends[1],
        value_pair=np.stack([worst_group] * 2, axis=1).astype(np.int64),
        low_pair=np.stack([groups[0]] * 2, axis=1).astype(np.int64),
        high_pair=np.stack([groups[1]] * 2, axis=1).astype(np.int64),
        method=WORST,
    )


def gap_bounds_from_arms(value: FloatArray, arms: Arms, level: float, *, independent: bool = False) -> PairBounds:
    """One-sided bounds for the largest minus the smallest value of groups, from the bounds of each group.

    Args:
        value: (members, groups), the metric of each group, NaN where it has none.
        arms: the bounds of each group at a level, (members, groups) each.
        level: one-sided error level in (0, 1), for each side.
        independent: whether no case or cluster is shared by two groups; then the squares of the arms are added, which
            is narrower and asymptotic; otherwise the two bounds of a pair are subtracted at half the level.

    Returns:
        The gap per member with its bounds, ``low`` at least 0 where it is finite.

    Raises:
        ValueError: fewer than two groups.

    Source:
        Bonferroni's inequality; Zou & Donner 2008 (MOVER) for independent groups; Berger 1982 for the maximum.
    """
    n_groups = _at_least_two(value)
    rate = np.where(np.isnan(value), 0.0, value)
    other = ~np.eye(n_groups, dtype=np.bool_)
    if independent:
        low, high = arms(level)
        upper = square_and_add.differences_above(rate, rate - low, high - rate)
        low, high = arms(level / (n_groups * (n_groups - 1)))
        lower = square_and_add.differences_below(rate, rate - low, high - rate)
    else:
        low, high = arms(level / 2)
        upper = high[:, :, None] - low[:, None, :]
        # All lower and all upper bounds hold at once: 2 G of them, fewer than the ordered pairs have.
        low, high = arms(level / (2 * n_groups))
        lower = low[:, :, None] - high[:, None, :]
    top, top_pair = largest(np.where(other, upper, -np.inf))
    bottom, bottom_pair = largest(np.where(other, lower, -np.inf))
    gap, gap_pair = largest(np.where(other, rate[:, :, None] - rate[:, None, :], -np.inf))
    return PairBounds(
        value=np.where(np.isnan(value).any(axis=1), np.nan, gap),
        low=np.where(np.isinf(bottom), bottom, np.maximum(bottom, 0.0)),
        high=top,
        value_pair=gap_pair,
        low_pair=bottom_pair,
        high_pair=top_pair,
        method=SQUARED_ARMS if independent else BONFERRONI_ARMS,
    )


def ratio_bounds_from_arms(value: FloatArray, arms: Arms, level: float) -> PairBounds:
    """One-sided bounds for the smallest over the largest value of groups, from the bounds of each group.

    Args:
        value: (members, groups), the metric of each group, at least 0, NaN where it has none.
        arms: the bounds of each group at a level, (members, groups) each; lower bounds below 0 count as 0.
        level: one-sided error level in (0, 1), for each side.

    Returns:
        The ratio per member with its bounds, at most 1; groups may depend on each other. A group without bounds makes
        ``low`` -inf, all values 0 make ``value`` NaN.

    Raises:
        ValueError: fewer than two groups, or a negative value.

    Source:
        Bonferroni's inequality; Berger 1982 for the minimum.
    """
    n_groups = _at_least_two(value)
    if (value < 0).any():
        raise ValueError(f"expected values of at least 0 for a ratio, got value={float(np.nanmin(value)):g}")
    other = ~np.eye(n_groups, dtype=np.bool_)
    low, high = arms(level / 2)
    unknown = np.isinf(low) | np.isinf(high)
    lower = _quotient(np.maximum(low, 0.0)[:, :, None], high[:, None, :])
    lower = np.where(unknown[:, :, None] | unknown[:, None, :], -np.inf, lower)
    low, high = arms(level / (2 * n_groups))
    upper = np.minimum(_quotient(high[:, :, None], np.maximum(low, 0.0)[:, None, :]), 1.0)
    bottom, bottom_pair = largest(np.where(other, -lower, -np.inf))
    top, top_pair = largest(np.where(other, -upper, -np.inf))
    rate = np.where(np.isnan(value), 0.0, value)
    ratio = _quotient(rate.min(axis=1), rate.max(axis=1))
    return PairBounds(
        value=np.where(np.isnan(value).any(axis=1) | np.isinf(ratio), np.nan, ratio),
        low=-bottom,
        high=-top,
        value_pair=np.stack([rate.argmax(axis=1), rate.argmin(axis=1)], axis=1).astype(np.int64),
        low_pair=bottom_pair[:, ::-1],
        high_pair=top_pair[:, ::-1],
        method=BONFERRONI_ARMS,
    )


def _at_least_two(value: FloatArray) -> int:
    if value.shape[1] < 2:
        raise ValueError(f"expected at least 2 groups to compare, got n_groups={value.shape[1]}")
    return int(value.shape[1])


def _quotient(dividend: FloatArray, divisor: FloatArray) -> FloatArray:
    dividend, divisor = np.broadcast_arrays(dividend, divisor)
    return np.asarray(np.divide(dividend, divisor, out=np.full(dividend.shape, np.inf), where=divisor > 0))
