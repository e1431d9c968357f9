"""Contrast by hand; brightness against the way through hue, saturation and value of the standard library."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from pytest_mlspec.perturbations import SEVERITIES, brightness, contrast
from tests.perturbations.corruptions import smooth


@pytest.mark.parametrize(("severity", "kept"), [*zip(SEVERITIES, (0.4, 0.3, 0.2, 0.1, 0.05), strict=True)])
def test_contrast_keeps_the_mean_and_a_share_of_the_spread_of_each_channel(severity: int, kept: float) -> None:
    images = smooth(4, 20, 12, 3)
    changed = contrast(severity)(images)

    np.testing.assert_allclose(changed.mean(axis=(1, 2)), images.mean(axis=(1, 2)))
    np.testing.assert_allclose(changed.std(axis=(1, 2)), kept * images.std(axis=(1, 2)))


def test_a_long_float32_mean_keeps_its_digits() -> None:
    image = np.full((1, 224, 224, 3), 0.7, dtype=np.float32)
    naive = image.mean(axis=(1, 2))

    assert np.abs(naive - 0.7).max() > 1e-4
    np.testing.assert_allclose(contrast(5)(image), 0.7, atol=1e-5)


@pytest.mark.parametrize(("severity", "added"), [*zip(SEVERITIES, (0.1, 0.2, 0.3, 0.4, 0.5), strict=True)])
def test_brightness_adds_to_the_value_of_a_colour(severity: int, added: float) -> None:
    colours = np.random.default_rng(0).random((2, 8, 8, 3))
    colours[0, 0, 0] = 0
    changed = brightness(severity)(colours)

    for before, after in zip(colours.reshape(-1, 3), changed.reshape(-1, 3), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*before)
        expected = colorsys.hsv_to_rgb(hue, saturation, min(value + added, 1))
        np.testing.assert_allclose(after, expected, atol=1e-12)


def test_brightness_of_grey_images_is_added() -> None:
    grey = np.linspace(0, 1, 64).reshape(1, 8, 8)

    np.testing.assert_allclose(brightness(3)(grey), np.minimum(grey + 0.3, 1))
    as_bytes = np.array([[[0, 100, 200, 255] * 2] * 8], dtype=np.uint8)
    assert brightness(2)(as_bytes)[0, 0, :4].tolist() == [51, 151, 251, 255]
