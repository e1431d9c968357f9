"""Every corruption keeps the form of what it is given, draws by seed and row, and refuses what it cannot read."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mlspec import perturbations
from pytest_mlspec.data import Dataset
from pytest_mlspec.data.bundled import digits
from pytest_mlspec.perturbations.images import _BLOCK
from tests.perturbations.corruptions import ALL, RANDOM, factory, smooth

COLOUR = smooth(5, 12, 16, 3).astype(np.float32)
DTYPES: dict[str, tuple[float, float]] = {
    "uint8": (0, 255),
    "int16": (-100, 1000),
    "int64": (0, 16),
    "float16": (0, 1),
    "float32": (0, 1),
    "float64": (-1, 1),
}


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=50, deadline=None)
@given(
    sides=st.tuples(st.integers(8, 24), st.integers(8, 24)),
    n_channels=st.sampled_from([None, 1, 2, 3, 4]),
    first=st.booleans(),
    dtype=st.sampled_from(sorted(DTYPES)),
    severity=st.integers(0, 5),
    seed=st.integers(0, 3),
)
def test_dtype_shape_and_range_are_kept_and_the_input_is_not_touched(
    name: str, sides: tuple[int, int], n_channels: int | None, first: bool, dtype: str, severity: int, seed: int
) -> None:
    low, high = DTYPES[dtype]
    image = sides if n_channels is None else ((n_channels, *sides) if first else (*sides, n_channels))
    images = (np.random.default_rng(seed).uniform(low, high, size=(3, *image))).astype(dtype)
    before = images.copy()
    arguments = {"seed": seed} if name in RANDOM else {}
    corrupt = factory(name)(severity, value_range=(low, high), **arguments)

    changed = corrupt(images)

    assert (changed.dtype, changed.shape) == (images.dtype, images.shape)
    assert changed.min() >= images.dtype.type(low)
    assert changed.max() <= images.dtype.type(high)
    assert not np.shares_memory(changed, images)
    np.testing.assert_array_equal(images, before)
    if severity == 0:
        np.testing.assert_array_equal(changed, images)


@pytest.mark.parametrize("name", ALL)
def test_every_way_to_store_the_same_images_gives_the_same_images(name: str) -> None:
    corrupt = factory(name)(3)
    expected = corrupt(COLOUR)
    first = np.ascontiguousarray(np.moveaxis(COLOUR, -1, 1))

    np.testing.assert_allclose(np.moveaxis(corrupt(first), 1, -1), expected, atol=1e-6)
    np.testing.assert_allclose(corrupt(np.moveaxis(first, 1, -1)), expected, atol=1e-6)
    flat = factory(name)(3, shape=(12, 16, 3))
    np.testing.assert_array_equal(flat(COLOUR.reshape(5, -1)), expected.reshape(5, -1))
    np.testing.assert_array_equal(flat(COLOUR), expected)
    np.testing.assert_array_equal(
        factory(name)(3, shape=(3, 12, 16))(first.reshape(5, -1)), corrupt(first).reshape(5, -1)
    )
    np.testing.assert_allclose(factory(name)(3, value_range=(0, 2))(2 * COLOUR), 2 * expected, atol=1e-6)
    grey = COLOUR[..., 0]
    np.testing.assert_array_equal(corrupt(grey), corrupt(grey[..., None])[..., 0])


@pytest.mark.parametrize("name", ALL)
def test_float64_gives_what_float32_gives(name: str) -> None:
    if name == "shot_noise":
        pytest.skip("a Poisson draw depends on the last digit of its mean")
    corrupt = factory(name)(3)

    np.testing.assert_allclose(corrupt(COLOUR.astype(np.float64)), corrupt(COLOUR), atol=2e-6)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64, torch.bfloat16])
def test_a_tensor_comes_out_as_a_tensor_of_its_type(name: str, dtype: torch.dtype) -> None:
    scaled = COLOUR * (255 if dtype is torch.uint8 else 1)
    tensor = torch.tensor(scaled).to(dtype).permute(0, 3, 1, 2).requires_grad_(dtype.is_floating_point)
    before = tensor.detach().clone()

    changed = factory(name)(4)(tensor)

    assert isinstance(changed, torch.Tensor)
    assert (changed.dtype, changed.shape, changed.device) == (tensor.dtype, tensor.shape, tensor.device)
    assert torch.equal(tensor.detach(), before)
    if dtype is not torch.bfloat16:
        np.testing.assert_array_equal(changed.numpy(), factory(name)(4)(before.numpy()))


@pytest.mark.parametrize("name", RANDOM)
def test_the_same_seed_draws_the_same_another_seed_another(name: str) -> None:
    first, again, other = factory(name)(3, seed=1), factory(name)(3, seed=1), factory(name)(3, seed=2)

    np.testing.assert_array_equal(first(COLOUR), again(COLOUR))
    np.testing.assert_array_equal(first(COLOUR), first(COLOUR))
    assert (first(COLOUR) != other(COLOUR)).any()


@pytest.mark.parametrize("name", RANDOM)
def test_each_image_has_a_draw_of_its_own(name: str) -> None:
    changed = factory(name)(3)(np.repeat(COLOUR[:1], 60, axis=0))

    assert len({image.tobytes() for image in changed}) > 1


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("n_images", [1, 7, 300])
def test_later_rows_do_not_change_what_happens_to_a_row(name: str, n_images: int) -> None:
    """Also across the blocks in which images are worked on."""
    images = smooth(400, 16, 16, 3)
    corrupt = factory(name)(5)
    assert images.size > 3 * _BLOCK

    np.testing.assert_allclose(corrupt(images)[:n_images], corrupt(images[:n_images]), atol=1e-12)


@pytest.mark.parametrize("name", sorted(set(ALL) - set(RANDOM)))
def test_what_draws_nothing_commutes_with_a_choice_of_rows(name: str) -> None:
    corrupt, rows = factory(name)(3), [3, 1, 1]

    np.testing.assert_allclose(corrupt(COLOUR[rows]), corrupt(COLOUR)[rows], atol=1e-6)


def test_different_noises_of_one_seed_draw_independently() -> None:
    grey = np.full((200, 16, 16), 0.5)
    gaussian = perturbations.gaussian_noise(1, seed=0)(grey) - 0.5
    shot = perturbations.shot_noise(1, seed=0)(grey) - 0.5

    assert abs(np.corrcoef(gaussian.ravel(), shot.ravel())[0, 1]) < 3 / np.sqrt(grey.size)


@pytest.mark.parametrize("name", ALL)
def test_corruptions_are_values(name: str) -> None:
    corrupt = factory(name)(3, shape=[12, 16, 3])

    assert corrupt == factory(name)(3, shape=(12, 16, 3))
    assert hash(corrupt) == hash(factory(name)(3, shape=(12, 16, 3)))
    assert corrupt != factory(name)(4, shape=(12, 16, 3))
    assert (corrupt.__name__, corrupt.severity) == (f"{name}, severity 3", 3)
    assert corrupt.seed == (0 if name in RANDOM else None)
    restored = pickle.loads(pickle.dumps(corrupt))
    assert restored == corrupt
    np.testing.assert_array_equal(restored(COLOUR), corrupt(COLOUR))


def test_a_dataset_of_flat_rows_is_perturbed_and_says_how() -> None:
    test = digits().test
    darker = test.perturb(perturbations.contrast(3, shape=(8, 8), value_range=(0, 16)))

    assert "contrast, severity 3" in darker.title
    assert darker.X.shape == test.X.shape
    by_hand = 0.2 * test.X + 0.8 * test.X.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(darker.X, by_hand)


@pytest.mark.parametrize("severity", [-1, 6, 2.5, True, "3", None])
def test_a_severity_is_a_whole_number_of_0_to_5(severity: Any) -> None:
    with pytest.raises(ValueError, match=r"severity of 0 \(no change\) to 5.*got severity="):
        perturbations.contrast(severity)


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("seed", [-1, 0.5, None, True])
def test_a_seed_is_a_whole_number(name: str, seed: Any) -> None:
    with pytest.raises(ValueError, match="got seed="):
        factory(name)(3, seed=seed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": 8}, "got shape=8"),
        ({"shape": (8,)}, r"got shape=\(8,\)"),
        ({"shape": (8, 0)}, r"got shape=\(8, 0\)"),
        ({"shape": (8.0, 8.0)}, "got shape="),
        ({"channels": "middle"}, "channels is 'first', 'last' or None .*got channels='middle'"),
        ({"value_range": 255}, "got value_range=255"),
        ({"value_range": (1, 0)}, "got value_range="),
        ({"value_range": (0, float("nan"))}, "got value_range="),
        ({"value_range": (0, 1, 2)}, "got value_range="),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        perturbations.contrast(3, **arguments)


def test_an_unknown_keyword_is_named_with_the_known_ones() -> None:
    with pytest.raises(TypeError, match="contrast takes shape, channels, value_range; got seed"):
        perturbations.contrast(3, seed=0)  # type: ignore[call-arg]


@pytest.mark.parametrize("severity", [0, 3])
@pytest.mark.parametrize(
    ("images", "arguments", "message"),
    [
        (np.zeros((0, 8, 8)), {}, "at least one image"),
        (np.zeros((3, 64)), {}, r"flat rows with shape=\(height, width\)"),
        (np.zeros(64), {}, r"got an array of shape \(64,\)"),
        (np.zeros((3, 64)), {"shape": (8, 9)}, r"rows of 72 pixels; got an array of shape \(3, 64\)"),
        (np.zeros((3, 9, 8)), {"shape": (8, 9)}, r"got an array of shape \(3, 9, 8\)"),
        (np.zeros((3, 7, 8)), {}, "at least 8 x 8 pixels; got 7 x 8"),
        (np.zeros((3, 3, 8, 3)), {}, "one axis of 1 to 4 channels"),
        (np.zeros((3, 10, 8, 8)), {}, "Say which it is with channels="),
        (np.zeros((3, 3, 8, 8)), {"channels": "last"}, "at least 8 x 8 pixels; got 3 x 8"),
        (np.zeros((3, 8, 8)), {"channels": "last"}, "an axis of channels for channels='last'"),
        (np.full((3, 8, 8), 2.0), {}, r"value_range=\(0, 1\), the range of float64 unless.*got 2 to 2"),
        (np.full((3, 8, 8), np.inf), {}, "got inf to inf"),
        (np.full((3, 8, 8), 17), {"value_range": (0, 16)}, r"value_range=\(0, 16\); got 17 to 17"),
        (np.full((3, 8, 8), 17), {"value_range": (0, 16.5)}, "whole ends that int64 can hold"),
        (np.full((3, 8, 8), 17, dtype=np.int8), {"value_range": (0, 255)}, "whole ends that int8 can hold"),
    ],
)
def test_images_that_cannot_be_read_are_refused_at_every_severity(
    images: Any, arguments: dict[str, Any], message: str, severity: int
) -> None:
    with pytest.raises(ValueError, match=message):
        perturbations.contrast(severity, **arguments)(images)


def test_nan_is_refused_and_placed() -> None:
    images = np.zeros((4, 8, 8))
    images[2, 1, 1:3] = np.nan

    with pytest.raises(ValueError, match="1 of 4 images with one, the first in row 2"):
        perturbations.contrast(1)(images)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([[0.0] * 64], "NumPy array or a torch tensor; got X=list"),
        (np.zeros((3, 8, 8), dtype=bool), "dtype=bool"),
        (np.zeros((3, 8, 8), dtype=object), "dtype=object"),
        (np.zeros((3, 8, 8), dtype=np.int64), r"value_range=\(low, high\) with integers other than uint8"),
    ],
)
def test_other_types_are_refused(images: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        perturbations.contrast(1)(images)


def test_channels_say_what_numbers_cannot() -> None:
    spectral = smooth(2, 10, 9, 10)

    last = perturbations.contrast(5, channels="last")(spectral)
    first = perturbations.contrast(5, channels="first")(spectral)

    np.testing.assert_allclose(last.mean(axis=(1, 2)), spectral.mean(axis=(1, 2)))
    np.testing.assert_allclose(first.mean(axis=(2, 3)), spectral.mean(axis=(2, 3)))
    assert np.abs(last - first).max() > 0.01


def _inverted(pixels: npt.NDArray[np.floating], severity: int, random: np.random.Generator) -> npt.NDArray[np.floating]:
    return 2 * severity - pixels


def test_a_change_of_ones_own_becomes_a_corruption() -> None:
    """Cut off at the range, with the same checks."""
    corrupt = perturbations.corruption(_inverted, "inverted", 1, {"value_range": (0, 2)})

    assert corrupt.__name__ == "inverted, severity 1"
    np.testing.assert_array_equal(corrupt(np.full((1, 8, 8), 1.5)), np.full((1, 8, 8), 2.0))
    assert pickle.loads(pickle.dumps(corrupt)) == corrupt
    with pytest.raises(ValueError, match="got severity=9"):
        perturbations.corruption(_inverted, "inverted", 9)


def test_a_perturbed_dataset_keeps_its_form() -> None:
    data = Dataset(torch.rand(4, 3, 8, 8), [0, 1, 0, 1])

    assert isinstance(data.perturb(perturbations.defocus(2)).X, torch.Tensor)
