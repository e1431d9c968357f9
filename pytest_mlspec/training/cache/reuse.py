"""The fits of one ensemble between this run and earlier ones: looked up seed by seed, stored as they finish."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlspec.training.cache.earlier import Earlier
from pytest_mlspec.training.cache.recall import Recall
from pytest_mlspec.training.cache.store import Store
from pytest_mlspec.training.cache.watching import Seen, file_digest, folder_digest
from pytest_mlspec.training.fitting import Fitted
from pytest_mlspec.training.identity import learned_state

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset

__all__ = ["FitCache"]

_LONG = 1.0
"""Seconds of training after which members are stored although others are still to come."""


@dataclass(slots=True, kw_only=True)
class FitCache:
    """What an ensemble takes from the cache and gives to it.

    Args:
        store: the cache on disk.
        key: of the ensemble.
        root: paths inside it are put down relative to it, so that a project may be moved.
        may_read: datasets that a fit can reach; which of them it read is kept with it.
        declared: all inputs that cannot be seen were named, so that a process or a connection is no reason.
        retrain: look nothing up.
        changed: says after fits what they have changed of what they refer to, in words; "" where nothing.
        earlier: what the fits of this run have read, which later ones may build on.

    Attributes:
        reused: seeds that were found.
        trained: seeds that were not, with the seconds of their fits.
        reasons: why trained members were not kept.
    """

    store: Store
    key: str
    root: Path
    may_read: "Sequence[Dataset]"
    declared: bool
    retrain: bool
    changed: Callable[[], str]
    earlier: Earlier = field(default_factory=Earlier)
    reused: list[int] = field(default_factory=list)
    trained: dict[int, float] = field(default_factory=dict)
    reasons: set[str] = field(default_factory=set)
    _waiting: dict[int, tuple[object, float, dict[str, object]]] = field(default_factory=dict)
    _stored: bool = False
    _rows: dict[str, list[str]] = field(default_factory=dict)

    @property
    def watched(self) -> tuple[str, ...]:
        """The folders whose files are nobody's input: the cache itself."""
        return (str(self.store.folder) + os.sep,)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from training the same ensemble in this block; they find it here afterwards."""
        try:
            lock = self.store.lock(self.key)
            lock.__enter__()
        except OSError as error:
            self.reasons.add(f"the cache cannot be used ({error})")
            yield
            return
        try:
            yield
        finally:
            lock.__exit__(None, None, None)

    def find(self, seeds: Sequence[int]) -> dict[int, Fitted]:
        """The members of these seeds that are kept and whose files are still as they were."""
        if self.retrain:
            return {}
        found = self.store.members(self.key, seeds, self._still)
        new = [seed for seed in seeds if seed in found and seed not in self.trained]
        self.reused = list(dict.fromkeys([*self.reused, *new]))
        return {
            seed: Fitted(
                member=kept.member,
                seconds=kept.seconds,
                read=self._rows_read(kept.facts),
                learned=_text(kept.facts.get("learned")),
            )
            for seed, kept in found.items()
        }

    def keep(self, seed: int, fitted: Fitted) -> None:
        """Take a member that was just trained, before anybody can change it."""
        self.trained[seed] = fitted.seconds
        seen = self.earlier.joined(fitted.seen or Seen(files={}, folders={}))
        if seen.reasons and not self.declared:
            self.reasons.update(seen.reasons)
            return
        self._waiting[seed] = (fitted.member, fitted.seconds, self._facts(fitted, seen))
        if sum(seconds for _, seconds, _ in self._waiting.values()) > _LONG:
            self._store()

    def done(self) -> Recall | None:
        """Store what is left; what asks later for predictions of these members finds kept ones."""
        self._store()
        if self._stored:
            self.store.settle(self.key)
        if self.reasons:
            return None
        return Recall(folder=str(self.store.folder), max_bytes=self.store.max_bytes, key=self.key)

    def _store(self) -> None:
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        if (what := self.changed()) and not self.declared:
            self.reasons.add(what)
            return
        try:
            problem = self.store.keep(self.key, waiting)
        except Exception as error:  # the members were trained, and the run goes on with them
            problem = f"{type(error).__name__}: {error}"
        if problem:
            self.reasons.add(problem)
        self._stored = True

    def _facts(self, fitted: Fitted, seen: Seen) -> dict[str, object]:
        from pytest_mlspec.data.reading import rows_key

        return {
            "files": {self._place(path): digest for path, digest in seen.files.items()},
            "folders": {self._place(path): [digest, list(own)] for path, (digest, own) in seen.folders.items()},
            "learned": learned_state(fitted.member),
            "read": sorted({data.fingerprint for data in self.may_read if rows_key(data) in fitted.read}),
        }

    def _rows_read(self, facts: Mapping[str, object]) -> frozenset[str]:
        from pytest_mlspec.data.reading import rows_key

        read = facts.get("read", ())
        assert isinstance(read, list | tuple)
        if read and not self._rows:
            for data in self.may_read:
                self._rows.setdefault(data.fingerprint, []).append(rows_key(data))
        return frozenset(key for fingerprint in read for key in self._rows.get(str(fingerprint), ()))

    def _still(self, facts: Mapping[str, object]) -> bool:
        files, folders = facts.get("files"), facts.get("folders")
        if not isinstance(files, Mapping) or not isinstance(folders, Mapping):
            return False
        # Outside the root, as it was put down; inside, relative to it.
        same = all((file_digest(str(self.root / path)) or "") == digest for path, digest in files.items())
        return same and all(
            folder_digest(str(self.root / path), own) == digest for path, (digest, own) in folders.items()
        )

    def _place(self, path: str) -> str:
        root = str(self.root) + os.sep
        return path[len(root) :] if path.startswith(root) else path


def _text(fact: object) -> str | None:
    return fact if isinstance(fact, str) else None
