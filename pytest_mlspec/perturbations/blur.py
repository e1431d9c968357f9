"""Loss of sharpness: defocus, motion, coarse pixels, with the constants of ImageNet-C scaled to the size of an image.

ImageNet-C states lengths in pixels of 224 x 224 images. Here they are fractions of the shorter side, so that an 8 x 8
image loses as large a part of its width as a large one. Lengths below a pixel count, too: intensities between pixels
are interpolated linearly, and beyond the border the nearest pixel goes on.

Source: Hendrycks & Dietterich, "Benchmarking neural network robustness to common corruptions and perturbations",
ICLR 2019, and the code of its authors.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias, Unpack

import numpy as np
import numpy.typing as npt

from pytest_mlspec.perturbations.images import Corruption, ImageForm, corruption
from pytest_mlspec.perturbations.intensity import Pixels
from pytest_mlspec.perturbations.severity import checked_seed, constant

Kernel: TypeAlias = npt.NDArray[np.float64]

_SIDE = 224
RADII = (3 / _SIDE, 4 / _SIDE, 6 / _SIDE, 8 / _SIDE, 10 / _SIDE)
# The trail of a moving point fades as a normal density of this standard deviation and ends at this length.
TRAIL_DEVIATIONS = (3 / _SIDE, 5 / _SIDE, 8 / _SIDE, 12 / _SIDE, 15 / _SIDE)
TRAIL_LENGTHS = (20 / _SIDE, 30 / _SIDE, 30 / _SIDE, 30 / _SIDE, 40 / _SIDE)
DIRECTIONS = tuple(float(angle) for angle in np.radians(np.linspace(-45, 45, 9)))
KEPT_RESOLUTIONS = (0.6, 0.5, 0.4, 0.3, 0.25)
_POINTS = 256  # of a trail or of a radius, where a mean over it is taken


def defocus(severity: int, **form: Unpack[ImageForm]) -> Corruption:
    """A lens out of focus: every intensity becomes the mean over a disc.

    Args:
        severity: 0 to 5; the radius is 3/224, 4/224, 6/224, 8/224, 10/224 of the shorter side.
        form: ``shape``, ``channels``, ``value_range``, see :class:`ImageForm`.

    Returns:
        A function from images to images of the same form.

    Raises:
        ValueError: an argument out of its range.

    Source:
        Hendrycks & Dietterich 2019, defocus_blur of ImageNet-C, whose disc is smoothed by a Gaussian and not by
        interpolation.
    """
    return corruption(_defocus, "defocus", severity, form)


def motion_blur(severity: int, *, seed: int = 0, **form: Unpack[ImageForm]) -> Corruption:
    """A camera that moves while it looks: every point leaves a fading trail in one direction.

    Args:
        severity: 0 to 5; the trail fades with a standard deviation of 3/224, 5/224, 8/224, 12/224, 15/224 of the
            shorter side and ends at 20/224, 30/224, 30/224, 30/224, 40/224.
        seed: of the direction of each image: one of nine, -45 to 45 degrees from the horizontal.
        form: ``shape``, ``channels``, ``value_range``, see :class:`ImageForm`.

    Returns:
        A function from images to images of the same form.

    Raises:
        ValueError: an argument out of its range.

    Source:
        Hendrycks & Dietterich 2019, motion_blur of ImageNet-C, which draws any angle of that range.
    """
    return corruption(_motion_blur, "motion_blur", severity, form, seed=checked_seed(seed))


def pixelate(severity: int, **form: Unpack[ImageForm]) -> Corruption:
    """Too few pixels: the image is averaged over coarse cells and shown at its old size.

    Args:
        severity: 0 to 5; 0.6, 0.5, 0.4, 0.3, 0.25 of the pixels of a side are left. Cells need not be whole pixels.
        form: ``shape``, ``channels``, ``value_range``, see :class:`ImageForm`.

    Returns:
        A function from images to images of the same form.

    Raises:
        ValueError: an argument out of its range.

    Source:
        Hendrycks & Dietterich 2019, pixelate of ImageNet-C, which rounds the number of cells down.
    """
    return corruption(_pixelate, "pixelate", severity, form)


def _defocus(pixels: Pixels, severity: int, random: np.random.Generator) -> Pixels:
    return blurred(pixels, [disc(constant(RADII, severity) * min(pixels.shape[1:3]))])


def _motion_blur(pixels: Pixels, severity: int, random: np.random.Generator) -> Pixels:
    side = min(pixels.shape[1:3])
    deviation, length = constant(TRAIL_DEVIATIONS, severity) * side, constant(TRAIL_LENGTHS, severity) * side
    trails = [trail(deviation, length, direction) for direction in DIRECTIONS]
    return blurred(pixels, trails, random.integers(len(trails), size=len(pixels)))


def _pixelate(pixels: Pixels, severity: int, random: np.random.Generator) -> Pixels:
    n_images, height, width, n_channels = pixels.shape
    kept = constant(KEPT_RESOLUTIONS, severity)
    rows = coarse(height, kept).astype(pixels.dtype)
    columns = np.kron(coarse(width, kept).T, np.eye(n_channels)).astype(pixels.dtype)
    flat = rows @ pixels.reshape(n_images, height, width * n_channels)
    return (flat @ columns).reshape(pixels.shape)


def blurred(pixels: Pixels, kernels: Sequence[Kernel], chosen: npt.NDArray[np.int64] | None = None) -> Pixels:
    """The mean of every pixel's neighbours under the weights of a kernel; beyond the border, the nearest pixel.

    Args:
        pixels: (images, height, width, channels).
        kernels: (2 * reach + 1, 2 * reach + 1) weights that sum to 1, all of one shape; entry (0, 0) weighs the pixel
            furthest above and to the left.
        chosen: (images,) the number of each image's kernel; None for the first.
    """
    height, width = pixels.shape[1:3]
    reach = len(kernels[0]) // 2
    padded = np.pad(pixels, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
    if chosen is None:
        return _weighted(padded, kernels[0])[:, :height, :width]
    for number in np.unique(chosen):
        rows = chosen == number
        pixels[rows] = _weighted(padded[rows], kernels[number])[:, :height, :width]
    return pixels


def _weighted(padded: Pixels, kernel: Kernel) -> Pixels:
    """The weighted mean of the window that begins at each pixel, in the shape of the padded images.

    A step to another pixel of the window is one and the same step in memory for all pixels of all images. So each
    weight is one pass over all of them; what runs over a border lands outside the part that is of use.
    """
    rows, columns = np.nonzero(kernel)
    steps = (rows * padded.shape[2] + columns) * padded.shape[3]
    flat = padded.ravel()
    useful = flat.size - int(steps.max())
    total, term = np.zeros_like(flat), np.empty_like(flat[:useful])
    for step, weight in zip(steps.tolist(), kernel[rows, columns].astype(flat.dtype), strict=True):
        np.multiply(flat[step : step + useful], weight, out=term)
        total[:useful] += term
    return total.reshape(padded.shape)


@lru_cache(maxsize=64)
def disc(radius: float) -> Kernel:
    """The kernel of the mean over a disc of a radius in pixels."""
    grid = (np.arange(_POINTS) + 0.5) / _POINTS * 2 - 1
    rows, columns = np.meshgrid(grid * radius, grid * radius, indexing="ij")
    inside = rows**2 + columns**2 <= radius**2
    return _spread(rows[inside], columns[inside], np.ones(int(inside.sum())), radius)


@lru_cache(maxsize=64)
def trail(deviation: float, length: float, angle: float) -> Kernel:
    """The kernel of a trail that starts at the pixel and fades as a normal density.

    Args:
        deviation: its standard deviation in pixels.
        length: where it ends, in pixels.
        angle: in radians, anticlockwise from the horizontal.
    """
    distance = (np.arange(_POINTS) + 0.5) / _POINTS * length
    weights = np.exp(-((distance / deviation) ** 2) / 2)
    return _spread(-distance * np.sin(angle), distance * np.cos(angle), weights, length)


def _spread(rows: Kernel, columns: Kernel, weights: Kernel, furthest: float) -> Kernel:
    """Weighted points between pixels, none further than so many pixels, as weights of the four pixels around each."""
    reach = 1 + int(np.floor(furthest))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    top, left = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    down, right = rows - top, columns - left
    for step_down, row_share in ((0, 1 - down), (1, down)):
        for step_right, column_share in ((0, 1 - right), (1, right)):
            np.add.at(kernel, (top + step_down + reach, left + step_right + reach), weights * row_share * column_share)
    kernel /= kernel.sum()
    kernel.setflags(write=False)  # one array serves every call
    return kernel


@lru_cache(maxsize=64)
def coarse(side: int, kept: float) -> Kernel:
    """(side, side) weights that average a line of pixels over cells of 1 / kept pixels and spread the means again."""
    edges = np.minimum(np.arange(np.ceil(side * kept - 1e-9) + 1) / kept, side)
    starts = np.arange(side)
    shared = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    overlap = np.clip(shared, 0, None)  # (cells, pixels), in pixels
    weights: Kernel = overlap.T @ (overlap / overlap.sum(axis=1, keepdims=True))
    weights.setflags(write=False)
    return weights
