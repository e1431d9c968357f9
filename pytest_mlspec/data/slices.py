"""Which rows a condition chooses, and the words by which messages call them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping

import numpy as np

from pytest_mlspec.data.columns import Columns, unknown_column
from pytest_mlspec.data.forms import BoolArray, IntArray, Vector
from pytest_mlspec.data.targets import as_vector

_SHOWN_VALUES = 12


def choose_rows(
    columns: Columns, n_examples: int, predicate: object, conditions: Mapping[str, object], where: str
) -> tuple[IntArray, str]:
    """Rows that satisfy a predicate and every condition on a column, with a description such as ``light=night``.

    Args:
        columns: what conditions and predicates can ask for.
        n_examples: number of rows.
        predicate: None, a mask or row numbers, or a function of the columns that returns either.
        conditions: column -> value, several values (any of them), or a function of the column that returns a mask.
        where: name of the data, for messages.

    Raises:
        ValueError: no condition at all, an unknown column, a value that never occurs, or no row left.
    """
    if predicate is None and not conditions:
        raise ValueError("expected a condition such as where(light='night'); got none")
    chosen = np.ones(n_examples, dtype=np.bool_)
    words: list[str] = []
    alone: list[str] = []
    if predicate is not None:
        mask, word = _predicate_mask(predicate, columns, n_examples)
        chosen, words, alone = mask, [word], [f"{word}: {mask.sum()} rows"]
    for name, wanted in conditions.items():
        if name not in columns:
            raise unknown_column(name, columns, where)
        mask, word = condition_mask(columns[name], wanted, name, n_examples)
        if not mask.any():
            raise ValueError(
                f"empty slice: no row of {where} has {word}; {occurring_values(name, columns[name], wanted)}"
            )
        chosen = chosen & mask
        words.append(word)
        alone.append(f"{word}: {mask.sum()} rows")
    if not chosen.any():
        together = f" at once ({'; '.join(alone)})" if len(alone) > 1 else ""
        raise ValueError(f"empty slice: no row of {where} has {' and '.join(words)}{together}")
    return np.flatnonzero(chosen), ", ".join(words)


def condition_mask(values: Vector, wanted: object, name: str, n_examples: int) -> tuple[BoolArray, str]:
    if callable(wanted):
        return _as_mask(wanted(values), n_examples, f"the condition on {name}"), f"{name}={_function_name(wanted)}"
    several = isinstance(wanted, list | tuple | set | frozenset | range | np.ndarray)
    options: list[object] = list(wanted) if several else [wanted]  # type: ignore[call-overload]
    if isinstance(wanted, set | frozenset):
        options.sort(key=str)  # a set of text has another order in every process
    masks = [_equal(values, option) for option in options]
    for option, mask in zip(options, masks, strict=True):
        if isinstance(option, str) and len(options) > 1 and not mask.any():
            raise ValueError(
                f"no row has {name}={option!r}, one of {options}; {occurring_values(name, values, option)}"
            )
    mask = np.logical_or.reduce(masks) if masks else np.zeros(n_examples, dtype=np.bool_)
    return mask, f"{name}={'|'.join(str(option) for option in options)}"


def _equal(values: Vector, option: object) -> BoolArray:
    if isinstance(option, str) != (values.dtype.kind == "U") and values.dtype.kind != "O":
        return np.zeros(values.size, dtype=np.bool_)
    return np.broadcast_to(np.asarray(values == option, dtype=np.bool_), values.shape)


def _predicate_mask(predicate: object, columns: Columns, n_examples: int) -> tuple[BoolArray, str]:
    if callable(predicate):
        name = _function_name(predicate)
        return _mask_or_rows(predicate(columns), n_examples, f"the predicate {name}")[0], name
    return _mask_or_rows(predicate, n_examples, "the predicate")


def _mask_or_rows(chosen: object, n_examples: int, what: str) -> tuple[BoolArray, str]:
    values = as_vector(chosen, what)
    if values.dtype.kind not in "iu":
        return _as_mask(values, n_examples, what), "mask"
    rows = checked_rows(values, n_examples)
    mask = np.zeros(n_examples, dtype=np.bool_)
    mask[rows] = True
    if int(mask.sum()) != rows.size:
        raise ValueError(
            f"expected each row once from {what}; got {rows.size - int(mask.sum())} rows again (see resample)"
        )
    return mask, "rows"


def _as_mask(chosen: object, n_examples: int, what: str) -> BoolArray:
    mask = as_vector(chosen, what)
    if mask.dtype.kind != "b":
        raise TypeError(f"expected True or False per row from {what}; got dtype={mask.dtype}")
    if mask.size != n_examples:
        raise ValueError(f"expected {n_examples} entries from {what}, one per row; got {mask.size}")
    return mask


def checked_rows(rows: object, n_examples: int) -> IntArray:
    """Row numbers as int64 in [0, n_examples); negative ones count from the end.

    Raises:
        TypeError, ValueError: not whole numbers, none at all, or a number that no row has.
    """
    values = as_vector(rows, "rows")
    if values.size == 0:
        raise ValueError("empty slice: expected at least one row number; got none")
    if values.dtype.kind not in "iu":
        raise TypeError(f"expected rows as whole numbers; got dtype={values.dtype}")
    numbers = values.astype(np.int64)
    if numbers.min() < -n_examples or numbers.max() >= n_examples:
        raise ValueError(f"expected row numbers below {n_examples}; got {numbers.min()} to {numbers.max()}")
    return np.where(numbers < 0, numbers + n_examples, numbers)


def _function_name(function: Callable[..., object]) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    return "<condition>" if name == "<lambda>" else str(name)


def occurring_values(name: str, values: Vector, wanted: object) -> str:
    """What the column has instead, with counts, and the value that was probably meant."""
    counts: dict[object, int] = {}
    for value in values.tolist():
        counts[value] = counts.get(value, 0) + 1
    if len(counts) > _SHOWN_VALUES and values.dtype.kind in "iuf":
        text = f", numbers and not text such as {wanted!r}" if isinstance(wanted, str) else ""
        return f"{name} ranges from {np.nanmin(values):g} to {np.nanmax(values):g}{text}"
    near = difflib.get_close_matches(str(wanted), [str(value) for value in counts], n=1)
    meant = next((value for value in counts if near and str(value) == near[0]), None)
    hint = f"; did you mean {meant!r}?" if near else ""
    shown = [f"{value!r} ({count})" for value, count in list(counts.items())[:_SHOWN_VALUES]]
    more = f" and {len(counts) - _SHOWN_VALUES} more values" if len(counts) > _SHOWN_VALUES else ""
    return f"{name} has {', '.join(shown)}{more}{hint}"
