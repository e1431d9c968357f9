"""Clustered rates: simulated error rates, also where a whole kind of cluster has not been seen to fail yet."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from pytest_mlspec.stats import binomial, clusters
from tests.validity import table

Floats = npt.NDArray[np.float64]
NAME = clusters.KORN_GRAUBARD.name
# clusters, rows per cluster, intra-cluster correlation
EQUAL = [(20, 10, 0.1), (20, 10, 0.5), (50, 10, 0.3), (200, 5, 0.3), (5, 20, 0.3)]


def beta_binomial(rng: np.random.Generator, n_clusters: int, size: int, icc: float, rate: float, runs: int) -> Floats:
    weight = (1.0 - icc) / icc
    chances = rng.beta(rate * weight, (1.0 - rate) * weight, (runs, n_clusters))
    return rng.binomial(size, chances).astype(np.float64)


def bounds(sums: Floats, sizes: npt.NDArray[np.number], level: float) -> tuple[Floats, Floats]:
    hits, trials, _ = clusters.effective_counts(sums, sizes, level)
    return binomial.lower(hits, trials, level), binomial.upper(hits, trials, level)


def without_the_cap(sums: Floats, sizes: Floats) -> Floats:
    """The first choice: design effect and degrees of freedom only (Korn & Graubard 1998), lower bound at 0.05."""
    n_rows, n_clusters = sizes.sum(axis=1), np.full(len(sums), sums.shape[1])
    rate = sums.sum(axis=1) / n_rows
    spread = ((sums - rate[:, None] * sizes) ** 2).sum(axis=1) * n_clusters / (n_clusters - 1)
    binomial_spread = n_rows * rate * (1 - rate)
    deff = np.divide(spread, binomial_spread, out=np.ones(len(sums)), where=binomial_spread > 0)
    few = (stats.t.ppf(0.95, n_rows - 1) / stats.t.ppf(0.95, n_clusters - 1)) ** 2
    trials = np.minimum(n_rows, n_rows / np.maximum(deff, 1.0) * few)
    return binomial.lower(np.minimum(trials * rate, trials), trials, 0.05)


def judge_equal(n_clusters: int, size: int, icc: float, runs: int, rate: float = 0.9, level: float = 0.05) -> None:
    sums = beta_binomial(np.random.default_rng(17), n_clusters, size, icc, rate, runs)
    low, high = bounds(sums, np.full(n_clusters, size), level)
    case, truth = f"{n_clusters} x {size}, ICC {icc:g}", f"rate = floor {rate:g}, level {level:g}"
    table.record(NAME, case, truth, "false met", int((low > rate).sum()), runs, 1.3 * level)
    table.record(NAME, case, truth, "false violated", int((high < rate).sum()), runs, 1.3 * level)


def large_clusters_that_fail_together(runs: int, n_clusters: int) -> tuple[Floats, Floats, float]:
    """A tenth of the clusters has 200 rows and all of them fail in 14.5 % of the cases; small ones never fail."""
    rng = np.random.default_rng(19)
    sizes = np.where(rng.random((runs, n_clusters)) < 0.1, 200.0, 10.0)
    failing = (sizes == 200.0) & (rng.random(sizes.shape) < 0.145)
    return np.where(failing, 0.0, sizes), sizes, 1.0 - 0.1 * 200 * 0.145 / (0.1 * 200 + 0.9 * 10)


@pytest.mark.parametrize(("n_clusters", "size", "icc"), EQUAL)
def test_equal_clusters(n_clusters: int, size: int, icc: float) -> None:
    judge_equal(n_clusters, size, icc, runs=4000)


@pytest.mark.slow_validity
@pytest.mark.parametrize("level", [0.1, 0.05, 0.01, 0.001])
@pytest.mark.parametrize("rate", [0.5, 0.9, 0.98])
@pytest.mark.parametrize(("n_clusters", "size", "icc"), EQUAL)
def test_equal_clusters_in_full(n_clusters: int, size: int, icc: float, rate: float, level: float) -> None:
    judge_equal(n_clusters, size, icc, 40_000, rate, level)


def test_rows_taken_as_independent_err_several_times_too_often() -> None:
    sums = beta_binomial(np.random.default_rng(17), 50, 10, 0.3, 0.9, 4000).sum(axis=1)

    assert (binomial.lower(sums, 500, 0.05) > 0.9).mean() > 0.15
    assert (binomial.upper(sums, 500, 0.05) < 0.9).mean() > 0.15


@pytest.mark.parametrize("n_clusters", [12, 20, 60])
def test_clusters_of_200_and_10_without_a_failure_seen(n_clusters: int) -> None:
    runs = 4000
    sums, sizes, rate = large_clusters_that_fail_together(runs, n_clusters)
    low, high = bounds(sums, sizes, 0.05)

    assert (without_the_cap(sums, sizes) > rate).mean() > 0.3
    case, truth = f"{n_clusters} clusters of 200 and 10", f"rate = floor {rate:.2f}"
    table.record(NAME, case, truth, "false met", int((low > rate).sum()), runs, 0.065)
    table.record(NAME, case, truth, "false violated", int((high < rate).sum()), runs, 0.065)
