"""Spread and mean over retrainings: a case by hand, the classical limits they must reach, and what is refused."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec.stats import seeds


def two_way_by_loops(rows: np.ndarray) -> tuple[float, float, float]:
    """Standard deviation of the member means, residual noise in it, largest noise direction: the textbook way."""
    n_members, n_examples = rows.shape
    grand, member, case = rows.mean(), rows.mean(axis=1), rows.mean(axis=0)
    residual = np.array(
        [[rows[k, i] - member[k] - case[i] + grand for i in range(n_examples)] for k in range(n_members)]
    )
    mean_square = (residual**2).sum() / ((n_members - 1) * (n_examples - 1))
    covariance = np.cov(residual)
    return (
        float(np.std(member, ddof=1)),
        mean_square / n_examples,
        float(np.linalg.eigvalsh(covariance)[-1]) / n_examples,
    )


def test_two_members_on_four_cases_by_hand() -> None:
    # Means 3/4 and 2/4: s = 0.25 / sqrt(2). They differ on one case: covariance eigenvalue 0.125, lam_1 = 0.125 / 4.
    # z = 1.644854, R = sqrt(2) / 2, f = sqrt(1 / 0.0039321) = 15.947:
    # N^2 = 2.705543 (0.03125 + 2.705543 * 0.5 / 64) = 0.141736
    # high = 0.176777 + sqrt(0.03125 * 14.947^2 + 254.31 * 0.141736) + 15.947 * 2.705543 * 0.707107 / 8 = 10.55
    spread = seeds.std_bounds([[1, 1, 1, 0], [1, 0, 1, 0]], 0.05)

    assert spread.raw == pytest.approx(0.25 / np.sqrt(2))
    assert spread.noise**2 == pytest.approx(0.03125)
    assert spread.main_noise**2 == pytest.approx(0.03125)
    assert spread.value == 0.0
    assert spread.low == 0.0
    assert spread.high == pytest.approx(10.55, abs=0.01)
    assert (spread.n_members, spread.n_examples, spread.reason) == (2, 4, "")


@pytest.mark.parametrize("kind", ["bool", "uint8", "float32", "float64"])
def test_decomposition_agrees_with_loops(kind: str) -> None:
    rng = np.random.default_rng(1)
    level_of_case = rng.random(400)
    hits, losses = rng.random((6, 400)) < level_of_case, rng.random((6, 400)) + level_of_case
    rows = (hits if kind in ("bool", "uint8") else losses).astype(kind)

    spread = seeds.std_bounds(rows, 0.05, width=1.0 if kind in ("bool", "uint8") else 2.0)

    raw, noise_square, main = two_way_by_loops(rows.astype(np.float64))
    assert spread.raw == pytest.approx(raw, rel=1e-6)
    assert spread.noise**2 == pytest.approx(noise_square, rel=1e-6)
    assert spread.main_noise**2 == pytest.approx(main, rel=1e-6)
    assert spread.value == pytest.approx(np.sqrt(max(raw**2 - noise_square, 0)), rel=1e-5)


def test_chunks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(2).random((4, 1000)) < 0.8

    whole = seeds.std_bounds(rows, 0.05)
    monkeypatch.setattr(seeds, "CHUNK", 77)
    parts = seeds.std_bounds(rows, 0.05)

    assert parts.high == pytest.approx(whole.high, rel=1e-12)
    assert parts.low == pytest.approx(whole.low, abs=1e-12)


def test_a_large_offset_loses_no_digits() -> None:
    rows = np.random.default_rng(3).random((4, 500))

    near, far = seeds.std_bounds(rows, 0.05), seeds.std_bounds(rows + 1e7, 0.05)

    assert far.noise == pytest.approx(near.noise, rel=1e-6)
    assert far.raw == pytest.approx(near.raw, rel=1e-5)


@pytest.mark.parametrize("n_members", [3, 10, 30])
def test_without_test_set_noise_the_bounds_are_the_chi_square_interval(n_members: int) -> None:
    means = np.random.default_rng(4).normal(0.0, 0.05, n_members)
    rows = np.repeat(means[:, None], 200_000, axis=1)

    spread = seeds.std_bounds(rows, 0.05)

    degrees, deviation = n_members - 1, means.std(ddof=1)
    assert spread.high == pytest.approx(deviation * np.sqrt(degrees / stats.chi2.ppf(0.05, degrees)), rel=2e-3)
    assert spread.low == pytest.approx(deviation * np.sqrt(degrees / stats.chi2.ppf(0.95, degrees)), rel=2e-3)
    assert spread.value == pytest.approx(deviation, rel=1e-9)


def test_no_seed_variance_is_not_refuted_although_the_raw_spread_shows_a_point() -> None:
    raw, corrected, refuted = [], [], 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        difficulty = rng.beta(4, 0.8, 500)  # cases that are right on average five times in six, by seed noise alone
        spread = seeds.std_bounds(rng.random((10, 500)) < difficulty, 0.05)
        raw.append(spread.raw)
        corrected.append(spread.value)
        refuted += spread.low > 0

    seed_noise = stats.beta(4, 0.8).expect(lambda rate: rate * (1 - rate))
    assert np.mean(raw) == pytest.approx(np.sqrt(seed_noise / 500), rel=0.1)
    assert np.mean(raw) > 0.010
    assert np.mean(corrected) < 0.004
    assert refuted <= 20


def test_members_that_agree_leave_room_for_what_was_not_seen() -> None:
    # 2 f z^2 R / (2 n sqrt(K-1)) with R = sqrt(10) / 2 and f = sqrt(9 / 3.3251) = 1.6452.
    spread = seeds.std_bounds(np.ones((10, 1000), dtype=np.uint8), 0.05)

    assert (spread.value, spread.raw, spread.low) == (0.0, 0.0, 0.0)
    assert spread.high == pytest.approx(1.6452 * 2.705543 * (np.sqrt(10) / 2) / (1000 * 3), rel=1e-3)


def test_too_little_is_undecided_and_says_what_is_missing() -> None:
    one_member = seeds.std_bounds(np.ones((1, 50)), 0.05)
    one_case = seeds.std_bounds(np.ones((5, 1)), 0.05)
    strict = seeds.std_bounds(np.ones((5, 50)), 0.005)

    assert one_member.reason == "needs at least 2 retrainings, got 1"
    assert np.isnan(one_member.value) and np.isnan(one_member.raw)
    assert one_case.reason == "needs at least 2 examples, got 1"
    assert strict.reason == "bounds over seeds are checked down to level 0.01, asked for 0.005"
    for spread in (one_member, one_case, strict):
        assert (spread.low, spread.high) == (0.0, np.inf)
    assert seeds.std_bounds(np.ones((5, 50)), 0.01).reason == ""


def test_bounds_widen_at_a_stricter_level() -> None:
    rng = np.random.default_rng(5)
    rows = rng.random((10, 2000)) < np.linspace(0.7, 0.95, 10)[:, None]

    loose, strict = seeds.std_bounds(rows, 0.05), seeds.std_bounds(rows, 0.025)

    assert strict.low < loose.low < loose.value < loose.high < strict.high


def test_values_scale_with_their_unit() -> None:
    rows = np.random.default_rng(6).random((5, 300))

    one, hundred = seeds.std_bounds(rows, 0.05), seeds.std_bounds(100 * rows, 0.05, width=100.0)

    assert hundred.high == pytest.approx(100 * one.high, rel=1e-9)
    assert hundred.low == pytest.approx(100 * one.low, abs=1e-9)


def test_mean_of_one_case_pattern_by_hand() -> None:
    # Members that agree: se^2 = p (1 - p) / (n - 1), so n_eff = n - 1, and Clopper-Pearson at that many trials.
    rows = np.tile(np.arange(100) < 90, (5, 1))

    bounds = seeds.mean_bounds(rows, 0.05)

    assert float(bounds.low) == pytest.approx(stats.beta.ppf(0.05, 0.9 * 99, 0.1 * 99 + 1), rel=1e-9)
    assert float(bounds.high) == pytest.approx(stats.beta.ppf(0.95, 0.9 * 99 + 1, 0.1 * 99), rel=1e-9)


def test_mean_without_an_error_is_the_binomial_limit_of_the_cases() -> None:
    bounds = seeds.mean_bounds(np.ones((10, 50), dtype=bool), 0.05)

    assert float(bounds.low) == pytest.approx(0.05 ** (1 / 50))
    assert float(bounds.high) == 1.0


def test_mean_pays_for_the_spread_over_seeds() -> None:
    rng = np.random.default_rng(7)
    rows = rng.random((6, 100_000)) < np.linspace(0.85, 0.95, 6)[:, None]

    bounds = seeds.mean_bounds(rows, 0.05)

    # Hardly any test-set noise: nearly the t interval over seeds, t_5 = 2.015.
    half_width = 2.015 * rows.mean(axis=1).std(ddof=1) / np.sqrt(6)
    assert float(bounds.low) == pytest.approx(0.9 - half_width, abs=0.006)
    assert float(bounds.high) == pytest.approx(0.9 + half_width, abs=0.006)


def test_mean_of_losses_is_scaled() -> None:
    rows = np.random.default_rng(8).random((5, 400))

    unit = seeds.mean_bounds(rows, 0.05, "<=")
    scaled = seeds.mean_bounds(10 * rows - 5, 0.05, "<=", value_range=(-5.0, 5.0))

    assert float(scaled.low) == pytest.approx(10 * float(unit.low) - 5)
    assert float(scaled.high) == pytest.approx(10 * float(unit.high) - 5)


def test_mean_needs_five_members_to_be_met_and_two_to_be_violated() -> None:
    rows = np.tile(np.arange(100) < 90, (4, 1))

    floor, ceiling = seeds.mean_bounds(rows, 0.05, ">="), seeds.mean_bounds(rows, 0.05, "<=")
    alone = seeds.mean_bounds(rows[:1], 0.05)
    strict = seeds.mean_bounds(rows, 0.005)

    assert floor.reason == ceiling.reason == "needs at least 5 retrainings to be met, got 4"
    assert np.isneginf(floor.low) and np.isfinite(floor.high)
    assert np.isfinite(ceiling.low) and np.isposinf(ceiling.high)
    assert alone.reason == "needs at least 2 retrainings, got 1"
    assert np.isneginf(alone.low) and np.isposinf(alone.high)
    assert "level 0.01" in strict.reason and np.isneginf(strict.low) and np.isposinf(strict.high)


@pytest.mark.parametrize(
    ("rows", "width", "message"),
    [
        ([[0.0, 1.0], [2.0, 1.0]], 1.0, "differ by 2 between members, more than width=1"),
        ([[0.0, np.nan], [0.0, 1.0]], 1.0, "finite"),
        ([[], []], 1.0, "at least one example"),
        ([[0, 1], [1, 1]], -1.0, "width=-1"),
    ],
)
def test_unfit_rows_are_refused(rows: list[list[float]], width: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        seeds.std_bounds(rows, 0.05, width)


def test_other_misuse_is_named() -> None:
    with pytest.raises(ValueError, match=r"level=0\.95"):
        seeds.std_bounds([[1, 0], [1, 1]], 0.95)
    with pytest.raises(ValueError, match=r"value_range=\(0, 1\)"):
        seeds.mean_bounds([[3.0, 0.0], [1.0, 1.0]], 0.05)
    with pytest.raises(TypeError, match="dtype"):
        seeds.std_bounds([["a", "b"], ["c", "d"]], 0.05)


def test_ten_members_of_a_hundred_thousand_cases_are_quick() -> None:
    rows = (np.random.default_rng(9).random((10, 100_000)) < 0.9).astype(np.uint8)
    seeds.std_bounds(rows[:, :100], 0.05)  # draws that are kept
    start = time.perf_counter()

    seeds.std_bounds(rows, 0.05)

    assert time.perf_counter() - start < 0.2  # about 3 ms
