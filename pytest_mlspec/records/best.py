"""The record file of best values: committed beside the tests, reviewed as a diff, and written on demand only."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import UnionType

from pytest_mlspec.metrics.judging.best import Best, as_entry

__all__ = ["SCHEMA", "as_entry", "locked", "read_record", "write_record"]

SCHEMA = "pytest-mlspec-record/1"
CONDITIONS: dict[str, type | UnionType] = {
    "metric": str,
    "form": str,
    "by": list,
    "of": str,
    "settings": dict,
    "comparison": str,
    "data": str,
    "members": str,
    "n_members": int,
    "confidence": float,
    "max_loss": float | int | None,
}
"""What must be the same for two values to be compared, with its type in the file."""
MEASURED: dict[str, type | UnionType] = {
    "value": float | int,
    "low": float | int,
    "high": float | int,
    "tail": list,
    "n": int,
    "unit": str,
}


def read_record(path: Path) -> dict[str, Best]:
    """The entries of a record file by their keys; none where there is no file.

    Raises:
        ValueError: the file is damaged, naming the line.
        OSError: the file cannot be read.
    """
    if not path.exists():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is no text in UTF-8: {error}") from None
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(("<<<<<<<", "=======", ">>>>>>>", "|||||||")):
            raise ValueError(f"{path.name}, line {number}: a merge conflict: {line!r}; keep one side of it")
    try:
        document = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path.name}, line {error.lineno}: no JSON: {error.msg}") from None
    except _Twice as error:
        raise ValueError(
            f"{path.name}, line {_line(text, str(error))}: {str(error)!r} stands twice in one object"
        ) from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA or not isinstance(document.get("best"), dict):
        found = document.get("schema") if isinstance(document, dict) else None
        raise ValueError(f"{path.name}, line 1: expected a record of schema {SCHEMA!r}, got schema={found!r}")
    return {key: _best(path.name, text, key, entry) for key, entry in document["best"].items()}


class _Twice(Exception):
    """A name that one object has twice, as merging by hand leaves it: one of the two would silently be lost."""


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object whose names differ."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


def _best(name: str, text: str, key: str, entry: object) -> Best:
    line = _line(text, key)
    if not isinstance(entry, dict):
        raise ValueError(f"{name}, line {line}: {key}: expected an object, got {entry!r}")
    for field, kind in (MEASURED | CONDITIONS).items():
        value = entry.get(field)
        if field not in entry or not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"{name}, line {line}: {key}: {field}={value!r} is not what a record holds")
    value, low, high = (float(entry[field]) for field in ("value", "low", "high"))
    if not (all(map(math.isfinite, (value, low, high))) and low <= value <= high):
        got = f"{low} <= {value} <= {high}"
        raise ValueError(f"{name}, line {line}: {key}: expected low <= value <= high, all finite, got {got}")
    if entry["n"] < 0:
        raise ValueError(f"{name}, line {line}: {key}: n={entry['n']} is not what a record holds")
    for bound in entry["tail"]:
        if bound is not None and (isinstance(bound, bool) or not isinstance(bound, (int, float))):
            raise ValueError(f"{name}, line {line}: {key}: tail: {bound!r} is neither a number nor null")
    told = {field: part for field, part in entry.items() if field not in MEASURED and field not in CONDITIONS}
    return Best(
        value=value,
        low=low,
        high=high,
        tail=_tail(entry["tail"], entry["comparison"]),
        n=entry["n"],
        unit=entry["unit"],
        conditions={field: entry[field] for field in CONDITIONS},
        told=told,
    )


def _tail(bounds: list[object], comparison: str) -> tuple[float, ...]:
    """Bounds at ever smaller levels; one that does not exist is open."""
    nowhere = -math.inf if comparison == ">=" else math.inf
    return tuple(nowhere if bound is None else float(str(bound)) for bound in bounds)


def _line(text: str, key: str) -> int:
    """Where an entry begins."""
    quoted = json.dumps(key, ensure_ascii=False)
    lines = text.splitlines()
    return next((number for number, line in enumerate(lines, start=1) if quoted in line), 1)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other runs of this user on this machine from writing a record file in this block.

    The lock lies among the temporary files: the folder of the record is under review.
    """
    from filelock import FileLock

    place = hashlib.blake2b(str(path.resolve()).encode(), digest_size=16).hexdigest()
    user = os.getuid() if hasattr(os, "getuid") else 0
    with FileLock(Path(tempfile.gettempdir(), f"pytest-mlspec-{user}-{place}.lock")):
        yield


def write_record(path: Path, entries: Mapping[str, Mapping[str, object]]) -> bool:
    """Write entries as sorted, indented JSON, whole or not at all; False where the file says the same already.

    Equal entries make equal bytes.
    """
    document = {"schema": SCHEMA, "best": entries}
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    if path.exists() and path.read_bytes() == text.encode("utf-8"):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True
