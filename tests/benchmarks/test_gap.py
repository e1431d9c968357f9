"""A gap over groups with both bounds against sums of the column of hits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pytest_mlspec import Predictions, metrics
from pytest_mlspec.stats import counting, pairs
from tests.benchmarks import ratio

pytestmark = pytest.mark.benchmark

N_EXAMPLES, N_GROUPS, PAIRS = 1_000_000, 20, 31
WHERE = f"{N_GROUPS} groups, n = {N_EXAMPLES:,}"


def _cases() -> tuple[np.ndarray, np.ndarray, float]:
    """Hits and group codes as bytes, and the gap by hand."""
    generator = np.random.default_rng(0)
    codes = generator.integers(0, N_GROUPS, N_EXAMPLES).astype(np.uint8)
    hits = (generator.random(N_EXAMPLES) < 0.9).astype(np.uint8)
    rates = [hits[codes == group].mean() for group in range(N_GROUPS)]
    return hits, codes, max(rates) - min(rates)


def test_a_gap_with_both_bounds_costs_at_most_ten_sums(hold: Callable[..., None]) -> None:
    hits, codes, expected = _cases()

    def gap() -> pairs.PairBounds:
        successes, cases = counting.group_counts(codes, hits, N_GROUPS)
        return pairs.gap_bounds(successes, cases, 0.05)

    assert float(gap().value[0]) == pytest.approx(expected)
    measured = ratio.in_turn(ratio.seconds(gap), ratio.seconds(hits.sum), PAIRS)
    hold(ratio.row(f"gap and both bounds, {WHERE}", "column.sum() of the hits", measured, at_most=10.0))


def test_the_public_gap_with_both_bounds_costs_at_most_ten_sums(hold: Callable[..., None]) -> None:
    """Through `metrics`, once labels are compared with the truth and the column is coded, as they are for all tests."""
    hits, codes, expected = _cases()
    said = Predictions(y=np.ones(N_EXAMPLES, np.int64), labels=hits, classes=[0, 1], columns={"group": codes})

    def gap() -> float:
        estimate = metrics.accuracy(said).gap(by="group")
        estimate.low(), estimate.high()
        return estimate.value

    assert gap() == pytest.approx(expected)
    measured = ratio.in_turn(ratio.seconds(gap), ratio.seconds(hits.sum), PAIRS)
    name = f"`metrics.accuracy(said).gap(by)` and both bounds, {WHERE}"
    hold(ratio.row(name, "column.sum() of the hits", measured, at_most=10.0))
