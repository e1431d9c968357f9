"""Planned numbers of retrainings and cases against the chi-square law and against what the bounds then do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec.stats import quotients, seed_planning, seeds


@pytest.mark.parametrize(("ratio", "members"), [(0.25, 5), (0.5, 12), (0.7, 37), (1.5, 27), (2.0, 11)])
def test_members_reach_the_power_and_one_fewer_does_not(ratio: float, members: int) -> None:
    def power(n_members: int) -> float:
        degrees = n_members - 1
        if ratio < 1:
            return float(stats.chi2.cdf(stats.chi2.ppf(0.05, degrees) / ratio**2, degrees))
        return float(stats.chi2.sf(stats.chi2.ppf(0.95, degrees) / ratio**2, degrees))

    assert seed_planning.members_to_decide(ratio, 0.05) == members
    assert power(members) >= 0.9 > power(members - 1)


def test_ten_members_have_the_published_power_at_half_the_limit() -> None:
    # met needs s <= c limit: c = 0.608 with 10 members, power 0.8505 at half the limit.
    assert seed_planning.members_to_decide(0.5, 0.05, power=0.85) == 10
    assert seed_planning.members_to_decide(0.5, 0.05, power=0.86) == 11


def test_a_spread_at_its_limit_is_not_decidable() -> None:
    spread = measured(0.01)

    assert seed_planning.members_to_decide(1.0, 0.05) is None
    assert seed_planning.seeds_to_decide(spread, spread.value, 0.05) is None
    assert seed_planning.examples_to_decide(spread, spread.value, 0.05) is None


def test_what_is_decided_already_needs_no_more() -> None:
    spread = measured(0.05)

    needed = seed_planning.seeds_to_decide(spread, 0.3, 0.05)

    assert needed is not None
    assert needed <= spread.n_members


@pytest.mark.parametrize("limit", [0.035, 0.003])
def test_planned_members_decide_nine_times_in_ten(limit: float) -> None:
    spread = measured(0.01, n_members=40, n_examples=4000)

    members = seed_planning.seeds_to_decide(spread, limit, 0.05)

    assert members is not None
    decided = sum(is_decided(draw(0.01, members, 4000, seed), limit) for seed in range(200))
    assert decided >= 168  # 0.9 planned, less two Monte-Carlo errors and what the projection is off


def test_planned_cases_decide_nine_times_in_ten() -> None:
    spread = measured(0.01, n_members=12, n_examples=600)

    n_examples = seed_planning.examples_to_decide(spread, 0.035, 0.05)

    assert n_examples is not None
    decided = sum(is_decided(draw(0.01, 12, n_examples, seed), 0.035) for seed in range(200))
    assert decided >= 168


def test_cases_are_missing_where_no_number_of_seeds_helps() -> None:
    spread = measured(0.0, n_members=10, n_examples=500)

    assert seed_planning.seeds_to_decide(spread, 0.008, 0.05) is None  # the raw spread of 500 cases is above it
    examples = seed_planning.examples_to_decide(spread, 0.008, 0.05)
    assert examples is not None
    assert examples > 500


def test_the_smallest_provable_limit_is_the_bound_of_identical_members() -> None:
    identical = seeds.std_bounds(np.ones((7, 300), dtype=bool), 0.05)

    assert seed_planning.smallest_provable(7, 300, 0.05) == pytest.approx(identical.high)
    assert seed_planning.smallest_provable(1, 300, 0.05) == np.inf
    assert seed_planning.smallest_provable(7, 300, 0.009) == np.inf


def test_one_retraining_cannot_be_planned_from() -> None:
    alone = seeds.std_bounds(np.ones((1, 300), dtype=bool), 0.05)

    assert seed_planning.seeds_to_decide(alone, 0.01, 0.05) is None
    assert seed_planning.examples_to_decide(alone, 0.01, 0.05) is None


def test_a_negative_ratio_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ratio=-0\.5"):
        seed_planning.members_to_decide(-0.5, 0.05)


@pytest.mark.parametrize(("stress", "iid", "limit"), [(0.06, 0.01, 2.0), (0.02, 0.02, 4.0)])
def test_planned_members_decide_a_quotient_nine_times_in_ten(stress: float, iid: float, limit: float) -> None:
    measures = measured(stress, n_members=30, n_examples=4000), measured(iid, n_members=30, n_examples=4000)

    members = seed_planning.seeds_for_quotient(*measures, limit, 0.05)

    assert members is not None
    decided = 0
    for seed in range(200):
        sides = (draw(sigma, members, 4000, 2 * seed + place) for place, sigma in enumerate((stress, iid)))
        bounds = quotients.quotient_bounds(*(seeds.std_bounds(rows, 0.025) for rows in sides))
        decided += bool(float(bounds.high) <= limit if stress / iid < limit else float(bounds.low) > limit)
    assert decided >= 168


def test_a_quotient_that_no_number_of_members_decides() -> None:
    some, none = measured(0.02), measured(0.0)

    assert seed_planning.seeds_for_quotient(some, some, 1.0, 0.05) is None  # at its limit
    assert seed_planning.seeds_for_quotient(none, none, 3.0, 0.05) is None  # 0 / 0
    assert seed_planning.seeds_for_quotient(some, measured(0.01), 2.5, 0.015) is None  # below the lowest level
    assert seed_planning.seeds_for_quotient(measured(0.0005), measured(0.0005), 1.5, 0.05) is None  # noise is larger


def draw(sigma: float, n_members: int, n_examples: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rates = 0.9 + sigma * rng.standard_normal((n_members, 1))
    return rng.random((n_members, n_examples)) < rates


def measured(sigma: float, n_members: int = 10, n_examples: int = 2000) -> seeds.SeedSpread:
    """A measurement that happens to hit the true spread, so that the plan itself is tested."""
    spread = seeds.std_bounds(draw(sigma, n_members, n_examples, seed=1234), 0.05)
    return replace(spread, value=sigma, raw=float(np.hypot(sigma, spread.noise)))


def is_decided(rows: np.ndarray, limit: float) -> bool:
    spread = seeds.std_bounds(rows, 0.05)
    return spread.high <= limit or spread.low > limit
