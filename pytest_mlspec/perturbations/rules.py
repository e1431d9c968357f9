"""What a tabular perturbation does to one column."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pytest_mlspec.data.forms import BoolArray, IntArray, Vector, as_features
from pytest_mlspec.perturbations.columns import (
    Column,
    entries,
    is_missing,
    label,
    missing,
    read,
    require_known,
    require_rows,
    same,
)


class Rule(Protocol):
    """Changes the values of one column."""

    def change(self, values: Vector, random: np.random.Generator, column: Column, *, whole: bool) -> Vector:
        """(examples,) the changed values; ``values`` stay as they are.

        ``whole`` says that the column holds integers, also where gaps make its ``values`` floats.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Adds normal noise in units of the column's standard deviation; integers are rounded."""

    scale: float

    def change(self, values: Vector, random: np.random.Generator, column: Column, *, whole: bool) -> Vector:
        """(examples,) noisy values."""
        require_numbers(values, column, "noise")
        if whole and len(np.unique(values[np.isfinite(values)])) == 2:
            raise ValueError(
                f"expected numbers with more than two values for noise; {label((column,))} has two: use swap_categories"
            )
        noisy = values + self.scale * deviation(values, column) * random.standard_normal(len(values))
        return np.rint(noisy) if whole else noisy

    def suits(self, values: Vector, *, whole: bool) -> bool:
        """Whether a column holds numbers that vary, and is no code of two values."""
        if values.dtype.kind not in "iuf":
            return False
        distinct = np.unique(values[np.isfinite(values)])
        return len(distinct) > (2 if whole else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Replaces a share of the entries by a missing value, or by ``fill``."""

    share: float
    fill: object = None

    def change(self, values: Vector, random: np.random.Generator, column: Column, *, whole: bool) -> Vector:
        """(examples,) values with gaps."""
        chosen = chosen_rows(self.share, len(values), random)
        if self.fill is not None:
            changed = as_objects(values)
            changed[chosen] = self.fill
        elif values.dtype.kind in "iuf":
            changed = values.astype(np.result_type(values.dtype, np.float16))
            changed[chosen] = math.nan
        else:
            changed = values.copy() if values.dtype.kind in "mM" else values.astype(object)
            changed[chosen] = np.array("NaT", dtype=values.dtype) if values.dtype.kind in "mM" else None
        return changed

    def suits(self, values: Vector, *, whole: bool) -> bool:
        """Whether a column can hold what it gets."""
        return values.dtype.kind in "fOmM" if self.fill is None else values.dtype.kind in "iuf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """Multiplies a share of the entries; integers are rounded."""

    factor: float
    share: float

    def change(self, values: Vector, random: np.random.Generator, column: Column, *, whole: bool) -> Vector:
        """(examples,) values, some of them in another unit."""
        require_numbers(values, column, "a unit error")
        chosen = chosen_rows(self.share, len(values), random)
        scaled = np.where(chosen, values * self.factor, values)
        return np.rint(scaled) if whole else scaled


@dataclass(frozen=True, slots=True, kw_only=True)
class Swapped:
    """Replaces a share of the entries by another category that occurs, each with the same probability."""

    share: float

    def change(self, values: Vector, random: np.random.Generator, column: Column, *, whole: bool) -> Vector:
        """(examples,) values, some of them swapped."""
        if values.dtype.kind == "f" and (np.nan_to_num(values) % 1 != 0).any():
            raise TypeError(f"expected categories to swap; {label((column,))} holds fractions: use noise")
        present = ~missing(values)
        listed = entries(values)
        kinds = sorted(set(entries(values[present])), key=lambda kind: (str(type(kind)), kind))
        if len(kinds) < 2:
            raise ValueError(f"expected at least two categories to swap in {label((column,))}; got {kinds}")
        code_of = {kind: code for code, kind in enumerate(kinds)}
        chosen = present & chosen_rows(self.share, len(values), random)
        steps = random.integers(1, len(kinds), size=len(values))
        changed = values.copy() if values.dtype.kind in "mM" else values.astype(object)
        for row in np.flatnonzero(chosen):
            changed[row] = kinds[(code_of[listed[row]] + int(steps[row])) % len(kinds)]
        return changed


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Permuted:
    """Takes the values of other rows: of a partner among these data, or of ``donors``, drawn with replacement."""

    donors: tuple[tuple[Column, tuple[object, ...]], ...] = ()

    def change(self, values: Vector, random: np.random.Generator, column: Column, *, whole: bool) -> Vector:
        """(examples,) values of other rows."""
        if not self.donors:
            return values[partners(len(values), random)[0]]
        pool = as_objects(dict(self.donors)[column])
        if values.dtype.kind in "mM":
            pool = pool.astype(values.dtype)
        return pool[random.integers(len(pool), size=len(values))]

    def require_others(self, before: Mapping[Column, Vector]) -> None:
        """Raise unless the donors have these columns and are other rows than those that are perturbed.

        Raises:
            TypeError: donors whose columns go by name where those of X go by position, or the other way round.
            ValueError: donors that are the rows themselves.
        """
        if not self.donors:
            return
        donors = dict(self.donors)
        for column in before:
            if column not in donors:
                raise TypeError(
                    f"expected donors in the form of X, whose columns go by {_way(column)}; theirs go by "
                    f"{_way(next(iter(donors)))}: pass both as frames, or both as arrays"
                )
        if all(_equal(values, donors[column]) for column, values in before.items()):
            raise ValueError(
                f"expected donors of their own; they are the {len(next(iter(before.values())))} rows that are "
                "perturbed: pass other rows, such as street.validation.X, or leave donors out, so that rows exchange "
                "their values"
            )

    def __repr__(self) -> str:
        if not self.donors:
            return "Permuted()"
        return f"Permuted({len(self.donors[0][1])} donors of {label([column for column, _ in self.donors])})"


def _way(column: Column) -> str:
    return "name" if isinstance(column, str) else "position"


def _equal(values: Vector, others: Sequence[object]) -> bool:
    return len(values) == len(others) and bool(same(values, as_objects(others)).all())


def as_objects(values: Vector | Sequence[object]) -> Vector:
    """(examples,) the entries as objects."""
    made = np.empty(len(values), dtype=object)
    made[:] = entries(values) if isinstance(values, np.ndarray) else values
    return made


def partners(n_rows: int, random: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Random pairs of rows that exchange their values; of an odd number the last three pass theirs round.

    Returns:
        (examples,) the row whose values each row gets, and (examples,) the number of its pair.

    Raises:
        ValueError: fewer than two rows.
    """
    if n_rows < 2:
        raise ValueError(f"expected at least two rows to exchange values; got {n_rows} rows")
    order = random.permutation(n_rows)
    pair = np.minimum(np.arange(n_rows) // 2, n_rows // 2 - 1)
    donor, codes = np.empty(n_rows, dtype=np.int64), np.empty(n_rows, dtype=np.int64)
    even = n_rows - n_rows % 2
    donor[order[0:even:2]], donor[order[1:even:2]] = order[1:even:2], order[0:even:2]
    if n_rows % 2:
        donor[order[-3:]] = np.roll(order[-3:], 1)
    codes[order] = pair
    return donor, codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifted:
    """Adds one number to every entry, in the unit of the column or in its standard deviations."""

    by: float
    in_std: bool

    def change(self, values: Vector, random: np.random.Generator, column: Column, *, whole: bool) -> Vector:
        """(examples,) shifted values."""
        require_numbers(values, column, "a shift")
        return values + (self.by * deviation(values, column) if self.in_std else self.by)


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """Gives every entry the same value: the mean of the column, or one that was named."""

    value: object

    def change(self, values: Vector, random: np.random.Generator, column: Column, *, whole: bool) -> Vector:
        """(examples,) one value."""
        if isinstance(self.value, str) and self.value == "mean":
            require_numbers(values, column, "a mask at the mean")
            return np.full(len(values), float(np.mean(values[np.isfinite(values)], dtype=np.float64)))
        changed = np.empty(len(values), dtype=object)
        changed.fill(self.value)
        return changed


def require_numbers(values: Vector, column: Column, what: str) -> None:
    """Raise unless a column holds numbers, with at least one finite entry.

    Raises:
        TypeError: truth values, text or other objects.
        ValueError: every entry is missing or infinite.
    """
    if values.dtype.kind == "b":
        raise TypeError(f"expected numbers for {what}; {label((column,))} holds True and False: use swap_categories")
    if values.dtype.kind not in "iuf":
        raise TypeError(f"expected numbers for {what}; {label((column,))} holds {_no_number(values)!r}")
    if not np.isfinite(values).any():
        raise ValueError(f"expected numbers for {what}; every entry of {label((column,))} is missing or infinite")


def _no_number(values: Vector) -> object:
    found = (value for value in values.tolist() if isinstance(value, bool) or not isinstance(value, int | float))
    return next((value for value in found if not is_missing(value)), values.tolist()[0])


def deviation(values: Vector, column: Column) -> float:
    """The standard deviation of the finite entries (divisor n).

    Raises:
        ValueError: the column is constant: in its units every change is none.
    """
    finite = values[np.isfinite(values)].astype(np.float64)
    if finite.min() == finite.max():
        raise ValueError(
            f"expected a column that varies; {label((column,))} is {finite[0]:g} in all {len(finite)} rows, and a "
            "change in units of its standard deviation is none"
        )
    return float(finite.std())


def chosen_rows(share: float, n_examples: int, random: np.random.Generator) -> BoolArray:
    """(examples,) True with this probability, each row by itself: the rows stay independent."""
    return np.asarray(random.random(n_examples) < share)


def donors_of(X: object, columns: Sequence[Column]) -> tuple[tuple[Column, tuple[object, ...]], ...]:
    """The values of these columns in the data that give them."""
    features = as_features(X)
    require_rows(features)
    return tuple((column, tuple(entries(read(features, column)))) for column in require_known(features, columns))
