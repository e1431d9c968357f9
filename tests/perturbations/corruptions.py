"""The corruptions of images, and images to try them on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from pytest_mlspec import perturbations
from pytest_mlspec.perturbations import Corruption

RANDOM = (
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "motion_blur",
    "rotation",
    "translation",
    "occlusion",
)
ALL = (*RANDOM, "contrast", "brightness", "defocus", "pixelate")


def factory(name: str) -> Callable[..., Corruption]:
    return getattr(perturbations, name)


def smooth(*shape: int, seed: int = 0) -> npt.NDArray[np.float64]:
    """Random smooth images (images, height, width, channels) that fill the unit interval."""
    noise = np.random.default_rng(seed).normal(size=shape)
    images = ndimage.gaussian_filter(noise, (0, shape[1] / 10, shape[2] / 10, 0))
    low, high = images.min(axis=(1, 2, 3), keepdims=True), images.max(axis=(1, 2, 3), keepdims=True)
    return (images - low) / (high - low)
