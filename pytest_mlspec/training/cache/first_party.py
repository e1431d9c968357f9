"""The project's own modules that a file imports, directly or not: found without importing anything."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pytest_mlspec.training.cache.places import place_of
from pytest_mlspec.training.cache.source import Source, Sources

__all__ = ["Closure", "closure_of"]

_TOOLS = frozenset({"pytest", "_pytest", "pytest_mlspec", "hypothesis"})
"""Packages that run a fit or judge its result and take no part in it; our own files are counted apart."""


@dataclass(slots=True, kw_only=True)
class Closure:
    """What a set of files imports, directly or not."""

    files: dict[Path, str] = field(default_factory=dict)
    """Own files with a hash of their whole content; the files that it started from are not among them."""
    packages: set[str] = field(default_factory=set)
    """Top-level names of installed packages."""
    reasons: set[str] = field(default_factory=set)
    """Why not all inputs can be seen."""


def closure_of(home: Path | None, others: Iterable[Path], sources: Sources) -> Closure:
    """Follow every import statement of ``home`` and ``others``, wherever it stands, through the project's own files.

    Relative imports, imports inside functions and branches, ``from package import module`` and stars count; installed
    packages and the standard library are not followed.

    Args:
        home: a file whose own content does not count here, only what it imports.
        others: files that count whole.
        sources: reads and keeps what files import.
    """
    found = Closure()
    waiting = [(path, False) for path in others]
    if home is not None:
        waiting.append((home, True))
    while waiting:
        path, only_imports = waiting.pop()
        if not only_imports and path in found.files:
            continue
        source = sources.read(path)
        if source is None:
            found.reasons.add(f"the source of {path.name} cannot be read")
            continue
        if not only_imports:
            _take(path, source, found)
        for imported in _imported_files(path, source, found):
            if imported not in found.files and not (only_imports and imported == home):
                waiting.append((imported, False))
    return found


def _take(path: Path, source: Source, found: Closure) -> None:
    found.files[path] = source.digest
    if source.dynamic:
        found.reasons.add(f"{path.name} imports or runs code by name ({source.dynamic})")
    found.reasons.update(f"{path.name} uses {name}, which opens files unseen" for name in source.blind)


def _imported_files(path: Path, source: Source, found: Closure) -> Iterator[Path]:
    for module, level, names in source.imports:
        if level:
            yield from _relative(path, module, level, names)
        else:
            yield from _absolute(module, names, found)


def _relative(path: Path, module: str, level: int, names: tuple[str, ...]) -> Iterator[Path]:
    folder = path.parent
    for _ in range(level - 1):
        folder = folder.parent
    yield from _file_at(folder / "__init__.py")
    for part in filter(None, module.split(".")):
        folder = folder / part
        yield from _module_at(folder)
    for name in names:
        yield from _module_at(folder / name)


def _module_at(stem: Path) -> Iterator[Path]:
    yield from _file_at(stem.with_name(stem.name + ".py"))
    yield from _file_at(stem / "__init__.py")
    if stem.parent.is_dir():
        for compiled in sorted(stem.parent.glob(f"{stem.name}.*")):
            if compiled.suffix in (".so", ".pyd"):
                yield compiled


def _file_at(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path


def _absolute(module: str, names: tuple[str, ...], found: Closure) -> Iterator[Path]:
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        path = _own_file(".".join(parts[:depth]), found)
        if path is not None:
            yield path
        elif depth == 1 and (parts[0] in found.packages or parts[0] in sys.stdlib_module_names):
            return
    for name in names:
        path = _own_file(f"{module}.{name}", found)
        if path is not None:
            yield path


def _own_file(name: str, found: Closure) -> Path | None:
    """The file of a module of the project; an installed package is put down by its name."""
    top = name.partition(".")[0]
    if top in _TOOLS or top in found.packages:
        return None
    place, path = place_of(name)
    if place == "installed":
        found.packages.add(top)
    return path if place == "own" else None
