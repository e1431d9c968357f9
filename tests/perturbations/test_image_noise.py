"""Noise of the stated size: against the moments of the laws that it is drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gammaln, ndtr

from pytest_mlspec.perturbations import SEVERITIES, gaussian_noise, impulse_noise, shot_noise

N_DRAWS = 400 * 32 * 32


def _flat(intensity: float) -> np.ndarray:
    return np.full((400, 32, 32), intensity)


@pytest.mark.parametrize(("severity", "deviation"), [*zip(SEVERITIES, (0.08, 0.12, 0.18, 0.26, 0.38), strict=True)])
def test_gaussian_noise_has_its_standard_deviation(severity: int, deviation: float) -> None:
    """In units of the range: its quartiles lie 0.6745 standard deviations from the middle."""
    noise = gaussian_noise(severity, value_range=(-9, 11))(_flat(1.0)) - 1.0
    low, high = np.quantile(noise, [0.25, 0.75])
    error = 3 * 1.36 * 20 * deviation / np.sqrt(N_DRAWS)  # of a quartile: sqrt(0.25 * 0.75) / density there

    assert high == pytest.approx(0.6745 * 20 * deviation, abs=error)
    assert low == pytest.approx(-0.6745 * 20 * deviation, abs=error)
    assert np.abs(noise).max() <= 10


def test_gaussian_noise_is_normal_where_nothing_is_cut_off() -> None:
    noise = np.sort((gaussian_noise(1)(_flat(0.5)) - 0.5).ravel() / 0.08)
    distance = np.abs(ndtr(noise) - np.arange(N_DRAWS) / N_DRAWS).max()

    assert distance < 1.95 / np.sqrt(N_DRAWS)  # Kolmogorov's 0.999 quantile


@pytest.mark.parametrize("intensity", [0.1, 0.4])
@pytest.mark.parametrize(("severity", "photons"), [*zip(SEVERITIES, (60, 25, 12, 5, 3), strict=True)])
def test_shot_noise_counts_photons(severity: int, photons: int, intensity: float) -> None:
    """Every count as often as Poisson's law says; what exceeds full intensity is cut off there."""
    changed = shot_noise(severity, value_range=(0, 100))(_flat(100 * intensity)) * photons / 100
    counts = np.arange(photons + 1)
    law = np.exp(counts * np.log(intensity * photons) - intensity * photons - gammaln(counts + 1))
    law[-1] = 1 - law[:-1].sum()
    found = np.bincount(np.rint(changed).astype(int).ravel(), minlength=photons + 1) / N_DRAWS

    np.testing.assert_allclose(changed, np.rint(changed), atol=1e-9)
    assert (np.abs(found - law) <= 4 * np.sqrt(law * (1 - law) / N_DRAWS) + 4 / N_DRAWS).all()


def test_shot_noise_of_a_row_does_not_depend_on_what_other_rows_show() -> None:
    rows = np.random.default_rng(0).random((300, 32, 32))
    others = rows.copy()
    others[:100] = 0.02

    for severity in SEVERITIES:
        one, other = shot_noise(severity, seed=1)(rows), shot_noise(severity, seed=1)(others)
        np.testing.assert_array_equal(one[100:], other[100:])
        assert (one[:100] != other[:100]).mean() > 0.5


def test_shot_noise_leaves_black_black() -> None:
    assert (shot_noise(5)(_flat(0.0)) == 0).all()


@pytest.mark.parametrize(("severity", "share"), [*zip(SEVERITIES, (0.03, 0.06, 0.09, 0.17, 0.27), strict=True)])
def test_impulse_noise_turns_its_share_black_or_white(severity: int, share: float) -> None:
    changed = impulse_noise(severity)(_flat(0.5))
    error = 3 * np.sqrt(share / 2 / N_DRAWS)

    assert (changed == 0).mean() == pytest.approx(share / 2, abs=error)
    assert (changed == 1).mean() == pytest.approx(share / 2, abs=error)
    assert (changed == 0.5).mean() == pytest.approx(1 - share, abs=2 * error)


def test_impulses_of_one_severity_are_among_those_of_the_next() -> None:
    hit = [impulse_noise(severity, seed=3)(_flat(0.5)) != 0.5 for severity in SEVERITIES]

    assert all((hit[number] <= hit[number + 1]).all() for number in range(4))


def test_bytes_are_rounded_not_cut() -> None:
    """The mean of the noise stays 0 to within its standard error: cutting would lower it by half a level."""
    images = np.full((400, 32, 32), 128, dtype=np.uint8)
    changed = gaussian_noise(1)(images).astype(np.float64)

    assert changed.mean() == pytest.approx(128, abs=3 * 0.08 * 255 / np.sqrt(N_DRAWS))
