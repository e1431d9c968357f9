"""How much larger the gap between groups is under one model than under another one, on the same cases.

A gap is the largest difference d_gh = m_g - m_h over ordered pairs of groups. With (g, h) the pair that makes the gap
of the first model, that of the second is at least its own d_gh, so

    gap_1 - gap_2  <=  d_gh(first) - d_gh(second)  =  D_g - D_h,      D_g = m_g(first) - m_g(second).

The largest upper bound of D_g - D_h over the pairs that may be (g, h) therefore bounds the difference of the gaps at
its full level (an intersection-union argument: the bound of the true pair is among them). A pair may be (g, h) unless
d_gh(first) is negative for sure. This uses that both models saw the same cases: where they agree, D_g is 0. Where the
first gap is so much smaller that its pair cannot be told, the bounds of the two gaps themselves say more; the smaller
of both bounds is taken, each at its part of the level.
"""

from __future__ import annotations

import numpy as np

from pytest_mlspec.stats import square_and_add
from pytest_mlspec.stats.arms import Arms
from pytest_mlspec.stats.bounds import FloatArray, Method

PAIRED_GAPS = Method(
    name="paired differences of the groups",
    bound_class="asymptotic",
    source="Berger 1982, Technometrics 24:295, for the maximum; Zou & Donner 2008, Statist. Med. 27:1693 (MOVER)",
    domain="independent cases, both models on every case",
)
PAIRED_GAPS_BY_BONFERRONI = Method(
    name="paired differences of the groups, Bonferroni",
    bound_class="exact",
    source="Berger 1982, Technometrics 24:295, for the maximum; Bonferroni's inequality",
    domain="as the bounds of the single groups; groups may depend on each other",
)
PAIRED_SHARE = 0.8
"""The part of the level that the paired bound spends; the rest is that of the bounds of the two gaps."""
PAIR_SHARE = 0.1
"""The part of the paired bound's level by which pairs are ruled out."""
CLOSED_FORM_LEVEL = 0.02
"""Below this level the arms of two groups are no longer added as squares, but subtracted at half the level each."""


def gap_difference_upper(
    differences: FloatArray, of_differences: Arms, of_first: Arms, level: float, *, independent: bool
) -> FloatArray:
    """Upper bounds for the gap of the first model minus that of the second, paired within every group.

    Args:
        differences: (members, groups) the metric of the first model minus that of the second in each group.
        of_differences: bounds of these at a level, (members, groups) each.
        of_first: bounds of the metric of the first model in each group at a level, (members, groups) each.
        level: one-sided error level in (0, 1) of this bound.
        independent: whether no case or cluster is shared by two groups, and the bounds are those of rates.

    Returns:
        (members,) upper bounds.

    Raises:
        ValueError: fewer than two groups.

    Source:
        Berger 1982 for the maximum; Zou & Donner 2008 (MOVER) for independent groups, else Bonferroni's inequality.
    """
    n_groups = differences.shape[1]
    if n_groups < 2:
        raise ValueError(f"expected at least 2 groups to compare, got n_groups={n_groups}")
    low, high = of_first(PAIR_SHARE * level / 2)
    possible = (high[:, :, None] - low[:, None, :] >= 0) & ~np.eye(n_groups, dtype=np.bool_)
    rest = (1 - PAIR_SHARE) * level
    if independent and rest >= CLOSED_FORM_LEVEL:
        low, high = of_differences(rest)
        upper = square_and_add.differences_above(differences, differences - low, high - differences)
    else:
        low, high = of_differences(rest / 2)
        upper = high[:, :, None] - low[:, None, :]
    return np.asarray(np.where(possible, upper, -np.inf).max(axis=(1, 2)))
