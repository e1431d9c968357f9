"""Noise on images: Gaussian, shot and impulse, in units of the range of intensities.

The constants are those of ImageNet-C, which do not depend on the size of an image.

Source: Hendrycks & Dietterich, "Benchmarking neural network robustness to common corruptions and perturbations",
ICLR 2019, and the code of its authors.
"""

from __future__ import annotations

from typing import Unpack

import numpy as np

from pytest_mlspec.perturbations.images import Corruption, ImageForm, corruption
from pytest_mlspec.perturbations.intensity import Pixels
from pytest_mlspec.perturbations.severity import checked_seed, constant

STANDARD_DEVIATIONS = (0.08, 0.12, 0.18, 0.26, 0.38)
PHOTONS = (60, 25, 12, 5, 3)  # counted at full intensity: the fewer, the more grain
SHARES = (0.03, 0.06, 0.09, 0.17, 0.27)  # of intensities that become the lowest or the highest


def gaussian_noise(severity: int, *, seed: int = 0, **form: Unpack[ImageForm]) -> Corruption:
    """Noise of a camera in low light: a normal draw is added to every intensity.

    Args:
        severity: 0 to 5; the standard deviation is 0.08, 0.12, 0.18, 0.26, 0.38 of the range.
        seed: of the draws.
        form: ``shape``, ``channels``, ``value_range``, see :class:`ImageForm`.

    Returns:
        A function from images to images of the same form.

    Raises:
        ValueError: an argument out of its range.

    Source:
        Hendrycks & Dietterich 2019, gaussian_noise of ImageNet-C.

    Example:
        >>> grey = np.full((1, 8, 8), 0.5)
        >>> bool((gaussian_noise(3, seed=1)(grey) != grey).all())
        True
    """
    return corruption(_gaussian, "gaussian_noise", severity, form, seed=checked_seed(seed))


def shot_noise(severity: int, *, seed: int = 0, **form: Unpack[ImageForm]) -> Corruption:
    """Noise of counting few photons: intensities become Poisson counts, so that bright pixels vary most.

    Args:
        severity: 0 to 5; full intensity is 60, 25, 12, 5, 3 photons.
        seed: of the draws.
        form: ``shape``, ``channels``, ``value_range``, see :class:`ImageForm`.

    Returns:
        A function from images to images of the same form.

    Raises:
        ValueError: an argument out of its range.

    Source:
        Hendrycks & Dietterich 2019, shot_noise of ImageNet-C; the counts by inversion, exact.
    """
    return corruption(_shot, "shot_noise", severity, form, seed=checked_seed(seed))


def impulse_noise(severity: int, *, seed: int = 0, **form: Unpack[ImageForm]) -> Corruption:
    """Salt and pepper: some intensities become the highest or the lowest there may be, either as likely.

    Args:
        severity: 0 to 5; a share of 0.03, 0.06, 0.09, 0.17, 0.27 of the intensities, each channel by itself.
        seed: of the draws.
        form: ``shape``, ``channels``, ``value_range``, see :class:`ImageForm`.

    Returns:
        A function from images to images of the same form.

    Raises:
        ValueError: an argument out of its range.

    Source:
        Hendrycks & Dietterich 2019, impulse_noise of ImageNet-C.
    """
    return corruption(_impulse, "impulse_noise", severity, form, seed=checked_seed(seed))


def _gaussian(pixels: Pixels, severity: int, random: np.random.Generator) -> Pixels:
    noise = random.standard_normal(pixels.shape, dtype=np.float32)
    noise *= np.float32(constant(STANDARD_DEVIATIONS, severity))
    pixels += noise
    return pixels


def _shot(pixels: Pixels, severity: int, random: np.random.Generator) -> Pixels:
    """Counts from one uniform draw per intensity (the inverse of the distribution function).

    So the draws of an image do not depend on what the images before it show, as those of a rejection method would.
    Counts above full intensity are cut off there anyway, so the sum over the law can end there.
    """
    photons = constant(PHOTONS, severity)
    draws = random.random(pixels.shape)
    expected = pixels.astype(np.float64) * photons
    term = np.exp(-expected)  # the probability of a count, and of all up to it
    below = term.copy()
    counts = np.zeros(pixels.shape, dtype=pixels.dtype)
    for count in range(1, photons + 1):
        counts += draws > below
        term *= expected
        term /= count
        below += term
    counts /= photons
    return counts


def _impulse(pixels: Pixels, severity: int, random: np.random.Generator) -> Pixels:
    draws = random.random(pixels.shape, dtype=np.float32)
    half = np.float32(constant(SHARES, severity) / 2)
    pixels[draws < half] = 0
    pixels[draws >= 1 - half] = 1
    return pixels
