"""The store: what is damaged, foreign or of another format is a miss, never trusted and never a crash."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_mlspec.training.cache import eviction, parts
from pytest_mlspec.training.cache.checksums import BLOCK, array_digest
from pytest_mlspec.training.cache.private import NotPrivateError, open_private
from pytest_mlspec.training.cache.store import Store

WEIGHTS = np.arange(3000.0)


class Model:
    def __init__(self, number: float) -> None:
        self.number, self.weights = number, WEIGHTS + number

    def predict(self, X: object) -> float:
        return self.number


class Trap:
    """Unpickling it leaves a trace."""

    sprung: list[str] = []  # noqa: RUF012  # one list for all is meant

    def __init__(self, name: str) -> None:
        self.name = name

    def predict(self, X: object) -> str:
        return self.name

    def __setstate__(self, state: dict[str, str]) -> None:
        self.__dict__.update(state)
        Trap.sprung.append(self.name)


def always(facts: object) -> bool:
    return True


def numbers(store: Store, *seeds: int, key: str = "key") -> dict[int, Any]:
    return {seed: kept.member.predict(None) for seed, kept in store.members(key, seeds, always).items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def store(folder: Path) -> Store:
    return Store(folder, 10**9)


def only_part(folder: Path, shelf: str = "fits", key: str = "key") -> Path:
    (part,) = (folder / shelf / key).iterdir()
    return part


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


# ---- damage ----------------------------------------------------------------------------------------------------------


def filled(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trap, "sprung", [])
    store.keep("key", {0: (Model(0.0), 0.0, {})})
    store.keep("trap", {0: (Trap("a"), 0.0, {})})
    store.keep_outputs("key", {"a": np.arange(5000.0), "b": np.zeros(3)})
    Trap.sprung.clear()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def lengthened(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\0")


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def removed(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("damage", [cut, emptied, lengthened, flipped, removed])
@pytest.mark.parametrize(
    "name", ["fits/key:manifest.json", "fits/key:skeletons.pickle", "fits/key:arrays.npy", "fits/trap:skeletons.pickle"]
    + ["outputs/key:manifest.json", "outputs/key:0.npy", "outputs/key:1.npy"]
)  # fmt: skip
def test_a_damaged_part_is_a_miss_and_removed(store, folder, monkeypatch, name, damage):
    filled(store, monkeypatch)
    shelf, _, file = name.partition(":")
    part = only_part(folder, *shelf.split("/"))
    damage(part / file)

    assert (store.members(shelf.split("/")[1], [0], always), store.outputs("key"))[shelf.startswith("outputs")] in (
        {},
        None,
    )
    assert Trap.sprung == [], "nothing damaged is unpickled"
    assert not part.exists()
    assert store.notes, "and said"
    if shelf != "outputs/key":
        assert store.outputs("key") is not None, "the others are as they were"

    store.keep("key", {0: (Model(7.0), 0.0, {})})
    store.keep_outputs("key", {"a": np.ones(1)})
    assert numbers(store, 0) == {0: 7.0}
    assert store.outputs("key") == {"a": 1.0}


def test_a_flipped_bit_anywhere_in_a_part_is_found(store, folder):
    store.keep_outputs("key", {"a": np.random.default_rng(0).random(40_000)})
    store.keep("key", {0: (Model(0.0), 0.0, {})})
    generator = np.random.default_rng(1)
    files = [file for shelf in ("fits", "outputs") for file in only_part(folder, shelf).iterdir()]

    for file in files:
        content = file.read_bytes()
        for bit in generator.integers(0, 8 * len(content), 60):
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << (bit % 8)
            file.write_bytes(changed)
            with pytest.raises(parts.Damaged):
                everything(file.parent)
        file.write_bytes(content)
        everything(file.parent)


def everything(part: Path) -> None:
    body = parts.read_manifest(part)
    for name in body["files"]:  # type: ignore[attr-defined]
        parts.read_file(part, body, name)


def test_pages_that_were_lost_or_swapped_are_found():
    """What a crash of a machine leaves in a file: pages of zeros, of older content, in another place."""
    generator = np.random.default_rng(0)
    content = generator.integers(0, 256, BLOCK + 50_001, dtype=np.uint8)
    sound = array_digest(content)
    seen = {sound}
    pages = range(0, len(content) - 8192, 4096)
    for page in pages:
        zeroed, swapped, repeated = content.copy(), content.copy(), content.copy()
        zeroed[page : page + 4096] = 0
        swapped[page : page + 4096], swapped[page + 4096 : page + 8192] = (
            content[page + 4096 : page + 8192],
            content[page : page + 4096],
        )
        repeated[page : page + 4096] = content[page + 4096 : page + 8192]
        seen |= {array_digest(zeroed), array_digest(swapped), array_digest(repeated)}
    assert len(seen) == 1 + 3 * len(pages)

    blocks = generator.integers(0, 256, (3, BLOCK), dtype=np.uint8)
    assert len({array_digest(blocks[list(order)].ravel()) for order in ((0, 1, 2), (1, 0, 2), (0, 2, 1))}) == 3
    assert (
        array_digest(np.zeros(8, np.uint8))
        != array_digest(np.zeros(9, np.uint8))
        != array_digest(np.zeros(0, np.uint8))
    )


@pytest.mark.parametrize("places", [(10, 500), (10, 5000), (10, 522), (7, 8)])
def test_two_signs_that_change_together_are_found(places):
    """They cancel in a sum of words modulo 2^64, with whatever odd factors."""
    values = np.random.default_rng(0).normal(size=9000)
    changed = values.copy()
    changed[list(places)] *= -1.0

    assert np.sum(values.view(np.uint64)) == np.sum(changed.view(np.uint64)), "a plain sum misses it"
    assert array_digest(values.view(np.uint8)) != array_digest(changed.view(np.uint8))


def test_random_damage_of_many_places_is_found():
    generator = np.random.default_rng(1)
    content = generator.integers(0, 256, 200_000, dtype=np.uint8)
    sound = array_digest(content)
    for _ in range(500):
        damaged = content.copy()
        places = generator.integers(0, len(content), generator.integers(1, 1000))
        damaged[places] ^= generator.integers(1, 256, len(places), dtype=np.uint8)
        assert (array_digest(damaged) == sound) == np.array_equal(damaged, content)


def test_a_manifest_of_another_format_is_a_miss(store, folder):
    store.keep("key", {0: (Model(0.0), 0.0, {})})
    manifest = only_part(folder) / "manifest.json"
    text = manifest.read_text().splitlines()[1].replace('"format": 1', '"format": 2')
    head = json.dumps({"format": 2, "blake2b": parts.strong_digest(text.encode())})
    manifest.write_text(f"{head}\n{text}\n")

    assert store.members("key", [0], always) == {}
    assert not list(folder.glob("fits/*/*"))


def test_damage_in_one_part_leaves_the_other_members(store, folder):
    for seed in range(4):
        store.keep("key", {seed: (Model(seed), 0.0, {})})
    for part in (folder / "fits" / "key").iterdir():
        seed = json.loads((part / "manifest.json").read_text().splitlines()[1])["members"][0]["seed"]
        if seed in (1, 2):
            flipped(part / "arrays.npy")

    assert numbers(store, *range(4)) == {0: 0, 3: 3}
    store.settle("key")
    assert numbers(store, *range(4)) == {0: 0, 3: 3}


def test_an_older_sound_member_stands_in_for_a_damaged_one(store, folder):
    store.keep("key", {0: (Model(1.0), 0.0, {})})
    first = only_part(folder)
    store.keep("key", {0: (Model(2.0), 0.0, {})})
    (second,) = set((folder / "fits" / "key").iterdir()) - {first}
    flipped(second / "arrays.npy")

    assert numbers(store, 0) == {0: 1.0}


def test_settling_damage_loses_nothing_sound(store, folder):
    for seed in range(3):
        store.keep("key", {seed: (Model(seed), 0.0, {})})
    flipped(sorted((folder / "fits" / "key").iterdir())[1] / "arrays.npy")

    store.settle("key")

    assert len(numbers(store, 0, 1, 2)) == 2


def test_strange_files_in_the_folder_harm_nothing(store, folder):
    store.keep("key", {0: (Model(0.0), 0.0, {})})
    (folder / "fits" / "key" / ".DS_Store").write_text("")
    (folder / "fits" / "stray").write_text("")
    (folder / "fits" / "key" / "12-empty").mkdir(mode=0o700)
    (folder / "drafts" / "note.txt").write_text("")

    assert numbers(store, 0) == {0: 0.0}
    eviction.make_room(folder, 10**9, set())
    parts.sweep(folder)


def test_a_full_disk_is_a_reason_and_leaves_nothing_behind(tmp_path):
    """The limit on the size of a file stands in for the full disk: the write fails half-way."""
    work = """
import resource, signal, sys, numpy as np
from pathlib import Path
from pytest_mlspec.training.cache.store import Store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store(Path(sys.argv[1]), 10**9)
assert store.keep_outputs("small", {"a": np.zeros(10)}) == ""
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
print(store.keep_outputs("large", {"a": np.zeros(100_000)}))
print(store.keep("large", {0: (np.zeros(100_000).sum, 0.0, {})}))
print(store.outputs("large"), store.members("large", [0], lambda facts: True), store.outputs("small")["a"].sum())
"""
    found = subprocess.run(
        [sys.executable, "-c", work, str(tmp_path / "c")], capture_output=True, text=True, check=True
    )

    lines = found.stdout.splitlines()
    assert lines[0] == lines[1] == "OSError: [Errno 27] File too large"
    assert lines[2] == "None {} 0.0"
    assert [path.name for path in (tmp_path / "c" / "drafts").iterdir()] == []


# ---- strangers -------------------------------------------------------------------------------------------------------


def is_root() -> bool:
    return hasattr(os, "getuid") and os.getuid() == 0


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
@pytest.mark.parametrize("place", ["", "fits", "fits/key", "part"])
def test_nothing_is_loaded_from_a_folder_that_others_can_write(store, folder, place, mode, monkeypatch):
    monkeypatch.setattr(Trap, "sprung", [])
    store.keep("key", {0: (Trap("a"), 0.0, {})})
    Trap.sprung.clear()
    where = only_part(folder) if place == "part" else folder / place
    where.chmod(mode)

    assert store.members("key", [0], always) == {}
    assert Trap.sprung == []
    if place == "":
        assert f"can be written by others (mode={mode:o})" in store.problem
        assert "can be written by others" in store.keep("key", {0: (Model(0), 0.0, {})})
        assert "can be written by others" in store.keep_outputs("key", {"a": np.zeros(1)})
    where.chmod(0o700)
    assert numbers(store, 0) == {0: "a"}, "it was not removed either"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
@pytest.mark.parametrize("file", ["manifest.json", "skeletons.pickle"])
def test_nothing_is_loaded_from_a_file_that_others_can_write(store, folder, file, mode, monkeypatch):
    monkeypatch.setattr(Trap, "sprung", [])
    store.keep("key", {0: (Trap("a"), 0.0, {})})
    Trap.sprung.clear()
    (only_part(folder) / file).chmod(mode)

    assert store.members("key", [0], always) == {}
    assert Trap.sprung == []
    assert "can be written by others" in store.notes[0]


@pytest.mark.skipif(not is_root(), reason="only root can give files away")
@pytest.mark.parametrize("place", ["", "fits", "part", "manifest.json", "skeletons.pickle"])
def test_nothing_is_loaded_that_belongs_to_another_user(store, folder, place, monkeypatch):
    monkeypatch.setattr(Trap, "sprung", [])
    store.keep("key", {0: (Trap("a"), 0.0, {})})
    Trap.sprung.clear()
    part = only_part(folder)
    where = {"": folder, "fits": folder / "fits", "part": part}.get(place, part / place)
    os.chown(where, 12345, 12345)

    assert store.members("key", [0], always) == {}
    assert Trap.sprung == []
    if place == "":
        assert store.problem == f"{folder} belongs to user 12345, expected 0"


def test_links_inside_are_refused(store, folder, monkeypatch, tmp_path):
    monkeypatch.setattr(Trap, "sprung", [])
    store.keep("key", {0: (Trap("a"), 0.0, {})})
    Trap.sprung.clear()
    part = only_part(folder)
    elsewhere = tmp_path / "elsewhere"
    shutil.move(part / "skeletons.pickle", elsewhere)
    (part / "skeletons.pickle").symlink_to(elsewhere)

    assert store.members("key", [0], always) == {}
    assert Trap.sprung == []
    with pytest.raises(NotPrivateError, match="is a link"):
        open_private(part / "skeletons.pickle")


def test_the_cache_may_itself_be_reached_by_a_link(tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = Store(tmp_path / "link" / "cache", 10**9)

    assert store.keep("key", {0: (Model(1.0), 0.0, {})}) == ""
    assert numbers(store, 0) == {0: 1.0}


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022, 0o077])
def test_what_is_written_is_private_whatever_the_umask(folder, umask):
    before = os.umask(umask)
    try:
        store = Store(folder, 10**9)
        assert store.keep("key", {0: (Model(1.0), 0.0, {})}) == ""
    finally:
        os.umask(before)

    assert store.problem == ""
    assert numbers(store, 0) == {0: 1.0}
    assert {path.stat().st_mode & 0o777 for path in only_part(folder).iterdir()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (folder, folder / "fits", only_part(folder))} == {0o700}


def test_why_a_folder_cannot_be_used(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    assert Store(tmp_path / "file", 1).problem == f"{tmp_path / 'file'} is not a folder of its own"
    assert Store(tmp_path / "file" / "below", 1).problem == f"{tmp_path / 'file'} is not a folder"

    (tmp_path / "mine").mkdir(mode=0o700)
    monkeypatch.setattr(os, "access", lambda *asked: False)  # root may write anywhere
    assert Store(tmp_path / "mine", 1).problem == f"{tmp_path / 'mine'} is read-only"


def test_a_read_only_cache_can_still_be_read(store, folder, monkeypatch):
    store.keep("key", {0: (Model(1.0), 0.0, {})})
    store.keep_outputs("key", {"a": np.ones(1)})

    def refuse(*asked: object, **named: object) -> None:
        raise PermissionError(30, "Read-only file system")

    for name in ("mkdir", "rename", "utime", "unlink", "rmdir"):
        monkeypatch.setattr(os, name, refuse)

    assert numbers(store, 0) == {0: 1.0}
    assert store.outputs("key") is not None
    assert "Read-only" in store.keep("key", {1: (Model(1.0), 0.0, {})})


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
