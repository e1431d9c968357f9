"""Columns of features in any form: named, read and replaced without a change of form, dtype or input.

The columns of a frame go by their names. Arrays and tensors go by position: in more than two dimensions the position is
that in the flattened row, and one dimension (a list of texts, a series) is one column, 0.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
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
    is_tensor,
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
        return frame_column(X, frame_columns(X)[str(column)])
    if is_series(X):
        import narwhals.stable.v1 as nw

        values: Vector = nw.from_native(X, series_only=True).to_numpy()
        return values
    tensor: Vector = X.detach().reshape(len(X), -1)[:, int(column)].cpu().numpy()
    return tensor


def replaced(X: Features, columns: Mapping[Column, Vector]) -> Features:
    """A copy of ``X`` in which these columns have these values, shape (examples,); only changed entries are written.

    Raises:
        ValueError: the column's dtype cannot hold a value, such as 2.5 among integers or a new category.
    """
    if is_frame(X) or is_series(X):
        result = _in_frame(X, columns)
    elif is_tensor(X):
        result = _in_tensor(X, columns)
    else:
        result = _in_array(X, columns)
    for column, values in columns.items():
        _require_held(read(result, column), values, column, X)
    return result


def _in_array(X: Vector, columns: Mapping[Column, Vector]) -> Vector:
    dtype = X.dtype
    if dtype.kind == "U":  # longer text needs wider entries
        dtype = np.result_type(
            dtype, *(np.asarray(values.tolist(), dtype=np.str_).dtype for values in columns.values())
        )
    result = X.astype(dtype, order="C", copy=True)
    for column, values in columns.items():
        try:
            with np.errstate(invalid="ignore", over="ignore"):  # what does not fit is found by reading it back
                result.reshape(len(X), -1)[:, int(column)] = values.astype(dtype)
        except (TypeError, ValueError, OverflowError) as error:
            raise _cannot_hold(column, dtype, values) from error
    return result


def _in_tensor(X: Features, columns: Mapping[Column, Vector]) -> Features:
    torch = sys.modules["torch"]
    result = X.detach().clone(memory_format=torch.contiguous_format)
    for column, values in columns.items():
        try:
            fresh = torch.as_tensor(np.asarray(values.tolist()) if values.dtype.hasobject else values.copy())
            result.view(len(X), -1)[:, int(column)] = fresh.to(dtype=X.dtype, device=X.device)
        except (TypeError, ValueError, RuntimeError) as error:
            raise _cannot_hold(column, X.dtype, values) from error
    return result


def _in_frame(X: Features, columns: Mapping[Column, Vector]) -> Features:
    import narwhals.stable.v1 as nw

    if is_series(X):
        (values,) = columns.values()
        return _scattered(nw.from_native(X, series_only=True), values, 0).to_native()
    frame = nw.from_native(X, eager_only=True)
    natives = frame_columns(X)
    fresh = [_scattered(frame.get_column(natives[str(name)]), values, name) for name, values in columns.items()]
    return frame.with_columns(*fresh).to_native()


def _scattered(series: Features, values: Vector, column: Column) -> Features:
    """The series with the entries that differ written over; a missing entry is the frame's own kind of missing."""
    rows = np.flatnonzero(~same(series.to_numpy(), values))
    if not rows.size:
        return series.clone() if hasattr(series, "clone") else series
    pandas = type(series.to_native()).__module__.partition(".")[0] == "pandas"
    gap = math.nan if pandas and series.dtype.is_float() else None
    entries = values[rows] if values.dtype.kind in "mM" else [gap if _missing(v) else v for v in values[rows].tolist()]
    try:
        result = series.scatter(rows.tolist(), entries)
    except Exception as error:  # every library of frames has errors of its own
        raise _cannot_hold(column, series.dtype, values[rows]) from error
    if result.dtype != series.dtype:
        raise _cannot_hold(column, series.dtype, values[rows])
    return result


def _cannot_hold(column: Column, dtype: object, values: Vector) -> ValueError:
    return ValueError(
        f"expected values that {label((column,))} can hold: its dtype is {dtype}, got {values[:1].tolist()[0]!r}. "
        "Convert the column first"
    )


def _require_held(kept: Vector, values: Vector, column: Column, X: Features) -> None:
    try:
        wanted = values.astype(kept.dtype) if kept.dtype.kind == "f" and values.dtype.kind in "iufO" else values
    except (TypeError, ValueError) as error:
        raise _cannot_hold(column, kept.dtype if is_frame(X) else X.dtype, values) from error
    wrong = np.flatnonzero(~same(kept, wanted))
    if wrong.size:
        raise _cannot_hold(column, kept.dtype if is_frame(X) else X.dtype, values[wrong])


def same(first: Vector, second: Vector) -> BoolArray:
    """(examples,) whether entries are equal, exactly; a missing entry (NaN, None, NaT) equals a missing entry."""
    if first.dtype.kind in "biuf" and second.dtype.kind in "biuf":
        equal: BoolArray = np.asarray(first == second)
        if "f" in (first.dtype.kind, second.dtype.kind):
            equal |= np.isnan(first) & np.isnan(second)
        return equal
    if first.dtype.kind == "U" and second.dtype.kind == "U":
        return np.asarray(first == second)
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    return np.fromiter((_same(one, other) for one, other in pairs), dtype=np.bool_, count=len(first))


def _same(one: object, other: object) -> bool:
    if _missing(one) or _missing(other):
        return _missing(one) and _missing(other)
    return bool(one == other)


def _missing(value: object) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(value != value)


def missing(values: Vector) -> BoolArray:
    """(examples,) whether an entry is missing: NaN, None, NaT."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind in "biuU":
        return np.zeros(len(values), dtype=np.bool_)
    return np.fromiter(map(_missing, values.tolist()), dtype=np.bool_, count=len(values))


def require_rows(X: Features) -> None:
    """Raise where there is no row to change.

    Raises:
        ValueError: X has no rows.
    """
    if count_rows(X) == 0:
        raise ValueError("expected at least one row; got X with 0 rows")
