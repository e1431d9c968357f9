"""The cache on disk: members and predictions that outlive a run, whole or not at all."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np

from pytest_mlspec.training.cache.arrays import npy_pieces, read_npy, why_no_array
from pytest_mlspec.training.cache.entries import Entry, Listed, lay_out, listed, read_packed
from pytest_mlspec.training.cache.eviction import weight
from pytest_mlspec.training.cache.members import NotKept, pack_surely, unpack
from pytest_mlspec.training.cache.parts import locked, read_file
from pytest_mlspec.training.cache.private import make_folder
from pytest_mlspec.training.cache.shelves import UNREADABLE, Part, Shelves, check_key, in_words

__all__ = ["Kept", "Store"]

Still: TypeAlias = Callable[[Mapping[str, object]], bool]
"""Whether the facts that were put down beside a member still hold."""

_FITS, _OUTPUTS, _LOCKS = "fits", "outputs", "locks"
_SETTLED_WHOLE = 2 << 30
"""Bytes up to which the members of a key are put together in memory; larger ones stay as they were written."""
_MOST_ROUNDS = 1000
"""Each round but the last finds one more part damaged or gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A member that was found: the seconds of its fit, what was put down beside it, where its tensors had been."""

    member: object
    seconds: float
    facts: Mapping[str, object]
    device: str = "cpu"


class Store:
    """A cache folder that several processes may use at once.

    Whatever is read has been checked against its digest, and nothing is unpickled that somebody else could have
    written. Damage of any kind is a miss: the damaged part is removed, and the caller trains again.

    Args:
        folder: the folder, made at the first write.
        max_bytes: the largest size of all parts together; beyond it the least recently used go first, but never what
            this store has written or read.

    Raises:
        ValueError: `max_bytes` is not positive.

    Attributes:
        folder: the folder, with links followed.
        max_bytes: the cap.

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
        self._shelves = Shelves(self.folder, max_bytes)

    @property
    def notes(self) -> Sequence[str]:
        """What went wrong while reading, one line each, for a report: damage, strangers, members that do not load."""
        return tuple(self._shelves.notes)

    @property
    def problem(self) -> str:
        """Why the folder cannot be used: of another user, writable by others, no folder, read-only; "" if it can."""
        unsafe = self._shelves.unsafe()
        if unsafe:
            return unsafe
        place = next(path for path in (self.folder, *self.folder.parents) if path.exists())
        if not place.is_dir():
            return f"{place} is not a folder"
        return "" if os.access(place, os.W_OK | os.X_OK) else f"{place} is read-only"

    def members(self, key: str, seeds: Sequence[int], still: Still) -> dict[int, Kept]:
        """Find members.

        Args:
            key: of the ensemble.
            seeds: the seeds that are wanted.
            still: whether the facts that were put down beside a member still hold; where not, it is a miss.

        Returns:
            The members that were found and are sound, by seed; each call gives new ones.
        """
        asked, unusable = _asked_once(still), set[Path]()
        for _ in range(_MOST_ROUNDS):  # another process may just be putting the parts of this key together
            found = self._shelves.parts(_FITS, key, without=unusable)
            loaded = self._load(_newest(self._listed(found), set(seeds), asked))
            if not isinstance(loaded, Path):
                return {seed: loaded[seed] for seed in seeds if seed in loaded}
            unusable.add(loaded)
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
        entries, reason, stamp = [], "", self._shelves.next_stamp(_FITS, key)
        for seed, (member, seconds, facts) in fits.items():
            plain = json.loads(json.dumps(facts))
            try:
                packed = pack_surely(member)
            except NotKept as error:
                reason = reason or f"seed {seed}: {error}"
                continue
            entries.append(Entry(seed=int(seed), seconds=float(seconds), facts=plain, stamp=stamp, packed=packed))
        if entries:
            reason = self._shelves.write((_FITS, key), stamp, *lay_out(entries)) or reason
        return reason

    def settle(self, key: str) -> None:
        """Put all members of a key into one part, which loads fastest; older members of the same seeds go."""
        found = self._shelves.parts(_FITS, key)
        if len(found) < 2 or sum(weight(part.path).size for part in found) > _SETTLED_WHOLE:
            return
        entries = []
        for part, wanted in _newest(self._listed(found), None, lambda facts: True):
            try:
                packed = read_packed(part.path, part.body, wanted)
            except UNREADABLE as error:
                self._shelves.missed(part.path, error)
                return
            entries += [
                Entry(seed=one.seed, seconds=one.seconds, facts=one.facts, stamp=one.stamp, packed=member)
                for one, member in zip(wanted, packed, strict=True)
            ]
        if entries:
            entries.sort(key=lambda entry: entry.seed)
            latest = max(entry.stamp for entry in entries)
            self._shelves.write((_FITS, key), latest, *lay_out(entries), replaces=found)

    def outputs(self, key: str) -> dict[str, np.ndarray] | None:
        """Find the arrays that were stored under a key; None where there are none that are sound."""
        unusable: set[Path] = set()
        for _ in range(_MOST_ROUNDS):
            found = self._shelves.parts(_OUTPUTS, key, without=unusable)
            if not found:
                return None
            part = max(found, key=lambda part: weight(part.path).stamp)
            try:
                names = cast("dict[str, str]", part.body["arrays"])
                arrays = {name: read_npy(read_file(part.path, part.body, file)) for name, file in names.items()}
            except UNREADABLE as error:
                self._shelves.missed(part.path, error)
                unusable.add(part.path)
                continue
            self._shelves.used(part.path)
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
        problems = (why_no_array(name, values) for name, values in arrays.items())
        problem = next(filter(None, problems), "")
        if problem:
            return problem
        before, stamp = self._shelves.parts(_OUTPUTS, key), self._shelves.next_stamp(_OUTPUTS, key)
        files = {f"{number}.npy": npy_pieces(values) for number, values in enumerate(arrays.values())}
        body = {"arrays": dict(zip(arrays, files, strict=True))}
        return self._shelves.write((_OUTPUTS, key), stamp, body, files, replaces=before)

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Let one process at a time train the ensemble of a key; a process that dies gives the lock back.

        Raises:
            OSError: the folder cannot be used.
        """
        with locked(make_folder(self.folder, _LOCKS) / f"{check_key(key)}.lock"):
            yield

    def _listed(self, found: Sequence[Part]) -> list[tuple[Part, Listed]]:
        """The members that the parts list."""
        pairs = []
        for part in found:
            try:
                pairs += [(part, one) for one in listed(part.body)]
            except UNREADABLE as error:
                self._shelves.missed(part.path, error)
        return pairs

    def _load(self, chosen: Sequence[tuple[Part, list[Listed]]]) -> dict[int, Kept] | Path:
        """The chosen members, or the part that turned out to be damaged, so that the choice is to be made again."""
        loaded: dict[int, Kept] = {}
        for part, wanted in chosen:
            try:
                packed = read_packed(part.path, part.body, wanted)
            except UNREADABLE as error:
                self._shelves.missed(part.path, error)
                return part.path
            self._shelves.used(part.path)
            for one, raw in zip(wanted, packed, strict=True):
                try:
                    member = unpack(raw)
                except Exception as error:  # unpickling runs the member's own code
                    self._shelves.note(f"the stored member of seed {one.seed} cannot be loaded ({in_words(error)})")
                    continue
                loaded[one.seed] = Kept(member=member, seconds=one.seconds, facts=one.facts, device=one.device)
        return loaded


def _newest(
    candidates: Sequence[tuple[Part, Listed]], seeds: set[int] | None, still: Still
) -> list[tuple[Part, list[Listed]]]:
    """For each seed its latest member whose facts still hold, part by part."""
    chosen: dict[int, tuple[Part, Listed]] = {}
    for part, one in sorted(candidates, key=lambda pair: pair[1].stamp, reverse=True):
        if one.seed not in chosen and (seeds is None or one.seed in seeds) and still(one.facts):
            chosen[one.seed] = (part, one)
    by_part: dict[Path, tuple[Part, list[Listed]]] = {}
    for part, one in chosen.values():
        by_part.setdefault(part.path, (part, []))[1].append(one)
    return list(by_part.values())


def _asked_once(still: Still) -> Still:
    """The members of an ensemble mostly share their facts, and to check them may mean to read files."""
    answers: dict[str, bool] = {}

    def ask(facts: Mapping[str, object]) -> bool:
        text = json.dumps(facts, sort_keys=True)
        if text not in answers:
            answers[text] = still(facts)
        return answers[text]

    return ask
