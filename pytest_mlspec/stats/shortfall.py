"""How much worse each member is than the mean of all members on the same cases.

Equal members err on much the same cases, and what they have in common cancels: the bound is about the cases on which
they disagree. ``shortfall_k = mean of all members - member k`` for a metric that should be large, and the other way
round for one that should be small; a positive value is worse.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from pytest_mlspec.stats import betting, sums
from pytest_mlspec.stats.bounds import Bounds, FloatArray, Method

SHORTFALL = Method(
    name="paired normal arm with a Wilson-type term",
    bound_class="asymptotic",
    source="normal approximation of the mean paired difference; Wilson 1927 for rare disagreements",
    domain="independent cases, values in a declared range, level >= 0.0005 (betting below)",
)
SHORTFALL_JACKKNIFE = Method(
    name="paired normal arm with a Wilson-type term, jackknife rows",
    bound_class="approximate",
    source="Efron 1982 (jackknife); normal approximation with a Wilson-type term; simulated for F1, RMSE, AUROC",
    domain="independent cases, at least 20 cases that move the metric, level >= 0.0005",
)
LOWEST_LEVEL = 0.0005  # the validity suite covers the normal arm down to here
NO_DIFFERENCE = "the members do not differ on any case: more cases are needed to see how far they could"


def case_shortfalls(rows: npt.ArrayLike, *, greater_is_better: bool = True) -> FloatArray:
    """How much worse each member does on each case than the members do on average.

    Args:
        rows: (members, examples), the value of each case under each member.
        greater_is_better: whether a larger value is the better one.

    Returns:
        (members, examples), in the unit of the rows; each column sums to 0.

    Raises:
        ValueError: on a wrong shape and on values that are not finite.

    Example:
        >>> case_shortfalls([[1, 1, 0], [1, 0, 0]]).tolist()
        [[0.0, -0.5, 0.0], [0.0, 0.5, 0.0]]
    """
    table = np.atleast_2d(np.asarray(rows, np.float64))
    if table.ndim != 2 or table.shape[1] == 0:
        raise ValueError(f"rows must have shape (members, examples) with at least one example; got {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError("rows must be finite: drop or mend the cases whose value is NaN or infinite")
    behind = table.mean(axis=0) - table
    return behind if greater_is_better else -behind


def shortfall_bounds(
    rows: npt.ArrayLike, level: float, width: float = 1.0, *, greater_is_better: bool = True
) -> Bounds:
    """Bound how much worse each member's mean value is than the mean of all members.

    Args:
        rows: (members, examples), the value of each case under each member (hits as 0/1, losses).
        level: one-sided error of each end.
        width: the range of one case's values: 1 for a rate, the largest loss for a loss.
        greater_is_better: whether a larger value is the better one.

    Returns:
        Bounds of shape (members,), in the unit of the rows. Below level 0.0005 they are those of betting.

    Raises:
        ValueError: on one case whose values differ by more than ``width``, on values that are not finite.

    Source:
        mean d_k -+ sums.arm with d_ki the shortfall of case i, (d_ki - mean d_k) / sqrt(n (n-1)) as what it moved, and
        R = (width (K-1) / K + |mean d_k|) / n. Below level 0.0005 Waudby-Smith & Ramdas 2024 (betting).
    """
    behind = case_shortfalls(rows, greater_is_better=greater_is_better)
    _check(level, width)
    n_members, n_examples = behind.shape
    if (why := _why_undecided(n_members, n_examples)) is not None:
        return _open(n_members, SHORTFALL, why)
    largest = width * (n_members - 1) / n_members
    seen = float(np.abs(behind).max())
    if seen > largest * (1 + 1e-9):
        raise ValueError(
            f"a case lies {seen:g} from the mean of the members, more than values with width={width:g} allow"
        )
    if level < LOWEST_LEVEL - 1e-12:
        return _by_betting(behind, largest, level)
    return _by_normal(behind, largest, level, SHORTFALL)


def jackknife_bounds(
    rows: npt.ArrayLike, level: float, width: float | None = None, *, greater_is_better: bool = True
) -> Bounds:
    """Bound how much worse each member's metric is than the mean of all, from jackknife rows of the metric.

    Args:
        rows: (members, cases) whose member means are the metric.
        level: one-sided error of each end; below 0.0005 nothing is claimed.
        width: the range of one case's values where it is known; otherwise the largest shortfall seen stands for it, and
            members that do not differ on any case leave the bounds open.
        greater_is_better: whether a larger value is the better one.

    Returns:
        Bounds of shape (members,), in the unit of the metric, class *approximate*.

    Raises:
        ValueError: on values that are not finite.

    Source:
        As ``shortfall_bounds``, with R from the largest ``|d_ki - mean d_k|`` of any member where no width is known.
    """
    behind = case_shortfalls(rows, greater_is_better=greater_is_better)
    _check(level, 1.0 if width is None else width)
    n_members, n_cases = behind.shape
    if (why := _why_undecided(n_members, n_cases)) is not None:
        return _open(n_members, SHORTFALL_JACKKNIFE, why)
    if level < LOWEST_LEVEL - 1e-12:
        why = f"bounds on jackknife rows are checked down to level {LOWEST_LEVEL:g}, asked for {level:.2g}"
        return _open(n_members, SHORTFALL_JACKKNIFE, why)
    scale = float(np.abs(np.asarray(rows, np.float64)).max())
    seen = float(np.abs(behind - behind.mean(axis=1, keepdims=True)).max())
    if width is None and seen <= 1e-12 * max(scale, 1e-300):
        return _open(n_members, SHORTFALL_JACKKNIFE, NO_DIFFERENCE)
    largest = seen if width is None else max(seen, width * (n_members - 1) / n_members)
    return _by_normal(behind, largest, level, SHORTFALL_JACKKNIFE)


def smallest_provable(n_members: int, n_examples: int, level: float, width: float = 1.0) -> float:
    """The smallest margin that members which never disagree could prove on so many cases.

    Args:
        n_members: members, at least 2.
        n_examples: cases.
        level: one-sided error of the bound.
        width: the range of one case's values.

    Returns:
        The upper bound of each shortfall, in the unit of the metric; infinite with fewer than 2 members or cases.
    """
    if n_members < 2 or n_examples < 2:
        return np.inf
    largest = width * (n_members - 1) / n_members
    agreeing = np.zeros((1, n_examples))  # one member stands for all: they fall behind by nothing on every case
    if level < LOWEST_LEVEL - 1e-12:
        return float(_by_betting(agreeing, largest, level).high[0])
    return float(_by_normal(agreeing, largest, level, SHORTFALL).high[0])


def _by_normal(behind: FloatArray, largest: float, level: float, method: Method) -> Bounds:
    n_cases = behind.shape[1]
    means = behind.mean(axis=1)
    moved = (behind - means[:, None]) / np.sqrt(n_cases * (n_cases - 1.0))
    radius = (largest + np.abs(means)) / n_cases
    reach = sums.arm(moved, radius, float(special.stdtrit(n_cases - 1.0, 1.0 - level)), level)
    return Bounds(low=means - reach, high=means + reach, method=method)


def _by_betting(behind: FloatArray, largest: float, level: float) -> Bounds:
    shares = np.clip((behind / largest + 1.0) / 2.0, 0.0, 1.0)
    bounds = betting.mean_bounds(shares, level)
    return Bounds(
        low=largest * (2.0 * bounds.low - 1.0), high=largest * (2.0 * bounds.high - 1.0), method=betting.BETTING
    )


def _why_undecided(n_members: int, n_examples: int) -> str | None:
    if n_members < 2:
        return f"needs at least 2 members to be compared, got {n_members}"
    if n_examples < 2:
        return f"needs at least 2 examples, got {n_examples}"
    return None


def _open(n_members: int, method: Method, reason: str) -> Bounds:
    unknown = np.full(n_members, np.inf)
    return Bounds(low=-unknown, high=unknown, method=method, reason=reason)


def _check(level: float, width: float) -> None:
    if not 0.0 < level < 0.5:
        raise ValueError(f"level is the one-sided error of a bound, between 0 and 0.5; got level={level!r}")
    if not (np.isfinite(width) and width > 0):
        raise ValueError(f"width must be a positive number: the range of one case's values; got width={width!r}")
