"""The fields of a data set: checked when it is made, handed on to its parts, packed to cross processes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from typing import TYPE_CHECKING

from pytest_mlspec.data.columns import columns_of
from pytest_mlspec.data.declarations import budget_of, check_length, clusters_of, ids_of, require_same_order
from pytest_mlspec.data.forms import IntArray, as_features, count_rows
from pytest_mlspec.data.marks import mark_of
from pytest_mlspec.data.targets import as_target, classes_of, positive_of

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset


def new_values(
    X: object,
    y: object,
    *,
    columns: object,
    positive: object,
    classes: Collection[object] | None,
    clusters: object,
    ids: object,
    name: str | None,
    budget: int | None,
) -> dict[str, object]:
    """The fields of a data set that begins a lineage of its own.

    Raises:
        TypeError, ValueError: as `Dataset` says.
    """
    features = as_features(X)
    n_examples = count_rows(features)
    if n_examples == 0:
        raise ValueError("expected at least one row; got X with 0 rows")
    require_same_order({"X": X, "y": y, "clusters": clusters, "ids": ids}, columns)
    target = None if y is None else as_target(y)
    check_length("y", target, n_examples)
    known = columns_of(features, columns, n_examples)
    named = classes_of(target, classes)
    cluster_name, cluster_codes = clusters_of(clusters, known, n_examples)
    return {
        "y": target,
        "columns": known,
        "positive": positive_of(target, named, positive),
        "classes": named,
        "cluster_name": cluster_name,
        "cluster_codes": cluster_codes,
        "ids": ids_of(ids, n_examples),
        "name": name or "",
        "budget": budget_of(budget),
        "role": "",
        "description": "",
        "perturbations": (),
        "_unperturbed": None,
        "_parent": None,
        "_parent_rows": None,
        "_is_slice": False,
        "_origin": None,
        "_origin_rows": None,
        "_cache": {"X": features, "X mark": mark_of(features), "y mark": mark_of(target)},
    }


def part_values(whole: Dataset, rows: IntArray) -> dict[str, object]:
    """The fields in which the given rows differ from the whole; features are not copied yet."""
    parent = whole.base
    parent_rows = rows if whole.rows is None else whole.rows[rows]
    values: dict[str, object] = {
        "y": None if whole.y is None else whole.y[rows],
        "columns": parent.columns.take(parent_rows),
        "cluster_codes": None if whole.cluster_codes is None else whole.cluster_codes[rows],
        "ids": None if whole.ids is None else whole.ids[rows],
        "_parent": parent,
        "_parent_rows": parent_rows,
        "_is_slice": False,
        "_origin": whole._root,
        "_origin_rows": whole.origin_rows[rows],
        "_unperturbed": None,
    }
    return values | {"_cache": {"y mark": mark_of(values["y"])}}


def packed_values(dataset: Dataset) -> dict[str, object]:
    """The fields that cross to another process: a part does not take its whole origin along."""
    values: dict[str, object] = {field.name: getattr(dataset, field.name) for field in fields(dataset)}
    values["_cache"] = {key: dataset._cache[key] for key in ("fingerprint",) if key in dataset._cache}
    if not dataset._is_slice:
        kept = {key: value for key, value in dataset._cache.items() if key not in ("X mark", "y mark")}
        values |= {"_parent": None, "_parent_rows": None, "_cache": {**kept, "X": dataset._features()}}
    return values | {"_origin": None if dataset._origin is None else dataset.origin, "_unperturbed": None}
