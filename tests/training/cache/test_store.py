"""The store: what is kept and found again, by one process or several."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pytest_mlspec.training.cache import parts
from pytest_mlspec.training.cache.store import Store
from tests.training.cache.stored import Model, always, numbers, only_part

# ---- what is kept and found ------------------------------------------------------------------------------------------


def test_members_are_found_seed_by_seed(store):
    store.keep("key", {seed: (Model(seed), 1.0 + seed, {"n": seed}) for seed in (3, 1)})

    found = store.members("key", [1, 2, 3], always)

    assert {seed: (kept.seconds, kept.facts) for seed, kept in found.items()} == {
        1: (2.0, {"n": 1}),
        3: (4.0, {"n": 3}),
    }
    assert list(found) == [1, 3], "in the order of the seeds asked for"
    assert store.members("other", [1], always) == {}


def test_facts_that_no_longer_hold_make_a_miss_and_are_asked_once(store):
    store.keep("key", {seed: (Model(seed), 0.0, {"file": "a" if seed < 3 else "b"}) for seed in range(5)})
    asked = []

    def still(facts: Any) -> bool:
        asked.append(facts["file"])
        return facts["file"] == "a"

    assert list(store.members("key", range(5), still)) == [0, 1, 2]
    assert sorted(asked) == ["a", "b"]


def test_the_later_of_two_members_counts_unless_its_facts_no_longer_hold(store):
    store.keep("key", {0: (Model(1.0), 0.0, {"file": "old"})})
    store.keep("key", {0: (Model(2.0), 0.0, {"file": "new"})})

    assert numbers(store, 0) == {0: 2.0}
    found = store.members("key", [0], lambda facts: facts["file"] == "old")
    assert found[0].member.predict(None) == 1.0


def test_later_is_later_although_the_clock_was_set_back(store, monkeypatch):
    store.keep("key", {0: (Model(1.0), 0.0, {})})
    store.keep_outputs("key", {"a": np.array(1.0)})
    monkeypatch.setattr("time.time_ns", lambda: 5)
    store.keep("key", {0: (Model(2.0), 0.0, {})})
    store.keep_outputs("key", {"a": np.array(2.0)})

    assert numbers(store, 0) == {0: 2.0}
    store.settle("key")
    assert numbers(store, 0) == {0: 2.0}
    assert store.outputs("key")["a"] == 2.0


def test_settling_makes_one_part_of_many(store, folder):
    for seed in range(6):
        store.keep("key", {seed: (Model(seed), 0.5, {"seed": seed})})
    store.keep("key", {2: (Model(20.0), 0.25, {"seed": "again"})})
    before = numbers(store, *range(6))

    store.settle("key")

    part = only_part(folder)
    assert numbers(store, *range(6)) == before == {0: 0, 1: 1, 2: 20, 3: 3, 4: 4, 5: 5}
    found = store.members("key", [2, 3], always)
    assert [(kept.seconds, kept.facts) for kept in found.values()] == [(0.25, {"seed": "again"}), (0.5, {"seed": 3})]
    store.settle("key")
    assert only_part(folder) == part, "what is settled stays"


def test_large_keys_stay_as_they_were_written(store, folder, monkeypatch):
    monkeypatch.setattr("pytest_mlspec.training.cache.store._SETTLED_WHOLE", 1000)
    for seed in range(2):
        store.keep("key", {seed: (Model(seed), 0.0, {})})

    store.settle("key")

    assert len(list((folder / "fits" / "key").iterdir())) == 2
    assert numbers(store, 0, 1) == {0: 0, 1: 1}


def test_outputs_come_back_without_pickle(store, folder, monkeypatch):
    generator = np.random.default_rng(0)
    structured = np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    arrays = {
        "probabilities": generator.random((3, 50, 4), dtype=np.float32),
        "columns": np.asfortranarray(generator.random((30, 40))),
        "strided": generator.random(90)[::3],
        "labels": np.array([["a", "bcd"], ["", "é"]]),
        "flags": np.array([True, False]),
        "one": np.array(np.pi),
        "none": np.empty((0, 3), np.int16),
        "swapped": np.arange(4, dtype=">i4"),
        "dates": np.array(["2020-01-01", "NaT"], dtype="datetime64[s]"),
        "structured": structured,
        "nan": np.array([np.nan, -0.0]),
        "a name / with .. signs": np.arange(2),
    }
    assert store.keep_outputs("key", arrays) == ""
    monkeypatch.setattr(pickle, "loads", None)
    monkeypatch.setattr(pickle, "load", None)

    found = store.outputs("key")

    assert list(found) == list(arrays)
    for name, values in arrays.items():
        assert (found[name].dtype, found[name].shape) == (values.dtype, values.shape), name
        assert found[name].tobytes() == values.tobytes(), name
    found["one"][...] = 0.0
    for file in only_part(folder, "outputs").glob("*.npy"):
        np.load(file, allow_pickle=False)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.array([{}], dtype=object), "a has dtype=object, which only pickle could store"),
        (np.ma.masked_array([1, 2], [0, 1]), "a is MaskedArray, expected a plain NumPy array"),
        ([1, 2], "a is list, expected a plain NumPy array"),
    ],
)
def test_outputs_that_need_pickle_or_would_lose_something_are_refused(store, values, reason):
    assert store.keep_outputs("key", {"a": values}) == reason
    assert store.outputs("key") is None


def test_new_outputs_take_the_place_of_old_ones(store, folder):
    store.keep_outputs("key", {"a": np.zeros(3)})
    store.keep_outputs("key", {"b": np.ones(3)})

    assert list(store.outputs("key")) == ["b"]
    assert only_part(folder, "outputs")


@pytest.mark.parametrize("key", ["", "../up", "a/b", ".hidden", "x" * 200, "a\n"])
def test_a_key_is_the_name_of_a_folder(store, key):
    for ask in (
        lambda: store.members(key, [0], always),
        lambda: store.keep(key, {0: (Model(0), 0.0, {})}),
        lambda: store.outputs(key),
        lambda: store.keep_outputs(key, {"a": np.zeros(1)}),
    ):
        with pytest.raises(ValueError, match="expected letters"):
            ask()


def test_bad_arguments_are_said(folder, store):
    with pytest.raises(ValueError, match="max_bytes=0: expected a positive"):
        Store(folder, 0)
    with pytest.raises(TypeError, match="not JSON serializable"):
        store.keep("key", {0: (Model(0), 0.0, {"a": np.float64})})


def test_nothing_is_made_until_something_is_kept(store, folder):
    assert store.problem == ""
    assert store.members("key", [0], always) == {}
    assert store.outputs("key") is None
    store.settle("key")

    assert not folder.exists()


def test_the_folder_is_kept_out_of_version_control_and_backups(store, folder):
    store.keep_outputs("key", {"a": np.zeros(1)})

    assert (folder / ".gitignore").read_text() == "*\n"
    assert (folder / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    (folder / ".gitignore").write_text("")  # cut short by a process that died
    store.keep_outputs("key", {"a": np.zeros(1)})
    assert (folder / ".gitignore").read_text() == "*\n"


# ---- several at once -------------------------------------------------------------------------------------------------


def test_one_at_a_time_holds_the_lock_of_a_key(store):
    inside, most = 0, 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        with Store(store.folder, 10**9).lock("key"):
            with guard:
                inside += 1
                most = max(most, inside)
            threading.Event().wait(0.02)
            with guard:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert most == 1
    with store.lock("one"), store.lock("other"):
        pass


def test_a_file_system_without_locks_is_a_reason(store, monkeypatch):
    import filelock

    def refuse(*asked: object, **named: object) -> None:
        raise NotImplementedError("FileSystem does not appear to support flock; use SoftFileLock instead")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)

    assert "a file system without locks" in store.keep("key", {0: (Model(0), 0.0, {})})
    with pytest.raises(OSError, match="a file system without locks"), store.lock("key"):
        pass


def test_a_part_that_is_settled_between_looking_and_reading_is_found_in_its_new_place(store, folder, monkeypatch):
    for seed in range(3):
        store.keep("key", {seed: (Model(seed), 0.0, {})})
    other = Store(folder, 10**9)
    real: Callable[..., Any] = parts.read_file
    calls = []

    def late(*asked: Any) -> Any:
        if not calls:
            calls.append(1)
            other.settle("key")
        return real(*asked)

    monkeypatch.setattr("pytest_mlspec.training.cache.entries.read_file", late)

    assert numbers(store, 0, 1, 2) == {0: 0, 1: 1, 2: 2}
    assert store.notes == ()
