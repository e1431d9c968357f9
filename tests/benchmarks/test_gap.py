"""The gap over 20 groups with both bounds costs at most ten sums of the column of hits."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from pytest_mlspec.stats import counting, pairs

N_EXAMPLES, N_GROUPS, REPEATS = 1_000_000, 20, 31


def seconds(run: Callable[[], object]) -> float:
    """Processor time of this thread: neighbours on the machine do not count."""
    start = time.thread_time()
    run()
    return time.thread_time() - start


@pytest.mark.benchmark
def test_a_gap_with_both_bounds_costs_at_most_ten_sums() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, N_GROUPS, N_EXAMPLES).astype(np.uint8)
    hits = (rng.random(N_EXAMPLES) < 0.9).astype(np.uint8)

    def gap() -> pairs.PairBounds:
        successes, cases = counting.group_counts(codes, hits, N_GROUPS)
        return pairs.gap_bounds(successes, cases, 0.05)

    bounds = gap()
    rates = [hits[codes == group].mean() for group in range(N_GROUPS)]
    assert float(bounds.value[0]) == pytest.approx(max(rates) - min(rates))

    ratios = sorted(seconds(gap) / seconds(lambda: hits.sum()) for _ in range(REPEATS))
    ratio = ratios[REPEATS // 2]
    print(f"\ngap over {N_GROUPS} groups with bounds, n={N_EXAMPLES}: {ratio:.1f} x one sum of the hits (bar 10)")
    assert ratio <= 10.0, f"expected at most 10 sums, got ratio={ratio:.1f}"
