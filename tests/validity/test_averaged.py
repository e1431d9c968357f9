"""Does taking Clopper-Pearson where every loss is 0 or 1, and betting elsewhere, err at most at the level?"""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec.metrics.evidence.averaged import Mean
from pytest_mlspec.verdict import Terms
from tests.validity import table

LEVEL = 0.05

# name: (cases, share of whole losses, share of fractional losses, the fractional loss)
CASES = {
    "n=50, 4 % whole, a fraction in half of the data sets": (50, 0.04, 0.014, 0.5),
    "n=58, no whole loss, rarely .9": (58, 0.0, 0.055, 0.9),
    "n=200, 1 % whole, fractions near 1": (200, 0.01, 0.0035, 0.95),
    "n=30, mostly whole, rarely .5": (30, 0.9, 0.02, 0.5),
}


def _hold(case: str, runs: int) -> None:
    n_examples, whole, fractional, loss = CASES[case]
    generator = np.random.default_rng(n_examples)
    drawn = generator.random((runs, n_examples))
    losses = np.where(drawn < whole, 1.0, np.where(drawn < whole + fractional, loss, 0.0))
    truth = whole + fractional * loss
    met = violated = 0
    for row in losses:
        bounds = Mean(losses=row[None], high=1.0).bounds(LEVEL, Terms())
        met += int(bounds.high[0] < truth)
        violated += int(bounds.low[0] > truth)
    name = "mean loss, betting or Clopper-Pearson"
    table.record(name, case, f"{truth:.3g}", "false met", met, runs, LEVEL)
    table.record(name, case, f"{truth:.3g}", "false violated", violated, runs, LEVEL)


@pytest.mark.parametrize("case", CASES)
def test_mean_loss_fast(case):
    _hold(case, 300)


@pytest.mark.slow_validity
@pytest.mark.parametrize("case", CASES)
def test_mean_loss(case):
    _hold(case, 3000)
