"""Columns of features replaced in any form, without a change of form, dtype, index or input."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from pytest_mlspec.data.forms import Features, IntArray, Vector, frame_columns, is_frame, is_series, is_tensor
from pytest_mlspec.perturbations.columns import Column, entries, is_missing, label, read, same


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
            raise _cannot_hold(column, dtype, values, lambda value: value.astype(dtype)) from error
    return result


def _in_tensor(X: Features, columns: Mapping[Column, Vector]) -> Features:
    torch = sys.modules["torch"]
    result = X.detach().clone(memory_format=torch.contiguous_format)
    for column, values in columns.items():
        try:
            fresh = torch.as_tensor(_plain(values))
            result.view(len(X), -1)[:, int(column)] = fresh.to(dtype=X.dtype, device=X.device)
        except (TypeError, ValueError, RuntimeError) as error:
            raise _cannot_hold(column, X.dtype, values, lambda value: torch.as_tensor(_plain(value))) from error
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


def _plain(values: Vector) -> Vector:
    """A copy that holds no objects where its entries are numbers."""
    return np.asarray(values.tolist()) if values.dtype.hasobject else values.copy()


def _scattered(series: Features, values: Vector, column: Column) -> Features:
    """The series with the entries that differ written over; a missing entry is the frame's own kind of missing."""
    rows = np.flatnonzero(~same(series.to_numpy(), values))
    if not rows.size:
        return series.clone() if hasattr(series, "clone") else series
    write = _written_in_pandas if type(series.to_native()).__module__.partition(".")[0] == "pandas" else _written

    def hold(value: Vector) -> None:
        first = series[:1]
        kept = write(first, np.zeros(1, dtype=np.int64), value)
        if kept.dtype != first.dtype:
            raise TypeError(f"the column became one of {kept.dtype}")
        _require_held(kept.to_numpy(), value, column, first.to_native())

    try:
        result = write(series, rows, values[rows])
    except Exception as error:  # every library of frames has errors of its own
        raise _cannot_hold(column, series.dtype, values[rows], hold) from error
    if result.dtype != series.dtype:
        raise _cannot_hold(column, series.dtype, values[rows], hold)
    return result


def _written(series: Features, rows: IntArray, values: Vector) -> Features:
    fresh = values if values.dtype.kind in "mM" else [None if is_missing(v) else v for v in values.tolist()]
    return series.scatter(rows.tolist(), fresh)


def _written_in_pandas(series: Features, rows: IntArray, values: Vector) -> Features:
    """By position, whatever the index, and in the dtype of the column, which pandas would otherwise widen or refuse."""
    import narwhals.stable.v1 as nw

    pandas = sys.modules["pandas"]
    native = series.to_native()
    kept = native.array.copy()
    if getattr(native.dtype, "tz", None) is not None and values.dtype.kind == "M":  # read as the time in UTC
        fresh = pandas.DatetimeIndex(values).tz_localize("UTC").tz_convert(native.dtype.tz).array
    else:
        gap = math.nan if native.dtype.kind == "f" else None
        listed = [gap if is_missing(v) else v for v in entries(values)]
        known = isinstance(native.dtype, pandas.CategoricalDtype)  # whose array checks by itself
        fresh = listed if known else pandas.array(listed, dtype=native.dtype)
    kept[rows] = fresh
    return nw.from_native(type(native)(kept, index=native.index, name=native.name), series_only=True)


def _cannot_hold(
    column: Column, dtype: object, values: Vector, hold: Callable[[Vector], object] | None = None
) -> ValueError:
    """The error for a value that a column cannot hold: the first that ``hold`` refuses, or the first of all."""
    offending = values[:1]
    if hold is not None:
        offending = next((one for one in _singly(values) if _refused(hold, one)), offending)
    return ValueError(
        f"expected values that {label((column,))} can hold: its dtype is {dtype}, got {entries(offending)[0]!r}. "
        "Convert the column first"
    )


def _singly(values: Vector) -> Iterator[Vector]:
    return (values[row : row + 1] for row in range(len(values)))


def _refused(hold: Callable[[Vector], object], value: Vector) -> bool:
    try:
        hold(value)
    except Exception:  # as above: of any library
        return True
    return False


def _require_held(kept: Vector, values: Vector, column: Column, X: Features) -> None:
    try:
        wanted = values.astype(kept.dtype) if kept.dtype.kind == "f" and values.dtype.kind in "iufO" else values
    except (TypeError, ValueError) as error:
        dtype = kept.dtype if is_frame(X) else X.dtype
        raise _cannot_hold(column, dtype, values, lambda value: value.astype(kept.dtype)) from error
    wrong = np.flatnonzero(~same(kept, wanted))
    if wrong.size:
        raise _cannot_hold(column, kept.dtype if is_frame(X) else X.dtype, values[wrong])
