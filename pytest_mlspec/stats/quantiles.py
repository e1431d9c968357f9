"""Quantiles of a loss: bounds by order statistics, exact for every distribution."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pytest_mlspec.stats import binomial
from pytest_mlspec.stats.bounds import Bounds, FloatArray, Method

ORDER_STATISTICS = Method(
    name="order statistics",
    bound_class="exact",
    source="Hahn & Meeker 1991, Statistical Intervals, sec. 5.2",
    domain="independent cases, any distribution, ties included",
)


def quantile(values: npt.ArrayLike, share: float) -> FloatArray:
    """The sample quantile: the smallest value that at least ``share`` of the cases do not exceed.

    Args:
        values: (members, examples) or (examples,), finite.
        share: a fraction in (0, 1).

    Returns:
        (members,) or a scalar array, in the unit of the values; NaN without cases.

    Raises:
        ValueError: values that are not finite, or a share outside (0, 1).

    Source:
        Hyndman & Fan 1996, definition 1 (NumPy's ``inverted_cdf``).
    """
    losses = _checked(values, share)
    if losses.shape[-1] == 0:
        return np.full(losses.shape[:-1], np.nan)
    return np.asarray(np.quantile(losses, share, axis=-1, method="inverted_cdf"), dtype=np.float64)


def quantile_bounds(values: npt.ArrayLike, share: float, level: float) -> Bounds:
    """One-sided bounds for the quantile of the distribution that the values were drawn from.

    Fewer than ``share`` of the population lie below the quantile, so that the number of cases below it is at most
    binomial: the bounds are the order statistics where that number becomes too improbable.

    Args:
        values: (members, examples) or (examples,), finite.
        share: which quantile, a fraction in (0, 1): 0.99 asks for the loss that 99 % of the cases do not exceed.
        level: one-sided error level in (0, 1), for each side.

    Returns:
        Bounds per member, in the unit of the values; infinite with a reason where there are too few cases.

    Raises:
        ValueError: values that are not finite, or a share or level outside (0, 1).

    Source:
        Hahn & Meeker 1991, sec. 5.2.
    """
    losses = _checked(values, share)
    n = losses.shape[-1]
    # high: P(at least `above` cases below the quantile) <= level. low: P(at most `below - 1` cases up to it) <= level.
    above = binomial.smallest_count(n, share, level)
    below = n - binomial.smallest_count(n, 1.0 - share, level) + 1
    ranks = [rank - 1 for rank in (below, above) if 1 <= rank <= n]
    ordered = np.partition(losses, ranks, axis=-1) if ranks else losses
    low = ordered[..., below - 1] if below >= 1 else np.full(losses.shape[:-1], -np.inf)
    high = ordered[..., above - 1] if above <= n else np.full(losses.shape[:-1], np.inf)
    reason = ""
    if above > n:
        needed = binomial.trials_without_failure(1.0 - share, level)
        reason = f"an upper bound of the {share:g} quantile needs at least {needed} cases, there are {n}"
    return Bounds(low=np.asarray(low), high=np.asarray(high), method=ORDER_STATISTICS, reason=reason)


def _checked(values: npt.ArrayLike, share: float) -> FloatArray:
    if not 0.0 < share < 1.0:
        raise ValueError(f"expected a quantile between 0 and 1, got share={share}")
    losses = np.asarray(values, dtype=np.float64)
    if not np.isfinite(losses).all():
        raise ValueError(f"expected finite values, got {int((~np.isfinite(losses)).sum())} that are NaN or infinite")
    return losses
