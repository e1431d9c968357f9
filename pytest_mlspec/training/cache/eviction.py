"""How large the cache is, and which parts go first when it is too large."""

import os
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_mlspec.training.cache.parts import MANIFEST, discard

__all__ = ["Weight", "make_room", "weigh", "weigh_key", "weight"]

_UNUSED = 7 * 86_400.0
"""Seconds after which the lock of a key may go: it is empty, and made again where it is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """A part, its size in bytes and its time in nanoseconds, both from its name."""

    path: Path
    size: int
    stamp: int


def weigh(root: Path) -> list[Weight]:
    """All parts of the cache; nothing but names is read."""
    keys = [key for shelf in ("fits", "outputs") for key in _folders(root / shelf)]
    return [part for key in keys for part in weigh_key(key)]


def weigh_key(folder: Path) -> list[Weight]:
    """All parts of one key."""
    return [weight(part) for part in _folders(folder)]


def weight(part: Path) -> Weight:
    """What the name of a part says; a part of another name weighs what its files do."""
    size, _, rest = part.name.partition("-")
    stamp = rest.partition("-")[0]
    if size.isdecimal() and stamp.isdecimal():
        return Weight(path=part, size=int(size), stamp=int(stamp))
    return Weight(path=part, size=sum(file.stat().st_size for file in part.glob("*")), stamp=0)


def make_room(root: Path, max_bytes: int, spared: Collection[Path]) -> None:
    """Remove the parts of the keys that were used longest ago until all together keep to the cap.

    Args:
        root: the folder of the cache.
        max_bytes: the cap.
        spared: parts that this process has written or read; their keys stay.
    """
    parts = weigh(root)
    excess = sum(part.size for part in parts) - max_bytes
    if excess <= 0:
        return
    for part in _in_order(parts, spared):
        discard(root, part.path)
        excess -= part.size
        if excess <= 0:
            break
    for lock in (root / "locks").glob("*.lock"):
        with suppress(OSError):
            if time.time() - lock.stat().st_mtime > _UNUSED:
                lock.unlink()


def _in_order(parts: Iterable[Weight], spared: Collection[Path]) -> list[Weight]:
    """The parts that may go: of a key the earlier ones first, so that no member outlives the one that replaced it."""
    keys: dict[Path, list[Weight]] = {}
    for part in parts:
        keys.setdefault(part.path.parent, []).append(part)
    free = [sorted(found, key=_stamp) for found in keys.values() if all(part.path not in spared for part in found)]
    return [part for found in sorted(free, key=lambda found: max(map(_last_used, found))) for part in found]


def _stamp(part: Weight) -> int:
    return part.stamp


def _last_used(part: Weight) -> float:
    try:
        return (part.path / MANIFEST).stat().st_mtime
    except OSError:  # half gone: the first to go
        return 0.0


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as found:
            return [Path(entry.path) for entry in found if entry.is_dir(follow_symlinks=False)]
    except OSError:  # removed meanwhile, or never made
        return []
