"""Groups of examples: one small integer per example, for one column or for the intersections of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pytest_mlspec.data.forms import IntArray, Vector
from pytest_mlspec.data.targets import missing_rows

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset

Codes = npt.NDArray[np.uint8] | IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Every example's group.

    ``codes`` has shape (examples,) and indexes ``labels`` and ``sizes``; every group has at least one example.
    ``missing`` names the intersections that no example belongs to, so that an untested one can be reported.
    """

    by: tuple[str, ...]
    codes: Codes
    labels: tuple[str, ...]
    sizes: IntArray
    missing: tuple[str, ...]


def code_values(values: Vector, what: str) -> tuple[IntArray, list[object]]:
    """Code each entry of ``values`` by its rank among the distinct entries, which come back as builtin values.

    Raises:
        ValueError: an entry is missing.
    """
    bad = missing_rows(values)
    if bad.size:
        raise ValueError(
            f"expected a group for every row in {what}; got {values[bad[0]]} in row {bad[0]} "
            f"({bad.size} of {values.size} rows are missing). "
            "Give them a value of their own, such as 'unknown', or leave them out with where(...)"
        )
    if values.dtype.kind in "OUST":
        return _code_objects(values.tolist())
    distinct, codes = np.unique(values, return_inverse=True)
    return codes.reshape(-1).astype(np.int64, copy=False), distinct.tolist()


def _code_objects(values: list[object]) -> tuple[IntArray, list[object]]:
    """Code by a dictionary: sorting a million strings would take ten times as long."""
    distinct = list(dict.fromkeys(values))
    try:
        distinct.sort()
    except TypeError:
        distinct.sort(key=lambda value: (type(value).__name__, str(value)))
    rank = {value: code for code, value in enumerate(distinct)}
    return np.fromiter(map(rank.__getitem__, values), dtype=np.int64, count=len(values)), distinct


def label_texts(values: Sequence[object]) -> list[str]:
    """Values as messages show them: 65.0 as ``65``; quoted where two would read the same (1 and '1')."""
    texts = [str(int(value)) if isinstance(value, float) and value.is_integer() else str(value) for value in values]
    return texts if len(set(texts)) == len(texts) else [repr(value) for value in values]


def groups_of(data: Dataset, by: tuple[str, ...]) -> Groups:
    """The group of every example of a dataset by some of its columns.

    Raises:
        ValueError: no column, one twice, an unknown one, or ``label`` where y holds numbers to predict.
    """
    if not by or len(set(by)) != len(by):
        raise ValueError(f"expected at least one column and each once; got by={list(by)!r}")
    columns = {name: data.column(name) for name in by}
    by_class = "label" in by and "label" not in data.columns
    if by_class and data.classes is None:
        raise ValueError(f"expected class labels in y of {data.title} for by='label'; y holds numbers to predict")
    return group(columns, len(data), data.classes if by_class else None)


def group(columns: Mapping[str, Vector], n_examples: int, classes: Vector | None = None) -> Groups:
    """Group examples by one column, or by the intersections of several that occur.

    Args:
        columns: name -> values of shape (examples,), in the order in which labels are joined.
        n_examples: number of examples.
        classes: for the column named ``label``: the classes that should occur, in order; absent ones are missing.
    """
    cells = np.zeros(n_examples, dtype=np.int64)
    texts = [""]
    for name, values in columns.items():
        codes, distinct = code_values(values, f"column {name!r}")
        if name == "label" and classes is not None:
            known = classes.tolist()
            codes, distinct = np.array([known.index(value) for value in distinct])[codes], known
        here = label_texts(distinct)
        cells = cells * len(here) + codes
        texts = [f"{before}, {text}" if before else text for before in texts for text in here]
    return _compact(tuple(columns), cells, texts)


def _compact(by: tuple[str, ...], cells: IntArray, texts: list[str]) -> Groups:
    counts = np.bincount(cells, minlength=len(texts))
    present = np.flatnonzero(counts)
    rank = np.zeros(len(texts), dtype=np.int64)
    rank[present] = np.arange(present.size)
    codes: Codes = rank.astype(np.uint8)[cells] if present.size <= 255 else rank[cells]
    codes.flags.writeable = False
    return Groups(
        by=by,
        codes=codes,
        labels=tuple(texts[cell] for cell in present),
        sizes=counts[present].astype(np.int64),
        missing=tuple(texts[cell] for cell in np.flatnonzero(counts == 0)),
    )
