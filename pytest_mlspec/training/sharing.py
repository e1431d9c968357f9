"""One ensemble, trained once per machine: the first process trains it, the others load it."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlspec.training.cache.private import make_private
from pytest_mlspec.training.content import content_digest
from pytest_mlspec.training.ensemble import Ensemble

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset

__all__ = ["share_key", "share_once"]

_FORMAT = b"pytest-mlspec ensemble 1\n"


def share_once(
    folder: Path, key: str, train: Callable[[], Ensemble], *, trained_on: "Sequence[Dataset] | None" = None
) -> tuple[Ensemble, str]:
    """Train an ensemble in the first process that asks for it, and load it in all others on this machine.

    The first process holds a file lock while it trains; one that is killed loses the lock, and the next one trains.
    When training raises, or the members cannot be pickled, the waiting processes each train for themselves.

    Args:
        folder: a folder of this user alone, shared by the processes of one test run; made when missing.
        key: names the ensemble in the folder, from `share_key`.
        train: trains the ensemble.
        trained_on: this process' own training sets, which a loaded ensemble then refers to; where left out, the
            training sets are written to the folder beside the members.

    Returns:
        The ensemble, and "trained", "shared" or "not shareable: <why>" (then it was trained here).
    """
    try:
        make_private(folder)
    except OSError as error:
        return train(), f"not shareable: {error}"
    from filelock import FileLock

    reason_file = folder / f"{key}.reason"
    path = folder / f"{key}.ensemble"
    with FileLock(folder / f"{key}.lock"):
        reason = _read_reason(reason_file)
        if reason is None:
            ensemble, reason = _load(path, trained_on)
            if ensemble is not None:
                return ensemble, "shared"
        if reason is None:
            return _train_and_keep(path, reason_file, train, with_data=trained_on is None)
    return train(), f"not shareable: {reason}"  # after the lock: every process trains, at the same time


def share_key(
    name: str, function: Callable[..., object], seeds: Sequence[int], arguments: Mapping[str, object]
) -> str | None:
    """Name an ensemble by everything that it depends on: the same in every process of a test run.

    Args:
        name: the ensemble's name.
        function: the training function; its code, defaults and closure count.
        seeds: the seeds.
        arguments: the values of the fixtures that the function takes, by name; datasets count by their fingerprint.

    Returns:
        A name for files; None when an argument's content cannot be read (an open file, a lock, a connection).
    """
    parts = {argument: _argument_digest(value) for argument, value in arguments.items()}
    code = content_digest(function)
    if code is None or None in parts.values():
        return None
    where = (getattr(function, "__module__", ""), getattr(function, "__qualname__", ""))
    return content_digest([name, *where, code, [int(seed) for seed in seeds], parts])


def _argument_digest(value: object) -> str | None:
    if isinstance(value, Ensemble):  # without its durations
        return content_digest([value.name, value.seeds, value.members])
    return content_digest(value)


def _load(path: Path, trained_on: "Sequence[Dataset] | None") -> tuple[Ensemble | None, str | None]:
    """Load the ensemble; (None, None) when there is none yet, (None, why) when there is one that cannot be loaded."""
    payload = _read_whole(path)
    if payload is None:
        return None, None
    try:
        return _rebuild(payload, trained_on), None
    except Exception as error:  # unpickling runs the members' own code
        return None, f"it cannot be loaded in another process ({_in_words(error)})"


def _train_and_keep(
    path: Path, reason_file: Path, train: Callable[[], Ensemble], *, with_data: bool
) -> tuple[Ensemble, str]:
    try:
        ensemble = train()
    except BaseException as error:
        with suppress(OSError):
            _write_whole(reason_file, f"training raised {_in_words(error)} in another process".encode())
        raise
    try:
        _write_whole(path, _dump(ensemble, with_data=with_data))
    except Exception as error:  # pickling runs the members' own code; a full disk is no failure either
        reason = f"its members cannot be pickled ({_in_words(error)})"
        with suppress(OSError):
            _write_whole(reason_file, reason.encode())
        return ensemble, f"not shareable: {reason}"
    return ensemble, "trained"


def _dump(ensemble: Ensemble, *, with_data: bool) -> bytes:
    import cloudpickle

    left_out = () if with_data else ("trained_on",)
    names = [field.name for field in fields(ensemble) if field.name not in left_out]
    payload: bytes = cloudpickle.dumps({name: getattr(ensemble, name) for name in names})
    return payload


def _rebuild(payload: bytes, trained_on: "Sequence[Dataset] | None") -> Ensemble:
    import cloudpickle

    ensemble = Ensemble(**cloudpickle.loads(payload))
    return ensemble if trained_on is None else replace(ensemble, trained_on=tuple(trained_on))


def _write_whole(path: Path, payload: bytes) -> None:
    """Write a file that is there whole or not at all, also when the process or the machine dies on the way."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_FORMAT + hashlib.blake2b(payload).digest() + payload)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _read_whole(path: Path) -> bytes | None:
    """Read what `_write_whole` wrote; None when there is nothing, or when it was cut short or changed."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    head = len(_FORMAT) + hashlib.blake2b().digest_size
    payload = content[head:]
    expected = _FORMAT + hashlib.blake2b(payload).digest()
    return payload if content[:head] == expected else None


def _read_reason(path: Path) -> str | None:
    payload = _read_whole(path)
    return None if payload is None else payload.decode("utf-8", "replace")


def _in_words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip(": ")[:200]
