"""The same rows with other features: what a perturbation makes of a dataset, and how two datasets share rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlspec.data.duplicates import row_hashes
from pytest_mlspec.data.forms import (
    Vector,
    as_features,
    copied,
    count_rows,
    frame_column,
    frame_columns,
    is_frame,
    is_sparse,
    is_tensor,
)
from pytest_mlspec.data.marks import mark_of

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset


EXCHANGED = "pair of rows that exchanged values"
"""The name of the clusters that a perturbation makes when it puts values of one row into another."""


def perturbed(data: Dataset, function: Callable[[Any], object], words: str) -> Dataset:
    """The dataset with the features that ``function`` makes of a copy of its own; lineage stays.

    A function may have ``exchanged(n_rows)``, which tells (examples,) the rows that exchanged values: they are
    clusters of the new dataset; and ``redraws``, whether it makes something else of the same rows once there are more.

    Raises:
        ValueError: the number of rows changed, or rows of different clusters exchanged values.
    """
    made = function(copied(data.X))
    if callable(made) and not hasattr(made, "shape"):
        raise TypeError(
            f"expected a perturbation to return features; {words} returned a function: call it first, as in "
            "perturbations.contrast(3)"
        )
    changed = as_features(made)
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
            "redrawn": redrawn(data) or bool(getattr(function, "redraws", False)),
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


FEW_SHARED = 0.05
"""Up to this share of equal rows two datasets may still be samples of their own that happen to meet."""


def unequal_rows(first: Dataset, second: Dataset) -> int:
    """How many rows of two datasets of as many rows differ in their features."""
    return int((row_hashes(first.X, None) != row_hashes(second.X, None)).sum())


def apart(first: Dataset, second: Dataset, *, features: bool = True) -> bool:
    """Whether the two hold cases of their own: no common row by lineage, and none of one kind by content.

    Equal features, or the same truth in the same order, tell of rows that were read or changed by hand. Without
    ``features`` (outputs that came as arrays have none) only the truth is compared.
    """
    if shared_origin(first, second):
        return not np.isin(first.origin_rows, second.origin_rows).any()
    if len(first) == len(second) and _varies(first) and _same_truth(first, second):
        return False
    return not features or float(np.isin(row_hashes(first.X, None), row_hashes(second.X, None)).mean()) <= FEW_SHARED


def _varies(data: Dataset) -> bool:
    return data.y is not None and bool((data.y[1:] != data.y[:-1]).any())


def redrawn(data: Dataset) -> bool:
    """Whether a perturbation would make something else of the same rows if there were more of them."""
    return bool(data.base._cache.get("redrawn", False))


def source(data: Dataset) -> Dataset:
    """The rows before the first perturbation; themselves where there was none."""
    while data.unperturbed is not None:
        data = data.unperturbed
    return data


def is_part(data: Dataset) -> bool:
    """Whether it is a slice that lacks some row of what it was cut from."""
    return data.rows is not None and len(np.unique(data.rows)) < len(data.base)


def reordered(before: Dataset, after: Dataset) -> bool:
    """Whether the rows of both are equal but stand in another order: labels no longer belong to them."""
    first, second = row_hashes(before.X, None), row_hashes(after.X, None)
    return not np.array_equal(first, second) and np.array_equal(np.sort(first), np.sort(second))


def exchanged_by_hand(before: Dataset, after: Dataset) -> tuple[str | int, ...]:
    """Features whose values were handed round among the rows, by something that does not say so.

    Rows that exchanged values depend on each other. ``perturbations.permute`` tells who exchanged with whom.
    """
    if after.cluster_name == EXCHANGED or is_sparse(before.X) or is_tensor(before.X):
        return ()
    return tuple(key for key, old, new in _columns_of_both(before, after) if _handed_round(old, new))


def _columns_of_both(before: Dataset, after: Dataset) -> Iterator[tuple[str | int, Vector, Vector]]:
    if is_frame(before.X) and is_frame(after.X):
        old, new = frame_columns(before.X), frame_columns(after.X)
        for name in old.keys() & new.keys():
            yield name, frame_column(before.X, old[name]), frame_column(after.X, new[name])
        return
    first, second = (np.asarray(data.X) for data in (before, after))
    if first.ndim != 2 or first.shape != second.shape or first.dtype.kind not in "biuf":
        return
    for place in np.flatnonzero((first != second).any(axis=0)).tolist():
        yield place, first[:, place], second[:, place]


def _handed_round(old: Vector, new: Vector) -> bool:
    if old.dtype.kind not in "biuf" or new.dtype.kind not in "biuf":
        return False
    moved = old != new
    # A constant or nearly constant column comes back by chance.
    return bool(moved.mean() > 0.1) and len(np.unique(old)) > 2 and np.array_equal(np.sort(old), np.sort(new))


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
    if first.base is second.base and is_part(first) != is_part(second):
        return int(is_part(second))
    return None
