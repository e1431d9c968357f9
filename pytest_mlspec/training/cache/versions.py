"""Versions of Python, of the packages that a fit uses and of what they require, and the machine's kind."""

import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from pytest_mlspec.training.cache.places import file_place
from pytest_mlspec.training.cache.source import Sources

__all__ = ["machine", "own_version", "versions_of"]

_KNOWN = {
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "cv2": "opencv-python",
    "yaml": "PyYAML",
    "skimage": "scikit-image",
    "dateutil": "python-dateutil",
    "attr": "attrs",
    "mpl_toolkits": "matplotlib",
    "dotenv": "python-dotenv",
    "umap": "umap-learn",
    "pytorch_lightning": "pytorch-lightning",
}
"""Distributions whose name is not that of their package; the others are found by it, or in a list that takes longer."""


_OF_AN_EXTRA = re.compile(r";\s*\(?extra\s*==|\band\s+\(?extra\s*==")
_OWN: list[str] = []
"""The version of the code that this process runs, whatever becomes of its files."""
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


def versions_of(packages: Iterable[str], sources: Sources | None = None) -> dict[str, str]:
    """Versions of the distributions of these packages and of all that they require, directly or not, by name.

    NumPy always counts. A package of no known distribution counts by the content of its folder's Python files.

    Args:
        packages: top-level names, such as ``sklearn``.
        sources: keeps what was found for as long as nothing is installed or removed.

    Example:
        >>> sorted(versions_of(["sklearn"]))[-3:]
        ['scikit-learn', 'scipy', 'threadpoolctl']
    """
    names = sorted({*packages, "numpy"})
    if sources is None:
        return _looked_up(names)
    state = f"{platform.python_version()} {_installed_state()}"
    found: dict[str, str] = json.loads(
        sources.remember(f"versions of {' '.join(names)}", state, lambda: json.dumps(_looked_up(names)))
    )
    return found


def _installed_state() -> list[tuple[str, int]]:
    """The folders of installed packages with the times of their last change: of every (un)installation."""
    folders = [path for path in dict.fromkeys(sys.path) if file_place(path) == "installed" and os.path.isdir(path)]
    return [(path, os.stat(path).st_mtime_ns) for path in folders]


def _looked_up(packages: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    waiting: list[str] = []
    for package in packages:
        names = _distributions(package)
        waiting.extend(names)
        if not names:
            found[f"package {package}"] = _content_of_package(package)
    while waiting:
        name = waiting.pop()
        if name not in found and (record := _record(name)) is not None:
            found[name], required = record
            waiting.extend(required)
    return found


def version_of(distribution: str) -> str | None:
    """The version of an installed distribution; None where it is not installed."""
    record = _record(distribution)
    return None if record is None else record[0]


def machine(sources: Sources) -> dict[str, str]:
    """What the same code may give other numbers on: the interpreter, the kind of machine and this package.

    Args:
        sources: keeps the hash of this package's files where they are worked on.
    """
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": f"{sys.platform} {platform.machine()}",
        "pytest-mlspec": own_version(sources),
    }


def own_version(sources: Sources) -> str:
    """The version of this package; with a hash of its files where they are worked on and not installed."""
    if not _OWN:
        _OWN.append(_own_version(sources))
    return _OWN[0]


def _own_version(sources: Sources) -> str:
    folder = Path(__file__).parents[2]
    version = version_of("pytest-mlspec") or "0"
    if not {"site-packages", "dist-packages"}.isdisjoint(folder.parts):
        return version
    return f"{version} {sources.remember(str(folder), _places_of(folder), lambda: _content_of(folder))}"


def _places_of(folder: Path) -> str:
    """Sizes and times of change of all Python files: much faster to take than their content."""
    digest = hashlib.blake2b(digest_size=16)
    waiting = [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                if entry.name.endswith(".py"):
                    found = entry.stat()
                    digest.update(f"{entry.path}:{found.st_size}:{found.st_mtime_ns};".encode())
                elif entry.name != "__pycache__" and entry.is_dir():
                    waiting.append(entry.path)
    return digest.hexdigest()


def _content_of(folder: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{os.path.relpath(path, folder)}:{path.stat().st_size};".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _content_of_package(package: str) -> str:
    from pytest_mlspec.training.cache.places import place_of

    _, path = place_of(package)
    if path is None or not path.is_file():
        return "unknown"
    if path.name == "__init__.py" and file_place(str(path)) == "installed":
        return _content_of(path.parent)
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def _distributions(package: str) -> list[str]:
    for name in (_KNOWN.get(package, package), package):
        if version_of(name) is not None:
            return [name]
    return sorted(set(_listed().get(package, [])))


@lru_cache(maxsize=1)
def _listed() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())


def _record(name: str) -> tuple[str, tuple[str, ...]] | None:
    """The version of a distribution and what it requires on this machine, without its extras.

    Read line by line: the parser of e-mails, which the standard library takes for it, is ten times slower.
    """
    try:
        distribution = metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):
        return None
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    lines = text.partition("\n\n")[0].splitlines()
    versions = [line.partition(":")[2].strip() for line in lines if line.startswith("Version:")]
    required = [line.partition(":")[2].strip() for line in lines if line.startswith("Requires-Dist:")]
    return (versions or ["unknown"])[0], tuple(filter(None, map(_required, required)))


@lru_cache(maxsize=4096)
def _required(text: str) -> str:
    """The name in a requirement that holds on this machine, else nothing."""
    if _OF_AN_EXTRA.search(text):
        return ""
    if ";" in text:
        from packaging.requirements import InvalidRequirement, Requirement

        try:
            marker = Requirement(text).marker
        except InvalidRequirement:
            return ""
        if marker is not None and not marker.evaluate({"extra": ""}):
            return ""
    found = _NAME.match(text)
    return found[0] if found else ""
