"""Bounds for the binned expected calibration error; value and bounds come from one table of sums."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from pytest_mlspec.stats.bounds import Bounds, FloatArray, Method, Side
from pytest_mlspec.stats.calibration_exact import BETTING_ECE, betting_lower, betting_upper
from pytest_mlspec.stats.calibration_table import Bins, BinTable, Hits, Scores, bin_table, ece

LOWEST_LEVEL = 0.01  # below it the normal forms are unchecked and the betting form takes over
_LEAST_FAVOURABLE_LEVEL = 0.05
_DENSE = 10.0  # sum of p (1 - p) from which a bin's residual sum is treated as normal
_N_ORDERS = 10
_CHUNK = 1 << 17  # table cells weighed at once: they stay in the cache
_ORDER_SEED = 7_301
_GRID = 33
_ZOOMS = 6

_PREQUENTIAL = "lower by prequential signs over random blocks"
LEAST_FAVOURABLE_ECE = Method(
    name="ECE, upper by the least favourable spread, lower by prequential signs",
    bound_class="asymptotic",
    source="derived here: E|N(mu, s^2)| with |mu| proportional to s over bins; signs after Dawid (1984)",
    domain="independent cases, bin edges fixed before the data, level 0.01 to 0.05",
)
INTERSECTION_UNION_ECE = Method(
    name="ECE, upper by intersection-union over sign vectors, lower by prequential signs",
    bound_class="asymptotic",
    source="derived here: ECE = max over signs of a mean; Berger (1982); Wilson (1927); signs after Dawid (1984)",
    domain="independent cases, any bins, level from 0.01",
)


def ece_bounds(
    confidence: Scores,
    hit: Hits,
    bins: Bins = 15,
    level: float = 0.05,
    *,
    edges_fixed: bool = True,
    exact: bool = False,
    table: BinTable | None = None,
    need: Side = "both",
) -> Bounds:
    """One-sided bounds for the binned ECE of the population, each with error at most ``level``.

    Args:
        confidence: (members, examples), probabilities in [0, 1].
        hit: (members, examples), 1 where the predicted event happened.
        bins: number of equal-width bins, or edges, (bins + 1,) or (members, bins + 1).
        level: error of each side. Below 0.01 the betting form is used.
        edges_fixed: False where the edges were taken from these rows (equal-mass bins); the target is then the
            ECE given the confidences seen.
        exact: the betting form at any level.
        table: what ``bin_table`` made of the same arguments, where it is at hand.
        need: the side that is needed; the other one is left at 0 or 1.

    Returns:
        Bounds of shape (members,), in [0, 1].

    Raises:
        ValueError: a level outside (0, 0.5), or rows that ``bin_table`` refuses.

    Source:
        ECE as Naeini, Cooper & Hauskrecht (2015), equation 1; the bounds are derived in the functions below.
    """
    if not 0.0 < level < 0.5:
        raise ValueError(f"level must lie between 0 and 0.5, both excluded: level={level}")
    if np.size(confidence) == 0:
        n_members = len(np.atleast_2d(confidence))
        empty = np.full(n_members, np.inf)
        return Bounds(low=-empty, high=empty, method=INTERSECTION_UNION_ECE, reason="there are no cases")
    low, high = np.zeros(len(np.atleast_2d(confidence))), np.ones(len(np.atleast_2d(confidence)))
    if exact or level < LOWEST_LEVEL:
        if need != "high":
            low = betting_lower(confidence, hit, bins, level)
        if need != "low":
            high = betting_upper(confidence, hit, bins, level, edges_fixed=edges_fixed)
        return Bounds(low=low, high=high, method=BETTING_ECE)
    sums = bin_table(confidence, hit, bins) if table is None else table
    tight = edges_fixed and level <= _LEAST_FAVOURABLE_LEVEL
    if need != "high":
        low = prequential_lower(sums, level)
    if need != "low":
        high = least_favourable_upper(sums, level) if tight else intersection_union_upper(sums, level)
    return Bounds(low=low, high=high, method=LEAST_FAVOURABLE_ECE if tight else INTERSECTION_UNION_ECE)


def continuity(level: float) -> float:
    """c0 = max(1/3, ln(1/level) - z^2): with it, n cases without an error prove at most what (1 - rate)^n allows."""
    z = float(-ndtri(level))
    return max(1.0 / 3.0, -float(np.log(level)) - z * z)


def intersection_union_upper(table: BinTable, level: float) -> FloatArray:
    """Upper bound e + (z^2/2 + c0)/n + z sqrt((mean r^2 - e^2)/n + z^2/(4 n^2)), whatever the bins.

    ECE is the largest of the means E[s_b r] over sign vectors s, so the bound of the worst sign vector, which is the
    plug-in one, covers without a multiplicity correction (Berger 1982). Shape (members,).
    """
    n, z = table.n_examples, float(-ndtri(level))
    plug_in = ece(table)
    spread = np.maximum(table.residual_square.sum(axis=(1, 2)) / n - plug_in**2, 0.0)
    high = plug_in + (z * z / 2 + continuity(level)) / n + z * np.sqrt(spread / n + (z / (2 * n)) ** 2)
    return np.asarray(np.minimum(high, 1.0), dtype=np.float64)


def least_favourable_upper(table: BinTable, level: float) -> FloatArray:
    """Upper bound that takes the upward bias of the plug-in value off, shape (members,).

    With sigma_b the standard error of bin b, S their sum and ECE = t, the plug-in value e is smallest on average when
    |mu_b| = t sigma_b / S; then E e = S g(t/S), g(x) = E|N(x, 1)|. The bound is the largest t with

        S g(t/S) - z sqrt(sum sigma_b^2 (1 + x^2 - g(x)^2) + sum_other sigma_b^2 + z^2/(4 n^2)) < e + (z^2/2 + c0)/n,

    S and the first sum over the bins with sum p (1 - p) >= 10. Without such a bin: ``intersection_union_upper``.
    """
    n, z = table.n_examples, float(-ndtri(level))
    mean = table.residual.sum(axis=1) / n
    variance = np.maximum(table.residual_square.sum(axis=1) / n - mean**2, 0.0) / n
    dense = table.score_variance.sum(axis=1) >= _DENSE
    scale = np.where(dense, np.sqrt(variance), 0.0).sum(axis=1)
    inside = np.where(dense, variance, 0.0).sum(axis=1)
    outside = np.where(dense, 0.0, variance).sum(axis=1) + (z / (2 * n)) ** 2
    target = np.abs(mean).sum(axis=1) + (z * z / 2 + continuity(level)) / n
    usable = scale > 0.0
    high = _largest_below(np.where(usable, scale, 1.0), inside, outside, target, z)
    return np.where(usable, np.minimum(high, 1.0), intersection_union_upper(table, level))


def _largest_below(
    scale: FloatArray, inside: FloatArray, outside: FloatArray, target: FloatArray, z: float
) -> FloatArray:
    """The largest t whose least plausible plug-in value lies below the target, by zooming into a grid.

    The left side is not monotone with few bins, so the last crossing is looked for from above; the grid point beyond
    it is returned, on the safe side by at most 1e-9 of the bracket.
    """
    start = np.zeros_like(scale)
    width = target + z * np.sqrt(inside + outside)  # g(x) >= x and its variance is at most 1: crossed by here
    found = np.zeros(len(scale), dtype=bool)
    steps = np.linspace(0.0, 1.0, _GRID)
    for _ in range(_ZOOMS):
        x = (start[:, None] + width[:, None] * steps) / scale[:, None]
        folded = 2.0 * np.exp(-x * x / 2) / np.sqrt(2 * np.pi) + x * (1.0 - 2.0 * ndtr(-x))
        noise = np.maximum(1.0 + x * x - folded**2, 0.0)
        left = scale[:, None] * folded - z * np.sqrt(inside[:, None] * noise + outside[:, None])
        below = left < target[:, None]
        found |= below.any(axis=1)
        last = np.where(below.any(axis=1), _GRID - 1 - np.argmax(below[:, ::-1], axis=1), 0)
        start = start + width * steps[np.minimum(last, _GRID - 2)]
        width = width / (_GRID - 1)
    return np.where(found, start + width, 0.0)


def prequential_lower(table: BinTable, level: float) -> FloatArray:
    """Lower bound from signs that never saw the rows they weigh, shape (members,).

    Blocks of rows are taken in a random order. In bin b a block is weighed with
    w = clip(sum r / sqrt(sum r^2 + 1/4), -1, 1) of the blocks before it, so E[w r | past] <= |E[r 1{b}]| and the mean
    of w r is a score whose expectation is at most the ECE; a Wilson-type term guards small samples. The bound is the
    mean over ten fixed orders.
    """
    n, z = table.n_examples, float(-ndtri(level))
    n_members, n_blocks, n_bins = table.count.shape
    generator = np.random.default_rng(_ORDER_SEED)
    orders = np.stack([generator.permutation(n_blocks) for _ in range(_N_ORDERS)])
    residual, square = table.residual, table.residual_square
    mean, spread = np.empty((n_members, _N_ORDERS)), np.empty((n_members, _N_ORDERS))
    step = max(1, _CHUNK // (n_blocks * n_bins * _N_ORDERS))
    for start in range(0, n_members, step):
        part = slice(start, start + step)
        mean[part], spread[part] = _signed_sums(residual[part][:, orders], square[part][:, orders])
    mean, spread = mean / n, np.maximum(spread / n - (mean / n) ** 2, 0.0)
    low = mean - z * z / (2 * n) - z * np.sqrt(spread / n + (z / (2 * n)) ** 2)
    if level > _LEAST_FAVOURABLE_LEVEL:
        low = low - continuity(level) / n
    return np.asarray(np.maximum(low.mean(axis=1), 0.0), dtype=np.float64)


def _signed_sums(residual: FloatArray, square: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Sums of w r and of its square, (members, orders), of (members, orders, blocks in their order, bins)."""
    past = np.cumsum(residual, axis=2) - residual
    past_square = np.maximum(np.cumsum(square, axis=2) - square, 0.0)
    weight = np.clip(past / np.sqrt(past_square + 0.25), -1.0, 1.0)
    return np.einsum("mojb,mojb->mo", weight, residual), np.einsum("mojb,mojb->mo", weight * weight, square)
