"""Moved images against SciPy's spline of order 1, hidden squares by counting."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from pytest_mlspec.perturbations import SEVERITIES, occlusion, rotation, translation
from tests.perturbations.corruptions import smooth

Images = npt.NDArray[np.float64]


def _nearest_of(candidates: list[Images], changed: Images) -> npt.NDArray[np.int64]:
    distance = np.abs(np.stack(candidates) - changed).max(axis=(2, 3, 4))
    assert (distance.min(axis=0) < 1e-9).all()
    return distance.argmin(axis=0)


@pytest.mark.parametrize(("severity", "degrees"), [*zip(SEVERITIES, (6, 12, 18, 24, 30), strict=True)])
@pytest.mark.parametrize("sides", [(8, 8), (12, 17)])
def test_rotation_turns_each_image_to_one_side_or_the_other(
    severity: int, degrees: float, sides: tuple[int, int]
) -> None:
    images = smooth(30, *sides, 3)
    candidates = [
        ndimage.rotate(images, angle, axes=(1, 2), reshape=False, order=1, mode="nearest")
        for angle in (degrees, -degrees)
    ]

    assert set(_nearest_of(candidates, rotation(severity)(images))) == {0, 1}


@pytest.mark.parametrize("severity", SEVERITIES)
def test_translation_moves_each_image_along_a_diagonal(severity: int) -> None:
    images = smooth(60, 14, 21, 3)
    down, right = severity / 28 * 14, severity / 28 * 21
    candidates = [
        ndimage.shift(images, (0, vertical * down, horizontal * right, 0), order=1, mode="nearest")
        for vertical in (1, -1)
        for horizontal in (1, -1)
    ]

    assert set(_nearest_of(candidates, translation(severity)(images))) == {0, 1, 2, 3}


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("sides", [(8, 8), (16, 24)])
def test_occlusion_hides_one_square_somewhere(severity: int, sides: tuple[int, int]) -> None:
    images = np.zeros((500, *sides, 3))
    hidden = occlusion(severity)(images) == 0.5
    side = severity * sides[0] // 8

    assert (hidden.any(axis=2).sum(axis=1) == side).all()
    assert (hidden.any(axis=1).sum(axis=1) == side).all()
    assert (hidden.sum(axis=(1, 2)) == side**2).all()
    top = hidden[..., 0].any(axis=2).argmax(axis=1)
    left = hidden[..., 0].any(axis=1).argmax(axis=1)
    for place, size in ((top, sides[0]), (left, sides[1])):
        share = 1 / (size - side + 1)
        found = np.bincount(place, minlength=size - side + 1) / 500
        assert (np.abs(found - share) <= 4 * np.sqrt(share / 500)).all()


def test_a_hidden_square_lies_inside_that_of_the_next_severity() -> None:
    hidden = [occlusion(severity, seed=1)(np.zeros((200, 24, 24))) > 0 for severity in SEVERITIES]

    assert all((hidden[number] <= hidden[number + 1]).all() for number in range(4))


def test_mid_grey_is_the_middle_of_the_range() -> None:
    assert np.unique(occlusion(3, value_range=(0, 16))(np.full((1, 8, 8), 16))).tolist() == [8, 16]
