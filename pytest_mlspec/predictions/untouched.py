"""Features leave a prediction as they went in: a model that changes them in place spoils every later answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset


@contextmanager
def untouched(data: Dataset, name: str) -> Iterator[None]:
    """Raise when the features of ``data`` change within the block.

    Raises:
        ValueError: a model wrote into X.
    """
    yield
    if data.changed_in_place():
        raise ValueError(
            f"{name} changed the features of {data.title} in place while it predicted, so that every later prediction "
            "would see other features: copy them first, as in X = X.copy()"
        )
