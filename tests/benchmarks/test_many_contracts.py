"""A hundred contracts on predictions that are at hand: what judging, guarding and reporting one of them costs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.benchmarks import ratio, suites

pytestmark = pytest.mark.benchmark

N_CONTRACTS, N_MEMBERS, N_EXAMPLES, PAIRS = 100, 5, 10_000, 7

CONTRACTS = """
import pytest
from benchmark_material import said
from pytest_mlspec import metrics

@pytest.mark.satisficing(at_least=0.8)
@pytest.mark.parametrize("number", range(40))
def test_found(number, requirement):
    assert metrics.recall(said.where(site=number % 10)) >= requirement

@pytest.mark.parity(by="site", max_gap=0.3)
@pytest.mark.parametrize("number", range(30))
def test_alike(number, requirement):
    assert metrics.accuracy(said).gap(by="site") <= requirement

@pytest.mark.calibration(max_ece=0.3)
@pytest.mark.parametrize("number", range(30))
def test_calibrated(number, requirement):
    assert metrics.ece(said, bins=15) <= requirement
"""
NOTHING = """
import pytest

@pytest.mark.parametrize("number", range(100))
def test_nothing(number):
    assert number < 100
"""


def test_a_contract_on_predictions_at_hand(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, hold: Callable[..., None]
) -> None:
    from pytest_mlspec import Predictions

    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, N_EXAMPLES)
    sure = 0.9 + 0.1 * generator.random((N_MEMBERS, N_EXAMPLES))
    right = generator.random((N_MEMBERS, N_EXAMPLES)) < sure
    positive = np.where(right == (y == 1), sure, 1.0 - sure)
    said = Predictions(
        y=y,
        probabilities=np.stack([1.0 - positive, positive], axis=-1),
        columns={"site": np.arange(N_EXAMPLES) % 10},
        positive=1,
    )
    suites.prepare(pytester, monkeypatch, said=said)
    pytester.makepyfile(test_contracts=CONTRACTS, test_nothing=NOTHING)

    measured = ratio.in_turn(
        ratio.seconds(lambda: suites.passes(pytester, N_CONTRACTS, "test_contracts.py")),
        ratio.seconds(lambda: suites.passes(pytester, N_CONTRACTS, "test_nothing.py")),
        PAIRS,
    )
    each = tuple(tuple(cost / N_CONTRACTS for cost in costs) for costs in measured)
    name = f"one of {N_CONTRACTS} contracts on known predictions ({N_MEMBERS} members, {N_EXAMPLES:,} rows)"
    hold(ratio.row(name, "one test that does nothing", (each[0], each[1])))
