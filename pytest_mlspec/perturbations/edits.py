"""Counterfactual edits: one thing of every row is changed and the rest stays; and which columns a change touched."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pytest_mlspec.data.forms import Features, Vector, as_features, count_rows, is_frame, is_sparse
from pytest_mlspec.perturbations.changing import ColumnChange
from pytest_mlspec.perturbations.columns import Column, as_columns, label, names_of, read, same


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """Sets a column to one value, maps its values, or applies a function to the whole column."""

    to: object

    def change(self, values: Vector, random: np.random.Generator, column: Column, *, whole: bool) -> Vector:
        """(examples,) the edited values."""
        if isinstance(self.to, Mapping):
            return _mapped(values, self.to, column)
        if callable(self.to):
            changed = np.asarray(self.to(values.copy()))
            if changed.shape != values.shape:
                raise ValueError(
                    f"expected one value per row from the edit of {label((column,))}: {values.shape} went in, "
                    f"{changed.shape} came out"
                )
            return changed
        return _filled(values, self.to)


def _filled(values: Vector, value: object) -> Vector:
    filled = np.empty(len(values), dtype=object)
    filled.fill(value)
    return filled


def _mapped(values: Vector, mapping: Mapping[object, object], column: Column) -> Vector:
    found = set(values.tolist())
    absent = [key for key in mapping if key not in found]
    if len(absent) == len(mapping):
        near = difflib.get_close_matches(str(absent[0]), [str(value) for value in found], n=1) if absent else []
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"expected a value of {label((column,))} among the keys of the edit; none of {list(mapping)} occurs{hint}"
        )
    return _objects([mapping.get(value, value) for value in values.tolist()])


def _objects(entries: list[object]) -> Vector:
    made = np.empty(len(entries), dtype=object)
    made[:] = entries
    return made


def edit(column: str | int, to: object | Callable[[Vector], object] | Mapping[object, object]) -> ColumnChange:
    """A perturbation that changes one column and nothing else: what would the model say if only this were different?

    Args:
        column: name in a frame, position in an array or tensor.
        to: the value that every row gets; or a mapping from old to new values (others stay); or a function from the
            column, shape (examples,), to its new values. Rows that have their new value already stay as they are.

    Returns:
        A function from features to changed features of the same form and dtype.

    Raises:
        ValueError: at the call: an unknown column, a value that the column's dtype cannot hold, nothing changed.

    Source:
        Kusner et al. 2017, Counterfactual fairness (the direct effect only: what the edited thing causes stays).

    Example:
        >>> edit(0, to={1: 2})(np.array([[1, 7], [3, 7]])).tolist()
        [[2, 7], [3, 7]]
    """
    columns = as_columns(column)
    if len(columns) != 1:
        raise ValueError(f"expected one column to edit; got column={column!r}")
    if isinstance(to, Mapping) and not to:
        raise ValueError("expected at least one value to change; got to={}")
    return ColumnChange(name=f"{label(columns)} {_words(to)}", columns=columns, rule=Edited(to=to))


def _words(to: object) -> str:
    if isinstance(to, Mapping):
        listed = [f"{old} to {new}" for old, new in to.items()]
        return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")
    if callable(to):
        name = str(getattr(to, "__name__", type(to).__name__))
        return "edited" if name == "<lambda>" else f"by {name}"
    return f"to {to}"


def changed_columns(X_before: object, X_after: object) -> tuple[str | int, ...]:
    """Which columns differ in at least one row, compared exactly; NaN equals NaN.

    Args:
        X_before: features, shape (examples, ...), in any form that a dataset takes.
        X_after: features of the same form and shape.

    Returns:
        Names in a frame, in its order; positions in an array or tensor, in the flattened row where it has more than two
        dimensions.

    Raises:
        TypeError, ValueError: forms, shapes or columns that differ.

    Example:
        >>> changed_columns([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 5.0]])
        (1,)
    """
    before, after = as_features(X_before), as_features(X_after)
    if is_frame(before) != is_frame(after) or is_sparse(before) != is_sparse(after):
        raise TypeError(f"expected features of one form; got {type(before).__name__} and {type(after).__name__}")
    if is_sparse(before):
        return _changed_sparse(before, after)
    columns = names_of(before)
    if count_rows(before) != count_rows(after) or columns != names_of(after):
        raise ValueError(f"expected the same rows and columns; got {_size(before)} and {_size(after)}")
    if isinstance(before, np.ndarray) and isinstance(after, np.ndarray) and before.ndim > 1:
        return _changed_array(before, after)
    return tuple(column for column in columns if not same(read(before, column), read(after, column)).all())


def _size(X: Features) -> str:
    names = names_of(X)
    return f"{count_rows(X)} rows of {', '.join(map(str, names)) if is_frame(X) else f'{len(names)} columns'}"


def _changed_array(before: Vector, after: Vector) -> tuple[int, ...]:
    rows, others = before.reshape(len(before), -1), after.reshape(len(after), -1)
    suspects = np.flatnonzero((rows != others).any(axis=0))  # NaN is unlike itself: looked at again
    return tuple(int(column) for column in suspects if not same(rows[:, column], others[:, column]).all())


def _changed_sparse(before: Features, after: Features) -> tuple[int, ...]:
    if before.shape != after.shape:
        raise ValueError(f"expected the same rows and columns; got shapes {before.shape} and {after.shape}")
    rows, columns = (before != after).nonzero()
    old, new = (np.asarray(X[rows, columns], dtype=np.float64).reshape(-1) for X in (before, after))
    return tuple(np.unique(columns[~same(old, new)]).tolist())
