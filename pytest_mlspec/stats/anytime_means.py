"""Bounds of a mean that may be looked at after every case: valid at all sample sizes at once, whatever stops the data.

Against "the mean is at most ``m``" a gambler divides a wealth of 1 over some shares c in (0, 1) and stakes each of
them on every case: with share c one case multiplies its part by ``1 + c (x / m - 1)``. Values of at least 0 keep every
factor positive, and where the mean is at most ``m`` none can be expected to exceed 1, so that all parts together ever
reach ``1 / level`` with probability at most ``level`` (Ville's inequality).

The shares are fixed before the first case. So the wealth depends on neither the number of cases to come nor the order
of those seen, and it falls as ``m`` grows: the means that it excludes are one interval. Small shares are right for many
cases near the limit, large ones for few cases far from it; dividing the wealth costs a factor of their number at most.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import optimize

from pytest_mlspec.stats.bounds import Bounds, FloatArray, Method

ANYTIME_MEAN = Method(
    name="anytime-valid mean",
    bound_class="exact",
    source="Ville 1939; Waudby-Smith & Ramdas 2024, JRSS B 86(1), section 4 (hedged capital), with constant stakes",
    domain="independent cases, values in a declared range, any stopping rule",
)
ANYTIME_UNBOUNDED = Method(
    name="anytime-valid mean, losses without a bound",
    bound_class="exact",
    source="Ville 1939; Waudby-Smith & Ramdas 2024, JRSS B 86(1), section 4, with constant stakes",
    domain="independent cases, losses >= 0, any stopping rule; no upper bound exists (Bahadur & Savage 1956)",
)

SHARES = 0.9 * 2.0 ** -np.arange(16)
"""What is staked: from 0.9, that a case of value 0 may not ruin, to 3e-5, which suits some millions of cases."""
NEAREST = 1e-9  # shares of the mean: a bound below this one is 0
TOLERANCE = 1e-10


def mean_bounds(values: npt.ArrayLike, level: float) -> Bounds:
    """Bound the mean of every member's values from below and from above, however the number of cases came about.

    Args:
        values: (members, examples) or (examples,), each in [0, 1].
        level: one-sided error of each end over all sample sizes together.

    Returns:
        (members,) bounds in the unit of the values: with probability ``1 - level`` ``low`` exceeds the mean at no
        sample size, and the same holds for ``high``. Without cases they are 0 and 1.

    Raises:
        ValueError: a value that is NaN or outside [0, 1], or a level outside (0, 1).

    Source:
        Ville 1939: inverts log of the mean over c of prod_i (1 + c (x_i / m - 1)) at log(1 / level); the upper bound
        is that of 1 - x.

    Example:
        >>> bounds = mean_bounds([0.25, 0.75] * 500, 0.05)
        >>> bool(0.45 < bounds.low[0] < 0.5 < bounds.high[0] < 0.55)
        True
    """
    rows = _checked(values, level, highest=1.0)
    return Bounds(low=_low(rows, level), high=1.0 - _low(1.0 - rows, level), method=ANYTIME_MEAN)


def lower_bound_unbounded(losses: npt.ArrayLike, level: float) -> Bounds:
    """Bound the mean of losses >= 0 from below at all sample sizes at once; from above nothing can be said.

    Args:
        losses: (members, examples) or (examples,), each >= 0.
        level: one-sided error over all sample sizes together.

    Returns:
        (members,) bounds with ``high`` infinite.

    Raises:
        ValueError: a loss that is negative, NaN or infinite, or a level outside (0, 1).
    """
    rows = _checked(losses, level, highest=np.inf)
    low = _low(rows, level)
    return Bounds(low=low, high=np.full_like(low, np.inf), method=ANYTIME_UNBOUNDED)


def _checked(values: npt.ArrayLike, level: float, *, highest: float) -> FloatArray:
    if not 0.0 < level < 1.0:
        raise ValueError(f"expected a one-sided error level in (0, 1), got level={level!r}")
    rows = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if rows.ndim != 2:
        raise ValueError(f"values must have shape (members, examples); got {rows.shape}")
    if rows.size and not (rows.min() >= 0.0 and rows.max() <= highest and np.isfinite(rows).all()):
        raise ValueError(
            f"every value must be a finite number in [0, {highest:g}]; got values in [{rows.min()!r}, {rows.max()!r}]"
        )
    return rows


def _low(rows: FloatArray, level: float) -> FloatArray:
    """(members,) the largest mean that is excluded; 0 where there is none."""
    if not rows.shape[1]:
        return np.zeros(len(rows))
    return np.array([_low_of(row, level) for row in rows])


def _low_of(row: FloatArray, level: float) -> float:
    values, counts = np.unique(row, return_counts=True)  # scores and losses repeat: fewer factors, the same product
    mean, wanted = float(row.mean()), -float(np.log(level))

    def missing(share: float) -> float:
        return _log_wealth(values, counts, share * mean) - wanted

    # At the mean itself no share gains: the logarithm is concave. Far below it a case above 0 makes any wealth.
    if mean <= 0.0 or missing(NEAREST) < 0.0:
        return 0.0
    found = optimize.brentq(missing, NEAREST, 1.0, xtol=TOLERANCE, rtol=TOLERANCE)
    return mean * max(float(found) - 4.0 * TOLERANCE, 0.0)  # on the safe side


def _log_wealth(values: FloatArray, counts: npt.NDArray[np.int64], mean: float) -> float:
    gains = values / mean - 1.0
    logs = np.array([np.log1p(share * gains) @ counts for share in SHARES])
    largest = float(logs.max())
    return largest + float(np.log(np.exp(logs - largest).mean()))
