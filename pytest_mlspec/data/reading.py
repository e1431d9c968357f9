"""Which data a block of code read: how training on the test split is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset

_READ: ContextVar[list[Dataset] | None] = ContextVar("pytest_mlspec_data_read", default=None)


@contextmanager
def reading() -> Iterator[list[Dataset]]:
    """Collect the datasets whose features are read in this block, each as often as it is read."""
    found: list[Dataset] = []
    token = _READ.set(found)
    try:
        yield found
    finally:
        _READ.reset(token)


def note_read(dataset: Dataset) -> None:
    """Tell the block that collects, where there is one, that these features were read."""
    found = _READ.get()
    if found is not None:
        found.append(dataset)


def rows_key(dataset: Dataset) -> str:
    """A name for the very rows of a dataset, the same in every process."""
    digest = hashlib.blake2b(dataset.origin_rows.tobytes(), digest_size=16)
    return f"{dataset.origin}:{digest.hexdigest()}"
