"""Slopes over a column: a case by hand, an independent library, the column's unit, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression

from pytest_mlspec.stats import slopes


def test_four_cases_by_hand() -> None:
    # x = 1 2 3 4: centred -1.5 -.5 .5 1.5, squares 5; changes 0 0 1 1: slope (.5 + 1.5) / 5 = .4
    assert slopes.slopes([0, 0, 1, 1], [1, 2, 3, 4]).tolist() == [pytest.approx(0.4)]


def test_slopes_are_those_of_least_squares() -> None:
    rng = np.random.default_rng(1)
    rows, x = rng.uniform(-1, 1, (7, 60)), rng.lognormal(size=60)

    fitted = LinearRegression().fit(x[:, None], rows.T)

    assert slopes.slopes(rows, x) == pytest.approx(fitted.coef_[:, 0])


def hc3(row: np.ndarray, x: np.ndarray) -> float:
    """Standard error of the slope by the matrix form of MacKinnon & White 1985."""
    design = np.stack([np.ones_like(x), x], axis=1)
    bread = np.linalg.inv(design.T @ design)
    leverage = np.einsum("ij,jk,ik->i", design, bread, design)
    residuals = row - design @ (bread @ design.T @ row)
    meat = design.T @ (design * (residuals / (1 - leverage))[:, None] ** 2)
    return float(np.sqrt((bread @ meat @ bread)[1, 1]))


def test_many_cases_have_the_arm_of_hc3() -> None:
    """On 100,000 cases what one case could do counts for nothing: the arm is z times the HC3 standard error."""
    rng = np.random.default_rng(2)
    x = rng.random(100_000)
    row = (rng.random(x.size) < 0.1 + 0.8 * x).astype(float)

    bounds, slope = slopes.slope_bounds(row, x, 0.05), slopes.slopes(row, x)[0]

    error = hc3(row, x)
    assert bounds.high[0] - slope == pytest.approx(stats.norm.isf(0.05) * error, rel=0.02)
    assert slope - bounds.low[0] == pytest.approx(stats.norm.isf(0.05) * error, rel=0.02)


def test_no_change_seen_is_bounded_by_what_one_case_could_do() -> None:
    """c R with R = max |w| and c = t^2, as its degrees (sum w^2)^2 / sum w^4 - 1 are few: by hand from the weights."""
    x = np.arange(50.0)
    weights = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    carrying = np.sum(weights**2) ** 2 / np.sum(weights**4)
    t = stats.t.isf(0.05, carrying - 1)

    bounds = slopes.slope_bounds(np.zeros((1, 50)), x, 0.05)

    assert bounds.high[0] == pytest.approx(max(t**2, np.log(20)) * np.abs(weights).max())
    assert bounds.low[0] == pytest.approx(-bounds.high[0])
    assert slopes.slope_bounds(np.zeros(50), x, 0.05, largest=2.0).high[0] == pytest.approx(2 * bounds.high[0])


def test_the_unit_of_the_column_scales_the_bounds_and_its_origin_does_not() -> None:
    rng = np.random.default_rng(3)
    x, rows = rng.random(200), rng.random((3, 200)) < 0.3

    plain = slopes.slope_bounds(rows, x, 0.05)
    scaled = slopes.slope_bounds(rows, 1000 * x + 5e4, 0.05)

    assert scaled.low * 1000 == pytest.approx(plain.low, rel=1e-6)
    assert scaled.high * 1000 == pytest.approx(plain.high, rel=1e-6)


def test_a_turned_change_turns_the_bounds() -> None:
    rng = np.random.default_rng(4)
    x, rows = rng.random(100), rng.uniform(-1, 1, (2, 100))

    there, back = slopes.slope_bounds(rows, x, 0.05), slopes.slope_bounds(-rows, x, 0.05)

    assert there.low == pytest.approx(-back.high)
    assert there.high == pytest.approx(-back.low)


def test_a_stricter_level_is_wider() -> None:
    rng = np.random.default_rng(5)
    x, row = rng.random(100), rng.uniform(-1, 1, 100)

    highs = [slopes.slope_bounds(row, x, level).high[0] for level in (0.1, 0.05, 0.01, 0.001)]

    assert highs == sorted(highs)
    assert highs[0] < highs[-1]


@pytest.mark.parametrize(
    ("x", "level", "reason"),
    [
        (np.full(30, 7.0), 0.05, "a slope needs a column that varies: it is constant on these cases"),
        (np.array([1e6] + [1e6] * 29) + 1e-8, 0.05, "it is constant on these cases"),
        (np.array([1.0, 2, 3]), 0.05, "a slope needs at least 5 cases that carry it: there are 3"),
        # ((29/30)^2 + 29/30^2)^2 / ((29/30)^4 + 29/30^4) = 1.07
        (np.array([100.0] + [0.0] * 29), 0.05, "of 30 cases a few lie so far out that they count for 1.1"),
        (np.arange(30.0), 0.0001, "bounds of a slope are checked down to level 0.0005, asked for 0.0001"),
    ],
)
def test_what_leaves_the_bounds_open_is_said(x: np.ndarray, level: float, reason: str) -> None:
    bounds = slopes.slope_bounds(np.zeros((2, len(x))), x, level)

    assert reason in bounds.reason
    assert np.isneginf(bounds.low).all() and np.isposinf(bounds.high).all()


def test_a_constant_column_has_no_slope() -> None:
    assert np.isnan(slopes.slopes(np.ones((2, 6)), np.ones(6))).all()


@pytest.mark.parametrize(
    ("rows", "x", "more", "words"),
    [
        ([[0.0, np.nan]], [1, 2], {}, "rows must be finite"),
        ([[0.0, 1.0]], [1, np.inf], {}, "x must be finite"),
        ([[0.0, 1.0]], [1, 2, 3], {}, r"got \(1, 2\) and \(3,\)"),
        (np.zeros((1, 0)), [], {}, "at least one example"),
        ([[0.0, 1.5]], [1, 2], {}, r"a change of 1\.5 was seen, more than largest=1"),
        ([[0.0, 1.0]], [1, 2], {"largest": 0.0}, r"largest=0\.0"),
        ([[0.0, 1.0]], [1, 2], {"level": 0.7}, r"level=0\.7"),
    ],
)
def test_bad_input_is_refused(rows: object, x: object, more: dict[str, float], words: str) -> None:
    arguments = {"level": 0.05} | more
    with pytest.raises(ValueError, match=words):
        slopes.slope_bounds(rows, x, **arguments)  # type: ignore[arg-type]
