"""What a training function is made of: its code and all that it refers to, as one hash."""

import functools
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType

from pytest_mlspec.training.cache.bytecode import constants, names_in
from pytest_mlspec.training.cache.first_party import Closure, closure_of
from pytest_mlspec.training.cache.places import file_place, place_of
from pytest_mlspec.training.cache.source import Sources, blind_names
from pytest_mlspec.training.cache.values import can_be_left, held, loaded_files, results_of
from pytest_mlspec.training.content import content_digest, is_generator

__all__ = ["Token", "code_token", "object_token"]

_SKIPPED = {"__module__", "__dict__", "__weakref__", "__doc__", "_abc_impl"}
_RUNS_CODE = {"exec", "eval", "__import__", "globals"}
_IMPORTS_BY_NAME = {"import_module", "spec_from_file_location", "run_path", "run_module"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """The code and the values that a fit depends on.

    Attributes:
        text: a hash of all of it, equal in every process while nothing of it changes.
        unreadable: what has no content that can be read; with any of it the text says too little to reuse a fit.
        unseen: why there may be inputs that nothing here can see.
        packages: top-level names of the installed packages that it uses.
        files: the project's files that were read for it.
        parts: what the text is a hash of: part -> digest.
        moving: the parts that a fit may fill: results that `functools.cache` keeps, globals that are bound anew.
        loaded: the project's files, relative to the root, whose modules are loaded.
    """

    text: str
    unreadable: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    packages: frozenset[str] = frozenset()
    files: tuple[Path, ...] = ()
    parts: Mapping[str, str] = field(default_factory=dict)
    moving: frozenset[str] = frozenset()
    loaded: frozenset[str] = frozenset()


def code_token(
    function: Callable[..., object],
    arguments: Mapping[str, object] | None = None,
    *,
    root: Path | None = None,
    sources: Sources | None = None,
    as_before: Callable[[str, str], str] | None = None,
) -> Token:
    """Hash a function by its code, defaults and closure and, directly or not, by all that it refers to.

    Within its own file that is: the functions, classes (every method, base classes, decorators, the text of the class
    without comments) and constants that it reaches. Of the project's other files, every one that the file imports,
    directly or not, counts with its whole content and, once it is loaded, with the values that it holds; of installed
    packages only their names, see `Token.packages`.
    Comments, empty lines and places do not matter in its own file.

    Args:
        function: the training function.
        arguments: further values by name, which are followed in the same way: what the function is called with.
        root: paths of files count relative to it; the working directory by default.
        sources: what is known of source files already.
        as_before: gives for a part and its digest the one that counts in its place; empty leaves the part out.

    Example:
        >>> def make(rate):
        ...     return lambda seed: seed * rate
        >>> code_token(make(0.1)).text == code_token(make(0.1)).text
        True
        >>> code_token(make(0.1)).text == code_token(make(0.2)).text
        False
    """
    sources = sources if sources is not None else Sources()
    following = _Following(_file_of(function), sources)
    parts = {"the function": following.digest("function", function)}
    for name, value in (arguments or {}).items():
        parts[f"argument {name}"] = following.digest(f"argument {name}", value)
    home = Path(following.home) if following.home and file_place(following.home) == "own" else None
    values = _Values(root=str(root if root is not None else Path.cwd()), following=following, parts=parts)
    closure = values.follow(home)
    parts.update({f"file {values.place(path)}": digest for path, digest in closure.files.items()})
    if as_before is not None:
        parts = {name: counts for name, digest in parts.items() if (counts := as_before(name, digest))}
    text = "\n".join(f"{name}: {digest}" for name, digest in sorted(parts.items()))
    return Token(
        text=hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest(),
        unreadable=tuple(sorted(following.unreadable)),
        unseen=tuple(sorted({*following.unseen, *closure.reasons, *following.blind(home)})),
        packages=frozenset(following.packages | closure.packages),
        files=(*closure.files, *(() if home is None else (home,))),
        parts=parts,
        moving=frozenset(values.moving),
        loaded=frozenset(values.loaded),
    )


def object_token(value: object) -> str | None:
    """Hash a trained model by all that it holds, and by the code of its own classes and functions.

    Returns:
        The hash; None where something cannot be read.
    """
    sources = Sources()
    following = _Following("", sources)
    found = following.digest("model", value)
    if following.unreadable:
        return None
    files = closure_of(None, sorted(following.others), sources).files
    text = "\n".join([found, *(f"{path.name}: {digest}" for path, digest in sorted(files.items()))])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


class _Values:
    """Adds, to the parts of a token, what is reached by name and what the project's loaded modules hold."""

    def __init__(self, *, root: str, following: "_Following", parts: dict[str, str]) -> None:
        self.root = root
        self.following = following
        self.parts = parts
        self.moving: set[str] = set()
        self.loaded: set[str] = set()

    def follow(self, home: Path | None) -> Closure:
        """Read until nothing new is reached; gives the files that count whole."""
        following, read = self.following, set[Path]()
        spaces: dict[str, Mapping[str, object]] = {}
        while True:
            self._names()
            known = len(following.others)
            closure = closure_of(home, sorted(following.others), following.sources)
            new = [path for path in closure.files if path not in read]
            if new and not spaces:
                spaces = loaded_files()  # looks at every module that is loaded
            for path in new:
                read.add(path)
                space = following.spaces.get(str(path), spaces.get(str(path)))
                if space is not None:
                    self._module(path, space)
            self._results()
            if not (new or following.waiting or len(following.others) > known):
                return closure

    def place(self, path: Path) -> str:
        return os.path.relpath(path, self.root)

    def _names(self) -> None:
        while self.following.waiting:
            name, value = self.following.waiting.popitem()
            self.parts[f"name {name}"] = self.following.digest(name, value)

    def _module(self, path: Path, space: Mapping[str, object]) -> None:
        place = self.place(path)
        self.loaded.add(place)
        source = self.following.sources.read(path)
        for name, value in held(space):
            part = f"value {place}: {name}"
            if source is not None and name in source.rebound:
                self.moving.add(part)
            _note_generator(f"{name} of {path.name}", value, self.following.unseen)
            digest = content_digest(value, follow=self.following)
            if digest is not None:
                self.parts[part] = digest
            elif not can_be_left(value):
                what = f"the value of {name} in {path.name} ({type(value).__name__})"
                self.following.unseen.add(f"{what} cannot be read")

    def _results(self) -> None:
        """What functions have kept since before anything was watched may have come from anywhere."""
        for name, cached in self.following.caches.items():
            part = f"kept {name}"
            self.moving.add(part)
            if part in self.parts or not (results := results_of(cached)):
                continue
            digest = content_digest(results, follow=self.following)
            self.parts[part] = digest or "?"
            if digest is None:
                self.following.unseen.add(f"the results that {name} keeps cannot be read")


class _Following:
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
            _note_generator(name, value, self.unseen)
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


def _file_of(function: object) -> str:
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
            if file_place(file) == "own":
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
            _note_generator(name, found[-1], unseen)
    return found


def _note_generator(name: str, value: object, unseen: set[str]) -> None:
    if is_generator(value):
        unseen.add(f"it draws from the generator {name}, which every fit leaves in another state")


if sys.version_info >= (3, 14):  # annotations moved into functions of their own
    _SKIPPED |= {"__annotate__", "__annotate_func__"}
