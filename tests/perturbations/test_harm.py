"""Harm grows with severity: of the pixels, at every size, and of a model's accuracy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from pytest_mlspec.data.bundled import digits
from pytest_mlspec.perturbations import SEVERITIES
from tests.perturbations.corruptions import ALL, RANDOM, factory, smooth

DIGITS = {"shape": (8, 8), "value_range": (0, 16)}
Images = npt.NDArray[np.float64]


def _harm(name: str, images: Images, seed: int, **form: object) -> Images:
    """Mean squared change at severity 0 to 5."""
    arguments = form | ({"seed": seed} if name in RANDOM else {})
    changed = [factory(name)(severity, **arguments)(images) for severity in (0, *SEVERITIES)]
    return np.array([np.square(after - images).mean() for after in changed])


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_mean_squared_change_of_digits_grows_strictly(name: str, seed: int) -> None:
    harm = _harm(name, digits().test.X[:300], seed, **DIGITS)

    assert harm[0] == 0
    assert (np.diff(harm) > 0).all(), harm


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=5, deadline=None)
@given(st.tuples(st.integers(8, 32), st.integers(8, 32)), st.integers(0, 1000))
def test_mean_squared_change_of_smooth_colour_images_grows_strictly(
    name: str, sides: tuple[int, int], seed: int
) -> None:
    harm = _harm(name, smooth(60, *sides, 3, seed=seed), seed)

    assert harm[0] == 0
    assert (np.diff(harm) > 0).all(), harm


@pytest.mark.parametrize("name", sorted(set(ALL) - {"pixelate", "defocus"}))
@pytest.mark.parametrize("severity", [1, 5])
def test_a_scene_is_harmed_alike_at_every_size(name: str, severity: int) -> None:
    """Lengths are fractions of a side. Coarse pixels are a matter of pixels, a disc within one of interpolation."""
    small = smooth(10, 32, 32, 1)
    zoomed = ndimage.zoom(small, (1, 4, 4, 1), order=3, mode="nearest", grid_mode=True)
    large = np.clip(zoomed, 0, 1)
    harm = [np.square(factory(name)(severity)(images) - images).mean() for images in (small, large)]

    assert harm[1] == pytest.approx(harm[0], rel=0.1)


@pytest.fixture(scope="module")
def accuracies() -> dict[str, list[float]]:
    """Accuracy on the held-out digits at severity 0 to 5, mean of three small networks."""
    from sklearn.neural_network import MLPClassifier

    splits = digits()
    train, test = splits.train, splits.test
    models = [MLPClassifier((64,), max_iter=300, random_state=seed).fit(train.X, train.y) for seed in range(3)]
    return {
        name: [
            float(np.mean([model.score(factory(name)(severity, **DIGITS)(test.X), test.y) for model in models]))
            for severity in range(6)
        ]
        for name in ALL
    }


@pytest.mark.parametrize("name", ALL)
def test_accuracy_does_not_rise_with_severity(name: str, accuracies: dict[str, list[float]]) -> None:
    """But for noise: a share of 0.01 of 898 digits is nine digits."""
    assert (np.diff(accuracies[name]) <= 0.01).all(), accuracies[name]
    assert accuracies[name][5] <= accuracies[name][0] + 0.003


def test_low_contrast_leaves_chance_and_brightness_lies_between(accuracies: dict[str, list[float]]) -> None:
    """D'Amour, Heller et al. 2022 found this order; ten classes make chance 0.1."""
    clean = accuracies["contrast"][0]

    assert clean > 0.94
    assert accuracies["contrast"][5] < 0.2
    assert accuracies["contrast"][3] + 0.1 < accuracies["brightness"][3] < clean - 0.1
