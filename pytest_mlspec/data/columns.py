"""Columns by which data is sliced: a read-only mapping that loads and slices a column when it is first asked for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping

from pytest_mlspec.data.forms import (
    Features,
    IntArray,
    Vector,
    frame_column,
    frame_columns,
    is_frame,
)
from pytest_mlspec.data.targets import as_vector


class Columns(Mapping[str, Vector]):
    """Read-only mapping from a column's name to its values, one per example.

    A frame with a hundred columns sliced twenty times copies only the columns that someone reads.
    """

    __slots__ = ("_arrays", "_frame", "_names", "_parent", "_rows")

    def __init__(
        self,
        arrays: Mapping[str, Vector],
        *,
        frame: Features = None,
        parent: Columns | None = None,
        rows: IntArray | None = None,
    ) -> None:
        self._arrays: dict[str, Vector] = {name: _locked(values) for name, values in arrays.items()}
        self._frame = frame
        self._parent = parent
        self._rows = rows
        inherited: dict[str, object] = frame_columns(frame) if parent is None else dict.fromkeys(parent)
        self._names: dict[str, object] = inherited | {n: n for n in self._arrays if n not in inherited}

    def __getitem__(self, name: str) -> Vector:
        found = self._arrays.get(name)
        if found is None:
            found = self._arrays[name] = _locked(self._load(name))
        return found

    def _load(self, name: str) -> Vector:
        if name not in self._names:
            raise KeyError(name)
        if self._parent is not None:
            values = self._parent[name]
            return values if self._rows is None else values[self._rows]
        return as_vector(frame_column(self._frame, self._names[name]), f"column {name!r}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"Columns({', '.join(self._names)})"

    def __reduce__(self) -> tuple[type[Columns], tuple[dict[str, Vector]]]:
        return Columns, (dict(self),)

    def take(self, rows: IntArray) -> Columns:
        """The same columns for the given rows."""
        return Columns({}, parent=self, rows=rows)

    def including(self, name: str, values: Vector) -> Columns:
        """The same columns and one more."""
        return Columns({name: values}, parent=self)


def _locked(values: Vector) -> Vector:
    view = values.view()
    view.flags.writeable = False
    return view


def columns_of(X: Features, declared: object, n_examples: int) -> Columns:
    """The columns of a frame ``X`` and those declared, which add to or replace them.

    Args:
        X: features; the columns of a frame can be sliced by at once.
        declared: mapping or frame of columns, each of shape (examples,).
        n_examples: number of rows that every column must have.

    Raises:
        TypeError: ``declared`` is neither a mapping nor a frame, or a name is not text.
        ValueError: a column has another length or more than one dimension.
    """
    arrays: dict[str, Vector] = {}
    for name, values in _entries(declared):
        if not isinstance(name, str):
            raise TypeError(f"expected text as the name of a column; got {name!r}")
        arrays[name] = as_vector(values, f"column {name!r}")
        if arrays[name].size != n_examples:
            raise ValueError(
                f"expected one value per row of X in column {name!r}: X has {n_examples} rows, "
                f"column {name!r} has {arrays[name].size}"
            )
    return Columns({name: values.copy() for name, values in arrays.items()}, frame=X if is_frame(X) else None)


def _entries(declared: object) -> Iterable[tuple[object, object]]:
    if declared is None:
        return ()
    if isinstance(declared, Mapping):
        return declared.items()
    if is_frame(declared):
        return [(text, frame_column(declared, name)) for text, name in frame_columns(declared).items()]
    raise TypeError(
        f"expected columns as a mapping such as {{'light': light}} or a frame; got {type(declared).__name__}"
    )


def unknown_column(name: str, known: Iterable[str], where: str) -> ValueError:
    """The error for a column that does not exist: the nearest name and all there are."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    have = f"it has {', '.join(names)}" if names else "it has none: pass Dataset(..., columns={...})"
    return ValueError(f"unknown column {name!r} of {where}{hint} ({have})")
