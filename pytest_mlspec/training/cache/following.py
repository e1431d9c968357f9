"""Follows what a training function refers to: functions, classes and modules, down to values that can be read."""

import functools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType

from pytest_mlspec.training.cache.bytecode import constants, names_in
from pytest_mlspec.training.cache.places import file_place, place_of
from pytest_mlspec.training.cache.source import Sources, blind_names
from pytest_mlspec.training.content import content_digest, is_generator

__all__ = ["Following", "file_of", "note_generator"]

_SKIPPED = {"__module__", "__dict__", "__weakref__", "__doc__", "_abc_impl"}
_RUNS_CODE = {"exec", "eval", "__import__", "globals"}
_IMPORTS_BY_NAME = {"import_module", "spec_from_file_location", "run_path", "run_module"}


class Following:
    """Stands in for functions, classes and modules while their content is read, and lists what is still to read."""

    def __init__(self, home: str, sources: Sources) -> None:
        self.home = home
        self.sources = sources
        self.waiting: dict[str, object] = {}
        self.known: set[str] = set()
        self.others: set[Path] = set()
        self.packages: set[str] = set()
        self.unreadable: set[str] = set()
        self.unseen: set[str] = set()
        self.attributes: set[str] = set()
        self.imported: set[str] = set()
        self.caches: dict[str, functools._lru_cache_wrapper[object]] = {}
        self.spaces: dict[str, dict[str, object]] = {}

    def digest(self, where: str, value: object) -> str:
        found = content_digest(value, follow=self)
        if found is None:
            self.unreadable.add(f"the content of {where} ({type(value).__name__}) cannot be read")
        return found or ""

    def __call__(self, value: object) -> tuple[str, object] | None:
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, ModuleType):
            self._belongs(value.__name__)
            return "module", value.__name__
        if type(value) is functools._lru_cache_wrapper:
            self.caches[f"by {value.__module__}.{value.__qualname__}"] = value
            return "cached", (value.__wrapped__, repr(value.cache_parameters()))
        if isinstance(value, BuiltinFunctionType):
            self._belongs(getattr(value, "__module__", None) or "")
        if type(value).__module__ == "_pytest.fixtures" and hasattr(value, "_get_wrapped_function"):
            return "fixture", value._get_wrapped_function()
        return None

    def _function(self, function: FunctionType) -> tuple[str, object]:
        code = function.__code__
        file = os.path.abspath(code.co_filename) if not code.co_filename.startswith("<") else code.co_filename
        place = file_place(file)
        if place in ("installed", "stdlib", "mlspec"):
            self._belongs(function.__module__ or "")
            inner = getattr(function, "__wrapped__", None)  # a decorator of a package around a function of the project
            return "named", (function.__module__, function.__qualname__, inner, _cells(function, {}))
        if place == "own" and file != self.home:
            self.others.add(Path(file))
            self.spaces.setdefault(file, function.__globals__)
        cells = _cells(function, self.unseen)
        own = {name: item for name, item in vars(function).items() if not name.startswith(("pytestmark", "_pytest"))}
        if file == self.home:
            self._reach(function)
        return "function", (constants(code), function.__defaults__, function.__kwdefaults__, cells, own)

    def _reach(self, function: FunctionType) -> None:
        """List the global names that a function of this file reads."""
        names, attributes, imported = names_in(function.__code__)
        self.attributes |= attributes
        self.imported |= imported
        for name in sorted(attributes & _IMPORTS_BY_NAME | names & _RUNS_CODE):
            self.unseen.add(f"{function.__name__} imports or runs code by name ({name})")
        for name in names - self.known:
            self.known.add(name)
            if name not in function.__globals__:
                continue  # a builtin, or absent
            value = function.__globals__[name]
            self.waiting[name] = value
            note_generator(name, value, self.unseen)
            top = _top_of(value)
            if top:
                self.imported.add(top)

    def _class(self, kind: type) -> tuple[str, object] | None:
        place = _place_of_class(kind)
        if place[0] != "own":
            self._belongs(kind.__module__)
            return None
        text = ""
        if place[1] is not None:
            source = self.sources.read(place[1])
            text = "" if source is None else source.classes.get(kind.__qualname__, "")
            if str(place[1]) != self.home:
                self.others.add(place[1])
        parts = [(name, self._attribute(item)) for name, item in sorted(vars(kind).items()) if self._counts(name, item)]
        return "class", (kind.__qualname__, text, list(kind.__mro__[1:]), type(kind), parts)

    def _counts(self, name: str, item: object) -> bool:
        if name in _SKIPPED:
            return False
        # Other names of this form hold what Python and libraries work out from the text of the class.
        made = name.startswith("__") and name.endswith("__")
        return not made or isinstance(item, FunctionType | classmethod | staticmethod | property)

    def _attribute(self, item: object) -> object:
        if isinstance(item, staticmethod | classmethod):
            return type(item).__name__, item.__func__
        if isinstance(item, property):
            return "property", item.fget, item.fset, item.fdel
        if isinstance(item, functools.cached_property):
            return "cached_property", item.func
        if type(item).__name__ in ("member_descriptor", "getset_descriptor"):
            return "slot"
        return item

    def _belongs(self, module: str) -> None:
        """Put down the package, or the file of the project, that a module belongs to."""
        if not module or module == "__main__":
            return
        place, path = place_of(module)
        if place == "installed":
            self.packages.add(module.partition(".")[0])
        elif place == "own" and path is not None and str(path) != self.home:
            self.others.add(path)

    def blind(self, home: Path | None) -> Iterator[str]:
        """What the reached code of the home file names that opens files unseen."""
        source = None if home is None else self.sources.read(home)
        tops = () if source is None else (module.partition(".")[0] for module, level, _ in source.imports if not level)
        packages = {*self.imported, *(top for top in tops if top in self.imported or top == "polars")}
        for name in blind_names(packages, self.attributes):
            yield f"it uses {name}, which opens files unseen"


def file_of(function: object) -> str:
    """The file of a function, inside partials and methods; "" where there is none."""
    while isinstance(function, functools.partial | MethodType):
        function = function.func if isinstance(function, functools.partial) else function.__func__
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return ""
    return code.co_filename if code.co_filename.startswith("<") else os.path.abspath(code.co_filename)


def _place_of_class(kind: type) -> tuple[str, Path | None]:
    """To whom a class belongs: its methods know their file; several modules may be called conftest."""
    for item in vars(kind).values():
        code = getattr(getattr(item, "__func__", item), "__code__", None)
        if (
            isinstance(code, CodeType)
            and not code.co_filename.startswith("<")
            and (getattr(item, "__module__", kind.__module__) == kind.__module__)
        ):
            file = os.path.abspath(code.co_filename)
            # Compiled extensions name their sources relative to a folder that is not here.
            if file_place(file) == "own" and (os.path.isabs(code.co_filename) or os.path.exists(file)):
                return "own", Path(file)
    if kind.__module__ == "__main__":
        return "own", None
    place, path = place_of(kind.__module__)
    return place if place != "nowhere" else "own", path


def _top_of(value: object) -> str:
    module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return module.partition(".")[0] if isinstance(module, str) else ""


def _cells(function: FunctionType, unseen: "set[str] | dict[str, None]") -> list[object]:
    found: list[object] = []
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not yet filled
            continue
        if isinstance(unseen, set):
            note_generator(name, found[-1], unseen)
    return found


def note_generator(name: str, value: object, unseen: set[str]) -> None:
    """Put down a generator of random numbers that fits share."""
    if is_generator(value):
        unseen.add(f"it draws from the generator {name}, which every fit leaves in another state")


if sys.version_info >= (3, 14):  # annotations moved into functions of their own
    _SKIPPED |= {"__annotate__", "__annotate_func__"}
