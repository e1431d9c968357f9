"""Columns of features in any form: named, read and compared.

The columns of a frame go by their names. Arrays and tensors go by position: in more than two dimensions the position is
that in the flattened row, and one dimension (a list of texts, a series) is one column, 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import numpy as np

from pytest_mlspec.data.columns import unknown_column
from pytest_mlspec.data.forms import (
    BoolArray,
    Features,
    Vector,
    count_rows,
    frame_column,
    frame_columns,
    is_frame,
    is_series,
    is_sparse,
)

Column: TypeAlias = str | int
Columns: TypeAlias = str | int | Sequence[str | int]


def as_columns(columns: object) -> tuple[Column, ...]:
    """One column or several as a tuple of names and positions.

    Raises:
        TypeError: something else than text and whole numbers.
        ValueError: none, or one of them twice.
    """
    alone = isinstance(columns, str) or not isinstance(columns, Sequence | np.ndarray | set | frozenset)
    listed = (columns,) if alone else tuple(columns)  # type: ignore[arg-type]  # a sequence, as just seen
    if isinstance(columns, set | frozenset):  # in an order of its own, which differs between processes
        listed = tuple(sorted(listed, key=lambda column: (isinstance(column, str), str(column).zfill(9))))
    named: list[Column] = []
    for column in listed:
        if isinstance(column, bool) or not isinstance(column, str | int | np.integer):
            raise TypeError(f"expected columns as names or positions; got columns={columns!r}")
        named.append(column if isinstance(column, str) else int(column))
    if not named or len(set(named)) != len(named):
        raise ValueError(f"expected at least one column and each once; got columns={columns!r}")
    return tuple(named)


def names_of(X: Features) -> tuple[Column, ...]:
    """All columns of ``X``: the names of a frame as text, positions in everything else."""
    _require_columns(X)
    if is_frame(X):
        return tuple(frame_columns(X))
    return (0,) if is_series(X) else tuple(range(int(np.prod(X.shape[1:], dtype=np.int64))))


def _require_columns(X: Features) -> None:
    if is_sparse(X):
        raise TypeError(f"expected X as an array, a frame or a tensor; got {type(X).__name__}: pass X.toarray()")


def require_known(X: Features, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns as ``names_of`` gives them.

    Raises:
        TypeError: a name for an array, which has none.
        ValueError: a column that X does not have (says the nearest).
    """
    known = names_of(X)
    if is_frame(X):
        texts = tuple(str(column) for column in columns)
        for text in texts:
            if text not in known:
                raise unknown_column(text, [str(name) for name in known], "X")
        return texts
    for column in columns:
        if isinstance(column, str):
            raise TypeError(
                f"expected columns of X by position, 0 to {len(known) - 1}, because it is an array; got {column!r}"
            )
        if not 0 <= column < len(known):
            raise ValueError(f"unknown column {column} of X: it has {len(known)}, 0 to {len(known) - 1}")
    return tuple(columns)


def label(columns: Sequence[Column] | None) -> str:
    """Columns in words: ``x1 and x2``, ``column 3``, ``7 columns``, ``all columns``."""
    if columns is None:
        return "all columns"
    if len(columns) > 3:
        return f"{len(columns)} columns"
    words = " and ".join(", ".join(map(str, columns)).rsplit(", ", 1))
    return words if isinstance(columns[0], str) else f"column{'s' if len(columns) > 1 else ''} {words}"


def read(X: Features, column: Column) -> Vector:
    """One column as a NumPy array of shape (examples,), not to be written to."""
    if isinstance(X, np.ndarray):
        return X.reshape(len(X), -1)[:, int(column)]
    _require_columns(X)
    if is_frame(X):
        return frame_column(X, native_name(X, column))
    if is_series(X):
        import narwhals.stable.v1 as nw

        values: Vector = nw.from_native(X, series_only=True).to_numpy()
        return values
    tensor: Vector = X.detach().reshape(len(X), -1)[:, int(column)].cpu().numpy()
    return tensor


def native_name(X: Features, column: Column) -> object:
    """A column's name in the frame itself, where it need not be text."""
    import narwhals.stable.v1 as nw

    return next(name for name in nw.from_native(X, eager_only=True).columns if str(name) == str(column))


def holds_integers(X: Features, column: Column) -> bool:
    """Whether a column is one of integers, also where gaps in it make ``read`` give floats."""
    if is_frame(X) or is_series(X):
        import narwhals.stable.v1 as nw

        if is_series(X):
            return bool(nw.from_native(X, series_only=True).dtype.is_integer())
        return bool(nw.from_native(X, eager_only=True).get_column(native_name(X, column)).dtype.is_integer())
    return read(X[:1], column).dtype.kind in "iu"


def entries(values: Vector) -> list[object]:
    """The entries as Python objects; dates and durations as NumPy's, which have no other form in all their units."""
    return list(values) if values.dtype.kind in "mM" else values.tolist()


def same(first: Vector, second: Vector) -> BoolArray:
    """(examples,) whether entries are equal, exactly; a missing entry (NaN, None, NaT) equals a missing entry."""
    if first.dtype.kind in "biuf" and second.dtype.kind in "biuf":
        equal: BoolArray = np.asarray(first == second)
        if "f" in (first.dtype.kind, second.dtype.kind):
            equal |= np.isnan(first) & np.isnan(second)
        return equal
    if first.dtype.kind == "U" and second.dtype.kind == "U":
        return np.asarray(first == second)
    if first.dtype.kind in "mM" and first.dtype.kind == second.dtype.kind:
        return np.asarray((first == second) | (np.isnat(first) & np.isnat(second)))
    pairs = zip(entries(first), entries(second), strict=True)
    return np.fromiter((_same(one, other) for one, other in pairs), dtype=np.bool_, count=len(first))


def _same(one: object, other: object) -> bool:
    if is_missing(one) or is_missing(other):
        return is_missing(one) and is_missing(other)
    one, other = _time(one), _time(other)
    if isinstance(one, np.datetime64 | np.timedelta64) != isinstance(other, np.datetime64 | np.timedelta64):
        return False  # NumPy takes the number 2 for a length of time
    return bool(one == other)


def _time(value: object) -> object:
    """A point or a length of time as NumPy's, in UTC where it has a zone; everything else as it is."""
    if isinstance(value, datetime):
        return np.datetime64(value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None))
    return np.timedelta64(value) if isinstance(value, timedelta) else value


def is_missing(value: object) -> bool:
    """Whether one entry is missing: NaN, None, NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating | np.datetime64 | np.timedelta64) and bool(value != value)


def missing(values: Vector) -> BoolArray:
    """(examples,) whether an entry is missing: NaN, None, NaT."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind in "mM":
        return np.isnat(values)
    if values.dtype.kind in "biuU":
        return np.zeros(len(values), dtype=np.bool_)
    return np.fromiter(map(is_missing, values.tolist()), dtype=np.bool_, count=len(values))


def require_rows(X: Features) -> None:
    """Raise where there is no row to change.

    Raises:
        ValueError: X has no rows.
    """
    if count_rows(X) == 0:
        raise ValueError("expected at least one row; got X with 0 rows")
