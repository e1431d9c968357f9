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
_REFUSED = [False]
"""Whether training is refused: for every thread at once, since a context would stop at the first pool of threads."""


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
    with _refusal(True):
        yield


@contextmanager
def allowing_training() -> Iterator[None]:
    """Let the features be read after all, within a block of ``refusing_training``: by what makes data of them."""
    with _refusal(False):
        yield


@contextmanager
def _refusal(refused: bool) -> Iterator[None]:
    before = _REFUSED[-1]
    _REFUSED[-1] = refused
    try:
        yield
    finally:
        _REFUSED[-1] = before


def refuse_training(what: str) -> None:
    """Stop here where nothing may be trained.

    Raises:
        Trains: in a block of ``refusing_training``.
    """
    if _REFUSED[-1]:
        raise Trains(what)


def note_read(dataset: Dataset) -> None:
    """Tell the block that collects, where there is one, that these features were read."""
    if _REFUSED[-1] and dataset.role == "train" and not _asked_by_package():
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
