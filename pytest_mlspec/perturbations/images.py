"""Image corruptions as values: a change of unit intensities becomes a function from arrays to arrays of one form.

Arrays may be NumPy or torch, integers or floats, grey or colour, channels last or first or in flat rows; what comes out
has the type, shape and range of what went in. Images are worked on in blocks that fit a processor's cache.

Random corruptions draw in the order of the rows: what happens to a row depends on the seed and on its position, and not
on the rows after it. So perturb first and slice afterwards, where both are to show the same pictures.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias, TypedDict, TypeVar
from zlib import crc32

import numpy as np

from pytest_mlspec.data.forms import is_tensor
from pytest_mlspec.perturbations.intensity import Pixels, Range, checked_range, scale_of
from pytest_mlspec.perturbations.layout import Array, Channels, checked_channels, checked_shape, layout_of
from pytest_mlspec.perturbations.severity import checked_seed, checked_severity

Form = TypeVar("Form")
# (images, height, width, channels) of unit intensities that it may write over, a severity of 1 to 5 and a generator, to
# as many intensities, which may leave the unit interval.
Change: TypeAlias = Callable[[Pixels, int, np.random.Generator], Pixels]

_BLOCK = 2**16  # intensities that are changed at once: 1/4 MiB of float32, so that a few copies stay in the cache


class ImageForm(TypedDict, total=False):
    """How the images are stored, where the array does not say it by itself.

    Args:
        shape: of one image, where the rows are flat: (height, width), or with channels last or first.
        channels: ``"first"`` or ``"last"``; by default the axis of 1 to 4.
        value_range: lowest and highest intensity there may be; by default (0, 255) for uint8 and (0, 1) for floats.
    """

    shape: tuple[int, ...] | None
    channels: Channels | None
    value_range: Range | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Corruption:
    """A change of images at one severity, as a function from an array to an array of the same form."""

    kind: str
    severity: int
    seed: int | None
    shape: tuple[int, ...] | None
    channels: Channels | None
    value_range: Range | None
    change: Change = field(repr=False)

    @property
    def name(self) -> str:
        """Kind and severity for messages, such as ``contrast, severity 3``."""
        return f"{self.kind}, severity {self.severity}"

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, X: Form) -> Form:
        """The images changed, in the form in which they came; ``X`` stays as it is.

        Args:
            X: (images, height, width), with channels last or first, or (images, pixels) where ``shape`` is given.

        Raises:
            TypeError: neither a NumPy array nor a torch tensor, or values that are no numbers.
            ValueError: no image, one that is smaller than 8 x 8, channels that cannot be told, a NaN, or an intensity
                outside ``value_range``.
        """
        if is_tensor(X):
            return _as_tensor(self._changed(_from_tensor(X)), X)
        if not isinstance(X, np.ndarray):
            raise TypeError(f"expected images as a NumPy array or a torch tensor; got X={type(X).__name__}")
        return self._changed(X)  # type: ignore[return-value]

    def _changed(self, array: Array) -> Array:
        layout = layout_of(array.shape, self.shape, self.channels)
        scale = scale_of(array, self.value_range)
        if self.severity == 0:
            return array.copy()
        changed = np.empty(array.shape, dtype=array.dtype)
        before, after = layout.view(array), layout.view(changed)
        random = np.random.default_rng([crc32(self.kind.encode()), self.seed or 0])
        step = max(1, _BLOCK // before[0].size)
        for start in range(0, len(before), step):
            rows = slice(start, start + step)
            after[rows] = scale.restore(self.change(scale.unit(before[rows]), self.severity, random))
        return changed


def corruption(
    change: Change, kind: str, severity: int, form: ImageForm | None = None, *, seed: int | None = None
) -> Corruption:
    """A change of unit intensities as a corruption, all its arguments checked.

    Args:
        change: from unit intensities (images, height, width, channels), a severity of 1 to 5 and a generator to
            intensities; a function of a module, so that the corruption can be pickled.
        kind: its name without the severity.
        severity: 0 (no change) to 5.
        form: ``shape``, ``channels`` and ``value_range``, see :class:`ImageForm`.
        seed: of its draws; None where it draws nothing.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an unknown keyword.
    """
    form = ImageForm() if form is None else form
    unknown = sorted(set(form) - set(ImageForm.__annotations__))
    if unknown:
        raise TypeError(f"{kind} takes {', '.join(ImageForm.__annotations__)}; got {', '.join(unknown)}")
    return Corruption(
        kind=kind,
        severity=checked_severity(severity),
        seed=None if seed is None else checked_seed(seed),
        shape=checked_shape(form.get("shape")),
        channels=checked_channels(form.get("channels")),
        value_range=checked_range(form.get("value_range")),
        change=change,
    )


def _from_tensor(tensor: object) -> Array:
    torch = sys.modules["torch"]
    assert isinstance(tensor, torch.Tensor)
    values = tensor.detach().cpu()
    array: Array = (values.float() if values.dtype is torch.bfloat16 else values).numpy()  # NumPy has no bfloat16
    return array


def _as_tensor(array: Array, like: Form) -> Form:
    torch = sys.modules["torch"]
    tensor: Form = torch.from_numpy(array).to(device=like.device, dtype=like.dtype)  # type: ignore[attr-defined]
    return tensor
