"""Bounds of a paired difference: the formula by hand, its symmetry and its limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec.stats import paired


def test_the_bounds_follow_the_formula_by_hand() -> None:
    low, high = paired.difference_bounds(30, 18, 500, 0.05)

    b, c = 30 / 500, 18 / 500
    lo_b, up_b = b - stats.beta.ppf(0.05, 30, 471), stats.beta.ppf(0.95, 31, 470) - b
    lo_c, up_c = c - stats.beta.ppf(0.05, 18, 483), stats.beta.ppf(0.95, 19, 482) - c
    f = np.sqrt(b * c / ((1 - b) * (1 - c)))
    assert float(low) == pytest.approx(b - c - np.sqrt(lo_b**2 + up_c**2 + 2 * f * lo_b * up_c))
    assert float(high) == pytest.approx(b - c + np.sqrt(up_b**2 + lo_c**2 + 2 * f * up_b * lo_c))


def test_exchanging_the_models_exchanges_the_bounds() -> None:
    low, high = paired.difference_bounds([0, 3, 40], [5, 3, 10], [100, 100, 100], 0.05)
    swapped_low, swapped_high = paired.difference_bounds([5, 3, 10], [0, 3, 40], [100, 100, 100], 0.05)

    assert low == pytest.approx(-swapped_high)
    assert high == pytest.approx(-swapped_low)


def test_models_that_never_disagree_are_bounded_like_zero_failures() -> None:
    low, high = paired.difference_bounds(0, 0, 130, 0.05)

    assert float(low) == pytest.approx(-(1 - 0.05 ** (1 / 130)))
    assert float(high) == pytest.approx(1 - 0.05 ** (1 / 130))


def test_total_disagreement_and_no_cases_stay_within_their_range() -> None:
    low, high = paired.difference_bounds([50, 0], [0, 0], [50, 0], 0.05)

    # both arms are 1 - 0.05^(1/50), the correlation is 0
    assert low.tolist() == [pytest.approx(1 - np.sqrt(2) * (1 - 0.05 ** (1 / 50))), -1.0]
    assert high.tolist() == [1.0, 1.0]


def test_more_disagreements_than_cases_are_refused() -> None:
    with pytest.raises(ValueError, match="gained \\+ lost <= trials"):
        paired.difference_bounds(60, 50, 100, 0.05)
