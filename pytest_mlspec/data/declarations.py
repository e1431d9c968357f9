"""What a data set declares about its rows: which are dependent, how one is known again, that they are the same rows."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_mlspec.data.columns import Columns, unknown_column
from pytest_mlspec.data.forms import IntArray, Vector
from pytest_mlspec.data.groups import code_values
from pytest_mlspec.data.targets import as_vector


def check_length(what: str, values: Vector | None, n_examples: int) -> None:
    """Raise unless ``values`` has one entry per row of X; None passes."""
    if values is not None and values.size != n_examples:
        raise ValueError(
            f"expected one entry of {what} per row of X: X has {n_examples} rows, {what} has {values.size}"
        )


def require_same_order(parts: Mapping[str, object], columns: object = None) -> None:
    """Raise where pandas objects label the same rows in another order: rows are matched by position, never by index.

    Indexes of other labels pass: a fresh series numbered from 0 beside a sample of a frame is in the frame's order.
    """
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return
    listed = columns.items() if isinstance(columns, Mapping) else ()
    known: tuple[str, Any] | None = None
    for name, values in {**parts, "columns": columns, **{f"column {key!r}": part for key, part in listed}}.items():
        if not isinstance(values, (pandas.DataFrame, pandas.Series)):
            continue
        index = values.index
        if known is None:
            known = name, index
        elif _reordered(known[1], index):
            row = int((known[1] != index).argmax())
            raise ValueError(
                f"expected {name} in the order of {known[0]}: they have the same pandas index in another order (row "
                f"{row} is {known[1][row]} in {known[0]}, {index[row]} in {name}), and rows are matched by position. "
                "Align them by .loc[...index], or pass .to_numpy() where the order is right"
            )


def _reordered(first: Any, second: Any) -> bool:
    if len(first) != len(second) or first.equals(second):
        return False
    return first.is_unique and second.is_unique and bool(first.isin(second).all())


def clusters_of(clusters: object, columns: Columns, n_examples: int) -> tuple[str | None, IntArray | None]:
    """Name and codes, shape (examples,), of the clusters given as a column's name or as one value per row."""
    if clusters is None:
        return None, None
    if isinstance(clusters, str):
        if clusters not in columns:
            raise unknown_column(clusters, columns, "the data (clusters=)")
        return clusters, code_values(columns[clusters], f"column {clusters!r}")[0]
    values = as_vector(clusters, "clusters")
    check_length("clusters", values, n_examples)
    return "clusters", code_values(values, "clusters")[0]


def ids_of(ids: object, n_examples: int) -> Vector | None:
    """Row ids of shape (examples,), each once."""
    if ids is None:
        return None
    values = as_vector(ids, "ids")
    check_length("ids", values, n_examples)
    twice = _repeated(values.tolist())
    if twice:
        raise ValueError(f"expected a unique id per row; got {twice} more than once. Rows of one patient: clusters=")
    return values.copy()


def budget_of(budget: object) -> int | None:
    """How many models may be judged on the data; None where nobody said."""
    if budget is None or (isinstance(budget, int) and not isinstance(budget, bool) and budget >= 1):
        return budget
    kind = TypeError if isinstance(budget, bool) or not isinstance(budget, int) else ValueError
    raise kind(f"expected budget as a whole number of models, 1 or more; got budget={budget!r}")


def _repeated(values: Iterable[object]) -> list[object]:
    seen: set[object] = set()
    return [value for value in values if value in seen or seen.add(value)][:3]  # type: ignore[func-returns-value]
