"""Dependent rows: how many independent cases a rate over clusters is worth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from pytest_mlspec.stats.bounds import BoolArray, FloatArray, Method

KORN_GRAUBARD = Method(
    name="Clopper-Pearson on effective counts",
    bound_class="asymptotic",
    source="Korn & Graubard 1998, Survey Methodology 24:193, capped by Kish's effective number of clusters",
    domain="independent clusters, at least 2",
)

ONE_CLUSTER = "needs at least 2 clusters: the rows of one cluster may all agree, so they show nothing about the next"


def effective_counts(
    sums: npt.ArrayLike, sizes: npt.ArrayLike, level: float
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Successes and trials that stand for clustered rows in a Clopper-Pearson bound at the same level.

    The trials are the smaller of N / deff (the design effect that these rows show) and of G_K = N^2 / sum size^2 (the
    number of clusters, unequal ones discounted: rows of one cluster may all agree although nobody saw it yet), times
    (t_{N-1} / t_{G-1})^2 for the few degrees of freedom behind that design effect.

    Args:
        sums: (..., clusters), successes per cluster, between 0 and the size of the cluster.
        sizes: (clusters,) or (..., clusters), rows per cluster; clusters of size 0 are left out.
        level: one-sided error level in (0, 0.5) at which the bound will be taken.

    Returns:
        Effective successes, effective trials (0 where fewer than 2 clusters have rows: every bound is then trivial)
        and a mask of what can be decided, each of the broadcast shape without its last axis.

    Raises:
        ValueError: sums outside [0, size], negative sizes, or a level outside (0, 0.5).

    Source:
        Korn & Graubard 1998, eq. for n*; Kish 1965, effective number of clusters.
    """
    if not 0.0 < level < 0.5:
        raise ValueError(f"expected a one-sided error level in (0, 0.5), got level={level}")
    hits, rows = np.broadcast_arrays(np.asarray(sums, np.float64), np.asarray(sizes, np.float64))
    if not ((hits >= 0.0) & (hits <= rows)).all():
        raise ValueError("expected 0 <= sums <= sizes in every cluster, got a cluster outside that range")
    n_rows = rows.sum(axis=-1)
    n_clusters = (rows > 0).sum(axis=-1)
    decidable = np.asarray(n_clusters >= 2)
    safe_rows, safe_clusters = np.where(decidable, n_rows, 2.0), np.where(decidable, n_clusters, 2)
    rate = hits.sum(axis=-1) / safe_rows
    spread = ((hits - rate[..., None] * rows) ** 2).sum(axis=-1) * safe_clusters / (safe_clusters - 1)
    binomial_spread = safe_rows * rate * (1.0 - rate)
    mixed = binomial_spread > 1e-9  # all rows alike: no design effect can be seen, the cap decides
    deff = np.where(mixed, spread / np.where(mixed, binomial_spread, 1.0), 1.0)
    kish = n_rows**2 / np.where(decidable, (rows**2).sum(axis=-1), 1.0)
    few = (special.stdtrit(safe_rows - 1.0, 1.0 - level) / special.stdtrit(safe_clusters - 1.0, 1.0 - level)) ** 2
    trials = np.where(decidable, np.minimum(safe_rows / np.maximum(deff, 1.0), kish) * few, 0.0)
    return np.asarray(trials * np.clip(rate, 0.0, 1.0)), np.asarray(trials), decidable
