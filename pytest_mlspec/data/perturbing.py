"""The same rows with other features: what a perturbation makes of a dataset, and how two datasets share rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlspec.data.duplicates import row_hashes
from pytest_mlspec.data.forms import as_features, copied, count_rows
from pytest_mlspec.data.marks import mark_of

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset


EXCHANGED = "pair of rows that exchanged values"
"""The name of the clusters that a perturbation makes when it puts values of one row into another."""


def perturbed(data: Dataset, function: Callable[[Any], object], words: str) -> Dataset:
    """The dataset with the features that ``function`` makes of a copy of its own; lineage stays.

    A function may have ``exchanged(n_rows)``, which tells (examples,) the rows that exchanged values: they are
    clusters of the new dataset.

    Raises:
        ValueError: the number of rows changed, or rows of different clusters exchanged values.
    """
    changed = as_features(function(copied(data.X)))
    if count_rows(changed) != len(data):
        raise ValueError(
            f"expected a perturbation to keep the number of rows of {data.title}: {len(data)} went in, "
            f"{count_rows(changed)} came out"
        )
    exchanged = getattr(function, "exchanged", None)
    codes = exchanged(len(data)) if exchanged is not None else None
    clusters = {} if codes is None else {"cluster_codes": codes, "cluster_name": EXCHANGED}
    if codes is not None and data.cluster_codes is not None:
        raise ValueError(
            f"{words} lets rows of different clusters ({data.cluster_name}) of {data.title} exchange values, so that "
            "nothing independent is left: draw from other data, permute(..., donors=street.validation.X)"
        )
    return data._with(
        **clusters,
        _cache={
            "X": changed,
            "X mark": mark_of(changed),
            "y mark": mark_of(data.y),
            "origin_rows": data.origin_rows,
        },
        _origin=data._root,
        _origin_rows=data.origin_rows,
        _parent=None,
        _parent_rows=None,
        _is_slice=False,
        _unperturbed=data,
        perturbations=(*data.perturbations, words),
        description=", ".join(part for part in (data.description, words) if part),
    )


def shared_origin(first: Dataset, second: Dataset) -> bool:
    """Whether the rows of both descend from one dataset."""
    return first._root is second._root or first.origin == second.origin


def same_rows(first: Dataset, second: Dataset) -> bool:
    """Whether both hold the same rows in the same order, whatever was done to their features, under one truth."""
    if len(first) != len(second) or not shared_origin(first, second):
        return False
    return np.array_equal(first.origin_rows, second.origin_rows) and _same_truth(first, second)


def equal_features(first: Dataset, second: Dataset) -> bool:
    """Whether two datasets of as many rows hold the same features, entry by entry."""
    return np.array_equal(row_hashes(first.X, None), row_hashes(second.X, None))


def _same_truth(first: Dataset, second: Dataset) -> bool:
    if first.y is None or second.y is None:
        return first.y is second.y
    return bool(np.array_equal(first.y, second.y))


def apart(first: Dataset, second: Dataset) -> bool:
    """Whether the two have no row in common, as far as lineage shows."""
    return not shared_origin(first, second) or not np.isin(first.origin_rows, second.origin_rows).any()


def stressed_side(first: Dataset, second: Dataset) -> int | None:
    """Which of two datasets is the stressed one: 0, 1, or None where nothing tells.

    A perturbed copy is stressed against its source, a named shifted set against a ``test`` or ``validation`` part,
    and a slice against the whole it was cut from.
    """
    steps = (len(first.perturbations), len(second.perturbations))
    shifted = tuple(data.base.role not in ("test", "validation") for data in (first, second))
    if shared_origin(first, second) and steps[0] != steps[1]:
        return int(steps[1] > steps[0])
    if shifted[0] != shifted[1]:
        return int(shifted[1])
    if steps[0] != steps[1]:
        return int(steps[1] > steps[0])
    if first.base is second.base and (first.rows is None) != (second.rows is None):
        return int(first.rows is None)
    return None
