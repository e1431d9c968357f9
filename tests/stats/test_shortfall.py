"""Shortfalls by hand, against Poisson and normal limits, their signs, and what is refused."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec.stats import betting, shortfall, sums


def test_three_members_by_hand() -> None:
    # hits of three members on four cases; the mean of a case is 1, 2/3, 1/3, 0
    rows = [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]]

    behind = shortfall.case_shortfalls(rows)

    assert behind.mean(axis=1) == pytest.approx([-1 / 4, 0, 1 / 4])
    assert behind[2] == pytest.approx([0, 2 / 3, 1 / 3, 0])
    assert shortfall.case_shortfalls(rows, greater_is_better=False) == pytest.approx(-behind)


def test_the_arm_by_hand() -> None:
    """Two members, 100 cases, the second is wrong on 4 that the first has right: d = 1/2 on 4 cases, mean .02.

    v = sum (d - .02)^2 / (100 * 99) = .96 / 9900; R = (1/2 + .02) / 100; c = ln 20 as t^2 = 2.757 is less.
    sum |u|^3 with u = (d - .02) / sqrt(9900): (4 * .48^3 + 96 * .02^3) / 9900^1.5.
    """
    rows = np.ones((2, 100))
    rows[1, :4] = 0

    bounds = shortfall.shortfall_bounds(rows, 0.05)

    t, c, radius = stats.t.isf(0.05, 99), np.log(20), 0.0052
    v, cubes = 0.96 / 9900, (4 * 0.48**3 + 96 * 0.02**3) / 9900**1.5
    arm = np.sqrt(t**2 * v + (c * radius / 2) ** 2) + c / 2 * (cubes + radius**3) / (v + radius**2)
    assert bounds.high.tolist() == pytest.approx([-0.02 + arm, 0.02 + arm])
    assert bounds.low.tolist() == pytest.approx([-0.02 - arm, 0.02 - arm])
    assert bounds.method.bound_class == "asymptotic"


def test_members_that_never_disagree_are_bounded_like_no_event_among_poisson_ones() -> None:
    """ln(20) / n of the largest shortfall (K - 1) / K: with that rate no event is seen in 5 % of the samples."""
    bounds = shortfall.shortfall_bounds(np.ones((4, 3000)), 0.05)

    assert bounds.high == pytest.approx(np.full(4, 0.75 * np.log(20) / 3000))
    assert shortfall.smallest_provable(4, 3000, 0.05) == pytest.approx(bounds.high[0])
    assert shortfall.smallest_provable(4, 3000, 0.05, width=7.0) == pytest.approx(7 * bounds.high[0])
    assert shortfall.smallest_provable(1, 3000, 0.05) == np.inf


def test_many_cases_have_the_normal_arm() -> None:
    rng = np.random.default_rng(1)
    rows = rng.random((3, 200_000)) < np.array([[0.9], [0.88], [0.9]])

    bounds = shortfall.shortfall_bounds(rows, 0.05)

    behind = rows.mean(axis=0) - rows[1]
    error = stats.norm.isf(0.05) * stats.sem(behind)
    assert bounds.high[1] == pytest.approx(behind.mean() + error, abs=0.02 * error)
    assert bounds.low[1] == pytest.approx(behind.mean() - error, abs=0.02 * error)


def test_losses_are_turned_and_scaled() -> None:
    rng = np.random.default_rng(2)
    gains = rng.random((3, 400))

    of_gains = shortfall.shortfall_bounds(gains, 0.05)
    of_losses = shortfall.shortfall_bounds(50 * (1 - gains), 0.05, width=50.0, greater_is_better=False)

    assert of_losses.low == pytest.approx(50 * of_gains.low)
    assert of_losses.high == pytest.approx(50 * of_gains.high)


def test_far_tails_are_left_to_betting() -> None:
    rng = np.random.default_rng(3)
    rows = rng.random((2, 300)) < 0.8

    bounds = shortfall.shortfall_bounds(rows, 0.0001)

    # shortfalls are the halved differences of two members
    paired = betting.difference_bounds(rows[[1, 0]], rows, 1.0, 0.0001)
    assert bounds.low == pytest.approx(paired.low / 2, abs=1e-6)
    assert bounds.high == pytest.approx(paired.high / 2, abs=1e-6)
    assert bounds.method is betting.BETTING


def test_jackknife_rows_take_the_largest_difference_seen_unless_a_width_is_known() -> None:
    rng = np.random.default_rng(4)
    rows = 1 + 0.01 * rng.standard_normal((3, 200))

    seen, known = shortfall.jackknife_bounds(rows, 0.05), shortfall.jackknife_bounds(rows, 0.05, width=10.0)

    assert seen.method.bound_class == "approximate"
    assert (known.high > seen.high + 0.05).all()
    assert "do not differ on any case" in shortfall.jackknife_bounds(np.ones((3, 200)), 0.05).reason
    assert np.isfinite(shortfall.jackknife_bounds(np.ones((3, 200)), 0.05, width=1.0).high).all()
    assert "level 0.0005" in shortfall.jackknife_bounds(rows, 0.0001).reason


@pytest.mark.parametrize(("shape", "words"), [((1, 50), "at least 2 members"), ((3, 1), "at least 2 examples")])
def test_too_little_to_compare_is_said(shape: tuple[int, int], words: str) -> None:
    for bounds in (
        shortfall.shortfall_bounds(np.ones(shape), 0.05),
        shortfall.jackknife_bounds(np.ones(shape), 0.05),
    ):
        assert words in bounds.reason
        assert np.isneginf(bounds.low).all() and np.isposinf(bounds.high).all()


@pytest.mark.parametrize(
    ("rows", "more", "words"),
    [
        ([[0.0, np.nan], [1.0, 1.0]], {}, "must be finite"),
        (np.zeros((2, 0)), {}, r"at least one example; got \(2, 0\)"),
        ([[0.0, 3.0], [1.0, 1.0]], {}, r"a case lies 1 from the mean of the members, more than values with width=1"),
        ([[0.0, 1.0], [1.0, 1.0]], {"width": -1.0}, r"width=-1\.0"),
        ([[0.0, 1.0], [1.0, 1.0]], {"level": 0.5}, r"level=0\.5"),
    ],
)
def test_bad_input_is_refused(rows: object, more: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        shortfall.shortfall_bounds(rows, **({"level": 0.05} | more))  # type: ignore[arg-type]


def test_the_arm_is_the_same_for_a_sum_and_its_mirror() -> None:
    moved = np.random.default_rng(5).standard_normal((2, 30))

    assert sums.arm(moved, np.ones(2), 1.6, 0.05) == pytest.approx(sums.arm(-moved, np.ones(2), 1.6, 0.05))
    assert sums.arm(np.zeros((1, 5)), np.zeros(1), 1.6, 0.05).tolist() == [0.0]


@pytest.mark.parametrize("level", [0.05, 0.0001])
def test_the_smallest_margin_of_many_members_takes_no_table_of_them(level):
    """1,000 members x 20,000 cases would be 160 MB."""
    tracemalloc.start()
    found = shortfall.smallest_provable(1000, 20_000, level)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 10 * 2**20
    if level == 0.05:  # ln(20) / n times (K - 1) / K, or with the squared quantile where that is larger
        assert found == pytest.approx(max(np.log(20), stats.t.ppf(0.95, 19_999) ** 2) * 0.999 / 20_000)
