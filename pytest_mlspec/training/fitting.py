"""One training function, run once per seed: one after the other or in several processes."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlspec.training.seeding import import_torch_if_named, seeded
from pytest_mlspec.training.threads import single_threaded

if TYPE_CHECKING:
    from pytest_mlspec.training.cache.watching import Seen, Watch

__all__ = ["Fitted", "fit_each", "fit_in_turn", "fit_member", "where"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """One trained member and the seconds that its fit took."""

    member: object
    seconds: float
    read: frozenset[str] = frozenset()
    """The rows whose features the fit read, by ``data.reading.rows_key``."""
    seen: "Seen | None" = None
    """The files that the fit read, where it was watched."""
    learned: str | None = None
    """What the member has learned, by ``identity.learned_state``, where that is known already."""


def fit_member(
    function: Callable[[int], object], seed: int, *, threads: int | None = 1, watched: tuple[str, ...] | None = None
) -> Fitted:
    """Run the training function once, seeded and on `threads` threads.

    A function that imports torch for the first time drew from a generator that could not be seeded before: it runs
    once more, now seeded. (Functions whose own code names torch are recognised before, and run once.)
    With `watched` the files that it reads are put down, save those in the folders that `watched` names.
    """
    import_torch_if_named(function)
    had_torch = "torch" in sys.modules
    fitted = _run_once(function, seed, threads, watched)
    if not had_torch and "torch" in sys.modules:
        fitted = _run_once(function, seed, threads, watched)
    return fitted


def _run_once(
    function: Callable[[int], object], seed: int, threads: int | None, watched: tuple[str, ...] | None
) -> Fitted:
    from pytest_mlspec.data.reading import reading, rows_key

    watch: AbstractContextManager[Watch | None] = nullcontext()
    if watched is not None:
        from pytest_mlspec.training.cache.watching import watching

        watch = watching(watched)
    with seeded(seed), single_threaded(threads), reading() as read, watch as heard:
        start = time.perf_counter()
        member = function(seed)
        seconds = time.perf_counter() - start
    rows = frozenset(map(rows_key, {id(data): data for data in read}.values()))
    return Fitted(member=member, seconds=seconds, read=rows, seen=None if heard is None else heard.seen())


def fit_each(
    function: Callable[[int], object],
    seeds: tuple[int, ...],
    *,
    name: str,
    jobs: int,
    threads: int | None,
    watched: tuple[str, ...] | None = None,
) -> Iterator[Fitted]:
    """Yield one fitted member per seed, in the order of `seeds`; an error carries the seed and the ensemble."""
    if jobs > 1 and len(seeds) > 1:
        from pytest_mlspec.training.parallel import fit_in_processes

        yield from fit_in_processes(function, seeds, name=name, jobs=jobs, threads=threads, watched=watched)
    else:
        yield from fit_in_turn(function, seeds, name=name, threads=threads, watched=watched)


def fit_in_turn(
    function: Callable[[int], object],
    seeds: tuple[int, ...],
    *,
    name: str,
    threads: int | None,
    watched: tuple[str, ...] | None = None,
) -> Iterator[Fitted]:
    """Yield one fitted member per seed, trained in this process, one after the other."""
    for index, seed in enumerate(seeds):
        try:
            fitted = fit_member(function, seed, threads=threads, watched=watched)
        except Exception as error:
            error.add_note(where(name, seed, index, len(seeds)))
            raise
        yield fitted


def where(name: str, seed: int, index: int, n_members: int) -> str:
    """Say which fit went wrong."""
    return f"while training {name!r} with seed {seed} (member {index + 1} of {n_members})"
