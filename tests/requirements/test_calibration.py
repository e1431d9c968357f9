"""``calibration``: a limit on a binned calibration error, with the bins that the marker pins."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec import Predictions, metrics
from pytest_mlspec.requirements.contract import ContractError
from tests.requirements.kinds import contract, faults, judge

_rng = np.random.default_rng(0)
RISK = _rng.uniform(size=8000)
HONEST = Predictions(y=(_rng.uniform(size=8000) < RISK).astype(int), probabilities=RISK, name="honest")
# The logit of the stated risk is three times that of the true one.
SURE = Predictions(y=HONEST.y, probabilities=RISK**3 / (RISK**3 + (1 - RISK) ** 3), name="sure")


@pytest.mark.parametrize(("predictions", "outcome"), [(HONEST, "met"), (SURE, "violated")])
def test_expected_calibration_error(predictions: Predictions, outcome: str) -> None:
    assert judge(contract("calibration", max_ece=0.04, bins=15), metrics.ece(predictions, bins=15)).outcome == outcome


def test_the_message_says_in_which_direction() -> None:
    verdict = judge(contract("calibration", max_ece=0.04), metrics.ece(SURE))

    assert "over-confident" in " ".join(verdict.lines())


@pytest.mark.parametrize(("predictions", "outcome"), [(HONEST, "met"), (SURE, "violated")])
def test_maximum_calibration_error(predictions: Predictions, outcome: str) -> None:
    limit = 0.15 if outcome == "met" else 0.05

    assert judge(contract("calibration", max_mce=limit), metrics.mce(predictions, bins=10)).outcome == outcome


def test_other_bins_than_the_marker_pins_are_an_error() -> None:
    with pytest.raises(ContractError, match="the marker pins bins=15, the body uses bins=10"):
        judge(contract("calibration", max_ece=0.05, bins=15), metrics.ece(HONEST, bins=10))


def test_another_metric_is_an_error() -> None:
    with pytest.raises(ContractError, match="max_ece bounds ece, not brier"):
        judge(contract("calibration", max_ece=0.05), metrics.brier(HONEST))


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"bins": 15}, "expected one of max_ece= | max_mce="),
        ({"max_ece": 0.05, "bins": 1}, "expected at least 2 bins"),
        ({"max_ece": 5}, "did you mean 0.05?"),
    ],
)
def test_faults(arguments: dict[str, object], fault: str) -> None:
    assert any(fault in found for found in faults("calibration", **arguments))
