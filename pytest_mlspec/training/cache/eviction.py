"""How large the cache is, and which parts go first when it is too large."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pytest_mlspec.training.cache.parts import MANIFEST, discard

__all__ = ["Weighed", "make_room", "weigh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A part and its size in bytes, which its name begins with."""

    path: Path
    size: int


def weigh(root: Path) -> list[Weighed]:
    """All parts of the cache; nothing but names is read."""
    found = []
    for shelf in ("fits", "outputs"):
        for key in _folders(root / shelf):
            found += [Weighed(path=part, size=_size(part)) for part in _folders(key)]
    return found


def make_room(root: Path, max_bytes: int, spared: Collection[Path]) -> None:
    """Remove the parts that were used longest ago until all together keep to the cap.

    Args:
        root: the folder of the cache.
        max_bytes: the cap.
        spared: parts that this process has written or read, which stay.
    """
    parts = weigh(root)
    excess = sum(part.size for part in parts) - max_bytes
    if excess <= 0:
        return
    for part in sorted((part for part in parts if part.path not in spared), key=_last_used):
        discard(root, part.path)
        excess -= part.size
        if excess <= 0:
            return


def _last_used(part: Weighed) -> float:
    try:
        return (part.path / MANIFEST).stat().st_mtime
    except OSError:  # half gone: the first to go
        return 0.0


def _size(part: Path) -> int:
    size = part.name.partition("-")[0]
    return int(size) if size.isdecimal() else sum(file.stat().st_size for file in part.glob("*"))


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as found:
            return [Path(entry.path) for entry in found if entry.is_dir(follow_symlinks=False)]
    except OSError:  # removed meanwhile, or never made
        return []
