"""What the fits of a run have read and filled so far: a later fit may build on it without reading anything itself."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pytest_mlspec.training.cache.code import Token
from pytest_mlspec.training.cache.watching import Seen

__all__ = ["Earlier"]

_MOST_NAMED = 3


@dataclass(slots=True, kw_only=True)
class Earlier:
    """Keeps the inputs of all watched fits of this process.

    A module that the first fit imports, a result that `functools.cache` keeps and a global that is filled on first use
    are read once in a process. Every later fit depends on the same files.

    Attributes:
        files: as in `Seen`.
        folders: as in `Seen`.
        same_as: (part of a name, its digest) -> its digest before a watched fit filled it.
    """

    files: dict[str, str] = field(default_factory=dict)
    folders: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    same_as: dict[tuple[str, str], str] = field(default_factory=dict)

    def joined(self, seen: Seen) -> Seen:
        """What one fit was seen to read, with what the fits before it have read."""
        self.files.update(seen.files)
        self.folders.update(seen.folders)
        return replace(seen, files=dict(self.files), folders=dict(self.folders))

    def changed(self, before: Token, after: Token) -> str:
        """What a fit has changed and must not, in words; what it may fill counts from now on as it was before."""
        names = [
            name
            for name in sorted(before.parts.keys() | after.parts.keys())
            if before.parts.get(name, "") != after.parts.get(name, "")
        ]
        wrong = [name for name in names if not _may_change(name, before, after)]
        if wrong:
            more = f" and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
            return f"what it refers to changed while it trained ({', '.join(wrong[:_MOST_NAMED])}{more})"
        for name in names:
            self.same_as[name, after.parts[name]] = before.parts.get(name, "")
        return ""

    def as_before(self) -> Callable[[str, str], str]:
        """Gives for a part and its digest the one that it had before watched fits filled it."""

        def find(name: str, digest: str) -> str:
            while (name, digest) in self.same_as:
                digest = self.same_as[name, digest]
            return digest

        return find


def _may_change(name: str, before: Token, after: Token) -> bool:
    """Results that are kept on first use may come, and so may modules that were not loaded."""
    if name not in after.parts:
        return False
    kind, _, rest = name.partition(" ")
    if kind == "file":
        return name not in before.parts
    return name in after.moving or (kind == "value" and rest.partition(": ")[0] not in before.loaded)
