"""How far each column of a dataset may move, and a row that was moved within that."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from pytest_mlspec.data import Dataset
from pytest_mlspec.data.forms import Vector
from pytest_mlspec.perturbations.columns import Column, holds_integers, label, names_of, read, require_known
from pytest_mlspec.perturbations.rules import deviation, require_numbers

_SHORT = 1 - 1e-12
"""The length of a step that was scaled down, a hair below 1: its own rounding must not take it beyond."""

Reach: TypeAlias = dict[Column, float]
"""Column -> how far it may move, in its own unit."""


def reach_of(dataset: Dataset, columns: Sequence[Column] | None, eps: float, unit: str) -> Reach:
    """How far every column may move; without ``columns`` those that cannot are left out.

    Raises:
        TypeError, ValueError: an unknown column, one that cannot move by eps, or no column that can.
    """
    X = dataset._features()
    if columns is not None:
        return {
            column: _reach(read(X, column), column, eps, unit, whole=holds_integers(X, column))
            for column in require_known(X, columns)
        }
    found: Reach = {}
    for column in names_of(X):
        try:
            found[column] = _reach(read(X, column), column, eps, unit, whole=holds_integers(X, column))
        except (TypeError, ValueError):
            continue
    if not found:
        raise ValueError(f"expected a column of {dataset.title} that can move by eps={eps:g}; none of its columns can")
    return found


def _reach(values: Vector, column: Column, eps: float, unit: str, *, whole: bool) -> float:
    require_numbers(values, column, "a perturbation within eps")
    reach = eps * deviation(values, column) if unit == "std" else eps
    if whole and reach < 1:
        raise ValueError(
            f"expected eps of at least one whole number for {label((column,))}, which holds integers; got eps={reach:g}"
        )
    if values.dtype.kind == "f" and not _moves(values[np.isfinite(values)], reach):
        raise ValueError(
            f"expected eps large enough to change {label((column,))}, whose entries of {values.dtype} have so few "
            f"digits that adding it changes none; got eps={reach:g}"
        )
    return reach


def _moves(values: Vector, reach: float) -> bool:
    """Whether some entry has a neighbour in its dtype within reach, up or down."""
    ends = np.array([[-np.inf], [np.inf]], dtype=values.dtype)
    return bool((np.abs(np.nextafter(values, ends).astype(np.float64) - values) <= reach).any())


def moved(
    row: Dataset, steps: Mapping[Column, float], reach: Reach, norm: str, value_range: Sequence[float] | None
) -> dict[Column, Vector]:
    """The moved columns of a row, shape (1,) each.

    Args:
        row: a dataset of one row.
        steps: column -> -1 to 1, in units of its reach; scaled down to length 1 for ``l2``. What the dtype of a column
            rounds is rounded towards the row.
        reach: column -> how far it may move.
        norm: ``linf`` or ``l2``.
        value_range: where moved values must stay, save those that were outside before.
    """
    length = math.sqrt(sum(step * step for step in steps.values())) if norm == "l2" else 0.0
    scale = _SHORT / length if length > _SHORT else 1.0
    X, fresh = row._features(), {}
    for column, step in steps.items():
        old = read(X, column)
        low, high = _limits(old, value_range)
        value, by = float(old[0]), step * scale * reach[column]
        new = value + (math.trunc(by) if old.dtype.kind in "iu" else by)
        low, high = max(min(low, value), value - abs(by)), min(max(high, value), value + abs(by))
        fresh[column] = _towards(value, min(max(new, low), high), low, high, abs(by), old.dtype)
    return fresh


def _towards(value: float, new: float, low: float, high: float, by: float, dtype: np.dtype[np.generic]) -> Vector:
    """The new value in the column's dtype, shape (1,): what rounding put too far goes back towards the old value."""
    rounded = np.array([new], dtype=dtype if dtype.kind == "f" else np.float64)
    while not low <= float(rounded[0]) <= high or abs(float(rounded[0]) - value) > by:
        if float(rounded[0]) == value or math.isnan(value):
            break
        rounded = np.nextafter(rounded, rounded.dtype.type(value))
    return rounded


def _limits(values: Vector, value_range: Sequence[float] | None) -> tuple[float, float]:
    low, high = (-math.inf, math.inf) if value_range is None else value_range
    if values.dtype.kind in "iu":
        info = np.iinfo(values.dtype)
        return max(low, math.nextafter(info.min, 0)), min(high, math.nextafter(info.max, 0))
    return float(low), float(high)
