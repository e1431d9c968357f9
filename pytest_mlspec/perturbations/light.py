"""Changes of light: contrast and brightness, with the constants of ImageNet-C.

Source: Hendrycks & Dietterich, "Benchmarking neural network robustness to common corruptions and perturbations",
ICLR 2019, and the code of its authors.
"""

from __future__ import annotations

from typing import Unpack

import numpy as np

from pytest_mlspec.perturbations.images import Corruption, ImageForm, corruption
from pytest_mlspec.perturbations.intensity import Pixels
from pytest_mlspec.perturbations.severity import constant

KEPT_CONTRASTS = (0.4, 0.3, 0.2, 0.1, 0.05)
ADDED_LIGHT = (0.1, 0.2, 0.3, 0.4, 0.5)


def contrast(severity: int, **form: Unpack[ImageForm]) -> Corruption:
    """Less contrast: every intensity moves towards the mean of its image and channel.

    Args:
        severity: 0 to 5; a share of 0.4, 0.3, 0.2, 0.1, 0.05 of the distance to the mean is kept.
        form: ``shape``, ``channels``, ``value_range``, see :class:`ImageForm`.

    Returns:
        A function from images to images of the same form.

    Raises:
        ValueError: an argument out of its range.

    Source:
        Hendrycks & Dietterich 2019, contrast of ImageNet-C.

    Example:
        >>> half_black = np.repeat([[[0.0], [1.0]]], 4, axis=1).repeat(8, axis=2)
        >>> np.unique(contrast(3)(half_black)).round(2).tolist()
        [0.4, 0.6]
    """
    return corruption(_contrast, "contrast", severity, form)


def brightness(severity: int, **form: Unpack[ImageForm]) -> Corruption:
    """More light: the brightest channel of every pixel rises, hue and saturation stay; nothing exceeds the range.

    Args:
        severity: 0 to 5; 0.1, 0.2, 0.3, 0.4, 0.5 of the range is added.
        form: ``shape``, ``channels``, ``value_range``, see :class:`ImageForm`.

    Returns:
        A function from images to images of the same form.

    Raises:
        ValueError: an argument out of its range.

    Source:
        Hendrycks & Dietterich 2019, brightness of ImageNet-C: the value V of hue, saturation and value becomes
        min(V + c, 1); here without the way through hue and saturation, which V does not touch.
    """
    return corruption(_brightness, "brightness", severity, form)


def _contrast(pixels: Pixels, severity: int, random: np.random.Generator) -> Pixels:
    kept = constant(KEPT_CONTRASTS, severity)
    mean = pixels.mean(axis=1, keepdims=True).mean(axis=2, keepdims=True)  # by turns: a long float32 sum loses digits
    pixels *= pixels.dtype.type(kept)
    pixels += mean * pixels.dtype.type(1 - kept)
    return pixels


def _brightness(pixels: Pixels, severity: int, random: np.random.Generator) -> Pixels:
    value = pixels.max(axis=3, keepdims=True)
    raised = np.minimum(value + pixels.dtype.type(constant(ADDED_LIGHT, severity)), 1)
    black = value == 0
    pixels *= np.divide(raised, value, out=np.ones_like(value), where=~black)
    pixels += np.where(black, raised, 0)  # black has no hue: it becomes grey
    return pixels
