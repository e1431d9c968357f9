"""Processes that die at any moment, and several at work at once: nothing stored is lost, nothing read is wrong."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_mlspec.training.cache import eviction, private, shelves
from pytest_mlspec.training.cache.store import Store

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked to be killed")

KEYS = ("one", "two", "three")
SEEDS = range(3)
AMPLE, TIGHT = 10**9, 300_000


class Model:
    """Holds its version in a pickle and in two arrays: a mixture of two versions would show."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.weights, self.more = np.full(500 + version % 5000, float(version)), np.full((3, 200), version)

    def predict(self, X: object) -> int:
        assert (self.weights == self.version).all()
        assert (self.more == self.version).all()
        assert len(self.weights) == 500 + self.version % 5000
        return self.version


def work(store: Store, generator: random.Random, first: int, say: Callable[[str], None]) -> None:
    """Store, settle, read and evict without end, and say before and after each thing that is stored."""
    version = first
    while True:
        version += 1
        key, kind = generator.choice(KEYS), generator.random()
        if kind < 0.45:
            seeds = generator.sample(SEEDS, generator.choice((1, 1, 3)))
            say(f"start fit {version} {key} {' '.join(map(str, seeds))}")
            stored = store.keep(key, {seed: (Model(version), 0.0, {"version": version}) for seed in seeds})
            say(f"{'done' if not stored else 'failed'} fit {version} {key} {' '.join(map(str, seeds))}")
        elif kind < 0.65:
            store.settle(key)
        elif kind < 0.95:
            say(f"start outputs {version} {key}")
            arrays = {"a": np.full(2000 + version % 9000, version), "b": np.array([version])}
            stored = store.keep_outputs(key, arrays)
            say(f"{'done' if not stored else 'failed'} outputs {version} {key}")
        else:
            store.members(key, SEEDS, lambda facts: True)


@contextmanager
def child(task: Callable[[Callable[[str], None]], None]) -> Iterator[tuple[int, int]]:
    """A forked process that runs a task; gives its number and the pipe on which it speaks."""
    reading, writing = os.pipe()
    number = os.fork()
    if number == 0:
        try:
            os.close(reading)
            task(lambda line: os.write(writing, f"{line}\n".encode()))  # type: ignore[arg-type, return-value]
        except BaseException:
            os.write(writing, f"error {traceback.format_exc()!r}\n".encode())
        finally:
            os._exit(0)
    os.close(writing)
    try:
        yield number, reading
    finally:
        os.close(reading)


def everything(reading: int, content: bytes = b"") -> list[str]:
    while piece := os.read(reading, 1 << 16):
        content += piece
    whole = content.decode()
    return whole[: whole.rfind("\n") + 1].splitlines()


class Truth:
    """For each thing the versions that may be found: the last one that was stored, and those begun since."""

    def __init__(self) -> None:
        self.allowed: dict[tuple[str, str, int], set[int]] = {}
        self.stored: set[tuple[str, str, int]] = set()
        self.n_stored = 0

    def hear(self, lines: list[str]) -> None:
        for line in lines:
            word, *rest = line.split(" ")
            assert word != "error", line
            what, version, key, *seeds = rest
            for seed in map(int, seeds or ["0"]):
                thing = (what, key, seed)
                if word == "start":
                    self.allowed.setdefault(thing, set()).add(int(version))
                elif word == "done":
                    self.allowed[thing] = {int(version)}
                    self.stored.add(thing)
                    self.n_stored += 1

    def check(self, folder: Path, *, may_miss: bool) -> None:
        found = found_in(folder)
        for thing, version in found.items():
            assert version in self.allowed[thing], (thing, version, self.allowed[thing])
        if not may_miss:
            assert self.stored <= found.keys(), self.stored - found.keys()
        for thing, version in found.items():
            self.allowed[thing] = {version}  # what is there now is what a reader has seen
            self.stored.add(thing)


def found_in(folder: Path) -> dict[tuple[str, str, int], int]:
    store = Store(folder, AMPLE)
    found = {}
    for key in KEYS:
        for seed, kept in store.members(key, SEEDS, lambda facts: True).items():
            assert kept.facts == {"version": kept.member.predict(None)}  # type: ignore[attr-defined]
            found["fit", key, seed] = kept.member.predict(None)  # type: ignore[attr-defined]
        arrays = store.outputs(key)
        if arrays is not None:
            (version,) = arrays["b"].tolist()
            assert arrays["a"].tolist() == [version] * (2000 + version % 9000)
            found["outputs", key, 0] = version
    assert store.notes == (), "a kill leaves no damage that a reader could see"
    return found


def killed_again_and_again(folder: Path, n_kills: int, max_bytes: int) -> Truth:
    truth, generator = Truth(), random.Random(20151215)
    for number in range(n_kills):
        before = time.perf_counter()
        task: Any = lambda say, n=number: work(Store(folder, max_bytes), random.Random(n), 1000 * (n + 1), say)  # noqa: E731
        with child(task) as (process, reading):
            begun = os.read(reading, 1 << 16)
            time.sleep(generator.uniform(0.0, 0.12))
            os.kill(process, signal.SIGKILL)
            truth.hear(everything(reading, begun))
            assert os.waitpid(process, 0)[1] == signal.SIGKILL, "it was still at work"
        truth.check(folder, may_miss=max_bytes == TIGHT)
        assert time.perf_counter() - before < 30.0, "no lock of the dead holds up the living"
    return truth


def leftovers(folder: Path) -> list[Path]:
    return list((folder / "drafts").iterdir())


def test_nothing_stored_is_lost_by_kills_at_random_moments(tmp_path):
    folder = tmp_path / "cache"

    truth = killed_again_and_again(folder, 140, AMPLE)

    assert truth.n_stored > 40, "the kills must not all come before the first thing is stored"
    assert len(leftovers(folder)) <= 4, "drafts of the dead do not pile up"
    assert Store(folder, AMPLE).keep_outputs("last", {"a": np.zeros(1)}) == ""
    assert leftovers(folder) == []


def test_kills_during_eviction_leave_right_content_or_none(tmp_path):
    folder = tmp_path / "cache"

    killed_again_and_again(folder, 60, TIGHT)

    assert len(leftovers(folder)) <= 4
    assert Store(folder, TIGHT).keep_outputs("last", {"a": np.zeros(1)}) == ""
    assert leftovers(folder) == []
    assert sum(part.size for part in eviction.weigh(folder)) <= TIGHT
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) <= TIGHT + 1000


def test_a_store_that_copies_its_parts_into_place_is_found_out(tmp_path, monkeypatch):
    """What these tests are worth: without the rename that moves a part as a whole, they fail."""

    def slowly(source: str, target: str) -> None:
        time.sleep(0.005)
        shutil.copy2(source, target)

    def copied(draft: Path, root: Path, shelf: str, key: str, *, label: str) -> Path:
        part = private.make_folder(root, shelf, key) / f"{label}-copied"
        return Path(shutil.copytree(draft, part, copy_function=slowly))

    monkeypatch.setattr(shelves, "publish", copied)

    with pytest.raises(AssertionError, match="a kill leaves no damage"):
        killed_again_and_again(tmp_path / "cache", 100, AMPLE)


@pytest.mark.slow_validity
@pytest.mark.parametrize("max_bytes", [AMPLE, TIGHT])
def test_a_thousand_kills(tmp_path, max_bytes):
    killed_again_and_again(tmp_path / "cache", 1000, max_bytes)


@pytest.mark.parametrize("point", ["fsync", "rename"])
def test_a_kill_before_and_after_every_step_of_a_write(tmp_path, point, monkeypatch):
    """Not at random: at each call that orders what is on disk, one after the other, until the write is through."""
    for number in range(40):
        folder = tmp_path / f"{point}{number}"
        assert Store(folder, AMPLE).keep("one", {0: (Model(1), 0.0, {"version": 1})}) == ""

        def task(say: Any, folder: Path = folder, number: int = number) -> None:
            real, calls = getattr(os, point), []

            def dying(*asked: Any, **named: Any) -> Any:
                calls.append(1)
                if len(calls) == number + 1:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*asked, **named)

            setattr(os, point, dying)
            store = Store(folder, AMPLE)
            store.keep("one", {1: (Model(2), 0.0, {"version": 2})})
            say("kept")
            store.settle("one")
            say("settled")

        with child(task) as (process, reading):
            said = everything(reading)
            status = os.waitpid(process, 0)[1]
        found = found_in(folder)
        assert found["fit", "one", 0] == 1
        assert ("kept" in said) <= (("fit", "one", 1) in found)
        if status == 0:
            assert said == ["kept", "settled"]
            assert number >= 3, "the write was killed at several points"
            return
    pytest.fail("never got through")


def test_a_kill_while_a_lock_is_held_gives_it_back(tmp_path):
    def task(say: Any) -> None:
        with Store(tmp_path / "c", AMPLE).lock("one"):
            say("holding")
            time.sleep(60)

    with child(task) as (process, reading):
        assert os.read(reading, 100) == b"holding\n"
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    started = time.perf_counter()
    with Store(tmp_path / "c", AMPLE).lock("one"):
        pass
    assert time.perf_counter() - started < 5.0


N_PROCESSES, N_ROUNDS = 4, 25


def at_work_with_others(folder: Path, number: int, max_bytes: int, say: Callable[[str], None]) -> None:
    """Write keys of one's own and one key that all write; read and settle what others have written."""
    generator, neighbour = random.Random(number), f"own{(number + 1) % N_PROCESSES}"
    for step in range(N_ROUNDS):
        store, version = Store(folder, max_bytes), 1000 * number + step
        for key in (f"own{number}", "all"):
            problem = store.keep(key, {step: (Model(version), 0.0, {"version": version})})
            problem += store.keep_outputs(key, {"a": np.full(3000, version)})
            say(f"stored {key} {step} {version} {problem}".strip())
        if generator.random() < 0.4:
            store.settle(generator.choice(("all", f"own{number}", neighbour)))
        for key in ("all", neighbour):
            for kept in store.members(key, range(N_ROUNDS), lambda facts: True).values():
                assert kept.facts == {"version": kept.member.predict(None)}  # type: ignore[attr-defined]
            outputs = store.outputs(key)
            assert outputs is None or (outputs["a"] == outputs["a"][0]).all()
        assert store.notes == ()
    say("finished")


def said_by_all(folder: Path, max_bytes: int) -> list[list[str]]:
    with ExitStack() as running:
        children = [
            running.enter_context(child(lambda say, n=number: at_work_with_others(folder, n, max_bytes, say)))  # type: ignore[misc]
            for number in range(N_PROCESSES)
        ]
        said = [everything(reading) for _, reading in children]
        for process, _ in children:
            os.waitpid(process, 0)
    assert all(lines[-1] == "finished" for lines in said), [lines[-1] for lines in said]
    return said


def test_four_processes_at_once_lose_nothing(tmp_path):
    said = said_by_all(tmp_path / "cache", AMPLE)

    store = Store(tmp_path / "cache", AMPLE)
    assert all(len(line.split()) == 4 for lines in said for line in lines[:-1]), "nothing failed to be stored"
    for number in range(N_PROCESSES):
        own = store.members(f"own{number}", range(N_ROUNDS), lambda facts: True)
        expected = {step: 1000 * number + step for step in range(N_ROUNDS)}
        assert {step: kept.member.predict(None) for step, kept in own.items()} == expected  # type: ignore[attr-defined]
        assert store.outputs(f"own{number}")["a"][0] == 1000 * number + N_ROUNDS - 1
    assert list(store.members("all", range(N_ROUNDS), lambda facts: True)) == list(range(N_ROUNDS))
    assert store.outputs("all") is not None
    assert leftovers(tmp_path / "cache") == []


def test_four_processes_at_once_keep_to_the_cap(tmp_path):
    folder = tmp_path / "cache"
    said_by_all(folder, TIGHT)

    assert Store(folder, TIGHT).keep_outputs("last", {"a": np.zeros(1)}) == ""
    assert sum(part.size for part in eviction.weigh(folder)) <= TIGHT
    assert leftovers(folder) == []
