"""What the project's loaded modules hold besides code: it may have come from a file or from the environment."""

import functools
import gc
import os
import sys
from collections.abc import Iterator, Mapping
from types import FunctionType, ModuleType

from pytest_mlspec.training.cache.places import file_place

__all__ = ["can_be_left", "held", "loaded_files", "results_of"]

_TOOLS = ("_pytest", "pytest", "pytest_mlspec", "hypothesis")
_WITHOUT_CONTENT = {
    *("lock", "RLock", "Lock", "Condition", "Event", "Semaphore", "BoundedSemaphore", "_local", "ContextVar"),
    *("Logger", "RootLogger", "LoggerAdapter", "WeakKeyDictionary", "WeakValueDictionary", "WeakSet", "TypeVar"),
}
"""Types, by name, that say how code runs and nothing of what it computes."""


def loaded_files() -> dict[str, Mapping[str, object]]:
    """The names of every loaded module, by its file."""
    found: dict[str, Mapping[str, object]] = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and hasattr(module, "__dict__"):
            found.setdefault(file, vars(module))
    return found


def held(space: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The names of a module whose values its own text does not settle, and the values.

    Plain functions and what comes from other modules are left out: their files count. Functions that were made with a
    default or a closure, classes with what they hold, and every other value count.
    """
    module = space.get("__name__")
    for name, value in sorted(dict(space).items()):
        if name.startswith(("__", "@", "pytestmark")) or isinstance(value, ModuleType):
            continue
        if isinstance(value, FunctionType):
            counts = _is_own(value) and bool(value.__closure__ or value.__defaults__ or value.__kwdefaults__)
        elif isinstance(value, type):
            counts = value.__module__ == module or "<locals>" in value.__qualname__
        else:
            counts = not type(value).__module__.startswith(_TOOLS)
        if counts:
            yield name, value


def can_be_left(value: object) -> bool:
    """Whether nothing that a fit computes depends on a value whose content cannot be read."""
    return type(value).__name__ in _WITHOUT_CONTENT


def results_of(cached: "functools._lru_cache_wrapper[object]") -> list[object]:
    """The arguments and results that a function of `functools.cache` or `lru_cache` keeps just now."""
    if not cached.cache_info().currsize:
        return []
    left = (cached.__wrapped__, getattr(cached, "__dict__", None))
    found = []
    for item in gc.get_referents(cached):
        links = type(item) is dict and any(type(link).__name__ == "_lru_list_elem" for link in item.values())
        if not (links or isinstance(item, type) or any(item is one for one in left)):
            found.append(item)
    return found


def _is_own(function: FunctionType) -> bool:
    file = function.__code__.co_filename
    return not file.startswith("<") and file_place(os.path.abspath(file)) == "own"
