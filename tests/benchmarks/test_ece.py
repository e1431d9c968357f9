"""ECE with both bounds against netcal's bare value."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from pytest_mlspec.stats.calibration import ece_bounds
from pytest_mlspec.stats.calibration_table import bin_table, ece, top_label
from tests.benchmarks import ratio

pytestmark = pytest.mark.benchmark

N_EXAMPLES, N_CLASSES, PAIRS = 100_000, 10, 15
Predicted = tuple[npt.NDArray[np.floating], npt.NDArray[np.int64]]


@pytest.fixture(scope="module", params=["float32", "float64"])
def predicted(request: pytest.FixtureRequest) -> Predicted:
    generator = np.random.default_rng(0)
    weights = np.exp(2.0 * generator.normal(size=(N_EXAMPLES, N_CLASSES)))
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    codes = (probabilities.cumsum(axis=1) > generator.random((N_EXAMPLES, 1))).argmax(axis=1)
    return probabilities.astype(request.param), codes


def _value_and_bounds(confidence: npt.NDArray[np.floating], hit: npt.NDArray[np.bool_]) -> float:
    table = bin_table(confidence, hit, 15)
    ece_bounds(confidence, hit, 15, 0.05, table=table)
    return float(ece(table)[0])


@pytest.mark.parametrize("known", [False, True], ids=["from probabilities", "from top probability and hit"])
def test_value_and_bounds_are_three_times_faster_than_netcal_and_five_times_from_tops(
    known: bool, predicted: Predicted, hold: Callable[..., None]
) -> None:
    netcal_metrics = pytest.importorskip("netcal.metrics")
    probabilities, codes = predicted
    tops = top_label(probabilities[None], codes)

    def ours() -> float:
        return _value_and_bounds(*(tops if known else top_label(probabilities[None], codes)))

    def theirs() -> float:
        return float(netcal_metrics.ECE(15).measure(probabilities, codes))

    assert ours() == pytest.approx(theirs(), abs=1e-6)
    start = "top probability and hit known" if known else "from probabilities"
    hold(
        ratio.row(
            f"ECE and both bounds, n = {N_EXAMPLES:,}, {N_CLASSES} classes, {probabilities.dtype}, {start}",
            "netcal's ECE, no bounds",
            ratio.in_turn(ratio.seconds(ours), ratio.seconds(theirs), PAIRS),
            at_least=5.0 if known else 3.0,
        )
    )
