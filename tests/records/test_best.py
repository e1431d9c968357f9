"""The record file: deterministic bytes, whole or not at all, and every damage named with its line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pytest_mlspec.records import best
from pytest_mlspec.records.best import read_record, write_record

ENTRY: dict[str, object] = {
    "id": "ACC",
    "metric": "accuracy",
    "form": "level",
    "by": [],
    "of": "",
    "settings": {"threshold": 0.5},
    "comparison": ">=",
    "data": "0793",
    "dataset": "street.test",
    "members": "every",
    "n_members": 5,
    "confidence": 0.95,
    "max_loss": None,
    "model": "detector",
    "value": 0.95,
    "low": 0.93,
    "high": 0.96,
    "tail": [0.92, None],
    "n": 1000,
    "unit": "examples",
}
KEY = "tests/test_a.py::test_b ACC"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "records" / "mlspec-record.json"
    assert write_record(path, {KEY: ENTRY})

    found = read_record(path)[KEY]

    assert (found.value, found.low, found.high, found.n) == (0.95, 0.93, 0.96, 1000)
    assert found.tail == (0.92, float("-inf"))
    assert found.conditions["settings"] == {"threshold": 0.5}
    assert found.told == {"id": "ACC", "model": "detector", "dataset": "street.test"}
    assert best.as_entry(found) == ENTRY


def test_equal_entries_make_equal_bytes_and_touch_nothing(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    write_record(first, {KEY: ENTRY, "a": ENTRY})
    write_record(second, {"a": dict(reversed(ENTRY.items())), KEY: ENTRY})
    before = os.stat(first)

    assert first.read_bytes() == second.read_bytes()
    assert not write_record(first, {KEY: ENTRY, "a": ENTRY})
    assert os.stat(first).st_mtime_ns == before.st_mtime_ns


def test_one_line_per_field_so_that_a_diff_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_record(path, {KEY: ENTRY})

    assert '      "value": 0.95' in path.read_text(encoding="utf-8").splitlines()
    assert path.read_bytes().endswith(b"}\n")


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.json"
    write_record(path, {KEY: ENTRY})
    before = path.read_bytes()

    def fail(source: object, target: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(best.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_record(path, {})

    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["record.json"]


def test_no_file_is_an_empty_record(tmp_path: Path) -> None:
    assert read_record(tmp_path / "record.json") == {}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda text: text[:-40], r"record.json, line \d+: no JSON"),
        (lambda text: "", "record.json, line 1: no JSON"),
        (lambda text: text.replace("{\n", "{\n<<<<<<< HEAD\n", 1), "record.json, line 2: a merge conflict"),
        (lambda text: text.replace("/1", "/2"), "expected a record of schema 'pytest-mlspec-record/1'"),
        (lambda text: "[]", "line 1: expected a record of schema"),
        (lambda text: text.replace('"value": 0.95', '"value": "0.95"'), r"line 3: .*value='0.95'"),
        (lambda text: text.replace('"value": 0.95', '"value": true'), "value=True is not what a record holds"),
        (lambda text: text.replace('"value": 0.95', '"value": 0.5'), "expected low <= value <= high, all finite"),
        (lambda text: text.replace('"low": 0.93', '"low": NaN'), "expected low <= value <= high, all finite"),
        (lambda text: text.replace('"low": 0.93', '"low": -Infinity'), r"-inf <= 0.95 <= 0.96"),
        (lambda text: text.replace('"high": 0.96', '"high": 1e400'), "0.93 <= 0.95 <= inf"),
        (lambda text: text.replace("0.92,", '"0.92",'), "tail: '0.92' is neither a number nor null"),
        (
            lambda text: text.replace('"value": 0.95', '"value": 0.95,\n"value": 0.94'),
            r"record.json, line \d+: .value. stands twice",
        ),
        (lambda text: text.replace('"n": 1000', '"n": -1'), "n=-1 is not what a record holds"),
        (lambda text: text.replace('      "n_members": 5,\n', ""), "n_members=None is not what a record holds"),
    ],
)
def test_damage_is_named_with_its_line(tmp_path: Path, change, fault: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "record.json"
    write_record(path, {KEY: ENTRY})
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")

    with pytest.raises(ValueError, match=fault):
        read_record(path)


def test_an_entry_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps({"schema": best.SCHEMA, "best": {KEY: 3}}), encoding="utf-8")

    with pytest.raises(ValueError, match="expected an object, got 3"):
        read_record(path)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ValueError, match=r"record.json is no text in UTF-8"):
        read_record(path)
