"""What a fit opens is seen, in every thread, and what it does that nothing can follow is said."""
# ruff: noqa: SIM115 - to open a file is what is watched here

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_mlspec.training.cache.watching import Seen, file_digest, folder_digest, watching


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Seen]:
    """What was seen of a piece of work, in a folder with `old.txt`."""
    (tmp_path / "old.txt").write_text("old")
    os.utime(tmp_path / "old.txt", (1, 1))
    monkeypatch.chdir(tmp_path)

    def run(work: Callable[[], object], *skipped: str) -> Seen:
        with watching(skipped) as watch:
            work()
        return watch.seen()

    return run


def names(found: Seen) -> set[str]:
    return {os.path.basename(path) for path in found.files}


@pytest.mark.parametrize(
    "work",
    [
        lambda: open("old.txt").read(),
        lambda: open(b"old.txt", "rb").read(),
        lambda: open(os.path.abspath("old.txt")).read(),
        lambda: os.close(os.open("old.txt", os.O_RDONLY)),
        lambda: Path("old.txt").read_text(),
    ],
)
def test_files_that_are_read(seen, work):
    found = seen(work)

    assert found.files == {os.path.abspath("old.txt"): file_digest("old.txt")}
    assert (found.folders, found.reasons) == ({}, ())


def test_reading_in_another_thread(seen):
    def work() -> None:
        thread = threading.Thread(target=lambda: Path("old.txt").read_text())
        thread.start()
        thread.join()

    assert names(seen(work)) == {"old.txt"}


def test_nothing_is_seen_outside_of_the_block(seen):
    found = seen(lambda: None)
    Path("old.txt").read_text()

    assert found == Seen(files={}, folders={})


@pytest.mark.parametrize(
    "work",
    [
        lambda: open("new.txt", "w").write("x"),
        lambda: (open("new.txt", "w").write("x"), open("new.txt").read()),
        lambda: (open("old.txt", "w").write("x"), open("old.txt").read()),
        lambda: open("old.txt", "a").write("x"),
        lambda: Path("new.txt").write_text("x"),
        lambda: (open("new.txt", "w+").write("x"), os.remove("new.txt")),
        lambda: tempfile.TemporaryFile().write(b"x"),
        lambda: (os.close(os.open("new.txt", os.O_RDWR | os.O_CREAT | os.O_EXCL)), os.remove("new.txt")),
        lambda: (os.close(os.open("new.txt", os.O_RDWR | os.O_CREAT)), os.remove("new.txt")),
        lambda: open(os.devnull).read(),
        lambda: open("/proc/self/status").read(),
        lambda: open(os.__file__).read(),
        lambda: open(pytest.__file__).read(),
    ],
)
def test_what_the_fit_made_and_what_belongs_to_the_system_is_no_input(seen, work):
    assert seen(work) == Seen(files={}, folders={})


def test_what_an_extension_wrote_is_no_input(seen):
    """An extension writes without an event; the moment of the change tells."""

    def work() -> None:
        with open("made.bin", "wb") as file:
            file.write(b"1")
        from pytest_mlspec.training.cache import watching as module

        module._ACTIVE[-1].written.clear()  # as if nothing had been heard of it
        open("made.bin", "rb").read()

    found = seen(work)

    assert found.files == {}
    assert found.reasons == ()


def test_a_missing_file_is_put_down_as_missing(seen):
    def work() -> None:
        with pytest.raises(FileNotFoundError):
            open("none.txt")

    assert seen(work).files == {os.path.abspath("none.txt"): ""}


def test_folders_that_are_listed_without_what_the_fit_made(seen):
    Path("parts").mkdir()

    def work() -> None:
        Path("parts/mine.txt").write_text("x")
        os.listdir("parts")
        list(os.scandir("."))

    found = seen(work, os.path.abspath("kept") + os.sep)

    assert set(found.folders) == {os.path.abspath("parts"), os.path.abspath(".")}
    assert found.folders[os.path.abspath("parts")] == (folder_digest("parts", ["mine.txt"]), ("mine.txt",))
    assert found.folders[os.path.abspath(".")][1] == ("kept",)


def test_skipped_folders(seen):
    assert seen(lambda: open("old.txt").read(), os.getcwd() + os.sep).files == {}


@pytest.mark.parametrize(
    "work",
    [
        lambda: (open("old.txt").read(), open("old.txt", "w").write("x")),
        lambda: (open("old.txt").read(), os.remove("old.txt")),
        lambda: (open("old.txt").read(), os.utime("old.txt", (2, 2))),
        lambda: open(Path("old.txt"), "r+").read(),
        lambda: open("old.txt", "a+").read(),
        lambda: os.close(os.open("old.txt", os.O_RDWR)),
    ],
)
def test_a_file_that_is_read_and_changed_cannot_be_trusted(seen, work):
    assert seen(work).reasons == (f"it changes {os.path.abspath('old.txt')}, which it reads",)


def test_a_database(seen):
    connection = sqlite3.connect("rows.db")
    connection.execute("create table t (x)")
    connection.commit()
    connection.close()
    os.utime("rows.db", (1, 1))

    def work() -> None:
        sqlite3.connect("rows.db").execute("select * from t").fetchall()

    assert names(seen(work)) == {"rows.db", "rows.db-wal"}
    assert seen(lambda: sqlite3.connect(":memory:")) == Seen(files={}, folders={})


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda: subprocess.run(["true"]), "it starts a process (subprocess.Popen: true)"),
        (lambda: os.system("true"), "it starts a process (os.system)"),
        (lambda: os.waitpid(os.fork() or os._exit(0), 0), "it starts a process (os.fork)"),
        (lambda: __import__("socket").getaddrinfo("127.0.0.1", 9), "it opens a connection (socket.getaddrinfo)"),
        (
            lambda: sqlite3.connect("file:x?mode=memory", uri=True),
            "it opens a database by an address (sqlite3.connect)",
        ),
    ],
)
def test_what_nothing_can_follow(seen, work, words):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forks beside threads

        assert seen(work).reasons == (words,)


def test_workers_of_joblib_that_are_not_ours(tmp_path):
    """Also those that ran before the fit began."""
    script = """
import joblib
from pytest_mlspec.training.cache.watching import watching
work = lambda: joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(n) for n in range(4))
work()
with watching() as watch:
    work()
print(watch.seen().reasons)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "('it works in further processes',)"


def test_a_warning_that_quotes_its_source_reads_no_input(seen, tmp_path):
    (tmp_path / "own.py").write_text("import warnings\ndef work():\n    warnings.warn('x')\n")
    space: dict[str, Callable[[], None]] = {}
    exec(compile((tmp_path / "own.py").read_text(), str(tmp_path / "own.py"), "exec"), space)

    def work() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = lambda *a, **k: print(warnings.formatwarning(*a[:4]))
            space["work"]()

    assert names(seen(work)) == set()


def test_two_fits_at_once_hear_both(seen):
    with watching() as outer, watching() as inner:
        open("old.txt").read()

    assert outer.seen() == inner.seen()
    assert names(inner.seen()) == {"old.txt"}


def test_a_hash_is_that_of_the_present_content(tmp_path):
    path = tmp_path / "a"
    path.write_text("1")
    first = file_digest(str(path))
    path.write_text("2")
    os.utime(path, ns=(0, path.stat().st_mtime_ns))

    assert file_digest(str(path)) != first
    assert file_digest(str(tmp_path / "none")) is None


def test_the_import_system_lists_nothing_but_a_module_that_is_imported_does(tmp_path):
    """The first fit imports most: what looks for packages in every folder of the path is no input of it."""
    (tmp_path / "images").mkdir()
    (tmp_path / "looks.py").write_text(
        "import os, pathlib\nos.listdir('images'); pathlib.Path('rate.txt').read_text()\n"
    )
    (tmp_path / "rate.txt").write_text("1")
    script = """
import os, sys
from pytest_mlspec.training.cache.watching import watching
with watching() as watch:
    import importlib.metadata
    list(importlib.metadata.entry_points(group="x"))
    import pkgutil
    list(pkgutil.iter_modules())
    import looks
seen = watch.seen()
print(sorted(map(os.path.basename, seen.folders)), sorted(map(os.path.basename, seen.files)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=100
    )

    assert done.stdout.strip() == "['images'] ['looks.py', 'rate.txt']"
