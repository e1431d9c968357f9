"""Rows drawn with replacement."""

from __future__ import annotations

import numpy as np

from pytest_mlspec.data.forms import IntArray


def bootstrap_rows(n_examples: int, cluster_codes: IntArray | None, seed: int) -> IntArray:
    """Row numbers of a bootstrap sample: rows, or whole clusters, drawn with replacement.

    Args:
        n_examples: number of rows to draw from.
        cluster_codes: shape (examples,); None for independent rows.
        seed: of the draw.

    Returns:
        As many rows, or the rows of as many clusters, as there are.
    """
    random = np.random.default_rng(np.random.SeedSequence(seed))
    if cluster_codes is None:
        return random.integers(n_examples, size=n_examples)
    units = np.unique(cluster_codes, return_inverse=True)[1]
    members = np.split(np.argsort(units, kind="stable"), np.cumsum(np.bincount(units))[:-1])
    drawn = random.integers(len(members), size=len(members))
    return np.concatenate([members[unit] for unit in drawn])
