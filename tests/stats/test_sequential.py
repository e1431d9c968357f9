"""Levels of declared looks and of reads of a test set: against theory and a walk of its own, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec.stats import binomial, sequential

FIVE = [400, 800, 1200, 1600, 2000]


def test_obrien_fleming_spends_what_lan_and_demets_say() -> None:
    # 2 (1 - Phi(1.959964 / sqrt(t))) at t = .2, .4, .6, .8, 1
    so_far = 2 * stats.norm.sf(1.959964 / np.sqrt([0.2, 0.4, 0.6, 0.8, 1.0]))

    np.testing.assert_allclose(np.cumsum(sequential.spent(FIVE, 0.05)), so_far, rtol=1e-5)


def test_pocock_and_even_spend_what_their_formulas_say() -> None:
    pocock = np.cumsum(sequential.spent(FIVE, 0.05, "pocock"))
    even = sequential.spent([10, 100, 2000], 0.06, "even")

    np.testing.assert_allclose(pocock, 0.05 * np.log(1 + (np.e - 1) * np.array([0.2, 0.4, 0.6, 0.8, 1.0])))
    np.testing.assert_allclose(even, [0.02, 0.02, 0.02])


@pytest.mark.parametrize("spending", ["obrien-fleming", "pocock", "even"])
@pytest.mark.parametrize("looks", [[7], [2, 5, 2000], FIVE, list(range(50, 2001, 50))])
def test_every_look_gets_a_part_and_the_parts_add_up(looks: list[int], spending: sequential.Spending) -> None:
    parts = sequential.spent(looks, 0.05, spending)

    assert parts.shape == (len(looks),)
    assert (parts > 0).all()
    assert parts.sum() == pytest.approx(0.05, rel=1e-12)


def test_the_parts_so_far_do_not_depend_on_looks_to_come() -> None:
    one, other = sequential.spent([300, 700, 2000], 0.05), sequential.spent([300, 700, 900, 1500, 2000], 0.05)

    np.testing.assert_allclose(one[:2], other[:2])


def test_a_single_look_is_the_bound_at_the_full_level() -> None:
    levels = sequential.rate_levels([40], 0.9, 0.05)

    assert levels.low.tolist() == levels.high.tolist() == [0.05]


def crossings(looks: list[int], levels: np.ndarray, threshold: float) -> list[int]:
    """The smallest count at each look whose Clopper-Pearson limit, by scipy.stats, reaches the threshold."""
    first = []
    for size, level in zip(looks, levels, strict=True):
        counts = np.arange(1, size + 1)
        reaches = np.asarray(stats.beta.ppf(level, counts, size - counts + 1) >= threshold)
        first.append(int(counts[reaches][0]) if reaches.any() else size + 1)
    return first


def chance_of_a_claim(looks: list[int], first: list[int], rate: float) -> float:
    """P(count >= first at some look), by a walk of one case at a time."""
    open_outcomes, claimed = np.zeros(looks[-1] + 1), 0.0
    open_outcomes[0] = 1.0
    for case in range(1, looks[-1] + 1):
        open_outcomes[1:] = open_outcomes[1:] * (1 - rate) + open_outcomes[:-1] * rate
        open_outcomes[0] *= 1 - rate
        if case in looks:
            count = first[looks.index(case)]
            claimed += open_outcomes[count:].sum()
            open_outcomes[count:] = 0.0
    return float(claimed)


@pytest.mark.parametrize("spending", ["obrien-fleming", "pocock", "even"])
@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("looks", [[5, 12, 30], [60, 300], FIVE])
def test_the_levels_use_up_the_budget_and_no_more(
    looks: list[int], threshold: float, spending: sequential.Spending
) -> None:
    levels = sequential.rate_levels(looks, threshold, 0.05, spending)
    so_far = np.cumsum(sequential.spent(looks, 0.05, spending))

    first = crossings(looks, levels.low, threshold)
    for look in range(len(looks)):
        used = chance_of_a_claim(looks[: look + 1], first[: look + 1], threshold)
        one_less = first[look] - 1
        assert used <= so_far[look] * (1 + 1e-9)
        # One success less would be one too few: the count is the smallest that the budget allows.
        assert chance_of_a_claim(looks[: look + 1], [*first[:look], one_less], threshold) > so_far[look]


@pytest.mark.parametrize("threshold", [0.1, 0.8, 0.9])
def test_the_upper_bound_mirrors_the_lower_one(threshold: float) -> None:
    levels = sequential.rate_levels(FIVE, threshold, 0.05)
    mirrored = sequential.rate_levels(FIVE, 1 - threshold, 0.05)

    np.testing.assert_allclose(levels.high, mirrored.low, rtol=1e-6)


def test_every_level_lies_within_the_whole_and_above_the_parts() -> None:
    for spending in ("obrien-fleming", "pocock", "even"):
        levels = sequential.rate_levels(FIVE, 0.9, 0.05, spending)
        for side in (levels.low, levels.high):
            assert (side <= 0.05).all()
            assert (side >= 0.9 * sequential.spent(FIVE, 0.05, spending)).all()
            assert side.sum() > 0.06  # looks share cases: the parts alone would add up to 0.05


def test_known_boundary_of_five_looks() -> None:
    # Nominal one-sided level of the last of five equal O'Brien-Fleming-type looks at .05: 1 - Phi(1.74) = .041
    # (normal theory, Lan & DeMets); a rate of .5 on many cases comes close to it.
    levels = sequential.rate_levels([20_000, 40_000, 60_000, 80_000, 100_000], 0.5, 0.05)

    assert levels.low[-1] == pytest.approx(stats.norm.sf(1.74), abs=0.001)
    np.testing.assert_allclose(levels.low[0], 2 * stats.norm.sf(1.959964 / np.sqrt(0.2)), rtol=1e-4)


def test_a_look_too_small_to_decide_claims_nothing() -> None:
    levels = sequential.rate_levels([2, 2000], 0.9, 0.05)

    assert float(binomial.lower(2, 2, float(levels.low[0]))) < 0.9
    assert levels.low[1] == 0.05  # nothing was spent


def test_shares_of_a_ledger() -> None:
    assert sequential.ledger_level(0.05, 20) == pytest.approx(0.0025)
    assert sequential.ledger_level(0.05, 1) == 0.05
    assert sequential.open_ended_level(0.05, 1) == pytest.approx(0.025)
    # The sum of 1 / (h (h + 1)) up to H is H / (H + 1).
    total = sum(sequential.open_ended_level(0.05, read) for read in range(1, 1000))
    assert total == pytest.approx(0.05 * 999 / 1000)


@pytest.mark.parametrize("looks", [[], [0, 5], [5, 5], [9, 5], [2.5, 5.0], [[1, 2]], 7])
def test_looks_that_do_not_increase_are_refused(looks: object) -> None:
    with pytest.raises(ValueError, match=r"expected increasing whole numbers of cases.*looks="):
        sequential.spent(looks, 0.05)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="looks="):
        sequential.rate_levels(looks, 0.9, 0.05)  # type: ignore[arg-type]


def test_other_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"one of \('obrien-fleming', 'pocock', 'even'\), got spending='obf'"):
        sequential.spent([10], 0.05, "obf")  # type: ignore[arg-type]
    for level in (0.0, 1.0, float("nan")):
        with pytest.raises(ValueError, match="level="):
            sequential.spent([10], level)
        with pytest.raises(ValueError, match="level="):
            sequential.ledger_level(level, 10)
        with pytest.raises(ValueError, match="level="):
            sequential.open_ended_level(level, 10)
    for threshold in (0.0, 1.0, float("nan")):
        with pytest.raises(ValueError, match="threshold="):
            sequential.rate_levels([10], threshold, 0.05)
    for number in (0, -1, True, 2.5):
        with pytest.raises(ValueError, match="budget="):
            sequential.ledger_level(0.05, number)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="read="):
            sequential.open_ended_level(0.05, number)  # type: ignore[arg-type]


def test_levels_of_a_rate_that_is_made_of_some_cases_only_by_hand() -> None:
    """Half of 8 and 16 cases count, at 0.5 and level 0.2, half at each look.

    P(4 of 4) = 1/16 may claim at the first look; at the second P(6 of 8, or 4 of 4 before) = 0.164 may, and with 5 of 8
    it would be 0.367: the level lies between P(6 of 8) = 37/256 and P(5 of 8) = 93/256.
    """
    levels = sequential.rate_levels([8, 16], 0.5, 0.2, "even", cases=[4, 8])

    assert 1 / 16 <= levels.low[0] < 5 / 16
    assert 37 / 256 <= levels.low[1] < 93 / 256
    assert levels.high == pytest.approx(levels.low)


def test_levels_so_far_are_those_of_all_looks() -> None:
    """Levels hang on the looks so far, and on the last size: with every case counted they are the ordinary ones."""
    whole = sequential.rate_levels([500, 1000, 2000], 0.9, 0.05)

    so_far = sequential.rate_levels([500, 1000, 2000], 0.9, 0.05, cases=[500, 1000])

    assert so_far.low == pytest.approx(whole.low[:2])
    assert so_far.high == pytest.approx(whole.high[:2])


def test_looks_without_a_case_spend_nothing() -> None:
    levels = sequential.rate_levels([500, 1000, 2000], 0.9, 0.05, cases=[0, 0, 40])

    assert binomial.lower(40, 40, levels.low[2]) >= 0.9
    assert levels.low[2] == pytest.approx(0.05)


@pytest.mark.parametrize("cases", [[5, 4], [501], [-1], [1, 2, 3], [], [0.5]])
def test_cases_that_do_not_fit_the_looks_are_refused(cases: list[int]) -> None:
    with pytest.raises(ValueError, match=r"cases=.* for looks=\[500, 1000\]"):
        sequential.rate_levels([500, 1000], 0.9, 0.05, cases=cases)
