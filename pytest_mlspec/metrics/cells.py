"""A metric in every cell of an operational design domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.stats.bounds import BoolArray, IntArray

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset
    from pytest_mlspec.data.domain import Domain
    from pytest_mlspec.metrics.estimate import Estimate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cell:
    """The metric on the cases of one cell, and the limit of its own that the cell may have.

    Args:
        estimate: the metric on the cell.
        limit: its own limit, if it has one.
        cases: positions of its cases within those that the whole metric was measured on.
    """

    estimate: Estimate
    limit: float | None
    cases: IntArray


def cells_of(estimate: Estimate, domain: Domain) -> tuple[Cell, ...]:
    """One cell for every combination of levels.

    Raises:
        ValueError: a column is missing, or a cell has fewer cases than the domain asks for; every such cell is named.
    """
    data = estimate.predictions.data
    found = {_words(cell): (cell, np.flatnonzero(_mask(data, cell))) for cell in domain}
    sizes = {words: len(rows) for words, (_, rows) in found.items()}
    untested = [f"({words}): {sizes[words]:,} cases" for words in sizes if sizes[words] < domain.min_cases]
    if untested:
        raise ValueError(
            f"untested cell{'s' if len(untested) > 1 else ''} of {data.title}: {'; '.join(untested)}; the domain asks "
            f"for at least {domain.min_cases:,} in each. {_levels_there(data, domain)}"
        )
    outside = len(data) - sum(sizes.values())
    told = f"{outside:,} of {len(data):,} cases lie outside the domain" if outside else ""
    return tuple(
        Cell(estimate=replace(_part(estimate, rows, words), between=told), limit=domain.limit(cell), cases=rows)
        for words, (cell, rows) in found.items()
    )


def _part(estimate: Estimate, rows: np.ndarray, words: str) -> Estimate:
    predictions = estimate.predictions
    part = predictions.on(predictions.data.where(rows, name=words))
    return replace(estimate, predictions=part, evidence=estimate.evidence.take(rows))


def _mask(data: Dataset, cell: Mapping[str, object]) -> BoolArray:
    mask: BoolArray = np.ones(len(data), dtype=np.bool_)
    for column, level in cell.items():
        mask &= np.asarray(data.column(column) == level, dtype=np.bool_)
    return mask


def _words(cell: Mapping[str, object]) -> str:
    return ", ".join(f"{column}={level}" for column, level in cell.items())


def _levels_there(data: Dataset, domain: Domain) -> str:
    parts = []
    for column in domain.columns:
        codes, labels = data.codes(column)
        counts = np.bincount(codes, minlength=len(labels))
        parts.append(f"{column} has " + ", ".join(f"{label} ({n:,})" for label, n in zip(labels, counts, strict=True)))
    return "; ".join(parts)
