"""The range of intensities of images: checked, taken to the unit interval and back."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from numbers import Real
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pytest_mlspec.perturbations.layout import Array

Pixels: TypeAlias = npt.NDArray[np.floating]
Range: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The range of intensities of an array and the type in which its unit interval is computed."""

    low: np.generic
    high: np.generic
    working: np.dtype[np.floating]

    def unit(self, values: Array) -> Pixels:
        """A copy of the values in the unit interval, rows in one piece."""
        unit: Pixels = values.astype(self.working, order="C", copy=True)
        if float(self.low) != 0.0:
            unit -= self.working.type(self.low)
        if self._span != 1.0:
            unit /= self.working.type(self._span)
        return unit

    def restore(self, unit: Pixels) -> Pixels:
        """Unit intensities in the range again, cut off at its ends; writes over its argument."""
        if self._span != 1.0:
            unit *= unit.dtype.type(self._span)
        if float(self.low) != 0.0:
            unit += unit.dtype.type(self.low)
        if self.low.dtype.kind in "ui":
            np.rint(unit, out=unit)
        return np.clip(unit, unit.dtype.type(self.low), unit.dtype.type(self.high), out=unit)

    @property
    def _span(self) -> float:
        return float(self.high) - float(self.low)


def scale_of(values: Array, value_range: Range | None) -> Scale:
    """The scale of an array whose values all lie in the range.

    Args:
        values: intensities, integers or floats.
        value_range: lowest and highest intensity there may be; None for (0, 255) of uint8 and (0, 1) of floats.

    Raises:
        TypeError: values that are no numbers, or integers that need a value_range.
        ValueError: a NaN, a value outside the range, or a range that the type cannot hold.
    """
    kind = values.dtype
    if kind.kind not in "uif":
        raise TypeError(f"expected intensities as integers or floats; got dtype={kind}")
    low, high = _ends(kind, value_range)
    if kind.kind == "f" and np.isnan(values.min()):
        rows = np.unique(np.argwhere(np.isnan(values))[:, 0])
        raise ValueError(
            f"expected intensities without NaN; got {len(rows)} of {len(values)} images with one, the first in "
            f"row {rows[0]}"
        )
    if values.min() < low or values.max() > high:
        named = "" if value_range is not None else f", the range of {kind} unless value_range names another"
        raise ValueError(
            f"expected intensities in value_range=({low:g}, {high:g}){named}; got {values.min():g} to "
            f"{values.max():g}. Name the lowest and highest intensity there may be with value_range=(low, high)"
        )
    return Scale(low=low, high=high, working=np.dtype(np.float64 if kind.itemsize > 4 else np.float32))


def _ends(kind: np.dtype[np.generic], value_range: Range | None) -> tuple[np.generic, np.generic]:
    if value_range is None:
        if kind.kind in "ui" and kind != np.uint8:
            raise TypeError(
                f"expected value_range=(low, high) with integers other than uint8; got dtype={kind} without one"
            )
        value_range = (0.0, 255.0) if kind == np.uint8 else (0.0, 1.0)
    if kind.kind in "ui":
        limits = np.iinfo(kind)  # type: ignore[type-var]
        whole = all(float(end).is_integer() for end in value_range)
        if not whole or not limits.min <= value_range[0] <= value_range[1] <= limits.max:
            raise ValueError(f"expected whole ends that {kind} can hold; got value_range={value_range}")
        return kind.type(int(value_range[0])), kind.type(int(value_range[1]))
    return kind.type(value_range[0]), kind.type(value_range[1])


def checked_range(value_range: object) -> Range | None:
    """The range as two floats, or None.

    Raises:
        ValueError: not two finite numbers of which the second is larger.
    """
    if value_range is None:
        return None
    ends = tuple(value_range) if isinstance(value_range, tuple | list) else ()
    numbers = [float(end) for end in ends if isinstance(end, Real) and isfinite(end)]
    if len(ends) != 2 or len(numbers) != 2 or not numbers[0] < numbers[1]:
        raise ValueError(
            f"expected value_range=(low, high), the lowest and highest intensity there may be; "
            f"got value_range={value_range!r}"
        )
    return numbers[0], numbers[1]
