"""Does the macro average err at most at its level, with few and with many cases per class?"""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.metrics.evidence.macro import BLOCKS, PER_CLASS, Macro
from pytest_mlspec.stats import binomial
from pytest_mlspec.verdict import Terms
from tests.validity import table

LEVEL = 0.05

# name: (cases per class, recall per class)
CASES: dict[str, tuple[np.ndarray, np.ndarray]] = {
    "10 classes of 50, recall .97": (np.full(10, 50), np.full(10, 0.97)),
    "3 classes of 30, no error seen most of the time": (np.full(3, 30), np.full(3, 0.995)),
    "5 classes of 20 to 400, recalls .5 to .99": (np.array([20, 50, 100, 200, 400]), np.linspace(0.5, 0.99, 5)),
    "30 classes of 10, one of 2000, recall .97": (np.r_[2000, np.full(29, 10)], np.full(30, 0.97)),
    "2 classes of 8 and 800": (np.array([8, 800]), np.array([0.7, 0.9])),
    "4 classes of 40, one always wrong": (np.full(4, 40), np.array([0.0, 1.0, 1.0, 1.0])),
    "3 classes of 3": (np.full(3, 3), np.full(3, 0.6)),
}


def _macro(sizes: np.ndarray, rates: np.ndarray, runs: int, seed: int) -> Macro:
    """Every member is one data set of its own."""
    generator = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    hits = generator.random((runs, len(codes))) < rates[codes]
    parts = tuple(
        Rate(hits=(hits & (codes == code)).view(np.uint8), included=codes == code, unit="positives")
        for code in range(len(sizes))
    )
    return Macro(parts=parts, names=tuple(map(str, range(len(sizes)))))


def _hold(case: str, runs: int) -> None:
    sizes, rates = CASES[case]
    truth = float(rates.mean())
    macro = _macro(sizes, rates, runs, seed=len(case))
    for bounds in (macro.bounds(LEVEL, Terms()), macro._per_class(LEVEL, Terms()), macro._block_bounds(LEVEL)):
        met, violated = int((bounds.low > truth + 1e-12).sum()), int((bounds.high < truth - 1e-12).sum())
        table.record(f"macro average, {bounds.method.name}", case, f"{truth:.3g}", "false met", met, runs, LEVEL)
        table.record(
            f"macro average, {bounds.method.name}", case, f"{truth:.3g}", "false violated", violated, runs, LEVEL
        )


@pytest.mark.parametrize("case", CASES)
def test_macro_average_fast(case):
    _hold(case, 400)


@pytest.mark.slow_validity
@pytest.mark.parametrize("case", CASES)
def test_macro_average(case):
    _hold(case, 3000)


def test_adding_squares_of_arms_is_not_valid_for_many_small_classes():
    sizes, rates = CASES["30 classes of 10, one of 2000, recall .97"]
    generator = np.random.default_rng(0)
    hits = generator.binomial(sizes, rates, size=(5000, len(sizes)))
    arms = binomial.upper(hits, sizes, LEVEL) - hits / sizes
    high = (hits / sizes).mean(axis=1) + np.sqrt((arms**2).sum(axis=1)) / len(sizes)

    assert np.mean(high < rates.mean()) > 0.09


def test_blocks_are_nearer_where_classes_are_many():
    macro = _macro(np.full(10, 500), np.full(10, 0.97), 20, seed=1)
    blocks, each = macro.bounds(LEVEL, Terms()), macro._per_class(LEVEL, Terms())

    assert blocks.method is BLOCKS and each.method is PER_CLASS
    assert np.mean(macro.values - blocks.low) < 0.5 * np.mean(macro.values - each.low)
