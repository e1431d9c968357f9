"""A part of the cache: a folder of files and a manifest, there whole or not at all, known to be sound before use."""

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import TypeAlias

import numpy as np

from pytest_mlspec.training.cache.checksums import BLOCK, Marker, strong_digest
from pytest_mlspec.training.cache.private import check_folder, make_folder, open_private

__all__ = [
    "Damaged",
    "discard",
    "draft_folder",
    "locked",
    "publish",
    "read_file",
    "read_manifest",
    "sweep",
    "touch",
    "write_draft",
]

Body: TypeAlias = dict[str, object]
Pieces: TypeAlias = Sequence[np.ndarray]
"""The bytes of a file in order, as one-dimensional arrays of bytes."""

FORMAT = 1
MANIFEST = "manifest.json"
_DRAFTS = "drafts"
_NUMBERS_ONLY = (".npy", ".safetensors")
_ABANDONED = 3600.0
"""Seconds after which a draft without a lock belongs to nobody."""


class Damaged(Exception):
    """A part is cut short, changed, incomplete or of another format: it is removed and never trusted."""


# ---- writing ---------------------------------------------------------------------------------------------------------


@contextmanager
def draft_folder(root: Path) -> Iterator[Path]:
    """A folder of this process alone, removed at the end unless it was published; swept when the process dies."""
    sweep(root)
    drafts = make_folder(root, _DRAFTS)
    token = f"{os.getpid()}-{secrets.token_hex(8)}"
    lock = drafts / f"{token}.lock"
    with locked(lock):
        draft = make_folder(drafts, token)
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)
            with suppress(OSError):
                lock.unlink()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, whoever else wants it; a process that dies gives it back.

    Raises:
        OSError: the file cannot be made, or this file system knows no locks.
    """
    from filelock import FileLock

    lock = FileLock(path)
    try:
        lock.acquire()
    except NotImplementedError as error:
        raise OSError(f"{path.parent} lies on a file system without locks") from error
    try:
        yield
    finally:
        lock.release()


def write_draft(draft: Path, body: Mapping[str, object], files: Mapping[str, Pieces]) -> None:
    """Write the files and the manifest that vouches for them, and have all of it on disk."""
    checked = {name: _write(draft / name, pieces) for name, pieces in files.items()}
    text = json.dumps({**body, "format": FORMAT, "files": checked}, allow_nan=True)
    head = json.dumps({"format": FORMAT, "blake2b": strong_digest(text.encode())})
    _write(draft / MANIFEST, [np.frombuffer(f"{head}\n{text}\n".encode(), np.uint8)])
    _keep_folder(draft)


def publish(draft: Path, root: Path, *shelf: str, label: str) -> Path:
    """Move a draft to where it is found; from now on it is there whole, also after a crash.

    Args:
        draft: the folder, written and on disk.
        root: the folder of the cache.
        shelf: the folders below it that the part is put into.
        label: what the name of the part begins with: its size in bytes and its time in nanoseconds.

    Returns:
        The part.
    """
    for attempt in range(5):
        folder = make_folder(root, *shelf)
        path = folder / f"{label}-{secrets.token_hex(8)}"
        try:
            os.rename(draft, path)
        except FileNotFoundError:  # another process has just removed the shelf, which was empty
            if attempt == 4 or not draft.exists():
                raise
        else:
            _keep_folder(folder)
            return path
    raise AssertionError("unreachable")


def _write(path: Path, pieces: Pieces) -> tuple[int, str]:
    """Write one file for this user alone; give its size and digest."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(handle, "wb") as file:
        for piece in pieces:
            file.write(piece.data)
        file.flush()
        os.fsync(file.fileno())
    return sum(len(piece) for piece in pieces), _digest(path.name, pieces)


def _digest(name: str, pieces: Pieces) -> str:
    if name.endswith(_NUMBERS_ONLY):
        marker = Marker()
        for block in _blocks(pieces):
            marker.add(block)
        return marker.digest()
    return strong_digest(b"".join(piece.tobytes() for piece in pieces))


def _blocks(pieces: Pieces) -> Iterator[np.ndarray]:
    """Cut the bytes of a file into blocks, whatever pieces they come in."""
    rest = np.empty(0, np.uint8)
    for piece in pieces:
        if len(rest):
            needed = BLOCK - len(rest)
            rest, piece = np.concatenate([rest, piece[:needed]]), piece[needed:]
            if len(rest) < BLOCK:
                continue
            yield rest
        whole = len(piece) // BLOCK * BLOCK
        yield from (piece[at : at + BLOCK] for at in range(0, whole, BLOCK))
        rest = piece[whole:]
    if len(rest):
        yield rest


def _keep_folder(folder: Path) -> None:
    """Have the names in a folder on disk; systems without folders as files see to it themselves."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# ---- reading ---------------------------------------------------------------------------------------------------------


def read_manifest(path: Path) -> Body:
    """Read what a part says of itself.

    Raises:
        Damaged: it is cut short, changed, incomplete or of another format.
        NotPrivateError: somebody else could have written it.
    """
    check_folder(path)
    with _opened(path, MANIFEST) as handle:
        content = _read_all(handle, os.fstat(handle).st_size).tobytes()
    head, _, text = content.partition(b"\n")
    try:
        said = json.loads(head)
        if said != {"format": FORMAT, "blake2b": strong_digest(text[:-1])} or not text.endswith(b"\n"):
            raise Damaged(f"{path}: the manifest has been changed, cut short, or written in another format")
        body: Body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{path}: the manifest cannot be read ({error})") from error
    return body


def read_file(path: Path, body: Body, name: str) -> np.ndarray:
    """Read one file of a part whose manifest is known; what comes back are the bytes that were checked.

    Returns:
        One-dimensional array of bytes.

    Raises:
        Damaged: it is missing, cut short or changed.
        NotPrivateError: somebody else could have written it.
    """
    size, digest = body["files"][name]  # type: ignore[index]
    with _opened(path, name) as handle:
        if os.fstat(handle).st_size != size:
            raise Damaged(f"{path / name}: expected {size:,} bytes, got {os.fstat(handle).st_size:,}")
        if name.endswith(_NUMBERS_ONLY):
            content, found = _read_marked(handle, size)
        else:
            content = _read_all(handle, size)
            found = strong_digest(content.data)
    if found != digest:
        raise Damaged(f"{path / name}: its content has changed since it was written")
    return content


@contextmanager
def _opened(path: Path, name: str) -> Iterator[int]:
    try:
        handle = open_private(path / name)
    except FileNotFoundError as error:
        raise Damaged(f"{path / name} is missing") from error
    try:
        yield handle
    finally:
        os.close(handle)


def _read_all(handle: int, size: int) -> np.ndarray:
    content = np.empty(size, np.uint8)
    with FileIO(handle, closefd=False) as file:
        _fill(file, content)
    return content


def _read_marked(handle: int, size: int) -> tuple[np.ndarray, str]:
    """Read a file and take its digest block by block, while each is in the processor's cache."""
    content, marker = np.empty(size, np.uint8), Marker()
    with FileIO(handle, closefd=False) as file:
        for at in range(0, size, BLOCK):
            block = content[at : at + BLOCK]
            _fill(file, block)
            marker.add(block)
    return content, marker.digest()


def _fill(file: FileIO, block: np.ndarray) -> None:
    view = block.data
    while len(view):
        count = file.readinto(view)
        if not count:
            raise Damaged("a file was cut short while it was read")
        view = view[count:]


# ---- using and removing ----------------------------------------------------------------------------------------------


def touch(path: Path) -> None:
    """Put down that a part has just been used; a part that another process removed meanwhile is none to keep."""
    with suppress(OSError):
        os.utime(path / MANIFEST)


def discard(root: Path, path: Path) -> None:
    """Remove a part: gone at once for every reader, its files after that."""
    with draft_folder(root) as draft, suppress(FileNotFoundError):
        os.rename(path, draft / "removed")
    with suppress(OSError):  # others may have put a part there
        path.parent.rmdir()


def sweep(root: Path) -> None:
    """Remove the drafts of processes that died: their lock is free, or they have none and are old."""
    from filelock import FileLock, Timeout

    drafts = root / _DRAFTS
    for lock in drafts.glob("*.lock"):
        with suppress(Timeout, OSError, RuntimeError), FileLock(lock).acquire(timeout=0):
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink()
    for draft in drafts.glob("*"):
        if draft.suffix == ".lock" or draft.with_name(f"{draft.name}.lock").exists():
            continue
        with suppress(OSError):
            if time.time() - draft.stat().st_mtime > _ABANDONED:
                shutil.rmtree(draft, ignore_errors=True)
