"""Bounds for a mean by betting: exact at every sample size, whatever the law of the values.

A gambler starts with wealth 1 and stakes a share of it on every row: against the hypothesis "the mean is at most
``m``" row ``i`` multiplies the wealth by ``1 + rate_i * (x_i - m)``. Under the hypothesis the wealth cannot be expected
to grow, so that it ever reaches ``1 / level`` with probability at most ``level`` (Ville's inequality).

The rate of row ``i`` depends on earlier rows only: ``min(sqrt(2 ln(1/level) / (n v)), 0.75 / m)`` with ``v`` the
variance of the earlier rows, started from one imagined row. Every factor, and so the wealth, falls as ``m`` grows:
where the rate is free of ``m`` this is plain; at the cap the factor is ``0.25 + 0.75 x / m``; and with a variance that
starts from ``m**2 / 4`` (unbounded losses) the derivative of ``rate * (x - m)`` is negative on both sides of ``x``. The
excluded means are therefore one interval, and its end can be found by bracketing.

Rows are bet on in one permutation with a fixed seed: a file sorted by loss would otherwise break every such bound.
Values that are all 0 or 1 have a tighter exact bound (Clopper-Pearson); the caller chooses it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pytest_mlspec.stats.bounds import BoolArray, Bounds, FloatArray, Method, Side

BETTING = Method(
    name="betting",
    bound_class="exact",
    source="Waudby-Smith & Ramdas 2024, JRSS B 86(1), section 4 (predictable plug-in bets, one side)",
    domain="independent cases, values in a declared range",
)
BETTING_UNBOUNDED = Method(
    name="betting, losses without a bound",
    bound_class="exact",
    source="Waudby-Smith & Ramdas 2024, JRSS B 86(1), section 4, with stakes up to 0.75 / mean",
    domain="independent cases, losses >= 0; no upper bound exists (Bahadur & Savage 1956)",
)

ROW_ORDER_SEED = 20240
STAKE_CAP = 0.75
TOLERANCE = 2e-7
MAX_STEPS = 90  # every third step halves the bracket
BLOCK_SIZE = 1 << 16  # rows bet on at once: the buffers of one evaluation stay in the processor's cache

LogWealth = Callable[[FloatArray], FloatArray]


def mean_bounds(values: npt.ArrayLike, level: float, need: Side = "both") -> Bounds:
    """Bound the mean of every member's values from below and from above, exactly, by betting.

    Args:
        values: (members, examples) or (examples,), each in [0, 1].
        level: one-sided error of each end, in (0, 1).
        need: the end that is needed; the other one is left at 0 or 1.

    Returns:
        Bounds of shape (members,), in the unit of the values; within 2e-7 of the exact end, on the safe side.

    Raises:
        ValueError: on a value that is NaN or outside [0, 1].

    Source:
        Waudby-Smith & Ramdas 2024, section 4: rate = min(sqrt(2 ln(1/level) / (n v_{i-1})), 0.75 / m), where
        v_i = (1/4 + sum_{j<=i} (x_j - mu_j)^2) / (i + 1) and mu_j = (1/2 + sum of the first j) / (j + 1).
    """
    rows = _checked(values, level, high=1.0)
    low, high = np.zeros(len(rows)), np.ones(len(rows))
    if need != "high":
        low = _each_block(rows, lambda block: _bounded_low(block, level))
    if need != "low":
        high = 1.0 - _each_block(rows, lambda block: _bounded_low(1.0 - block, level))
    return Bounds(low=low, high=high, method=BETTING)


def difference_bounds(first: npt.ArrayLike, second: npt.ArrayLike, width: float, level: float) -> Bounds:
    """Bound the mean of ``first - second``, two losses in [0, ``width``] of the same cases.

    Args:
        first, second: (members, examples) or (examples,), row i of both belongs to the same case.
        width: the largest loss that a case can have; differences lie in [-width, width].
        level: one-sided error of each end, in (0, 1).

    Returns:
        Bounds of shape (members,), in the unit of the losses.

    Raises:
        ValueError: on a loss outside [0, width] or on unequal shapes.
    """
    if not (np.isfinite(width) and width > 0):
        raise ValueError(f"width must be a positive number: the largest loss of one case; got width={width!r}")
    rows = [_checked(side, level, high=float(width)) for side in (first, second)]
    if rows[0].shape[1] != rows[1].shape[1]:
        raise ValueError(
            f"paired losses need the same cases on both sides; got {rows[0].shape[1]} and {rows[1].shape[1]} cases"
        )
    scaled = mean_bounds((rows[0] - rows[1] + width) / (2.0 * width), level)
    return Bounds(low=width * (2.0 * scaled.low - 1.0), high=width * (2.0 * scaled.high - 1.0), method=BETTING)


def exceeds(losses: npt.ArrayLike, threshold: npt.ArrayLike, level: float) -> BoolArray:
    """Tell for every member whether its mean loss is proven to lie above the threshold.

    Args:
        losses: (members, examples) or (examples,), each >= 0, without an upper limit.
        threshold: scalar or (members,), in the unit of the losses.
        level: probability of a wrong ``True``, in (0, 1).

    Returns:
        (members,) booleans.

    Raises:
        ValueError: on a loss that is negative, NaN or infinite.

    Source:
        Waudby-Smith & Ramdas 2024: wealth of 1 + rate_i (x_i - threshold), its maximum over rows against 1 / level.
    """
    rows = _checked(losses, level, high=np.inf)
    limits = np.broadcast_to(np.asarray(threshold, dtype=np.float64), rows.shape[:1])
    if np.isnan(limits).any():
        raise ValueError(f"threshold must be a number; got threshold={threshold!r}")
    proven = np.where(limits < 0, True, rows.any(axis=1))  # a loss >= 0 exceeds 0 as soon as one case does
    order = _row_order(rows.shape[1])
    for member in np.flatnonzero((limits > 0) & (rows.max(axis=1) > limits)):
        wealth = _unbounded_wealth(rows[member : member + 1, order] / limits[member], level)
        proven[member] = wealth(np.ones(1))[0] >= 0.0
    return np.where((limits > 0) & (rows.max(axis=1) <= limits), False, proven)


def lower_bound_unbounded(losses: npt.ArrayLike, level: float) -> Bounds:
    """Bound the mean of losses >= 0 from below; from above nothing can be said without a largest loss.

    Args:
        losses: (members, examples) or (examples,), each >= 0.
        level: one-sided error of the lower end, in (0, 1).

    Returns:
        Bounds of shape (members,): ``low`` is the largest threshold that ``exceeds`` proves, ``high`` is infinite.

    Raises:
        ValueError: on a loss that is negative, NaN or infinite.
    """
    rows = _checked(losses, level, high=np.inf)
    scale = rows.mean(axis=1)
    safe = np.where(scale > 0, scale, 1.0)[:, None]
    low = scale * _each_block(rows / safe, lambda block: _unbounded_low(block, level))
    return Bounds(
        low=low,
        high=np.full_like(low, np.inf),
        method=BETTING_UNBOUNDED,
        reason="a mean loss without a declared largest loss has no upper bound: declare max_loss",
    )


def _checked(values: npt.ArrayLike, level: float, *, high: float) -> FloatArray:
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is the one-sided error of a bound, between 0 and 1; got level={level!r}")
    rows = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError(f"values must have shape (members, examples) with at least one example; got {rows.shape}")
    lowest, highest = float(rows.min(initial=np.inf)), float(rows.max(initial=-np.inf))
    if not (lowest >= 0.0 and highest <= high and np.isfinite(highest)):  # NaN fails the first comparison
        raise ValueError(
            f"every value must be a finite number in [0, {high:g}]; got values in [{lowest!r}, {highest!r}]: "
            "scale by the declared largest loss, or declare a larger one"
        )
    return rows


def _row_order(n_examples: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(ROW_ORDER_SEED).permutation(n_examples)


def _each_block(rows: FloatArray, bound: Callable[[FloatArray], FloatArray]) -> FloatArray:
    order = _row_order(rows.shape[1])
    step = max(1, BLOCK_SIZE // rows.shape[1])
    return np.concatenate([bound(rows[start : start + step][:, order]) for start in range(0, len(rows), step)])


def _past_squares(rows: FloatArray, prior_mean: float, prior_rows: int) -> FloatArray:
    """Sum before each row of the squared distances of earlier rows from the running mean of their time."""
    seen = np.arange(1 + prior_rows, rows.shape[1] + 1 + prior_rows)
    means = (prior_mean * prior_rows + np.cumsum(rows, axis=1)) / seen
    squares = np.zeros_like(rows)
    np.cumsum(np.square(rows - means)[:, :-1], axis=1, out=squares[:, 1:])
    return squares


def _bounded_low(rows: FloatArray, level: float) -> FloatArray:
    n_examples = rows.shape[1]
    variance_sums = 0.25 + _past_squares(rows, prior_mean=0.5, prior_rows=1)
    rates = np.sqrt(2.0 * np.log(1.0 / level) * np.arange(1, n_examples + 1) / (n_examples * variance_sums))
    buffer = np.empty_like(rows)

    def wealth(means: FloatArray) -> FloatArray:
        np.minimum(rates, (STAKE_CAP / means)[:, None], out=buffer)
        gained: FloatArray = _best_log_wealth(rows, means, buffer) - np.log(1.0 / level)
        return gained

    spread = np.sqrt(2.0 * np.log(1.0 / level) * variance_sums[:, -1]) / n_examples
    return _largest_excluded(wealth, rows, start=rows.mean(axis=1) - 1.5 * spread)


def _unbounded_wealth(rows: FloatArray, level: float) -> LogWealth:
    n_examples = rows.shape[1]
    squares = _past_squares(rows, prior_mean=0.0, prior_rows=0)
    odds = 2.0 * np.log(1.0 / level) * np.arange(1, n_examples + 1) / n_examples
    buffer = np.empty_like(rows)

    def wealth(means: FloatArray) -> FloatArray:
        np.add(squares, (0.25 * np.square(means))[:, None], out=buffer)
        np.sqrt(np.divide(odds, buffer, out=buffer), out=buffer)
        np.minimum(buffer, (STAKE_CAP / means)[:, None], out=buffer)
        gained: FloatArray = _best_log_wealth(rows, means, buffer) - np.log(1.0 / level)
        return gained

    return wealth


def _unbounded_low(rows: FloatArray, level: float) -> FloatArray:
    start = 1.0 - 1.5 * np.sqrt(2.0 * np.log(1.0 / level) * rows.var(axis=1) / rows.shape[1])
    return _largest_excluded(_unbounded_wealth(rows, level), rows, start=start)


def _best_log_wealth(rows: FloatArray, means: FloatArray, rates: FloatArray) -> FloatArray:
    """Largest log wealth over time; ``rates`` is overwritten."""
    gains = rows - means[:, None]
    gains *= rates
    gains += 1.0
    np.log(gains, out=gains)
    best: FloatArray = np.cumsum(gains, axis=1, out=rates).max(axis=1)
    return best


def _largest_excluded(wealth: LogWealth, rows: FloatArray, start: FloatArray) -> FloatArray:
    """Largest mean at which ``wealth >= 0``, by bracketing; 0 where no mean above TOLERANCE is excluded."""
    low = np.where(start > TOLERANCE, start, TOLERANCE)
    at_low = wealth(low)
    low = np.where(at_low >= 0, low, TOLERANCE)
    at_low = np.where(at_low >= 0, at_low, wealth(low))
    high = np.maximum(rows.mean(axis=1), 2 * TOLERANCE)
    at_high = wealth(high)
    high = np.where(at_high < 0, high, np.maximum(rows.max(axis=1), 2 * TOLERANCE))  # nothing gains at the maximum
    at_high = np.where(at_high < 0, at_high, wealth(high))
    found = at_low >= 0
    for step in range(MAX_STEPS):
        open_ends = found & (high - low > TOLERANCE)
        if not open_ends.any():
            break
        trial = np.where(open_ends, _next_point(step, low, high, at_low, at_high), low)
        at_trial = wealth(trial)
        keeps = open_ends & (at_trial >= 0)
        falls = open_ends & (at_trial < 0)
        low, at_low = np.where(keeps, trial, low), np.where(keeps, at_trial, at_low)
        high, at_high = np.where(falls, trial, high), np.where(falls, at_trial, at_high)
    return np.where(found, low, 0.0)


def _next_point(step: int, low: FloatArray, high: FloatArray, at_low: FloatArray, at_high: FloatArray) -> FloatArray:
    """In turn a secant step, one of double length from the nearer end (Alefeld, Potra & Shi 1995), and the middle."""
    middle = 0.5 * (low + high)
    slope = (at_high - at_low) / np.maximum(high - low, 1e-300)
    slope = np.where(slope < 0, slope, -1e-300)
    if step % 3 == 2:
        return middle
    if step % 3 == 0:
        trial = low - at_low / slope
    else:
        low_is_nearer = np.abs(at_low) <= np.abs(at_high)
        trial = np.where(low_is_nearer, low - 2.0 * at_low / slope, high - 2.0 * at_high / slope)
    return np.where((trial > low) & (trial < high), trial, middle)
