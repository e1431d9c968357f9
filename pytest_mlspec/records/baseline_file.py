"""The folder of one baseline: arrays without pickle and an index that is replaced whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np

from pytest_mlspec.predictions.arrays import Labels

__all__ = [
    "BaselineError",
    "Document",
    "check_name",
    "complete",
    "digest_of",
    "read_array",
    "read_index",
    "write_array",
]

FORMAT = 1
INDEX = "index.json"
_MAGIC = "pytest-mlspec baseline"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_ARRAY = re.compile(r"[0-9a-z]{1,40}/[0-9]{1,9}-[a-z]{1,20}\.npy")
_STALE = 86_400.0  # seconds after which what a killed run left behind is cleared away
Document: TypeAlias = dict[str, object]


class BaselineError(ValueError):
    """A baseline cannot be read: it is missing, damaged, or made by another version."""


def check_name(name: str) -> str:
    """The name of a baseline, which is that of its folder.

    Raises:
        ValueError: it is not made of letters, digits, ``-``, ``_`` and ``.``, or does not begin with a letter or digit.
    """
    if not _NAME.fullmatch(name) or name.endswith(".lock"):
        near = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")
        hint = f"; did you mean {near}?" if near and _NAME.fullmatch(near) and near != name else ""
        raise ValueError(
            f"expected a name of letters, digits, '-', '_' and '.' that begins with a letter or digit, got {name!r}"
            + hint
        )
    return name


class _Hashed:
    """A file to write to that hashes what passes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest = file, hashlib.blake2b(digest_size=16)

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._file.write(data)


def write_array(path: Path, array: Labels) -> Document:
    """Write one array as ``.npy`` and say what was written, so that reading can check it.

    Raises:
        ValueError: it holds objects, which only pickle could write.
    """
    if array.dtype.hasobject:
        raise ValueError(f"expected numbers or text, got an array of {array.dtype}")
    with path.open("wb") as file:
        hashed = _Hashed(file)
        np.lib.format.write_array(hashed, np.ascontiguousarray(array), allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    return {
        "file": path.name,
        "shape": list(array.shape),
        "dtype": array.dtype.str,
        "blake2b": hashed.digest.hexdigest(),
    }


def read_array(folder: Path, told: Mapping[str, object]) -> Labels:
    """One array of a baseline, if it is what the index says.

    Raises:
        BaselineError: the file is missing, cut short, changed, or none of ours.
    """
    name = str(told.get("file", ""))
    if not _ARRAY.fullmatch(name):
        raise BaselineError(f"{folder / INDEX}: expected the name of an array in the baseline, got {name!r}")
    path = folder / name
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
            if found != told.get("blake2b"):
                raise BaselineError(
                    f"{path} is not what was saved (blake2b {found}, the index says {told.get('blake2b')}): it was "
                    "cut short or changed; save the baseline again"
                )
            file.seek(0)
            array: Labels = np.load(file, allow_pickle=False)
    except OSError as error:
        raise BaselineError(f"{path} cannot be read ({error.strerror}): save the baseline again") from error
    if [list(array.shape), array.dtype.str] != [told.get("shape"), told.get("dtype")]:
        raise BaselineError(f"{path} holds {array.dtype} of shape {array.shape}, not what {INDEX} says")
    return array


def digest_of(content: object) -> str:
    """BLAKE2b of plain content, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def read_index(folder: Path) -> Document:
    """The content of the index of a baseline.

    Raises:
        BaselineError: it is missing, damaged, none of ours, or of another format.
    """
    path = folder / INDEX
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BaselineError(f"{path} is missing: {folder} is no baseline of pytest-mlspec") from error
    except OSError as error:
        raise BaselineError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BaselineError(f"{path} is damaged ({error}): save the baseline again") from error
    if not isinstance(document, dict) or document.get("kind") != _MAGIC:
        raise BaselineError(f"{path} is no index of a baseline of pytest-mlspec")
    if document.get("format") != FORMAT:
        raise BaselineError(
            f"{path} has format {document.get('format')!r}, this version of pytest-mlspec reads format {FORMAT}: "
            "save the baseline again with this version"
        )
    content = document.get("content")
    if not isinstance(content, dict) or digest_of(content) != document.get("blake2b"):
        raise BaselineError(f"{path} is not what was saved (its blake2b differs): save the baseline again")
    return content


def complete(folder: Path, part: Path, arrays: str, content: Document) -> None:
    """Make the arrays of ``part`` and this content the baseline in ``folder``, in the place of the one before.

    The index is replaced in one step, and the arrays that it names are there before it: whoever is killed leaves the
    baseline before or the new one, never a mixture.

    Args:
        folder: the folder of the baseline.
        part: a folder inside it, with a dot before its name, that holds the arrays.
        arrays: the name that this folder gets, by which ``content`` calls its files.
        content: the index, of builtin types.
    """
    from filelock import FileLock

    text = json.dumps(
        {"kind": _MAGIC, "format": FORMAT, "blake2b": digest_of(content), "content": content},
        indent=1,
        allow_nan=False,
    )
    with FileLock(folder.parent / f".{folder.name}.lock"):
        os.rename(part, folder / arrays)
        draft = folder / f".{INDEX}-{arrays}"
        with draft.open("w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, folder / INDEX)
        _clear(folder, keep=arrays)


def _clear(folder: Path, keep: str) -> None:
    """Remove the arrays of baselines before; parts of other runs are left while those may still be at work."""
    for other in folder.iterdir():
        young = other.name.startswith(".") and time.time() - other.stat().st_mtime < _STALE
        if other.name in (keep, INDEX) or young:
            continue
        if other.is_dir():
            shutil.rmtree(other, ignore_errors=True)
        else:
            with suppress(OSError):
                other.unlink()
