"""Corruptions of colour images against what SciPy's own filters, or NumPy's own draws, need for the same images.

A floor is the library's own call for the same work: where SciPy has the filter, the very same pictures come out of it.
Ours also check the range, work on a copy and cut off at the range; a floor does none of that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from pytest_mlspec.perturbations import contrast, defocus, gaussian_noise, motion_blur, pixelate
from pytest_mlspec.perturbations.blur import DIRECTIONS, RADII, TRAIL_DEVIATIONS, TRAIL_LENGTHS, disc, trail
from pytest_mlspec.perturbations.light import KEPT_CONTRASTS
from tests.benchmarks import ratio

pytestmark = pytest.mark.benchmark

N_IMAGES, SIDE, SEVERITY, PAIRS = 10_000, 32, 3, 5
Images: TypeAlias = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def images() -> Images:
    return np.random.default_rng(0).random((N_IMAGES, SIDE, SIDE, 3), dtype=np.float32)


def _draw(images: Images) -> Images:
    return np.random.default_rng(0).standard_normal(images.shape, dtype=np.float32)


def _towards_the_mean(images: Images) -> Images:
    kept = np.float32(KEPT_CONTRASTS[SEVERITY - 1])
    changed = images * kept
    changed += images.mean(axis=1, keepdims=True).mean(axis=2, keepdims=True) * (1 - kept)
    return changed


def _correlated(images: Images, kernel: npt.NDArray[np.float64]) -> Images:
    return ndimage.correlate(images, kernel[None, :, :, None], mode="nearest")


def _over_a_disc(images: Images) -> Images:
    return _correlated(images, disc(RADII[SEVERITY - 1] * SIDE))


def _along_nine_trails(images: Images) -> list[Images]:
    """As many images to each direction."""
    deviation, length = TRAIL_DEVIATIONS[SEVERITY - 1] * SIDE, TRAIL_LENGTHS[SEVERITY - 1] * SIDE
    parts = np.array_split(images, len(DIRECTIONS))
    return [_correlated(part, trail(deviation, length, angle)) for part, angle in zip(parts, DIRECTIONS, strict=True)]


def _along_rows(images: Images) -> Images:
    reach = len(trail(1.0, TRAIL_LENGTHS[SEVERITY - 1] * SIDE, 0.0)) // 2
    return ndimage.correlate1d(images, np.ones(reach), axis=2, mode="nearest")


def _zoomed(images: Images) -> Images:
    """Half the pixels of a side: interpolating between two pixels half-way is their mean."""
    small = ndimage.zoom(images, (1, 0.5, 0.5, 1), order=1, grid_mode=True, mode="nearest")
    return ndimage.zoom(small, (1, 2, 2, 1), order=0, grid_mode=True, mode="nearest")


CASES: dict[str, tuple[Callable[[Images], Images], str, Callable[[Images], object]]] = {
    "Gaussian noise": (gaussian_noise(SEVERITY), "NumPy's normal draw alone", _draw),
    "contrast": (contrast(SEVERITY), "NumPy's mean, one multiplication, one addition", _towards_the_mean),
    "motion blur, nine directions": (motion_blur(SEVERITY), "SciPy's correlate, the same kernels", _along_nine_trails),
    "pixelate to half": (pixelate(2), "SciPy's zoom, down and up", _zoomed),
    "defocus": (defocus(SEVERITY), "SciPy's correlate, the same kernel", _over_a_disc),
}


def test_each_and_all_cost_at_most_twice_their_floor(images: Images, hold: Callable[..., None]) -> None:
    measured = {
        name: ratio.in_turn(_cost(ours, images), _cost(floor, images), PAIRS)
        for name, (ours, _, floor) in CASES.items()
    }
    sums = tuple(
        tuple(float(cost) for cost in np.sum([pairs[side] for pairs in measured.values()], axis=0)) for side in (0, 1)
    )
    words = f"{N_IMAGES:,} images, {SIDE} x {SIDE} x 3, float32"
    hold(
        *(ratio.row(f"{name}, {words}", CASES[name][1], pairs, at_most=2.0) for name, pairs in measured.items()),
        ratio.row(f"the five together, {words}", "their floors together", (sums[0], sums[1]), at_most=2.0),
    )


def test_motion_blur_beside_a_filter_along_rows(images: Images, hold: Callable[..., None]) -> None:
    """Reported: one line of SciPy's, whose trails all lie along the rows of the array."""
    ours, floor = _cost(motion_blur(SEVERITY), images), _cost(_along_rows, images)
    words = f"motion blur, nine directions, {N_IMAGES:,} images"
    hold(ratio.row(words, "SciPy's correlate1d, one direction", ratio.in_turn(ours, floor, PAIRS)))


@pytest.mark.parametrize("name", ["contrast", "pixelate to half", "defocus"])
def test_the_floor_makes_the_same_pictures(name: str, images: Images) -> None:
    ours, _, floor = CASES[name]

    np.testing.assert_allclose(ours(images[:50]), floor(images[:50]), atol=1e-5)


def _cost(work: Callable[[Images], object], images: Images) -> Callable[[], float]:
    return ratio.seconds(lambda: work(images))
