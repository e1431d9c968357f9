"""Gap and ratio between groups of any metric, from bounds that each group has of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pytest_mlspec.stats.bounds import Bounds, FloatArray


def from_arms(is_gap: bool, near: Bounds, far: Bounds) -> Bounds:
    """Bound largest minus smallest (or smallest over largest) from the groups' own bounds, whatever their dependence.

    Args:
        is_gap: the gap; else the ratio of values that are not negative.
        near: (members, groups) bounds at half the level. They decide *met*: at the pair that makes the true fold, both
            its bounds hold with the full level (Berger 1982).
        far: (members, groups) bounds at level / (2 G). They decide *violated*, and hold for all groups at once
            (Bonferroni).

    Returns:
        (members,) bounds; as exact as the arms. They are wider than bounds that use the independence of groups.
    """
    other = ~np.eye(near.low.shape[1], dtype=np.bool_)
    if is_gap:
        spread = near.high[:, :, None] - near.low[:, None, :]
        low = np.maximum(far.low.max(axis=1) - far.high.min(axis=1), 0.0)
        high = np.where(other, spread, -np.inf).max(axis=(1, 2))
    else:
        low = np.where(other, _ratio(near.low[:, :, None], near.high[:, None, :]), np.inf).min(axis=(1, 2))
        high = np.minimum(_ratio(far.high.min(axis=1), far.low.max(axis=1)), 1.0)
    name = f"{near.method.name} for each group, Bonferroni"
    reason = near.reason or far.reason
    return Bounds(low=low, high=high, method=replace(near.method, name=name), reason=reason)


def _ratio(smaller: FloatArray, larger: FloatArray) -> FloatArray:
    """smaller / larger for values >= 0: nothing is known (0 below, inf above) where the larger one may be 0 or open."""
    smaller, larger = np.broadcast_arrays(np.maximum(smaller, 0.0), larger)
    ratio: FloatArray = np.full(smaller.shape, np.inf)
    np.divide(smaller, larger, out=ratio, where=(larger > 0) & np.isfinite(smaller))
    ratio[np.isinf(larger)] = 0.0
    return ratio
