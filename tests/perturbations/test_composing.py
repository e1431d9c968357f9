"""Perturbations in a row: order, name, and no draw that repeats another."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from pytest_mlspec.data import Dataset
from pytest_mlspec.perturbations import Composed, brightness, compose, contrast, gaussian_noise, permute, shot_noise
from tests.perturbations.corruptions import smooth

IMAGES = smooth(3, 8, 8, 1)


def test_the_first_is_applied_first() -> None:
    both = compose(contrast(3), brightness(2))

    np.testing.assert_array_equal(both(IMAGES), brightness(2)(contrast(3)(IMAGES)))
    assert np.abs(both(IMAGES) - compose(brightness(2), contrast(3))(IMAGES)).max() > 0.01


def test_the_name_says_what_was_done_in_which_order() -> None:
    both = compose(contrast(3), brightness(2))

    assert both.__name__ == both.name == "contrast, severity 3, then brightness, severity 2"
    assert both.__name__ in Dataset(IMAGES, name="scenes").perturb(both).title


def test_it_is_a_value() -> None:
    both = compose(contrast(3), gaussian_noise(2, seed=4))

    assert both == compose(contrast(3), gaussian_noise(2, seed=4))
    assert both != compose(gaussian_noise(2, seed=4), contrast(3))
    assert pickle.loads(pickle.dumps(both)) == both


def test_functions_of_ones_own_take_part() -> None:
    def negative(X: Any) -> Any:
        return 1 - X

    assert compose(negative, contrast(1)).name == "negative, then contrast, severity 1"
    np.testing.assert_array_equal(compose(negative, negative)(IMAGES), 1 - (1 - IMAGES))


def test_a_composition_in_a_composition_is_one_row_of_steps() -> None:
    nested = compose(compose(contrast(1), brightness(1)), contrast(2))

    assert nested == compose(contrast(1), brightness(1), contrast(2))
    assert isinstance(nested, Composed)


def test_a_second_draw_of_the_same_is_refused() -> None:
    """It would be the first one again: twice the noise and not two noises."""
    with pytest.raises(ValueError, match=r"gaussian_noise twice with seed=0\. Give one of them another seed"):
        compose(gaussian_noise(1, seed=0), contrast(3), gaussian_noise(2, seed=0))
    with pytest.raises(ValueError, match="gaussian_noise twice"):
        compose(compose(gaussian_noise(1), contrast(1)), gaussian_noise(1))

    assert len(compose(gaussian_noise(1, seed=0), gaussian_noise(1, seed=1), shot_noise(1, seed=0)).steps) == 3


def test_it_says_whether_rows_are_mixed() -> None:
    assert compose(permute(0, seed=0), contrast(1)).mixes_rows
    assert not compose(contrast(1), contrast(2)).mixes_rows


@pytest.mark.parametrize("steps", [(), (contrast(1),)])
def test_one_step_is_no_composition(steps: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=f"two or more perturbations to compose; got {len(steps)}"):
        compose(*steps)


def test_a_step_that_is_no_function_is_named() -> None:
    with pytest.raises(TypeError, match="got step 2 = 'contrast'"):
        compose(contrast(1), "contrast")  # type: ignore[arg-type]
