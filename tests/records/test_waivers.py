"""The file of waivers: what it may say, every fault named at once, and what a waiver covers."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from pytest_mlspec.records.waivers import Standing, Waiver, read_waivers

TODAY = date(2026, 12, 1)
GOOD = {"requirement": '"FAIR-1"', "reason": '"data arrive in January"', "owner": '"Ada"', "expires": "2027-01-31"}


def read(path: Path, *entries: dict[str, str], text: str = "") -> tuple[Waiver, ...]:
    """The waivers of a file with these entries, as TOML says their values."""
    blocks = ["\n".join(["[[waiver]]", *(f"{name} = {value}" for name, value in entry.items())]) for entry in entries]
    file = path / "mlspec-waivers.toml"
    file.write_text(text + "\n\n".join(blocks), encoding="utf-8")
    return read_waivers(file, TODAY)


def test_a_waiver_is_read_as_written(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD, {**GOOD, "requirement": '"tests/test_a.py::test_b"', "kind": '"parity"'})

    first = Waiver(requirement="FAIR-1", reason="data arrive in January", owner="Ada", expires=date(2027, 1, 31))
    assert found[0] == first
    assert (found[1].requirement, found[1].kind) == ("tests/test_a.py::test_b", "parity")


def test_an_empty_file_waives_nothing(tmp_path: Path) -> None:
    assert read(tmp_path) == ()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"reason": '""'}, "reason='': expected a non-empty string"),
        ({"owner": '"  "'}, "owner='  ': expected a non-empty string"),
        ({"requirement": "3"}, "requirement=3: expected a non-empty string"),
        ({"kind": '"parrity"'}, "kind='parrity': unknown; did you mean 'parity'?"),
        ({"kind": '""'}, "kind='': expected a non-empty string"),
        ({"expires": '"2027-01-31"'}, "expires='2027-01-31': expected a TOML date without quotes or time"),
        ({"expires": "2027-01-31T10:00:00"}, "expected a TOML date without quotes or time"),
        ({"expires": "2027-12-03"}, "expires=2027-12-03: more than a year ahead of 2026-12-01"),
        ({"expiry": "2027-01-31"}, "unknown key 'expiry'; did you mean 'expires'?"),
    ],
)
def test_faults_name_file_entry_and_value(tmp_path: Path, change: dict[str, str], fault: str) -> None:
    with pytest.raises(ValueError) as raised:
        read(tmp_path, GOOD | {"requirement": '"OTHER"'}, GOOD | change)

    assert fault in str(raised.value)
    assert str(raised.value).startswith("mlspec-waivers.toml, waiver 2 (")


@pytest.mark.parametrize("key", GOOD)
def test_every_key_is_needed(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match=f"{key} is missing"):
        read(tmp_path, {name: value for name, value in GOOD.items() if name != key})


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as raised:
        read(tmp_path, GOOD | {"reason": '""'}, {"owner": '"Ada"'}, text="waivers = 3\n")

    assert len(str(raised.value).splitlines()) == 1 + 1 + 3


def test_the_last_day_that_may_be_named(tmp_path: Path) -> None:
    (found,) = read(tmp_path, GOOD | {"expires": str(TODAY + timedelta(days=366))})

    assert found.expires == date(2027, 12, 2)


@pytest.mark.parametrize(
    ("kinds", "refused"),
    [((None, None), True), (("parity", "parity"), True), ((None, "parity"), True), (("parity", "satisficing"), False)],
)
def test_one_waiver_per_requirement_and_kind(tmp_path: Path, kinds: tuple[str | None, ...], refused: bool) -> None:
    entries = [GOOD | ({"kind": f'"{kind}"'} if kind else {}) for kind in kinds]

    if refused:
        with pytest.raises(ValueError, match="FAIR-1 is waived 2 times"):
            read(tmp_path, *entries)
    else:
        assert len(read(tmp_path, *entries)) == 2


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[[waiver]\n", r"is no TOML: .*line 1"),
        ("<<<<<<< HEAD\n", r"is no TOML: .*line 1"),
        ('[waiver]\nowner = "Ada"\n', r"write \[\[waiver\]\], with two brackets"),
        ("waiver = [3]\n", r"write \[\[waiver\]\], with two brackets"),
        ("[[waivers]]\n", "unknown key 'waivers'"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read(tmp_path, text=text)


@pytest.mark.parametrize(
    ("requirement", "kind", "entry", "covered"),
    [
        ("FAIR-1", "", ("t.py::test_a", "FAIR-1", "parity"), True),
        ("FAIR-1", "", ("t.py::test_a", "FAIR-2", "parity"), False),
        ("FAIR-1", "parity", ("t.py::test_a", "FAIR-1", "satisficing"), False),
        ("t.py::test_a", "", ("t.py::test_a", "", "parity"), True),
        ("t.py::test_a", "", ("t.py::test_a[night]", "", "parity"), True),
        ("t.py::test_a[night]", "", ("t.py::test_a[night]", "", "parity"), True),
        ("t.py::test_a[night]", "", ("t.py::test_a[day]", "", "parity"), False),
        ("t.py::test_a[night]", "", ("t.py::test_a", "", "parity"), False),
        ("t.py::test", "", ("t.py::test_a", "", "parity"), False),
    ],
)
def test_what_a_waiver_covers(requirement: str, kind: str, entry: tuple[str, str, str], covered: bool) -> None:
    waiver = Waiver(requirement=requirement, reason="r", owner="Ada", expires=TODAY, kind=kind)

    assert waiver.covers(*entry) is covered


@pytest.mark.parametrize(
    ("days", "live", "words"),
    [
        (0, True, "waived until 2026-12-01 by Ada: late data"),
        (1, False, "the waiver of Ada expired on 2026-12-01 (waivers.toml): late data"),
    ],
)
def test_the_day_of_expiry_still_counts(days: int, live: bool, words: str) -> None:
    waiver = Waiver(requirement="FAIR-1", reason="late data", owner="Ada", expires=TODAY)
    standing = Standing(waiver=waiver, today=TODAY + timedelta(days=days), place="waivers.toml")

    assert (standing.live, standing.words) == (live, words)
