"""Perturbations of tables: noise, missing values, wrong units, swapped, permuted, shifted and masked columns.

Each factory returns a function from features to changed features of the same form (pandas, polars, NumPy, torch) and
dtypes; its input stays as it is. Columns go by name in a frame and by position in an array. A named column that comes
out unchanged, an unknown one (the error says the nearest) and a value that a dtype cannot hold are errors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from pytest_mlspec.perturbations.changing import ColumnChange
from pytest_mlspec.perturbations.columns import Columns, as_columns, label
from pytest_mlspec.perturbations.rules import (
    Masked,
    Missing,
    Noise,
    Permuted,
    Rule,
    Scaled,
    Shifted,
    Swapped,
    donors_of,
)
from pytest_mlspec.perturbations.severity import checked_seed, checked_severity

NOISE_SCALES = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Standard deviations of the noise by severity, in those of the column.

The noisy and the clean column correlate by 1 / sqrt(1 + scale**2): 0.995, 0.98, 0.93, 0.78 and 0.53.
"""
MISSING_SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
"""Shares of missing entries by severity."""


def noise(
    columns: Columns | None = None, severity: int | None = None, *, scale: float | None = None, seed: int = 0
) -> ColumnChange:
    """Normal noise on numeric columns, in units of each column's own standard deviation in the perturbed data.

    Integers are rounded to integers; missing entries stay missing. Columns that are constant, hold truth values or
    text, or are integer codes of two values cannot take noise: an error where they are named, left out otherwise.

    Args:
        columns: names or positions; by default every column that can take noise.
        severity: 0 (nothing) to 5: ``NOISE_SCALES`` standard deviations.
        scale: the same as a number above 0, instead of a severity.
        seed: of the draws. The same seed at a higher severity draws the same noise, larger.

    Raises:
        TypeError, ValueError: neither or both of severity and scale, or one out of range.

    Example:
        >>> X = np.column_stack([np.arange(4.0), np.zeros(4)])
        >>> noisy = noise(0, severity=2, seed=1)(X)
        >>> bool((noisy[:, 0] != X[:, 0]).all()), bool((noisy[:, 1] == 0).all())
        (True, True)
    """
    chosen, size = _named(columns), _size(severity, scale, NOISE_SCALES, "scale", math.inf)
    words = f"severity {severity}" if severity is not None else f"{size:g} std"
    return _change(f"noise in {label(chosen)}, {words}", chosen, Noise(scale=size), checked_seed(seed), severity)


def missing(
    columns: Columns | None = None,
    severity: int | None = None,
    *,
    share: float | None = None,
    seed: int = 0,
    fill: object = None,
) -> ColumnChange:
    """Entries that get lost completely at random: each by itself with the same probability, so that rows stay apart.

    Args:
        columns: names or positions; by default every column that can hold a missing value (of dates: NaT).
        severity: 0 (nothing) to 5: ``MISSING_SHARES``.
        share: the probability itself in (0, 1], instead of a severity.
        seed: of the draws. The same seed at a higher severity loses the same entries and more.
        fill: what stands there instead. By default NaN, or what the frame's library calls missing; integers and truth
            values of an array have no missing value and need a fill.

    Raises:
        TypeError, ValueError: neither or both of severity and share, or one out of range.

    Example:
        >>> missing(0, share=0.5, seed=1, fill=-1)(np.array([[5], [6], [7], [8]])).ravel().tolist()
        [5, -1, -1, 8]
    """
    chosen, size = _named(columns), _size(severity, share, MISSING_SHARES, "share", 1.0)
    words = f"severity {severity}" if severity is not None else f"share {size:g}"
    rule = Missing(share=size, fill=fill)
    return _change(f"missing {label(chosen)}, {words}", chosen, rule, checked_seed(seed), severity)


def unit_error(column: str | int, factor: float, *, share: float = 1.0, seed: int = 0) -> ColumnChange:
    """A share of the rows gives a column in another unit: 2.54 for centimetres where inches are meant.

    Args:
        column: name or position of a numeric column; integers are rounded.
        factor: what the numbers are multiplied by, finite and neither 0 nor 1.
        share: the probability of each row in (0, 1].
        seed: of the draws.

    Example:
        >>> unit_error(0, 2.54)(np.array([[10.0, 1.0], [20.0, 1.0]])).tolist()
        [[25.4, 1.0], [50.8, 1.0]]
    """
    _require_number(factor=factor)
    if factor in (0, 1):
        raise ValueError(f"expected a factor other than 0 and 1; got factor={factor!r}")
    chosen = _only(column)
    words = f"unit error in {label(chosen)} (x {factor:g}), share {_share(share):g}"
    return _change(words, chosen, Scaled(factor=float(factor), share=float(share)), checked_seed(seed))


def swap_categories(column: str | int, *, share: float = 1.0, seed: int = 0) -> ColumnChange:
    """A share of the rows gets another category of those that occur in the column, each with the same probability.

    Args:
        column: name or position of text, truth values or whole numbers; missing entries stay missing.
        share: the probability of each row in (0, 1].
        seed: of the draws.

    Example:
        >>> swap_categories(0)(np.array([["car"], ["bus"], ["car"]])).ravel().tolist()
        ['bus', 'car', 'bus']
    """
    chosen = _only(column)
    rule = Swapped(share=_share(share))
    return _change(f"swap {label(chosen)}, share {rule.share:g}", chosen, rule, checked_seed(seed))


def permute(columns: Columns, *, seed: int = 0, donors: object = None) -> ColumnChange:
    """Gives every row the values that another row has in these columns, together: what hangs on them is cut.

    Without ``donors`` random pairs of rows exchange their values (three rows where their number is odd). The two rows
    of a pair then depend on each other, which a ``Dataset`` takes down as clusters: a difference of rates or of bounded
    losses to the clean data counts pairs, other metrics are bounded as for clustered rows, or undecided. With
    ``donors`` the values are drawn with replacement from data of their own: rows stay independent of each other, and
    every metric keeps its bounds, for the donors' distribution of these columns.

    Args:
        columns: names or positions; their values stay together.
        seed: of the draws.
        donors: features of other rows to draw from, with these columns, such as ``street.validation.X``. A column goes
            by its name or by its position in both, and the donors must not be the very rows that are perturbed.

    Source:
        Breiman 2001, Random Forests, section 10; Fisher, Rudin & Dominici 2019, All models are wrong, section 3 (the
        switched loss, and its estimate from pairs of rows).

    Example:
        >>> permute([0, 1], seed=6)(np.array([[1, 10, 5], [2, 20, 6], [3, 30, 7]])).tolist()
        [[3, 30, 5], [1, 10, 6], [2, 20, 7]]
    """
    chosen = as_columns(columns)
    rule = Permuted(donors=() if donors is None else donors_of(donors, chosen))
    return _change(f"permute {label(chosen)}", chosen, rule, checked_seed(seed), joint=True)


def shift(columns: Columns, by: float, *, unit: Literal["X", "std"] = "X") -> ColumnChange:
    """Adds the same number to every entry of numeric columns.

    Args:
        columns: names or positions.
        by: what is added, finite and not 0. Integer columns take whole numbers only.
        unit: ``"X"``, the unit of the column, or ``"std"``, its standard deviations in the perturbed data.

    Example:
        >>> shift(1, by=-2)(np.array([[1.0, 5.0], [1.0, 7.0]])).tolist()
        [[1.0, 3.0], [1.0, 5.0]]
    """
    _require_number(by=by)
    if by == 0:
        raise ValueError("expected a shift other than 0; got by=0")
    if unit not in ("X", "std"):
        raise ValueError(f'expected unit "X" or "std"; got unit={unit!r}')
    chosen = as_columns(columns)
    words = f"shift {label(chosen)} by {by:g}{' std' if unit == 'std' else ''}"
    return _change(words, chosen, Shifted(by=float(by), in_std=unit == "std"))


def mask(columns: Columns, value: object = "mean") -> ColumnChange:
    """Gives every row the same value in these columns: what a model says without them.

    Args:
        columns: names or positions.
        value: ``"mean"`` (of each column in the perturbed data; not for integers), or any value that they can hold.

    Example:
        >>> mask(0)(np.array([[1.0, 5.0], [3.0, 7.0]])).tolist()
        [[2.0, 5.0], [2.0, 7.0]]
    """
    chosen = as_columns(columns)
    return _change(f"mask {label(chosen)} at {value}", chosen, Masked(value=value))


def _change(
    name: str,
    columns: Sequence[str | int] | None,
    rule: Rule,
    seed: int | None = None,
    severity: int | None = None,
    *,
    joint: bool = False,
) -> ColumnChange:
    named = None if columns is None else tuple(columns)
    return ColumnChange(name=name, columns=named, rule=rule, severity=severity, seed=seed, joint=joint)


def _named(columns: Columns | None) -> tuple[str | int, ...] | None:
    return None if columns is None else as_columns(columns)


def _only(column: str | int) -> tuple[str | int, ...]:
    chosen = as_columns(column)
    if len(chosen) != 1:
        raise ValueError(f"expected one column; got column={column!r}")
    return chosen


def _size(severity: int | None, size: float | None, by_severity: Sequence[float], name: str, largest: float) -> float:
    """The size of a change from its severity or as it was given; exactly one of them."""
    if (severity is None) == (size is None):
        raise TypeError(f"expected either severity=1 to 5 or {name}=; got severity={severity!r}, {name}={size!r}")
    if size is not None:
        _require_number(**{name: size})
        if not 0 < size <= largest:
            raise ValueError(f"expected {name} above 0{' and at most 1' if largest == 1 else ''}; got {name}={size!r}")
        return float(size)
    return by_severity[checked_severity(severity)]


def _share(share: float) -> float:
    return _size(None, share, MISSING_SHARES, "share", 1.0)


def _require_number(**given: float) -> None:
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not math.isfinite(value):
            raise TypeError(f"expected {name} as a finite number; got {name}={value!r}")
