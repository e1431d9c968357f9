"""Features leave a prediction as they went in: a model that changes them in place spoils every later answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.data.forms import Features, is_tensor

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset

_LOOKED_AT = 1 << 17
"""About this many bytes of an array are compared, in whole rows that are evenly spread."""


@contextmanager
def untouched(data: Dataset, name: str) -> Iterator[None]:
    """Raise when the features of ``data`` change within the block.

    Raises:
        ValueError: a model wrote into X.
    """
    before = _mark(data.X)
    yield
    if _mark(data.X) != before:
        raise ValueError(
            f"{name} changed the features of {data.title} in place while it predicted, so that every later prediction "
            "would see other features: copy them first, as in X = X.copy()"
        )


def _mark(X: Features) -> object:
    """What tells that numbers were overwritten; ``None`` for forms that are not looked into."""
    if is_tensor(X):
        return None if X.is_inference() else X._version
    if isinstance(X, np.ndarray):
        return _bytes(X)
    columns = getattr(X, "columns", None)
    if type(X).__module__.partition(".")[0] != "pandas" or columns is None:
        return None
    return list(columns), [_bytes(X.iloc[:, place].to_numpy()) for place in range(len(columns))]


def _bytes(values: np.ndarray) -> bytes:
    if values.dtype.hasobject or not values.size:
        return b""
    return values[:: -(-values.nbytes // _LOOKED_AT)].tobytes()
