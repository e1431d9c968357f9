"""AUROC: values against scikit-learn and by hand, bounds by hand and by their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from pytest_mlspec.stats.ranking import (
    auroc,
    auroc_bounds,
    betting_bounds,
    block_placements,
    hanley_mcneil_bounds,
)


def test_values_by_hand() -> None:
    positive = np.array([True, True, False, False])

    assert auroc(np.array([3.0, 2.0, 1.0, 0.0]), positive).tolist() == [1.0]
    assert auroc(np.array([3.0, 0.5, 1.0, 0.0]), positive).tolist() == [0.75]
    assert auroc(np.array([0.5, 0.5, 0.5, 0.5]), positive).tolist() == [0.5]
    assert auroc(np.array([1.0, 0.0, 1.0, 0.0]), positive).tolist() == [0.5]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
@pytest.mark.parametrize("prevalence", [0.02, 0.3, 0.9])
def test_values_equal_scikit_learn(dtype: type, prevalence: float) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(1)
    positive = generator.random(2000) < prevalence
    scores = np.stack(
        [np.round(generator.normal(size=2000) * 10 + 8 * positive, digits) for digits in (-1, 0, 1, 9)]
    ).astype(dtype)

    expected = [metrics.roc_auc_score(positive, row) for row in scores]

    np.testing.assert_allclose(auroc(scores, positive), expected, atol=1e-12)


def test_infinite_scores_are_ranked() -> None:
    assert auroc(np.array([np.inf, 0.0, -np.inf]), np.array([True, False, False])).tolist() == [1.0]


@pytest.mark.parametrize("positive", [[True] * 4, [False] * 4])
def test_an_absent_class_leaves_everything_open(positive: list[bool]) -> None:
    scores, cases = np.ones((2, 4)), np.array(positive)

    assert np.isnan(auroc(scores, cases)).all()
    for bounds in (
        auroc_bounds(scores, cases, 0.05),
        betting_bounds(scores, cases, 0.05),
        hanley_mcneil_bounds(scores, cases, 0.05),
    ):
        assert bounds.low.tolist() == [-np.inf] * 2
        assert bounds.high.tolist() == [np.inf] * 2
        assert f"no {'negative' if positive[0] else 'positive'} cases" in bounds.reason


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 3 are NaN"):
        auroc(np.array([1.0, np.nan, 2.0]), np.array([True, True, False]))
    with pytest.raises(ValueError, match="1 of 10 are NaN"):
        auroc_bounds(np.array([[1.0] * 9 + [np.nan]]), np.arange(10) == 0, 0.05)
    with pytest.raises(ValueError, match=r"positive\.shape=\(2,\)"):
        auroc(np.ones(3), np.array([True, False]))
    with pytest.raises(ValueError, match=r"level=0\.7"):
        auroc_bounds(np.ones(2), np.array([True, False]), 0.7)


def test_balanced_bounds_are_clopper_pearson_on_the_smaller_class() -> None:
    generator = np.random.default_rng(2)
    positive = np.arange(150) < 50
    scores = generator.normal(size=(3, 150)) + positive

    bounds = auroc_bounds(scores, positive, 0.05)

    hits = 50 * auroc(scores, positive)
    np.testing.assert_allclose(bounds.low, stats.beta.ppf(0.05, hits, 51 - hits), rtol=1e-9)
    np.testing.assert_allclose(bounds.high, stats.beta.ppf(0.95, hits + 1, 50 - hits), rtol=1e-9)


def test_the_rule_follows_the_class_counts_only() -> None:
    scores = np.random.default_rng(3).normal(size=(1, 600))

    for n_positive in (100, 500):
        assert auroc_bounds(scores, np.arange(600) < n_positive, 0.05).method.bound_class == "exact"
    for n_positive in (101, 300, 499):
        assert auroc_bounds(scores, np.arange(600) < n_positive, 0.05).method.bound_class == "asymptotic"


def test_placements_by_hand() -> None:
    scores = np.array([[5.0, 2.0, 1.0, 1.0, 2.0, 3.0]])
    positive = np.array([True, True, False, False, False, False])

    placed = block_placements(scores, positive)

    assert placed.shape == (1, 2)
    assert placed[0, 0] == 1.0  # 5 beats whatever block it gets
    assert placed[0, 1] in (0.25, 0.5, 0.75, 1.0)  # 2 against two of 1, 1, 2, 3


def test_placements_use_every_majority_case_once_and_mean_the_auroc() -> None:
    generator = np.random.default_rng(4)
    positive = np.arange(220) < 20
    identity = block_placements(np.where(positive, 0.0, np.arange(220.0))[None], positive)
    scores = generator.normal(size=(400, 220)) + 1.5 * positive

    placed = block_placements(scores, positive)

    assert identity.tolist() == [[0.0] * 20]
    error = np.std(placed.mean(axis=1)) / np.sqrt(400)
    assert placed.mean() == pytest.approx(stats.norm.cdf(1.5 / np.sqrt(2)), abs=3 * error)


def test_swapping_classes_and_signs_changes_nothing() -> None:
    generator = np.random.default_rng(5)
    positive = np.arange(330) < 30
    scores = np.round(generator.normal(size=(2, 330)) + positive, 1)

    straight, mirrored = auroc_bounds(scores, positive, 0.05), auroc_bounds(-scores, ~positive, 0.05)

    np.testing.assert_allclose(auroc(scores, positive), auroc(-scores, ~positive), atol=1e-15)
    np.testing.assert_allclose(straight.low, mirrored.low, atol=1e-9)
    np.testing.assert_allclose(straight.high, mirrored.high, atol=1e-9)


def test_hanley_mcneil_solves_its_equation() -> None:
    generator = np.random.default_rng(6)
    positive = np.arange(120) < 40
    scores = generator.normal(size=120) + positive
    area, z, half = auroc(scores, positive)[0], stats.norm.ppf(0.95), 120 / 2 - 1

    def distance(a: float) -> float:
        variance = a * (1 - a) * (1 + half * (1 - a) / (2 - a) + half * a / (1 + a)) / (40 * 80)
        return float(abs(area - a) - z * np.sqrt(variance))

    bounds = hanley_mcneil_bounds(scores, positive, 0.05)

    assert bounds.low[0] == pytest.approx(optimize.brentq(distance, 1e-9, area), abs=1e-9)
    assert bounds.high[0] == pytest.approx(optimize.brentq(distance, area, 1 - 1e-9), abs=1e-9)
    assert bounds.method.bound_class == "approximate"
