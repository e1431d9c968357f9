"""Quotients of bounds: the corner cases one by one, and the contrast form that they stand for."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from pytest_mlspec.stats import quotients, seeds
from pytest_mlspec.stats.bounds import BoundClass, Bounds, Method


def ends(low: float, high: float, bound_class: BoundClass = "asymptotic", reason: str = "") -> Bounds:
    method = Method(name=f"a {bound_class} bound", bound_class=bound_class, source="-")
    return Bounds(low=np.array([low]), high=np.array([high]), method=method, reason=reason)


@pytest.mark.parametrize(
    ("stress", "iid", "low", "high"),
    [
        ((0.02, 0.06), (0.01, 0.03), 0.02 / 0.03, 6.0),
        ((0.02, 0.06), (0.0, 0.03), 0.02 / 0.03, np.inf),  # nothing proves the quotient small
        ((0.0, 0.06), (0.01, 0.03), 0.0, 6.0),
        ((0.0, 0.0), (0.0, 0.0), 0.0, np.inf),
        ((0.01, 0.02), (0.0, 0.0), np.inf, np.inf),
        ((0.0, np.inf), (0.01, 0.03), 0.0, np.inf),
        ((0.02, 0.06), (0.01, np.inf), 0.0, 6.0),
        ((0.0, np.inf), (0.0, np.inf), 0.0, np.inf),
    ],
)
def test_corners(stress: tuple[float, float], iid: tuple[float, float], low: float, high: float) -> None:
    bounds = quotients.quotient_bounds(ends(*stress), ends(*iid))

    assert bounds.low.tolist() == [pytest.approx(low)]
    assert bounds.high.tolist() == [pytest.approx(high)]
    assert (bounds.reason == quotients.NOT_TOLD_FROM_ZERO) == (iid[0] == 0.0)


def test_it_decides_as_the_contrast_of_the_two_spreads_does() -> None:
    """Met if U_stress <= c L_iid (never where L_iid is 0), violated if L_stress > c U_iid: on a grid of bounds."""
    values, limit = (0.0, 0.01, 0.02, 0.05, np.inf), 3.0
    pairs = [(low, high) for low, high in product(values, values) if low <= high and np.isfinite(low)]
    decided = set()
    for stress, iid in product(pairs, pairs):
        bounds = quotients.quotient_bounds(ends(*stress), ends(*iid))
        met = iid[0] > 0 and stress[1] <= limit * iid[0]
        violated = np.isfinite(iid[1]) and stress[0] > limit * iid[1]
        assert (bool(bounds.high[0] <= limit), bool(bounds.low[0] > limit)) == (met, violated)
        decided.add((met, violated))

    assert decided == {(True, False), (False, True), (False, False)}


def test_spreads_go_in_as_they_are_measured() -> None:
    rng = np.random.default_rng(1)
    wide = seeds.std_bounds(rng.random((20, 4000)) < 0.8 + 0.05 * rng.standard_normal((20, 1)), 0.025)
    narrow = seeds.std_bounds(rng.random((20, 4000)) < 0.8 + 0.02 * rng.standard_normal((20, 1)), 0.025)

    bounds = quotients.quotient_bounds(wide, narrow)

    assert float(bounds.high) == pytest.approx(wide.high / narrow.low)
    assert float(bounds.low) == pytest.approx(wide.low / narrow.high)
    assert (bounds.method.name, bounds.method.bound_class) == (quotients.QUOTIENT.name, "asymptotic")


def test_a_reason_of_a_side_comes_first() -> None:
    bounds = quotients.quotient_bounds(ends(0, np.inf, reason="one model"), ends(0, 1))

    assert bounds.reason == "one model"


@pytest.mark.parametrize(
    ("first", "second", "weaker"),
    [("exact", "exact", "exact"), ("exact", "approximate", "approximate"), ("asymptotic", "exact", "asymptotic")],
)
def test_the_class_is_the_weaker_one(first: BoundClass, second: BoundClass, weaker: BoundClass) -> None:
    bounds = quotients.ratio_of_bounds(ends(1, 2, first), ends(1, 2, second))

    assert bounds.method.bound_class == weaker
    assert bounds.method.name.endswith("for each side, Bonferroni")
    assert bounds.method.name.count("exact") == (1 if "exact" in (first, second) else 0)


def test_one_divisor_stands_under_many_dividends() -> None:
    many = Bounds(low=np.array([1.0, 2.0]), high=np.array([3.0, 4.0]), method=seeds.SEED_STD)

    bounds = quotients.ratio_of_bounds(many, ends(1.0, 2.0))

    assert bounds.low.tolist() == [0.5, 1.0]
    assert bounds.high.tolist() == [3.0, 4.0]
