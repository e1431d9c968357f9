"""Bounds for the maximum calibration error: the worst bin decides, and a nearly empty bin cannot be vouched for."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from pytest_mlspec.stats import binomial
from pytest_mlspec.stats.bounds import Bounds, FloatArray, Method
from pytest_mlspec.stats.calibration_table import Bins, BinTable, Hits, Scores, bin_table

_FEW = 100  # cases below which the message names the bin that makes the bound wide

MCE_ARMS = Method(
    name="MCE, Clopper-Pearson per bin",
    bound_class="asymptotic",
    source="Clopper & Pearson (1934) per bin; maximum by Berger (1982), from below with Bonferroni",
    domain="independent cases, bins that hold at least one case",
)


def mce_bounds(
    confidence: Scores,
    hit: Hits,
    bins: Bins = 15,
    level: float = 0.05,
    *,
    table: BinTable | None = None,
) -> Bounds:
    """One-sided bounds for the largest calibration gap of the bins that hold cases.

    Args: as ``ece_bounds``.

    Returns:
        Bounds of shape (members,). ``high`` is the largest upper bound of a bin, each at the full level; ``low`` the
        largest lower bound, each at level / (2 occupied bins). ``reason`` names a bin of few cases that decided
        ``high``.

    Raises:
        ValueError: a level outside (0, 0.5), or rows that ``bin_table`` refuses.
    """
    if not 0.0 < level < 0.5:
        raise ValueError(f"level must lie between 0 and 0.5, both excluded: level={level}")
    n_members = len(np.atleast_2d(confidence))
    if np.size(confidence) == 0:
        unknown = np.full(n_members, np.inf)
        return Bounds(low=-unknown, high=unknown, method=MCE_ARMS, reason="there are no cases")
    sums = bin_table(confidence, hit, bins) if table is None else table
    widths = _widths(bins, n_members)
    occupied = sums.count.sum(axis=1) > 0
    low, high = np.empty(n_members), np.empty(n_members)
    above, below = _arms(sums, widths, level)
    gaps = np.where(occupied, np.clip(np.maximum(above, -below), 0.0, 1.0), -1.0)
    high = gaps.max(axis=1)
    for n_bins in np.unique(occupied.sum(axis=1)):  # the level of the lower ends depends on it
        same = occupied.sum(axis=1) == n_bins
        above, below = _arms(sums, widths, level / (2 * int(n_bins)))
        proven = np.where(occupied, np.maximum(np.maximum(below, -above), 0.0), 0.0).max(axis=1)
        low = np.where(same, proven, low)
    return Bounds(low=low, high=high, method=MCE_ARMS, reason=_few_cases(sums, gaps, bins))


def _arms(table: BinTable, widths: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Upper and lower bound of E[h - p | bin]: Clopper-Pearson for the hits, plus the noise of the mean score.

    The two arms are added, not squared and added: within a bin hits may fall as scores rise.
    """
    count, hits = table.count.sum(axis=1), table.hits.sum(axis=1)
    safe = np.maximum(count, 1.0)
    mean = table.score.sum(axis=1) / safe
    variance = np.maximum(table.square.sum(axis=1) / safe - mean**2, 0.0) + widths**2 / (4 * safe)
    noise = -float(ndtri(level)) * np.sqrt(variance / safe)
    return binomial.upper(hits, count, level) - mean + noise, binomial.lower(hits, count, level) - mean - noise


def _edges(bins: Bins) -> FloatArray:
    if isinstance(bins, (int, np.integer)):
        return np.linspace(0.0, 1.0, int(bins) + 1)
    return np.asarray(bins, dtype=np.float64)


def _widths(bins: Bins, n_members: int) -> FloatArray:
    widths = np.diff(_edges(bins), axis=-1)
    return np.broadcast_to(widths, (n_members, widths.shape[-1]))


def _few_cases(table: BinTable, gaps: FloatArray, bins: Bins) -> str:
    member = int(gaps.max(axis=1).argmax())
    worst = int(gaps[member].argmax())
    count = int(table.count[member, :, worst].sum())
    if count >= _FEW:
        return ""
    edges = np.atleast_2d(_edges(bins))
    low, high = edges[member if len(edges) > 1 else 0, worst : worst + 2]
    return f"the upper bound is that of the bin [{low:.3g}, {high:.3g}], which holds {count} case{'s' * (count != 1)}"
