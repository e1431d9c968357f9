"""Targets and other vectors with one entry per example: to NumPy, checked, their classes named."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TypeAlias

import numpy as np

from pytest_mlspec.data.forms import (
    Vector,
    frame_column,
    frame_columns,
    is_frame,
    is_series,
    is_tensor,
)

Label: TypeAlias = str | int | float | bool

_TRUTH = (bool, np.bool_)
_WHOLE = (int, np.integer)
_REAL = (int, float, np.integer, np.floating)


def as_vector(values: object, what: str) -> Vector:
    """One-dimensional NumPy array of ``values``; object entries of one kind get that kind's dtype.

    Args:
        values: NumPy array, list, pandas or polars series, one-column frame, torch tensor; shape (examples,).
        what: how messages call it, such as ``y`` or ``column 'light'``.

    Raises:
        TypeError: ``values`` is a single value or a mapping.
        ValueError: ``values`` has more than one dimension.
    """
    if is_frame(values):
        names = frame_columns(values)
        if len(names) != 1:
            raise ValueError(_two_dimensional(what, f"a frame with {len(names)} columns"))
        values = frame_column(values, next(iter(names.values())))
    elif is_series(values):
        import narwhals.stable.v1 as nw

        values = nw.from_native(values, series_only=True).to_numpy()  # type: ignore[call-overload]
    elif is_tensor(values):
        values = values.detach().cpu().numpy()  # type: ignore[attr-defined]
    elif isinstance(values, str | bytes | dict | set | frozenset) or not hasattr(values, "__len__"):
        raise TypeError(f"expected {what} as one value per example; got {what}={values!r}")
    array = _to_array(values, what)
    if array.ndim != 1:
        raise ValueError(_two_dimensional(what, f"shape {array.shape}"))
    return _narrowed(array)


def _to_array(values: object, what: str) -> Vector:
    if isinstance(values, np.ndarray):
        return values
    kinds = {type(value) for value in values}  # type: ignore[attr-defined]
    if any(issubclass(kind, list | tuple | set | dict | np.ndarray) for kind in kinds):
        raise ValueError(_two_dimensional(what, "several values for one example"))
    mixed = any(issubclass(kind, str) for kind in kinds) and len(kinds) > 1
    return np.asarray(values, dtype=object if mixed or type(None) in kinds else None)


def _two_dimensional(what: str, came: str) -> str:
    if what != "y":
        return f"expected {what} with one value per example (one dimension); got {came}"
    return f"multi-label and multi-output are not supported: expected y with one value per example, got {came}" + (
        "; pass y.ravel()" if came.endswith(", 1)") else ""
    )


def _narrowed(array: Vector) -> Vector:
    """Give an object array the dtype that all its entries share; text becomes NumPy text, which sorts fast."""
    if array.dtype.kind == "T":
        array = array.astype(object)
    if array.dtype.kind != "O" or array.size == 0:
        return array
    values = array.tolist()
    if all(isinstance(value, str) for value in values):
        return array.astype(str)
    if all(isinstance(value, _TRUTH) for value in values):
        return array.astype(np.bool_)
    if any(isinstance(value, _TRUTH) for value in values):
        return array
    if all(isinstance(value, _WHOLE) for value in values):
        return np.asarray(values)
    return array.astype(np.float64) if all(isinstance(value, _REAL) for value in values) else array


def missing_rows(values: Vector) -> Vector:
    """Row numbers whose entry is missing: NaN, NaT or None."""
    if values.dtype.kind in "fcmM":
        return np.flatnonzero(np.isnan(values) if values.dtype.kind in "fc" else np.isnat(values))
    if values.dtype.kind != "O":
        return np.empty(0, dtype=np.int64)
    return np.array([row for row, value in enumerate(values.tolist()) if _is_missing(value)], dtype=np.int64)


def _is_missing(value: object) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and math.isnan(value)


def as_target(y: object) -> Vector:
    """``y`` as a NumPy vector of its own without missing or infinite entries.

    Raises:
        TypeError, ValueError: more than one dimension, complex numbers, a missing or infinite entry.
    """
    array = as_vector(y, "y")
    if array.dtype.kind == "c":
        raise TypeError(f"expected real numbers or labels in y; got dtype={array.dtype}")
    bad = missing_rows(array)
    if bad.size == 0 and array.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise ValueError(
            f"expected y without missing or infinite values; got y[{bad[0]}]={array[bad[0]]} "
            f"({bad.size} such rows of {array.size}). Drop these rows, or fill in their labels"
        )
    return array.copy()


def classes_of(y: Vector | None, declared: Collection[object] | None) -> Vector | None:
    """The classes of a target: those declared, else the sorted distinct labels, else None for a number to predict.

    Integers, booleans and text are labels. Floats are numbers to predict, however round they are (a count, a price);
    only a float ``y`` that holds exactly 0.0 and 1.0 is taken for labels.

    Raises:
        ValueError: declared classes repeat, or ``y`` has a label that is not among them.
    """
    if declared is not None:
        return _declared_classes(y, declared)
    if y is None:
        return None
    distinct = distinct_values(y, "y")
    if y.dtype.kind == "f" and distinct.tolist() != [0.0, 1.0]:
        return None
    return distinct


def _declared_classes(y: Vector | None, declared: Collection[object]) -> Vector:
    classes = as_vector(declared if hasattr(declared, "dtype") else list(declared), "classes")
    shown = classes.tolist()
    if len(set(shown)) != len(shown) or not shown:
        raise ValueError(f"expected at least one class and each class once; got classes={shown}")
    strangers = [] if y is None else [label for label in distinct_values(y, "y").tolist() if label not in shown]
    if strangers:
        raise ValueError(f"expected every label of y among classes={shown}; got {strangers[:5]} in y")
    return classes


def distinct_values(values: Vector, what: str) -> Vector:
    """Sorted distinct entries of ``values``."""
    try:
        return np.unique(values)
    except TypeError as error:
        kinds = sorted({type(value).__name__ for value in values.tolist()})
        raise TypeError(
            f"expected one kind of value in {what}; got {' and '.join(kinds)}. Convert them to one"
        ) from error


def positive_of(y: Vector | None, classes: Vector | None, declared: object) -> Label | None:
    """The positive class as a builtin value: the declared one, else True or 1 for {False, True} or {0, 1} labels.

    Raises:
        ValueError: the declared class is not among the classes, or ``y`` has no classes.
    """
    known = [] if classes is None else classes.tolist()
    if declared is None:
        return _default_positive(known)
    if classes is None:
        why = "there is no y" if y is None else f"y holds numbers to predict (dtype={y.dtype})"
        raise ValueError(
            f"expected no positive class because {why}; got positive={declared!r}. Pass classes= or y > limit"
        )
    for label in known:
        # True == 1 in Python: a bool names a bool class only where the classes are bools or {0, 1}.
        if label == declared:
            chosen: Label = label
            return chosen
    raise ValueError(f"expected positive to be one of the classes {known}; got positive={declared!r}")


def _default_positive(known: list[Label]) -> Label | None:
    if not known or len(known) > 2 or any(isinstance(label, str) or label not in (0, 1) for label in known):
        return None
    kind = type(known[0])
    return kind(1)
