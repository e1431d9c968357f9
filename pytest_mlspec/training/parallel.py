"""Fits in several processes, with the members that one process would give."""

import os
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlspec.training.fitting import Fitted, fit_in_turn, fit_member, where
from pytest_mlspec.training.shipping import dump_function, dump_member, load

if TYPE_CHECKING:
    from pytest_mlspec.training.cache.watching import Seen

__all__ = ["fit_in_processes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What a worker sends back: a member, a failure (with its exception where that can be pickled), or neither."""

    member: bytes | None = None
    seconds: float = 0.0
    read: frozenset[str] = frozenset()
    seen: "Seen | None" = None
    failed: bool = False
    error: bytes | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """How a worker runs a fit: on how many threads, and watched or not."""

    threads: int | None
    watched: tuple[str, ...] | None


def fit_in_processes(
    function: Callable[[int], object],
    seeds: tuple[int, ...],
    *,
    name: str,
    jobs: int,
    threads: int | None,
    watched: tuple[str, ...] | None = None,
) -> Iterator[Fitted]:
    """Yield one fitted member per seed, in order, trained by `jobs` processes through joblib.

    The backend is joblib's (loky unless `joblib.parallel_config` chose another one). Inside a pytest-xdist worker,
    inside another joblib worker, and on a backend of threads, which would share the global generators, the fits run
    one after the other; so they do, with a warning, when the function cannot be sent to another process.
    """
    if "PYTEST_XDIST_WORKER" in os.environ or not _has_processes():
        yield from fit_in_turn(function, seeds, name=name, threads=threads, watched=watched)
        return
    try:
        payload, by_value = dump_function(function)
    except Exception as error:  # pickling runs the code of whatever the function refers to
        _warn(f"the training function of {name!r} cannot be sent to another process ({_in_words(error)})")
        yield from fit_in_turn(function, seeds, name=name, threads=threads, watched=watched)
        return
    with _asked(payload, by_value, seeds, jobs, _Terms(threads=threads, watched=watched)) as answers:
        for index, answer in enumerate(answers):
            if answer.failed:
                raise _worker_error(answer, where(name, seeds[index], index, len(seeds)))
            if answer.member is not None:
                member = load(answer.member)
                yield Fitted(member=member, seconds=answer.seconds, read=answer.read, seen=answer.seen)
            else:
                _warn(f"a member of {name!r} cannot be sent back from another process ({answer.text})")
                yield fit_member(function, seeds[index], threads=threads, watched=watched)


def _has_processes() -> bool:
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend()
    return not getattr(backend, "uses_threads", False) and backend.effective_n_jobs(2) > 1


@contextmanager
def _asked(
    payload: bytes, by_value: tuple[str, ...], seeds: tuple[int, ...], jobs: int, terms: "_Terms"
) -> Iterator[Iterable[_Answer]]:
    """Start the fits, and cancel those that are still to come when one has failed."""
    from joblib import Parallel, delayed
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend()
    kind = "generator" if backend.supports_return_generator else "list"
    work = delayed(_fit_here)
    parallel = Parallel(n_jobs=min(jobs, len(seeds)), batch_size=1, return_as=kind)
    answers = parallel(work(payload, by_value, seed, terms) for seed in seeds)
    try:
        yield answers
    finally:
        if kind == "generator":
            with warnings.catch_warnings():  # joblib warns of every fit that it cancels
                warnings.simplefilter("ignore")
                answers.close()


def _fit_here(payload: bytes, by_value: tuple[str, ...], seed: int, terms: "_Terms") -> _Answer:
    """Run in the worker: a fresh copy of the function for every seed, so that no fit sees traces of another."""
    try:
        function = load(payload)
        assert callable(function)
        fitted = fit_member(function, seed, threads=terms.threads, watched=terms.watched)
    except Exception as error:  # raised again where the fit was asked for
        return _Answer(failed=True, error=_dump_error(error, by_value), text=traceback.format_exc())
    try:
        member = dump_member(fitted.member, by_value)
        return _Answer(member=member, seconds=fitted.seconds, read=fitted.read, seen=fitted.seen)
    except Exception as error:  # pickling runs the member's own code
        return _Answer(text=_in_words(error))


def _dump_error(error: Exception, by_value: tuple[str, ...]) -> bytes | None:
    try:
        return dump_member(error, by_value)
    except Exception:  # an exception may hold anything; its traceback goes as text in any case
        return None


def _worker_error(answer: _Answer, context: str) -> Exception:
    error: object = None
    if answer.error is not None:
        try:
            error = load(answer.error)
        except Exception:  # its class cannot be rebuilt here: its traceback stands for it
            error = None
    if not isinstance(error, Exception):
        error = RuntimeError(answer.text.strip().rpartition("\n")[2])
    error.add_note(context)
    error.add_note(f"In the process that trained it:\n{answer.text}")
    return error


def _warn(reason: str) -> None:
    warnings.warn(f"{reason}: it is trained in this process", UserWarning, stacklevel=2)


def _in_words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
