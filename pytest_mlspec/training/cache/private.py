"""Folders and files that nobody but this user could have written to: what they hold may be loaded as code."""

import os
import stat
from pathlib import Path

__all__ = ["NotPrivateError", "check_folder", "make_folder", "make_private", "open_private", "why_not_private"]

_OTHERS_MAY_WRITE = 0o022


class NotPrivateError(PermissionError):
    """Raised for a folder or file of another user, or one that others may write to."""


def make_private(folder: Path) -> None:
    """Make the folder for this user alone, or refuse one that others could have written to.

    Raises:
        NotPrivateError: loading a pickle runs code, so whoever may write there may run code here.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_folder(folder)


def make_folder(root: Path, *names: str) -> Path:
    """Make `root/name/name/...`, each for this user alone, and give the last one.

    Raises:
        NotPrivateError: one of them belongs to another user, or others may write to it.
    """
    make_private(root)
    for name in names:
        root = root / name
        root.mkdir(mode=0o700, exist_ok=True)
        check_folder(root)
    return root


def check_folder(folder: Path) -> None:
    """Refuse a folder of another user, one that others may write to, a link, and what is no folder.

    Raises:
        NotPrivateError: it is one of these.
        FileNotFoundError: there is none.
    """
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotPrivateError(f"{folder} is not a folder of its own")
    problem = why_not_private(found)
    if problem:
        raise NotPrivateError(f"{folder} {problem}")


def open_private(path: Path) -> int:
    """Open a file for reading; the checks are made on the open file, so that it cannot be exchanged after them.

    Returns:
        A file descriptor.

    Raises:
        NotPrivateError: it is a link or no file, belongs to another user, or others may write to it.
        FileNotFoundError: there is none.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    if path.is_symlink():
        raise NotPrivateError(f"{path} is a link, expected a file")
    handle = os.open(path, flags)
    found = os.fstat(handle)
    problem = why_not_private(found) if stat.S_ISREG(found.st_mode) else "is not a file"
    if problem:
        os.close(handle)
        raise NotPrivateError(f"{path} {problem}")
    return handle


def why_not_private(found: os.stat_result) -> str:
    """Say who else could have written; "" where nobody could, and on systems that do not tell."""
    if not hasattr(os, "getuid"):
        return ""
    if found.st_uid != os.getuid():
        return f"belongs to user {found.st_uid}, expected {os.getuid()}"
    if found.st_mode & _OTHERS_MAY_WRITE:
        expected = "700" if stat.S_ISDIR(found.st_mode) else "600"
        return f"can be written by others (mode={stat.S_IMODE(found.st_mode):o}), expected {expected}"
    return ""
