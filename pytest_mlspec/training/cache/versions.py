"""Versions of Python, of the packages that a fit uses and of what they require, and the machine's kind."""

import hashlib
import os
import platform
import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from pytest_mlspec.training.cache.places import file_place

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


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Versions of the distributions of these packages and of all that they require, directly or not, by name.

    NumPy always counts. A package of no known distribution counts by the content of its folder's Python files.

    Args:
        packages: top-level names, such as ``sklearn``.

    Example:
        >>> sorted(versions_of(["sklearn"]))[-3:]
        ['scikit-learn', 'scipy', 'threadpoolctl']
    """
    found: dict[str, str] = {}
    waiting: list[str] = []
    for package in {*packages, "numpy"}:
        names = _distributions(package)
        waiting.extend(names)
        if not names:
            found[f"package {package}"] = _content_of_package(package)
    while waiting:
        name = waiting.pop()
        if name not in found and (version := version_of(name)) is not None:
            found[name] = version
            waiting.extend(_required(name, version))
    return found


def version_of(distribution: str) -> str | None:
    """The version of an installed distribution; None where it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def machine() -> dict[str, str]:
    """What the same code may give other numbers on: the interpreter and the kind of machine."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": f"{sys.platform} {platform.machine()}",
        "pytest-mlspec": own_version(),
    }


@lru_cache(maxsize=1)
def own_version() -> str:
    """The version of this package; with a hash of its files where they are worked on and not installed."""
    folder = Path(__file__).parents[2]
    version = version_of("pytest-mlspec") or "0"
    if not {"site-packages", "dist-packages"}.isdisjoint(folder.parts):
        return version
    return f"{version} {_content_of(folder)}"


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


@lru_cache(maxsize=1024)
def _required(name: str, version: str) -> tuple[str, ...]:
    """What a distribution requires on this machine, without its extras."""
    from packaging.requirements import InvalidRequirement, Requirement

    found = []
    for text in metadata.requires(name) or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.append(requirement.name)
    return tuple(found)
