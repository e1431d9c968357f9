"""Slope over a numeric column of a value that every case has: how a change grows along it, with bounds.

``b = sum_i w_i d_i`` with ``w_i = (x_i - mean x) / sum_j (x_j - mean x)^2`` is the least-squares slope. Three things
break the textbook interval, and each has its answer here: unequal variances (HC3: residuals over ``1 - h_i``), a few
cases far out that carry most of the slope (Student's t with the effective number of cases ``(sum w^2)^2 / sum w^4``),
and changes so rare that none was seen (a term in the largest weight, as in Wilson's interval for a rate).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from pytest_mlspec.stats import sums
from pytest_mlspec.stats.bounds import Bounds, FloatArray, Method

SLOPE = Method(
    name="least-squares slope, HC3 with a Wilson-type term",
    bound_class="asymptotic",
    source="MacKinnon & White 1985, J. Econometrics 29:305 (HC3); effective degrees after Satterthwaite 1946",
    domain="independent cases, changes in a declared range, at least 5 cases that carry the slope, level >= 0.0005",
)
LOWEST_LEVEL = 0.0005  # the validity suite covers the bounds of this module down to here
FEWEST = 5


def slopes(rows: npt.ArrayLike, x: npt.ArrayLike) -> FloatArray:
    """The least-squares slope of every row over a column.

    Args:
        rows: (members, examples) or (examples,), the value of each case.
        x: (examples,) the column.

    Returns:
        (members,) slopes, in units of the values per unit of the column; NaN where the column is constant.

    Raises:
        ValueError: on values that are not finite and on unequal lengths.

    Example:
        >>> slopes([[0.0, 0.5, 1.0]], [1, 2, 3]).tolist()
        [0.5]
    """
    table, column = _checked(rows, x)
    weights = _weights(column)
    return np.full(len(table), np.nan) if weights is None else table @ weights


def slope_bounds(rows: npt.ArrayLike, x: npt.ArrayLike, level: float, largest: float = 1.0) -> Bounds:
    """Bound the slope of a bounded change over a column from below and from above.

    Args:
        rows: (members, examples) or (examples,), the change of each case, in [-largest, largest].
        x: (examples,) the column; many cases may share a value.
        level: one-sided error of each end; below 0.0005 nothing is claimed.
        largest: the largest absolute change that one case can have.

    Returns:
        Bounds of shape (members,), in units of the change per unit of the column; open with a reason where the column
        is constant or fewer than 5 cases carry the slope.

    Raises:
        ValueError: on values that are not finite or beyond ``largest``, on unequal lengths, on an impossible level.

    Source:
        b -+ sums.arm(u, R, t, level) with u_i = w_i residual_i / (1 - h_i), h_i = 1/n + (x_i - mean)^2 /
        sum (x - mean)^2 (HC3: the variance is sum u_i^2), t the Student quantile with (sum w^2)^2 / sum w^4 - 1 degrees
        and R = max_i |w_i| (largest + |fitted_i|).
    """
    table, column = _checked(rows, x)
    if not 0.0 < level < 0.5:
        raise ValueError(f"level is the one-sided error of a bound, between 0 and 0.5; got level={level!r}")
    if not (np.isfinite(largest) and largest > 0):
        raise ValueError(f"largest must be a positive number: the largest change of one case; got largest={largest!r}")
    beyond = float(np.abs(table).max())
    if beyond > largest * (1 + 1e-9):
        raise ValueError(f"a change of {beyond:g} was seen, more than largest={largest:g}: declare what it can be")
    weights = _weights(column)
    reason = _why_undecided(weights, level)
    if weights is None or reason:
        return _open(len(table), reason)
    slope = table @ weights
    arm = _arm(table, column - column.mean(), weights, slope, level, largest)
    return Bounds(low=slope - arm, high=slope + arm, method=SLOPE)


def _arm(
    table: FloatArray, centred: FloatArray, weights: FloatArray, slope: FloatArray, level: float, largest: float
) -> FloatArray:
    fitted = table.mean(axis=1, keepdims=True) + slope[:, None] * centred
    leverage = 1.0 / len(centred) + weights * centred
    scaled = weights / np.maximum(1.0 - leverage, 1.0 / len(centred))
    moved = (table - fitted) * scaled
    t = float(special.stdtrit(_carrying(weights) - 1.0, 1.0 - level))
    radius = (np.abs(weights) * (largest + np.abs(fitted))).max(axis=1)
    return sums.arm(moved, radius, t, level)


def _weights(column: FloatArray) -> FloatArray | None:
    """``w_i``; ``None`` for a constant column."""
    centred = column - column.mean()
    squares = float(centred @ centred)
    scale = float(np.abs(column).max())
    if len(column) < 2 or squares <= len(column) * (1e-12 * scale) ** 2:
        return None
    return centred / squares


def _carrying(weights: FloatArray) -> float:
    """How many cases carry the slope: n where all weigh the same, near 1 where one lies far out."""
    squares = np.square(weights / np.abs(weights).max())
    return float(squares.sum() ** 2 / np.square(squares).sum())


def _why_undecided(weights: FloatArray | None, level: float) -> str:
    if weights is None:
        return "a slope needs a column that varies: it is constant on these cases"
    carrying, n_examples = _carrying(weights), len(weights)
    if n_examples < FEWEST:
        return f"a slope needs at least {FEWEST} cases that carry it: there are {n_examples}"
    if carrying < FEWEST:
        return (
            f"a slope needs at least {FEWEST} cases that carry it: of {n_examples:,} cases a few lie so far out "
            f"that they count for {carrying:.1f}"
        )
    if level < LOWEST_LEVEL - 1e-12:
        return f"bounds of a slope are checked down to level {LOWEST_LEVEL:g}, asked for {level:.2g}"
    return ""


def _open(n_members: int, reason: str) -> Bounds:
    unknown = np.full(n_members, np.inf)
    return Bounds(low=-unknown, high=unknown, method=SLOPE, reason=reason)


def _checked(rows: npt.ArrayLike, x: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    table, column = np.atleast_2d(np.asarray(rows, np.float64)), np.asarray(x, np.float64)
    if table.ndim != 2 or column.ndim != 1 or table.shape[1] != len(column) or not len(column):
        raise ValueError(
            "rows must have shape (members, examples) and x shape (examples,) with at least one example; "
            f"got {table.shape} and {column.shape}"
        )
    for name, values in (("rows", table), ("x", column)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite: drop or mend the cases whose value is NaN or infinite")
    return table, column
