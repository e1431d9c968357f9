"""What a tabular perturbation does to one column, and the callable that applies it to features in any form."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pytest_mlspec.data.forms import BoolArray, Features, IntArray, Vector, as_features, copied
from pytest_mlspec.perturbations.columns import (
    Column,
    label,
    missing,
    names_of,
    read,
    replaced,
    require_known,
    require_rows,
    same,
)


class Rule(Protocol):
    """Changes the values of one column."""

    def change(self, values: Vector, random: np.random.Generator, column: Column) -> Vector:
        """(examples,) the changed values; ``values`` stay as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChange:
    """A function from features to features that changes some columns and keeps form, dtype and input.

    ``columns`` is ``None`` where it takes every column that it can change. A column that was named and comes out as it
    went in is an error: a requirement on it would be met without having been tested.
    """

    name: str
    columns: tuple[Column, ...] | None
    rule: Rule
    severity: int | None = None
    seed: int | None = None
    joint: bool = False
    """Whether all columns share one stream of random numbers, so that their entries stay together."""

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def kind(self) -> str:
        """What shares its draws at the same seed: one rule on the same columns, or on any where rows are drawn."""
        rule = type(self.rule).__name__.lower()
        return rule if self.joint else f"{rule} {label(self.columns)}"

    @property
    def mixes_rows(self) -> bool:
        """Whether a changed row holds values of another row of the same data, so that the two depend on each other."""
        return isinstance(self.rule, Permuted) and not self.rule.donors

    def exchanged(self, n_rows: int) -> IntArray | None:
        """(examples,) which rows exchanged values with each other; ``None`` where rows stay independent."""
        return partners(n_rows, self._stream(None))[1] if self.mixes_rows else None

    def __call__(self, X: Features) -> Features:
        """The changed features; ``X`` stays as it is."""
        features = as_features(X)
        require_rows(features)
        if self.severity == 0:
            return copied(features)
        before = {column: read(features, column) for column in self._chosen(features)}
        after = {column: self._changed(values, column) for column, values in before.items()}
        idle = [column for column in before if same(before[column], after[column]).all()]
        if idle and (self.columns is not None or len(idle) == len(before)):
            raise ValueError(
                f"expected {self.name} to change {label(idle)}; it changed nothing there in {len(features)} rows: "
                "name other columns, or use a larger share or severity, or another seed"
            )
        return replaced(features, after)

    def _chosen(self, X: Features) -> tuple[Column, ...]:
        if self.columns is not None:
            return require_known(X, self.columns)
        suits = getattr(self.rule, "suits", None)
        found = tuple(column for column in names_of(X) if suits is None or suits(read(X, column)))
        if not found:
            raise ValueError(f"expected a column that {self.name} can change; got {type(X).__name__} without one")
        return found

    def _changed(self, values: Vector, column: Column) -> Vector:
        return self.rule.change(values, self._stream(column), column)

    def _stream(self, column: Column | None) -> np.random.Generator:
        # A stream of its own for every column: naming one more changes nothing in the others.
        key = 0 if self.joint else zlib.crc32(str(column).encode())
        return np.random.default_rng(np.random.SeedSequence(self.seed or 0, spawn_key=(key,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Adds normal noise in units of the column's standard deviation; integers are rounded."""

    scale: float

    def change(self, values: Vector, random: np.random.Generator, column: Column) -> Vector:
        """(examples,) noisy values."""
        require_numbers(values, column, "noise")
        if values.dtype.kind != "f" and len(np.unique(values)) == 2:
            raise ValueError(
                f"expected numbers with more than two values for noise; {label((column,))} has two: use swap_categories"
            )
        return rounded_like(
            values, values + self.scale * deviation(values, column) * random.standard_normal(len(values))
        )

    def suits(self, values: Vector) -> bool:
        """Whether a column holds numbers that vary, and is no code of two values."""
        if values.dtype.kind not in "iuf":
            return False
        distinct = np.unique(values[np.isfinite(values)])
        return len(distinct) > (1 if values.dtype.kind == "f" else 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Replaces a share of the entries by a missing value, or by ``fill``."""

    share: float
    fill: object = None

    def change(self, values: Vector, random: np.random.Generator, column: Column) -> Vector:
        """(examples,) values with gaps."""
        chosen = chosen_rows(self.share, len(values), random)
        changed = values.astype(object)
        if self.fill is None and values.dtype.kind in "iuf":
            changed = values.astype(np.result_type(values.dtype, np.float16))
        changed[chosen] = (math.nan if changed.dtype.kind == "f" else None) if self.fill is None else self.fill
        return changed

    def suits(self, values: Vector) -> bool:
        """Whether a column can hold what it gets."""
        return values.dtype.kind in "fO" if self.fill is None else values.dtype.kind in "iuf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """Multiplies a share of the entries; integers are rounded."""

    factor: float
    share: float

    def change(self, values: Vector, random: np.random.Generator, column: Column) -> Vector:
        """(examples,) values, some of them in another unit."""
        require_numbers(values, column, "a unit error")
        chosen = chosen_rows(self.share, len(values), random)
        return rounded_like(values, np.where(chosen, values * self.factor, values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Swapped:
    """Replaces a share of the entries by another category that occurs, each with the same probability."""

    share: float

    def change(self, values: Vector, random: np.random.Generator, column: Column) -> Vector:
        """(examples,) values, some of them swapped."""
        if values.dtype.kind == "f" and (np.nan_to_num(values) % 1 != 0).any():
            raise TypeError(f"expected categories to swap; {label((column,))} holds fractions: use noise")
        present = ~missing(values)
        entries = values.tolist()
        kinds = sorted(set(values[present].tolist()), key=lambda kind: (str(type(kind)), kind))
        if len(kinds) < 2:
            raise ValueError(f"expected at least two categories to swap in {label((column,))}; got {kinds}")
        code_of = {kind: code for code, kind in enumerate(kinds)}
        chosen = present & chosen_rows(self.share, len(values), random)
        steps = random.integers(1, len(kinds), size=len(values))
        changed = values.astype(object)
        for row in np.flatnonzero(chosen):
            changed[row] = kinds[(code_of[entries[row]] + int(steps[row])) % len(kinds)]
        return changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Permuted:
    """Takes the values of other rows: of a partner among these data, or of ``donors``, drawn with replacement."""

    donors: tuple[tuple[Column, tuple[object, ...]], ...] = ()

    def change(self, values: Vector, random: np.random.Generator, column: Column) -> Vector:
        """(examples,) values of other rows."""
        if not self.donors:
            return values[partners(len(values), random)[0]]
        found = dict(self.donors)[column]
        pool = np.empty(len(found), dtype=object)
        pool[:] = found
        return pool[random.integers(len(pool), size=len(values))]


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

    def change(self, values: Vector, random: np.random.Generator, column: Column) -> Vector:
        """(examples,) shifted values."""
        require_numbers(values, column, "a shift")
        return values + (self.by * deviation(values, column) if self.in_std else self.by)


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """Gives every entry the same value: the mean of the column, or one that was named."""

    value: object

    def change(self, values: Vector, random: np.random.Generator, column: Column) -> Vector:
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
        raise TypeError(f"expected numbers for {what}; {label((column,))} holds {values[:1].tolist()[0]!r}")
    if not np.isfinite(values).any():
        raise ValueError(f"expected numbers for {what}; every entry of {label((column,))} is missing or infinite")


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


def rounded_like(values: Vector, changed: Vector) -> Vector:
    """Whole numbers where ``values`` are whole numbers."""
    return np.rint(changed) if values.dtype.kind in "iu" else changed


def chosen_rows(share: float, n_examples: int, random: np.random.Generator) -> BoolArray:
    """(examples,) True with this probability, each row by itself: the rows stay independent."""
    return np.asarray(random.random(n_examples) < share)


def donors_of(X: object, columns: Sequence[Column]) -> tuple[tuple[Column, tuple[object, ...]], ...]:
    """The values of these columns in the data that give them."""
    features = as_features(X)
    require_rows(features)
    return tuple((column, tuple(read(features, column).tolist())) for column in require_known(features, columns))
