"""What the strategies draw: a row, a batch of rows, a row before and after an edit; each says in words what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.data import Dataset
from pytest_mlspec.data.forms import Features, Vector
from pytest_mlspec.perturbations.columns import Column, label, read, same
from pytest_mlspec.perturbations.writing import replaced

if TYPE_CHECKING:
    from typing import Protocol

    class Printer(Protocol):
        """Hypothesis' printer, as far as it is used."""

        def text(self, text: str) -> None:
            """Write text."""


_SHOWN = 20
"""So many rows or changed columns are listed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Row:
    """One row; ``data`` is a dataset of its own that is known to descend from its row of the whole."""

    index: int
    data: Dataset
    source: str

    @property
    def X(self) -> Features:
        """Its features, shape (1, ...), in the form of the dataset."""
        return self.data.X

    @property
    def y(self) -> object:
        """Its target as a builtin value; ``None`` where the dataset has none."""
        return None if self.data.y is None else self.data.y.tolist()[0]

    @property
    def columns(self) -> dict[str, object]:
        """Its values in the slice columns, by name."""
        return {name: values.tolist()[0] for name, values in self.data.columns.items()}

    def __repr__(self) -> str:
        return f"Row(row {self.index} of {self.source})"

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        printer.text(repr(self))  # Hypothesis would show how it was made instead


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Batch:
    """Some rows, each once; ``data`` is a dataset of its own that is known to descend from them."""

    indices: tuple[int, ...]
    data: Dataset
    source: str

    @property
    def X(self) -> Features:
        """Their features, shape (examples, ...), in the form of the dataset."""
        return self.data.X

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        listed = ", ".join(map(str, self.indices[:_SHOWN]))
        more = f" and {len(self) - _SHOWN} more" if len(self) > _SHOWN else ""
        return f"Batch(row{'s' if len(self) > 1 else ''} {listed}{more} of {self.source})"

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        printer.text(repr(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry that an edit changed, with its old and its new value."""

    column: Column
    old: object
    new: object

    def __str__(self) -> str:
        return f"{label((self.column,))}: {_shown(self.old)} -> {_shown(self.new)}"


def _shown(value: object) -> str:
    if not isinstance(value, float):
        return repr(value)
    return f"{value:g}" if float(f"{value:g}") == value else f"{value:.9g}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Edit:
    """One row before and after a change, as datasets of one row each, and the entries that were changed."""

    index: int
    before: Dataset
    after: Dataset
    changes: tuple[Change, ...]
    source: str

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that were changed."""
        return tuple(change.column for change in self.changes)

    def __repr__(self) -> str:
        return f"Edit(row {self.index} of {self.source}: {_listed(self.changes)})"

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        printer.text(repr(self))


def _listed(changes: Sequence[Change], shown: int = _SHOWN) -> str:
    words = ", ".join(map(str, changes[:shown])) or "nothing changed"
    return words + (f" and {len(changes) - shown} more columns" if len(changes) > shown else "")


def row_of(dataset: Dataset, index: int) -> Dataset:
    """One row as a dataset of its own, so that a model is asked about this row alone; its lineage is kept."""
    words = ", ".join(part for part in (dataset.description, f"row {index}") if part)
    return dataset._at(np.asarray([index], dtype=np.int64), description=words)


def edit_of(dataset: Dataset, index: int, fresh: Mapping[Column, Vector]) -> Edit:
    """The row and its copy in which these columns have these values, shape (1,)."""
    before = row_of(dataset, index)
    old = before._features()
    new = replaced(old, fresh)
    pairs = ((column, read(old, column), read(new, column)) for column in fresh)
    changes = tuple(
        Change(column=column, old=one.tolist()[0], new=other.tolist()[0])
        for column, one, other in pairs
        if not same(one, other).all()
    )
    after = before.perturb(lambda _: new, name=_listed(changes, shown=3))
    return Edit(index=index, before=before, after=after, changes=changes, source=dataset.title)
