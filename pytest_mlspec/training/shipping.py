"""Training functions that travel to other processes, also from modules that cannot be imported there by name."""

import io
import site
import sys
import sysconfig
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from types import ModuleType

import cloudpickle

__all__ = ["dump_function", "dump_member", "load"]


def dump_function(function: Callable[[int], object]) -> tuple[bytes, tuple[str, ...]]:
    """Pickle a training function for a fresh process.

    conftest.py, test files and whatever else a fresh process cannot import by name travels by value.

    Returns:
        The bytes, and the names of the modules that travel by value.
    """
    with _by_value(_only_here()) as names:
        payload: bytes = cloudpickle.dumps(function)
        return payload, ("__main__", *names)


def dump_member(member: object, by_value: Collection[str]) -> bytes:
    """Pickle a trained member for the process that sent its training function.

    Classes of the modules in `by_value` go back by name: sent back by value they would overwrite the methods of
    the sender's own classes.
    """
    buffer = io.BytesIO()
    _returning(frozenset(by_value))(buffer).dump(member)
    return buffer.getvalue()


def load(data: bytes) -> object:
    """Unpickle what `dump_function` or `dump_member` made."""
    return cloudpickle.loads(data)


def _returning(by_value: frozenset[str]) -> Callable[[io.BytesIO], cloudpickle.Pickler]:
    class Returning(cloudpickle.Pickler):  # type: ignore[misc]  # pickle's own way to change how single objects are reduced
        def reducer_override(self, obj: object) -> object:
            if isinstance(obj, type) and obj.__module__ in by_value and "<locals>" not in obj.__qualname__:
                return _named, (obj.__module__, obj.__qualname__)
            return super().reducer_override(obj)

    return Returning


def _named(module: str, qualified_name: str) -> object:
    found: object = sys.modules[module]
    for part in qualified_name.split("."):
        found = getattr(found, part)
    return found


@contextmanager
def _by_value(modules: Collection[ModuleType]) -> Iterator[tuple[str, ...]]:
    already = cloudpickle.list_registry_pickle_by_value()
    new = [module for module in modules if module.__name__ not in already]
    for module in new:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield tuple(cloudpickle.list_registry_pickle_by_value())
    finally:
        for module in new:
            cloudpickle.unregister_pickle_by_value(module)


def _only_here() -> list[ModuleType]:
    """List the loaded modules that a fresh process with the same sys.path would not find under their names."""
    installed = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), *site.getsitepackages())
    return [
        module
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType)
        and vars(module).get("__name__") == name
        and isinstance(file := vars(module).get("__file__"), str)
        and file.endswith(".py")
        and not file.startswith(installed)
        and not _importable(name, module)
    ]


def _importable(name: str, module: ModuleType) -> bool:
    if name == "__main__":  # cloudpickle sends it by value of itself
        return True
    last = name.rpartition(".")[2]
    if last == "conftest" or last.startswith("test_") or last.endswith("_test"):
        return False  # many files share these names, and they are not made to be imported twice
    top = name.partition(".")[0]
    spec = next(filter(None, (_find(finder, top) for finder in sys.meta_path)), None)
    if spec is None:
        return False
    roots = [PurePath(root) for root in getattr(spec, "submodule_search_locations", None) or ()]
    file = PurePath(str(module.__file__))
    return str(file) == getattr(spec, "origin", None) or any(file.is_relative_to(root) for root in roots)


def _find(finder: object, name: str) -> object:
    if type(finder).__module__.partition(".")[0] == "_pytest":
        return None  # knows files that no import statement of a fresh process would find
    try:
        return finder.find_spec(name, None)  # type: ignore[attr-defined]
    except Exception:  # a finder of someone else's that breaks on a name does not know it
        return None
