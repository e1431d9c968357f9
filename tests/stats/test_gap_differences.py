"""Bounds for the gap of one model minus that of another one, from bounds within every group."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec.stats.arms import Arms
from pytest_mlspec.stats.gap_differences import gap_difference_upper


def known(centre: list[float], arm: float) -> Arms:
    """The same arm on either side, whatever the level."""
    values = np.array([centre])
    return lambda level: (values - arm, values + arm)


def upper(differences: list[float], first: list[float], *, arm: float, of_first: float, independent: bool) -> float:
    found = gap_difference_upper(
        np.array([differences]), known(differences, arm), known(first, of_first), 0.05, independent=independent
    )
    return float(found[0])


def test_arms_of_two_groups_are_subtracted_or_added_as_squares() -> None:
    """D = 0.03 - (-0.01) with arms of 0.03: 0.04 + 0.06, or 0.04 + 0.03 sqrt(2)."""
    said = {"differences": [0.03, -0.01], "first": [0.9, 0.8], "arm": 0.03, "of_first": 0.01}

    assert upper(**said, independent=False) == pytest.approx(0.10)  # type: ignore[arg-type]
    assert upper(**said, independent=True) == pytest.approx(0.04 + 0.03 * np.sqrt(2))  # type: ignore[arg-type]


def test_a_pair_that_cannot_make_the_gap_is_left_out() -> None:
    """The first group is behind for sure: only the second can be ahead, and there the difference is -0.2."""
    said = {"differences": [0.1, -0.1], "arm": 0.0, "independent": False}

    assert upper(**said, first=[0.5, 0.9], of_first=0.01) == pytest.approx(-0.2)  # type: ignore[arg-type]
    assert upper(**said, first=[0.89, 0.9], of_first=0.01) == pytest.approx(0.2)  # type: ignore[arg-type]


def test_in_the_tails_arms_are_never_added_as_squares() -> None:
    low = gap_difference_upper(
        np.zeros((1, 2)), known([0.0, 0.0], 0.03), known([0.9, 0.9], 0.1), 0.01, independent=True
    )

    assert float(low[0]) == pytest.approx(0.06)


def test_one_group_compares_nothing() -> None:
    with pytest.raises(ValueError, match="expected at least 2 groups to compare, got n_groups=1"):
        gap_difference_upper(np.zeros((1, 1)), known([0.0], 0.1), known([0.9], 0.1), 0.05, independent=True)
