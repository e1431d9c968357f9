"""What a data set declares about its rows: which are dependent and how one is known again."""

from __future__ import annotations

from collections.abc import Iterable

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


def _repeated(values: Iterable[object]) -> list[object]:
    seen: set[object] = set()
    return [value for value in values if value in seen or seen.add(value)][:3]  # type: ignore[func-returns-value]
