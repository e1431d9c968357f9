"""Clopper-Pearson against SciPy's own interval and against the binomial tails that define it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec.stats import binomial


@pytest.mark.parametrize("level", [0.05, 0.01, 1e-5])
@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (1, 10), (9, 10), (10, 10), (218, 368), (99_990, 100_000)])
def test_bounds_agree_with_scipys_exact_interval(successes: int, trials: int, level: float) -> None:
    low = stats.binomtest(successes, trials, alternative="greater").proportion_ci(1.0 - level, method="exact").low
    high = stats.binomtest(successes, trials, alternative="less").proportion_ci(1.0 - level, method="exact").high

    assert float(binomial.lower(successes, trials, level)) == pytest.approx(low, rel=1e-8, abs=1e-12)
    assert float(binomial.upper(successes, trials, level)) == pytest.approx(high, rel=1e-8, abs=1e-12)


def test_at_the_bounds_the_observation_is_exactly_as_improbable_as_the_level() -> None:
    low, high = float(binomial.lower(363, 424, 0.05)), float(binomial.upper(363, 424, 0.05))

    assert stats.binom.sf(362, 424, low) == pytest.approx(0.05, rel=1e-9)
    assert stats.binom.cdf(363, 424, high) == pytest.approx(0.05, rel=1e-9)


def test_without_cases_nothing_is_known_and_at_the_edges_one_side_is_trivial() -> None:
    assert (float(binomial.lower(0, 0, 0.05)), float(binomial.upper(0, 0, 0.05))) == (0.0, 1.0)
    assert float(binomial.lower(0, 7, 0.05)) == 0.0
    assert float(binomial.upper(7, 7, 0.05)) == 1.0


def test_real_valued_counts_lie_between_their_neighbours() -> None:
    low = binomial.lower(np.array([4.0, 4.5, 5.0]), 10.0, 0.05)
    high = binomial.upper(np.array([4.0, 4.5, 5.0]), 10.0, 0.05)

    assert (np.diff(low) > 0).all()
    assert (np.diff(high) > 0).all()


def test_members_and_groups_broadcast() -> None:
    low = binomial.lower(np.array([[1, 2, 3], [4, 5, 6]]), np.array([10, 20, 30]), 0.05)

    assert low.shape == (2, 3)
    assert low[1, 2] == pytest.approx(stats.beta.ppf(0.05, 6, 25))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((5, 4, 0.05), "successes=5, trials=4"),
        ((-1, 4, 0.05), "successes=-1, trials=4"),
        (([1.0, np.nan], 4, 0.05), "successes=nan"),
        ((1, 4, 0.0), "level=0.0"),
        ((1, 4, 1.0), "level=1.0"),
    ],
)
def test_impossible_counts_and_levels_are_named(arguments: tuple[object, object, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        binomial.lower(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rate", "trials"), [(0.1, 29), (0.05, 59), (0.02, 149), (0.01, 299), (0.005, 598), (0.001, 2995)]
)
def test_zero_failures_prove_what_the_rule_of_three_says(rate: float, trials: int) -> None:
    # (1 - rate) ** n <= 0.05 for the first time
    assert (1.0 - rate) ** trials <= 0.05 < (1.0 - rate) ** (trials - 1)
    assert binomial.trials_without_failure(rate, 0.05) == trials
    assert float(binomial.best_rate(trials, 0.05)) == pytest.approx(1.0 - 0.05 ** (1.0 / trials), rel=1e-9)


def test_forty_cases_without_an_error_prove_a_failure_rate_of_seven_percent_at_best() -> None:
    assert float(binomial.best_rate(40, 0.05)) == pytest.approx(0.0722, abs=5e-5)
    assert float(binomial.best_rate(0, 0.05)) == 1.0


def test_no_run_proves_a_failure_rate_of_zero() -> None:
    with pytest.raises(ValueError, match="no run proves a rate of 0"):
        binomial.trials_without_failure(0.0, 0.05)


@pytest.mark.parametrize("trials", [1, 10, 137, 5000])
@pytest.mark.parametrize("rate", [0.001, 0.3, 0.9])
def test_the_smallest_count_is_the_first_one_improbable_enough(trials: int, rate: float) -> None:
    count = binomial.smallest_count(trials, rate, 0.05)

    assert stats.binom.sf(count - 1, trials, rate) <= 0.05
    assert stats.binom.sf(count - 2, trials, rate) > 0.05


def test_f1_and_jaccard_are_two_scales_of_one_rate() -> None:
    # TP 6, FP 2, FN 4: J = 6 / 12, F1 = 12 / 18
    assert float(binomial.jaccard_to_f1(6 / 12)) == pytest.approx(12 / 18)
    assert float(binomial.f1_to_jaccard(12 / 18)) == pytest.approx(6 / 12)
    assert binomial.jaccard_to_f1([0.0, 1.0]).tolist() == [0.0, 1.0]
