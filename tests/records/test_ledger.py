"""The ledger counts distinct models exactly, whoever asks at the same time, and never touches what is not a ledger."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pytest_mlspec.records import Ledger, Read, ledger_file

WRITER = """
import json, sys
from pytest_mlspec.records import Ledger

path, first, n_reads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
ledger, reads = Ledger(path), []
for number in range(first, first + n_reads):
    read = ledger.read(data="d", requirement="r", model=f"m{number}")
    reads.append([f"m{number}", read.place, read.n_models, read.new])
print(json.dumps(reads))
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def judge(ledger: Ledger, *models: str, data: str = "d", requirement: str = "r") -> list[tuple[int, int, bool]]:
    reads = [ledger.read(data=data, requirement=requirement, model=model) for model in models]
    return [(read.place, read.n_models, read.new) for read in reads]


def test_distinct_models_count_and_the_same_model_again_is_free(ledger: Ledger) -> None:
    assert judge(ledger, "m1", "m2", "m1", "m3") == [(1, 1, True), (2, 2, True), (1, 2, False), (3, 3, True)]
    assert ledger.read(data="d", requirement="r", model="m2") == Read(place=2, n_models=3, new=False)


def test_test_sets_and_requirements_are_counted_apart(ledger: Ledger) -> None:
    judge(ledger, "m1", "m2")

    assert judge(ledger, "m2", requirement="other") == [(1, 1, True)]
    assert judge(ledger, "m2", data="other") == [(1, 1, True)]
    assert judge(ledger, "m3") == [(3, 3, True)]


def test_the_places_within_a_budget_are_those_of_the_first_models_in_whatever_order_they_return(
    ledger: Ledger,
) -> None:
    names = [f"m{number}" for number in range(30)]
    judge(ledger, *names)

    again = {name: judge(ledger, name)[0][0] for name in reversed(names)}

    assert {name for name, place in again.items() if place <= 20} == set(names[:20])


def test_another_run_goes_on_counting(ledger: Ledger) -> None:
    judge(ledger, "m1")

    assert judge(Ledger(str(ledger.path)), "m2") == [(2, 2, True)]


def test_a_repeated_read_leaves_the_file_as_it_was(ledger: Ledger) -> None:
    judge(ledger, "m1", "m2")
    before = ledger.path.read_bytes()

    judge(ledger, "m1", "m2")

    assert ledger.path.read_bytes() == before
    judge(ledger, "m3")
    assert ledger.path.read_bytes() != before


def test_the_history_of_a_test_set_is_in_order_and_has_nothing_of_others(ledger: Ledger) -> None:
    judge(ledger, "m2", "m1", "m2")
    judge(ledger, "m9", data="other")
    judge(ledger, "m1", requirement="s")

    entries = ledger.history("d")

    assert [(entry.requirement, entry.model) for entry in entries] == [("r", "m2"), ("r", "m1"), ("s", "m1")]
    assert {entry.data for entry in entries} == {"d"}
    assert ledger.history("never read") == ()


def test_an_export_holds_every_entry_as_plain_values(ledger: Ledger) -> None:
    judge(ledger, "m1")
    judge(ledger, "m1", data="é '; DROP TABLE reads; --")

    rows = json.loads(json.dumps(ledger.export()))

    assert [list(row) for row in rows] == [["data", "requirement", "model", "moment", "share", "budget", "name"]] * 2
    assert [row["data"] for row in rows] == ["d", "é '; DROP TABLE reads; --"]
    age = datetime.now(UTC) - datetime.fromisoformat(rows[0]["moment"])
    assert timedelta(seconds=-1) < age < timedelta(minutes=1)


def test_without_a_file_nothing_is_written_by_looking(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "new" / "ledger.sqlite")

    assert (ledger.history("d"), ledger.export()) == ((), [])
    assert list(tmp_path.iterdir()) == []


def test_the_first_read_makes_folder_and_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "new" / "#1 %41?.sqlite")

    judge(ledger, "m1")
    ledger.export()

    assert list((tmp_path / "new").iterdir()) == [ledger.path]


def test_the_file_has_a_write_ahead_log_and_says_what_it_is(ledger: Ledger) -> None:
    judge(ledger, "m1")

    header = ledger.path.read_bytes()[:100]

    assert header[18:20] == b"\x02\x02"  # the file format's mark of a write-ahead log
    assert header[68:72] == b"mlsp"


@pytest.mark.parametrize("overlap", [0, 25, 50])
def test_eight_processes_lose_no_read_and_count_no_model_twice(ledger: Ledger, overlap: int) -> None:
    """Neighbours share ``overlap`` of their 50 models; all start before there is a file."""
    starts = [number * (50 - overlap) for number in range(8)]
    command = [sys.executable, "-c", WRITER, str(ledger.path)]
    writers = [
        subprocess.Popen([*command, str(start), "50"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for start in starts
    ]
    outcomes = [writer.communicate(timeout=120) for writer in writers]

    assert [(writer.returncode, error) for writer, (_, error) in zip(writers, outcomes, strict=True)] == [(0, "")] * 8
    reads = [read for output, _ in outcomes for read in json.loads(output)]
    expected = {f"m{start + number}" for start in starts for number in range(50)}
    new = [read for read in reads if read[3]]
    assert len(reads) == 400
    assert sorted(read[0] for read in new) == sorted(expected)
    assert sorted(read[1] for read in new) == list(range(1, len(expected) + 1))
    assert all(read[1] == read[2] for read in new)
    places = dict(read[:2] for read in new)
    assert all(places[model] == place for model, place, _, _ in reads)
    assert [entry.model for entry in ledger.history("d")] == sorted(expected, key=lambda model: places[model])


def other_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE reads (data TEXT)")
        connection.commit()


def newer_format(path: Path) -> None:
    judge(Ledger(path), "m1")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 3")
        connection.commit()


def without_its_table(path: Path) -> None:
    judge(Ledger(path), "m1")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE reads")
        connection.commit()


def cut_short(path: Path, to: int) -> None:
    judge(Ledger(path), "m1")
    path.write_bytes(path.read_bytes()[:to])


def one_letter_changed(path: Path) -> None:
    judge(Ledger(path), "model-1")
    content = path.read_bytes()
    assert content.count(b"model-1") == 2  # in the table and in its index
    path.write_bytes(content.replace(b"model-1", b"model-2", 1))


def one_page_zeroed(path: Path) -> None:
    judge(Ledger(path), "m1")
    content = bytearray(path.read_bytes())
    content[4096:8192] = bytes(4096)
    path.write_bytes(content)


SPOILT = {
    "text": (lambda path: path.write_text("accuracy,0.9\n"), "damaged or no ledger"),
    "noise": (lambda path: path.write_bytes(bytes(range(256)) * 64), "damaged or no ledger"),
    "empty": (lambda path: path.touch(), "got the empty file"),
    "another database": (other_database, "a SQLite database of another kind"),
    "a later format": (newer_format, "expected a ledger of format 2, got format=3"),
    "no table": (without_its_table, "damaged or no ledger"),
    "cut in its header": (lambda path: cut_short(path, 50), "a SQLite database of another kind"),
    "cut after a page": (lambda path: cut_short(path, 4096), "damaged"),
    "cut within a page": (lambda path: cut_short(path, 9000), "damaged"),
    "a letter changed": (one_letter_changed, "expected a sound ledger, got .* which is damaged"),
    "a page zeroed": (one_page_zeroed, "damaged"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_file_that_is_no_sound_ledger_is_refused_and_left_as_it_is(ledger: Ledger, name: str) -> None:
    """As the next run finds it: a file is looked through once in every process."""
    spoil, message = SPOILT[name]
    spoil(ledger.path)
    ledger_file._SOUND.clear()
    before = ledger.path.read_bytes()

    with pytest.raises(ValueError, match=message) as refused:
        judge(ledger, "m2")
    with pytest.raises(ValueError, match=message):
        ledger.export()
    with pytest.raises(ValueError, match=message):
        ledger.history("d")
    with pytest.raises(ValueError, match=message):
        ledger.check()

    assert str(ledger.path) in str(refused.value)
    assert ledger.path.read_bytes() == before


def test_a_log_without_its_ledger_is_not_played_into_a_new_one(ledger: Ledger) -> None:
    log = ledger.path.with_name("ledger.sqlite-wal")
    log.write_bytes(b"frames")

    with pytest.raises(ValueError, match="got the log alone"):
        judge(ledger, "m1")
    with pytest.raises(ValueError, match="got the log alone"):
        ledger.export()

    assert (log.read_bytes(), ledger.path.exists()) == (b"frames", False)


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """The superuser may write everywhere, so that a test would show nothing."""
    superuser = hasattr(os, "geteuid") and os.geteuid() == 0
    if superuser:
        os.seteuid(65534)
    try:
        yield
    finally:
        if superuser:
            os.seteuid(0)


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A folder that everyone can read, with a ledger of one read, in which nobody can write."""
    with tempfile.TemporaryDirectory() as folder:
        judge(Ledger(Path(folder, "old.sqlite")), "m1")
        Path(folder, "old.sqlite").chmod(0o444)
        Path(folder).chmod(0o555)
        yield Path(folder)
        Path(folder).chmod(0o755)


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
@pytest.mark.parametrize("name", ["new.sqlite", "below/new.sqlite", "old.sqlite"])
def test_a_folder_that_cannot_be_written_is_said_so(closed_folder: Path, name: str) -> None:
    ledger = Ledger(closed_folder / name)

    with as_ordinary_user(), pytest.raises(PermissionError, match=r"cannot be used .* where you may write"):
        judge(ledger, "m2")
    with as_ordinary_user(), pytest.raises(PermissionError, match=r"cannot be used .* where you may write"):
        ledger.check()

    assert [path.name for path in closed_folder.iterdir()] == ["old.sqlite"]


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_a_ledger_in_a_folder_that_cannot_be_written_can_be_looked_at(closed_folder: Path) -> None:
    with as_ordinary_user():
        entries = Ledger(closed_folder / "old.sqlite").history("d")

    assert [entry.model for entry in entries] == ["m1"]


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="got the folder"):
        judge(Ledger(tmp_path), "m1")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="cannot be used"):
        judge(Ledger(tmp_path / "file" / "ledger.sqlite"), "m1")
    with pytest.raises(OSError, match="cannot be used"):
        Ledger(tmp_path / "file" / "ledger.sqlite").check()


def test_a_ledger_that_another_process_never_lets_go_is_said_so(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge(ledger, "m1")
    monkeypatch.setattr("pytest_mlspec.records.ledger_file._PATIENCE", 0.2)
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(TimeoutError, match=r"was held by another process for 0\.2 seconds"):
            judge(ledger, "m2")
        assert len(ledger.export()) == 1  # whoever looks does not wait

    assert judge(ledger, "m2") == [(2, 2, True)]


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ({"data": "", "requirement": "r", "model": "m"}, ValueError, "got data=''"),
        ({"data": "d", "requirement": None, "model": "m"}, TypeError, "expected a text, got requirement=None"),
        ({"data": "d", "requirement": "r", "model": b"m"}, TypeError, "expected a text, got model=b'm'"),
    ],
)
def test_names_that_are_no_texts_are_refused_before_anything_is_written(
    ledger: Ledger, names: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ledger.read(**names)
    assert not ledger.path.exists()


def test_a_path_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="expected the path of a file, got path=None"):
        Ledger(None)  # type: ignore[arg-type]


def test_looking_for_a_test_set_without_a_name_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="got data=''"):
        ledger.history("")


def test_the_records_import_neither_pytest_nor_numpy() -> None:
    command = "import sys, pytest_mlspec.records; print(sorted({'pytest', '_pytest', 'numpy'} & set(sys.modules)))"

    result = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"
