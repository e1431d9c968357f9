"""The file of a ledger: made whole or not at all, known to be sound before it is used, never overwritten."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["in_words", "is_there", "make_unless_there", "opened", "opened_for_looking", "require_writable"]

_APPLICATION = 0x6D6C7370  # "mlsp", by which SQLite's own tools tell a ledger from other databases
_FORMAT = 2
_PATIENCE = 60.0  # seconds to wait for other processes; each holds the file for milliseconds
_LAYOUT = f"""
PRAGMA journal_mode = WAL;
BEGIN;
CREATE TABLE reads (
    position INTEGER PRIMARY KEY,
    data TEXT NOT NULL,
    requirement TEXT NOT NULL,
    model TEXT NOT NULL,
    moment TEXT NOT NULL,
    share REAL,
    budget INTEGER,
    name TEXT NOT NULL,
    UNIQUE (data, requirement, model)
);
CREATE INDEX spent ON reads (data, requirement, share, budget);
CREATE TABLE released (
    data TEXT NOT NULL,
    requirement TEXT NOT NULL,
    score REAL NOT NULL,
    PRIMARY KEY (data, requirement)
);
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_FORMAT};
COMMIT;
"""

_SOUND: set[tuple[int, int]] = set()
"""Device and number of files that this process has looked through: the look takes as long as the file is large."""

_MEND = "the file is left as it is: restore it from a copy, or name another file for the ledger"
_ELSEWHERE = "name a file in a folder where you may write"
_CLOSED_TO_US = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
_HELD = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_there(path: Path) -> bool:
    """Whether there is a file; a log without its file is an error, for SQLite would play it into a new one."""
    log_is_left = _log_of(path).exists()  # before the file itself: another process may be making both
    if path.exists():
        return True
    if log_is_left:
        raise ValueError(
            f"expected the ledger {path} beside its log {_log_of(path).name}, got the log alone: "
            "the ledger was removed or renamed; put it back, or remove the log too to begin anew"
        )
    return False


def make_unless_there(path: Path) -> None:
    """Make an empty ledger that appears whole or not at all, and never in the place of another file."""
    if is_there(path):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
        draft = Path(folder, "ledger")
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            connection.executescript(_LAYOUT)
        try:
            os.link(draft, path)
        except FileExistsError:
            return  # another process was faster
    _keep_folder(path.parent)


def _keep_folder(folder: Path) -> None:
    """Have the name of a new file on disk; systems without folders as files see to it themselves."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def require_writable(path: Path) -> None:
    """Find out whether the ledger can be written, or made, without writing or making it.

    Raises:
        ValueError: the file is no ledger or is damaged.
        OSError: the file or its folder cannot be written.
    """
    if is_there(path):
        with closing(opened(path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            for table in ("reads", "released"):
                connection.execute(f"SELECT 1 FROM {table} LIMIT 1")
            connection.execute("ROLLBACK")
        return
    nearest = next(folder for folder in path.absolute().parents if folder.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not os.access(nearest, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def opened(path: Path, how: str = "mode=rw") -> sqlite3.Connection:
    """A connection to a file that is known to be a sound ledger."""
    if path.is_dir():
        raise IsADirectoryError(f"expected the file of a ledger, got the folder {path}")
    if path.stat().st_size == 0:
        raise ValueError(f"expected a ledger, got the empty file {path}; {_MEND}")
    # Never "create": a ledger that vanishes in between must not come back empty.
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=_PATIENCE, isolation_level=None)
    try:
        _check_sound(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def opened_for_looking(path: Path) -> sqlite3.Connection:
    """The same, also from a folder in which nothing can be written, where SQLite cannot share a log."""
    try:
        return opened(path)
    except sqlite3.OperationalError as error:
        if _code(error) not in _CLOSED_TO_US or _log_of(path).exists():
            raise
    return opened(path, "mode=ro&immutable=1")


def _check_sound(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != _APPLICATION:
        raise ValueError(
            f"expected a ledger, got {path}, a SQLite database of another kind (application_id={application}); {_MEND}"
        )
    form = connection.execute("PRAGMA user_version").fetchone()[0]
    if form != _FORMAT:
        raise ValueError(
            f"expected a ledger of format {_FORMAT}, got format={form} in {path}; "
            "it was written by another version of pytest-mlspec: use that one, or name another file"
        )
    found = path.stat()
    if (found.st_dev, found.st_ino) in _SOUND:
        return
    # Also compares the table with its index, which repeats every text: a changed letter shows.
    faults = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
    if faults != ["ok"]:
        raise ValueError(f"expected a sound ledger, got {path}, which is damaged ({'; '.join(faults)}); {_MEND}")
    _SOUND.add((found.st_dev, found.st_ino))


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Say what SQLite and the operating system answer in terms of the ledger."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explained(path, error) from error
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, f"the ledger {path} cannot be used ({error.strerror}); {_ELSEWHERE}") from error


def _explained(path: Path, error: sqlite3.Error) -> ValueError | OSError:
    code = _code(error)
    cut_short = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_SHORT_READ
    if code in _DAMAGED or cut_short:
        return ValueError(f"expected a ledger, got {path}, which is damaged or no ledger ({error}); {_MEND}")
    if code in _HELD:
        return TimeoutError(
            f"the ledger {path} was held by another process for {_PATIENCE:g} seconds ({error}); end it, or try again"
        )
    if code in _CLOSED_TO_US:
        return PermissionError(f"the ledger {path} cannot be used ({error}); {_ELSEWHERE}")
    return OSError(f"the ledger {path} cannot be used ({error})")


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; -1 where Python raised the error itself."""
    code = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else code & 0xFF


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")
