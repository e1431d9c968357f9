"""ECE with both bounds against netcal's bare value, timed in turn in one process."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from pytest_mlspec.stats.calibration import ece_bounds
from pytest_mlspec.stats.calibration_table import bin_table, ece, top_label

pytestmark = pytest.mark.benchmark

N_EXAMPLES, N_CLASSES, REPEATS = 100_000, 10, 15


def times_faster(ours: Callable[[], object], theirs: Callable[[], object]) -> float:
    """Median over paired repeats of their wall time over ours, after one call of each to warm up."""
    ours(), theirs()
    ratios = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        theirs()
        middle = time.perf_counter()
        ours()
        ratios.append((middle - start) / (time.perf_counter() - middle))
    return float(np.median(ratios))


@pytest.fixture(scope="module", params=["float32", "float64"])
def predicted(request: pytest.FixtureRequest) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.int64]]:
    generator = np.random.default_rng(0)
    weights = np.exp(2.0 * generator.normal(size=(N_EXAMPLES, N_CLASSES)))
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    codes = (probabilities.cumsum(axis=1) > generator.random((N_EXAMPLES, 1))).argmax(axis=1)
    return probabilities.astype(request.param), codes


def _value_and_bounds(confidence: npt.NDArray[np.floating], hit: npt.NDArray[np.bool_]) -> float:
    table = bin_table(confidence, hit, 15)
    ece_bounds(confidence, hit, 15, 0.05, table=table)
    return float(ece(table)[0])


def test_value_and_bounds_from_probabilities_are_three_times_faster_than_netcal(
    predicted: tuple[npt.NDArray[np.floating], npt.NDArray[np.int64]],
) -> None:
    netcal_metrics = pytest.importorskip("netcal.metrics")
    probabilities, codes = predicted

    factor = times_faster(
        lambda: _value_and_bounds(*top_label(probabilities[None], codes)),
        lambda: netcal_metrics.ECE(15).measure(probabilities, codes),
    )

    assert factor >= 3.0, f"only {factor:.1f} times as fast"


def test_value_and_bounds_from_top_confidence_are_five_times_faster_than_netcal(
    predicted: tuple[npt.NDArray[np.floating], npt.NDArray[np.int64]],
) -> None:
    netcal_metrics = pytest.importorskip("netcal.metrics")
    probabilities, codes = predicted
    confidence, hit = top_label(probabilities[None], codes)

    factor = times_faster(
        lambda: _value_and_bounds(confidence, hit),
        lambda: netcal_metrics.ECE(15).measure(probabilities, codes),
    )

    assert factor >= 5.0, f"only {factor:.1f} times as fast"
