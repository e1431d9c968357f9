"""Which rows go to which part of a split: strata kept in proportion, clusters kept together."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from pytest_mlspec.data.forms import IntArray


def part_size(amount: float, n_examples: int, part: str) -> int:
    """Rows that a part asks for: a fraction below 1, or a whole number of rows.

    Raises:
        ValueError: a negative amount, a fraction of 1 or more, a broken number, more rows than there are.
    """
    whole = isinstance(amount, int | np.integer) and not isinstance(amount, bool)
    legal = 0 <= amount < n_examples if whole else isinstance(amount, float) and 0.0 <= amount < 1.0
    if not legal:
        raise ValueError(
            f"expected {part} as a fraction in [0, 1) or a whole number of rows below {n_examples}; got {part}={amount!r}"
        )
    size = int(amount) if whole else round(amount * n_examples)
    if size == 0 and amount > 0:
        raise ValueError(f"{part}={amount!r} of {n_examples} rows is less than one row: ask for more")
    return size


def assign_parts(units: IntArray, strata: IntArray, sizes: list[int], seed: int) -> list[IntArray]:
    """Rows of each part, then those left over, each in increasing order.

    Units (single rows, or clusters) are put into a random order in which every stratum is spread evenly: unit ``r`` of
    the ``m`` shuffled units of a stratum sits at ``(r + u) / m`` with one uniform ``u`` a stratum. Consecutive stretches
    of that order are the parts, so that each part has every stratum in proportion to within one unit, and within a
    stratum every choice of units is equally likely (systematic sampling, Madow & Madow 1944).

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
