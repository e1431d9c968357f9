"""The store: what is damaged or of another format is a miss, never trusted and never a crash."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pytest_mlspec.training.cache import eviction, parts
from pytest_mlspec.training.cache.checksums import BLOCK, array_digest
from tests.training.cache.stored import Model, Trap, always, filled, numbers, only_part


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
