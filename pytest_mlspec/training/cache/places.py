"""Where a module or a file comes from: the standard library, an installed package, or the project itself."""

import importlib.machinery
import site
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeAlias

__all__ = ["Place", "file_place", "place_of"]

Place: TypeAlias = Literal["own", "installed", "stdlib", "nowhere", "mlspec"]
_INSTALLED = {"site-packages", "dist-packages"}
_OURS = str(Path(__file__).parents[2])


def file_place(path: str) -> Place:
    """Tell to whom a file belongs; what is installed in editable form from elsewhere is the project's own.

    Args:
        path: an absolute path; ``<string>`` and the like are nowhere.
    """
    if not path or path.startswith("<"):
        return "nowhere"
    if _below(path, _OURS):
        return "mlspec"
    if not _INSTALLED.isdisjoint(Path(path).parts) or any(_below(path, root) for root in _installed_roots()):
        return "installed"
    return "stdlib" if any(_below(path, root) for root in _stdlib_roots()) else "own"


def place_of(name: str) -> tuple[Place, Path | None]:
    """Find a module by its dotted name, without importing it.

    Returns:
        To whom it belongs, and its file; None for packages without ``__init__.py`` and for modules without a file.
    """
    loaded = sys.modules.get(name)
    file = getattr(loaded, "__file__", None)
    if loaded is None or (file is None and not hasattr(loaded, "__path__")):
        if "." not in name and name in sys.stdlib_module_names:
            return "stdlib", None
        spec = _spec(name)
        if spec is None:
            return "nowhere", None
        file = spec.origin if spec.has_location else None
        roots = list(spec.submodule_search_locations or ())
    else:
        roots = [] if file is not None else list(loaded.__path__)
    if file is not None:
        return file_place(file), Path(file)
    return (file_place(str(roots[0])) if roots else "nowhere"), None


def _spec(name: str) -> importlib.machinery.ModuleSpec | None:
    parent, _, _ = name.rpartition(".")
    path = None
    if parent:
        path = _search_locations(parent)
        if not path:
            return None
    for finder in sys.meta_path:
        if type(finder).__module__.partition(".")[0] == "_pytest":
            continue
        try:
            spec = finder.find_spec(name, path)
        except Exception:  # a finder of someone else's that breaks on a name does not know it
            continue
        if spec is not None:
            return spec
    return None


def _search_locations(package: str) -> list[str]:
    loaded = sys.modules.get(package)
    if loaded is not None:
        return list(getattr(loaded, "__path__", ()))
    spec = _spec(package)
    return [] if spec is None else list(spec.submodule_search_locations or ())


def _below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/\\") + ("\\" if "\\" in root else "/"))


@lru_cache(maxsize=1)
def _installed_roots() -> tuple[str, ...]:
    paths = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    return tuple({*filter(None, paths), *site.getsitepackages(), site.getusersitepackages()})


@lru_cache(maxsize=1)
def _stdlib_roots() -> tuple[str, ...]:
    paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]
    return tuple({*filter(None, paths), str(Path(sys.base_prefix) / "lib" / "python-zip")})
