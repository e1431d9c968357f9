"""What a training function is made of: its code and all that it refers to, as one hash."""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pytest_mlspec.training.cache.first_party import Closure, closure_of
from pytest_mlspec.training.cache.following import Following, file_of, note_generator
from pytest_mlspec.training.cache.places import file_place
from pytest_mlspec.training.cache.source import Sources
from pytest_mlspec.training.cache.values import can_be_left, held, loaded_files, results_of
from pytest_mlspec.training.content import content_digest

__all__ = ["Token", "code_token", "object_token"]


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
    following = Following(file_of(function), sources)
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
    following = Following("", sources)
    found = following.digest("model", value)
    if following.unreadable:
        return None
    files = closure_of(None, sorted(following.others), sources).files
    text = "\n".join([found, *(f"{path.name}: {digest}" for path, digest in sorted(files.items()))])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


class _Values:
    """Adds, to the parts of a token, what is reached by name and what the project's loaded modules hold."""

    def __init__(self, *, root: str, following: "Following", parts: dict[str, str]) -> None:
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
            note_generator(f"{name} of {path.name}", value, self.following.unseen)
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
