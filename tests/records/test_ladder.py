"""A ladder tells a score only when it beats the last one by more than a step."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pytest_mlspec.records import Ladder


def shown(scores: list[float], ladder: Ladder) -> list[float | None]:
    released = []
    for score in scores:
        ladder = ladder.climb(score)
        released.append(ladder.shown)
    return released


def test_the_first_score_is_rounded_and_later_ones_must_gain_more_than_a_step() -> None:
    released = shown([0.903, 0.908, 0.921, 0.500, 0.929, 0.934], Ladder(0.01))

    assert released == [0.90, 0.90, 0.92, 0.92, 0.92, 0.93]


def test_losses_climb_downwards() -> None:
    assert shown([0.30, 0.28, 0.24, 0.9], Ladder(0.05, greater_is_better=False)) == [0.30, 0.30, 0.25, 0.25]


@pytest.mark.parametrize(("step", "expected"), [(0.001, 0.913), (0.01, 0.91), (0.1, 0.9), (0.5, 1.0)])
def test_the_step_is_the_grid_of_what_is_released(step: float, expected: float) -> None:
    assert Ladder(step).climb(0.913).shown == expected


@pytest.mark.parametrize(("first", "step"), [(0.7, 0.1), (0.9, 0.01), (0.29, 0.01)])
def test_a_gain_of_one_step_exactly_is_not_released(first: float, step: float) -> None:
    """0.7 + 0.1 is below 0.8 in binary arithmetic."""
    assert shown([first, round(first + step, 10), first + step + 1e-6], Ladder(step))[:2] == [first, first]
    assert shown([first, first + step + 1e-6], Ladder(step))[1] == round(first + step, 10)


def test_what_is_released_stays_a_fraction() -> None:
    assert Ladder(0.3).climb(1.0).shown == 0.9
    assert Ladder(0.4).climb(1.0).shown == 0.8
    assert Ladder(0.6).climb(1.0).shown == 1.0


def test_climbing_leaves_the_ladder_as_it_was() -> None:
    ladder = Ladder(0.01, shown=0.5)

    higher = ladder.climb(0.6)

    assert (ladder.shown, higher.shown) == (0.5, 0.6)
    assert ladder.climb(0.505) is ladder


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"step": 0.0}, ValueError, r"step in \(0, 1\], got step=0.0"),
        ({"step": 1.5}, ValueError, "got step=1.5"),
        ({"step": math.nan}, ValueError, "got step=nan"),
        ({"step": "0.1"}, TypeError, "expected a number, got step='0.1'"),
        ({"step": True}, TypeError, "expected a number, got step=True"),
        ({"step": 0.1, "shown": 1.2}, ValueError, "got shown=1.2"),
        ({"step": 0.1, "greater_is_better": 1}, TypeError, "greater_is_better True or False, got 1"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Ladder(**arguments)


@pytest.mark.parametrize(("score", "error"), [(math.nan, ValueError), (1.01, ValueError), (-0.1, ValueError)])
def test_scores_that_are_no_fractions_are_refused(score: float, error: type[Exception]) -> None:
    with pytest.raises(error, match="got score="):
        Ladder(0.1).climb(score)
