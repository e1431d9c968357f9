"""The folder of a cache as shelves of parts, by key: what is sound is found, what is damaged goes, the size keeps."""

import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pytest_mlspec.training.cache.eviction import make_room, weigh_key, weight
from pytest_mlspec.training.cache.parts import (
    Damaged,
    discard,
    draft_folder,
    publish,
    read_manifest,
    touch,
    write_draft,
)
from pytest_mlspec.training.cache.private import check_folder, make_private

__all__ = ["UNREADABLE", "Part", "Shelves", "check_key"]

UNREADABLE = (Damaged, OSError, ValueError, KeyError, TypeError)
"""What reading a part raises when it is damaged, gone, or could not be opened."""
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# A cache of pytest-mlspec: it may be removed at any time.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part whose manifest is sound, and what that says."""

    path: Path
    body: dict[str, object]


class Shelves:
    """Finds, writes and removes the parts of a cache.

    Attributes:
        root: the folder of the cache.
        notes: what went wrong on the way, one line each.
    """

    def __init__(self, root: Path, max_bytes: int) -> None:
        self.root = root
        self.notes: list[str] = []
        self._max_bytes = max_bytes
        self._in_use: set[Path] = set()

    def unsafe(self) -> str:
        """Why nothing may be read from the folder; "" also where there is none yet."""
        try:
            check_folder(self.root)
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            return str(error)
        return ""

    def parts(self, shelf: str, key: str, *, without: Collection[Path] = ()) -> list[Part]:
        """The parts of a key that vouch for themselves; those that are damaged are removed."""
        folder = self.root / shelf / check_key(key)
        if self.unsafe():
            return []
        try:
            check_folder(folder.parent)
            check_folder(folder)
            paths = sorted(path for path in folder.iterdir() if path.is_dir() and path not in without)
        except FileNotFoundError:
            return []
        except OSError as error:
            self.missed(folder, error)
            return []
        found = []
        for path in paths:
            try:
                found.append(Part(path=path, body=read_manifest(path)))
            except UNREADABLE as error:
                self.missed(path, error)
        return found

    def next_stamp(self, shelf: str, key: str) -> int:
        """A time in nanoseconds, later than those of all parts of a key: clocks may be set back."""
        stamps = (part.stamp + 1 for part in weigh_key(self.root / shelf / check_key(key)))
        return max([time.time_ns(), *stamps])

    def write(
        self,
        shelf: tuple[str, str],
        stamp: int,
        body: Mapping[str, object],
        files: Mapping[str, Sequence[np.ndarray]],
        *,
        replaces: Sequence[Part] = (),
    ) -> str:
        """Write one part, then remove those that it takes the place of; give "" or why it could not be written."""
        check_key(shelf[1])
        size = sum(len(piece) for pieces in files.values() for piece in pieces)
        replaced = {part.path for part in replaces}
        try:
            self._prepare()
            reason = self._too_large(size, replaced)
            if reason:
                return reason
            with draft_folder(self.root) as draft:
                write_draft(draft, body, files)
                size = sum(file.stat().st_size for file in draft.iterdir())
                path = publish(draft, self.root, *shelf, label=f"{size}-{stamp}")
            self._in_use.add(path)
            for old in replaced:
                self._remove(old)
            make_room(self.root, self._max_bytes, self._in_use)
        except OSError as error:
            return in_words(error)
        return ""

    def used(self, path: Path) -> None:
        """Put down that a part has been read: it is not the next to go, and stays for the rest of this run."""
        touch(path)
        self._in_use.add(path)

    def missed(self, path: Path, error: Exception) -> None:
        """Put a miss down, and remove what is damaged; what could not be opened just now stays."""
        if not path.exists():
            return  # another process has removed it
        self.note(in_words(error))
        if not isinstance(error, OSError):
            self._remove(path)

    def note(self, text: str) -> None:
        """Put down what went wrong, once."""
        if text not in self.notes:
            self.notes.append(text)

    def _too_large(self, size: int, replaced: set[Path]) -> str:
        if size > self._max_bytes:
            return f"it takes {size:,} bytes, more than the whole cache may ({self._max_bytes:,})"
        kept = {path for path in self._in_use - replaced if path.exists()}
        if size + sum(weight(path).size for path in kept) > self._max_bytes:
            return f"it takes {size:,} bytes, and what this run uses fills the cache already ({self._max_bytes:,})"
        return ""

    def _prepare(self) -> None:
        make_private(self.root)
        for name, text in ((".gitignore", "*\n"), ("CACHEDIR.TAG", _TAG)):
            path = self.root / name
            if not path.exists() or path.read_text(encoding="utf-8") != text:  # half-written by a process that died
                path.write_text(text, encoding="utf-8")

    def _remove(self, path: Path) -> None:
        try:
            discard(self.root, path)
        except OSError as error:
            self.note(in_words(error))


def check_key(key: str) -> str:
    """Give a key back that can be the name of a folder.

    Raises:
        ValueError: it cannot.
    """
    if not _KEY.fullmatch(key):
        raise ValueError(f"key={key!r}: expected letters, digits, '_', '-' or '.', at most 128, not starting with '.'")
    return key


def in_words(error: BaseException) -> str:
    """What went wrong, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split()).strip(": ")[:300]
