"""The callable that applies a rule to columns of features in any form."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from pytest_mlspec.data.forms import Features, IntArray, as_features, copied
from pytest_mlspec.perturbations.columns import (
    Column,
    holds_integers,
    label,
    names_of,
    read,
    require_known,
    require_rows,
    same,
)
from pytest_mlspec.perturbations.rules import Permuted, Rule, partners
from pytest_mlspec.perturbations.writing import replaced


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
        """What draws: its rule."""
        return type(self.rule).__name__.lower()

    def shares_draws(self, other: object) -> bool:
        """Whether both draw the same random numbers: one rule and seed, on a common column or on rows as a whole."""
        if not isinstance(other, ColumnChange) or (self.seed, self.kind) != (other.seed, other.kind):
            return False
        if self.seed is None:
            return False
        if self.joint or self.columns is None or other.columns is None:
            return True
        return bool({str(column) for column in self.columns} & {str(column) for column in other.columns})

    @property
    def mixes_rows(self) -> bool:
        """Whether a changed row holds values of another row of the same data, so that the two depend on each other."""
        return isinstance(self.rule, Permuted) and not self.rule.donors

    @property
    def redraws(self) -> bool:
        """Whether the same rows come out otherwise once there are more: draws, means and spreads follow all rows."""
        if isinstance(self.rule, Permuted) and self.rule.donors:
            return False  # each row takes what the next draw picks from other data
        of_all = getattr(self.rule, "in_std", False) or getattr(self.rule, "value", None) == "mean"
        return self.seed is not None or bool(of_all)

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
        if isinstance(self.rule, Permuted):
            self.rule.require_others(before)
        after = {
            column: self.rule.change(values, self._stream(column), column, whole=holds_integers(features, column))
            for column, values in before.items()
        }
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
        found = tuple(
            column for column in names_of(X) if suits is None or suits(read(X, column), whole=holds_integers(X, column))
        )
        if not found:
            raise ValueError(f"expected a column that {self.name} can change; got {type(X).__name__} without one")
        return found

    def _stream(self, column: Column | None) -> np.random.Generator:
        # A stream of its own for every rule and column: two rules do not hit the same rows, and naming one more column
        # changes nothing in the others.
        key = 0 if self.joint else zlib.crc32(str(column).encode())
        rule = zlib.crc32(self.kind.encode())
        return np.random.default_rng(np.random.SeedSequence(self.seed or 0, spawn_key=(rule, key)))
