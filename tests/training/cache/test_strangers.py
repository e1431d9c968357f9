"""The store: nothing is loaded that another user could have written."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

from pytest_mlspec.training.cache.private import NotPrivateError, open_private
from pytest_mlspec.training.cache.store import Store
from tests.training.cache.stored import Model, Trap, always, numbers, only_part


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
