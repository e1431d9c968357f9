"""Planned sizes against a search over every size, and against figures known in advance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec.stats import planning


def searched(rate: float, threshold: float, level: float, power: float, n_max: int) -> int:
    """The size after the last one whose exact power is too small, by looking at all of them."""
    n = np.arange(1, n_max)
    if rate > threshold:
        needed = stats.binom.isf(level, n, threshold) + 1
        decided = stats.binom.sf(needed - 1, n, rate)
    else:
        allowed = stats.binom.ppf(level, n, threshold)
        allowed = np.where(stats.binom.cdf(allowed, n, threshold) <= level, allowed, allowed - 1)
        decided = stats.binom.cdf(allowed, n, rate)
    return int(n[np.flatnonzero(decided < power)[-1]] + 1)


@pytest.mark.parametrize(
    ("threshold", "rate", "expected"),
    [
        (0.90, 0.95, 263),
        (0.90, 0.93, 792),
        (0.90, 0.92, 1845),
        (0.90, 0.91, 7552),
        (0.95, 0.97, 900),
        (0.95, 0.96, 3871),
        (0.99, 0.995, 2784),
        (0.80, 0.85, 528),
    ],
)
def test_a_floor_is_decided_from_the_known_sizes_on(threshold: float, rate: float, expected: int) -> None:
    assert searched(rate, threshold, 0.05, 0.9, 12_000) == expected
    assert planning.trials_to_decide(rate, threshold, 0.05) == expected


def test_planned_sizes_agree_with_a_search_on_both_sides_of_the_limit() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        threshold = rng.uniform(0.02, 0.98)
        rate = float(np.clip(threshold + rng.choice([-1, 1]) * rng.uniform(0.03, 0.2), 0.001, 0.999))
        level, power = rng.choice([0.05, 0.01, 0.1]), rng.choice([0.8, 0.9, 0.95])

        assert planning.trials_to_decide(rate, threshold, level, power) == searched(rate, threshold, level, power, 8000)


def test_a_rate_at_its_limit_is_never_decided_and_one_beside_it_not_within_reach() -> None:
    assert planning.trials_to_decide(0.9, 0.9, 0.05) is None
    assert planning.trials_to_decide(0.9 + 1e-9, 0.9, 0.05) is None


def test_a_perfect_model_needs_as_many_cases_as_prove_zero_failures() -> None:
    assert planning.trials_to_decide(1.0, 0.9, 0.05) == 29
    assert planning.trials_to_decide(0.0, 0.01, 0.05, comparison="<=") == 299


def test_limits_that_every_or_no_rate_meets() -> None:
    assert planning.trials_to_decide(0.3, 0.0, 0.05, comparison=">=") == 1
    # a single failure refutes a limit of 1: 0.99^n <= 0.1 from 230 on
    assert planning.trials_to_decide(0.99, 1.0, 0.05, comparison=">=") == 230
    assert planning.trials_to_decide(0.01, 0.0, 0.05, comparison="<=") == 230


def test_scaling_quadruples_the_cases_for_half_the_margin() -> None:
    near = planning.scaled_to_decide(500, 0.03, 0.05, 0.04, 0.05)
    far = planning.scaled_to_decide(500, 0.01, 0.05, 0.04, 0.05)

    # ((1.6449 + 1.2816) / 1.6449)^2 = 3.165
    assert far == pytest.approx(500 * 3.165, abs=2)
    assert near == pytest.approx(4 * 500 * 3.165, abs=5)


def test_scaling_has_no_answer_at_the_limit_or_without_a_bound() -> None:
    assert planning.scaled_to_decide(500, 0.05, 0.05, 0.04, 0.05) is None
    assert planning.scaled_to_decide(500, 0.03, 0.05, np.inf, 0.05) is None
    assert planning.scaled_to_decide(500, np.nan, 0.05, 0.04, 0.05) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((1.2, 0.9, 0.05, 0.9, ">="), "rate=1.2"),
        ((0.9, -0.1, 0.05, 0.9, ">="), "threshold=-0.1"),
        ((0.9, 0.8, 0.5, 0.9, ">="), "level=0.5"),
        ((0.9, 0.8, 0.05, 1.0, ">="), "power=1.0"),
        ((0.9, 0.8, 0.05, 0.9, ">"), "comparison='>'"),
    ],
)
def test_arguments_outside_their_range_are_named(arguments: tuple[float, float, float, float, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        planning.trials_to_decide(*arguments)  # type: ignore[arg-type]
