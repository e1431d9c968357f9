"""The cache on disk: members and predictions that outlive a run, whole or not at all."""

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from pytest_mlspec.training.cache.arrays import npy_pieces, read_npy, why_no_array
from pytest_mlspec.training.cache.entries import Entry, Listed, lay_out, listed, read_packed
from pytest_mlspec.training.cache.eviction import make_room, weigh, weigh_key, weight
from pytest_mlspec.training.cache.members import NotKept, pack_surely, unpack
from pytest_mlspec.training.cache.parts import (
    Damaged,
    discard,
    draft_folder,
    publish,
    read_file,
    read_manifest,
    touch,
    write_draft,
)
from pytest_mlspec.training.cache.private import check_folder, make_folder, make_private

__all__ = ["Kept", "Store"]

_FITS, _OUTPUTS, _LOCKS = "fits", "outputs", "locks"
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_SETTLED_WHOLE = 2 << 30
"""Bytes up to which the members of a key are put together in memory; larger ones stay as they were written."""
_MOST_ROUNDS = 1000
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# A cache of pytest-mlspec: it may be removed at any time.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A member that was found: the seconds of its fit, what was put down beside it, where its tensors had been."""

    member: object
    seconds: float
    facts: Mapping[str, object]
    device: str = "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    path: Path
    body: dict[str, object]
    entries: tuple[Listed, ...]


class Store:
    """A cache folder that several processes may use at once.

    Whatever is read has been checked against its digest, and nothing is unpickled that somebody else could have
    written. Damage of any kind is a miss: the damaged part is removed, and the caller trains again.

    Args:
        folder: the folder, made at the first write.
        max_bytes: the largest size of all parts together; beyond it the least recently used go first.

    Raises:
        ValueError: `max_bytes` is not positive.

    Attributes:
        notes: what went wrong on the way, one line each, for a report.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     store = Store(Path(folder, "cache"), 10**8)
        ...     store.keep("key", {0: ("a model", 1.5, {"read": []})})
        ...     store.members("key", [0, 1], still=lambda facts: True)
        ''
        {0: Kept(member='a model', seconds=1.5, facts={'read': []}, device='cpu')}
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        if max_bytes <= 0:
            raise ValueError(f"max_bytes={max_bytes}: expected a positive number of bytes")
        self.folder = folder.absolute().resolve()
        self.max_bytes = max_bytes
        self.notes: list[str] = []
        self._in_use: set[Path] = set()

    @property
    def problem(self) -> str:
        """Why the folder cannot be used: of another user, writable by others, no folder, read-only; "" if it can."""
        unsafe = self._unsafe()
        if unsafe:
            return unsafe
        place = next(path for path in (self.folder, *self.folder.parents) if path.exists())
        if not place.is_dir():
            return f"{place} is not a folder"
        return "" if os.access(place, os.W_OK | os.X_OK) else f"{place} is read-only"

    # ---- members -----------------------------------------------------------------------------------------------------

    def members(self, key: str, seeds: Sequence[int], still: Callable[[Mapping[str, object]], bool]) -> dict[int, Kept]:
        """Find members.

        Args:
            key: of the ensemble.
            seeds: the seeds that are wanted.
            still: whether the facts that were put down beside a member still hold; where not, it is a miss.

        Returns:
            The members that were found and are sound, by seed; each call gives new ones.
        """
        if self._unsafe():
            return {}
        asked, out_of_use = _asked_once(still), set[Path]()
        for _ in range(_MOST_ROUNDS):  # another process may just be putting the parts of this key together
            found = [part for part in self._manifests(_FITS, key) if part.path not in out_of_use]
            chosen = _newest(found, set(seeds), asked)
            loaded = self._load(found, chosen)
            if not isinstance(loaded, Path):
                return {seed: loaded[seed] for seed in seeds if seed in loaded}
            out_of_use.add(loaded)
        return {}

    def keep(self, key: str, fits: Mapping[int, tuple[object, float, Mapping[str, object]]]) -> str:
        """Store members; they stay as they are now, whatever happens to the objects later.

        Args:
            key: of the ensemble.
            fits: seed -> member, seconds of its fit, and facts: a mapping that JSON can hold.

        Returns:
            "" when all were stored, else why one was not.

        Raises:
            TypeError: facts that JSON cannot hold.
        """
        entries, reason, stamp = [], "", self._stamp(_FITS, key)
        for seed, (member, seconds, facts) in fits.items():
            facts = json.loads(json.dumps(facts))
            try:
                packed = pack_surely(member)
            except NotKept as error:
                reason = reason or f"seed {seed}: {error}"
                continue
            entries.append(Entry(seed=int(seed), seconds=float(seconds), facts=facts, stamp=stamp, packed=packed))
        if entries:
            reason = self._write((_FITS, key), stamp, *lay_out(entries)) or reason
        return reason

    def settle(self, key: str) -> None:
        """Put all members of a key into one part, which loads fastest; older members of the same seeds go."""
        if self._unsafe():
            return
        found = self._manifests(_FITS, key)
        if len(found) < 2 or sum(weight(part.path).size for part in found) > _SETTLED_WHOLE:
            return
        chosen = _newest(found, None, lambda facts: True)
        entries = []
        for index, part in enumerate(found):
            wanted = [one for where, one in chosen.values() if where == index]
            if not wanted:
                continue
            try:
                packed = read_packed(part.path, part.body, wanted)
            except (Damaged, OSError, ValueError, KeyError) as error:
                self._missed(part.path, error)
                return
            entries += [
                Entry(seed=one.seed, seconds=one.seconds, facts=one.facts, stamp=one.stamp, packed=member)
                for one, member in zip(wanted, packed, strict=True)
            ]
        stamp = max(entry.stamp for entry in entries)
        if self._write((_FITS, key), stamp, *lay_out(sorted(entries, key=lambda entry: entry.seed))) == "":
            for part in found:
                self._remove(part.path)

    # ---- predictions -------------------------------------------------------------------------------------------------

    def outputs(self, key: str) -> dict[str, np.ndarray] | None:
        """Find the arrays that were stored under a key; None where there are none that are sound."""
        if self._unsafe():
            return None
        out_of_use: set[Path] = set()
        for _ in range(_MOST_ROUNDS):
            found = [part for part in self._manifests(_OUTPUTS, key) if part.path not in out_of_use]
            if not found:
                return None
            latest = max(found, key=lambda part: weight(part.path).stamp)
            path, body = latest.path, latest.body
            try:
                names = cast("dict[str, str]", body["arrays"])
                arrays = {name: read_npy(read_file(path, body, file)) for name, file in names.items()}
            except (Damaged, OSError, ValueError, KeyError) as error:
                self._missed(path, error)
                out_of_use.add(path)
                continue
            self._used(path)
            return arrays
        return None

    def keep_outputs(self, key: str, arrays: Mapping[str, np.ndarray]) -> str:
        """Store arrays under a key, in the place of what was there.

        Args:
            key: of these predictions.
            arrays: plain NumPy arrays of any shape and of any dtype but objects, by name.

        Returns:
            "" when they were stored, else why not.
        """
        for name, values in arrays.items():
            problem = why_no_array(name, values)
            if problem:
                return problem
        before = self._manifests(_OUTPUTS, key) if not self._unsafe() else []
        files = {f"{number}.npy": npy_pieces(values) for number, values in enumerate(arrays.values())}
        named = dict(zip(arrays, files, strict=True))
        reason = self._write((_OUTPUTS, key), self._stamp(_OUTPUTS, key), {"arrays": named}, files)
        if not reason:
            for part in before:
                self._remove(part.path)
        return reason

    # ---- between processes -------------------------------------------------------------------------------------------

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Let one process at a time train the ensemble of a key; a process that dies gives the lock back.

        Raises:
            OSError: the folder cannot be used.
        """
        from filelock import FileLock

        _check_key(key)
        with FileLock(make_folder(self.folder, _LOCKS) / f"{key}.lock"):
            yield

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _unsafe(self) -> str:
        """Why nothing may be read from the folder; "" also where there is none yet."""
        try:
            check_folder(self.folder)
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            return str(error)
        return ""

    def _manifests(self, shelf: str, key: str) -> list[_Found]:
        """The parts of a key that vouch for themselves; the others are removed."""
        _check_key(key)
        folder = self.folder / shelf / key
        try:
            check_folder(folder.parent)
            check_folder(folder)
            paths = sorted(path for path in folder.iterdir() if path.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            self._missed(folder, error)
            return []
        found = []
        for path in paths:
            try:
                body = read_manifest(path)
                entries = tuple(listed(body)) if shelf == _FITS else ()
            except (Damaged, OSError, TypeError, KeyError) as error:
                self._missed(path, error)
                continue
            found.append(_Found(path=path, body=body, entries=entries))
        return found

    def _stamp(self, shelf: str, key: str) -> int:
        """A time in nanoseconds, later than those of all parts of a key: clocks may be set back."""
        _check_key(key)
        return max([time.time_ns(), *(part.stamp + 1 for part in weigh_key(self.folder / shelf / key))])

    def _load(self, found: Sequence[_Found], chosen: Mapping[int, tuple[int, Listed]]) -> dict[int, Kept] | Path:
        """The chosen members, or the part that turned out to be damaged, so that the choice is to be made again."""
        loaded: dict[int, Kept] = {}
        for index, part in enumerate(found):
            wanted = [one for where, one in chosen.values() if where == index]
            if not wanted:
                continue
            try:
                packed = read_packed(part.path, part.body, wanted)
            except (Damaged, OSError, ValueError, KeyError) as error:
                self._missed(part.path, error)
                return part.path
            self._used(part.path)
            for one, raw in zip(wanted, packed, strict=True):
                try:
                    member = unpack(raw)
                except Exception as error:  # unpickling runs the member's own code
                    self._note(f"the stored member of seed {one.seed} cannot be loaded ({_in_words(error)})")
                    continue
                loaded[one.seed] = Kept(member=member, seconds=one.seconds, facts=one.facts, device=one.device)
        return loaded

    def _write(
        self,
        shelf: tuple[str, str],
        stamp: int,
        body: Mapping[str, object],
        files: Mapping[str, Sequence[np.ndarray]],
    ) -> str:
        """Write one part; give "" or why it could not be written."""
        _check_key(shelf[1])
        size = sum(len(piece) for pieces in files.values() for piece in pieces)
        try:
            self._prepare()
            reason = self._too_large(size)
            if reason:
                return reason
            with draft_folder(self.folder) as draft:
                write_draft(draft, body, files)
                size = sum(file.stat().st_size for file in draft.iterdir())
                path = publish(draft, self.folder, *shelf, label=f"{size}-{stamp}")
            self._in_use.add(path)
            make_room(self.folder, self.max_bytes, self._in_use)
        except OSError as error:
            return _in_words(error)
        return ""

    def _too_large(self, size: int) -> str:
        if size > self.max_bytes:
            return f"it takes {size:,} bytes, more than the whole cache may ({self.max_bytes:,})"
        taken = sum(part.size for part in weigh(self.folder) if part.path in self._in_use)
        if size + taken > self.max_bytes:
            return f"it takes {size:,} bytes, and what this run uses fills the cache already ({self.max_bytes:,})"
        return ""

    def _prepare(self) -> None:
        make_private(self.folder)
        for name, text in ((".gitignore", "*\n"), ("CACHEDIR.TAG", _TAG)):
            path = self.folder / name
            if not path.exists() or path.read_text(encoding="utf-8") != text:  # half-written by a process that died
                path.write_text(text, encoding="utf-8")

    def _used(self, path: Path) -> None:
        touch(path)
        self._in_use.add(path)

    def _missed(self, path: Path, error: Exception) -> None:
        """Put a miss down, and remove what is damaged; what could not be opened just now stays."""
        if not path.exists():
            return  # another process has removed it
        self._note(_in_words(error))
        if not isinstance(error, OSError):
            self._remove(path)

    def _remove(self, path: Path) -> None:
        try:
            discard(self.folder, path)
        except OSError as error:
            self._note(_in_words(error))

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _newest(
    found: Sequence[_Found], seeds: set[int] | None, still: Callable[[Mapping[str, object]], bool]
) -> dict[int, tuple[int, Listed]]:
    """For each seed the part and the entry of its latest member whose facts still hold."""
    candidates: Iterable[tuple[int, Listed]] = (
        (index, one) for index, part in enumerate(found) for one in part.entries if seeds is None or one.seed in seeds
    )
    chosen: dict[int, tuple[int, Listed]] = {}
    for index, one in sorted(candidates, key=lambda pair: pair[1].stamp, reverse=True):
        if one.seed not in chosen and still(one.facts):
            chosen[one.seed] = (index, one)
    return chosen


def _asked_once(still: Callable[[Mapping[str, object]], bool]) -> Callable[[Mapping[str, object]], bool]:
    """The members of an ensemble mostly share their facts, and to check them may mean to read files."""
    answers: dict[str, bool] = {}

    def ask(facts: Mapping[str, object]) -> bool:
        text = json.dumps(facts, sort_keys=True)
        if text not in answers:
            answers[text] = still(facts)
        return answers[text]

    return ask


def _check_key(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise ValueError(f"key={key!r}: expected letters, digits, '_', '-' or '.', at most 128, not starting with '.'")


def _in_words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip(": ")[:300]
