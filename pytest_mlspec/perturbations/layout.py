"""How an array of images is stored, and the same images as (images, height, width, channels)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

Channels: TypeAlias = Literal["first", "last"]
Array: TypeAlias = npt.NDArray[Any]

SMALLEST_SIDE = 8
_FEW = (1, 2, 3, 4)  # numbers of channels that no side of an image can be mistaken for


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How one image is stored: the sizes of its axes, and which of them are the channels (None: grey, no such axis)."""

    sizes: tuple[int, ...]
    channel_axis: int | None

    def view(self, array: Array) -> Array:
        """The array as (images, height, width, channels), without a copy where its rows lie in one piece."""
        images = array.reshape(len(array), *self.sizes)
        return images[..., None] if self.channel_axis is None else np.moveaxis(images, 1 + self.channel_axis, -1)


def layout_of(stored: tuple[int, ...], shape: tuple[int, ...] | None, channels: Channels | None) -> Layout:
    """How images are stored in an array.

    Args:
        stored: the shape of the array, images first.
        shape: of one image, where the rows are flat.
        channels: where the channels are; None to find the axis of 1 to 4 among sides of 8 and more.

    Raises:
        ValueError: images that do not have the shape, that are smaller than 8 x 8, or whose channels cannot be told.
    """
    if len(stored) < 1 or stored[0] == 0:
        raise ValueError(f"expected at least one image; got an array of shape {stored}")
    sizes = stored[1:] if shape is None else shape
    if math.prod(sizes) != math.prod(stored[1:]) or (len(stored) != 2 and stored[1:] != sizes):
        raise ValueError(
            f"expected images of shape={shape}, or rows of {math.prod(sizes)} pixels; got an array of shape {stored}"
        )
    if len(sizes) not in (2, 3):
        raise ValueError(
            f"expected images as (images, height, width), with channels last or first, or flat rows with "
            f"shape=(height, width); got an array of shape {stored}"
        )
    axis = None if len(sizes) == 2 and channels is None else _channel_axis(sizes, channels)
    sides = tuple(size for number, size in enumerate(sizes) if number != axis)
    if min(sides) < SMALLEST_SIDE:
        raise ValueError(
            f"expected images of at least {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels; got {sides[0]} x {sides[1]} in an "
            f"array of shape {stored}. Say where the channels are with channels='last' or channels='first'"
        )
    return Layout(sizes=sizes, channel_axis=axis)


def _channel_axis(sizes: tuple[int, ...], channels: Channels | None) -> int:
    if len(sizes) == 2:
        raise ValueError(f"expected images with an axis of channels for channels={channels!r}; got images of {sizes}")
    if channels is not None:
        return 2 if channels == "last" else 0
    found = [axis for axis in (0, 2) if sizes[axis] in _FEW]
    if len(found) != 1:
        raise ValueError(
            f"expected one axis of 1 to 4 channels, first or last; got images of {sizes}. "
            "Say which it is with channels='last' or channels='first'"
        )
    return found[0]


def checked_shape(shape: object) -> tuple[int, ...] | None:
    """The shape of one image as a tuple, or None.

    Raises:
        ValueError: not two or three positive whole numbers.
    """
    if shape is None:
        return None
    sizes = tuple(shape) if isinstance(shape, tuple | list) else ()
    whole = all(isinstance(size, Integral) and not isinstance(size, bool) and int(size) > 0 for size in sizes)
    if len(sizes) not in (2, 3) or not whole:
        raise ValueError(
            f"expected shape=(height, width), or with channels last or first, of one image; got shape={shape!r}"
        )
    return tuple(int(size) for size in sizes)


def checked_channels(channels: object) -> Channels | None:
    """Where the channels are, or None.

    Raises:
        ValueError: neither "first" nor "last" nor None.
    """
    if channels is not None and channels not in get_args(Channels):
        raise ValueError(f"channels is 'first', 'last' or None (found by their number); got channels={channels!r}")
    return channels  # type: ignore[return-value]
