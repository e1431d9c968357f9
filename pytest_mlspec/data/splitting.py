"""Which rows go to which part of a split: strata kept in proportion, clusters kept together."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from pytest_mlspec.data.dataset import Dataset
from pytest_mlspec.data.forms import IntArray
from pytest_mlspec.data.groups import code_values
from pytest_mlspec.data.splits import Splits


def split(
    dataset: Dataset,
    *,
    test: float = 0.3,
    validation: float = 0.0,
    stratify: bool = False,
    by: str | None = None,
    seed: int = 0,
    max_duplicates: float = 0.01,
) -> Splits:
    """Split rows at random into train, validation and test data that share no row and no cluster.

    Args:
        dataset: what to split.
        test, validation: fraction of the rows in [0, 1), or a whole number of rows; with clusters as near to it as
            whole clusters allow.
        stratify: keep the classes of ``y`` in proportion in every part, to within one row.
        by: column whose values must stay together, besides the declared clusters.
        seed: of the random order; the same seed gives the same parts.
        max_duplicates: see :class:`Splits`.

    Raises:
        ValueError: a part without rows, a class too small for its parts, ``stratify`` without class labels.
    """
    wanted = {"test": test, "validation": validation}
    sizes = {part: part_size(amount, len(dataset), part) for part, amount in wanted.items() if amount}
    if not sizes:
        raise ValueError(f"expected a part to hold out; got test={test!r}, validation={validation!r}")
    if sum(sizes.values()) >= len(dataset):
        raise ValueError(
            f"expected rows left to train on; test={test!r} and validation={validation!r} take all {len(dataset)}"
        )
    units = _units(dataset, by)
    strata = _strata(dataset, len(sizes) + 1) if stratify else np.zeros(len(dataset), dtype=np.int64)
    rows = assign_parts(units, strata, list(sizes.values()), seed)
    chosen = dict(zip([*sizes, "train"], rows, strict=True))
    empty = [part for part, part_rows in chosen.items() if part_rows.size == 0]
    if empty:
        raise ValueError(
            f"expected rows in every part; {' and '.join(empty)} got none: {units.max() + 1} clusters in "
            f"{len(dataset)} rows cannot be divided so"
        )
    parts = {part: dataset._at(part_rows) for part, part_rows in chosen.items()}
    return Splits(
        train=parts["train"],
        validation=parts.get("validation"),
        test=parts.get("test"),
        max_duplicates=max_duplicates,
        name=dataset.name,
    )


def _units(dataset: Dataset, by: str | None) -> IntArray:
    together: list[IntArray] = []
    if by is not None:
        together.append(code_values(dataset.column(by), f"column {by!r}")[0])
    if dataset.cluster_codes is not None:
        together.append(np.unique(dataset.cluster_codes, return_inverse=True)[1].astype(np.int64))
    if not together:
        return np.arange(len(dataset), dtype=np.int64)
    return together[0] if len(together) == 1 else joined_units(*together)


def _strata(dataset: Dataset, n_parts: int) -> IntArray:
    if dataset.y is None or dataset.classes is None:
        why = "there is no y" if dataset.y is None else "y holds numbers to predict"
        raise ValueError(f"expected class labels for stratify=True; {why}. Pass stratify=False or Dataset(classes=...)")
    codes, values = code_values(dataset.y, "y")
    counts = np.bincount(codes)
    if counts.min() < n_parts:
        rarest = values[int(counts.argmin())]
        raise ValueError(
            f"expected at least {n_parts} rows of every class for stratify=True; class {rarest!r} has {counts.min()}"
        )
    return codes


def part_size(amount: float, n_examples: int, part: str) -> int:
    """Rows that a part asks for: a fraction below 1, or a whole number of rows.

    Raises:
        ValueError: a negative amount, a fraction of 1 or more, a broken number, more rows than there are.
    """
    whole = isinstance(amount, int | np.integer) and not isinstance(amount, bool)
    legal = 0 <= amount < n_examples if whole else isinstance(amount, float) and 0.0 <= amount < 1.0
    if not legal:
        raise ValueError(
            f"expected {part} as a fraction in [0, 1) or a whole number of rows below {n_examples}; "
            f"got {part}={amount!r}"
        )
    size = int(amount) if whole else round(amount * n_examples)
    if size == 0 and amount > 0:
        raise ValueError(f"{part}={amount!r} of {n_examples} rows is less than one row: ask for more")
    return size


def assign_parts(units: IntArray, strata: IntArray, sizes: list[int], seed: int) -> list[IntArray]:
    """Rows of each part, then those left over, each in increasing order.

    Units (single rows, or clusters) are put into a random order in which every stratum is spread evenly: unit ``r`` of
    the ``m`` shuffled units of a stratum sits at ``(r + u) / m`` with one uniform ``u`` a stratum. Consecutive
    stretches of that order are the parts, so that each part has every stratum in proportion to within one unit, and
    within a stratum every choice of units is equally likely (systematic sampling, Madow & Madow 1944).

    Args:
        units: shape (examples,), the unit of each row, coded 0, 1, ...
        strata: shape (examples,), the stratum of each row; that of a unit is its most frequent one.
        sizes: rows asked for in each part; with clusters as near to it as whole units allow.
        seed: of the random order.
    """
    weights = np.bincount(units)
    order = _spread_order(_unit_strata(units, strata, weights.size), seed)
    filled = np.concatenate([[0], np.cumsum(weights[order])])
    cuts = [0]
    for target in np.cumsum(sizes):
        cuts.append(max(int(np.abs(filled - target).argmin()), cuts[-1]))
    parts_of_units = np.full(weights.size, len(sizes))
    for part, (start, stop) in enumerate(pairwise(cuts)):
        parts_of_units[order[start:stop]] = part
    parts = parts_of_units[units]
    return [np.flatnonzero(parts == part) for part in range(len(sizes) + 1)]


def _unit_strata(units: IntArray, strata: IntArray, n_units: int) -> IntArray:
    if n_units == strata.size:  # every row is a unit of its own
        alone: IntArray = np.empty_like(strata)
        alone[units] = strata
        return alone
    table = np.zeros((n_units, int(strata.max()) + 1), dtype=np.int64)
    np.add.at(table, (units, strata), 1)
    most_frequent: IntArray = table.argmax(axis=1)
    return most_frequent


def _spread_order(strata: IntArray, seed: int) -> IntArray:
    random = np.random.default_rng(np.random.SeedSequence(seed))
    shuffled = random.permutation(strata.size)
    by_stratum = shuffled[np.argsort(strata[shuffled], kind="stable")]
    counts = np.bincount(strata)
    first = np.cumsum(counts) - counts
    rank = np.empty(strata.size, dtype=np.int64)
    rank[by_stratum] = np.arange(strata.size) - first[strata[by_stratum]]
    position = (rank + random.random(counts.size)[strata]) / counts[strata]
    return shuffled[np.argsort(position[shuffled], kind="stable")]


def joined_units(first: IntArray, second: IntArray) -> IntArray:
    """Units that respect two groupings at once: the connected components of rows that share a group of either."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n_first = int(first.max()) + 1
    n_nodes = n_first + int(second.max()) + 1
    links = coo_matrix((np.ones(first.size), (first, second + n_first)), shape=(n_nodes, n_nodes))
    nodes = connected_components(links, directed=False)[1]
    components: IntArray = np.unique(nodes[first], return_inverse=True)[1].astype(np.int64)
    return components
