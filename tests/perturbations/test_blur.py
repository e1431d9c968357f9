"""Blurs against SciPy's filters, their kernels against moments on paper, coarse pixels by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, ndimage

from pytest_mlspec.perturbations import SEVERITIES, defocus, motion_blur, pixelate
from pytest_mlspec.perturbations.blur import DIRECTIONS, RADII, TRAIL_DEVIATIONS, TRAIL_LENGTHS, blurred, disc, trail
from tests.perturbations.corruptions import smooth


@pytest.mark.parametrize("reach", [1, 2, 3])
def test_a_kernel_is_applied_as_scipy_applies_it(reach: int) -> None:
    random = np.random.default_rng(0)
    images, kernel = random.random((4, 9, 12, 3)), random.random((2 * reach + 1, 2 * reach + 1))
    expected = ndimage.correlate(images, kernel[None, :, :, None], mode="nearest")

    np.testing.assert_allclose(blurred(images, [kernel]), expected)


def test_each_image_has_the_kernel_chosen_for_it() -> None:
    random = np.random.default_rng(0)
    images, kernels = random.random((5, 8, 9, 1)), list(random.random((3, 3, 3)))
    chosen = np.array([2, 0, 0, 1, 2])
    expected = [
        ndimage.correlate(image, kernels[number][:, :, None], mode="nearest")
        for image, number in zip(images, chosen, strict=True)
    ]

    np.testing.assert_allclose(blurred(images.copy(), kernels, chosen), expected)


@pytest.mark.parametrize("radius", [2.0, 3.0, 5.5, 10.0])
def test_the_disc_has_the_second_moment_of_a_disc(radius: float) -> None:
    """E x^2 = r^2 / 4; linear interpolation adds t (1 - t) for a point t past a pixel, 1/6 on average."""
    kernel = disc(radius)
    places = np.arange(len(kernel)) - len(kernel) // 2

    assert kernel.sum() == pytest.approx(1)
    np.testing.assert_allclose(kernel, kernel.T, atol=1e-12)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-12)
    assert places**2 @ kernel.sum(axis=0) == pytest.approx(radius**2 / 4 + 1 / 6, rel=0.02)


def test_a_disc_within_a_pixel_takes_its_share_of_the_neighbours() -> None:
    """E|x| = 4 r / (3 pi) on a disc, all of it given to the neighbours left and right."""
    kernel = disc(0.3)

    assert kernel.shape == (3, 3)
    assert kernel[:, 0].sum() + kernel[:, 2].sum() == pytest.approx(4 * 0.3 / (3 * np.pi), rel=1e-3)


@pytest.mark.parametrize("angle", [-45, 0, 20])
@pytest.mark.parametrize(("deviation", "length"), [(3.0, 20.0), (15.0, 40.0), (0.4, 1.4)])
def test_the_trail_has_the_mean_of_a_fading_line(angle: float, deviation: float, length: float) -> None:
    def density(distance: float) -> float:
        return float(np.exp(-(distance**2) / (2 * deviation**2)))

    mean = integrate.quad(lambda t: t * density(t), 0, length)[0] / integrate.quad(density, 0, length)[0]
    kernel = trail(deviation, length, np.radians(angle))
    places = np.arange(len(kernel)) - len(kernel) // 2

    assert kernel.sum() == pytest.approx(1)
    assert places @ kernel.sum(axis=0) == pytest.approx(mean * np.cos(np.radians(angle)), rel=1e-3)
    assert places @ kernel.sum(axis=1) == pytest.approx(-mean * np.sin(np.radians(angle)), rel=1e-3, abs=1e-9)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_defocus_is_the_mean_over_its_disc(severity: int) -> None:
    images = smooth(3, 40, 60, 3)
    kernel = disc(RADII[severity - 1] * 40)

    expected = ndimage.correlate(images, kernel[None, :, :, None], mode="nearest")
    np.testing.assert_allclose(defocus(severity)(images), expected)
    assert RADII[severity - 1] * 224 == pytest.approx([3, 4, 6, 8, 10][severity - 1])


@pytest.mark.parametrize("severity", SEVERITIES)
def test_motion_blur_is_one_of_nine_trails(severity: int) -> None:
    images = smooth(60, 32, 32, 1)
    deviation, length = TRAIL_DEVIATIONS[severity - 1] * 32, TRAIL_LENGTHS[severity - 1] * 32
    trails = [trail(deviation, length, direction)[None, :, :, None] for direction in DIRECTIONS]
    changed = motion_blur(severity)(images)
    candidates = np.stack([ndimage.correlate(images, kernel, mode="nearest") for kernel in trails])
    distance = np.abs(candidates - changed).max(axis=(2, 3, 4))

    assert (distance.min(axis=0) < 1e-9).all()
    assert set(distance.argmin(axis=0)) == set(range(9))
    np.testing.assert_allclose(np.degrees(DIRECTIONS), [-45, -33.75, -22.5, -11.25, 0, 11.25, 22.5, 33.75, 45])
    assert deviation == pytest.approx([3, 5, 8, 12, 15][severity - 1] / 7)
    assert length == pytest.approx([20, 30, 30, 30, 40][severity - 1] / 7)


def test_a_blur_leaves_flat_images_and_mean_brightness_alone() -> None:
    flat = np.full((3, 16, 16), 0.3)
    spot = np.zeros((9, 32, 32))
    spot[:, 16, 16] = 1

    np.testing.assert_allclose(defocus(5)(flat), flat)
    np.testing.assert_allclose(motion_blur(5)(flat), flat)
    np.testing.assert_allclose(defocus(5)(spot).sum(axis=(1, 2)), 1)
    np.testing.assert_allclose(motion_blur(5)(spot).sum(axis=(1, 2)), 1)


@pytest.mark.parametrize(("severity", "cell"), [(2, 2), (5, 4)])
def test_whole_cells_hold_their_mean(severity: int, cell: int) -> None:
    images = smooth(3, 8, 16, 3)
    means = images.reshape(3, 8 // cell, cell, 16 // cell, cell, 3).mean(axis=(2, 4))

    np.testing.assert_allclose(pixelate(severity)(images), means.repeat(cell, axis=1).repeat(cell, axis=2))


@pytest.mark.parametrize(("severity", "cell"), [(1, 5 / 3), (3, 5 / 2), (4, 10 / 3)])
def test_broken_cells_hold_the_mean_of_the_parts_of_pixels_in_them(severity: int, cell: float) -> None:
    """Against an image of 60 fine pixels to each, where all cells are whole; the last may be cut by the border."""
    line = np.random.default_rng(0).random(13)
    fine, size = line.repeat(60), round(60 * cell)
    means = np.concatenate([np.full(len(part), part.mean()) for part in np.split(fine, range(size, len(fine), size))])
    images = np.broadcast_to(line[None, None, :], (1, 8, 13)).copy()

    changed = pixelate(severity)(images)

    np.testing.assert_allclose(changed[0], np.broadcast_to(means.reshape(13, 60).mean(axis=1), (8, 13)))
    np.testing.assert_allclose(pixelate(severity)(images.swapaxes(1, 2)), changed.swapaxes(1, 2))
