"""Which files a fit opens, and what it does that nothing can follow, by Python's audit events."""

import hashlib
import os
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import source_from_cache
from types import FrameType

from pytest_mlspec.training.cache.places import file_place

__all__ = ["Seen", "Watch", "file_digest", "folder_digest", "watching"]

_ACTIVE: "list[Watch]" = []
_INSTALLED: list[bool] = []
_PROCESSES = {
    *("subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.fork", "os.forkpty", "os.spawn"),
    *("os.startfile", "pty.spawn"),
}
_CONNECTIONS = {
    *("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "urllib.Request"),
    *("http.client.connect", "ftplib.connect", "smtplib.connect", "socket.bind"),
}
_WORKERS = ("joblib.externals.loky", "concurrent.futures.process", "multiprocessing.pool")
"""Modules whose objects come back from worker processes, also from those that run already."""
_SYSTEM = ("/proc/", "/sys/", "/dev/")
_LEFTOVERS = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"}
_OF_PYTHON = ("linecache", "tokenize", "importlib", "_frozen_importlib", "_frozen_importlib_external", "pkgutil")
"""Modules that read source files to quote them, and look for modules and packages in every folder of `sys.path`."""
_IMPORTING = ("importlib._bootstrap_external", "_frozen_importlib_external", "importlib._bootstrap")
"""Modules that open the source of what a fit imports, which counts."""
_ON_BEHALF = ("zipfile", "pathlib", "os", "genericpath", "posixpath", "ntpath", "io", "codecs", "contextlib")
"""Modules of the standard library that open files and list folders for whoever calls them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a fit was seen to read, by absolute path, and why it may have read more.

    Attributes:
        files: path -> hash of the content after the fit; empty for a file that was not there.
        folders: path -> hash of the names in a folder that was listed, and names left out: what the fit made itself.
        reasons: what the fit did that nothing can follow.
    """

    files: dict[str, str]
    folders: dict[str, tuple[str, tuple[str, ...]]]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """A file at one moment."""

    size: int
    modified: int
    number: int


class Watch:
    """Collects the events of one fit, of every thread of this process."""

    def __init__(self, skipped: tuple[str, ...] = ()) -> None:
        self.skipped = skipped
        self.started = time.time_ns()
        self.read: dict[str, _State | None] = {}
        self.written: set[str] = set()
        self.listed: set[str] = set()
        self.reasons: set[str] = set()

    def seen(self) -> Seen:
        """What was read, with hashes of the present content; what the fit itself had written is no input."""
        files = {}
        for path, first in list(self.read.items()):
            now = _state(path)
            made = now is not None or path in self.written if first is None else first.modified >= self.started
            if made:
                continue  # made by the fit itself, perhaps by an extension that nothing can follow
            if first != now or path in self.written:
                self.reasons.add(f"it changes {path}, which it reads")
            elif now is None:
                files[path] = ""
            elif (digest := file_digest(path)) is not None:
                files[path] = digest
        folders = {path: self._folder(path) for path in self.listed if os.path.isdir(path)}
        return Seen(files=files, folders=folders, reasons=tuple(sorted(self.reasons)))

    def _folder(self, path: str) -> tuple[str, tuple[str, ...]]:
        made = (*self.written, *(folder.rstrip(os.sep) for folder in self.skipped))
        own = sorted({os.path.basename(name) for name in made if os.path.dirname(name) == path})
        return folder_digest(path, own), tuple(own)

    def open(self, path: object, mode: object, flags: object) -> None:
        name = _path(path)
        if not name or self._skips(name) or os.path.isdir(name) or _asks() not in ("", *_IMPORTING):
            return
        reads, writes = _access(mode, flags)
        if name.endswith(".pyc"):
            with suppress(ValueError, NotImplementedError):
                name = source_from_cache(name)
        if reads and name not in self.written:
            self.read.setdefault(name, _state(name))
        if writes:
            self.written.add(name)

    def list(self, path: object) -> None:
        name = os.path.abspath(".") if path is None else _path(path)
        if name and not self._skips(name) and not _asks():
            self.listed.add(name)

    def database(self, path: object) -> None:
        if isinstance(path, str) and (path.startswith(":memory:") or not path):
            return
        if isinstance(path, str) and path.startswith("file:"):
            self.reasons.add("it opens a database by an address (sqlite3.connect)")
            return
        name = _path(path)
        if name and not self._skips(name):
            for file in (name, f"{name}-wal"):  # what was written and is not yet in the file itself
                self.read.setdefault(file, _state(file))

    def _skips(self, name: str) -> bool:
        return name.startswith((*_SYSTEM, *self.skipped)) or file_place(name) in ("stdlib", "installed", "mlspec")


@contextmanager
def watching(skipped: tuple[str, ...] = ()) -> Iterator[Watch]:
    """Watch what this process opens, in every thread, while the block runs.

    The audit hook, which Python never takes back, is installed by the first use; between fits it returns at once.

    Args:
        skipped: folders, with a separator at their end, whose files do not count: the cache itself.
    """
    if not _INSTALLED:
        _INSTALLED.append(True)
        sys.addaudithook(_heard)
    watch = Watch(skipped)
    _ACTIVE.append(watch)
    try:
        yield watch
    finally:
        _ACTIVE.remove(watch)


def _heard(event: str, arguments: "tuple[object, ...]") -> None:
    if not _ACTIVE:
        return
    told = _EVENTS.get(event)
    if told is None:
        return
    for watch in list(_ACTIVE):
        try:
            told(watch, event, arguments)
        except Exception as error:  # raised here it would stop the fit
            watch.reasons.add(f"it opens what cannot be followed ({event}: {type(error).__name__})")


def _opened(watch: Watch, event: str, arguments: "tuple[object, ...]") -> None:
    watch.open(arguments[0], arguments[1], arguments[2] if len(arguments) > 2 else 0)


def _listed(watch: Watch, event: str, arguments: "tuple[object, ...]") -> None:
    watch.list(arguments[0] if arguments else None)


def _connected(watch: Watch, event: str, arguments: "tuple[object, ...]") -> None:
    watch.reasons.add(f"it opens a connection ({event})")


def _started(watch: Watch, event: str, arguments: "tuple[object, ...]") -> None:
    command = arguments[0] if arguments and isinstance(arguments[0], str) else ""
    watch.reasons.add(f"it starts a process ({event}{': ' + os.path.basename(command) if command else ''})")


def _unpickled(watch: Watch, event: str, arguments: "tuple[object, ...]") -> None:
    if str(arguments[0]).startswith(_WORKERS):
        watch.reasons.add("it works in further processes")


def _database(watch: Watch, event: str, arguments: "tuple[object, ...]") -> None:
    watch.database(arguments[0])


_EVENTS: dict[str, Callable[[Watch, str, tuple[object, ...]], None]] = {
    "open": _opened,
    "os.listdir": _listed,
    "os.scandir": _listed,
    "sqlite3.connect": _database,
    "pickle.find_class": _unpickled,
    **dict.fromkeys(_PROCESSES, _started),
    **dict.fromkeys(_CONNECTIONS, _connected),
}


def _path(given: object) -> str:
    """The absolute path; empty for what is open already."""
    if isinstance(given, bool) or given is None:
        return ""
    if isinstance(given, int):
        with suppress(OSError):
            return os.readlink(f"/proc/self/fd/{given}") if os.path.isdir(f"/proc/self/fd/{given}") else ""
        return ""
    return os.path.abspath(os.fsdecode(given))  # type: ignore[arg-type]  # what open() took


def _access(mode: object, flags: object) -> tuple[bool, bool]:
    """Whether a file is opened for reading what it holds, and for writing."""
    if isinstance(mode, str):
        anew = "w" in mode or "x" in mode
        return not anew and ("a" not in mode or "+" in mode), anew or "a" in mode or "+" in mode
    given = flags if isinstance(flags, int) else 0
    writes = bool(given & (os.O_WRONLY | os.O_RDWR))
    return not given & (os.O_WRONLY | os.O_TRUNC | os.O_EXCL), writes


def _state(path: str) -> _State | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return _State(size=found.st_size, modified=found.st_mtime_ns, number=found.st_ino)


def _asks() -> str:
    """The module of Python's own machinery that opens or lists something; empty where anybody else does.

    The nearest caller tells: the code of a module that is just being imported has the import below it, too.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in _ON_BEHALF and name != __name__:
            break
        frame = frame.f_back
    else:
        return ""
    return name if name.startswith(_OF_PYTHON) else ""


_KNOWN_FILES: dict[tuple[str, _State], str] = {}


def file_digest(path: str) -> str | None:
    """A hash of a file's content, computed once while the file stays as it is; None where it cannot be read."""
    state = _state(path)
    if state is None:
        return None
    key = (path, state)
    # A file that was written a moment ago may change again without its time of change telling.
    settled = time.time_ns() - state.modified > 2_000_000_000
    if key not in _KNOWN_FILES or not settled:
        try:
            with open(path, "rb") as file:
                _KNOWN_FILES[key] = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).hexdigest()
        except OSError:
            return None
    return _KNOWN_FILES[key]


def folder_digest(path: str, without: Collection[str] = ()) -> str:
    """A hash of the names in a folder, without these and without caches; empty where there is no folder."""
    try:
        names = sorted(name for name in os.listdir(path) if name not in _LEFTOVERS and name not in without)
    except OSError:
        return ""
    return hashlib.blake2b("\0".join(names).encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()
