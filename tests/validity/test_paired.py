"""Paired difference: error rates by enumeration of (gained, lost), at the margin and where first choices break.

The requirement is "new - old >= -margin". It is falsely met where the lower bound lies above the true difference, and
falsely violated where the upper bound lies below it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from pytest_mlspec.stats import paired
from tests.validity import table

Floats = npt.NDArray[np.float64]
NAME = "paired difference"


def outcomes(n: int, most: int) -> tuple[Floats, Floats]:
    """All (gained, lost) with at most ``most`` of each."""
    gained, lost = np.meshgrid(np.arange(most + 1.0), np.arange(most + 1.0), indexing="ij")
    possible = gained + lost <= n
    return gained[possible], lost[possible]


def chances(gained: Floats, lost: Floats, n: int, rate_gained: Floats, rate_lost: float) -> Floats:
    """(outcomes, rates): multinomial probabilities, as lost times gained among the rest."""
    rest = n - lost
    share = rate_gained / (1.0 - rate_lost)
    first = stats.binom.pmf(lost, n, rate_lost)
    return np.asarray(first[:, None] * stats.binom.pmf(gained[:, None], rest[:, None], np.clip(share, 0.0, 1.0)))


def tango_met(gained: Floats, lost: Floats, n: int, difference: float, z: float = 1.6449) -> npt.NDArray[np.bool_]:
    """Tango's score test refutes a true difference of at most ``difference``."""
    b = -gained - lost + (2 * n - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    q = (np.sqrt(np.maximum(b**2 - 8 * n * c, 0.0)) - b) / (4 * n)
    variance = n * (2 * q + difference * (1 - difference))
    score = (gained - lost - n * difference) / np.sqrt(np.maximum(variance, 1e-300))
    return np.asarray(score >= z)


def enumerate_errors(n: int, most: int, level: float, margins: list[float]) -> tuple[float, float]:
    gained, lost = outcomes(n, most)
    low, high = paired.difference_bounds(gained, lost, n, level)
    worst = [0.0, 0.0]
    for margin in margins:
        for rate_lost in margin + np.array([0.0, 0.002, 0.01, 0.03, 0.08]):
            rate_gained = np.array([rate_lost - margin])
            chance = chances(gained, lost, n, rate_gained, float(rate_lost))[:, 0]
            missing = 1.0 - chance.sum()  # outcomes left out of the enumeration count as errors
            worst[0] = max(worst[0], float(chance @ (low > -margin + 1e-12)) + missing)
            worst[1] = max(worst[1], float(chance @ (high < -margin - 1e-12)) + missing)
    return worst[0], worst[1]


def test_models_that_never_disagree_meet_too_often_by_tango_at_n_margin_of_2_66() -> None:
    n, margin = 133, 0.02  # the new model is worse on exactly 2 %: no disagreement is seen with probability .068
    gained, lost = outcomes(n, 30)
    chance = chances(gained, lost, n, np.array([0.0]), margin)[:, 0]

    naive = float(chance @ tango_met(gained, lost, n, -margin))
    ours = float(chance @ (paired.difference_bounds(gained, lost, n, 0.05)[0] > -margin))

    assert naive > 0.065
    table.record_exact(NAME, "n=133, no disagreement seen", "difference = -.02", "false met", ours, 0.05)


def test_four_or_five_disagreements_violate_too_often_by_tango() -> None:
    worst_naive = worst_ours = 0.0
    for n in (50, 100, 200):
        gained, lost = outcomes(n, min(n, 40))
        ours_high = paired.difference_bounds(gained, lost, n, 0.05)[1]
        for margin in np.arange(0.002, 0.05, 0.002):
            # Violated: the mirror image, "old - new > margin", refutes the limit from the other side.
            naive_violated = tango_met(lost, gained, n, margin)
            chance = chances(gained, lost, n, np.array([0.0]), float(margin))[:, 0]
            worst_naive = max(worst_naive, float(chance @ naive_violated))
            worst_ours = max(worst_ours, float(chance @ (ours_high < -margin)))

    assert worst_naive > 0.065
    table.record_exact(NAME, "n=50 to 200, few disagree", "difference = -margin", "false violated", worst_ours, 0.05)


@pytest.mark.parametrize("level", [0.1, 0.05, 0.01])
@pytest.mark.parametrize(("n", "most"), [(30, 30), (100, 45)])
def test_small_test_sets(n: int, most: int, level: float) -> None:
    false_met, false_violated = enumerate_errors(n, most, level, [0.0, 0.005, 0.01, 0.026, 0.05, 0.1])

    truth = f"difference = -margin, level {level:g}"
    table.record_exact(NAME, f"n={n}", truth, "false met", false_met, 1.3 * level)
    table.record_exact(NAME, f"n={n}", truth, "false violated", false_violated, 1.3 * level)


@pytest.mark.slow_validity
@pytest.mark.parametrize("level", [0.2, 0.1, 0.05, 0.01, 0.0025, 0.001])
@pytest.mark.parametrize(("n", "most"), [(50, 50), (130, 70), (200, 90), (500, 170), (1000, 280)])
def test_larger_test_sets(n: int, most: int, level: float) -> None:
    false_met, false_violated = enumerate_errors(n, most, level, list(np.r_[0.0, np.geomspace(0.001, 0.1, 30)]))

    truth = f"difference = -margin, level {level:g}"
    table.record_exact(NAME, f"n={n}", truth, "false met", false_met, 1.3 * level)
    table.record_exact(NAME, f"n={n}", truth, "false violated", false_violated, 1.3 * level)
