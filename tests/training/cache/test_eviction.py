"""The cap on the size: least recently used first, never what this run has written or read."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from pytest_mlspec.training.cache import eviction, parts
from pytest_mlspec.training.cache.store import Store

SIZE = 80_000
CAP = 450_000
"""Room for five parts of about 80 kB and their manifests."""


def put(folder: Path, key: str, number: float, max_bytes: int = CAP) -> str:
    """Write in the name of a process of its own: what a process has just used it keeps."""
    return Store(folder, max_bytes).keep_outputs(key, {"a": np.full(SIZE // 8, number)})


def age(folder: Path, key: str, seconds: float) -> None:
    for manifest in (folder / "outputs" / key).glob("*/manifest.json"):
        moment = time.time() - seconds
        os.utime(manifest, (moment, moment))


def there(folder: Path) -> set[str]:
    return {path.name for path in (folder / "outputs").iterdir() if any(path.iterdir())}


def filled(folder: Path) -> None:
    """Five parts: a was used longest ago."""
    for number, key in enumerate("abcde"):
        assert put(folder, key, number) == ""
        age(folder, key, 1000.0 - 100 * number)


def test_the_least_recently_used_goes_first(tmp_path):
    filled(tmp_path / "c")

    assert put(tmp_path / "c", "f", 5) == ""

    assert there(tmp_path / "c") == set("bcdef")
    assert sum(part.size for part in eviction.weigh(tmp_path / "c")) <= CAP


def test_reading_counts_as_use(tmp_path):
    filled(tmp_path / "c")
    assert Store(tmp_path / "c", CAP).outputs("a")["a"][0] == 0.0

    put(tmp_path / "c", "f", 5)

    assert there(tmp_path / "c") == set("acdef")


def test_reading_members_counts_as_use(tmp_path):
    folder, array = tmp_path / "c", np.zeros(SIZE // 8)
    for key in ("old", "older"):
        assert Store(folder, CAP).keep(key, {0: (array.sum, 0.0, {})}) == ""
    for key, seconds in (("old", 50.0), ("older", 100.0)):
        (manifest,) = (folder / "fits" / key).glob("*/manifest.json")
        os.utime(manifest, (time.time() - seconds,) * 2)
    assert Store(folder, CAP).members("older", [0], lambda facts: True)
    for number in range(4):
        put(folder, f"new{number}", number)

    assert not Store(folder, CAP).members("old", [0], lambda facts: True)
    assert Store(folder, CAP).members("older", [0], lambda facts: True)


def test_the_size_is_that_of_the_files(tmp_path):
    filled(tmp_path / "c")

    found = sum(file.stat().st_size for file in (tmp_path / "c" / "outputs").rglob("*") if file.is_file())

    assert sum(part.size for part in eviction.weigh(tmp_path / "c")) == found


def test_a_part_that_was_copied_in_under_another_name_is_weighed_and_goes(tmp_path):
    filled(tmp_path / "c")
    part = next((tmp_path / "c" / "outputs" / "a").iterdir())
    part.rename(part.with_name("copied"))

    assert sum(part.size for part in eviction.weigh(tmp_path / "c")) > 5 * SIZE
    put(tmp_path / "c", "f", 5)
    assert there(tmp_path / "c") == set("bcdef")


def test_a_smaller_cap_holds_from_the_next_write_on(tmp_path):
    filled(tmp_path / "c")

    assert put(tmp_path / "c", "f", 5, max_bytes=200_000) == ""

    assert there(tmp_path / "c") == set("ef")


def test_no_member_outlives_the_one_that_replaced_it(tmp_path):
    """A member that was trained again must not give way to the one that it was to replace."""
    folder = tmp_path / "c"

    def keep(number: float) -> None:
        assert Store(folder, CAP).keep("key", {0: (np.full(SIZE // 8, number).max, 0.0, {})}) == ""

    keep(1.0)
    (first,) = (folder / "fits" / "key").iterdir()
    keep(2.0)
    (second,) = set((folder / "fits" / "key").iterdir()) - {first}
    os.utime(second / "manifest.json", (0, 0))
    for number in range(4):
        put(folder, f"new{number}", number)

    found = Store(folder, CAP).members("key", [0], lambda facts: True)
    assert second.exists()
    assert not first.exists()
    assert found[0].member() == 2.0  # type: ignore[operator]

    keep(3.0)
    store = Store(folder, CAP)
    store.members("key", [0], lambda facts: True)
    for number in range(6):
        store.keep_outputs(f"newer{number}", {"a": np.full(SIZE // 8, number)})
    assert Store(folder, CAP).members("key", [0], lambda facts: True)[0].member() == 3.0  # type: ignore[operator]


def test_what_is_larger_than_the_cap_is_not_stored_and_nothing_goes_for_it(tmp_path):
    filled(tmp_path / "c")

    reason = Store(tmp_path / "c", CAP).keep_outputs("f", {"a": np.zeros(CAP)})

    assert reason == f"it takes {8 * CAP + 128:,} bytes, more than the whole cache may ({CAP:,})"
    assert there(tmp_path / "c") == set("abcde")
    assert not list((tmp_path / "c" / "drafts").iterdir())


def test_what_this_run_uses_is_never_evicted_and_what_has_no_room_is_said(tmp_path):
    filled(tmp_path / "c")
    store = Store(tmp_path / "c", CAP)
    assert store.outputs("a") is not None
    for number in range(4):
        assert store.keep_outputs(f"own{number}", {"a": np.full(SIZE // 8, number)}) == ""
    assert there(tmp_path / "c") == {"a", "own0", "own1", "own2", "own3"}

    reason = store.keep_outputs("own4", {"a": np.zeros(SIZE // 8)})

    assert "what this run uses fills the cache already" in reason
    assert there(tmp_path / "c") == {"a", "own0", "own1", "own2", "own3"}


def test_settling_does_not_count_what_it_replaces(tmp_path):
    """The room for the one part is that of the parts it takes the place of."""
    store = Store(tmp_path / "c", CAP)
    for seed in range(4):
        assert store.keep("key", {seed: (np.full(SIZE // 8, seed).sum, 0.0, {})}) == ""

    store.settle("key")

    assert len(list((tmp_path / "c" / "fits" / "key").iterdir())) == 1
    assert len(store.members("key", range(4), lambda facts: True)) == 4


def test_empty_folders_and_old_locks_go_with_their_parts(tmp_path):
    folder = tmp_path / "c"
    filled(folder)
    with Store(folder, CAP).lock("a"), Store(folder, CAP).lock("b"):
        pass
    old, new = folder / "locks" / "old.lock", folder / "locks" / "new.lock"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))

    put(folder, "f", 5)

    assert not (folder / "outputs" / "a").exists()
    assert not old.exists()
    assert new.exists()


def test_parts_that_another_process_evicts_at_the_same_time_are_no_error(tmp_path, monkeypatch):
    filled(tmp_path / "c")
    real = eviction.discard

    def twice(root: Path, path: Path) -> None:
        real(root, path)
        real(root, path)

    monkeypatch.setattr(eviction, "discard", twice)

    assert put(tmp_path / "c", "f", 5) == ""
    assert there(tmp_path / "c") == set("bcdef")


def test_drafts_of_the_dead_are_swept_and_those_of_the_living_stay(tmp_path):
    folder = tmp_path / "c"
    with parts.draft_folder(folder) as living:
        (living / "half").write_text("")
        dead, locked = folder / "drafts" / "1-dead", folder / "drafts" / "1-dead.lock"
        young, old = folder / "drafts" / "2-young", folder / "drafts" / "3-old"
        for draft in (dead, young, old):
            draft.mkdir()
            (draft / "half").write_text("")
        locked.touch()
        os.utime(old, (0, 0))

        parts.sweep(folder)

        assert (living / "half").exists()
        assert not dead.exists()
        assert not locked.exists()
        assert young.exists(), "its process may be just about to lock it"
        assert not old.exists()
    assert sorted(path.name for path in (folder / "drafts").iterdir()) == ["2-young"]


@pytest.mark.parametrize("name", ["", "12", "x-1-y"])
def test_the_weight_of_a_part_of_another_name(tmp_path, name):
    part = tmp_path / f"p{name}"
    part.mkdir()
    (part / "file").write_bytes(b"12345")

    assert eviction.weight(part).size == 5
