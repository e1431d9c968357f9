"""Bounds for the binned ECE that hold at every sample size and level, by betting against the requirement."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pytest_mlspec.stats.bounds import FloatArray, Method
from pytest_mlspec.stats.calibration_table import Bins, Hits, Scores, bin_index, checked_rows

BETTING_ECE = Method(
    name="ECE by betting",
    bound_class="exact",
    source="Waudby-Smith & Ramdas (2024), wealth minimised over sign vectors; prequential signs below",
    domain="independent cases",
)
_SEED = 90_017
_CAP = 0.75  # share of the wealth that one row may cost
_STEPS = 34  # halvings of [0, 1]: 6e-11


def betting_upper(confidence: Scores, hit: Hits, bins: Bins, level: float, *, edges_fixed: bool = True) -> FloatArray:
    """The smallest limit t that the data meet: at every limit from it on the worst sign vector's wealth is 1/level.

    ECE = max over sign vectors s of E[s r]. If ECE >= t, betting lambda_i on t - s r_i is a losing game for the true
    s, so the smallest wealth over s reaches 1/level with probability at most ``level``. Rows come in a fixed random
    order, lambda_i = min(sqrt(2 ln(1/level) / (n v_i)), 0.75 / (1 - t)), v_i from earlier rows. Where the edges came
    from the rows, v is the mean of p (1 - p): one lambda for all rows keeps the wealth valid given the confidences
    (geometric against arithmetic mean).

    Args: as ``ece_bounds``. Returns: (members,), in [0, 1].
    """
    scores, hits = checked_rows(confidence, hit)
    high = np.empty(len(scores))
    for member, (residual, index, score) in enumerate(_rows(scores, hits, bins)):
        by_bin = np.argsort(index, kind="stable")
        n = len(residual)
        if edges_fixed:
            variance = _past_variance(residual)
        else:
            variance = np.full(n, float(np.mean(score * (1.0 - score))) + 0.25 / n)
        stake = np.sqrt(2.0 * np.log(1.0 / level) / (n * variance))[by_bin]
        starts = np.unique(index[by_bin], return_index=True)[1]
        high[member] = _solve(_upper_wealth(residual[by_bin], stake, starts), -np.log(level), rising=True)
    return high


def betting_lower(confidence: Scores, hit: Hits, bins: Bins, level: float) -> FloatArray:
    """The largest limit that the data violate: the wealth of betting on w r - t reached 1/level at some row.

    The weight w of a row comes from the earlier rows of its bin (see ``prequential_lower``), so E[w r | past] <= ECE.

    Args: as ``ece_bounds``. Returns: (members,), in [0, 1].
    """
    scores, hits = checked_rows(confidence, hit)
    low = np.empty(len(scores))
    for member, (residual, index, _) in enumerate(_rows(scores, hits, bins)):
        gain = _row_signs(residual, index) * residual
        stake = np.sqrt(2.0 * np.log(1.0 / level) / (len(gain) * _past_variance(gain)))
        low[member] = _solve(_lower_wealth(gain, stake), -np.log(level), rising=False)
    return low


def _rows(
    scores: Scores, hits: npt.NDArray[np.uint8], bins: Bins
) -> list[tuple[FloatArray, npt.NDArray[np.intp], FloatArray]]:
    order = np.random.default_rng(_SEED).permutation(scores.shape[1])
    index = bin_index(scores, bins)[:, order]
    score = scores[:, order].astype(np.float64)
    return list(zip(hits[:, order] - score, index, score, strict=True))


def _past_variance(values: FloatArray) -> FloatArray:
    """(1/4 + sum of earlier squares) / i for the i-th row, i from 1."""
    squares = values * values
    return (0.25 + np.maximum(np.cumsum(squares) - squares, 0.0)) / np.arange(1, len(values) + 1)


def _row_signs(residual: FloatArray, index: npt.NDArray[np.intp]) -> FloatArray:
    by_bin = np.argsort(index, kind="stable")
    ordered = residual[by_bin]
    first = np.searchsorted(index[by_bin], index[by_bin], side="left")
    sums = np.concatenate(([0.0], np.cumsum(ordered)))
    squares = np.concatenate(([0.0], np.cumsum(ordered * ordered)))
    past, past_square = sums[:-1] - sums[first], squares[:-1] - squares[first]
    signs = np.empty_like(residual)
    signs[by_bin] = np.clip(past / np.sqrt(np.maximum(past_square, 0.0) + 0.25), -1.0, 1.0)
    return signs


def _upper_wealth(residual: FloatArray, stake: FloatArray, starts: npt.NDArray[np.intp]) -> Callable[[float], float]:
    def wealth(limit: float) -> float:
        bet = np.minimum(stake, _CAP / max(1.0 - limit, 1e-12))
        plus = np.add.reduceat(np.log1p(bet * (limit - residual)), starts)
        minus = np.add.reduceat(np.log1p(bet * (limit + residual)), starts)
        return float(np.minimum(plus, minus).sum())

    return wealth


def _lower_wealth(gain: FloatArray, stake: FloatArray) -> Callable[[float], float]:
    def wealth(limit: float) -> float:
        bet = np.minimum(stake, _CAP / (1.0 + limit))
        return float(np.cumsum(np.log1p(bet * (gain - limit))).max())

    return wealth


def _solve(wealth: Callable[[float], float], target: float, *, rising: bool) -> float:
    """Where the log wealth crosses the target; both sides are monotone in the limit, the safe end is returned."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if (wealth(middle) >= target) == rising:
            high = middle
        else:
            low = middle
    return high if rising else low
