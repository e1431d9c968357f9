"""Which data a block of code read: how training on the test split is noticed."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset

_READ: ContextVar[list[Dataset] | None] = ContextVar("pytest_mlspec_data_read", default=None)
_IDLE: ContextVar[bool] = ContextVar("pytest_mlspec_training_refused", default=False)


class Trains(BaseException):
    """Training was about to begin where nothing may be trained.

    No ``Exception``: code that catches whatever goes wrong in a fit must not go on without it.
    """


@contextmanager
def reading() -> Iterator[list[Dataset]]:
    """Collect the datasets whose features are read in this block, each as often as it is read."""
    found: list[Dataset] = []
    token = _READ.set(found)
    try:
        yield found
    finally:
        _READ.reset(token)


@contextmanager
def refusing_training() -> Iterator[None]:
    """Let nobody but this package read the features of a part to train on: raises ``Trains`` there."""
    token = _IDLE.set(True)
    try:
        yield
    finally:
        _IDLE.reset(token)


def refuse_training(what: str) -> None:
    """Stop here where nothing may be trained.

    Raises:
        Trains: in a block of ``refusing_training``.
    """
    if _IDLE.get():
        raise Trains(what)


def note_read(dataset: Dataset) -> None:
    """Tell the block that collects, where there is one, that these features were read."""
    if _IDLE.get() and dataset.role == "train" and not _asked_by_package():
        raise Trains(f"the features of {dataset.name or 'the training part'} are read")
    found = _READ.get()
    if found is not None:
        found.append(dataset)


def _asked_by_package() -> bool:
    """Whether features are read by this package, which slices and compares them, or by code of the user."""
    reader = sys._getframe(3)  # _asked_by_package, note_read, Dataset.X, its reader
    return str(reader.f_globals.get("__name__", "")).partition(".")[0] == "pytest_mlspec"


def rows_key(dataset: Dataset) -> str:
    """A name for the very rows of a dataset, the same in every process."""
    digest = hashlib.blake2b(dataset.origin_rows.tobytes(), digest_size=16)
    return f"{dataset.origin}:{digest.hexdigest()}"
