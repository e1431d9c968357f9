"""Changes of place: rotation, translation and occlusion, each image in a direction or at a place of its own.

ImageNet-C has none of them. Rotation goes up to the 30 degrees of Engstrom et al., "Exploring the landscape of spatial
robustness" (ICML 2019); translation has the constants of MNIST-C (Mu & Gilmer, "MNIST-C: a robustness benchmark for
computer vision", 2019) as fractions of a side; occlusion hides a square as in DeVries & Taylor, "Improved
regularization of convolutional neural networks with cutout" (2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias, Unpack

import numpy as np
import numpy.typing as npt

from pytest_mlspec.perturbations.images import Corruption, ImageForm, corruption
from pytest_mlspec.perturbations.intensity import Pixels
from pytest_mlspec.perturbations.severity import checked_seed, constant

Coordinates: TypeAlias = npt.NDArray[np.float64]

DEGREES = (6.0, 12.0, 18.0, 24.0, 30.0)
SHIFTS = (1 / 28, 2 / 28, 3 / 28, 4 / 28, 5 / 28)  # of the height, and as much of the width
HIDDEN_SIDES = (1 / 8, 2 / 8, 3 / 8, 4 / 8, 5 / 8)  # at 8 x 8 pixels one more pixel with each severity
_DIAGONALS = ((1, 1), (1, -1), (-1, 1), (-1, -1))


def rotation(severity: int, *, seed: int = 0, **form: Unpack[ImageForm]) -> Corruption:
    """Images turned about their centre, each to one side or the other; the border goes on into the corners.

    Args:
        severity: 0 to 5; 6, 12, 18, 24, 30 degrees.
        seed: of the sides.
        form: ``shape``, ``channels``, ``value_range``, see :class:`ImageForm`.

    Returns:
        A function from images to images of the same form.

    Raises:
        ValueError: an argument out of its range.

    Source:
        Engstrom et al. 2019 (at most 30 degrees).
    """
    return corruption(_rotation, "rotation", severity, form, seed=checked_seed(seed))


def translation(severity: int, *, seed: int = 0, **form: Unpack[ImageForm]) -> Corruption:
    """Images moved along one of the four diagonals; the border goes on into what comes into view.

    Args:
        severity: 0 to 5; 1/28, 2/28, 3/28, 4/28, 5/28 of the height and of the width.
        seed: of the directions.
        form: ``shape``, ``channels``, ``value_range``, see :class:`ImageForm`.

    Returns:
        A function from images to images of the same form.

    Raises:
        ValueError: an argument out of its range.

    Source:
        Mu & Gilmer 2019, translate of MNIST-C: 1 to 5 pixels of 28.
    """
    return corruption(_translation, "translation", severity, form, seed=checked_seed(seed))


def occlusion(severity: int, *, seed: int = 0, **form: Unpack[ImageForm]) -> Corruption:
    """A square of mid-grey that hides a part of the image, at a place of its own in each.

    Args:
        severity: 0 to 5; its side is 1/8, 2/8, 3/8, 4/8, 5/8 of the shorter side, rounded to pixels.
        seed: of the places; a square lies inside that of the next severity.
        form: ``shape``, ``channels``, ``value_range``, see :class:`ImageForm`.

    Returns:
        A function from images to images of the same form.

    Raises:
        ValueError: an argument out of its range.

    Source:
        DeVries & Taylor 2017 (cutout).
    """
    return corruption(_occlusion, "occlusion", severity, form, seed=checked_seed(seed))


def _rotation(pixels: Pixels, severity: int, random: np.random.Generator) -> Pixels:
    height, width = pixels.shape[1:3]
    angle = float(np.radians(constant(DEGREES, severity)))
    choices = [turned(height, width, angle), turned(height, width, -angle)]
    return _resampled(pixels, choices, random)


def _translation(pixels: Pixels, severity: int, random: np.random.Generator) -> Pixels:
    height, width = pixels.shape[1:3]
    share = constant(SHIFTS, severity)
    choices = [moved(height, width, down * share * height, right * share * width) for down, right in _DIAGONALS]
    return _resampled(pixels, choices, random)


def _occlusion(pixels: Pixels, severity: int, random: np.random.Generator) -> Pixels:
    height, width = pixels.shape[1:3]
    side = round(constant(HIDDEN_SIDES, severity) * min(height, width))
    place = random.random((len(pixels), 2))
    top = np.floor(place[:, 0] * (height - side + 1))[:, None]
    left = np.floor(place[:, 1] * (width - side + 1))[:, None]
    rows, columns = np.arange(height), np.arange(width)
    in_rows = (rows >= top) & (rows < top + side)
    in_columns = (columns >= left) & (columns < left + side)
    pixels[in_rows[:, :, None] & in_columns[:, None, :]] = 0.5
    return pixels


class Corner(NamedTuple):
    """For every pixel one of the four pixels from which it is interpolated: its number and its weight."""

    source: npt.NDArray[np.int64]
    weight: Coordinates


@lru_cache(maxsize=64)
def turned(height: int, width: int, angle: float) -> tuple[Corner, ...]:
    """The corners for a turn about the centre by an angle in radians."""
    middle, centre = (height - 1) / 2, (width - 1) / 2
    rows, columns = np.meshgrid(np.arange(height) - middle, np.arange(width) - centre, indexing="ij")
    cosine, sine = np.cos(angle), np.sin(angle)
    return _corners(cosine * rows - sine * columns + middle, sine * rows + cosine * columns + centre)


@lru_cache(maxsize=64)
def moved(height: int, width: int, down: float, right: float) -> tuple[Corner, ...]:
    """The corners for a move by so many pixels."""
    rows, columns = np.meshgrid(np.arange(height) - down, np.arange(width) - right, indexing="ij")
    return _corners(rows, columns)


def _corners(rows: Coordinates, columns: Coordinates) -> tuple[Corner, ...]:
    """The four corners around coordinates (height, width) in the old image; beyond the border, the nearest pixel."""
    height, width = rows.shape
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    top, left = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    bottom, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down, across = rows - top, columns - left
    weighted = (
        (top, left, (1 - down) * (1 - across)),
        (top, right, (1 - down) * across),
        (bottom, left, down * (1 - across)),
        (bottom, right, down * across),
    )
    return tuple(Corner((row * width + column).ravel(), weight.ravel()) for row, column, weight in weighted)


def _resampled(pixels: Pixels, choices: Sequence[tuple[Corner, ...]], random: np.random.Generator) -> Pixels:
    """Every image interpolated at one of the choices of coordinates, drawn for it."""
    flat = pixels.reshape(len(pixels), -1, pixels.shape[3])
    chosen = random.integers(len(choices), size=len(pixels))
    for number in np.unique(chosen):
        rows = chosen == number
        images = flat[rows]
        flat[rows] = sum(images[:, source] * weight.astype(flat.dtype)[:, None] for source, weight in choices[number])
    return flat.reshape(pixels.shape)
