"""ECE, MCE and class-wise ECE: values against netcal and by hand, bounds by hand and by their formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from pytest_mlspec.stats import calibration_table
from pytest_mlspec.stats.calibration import ece_bounds, least_favourable_upper, prequential_lower
from pytest_mlspec.stats.calibration_classwise import classwise_ece, classwise_ece_bounds
from pytest_mlspec.stats.calibration_table import (
    bin_index,
    bin_table,
    ece,
    equal_mass_edges,
    mce,
    overconfidence,
    top_label,
)
from pytest_mlspec.stats.calibration_worst_bin import mce_bounds


def rows(n_examples: int, gap: float = 0.05, seed: int = 0, n_members: int = 1) -> tuple[Any, Any]:
    """Top confidences above one half, over-confident by ``gap``."""
    generator = np.random.default_rng(seed)
    confidence = 0.5 + 0.5 * generator.beta(4, 1.2, size=(n_members, n_examples))
    return confidence, generator.random((n_members, n_examples)) < confidence - gap


def test_values_by_hand() -> None:
    confidence = np.array([[0.05, 0.15, 0.95, 0.85]])
    hit = np.array([[1, 0, 1, 0]])

    table = bin_table(confidence, hit, bins=2)

    assert ece(table)[0] == pytest.approx((abs(1 - 0.2) + abs(1 - 1.8)) / 4)
    assert mce(table)[0] == pytest.approx(0.4)
    assert overconfidence(table)[0] == pytest.approx(0.0)
    assert table.count.sum(axis=1).tolist() == [[2.0, 2.0]]
    assert table.residual_square.sum() == pytest.approx(0.95**2 + 0.15**2 + 0.05**2 + 0.85**2)
    assert table.score_variance.sum() == pytest.approx(2 * 0.05 * 0.95 + 2 * 0.15 * 0.85)


def test_overconfidence_is_positive_where_scores_exceed_hits() -> None:
    confidence = np.full((1, 10), 0.9)

    assert overconfidence(bin_table(confidence, np.zeros((1, 10), bool)))[0] == pytest.approx(0.9)
    assert overconfidence(bin_table(confidence, np.ones((1, 10), bool)))[0] == pytest.approx(-0.1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bins", [1, 7, 10, 15, 50])
def test_values_equal_netcal(dtype: type, bins: int) -> None:
    metrics = pytest.importorskip("netcal.metrics")
    generator = np.random.default_rng(bins)
    probabilities = generator.dirichlet(np.ones(4) * 0.5, size=3000).astype(dtype)
    probabilities[:200] = np.array([0.1, 0.2, 0.3, 0.4], dtype)  # on an edge of ten bins
    codes = generator.integers(0, 4, 3000)

    confidence, hit = top_label(probabilities[None], codes)
    table = bin_table(confidence, hit, bins)

    # netcal clips scores to [eps, 1 - eps] of their type, which shows for float32 only.
    tolerance = 1e-12 if dtype is np.float64 else 2e-7
    assert ece(table)[0] == pytest.approx(metrics.ECE(bins).measure(probabilities, codes), abs=tolerance)
    assert mce(table)[0] == pytest.approx(metrics.MCE(bins).measure(probabilities, codes), abs=tolerance)


def test_edges_belong_to_the_bin_on_their_right() -> None:
    edges = np.linspace(0, 1, 11)

    for bins in (10, edges):
        assert bin_index(edges, bins).tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9]
        assert bin_index(np.nextafter(edges[1:], 0), bins).tolist() == list(range(10))


@pytest.mark.parametrize("bins", range(1, 101))
def test_equal_width_bins_equal_numpy_histogram_at_every_edge(bins: int) -> None:
    edges = np.linspace(0, 1, bins + 1)
    scores = np.unique(np.concatenate([edges, np.nextafter(edges, 0), np.nextafter(edges, 1)]).clip(0, 1))

    counts = np.bincount(bin_index(scores, bins), minlength=bins)

    assert counts.tolist() == np.histogram(scores, edges)[0].tolist()


def test_an_edge_stored_as_float32_opens_the_same_bin() -> None:
    scores = np.linspace(0, 1, 11)

    assert bin_index(scores.astype(np.float32), 10).tolist() == bin_index(scores, 10).tolist()


def test_top_label_breaks_ties_as_argmax() -> None:
    generator = np.random.default_rng(3)
    tied = generator.integers(1, 4, size=(2, 500, 5)) / 10.0
    codes = generator.integers(0, 5, 500)

    confidence, hit = top_label(tied, codes)

    np.testing.assert_array_equal(confidence, tied.max(axis=2))
    np.testing.assert_array_equal(hit, tied.argmax(axis=2) == codes)


def test_members_are_read_as_if_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    confidence, hit = rows(300, n_members=5)
    monkeypatch.setattr(calibration_table, "_CHUNK", 700)

    together = ece_bounds(confidence, hit, 10, 0.05)

    for member in range(5):
        alone = ece_bounds(confidence[member], hit[member], 10, 0.05)
        assert together.low[member] == pytest.approx(alone.low[0], abs=1e-12)
        assert together.high[member] == pytest.approx(alone.high[0], abs=1e-12)


def test_equal_mass_edges_hold_equal_numbers_and_survive_ties() -> None:
    confidence, hit = rows(1000, n_members=2)

    edges = equal_mass_edges(confidence, 10)

    assert bin_table(confidence, hit, edges).count.sum(axis=1).tolist() == [[100.0] * 10] * 2
    assert equal_mass_edges(np.full((1, 50), 0.7), 4).tolist() == [[0.0, 0.7, 0.7, 0.7, 1.0]]
    assert ece(bin_table(np.full((1, 50), 0.7), np.ones((1, 50), bool), np.array([0, 0.7, 0.7, 1])))[
        0
    ] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("confidence", "hit", "message"),
    [
        ([0.2, np.nan], [1, 0], "without NaN"),
        ([0.2, 1.1], [1, 0], "max=1.1"),
        ([0.2, -0.1], [1, 0], "min=-0.1"),
        ([0.2, 0.1], [1, 2], "hit must be 0 or 1"),
        ([0.2, 0.1, 0.3], [1, 0], "same shape"),
    ],
)
def test_bad_rows_are_refused(confidence: list[float], hit: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bin_table(np.array(confidence), np.array(hit))


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0, -0.1])
def test_bad_levels_are_refused(level: float) -> None:
    confidence, hit = rows(20)
    for bounds in (ece_bounds, mce_bounds):
        with pytest.raises(ValueError, match="level must lie between"):
            bounds(confidence, hit, 5, level)


def test_without_rows_nothing_is_known() -> None:
    empty = np.empty((2, 0))

    for bounds in (ece_bounds, mce_bounds):
        found = bounds(empty, empty.astype(bool), 5, 0.05)
        assert found.low.tolist() == [-np.inf] * 2
        assert found.high.tolist() == [np.inf] * 2
        assert found.reason == "there are no cases"
    assert np.isnan(ece(bin_table(empty, empty.astype(bool)))).all()


def test_the_upper_bound_solves_its_equation() -> None:
    """Against an independent root finder on the equation itself, with every term written out again."""
    confidence, hit = rows(2000)
    residual, index = (hit - confidence)[0], np.digitize(confidence[0], np.linspace(0, 1, 16)[1:-1])
    n, z, c0 = 2000, stats.norm.ppf(0.95), 1 / 3
    mean = np.bincount(index, residual, 15) / n
    variance = (np.bincount(index, residual**2, 15) / n - mean**2) / n
    dense = np.bincount(index, confidence[0] * (1 - confidence[0]), 15) >= 10
    total = np.sqrt(variance[dense]).sum()

    def left(t: float) -> float:
        folded = stats.foldnorm(t / total)
        noise = variance[dense].sum() * folded.var() + variance[~dense].sum() + z**2 / (4 * n**2)
        return float(total * folded.mean() - z * np.sqrt(noise))

    expected = optimize.brentq(lambda t: left(t) - np.abs(mean).sum() - (z**2 / 2 + c0) / n, 0, 1)

    assert least_favourable_upper(bin_table(confidence, hit, 15), 0.05)[0] == pytest.approx(expected, abs=1e-8)


def test_no_error_in_n_cases_proves_what_a_binomial_proves() -> None:
    """Constant score 1, no miss: ECE is the miss rate, and 0.05 ** (1/n) bounds what any test may claim."""
    for n in (20, 100, 1000):
        bounds = ece_bounds(np.ones((1, n)), np.ones((1, n), bool), 15, 0.05)

        assert 1 - 0.05 ** (1 / n) <= bounds.high[0] <= 3.2 / n
        assert bounds.low[0] == 0.0


def test_a_calibrated_model_is_not_violated_and_a_bad_one_is() -> None:
    good, bad = rows(5000, gap=0.0), rows(5000, gap=0.15)

    assert ece_bounds(*good, 15, 0.05).low[0] < 0.01
    assert ece_bounds(*good, 15, 0.05).high[0] < 0.03
    assert ece_bounds(*bad, 15, 0.05).low[0] > 0.12
    assert ece_bounds(*bad, 15, 0.05).high[0] > 0.15


def test_which_bound_is_used_where() -> None:
    confidence, hit = rows(500)

    names = {
        (level, fixed): ece_bounds(confidence, hit, 15, level, edges_fixed=fixed).method.name.split(",")[1]
        for level, fixed in [(0.05, True), (0.01, True), (0.1, True), (0.05, False)]
    }

    assert "least favourable" in names[0.05, True]
    assert "least favourable" in names[0.01, True]
    assert "intersection-union" in names[0.1, True]
    assert "intersection-union" in names[0.05, False]
    assert ece_bounds(confidence, hit, 15, 0.005).method.bound_class == "exact"
    assert ece_bounds(confidence, hit, 15, 0.05, exact=True).method.bound_class == "exact"


@pytest.mark.parametrize("fixed", [True, False])
def test_bounds_widen_as_the_level_falls(fixed: bool) -> None:
    confidence, hit = rows(2000, gap=0.1)

    found = [ece_bounds(confidence, hit, 15, a, edges_fixed=fixed, exact=True) for a in (0.1, 0.05, 0.01, 0.001)]

    assert np.all(np.diff([b.high[0] for b in found]) > 0)
    assert np.all(np.diff([b.low[0] for b in found]) < 0)


def test_the_exact_upper_bound_meets_its_own_limit_row_by_row() -> None:
    """The game played row by row in plain Python: at the bound the wealth is 1/level, just below it is less."""
    confidence, hit = rows(200, gap=0.02)
    high = ece_bounds(confidence, hit, 5, 0.05, exact=True).high[0]
    order = np.random.default_rng(90_017).permutation(200)
    index = np.digitize(confidence[0], np.linspace(0, 1, 6)[1:-1])

    def wealth(limit: float) -> float:
        gains, squares = np.zeros((5, 2)), 0.0
        for turn, row in enumerate(order, start=1):
            residual = float(hit[0, row]) - float(confidence[0, row])
            variance = (0.25 + squares) / turn
            stake = min(np.sqrt(2 * np.log(20) / (200 * variance)), 0.75 / (1 - limit))
            for side, sign in enumerate((1, -1)):
                gains[index[row], side] += np.log(1 + stake * (limit - sign * residual))
            squares += residual**2
        return float(gains.min(axis=1).sum())

    assert wealth(high + 1e-9) >= np.log(20) - 1e-6
    assert wealth(high - 1e-6) < np.log(20)


def test_table_at_hand_gives_the_same_bounds() -> None:
    confidence, hit = rows(400)
    table = bin_table(confidence, hit, 10)

    for bounds in (ece_bounds, mce_bounds):
        fresh, reused = bounds(confidence, hit, 10, 0.05), bounds(confidence, hit, 10, 0.05, table=table)
        assert (fresh.low[0], fresh.high[0]) == (reused.low[0], reused.high[0])


def test_signs_come_from_earlier_blocks_only() -> None:
    """With a single block no row has a past, so nothing is proven however bad the model."""
    confidence, hit = rows(1000, gap=0.4)

    assert prequential_lower(bin_table(confidence, hit, 15, n_blocks=1), 0.05)[0] == 0.0
    assert prequential_lower(bin_table(confidence, hit, 15), 0.05)[0] > 0.3


def test_mce_bounds_by_hand() -> None:
    """Scores without spread: the arms are Clopper-Pearson around the score (plus half a bin's noise term)."""
    confidence = np.repeat([[0.25, 0.75]], 200, axis=1).reshape(1, 400)
    confidence = np.concatenate([np.full((1, 200), 0.25), np.full((1, 200), 0.75)], axis=1)
    hit = np.concatenate([np.arange(200) < 50, np.arange(200) < 120])[None]

    bounds = mce_bounds(confidence, hit, 2, 0.05)

    noise = stats.norm.ppf(0.95) * np.sqrt(0.5**2 / (4 * 200) / 200)
    expected_high = 0.75 - stats.beta.ppf(0.05, 120, 81) + noise
    noise = stats.norm.ppf(1 - 0.05 / 4) * np.sqrt(0.5**2 / (4 * 200) / 200)
    expected_low = 0.75 - stats.beta.ppf(1 - 0.05 / 4, 121, 80) - noise
    assert bounds.high[0] == pytest.approx(expected_high, abs=1e-12)
    assert bounds.low[0] == pytest.approx(expected_low, abs=1e-12)
    assert bounds.reason == ""


def test_a_nearly_empty_bin_makes_mce_wide_and_is_named() -> None:
    confidence = np.concatenate([np.full(2000, 0.95), [0.55]])[None]
    hit = np.concatenate([np.arange(2000) < 1900, [True]])[None]

    bounds = mce_bounds(confidence, hit, 10, 0.05)

    assert bounds.high[0] > 0.4
    assert bounds.reason == "the upper bound is that of the bin [0.5, 0.6], which holds 1 case"


def test_classwise_value_equals_the_mean_of_one_ece_per_class() -> None:
    metrics = pytest.importorskip("netcal.metrics")
    generator = np.random.default_rng(4)
    probabilities = generator.dirichlet(np.ones(3), size=(2, 700))
    codes = generator.integers(0, 3, 700)

    value = classwise_ece(probabilities, codes, 10)

    for member in range(2):
        each = [metrics.ECE(10).measure(probabilities[member, :, k].copy(), (codes == k).astype(int)) for k in range(3)]
        assert value[member] == pytest.approx(np.mean(each), abs=1e-12)


def test_classwise_upper_bound_by_formula() -> None:
    generator = np.random.default_rng(5)
    probabilities = generator.dirichlet(np.ones(3), size=(1, 900))
    codes = generator.integers(0, 3, 900)

    bounds = classwise_ece_bounds(probabilities, codes, 10, 0.05)

    e, n, z, width = classwise_ece(probabilities, codes, 10)[0], 900, stats.norm.ppf(0.95), 2 / 3
    size = 2 * (1 - probabilities[0, np.arange(900), codes]) / 3
    spread = (np.mean(size**2) - e**2) / n + (width * z / (2 * n)) ** 2
    assert bounds.high[0] == pytest.approx(e + width * (z**2 / 2 + 1 / 3) / n + z * np.sqrt(spread), abs=1e-12)
    assert 0.0 <= bounds.low[0] < e


def test_classwise_says_what_it_cannot_do() -> None:
    probabilities = np.full((1, 30, 3), 1 / 3)
    codes = np.arange(30) % 3

    assert "below level 0.01" in classwise_ece_bounds(probabilities, codes, 5, 0.001).reason
    with pytest.raises(ValueError, match="are these logits"):
        classwise_ece(probabilities / 2, codes, 5)
    with pytest.raises(ValueError, match=r"codes must lie in 0 \.\. 2"):
        classwise_ece(probabilities, codes + 1, 5)
    with pytest.raises(ValueError, match=r"codes\.shape"):
        classwise_ece(probabilities, codes[:10], 5)
