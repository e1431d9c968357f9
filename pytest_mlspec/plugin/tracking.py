"""The record of best values in a run: what a test sees of it, and what is written to it at the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pytest

from pytest_mlspec.metrics.judging.best import Best, as_entry
from pytest_mlspec.metrics.judging.tracked import COMMAND
from pytest_mlspec.plugin.collected import Collected, key_of, stable_nodeid
from pytest_mlspec.records.best import locked, read_record, write_record
from pytest_mlspec.report.rows import Row
from pytest_mlspec.requirements.contract import Contract, ContractError
from pytest_mlspec.verdict import format_value

if TYPE_CHECKING:
    from pytest_mlspec.plugin.upkeep import Upkeep


def record_of_run(config: pytest.Config) -> dict[str, Best]:
    """The entries of the project's record file.

    Raises:
        pytest.UsageError: a damaged file, with the line.
    """
    try:
        return read_record(config.rootpath / str(config.getini("mlspec_record")))
    except (ValueError, OSError) as error:
        raise pytest.UsageError(str(error)) from None


class Tracker:
    """The record as one test sees it."""

    __slots__ = ("_contracts", "_item", "_nodeid", "_seen", "_unjudged")

    def __init__(self, item: pytest.Item, contracts: Sequence[Contract], unjudged: dict[int, str]) -> None:
        self._unjudged = unjudged
        self._item = item
        self._nodeid = stable_nodeid(item)
        self._contracts = {contract.index: contract for contract in contracts}
        self._seen: dict[int, Mapping[str, object]] = {}

    @property
    def updating(self) -> bool:
        """Whether this run writes better values."""
        return bool(self._item.config.option.mlspec_update)

    @property
    def file(self) -> str:
        """The name of the record file."""
        return str(self._item.config.getini("mlspec_record"))

    def key(self, contract: int) -> str:
        """The name of a contract's entry."""
        return key_of(self._nodeid, self._contracts[contract])

    def best(self, contract: int) -> Best | None:
        """The entry of a contract."""
        upkeep: Upkeep | None = self._item.config.pluginmanager.get_plugin("mlspec-upkeep")
        return upkeep.record.get(self.key(contract)) if upkeep is not None else None

    def refuse(self, contract: int, why: str) -> None:
        """Note why a contract cannot be judged."""
        self._unjudged[contract] = why

    def measured(self, contract: int, now: Best) -> None:
        """Hear what was measured for a contract.

        Raises:
            ContractError: another estimate was measured for it before: one entry cannot stand for two.
        """
        told = {name: value for name, value in now.conditions.items() if name != "n_members"}  # which may grow
        if self._seen.setdefault(contract, told) != told:
            raise ContractError(
                f"{self._contracts[contract].describe()} tracks one estimate, and this test compares two with it: "
                "give each a marker with an id= of its own, or parametrize the test"
            )


def offers(rows: Iterable[Row]) -> list[Row]:
    """The rows that a run with ``--mlspec-update`` writes: first, made anew, or better."""
    return [row for row in rows if _told(row).get("write") and row["verdict"] in ("met", "undecided")]


def _told(row: Row) -> Mapping[str, object]:
    told = row.get("tracked")
    return told if isinstance(told, dict) else {}


def offer_lines(rows: Iterable[Row]) -> list[str]:
    """What a run would write that was not asked to."""
    better = offers(rows)
    if not better:
        return []
    named = ", ".join(f"{_name(row)} {_bounds(_told(row))}" for row in better)
    return [f"better than recorded: {named}; `{COMMAND}` writes {'it' if len(better) == 1 else 'them'}"]


def _name(row: Row) -> str:
    return str(row["id"] or row["claim"])


def _bounds(entry: Mapping[str, object]) -> str:
    numbers = (entry.get(name) for name in ("value", "low", "high"))
    value, low, high = (format_value(float(str(number))) if number is not None else "none" for number in numbers)
    return f"{value} [{low}, {high}]"


def write(config: pytest.Config, entries: Mapping[str, Best], rows: Sequence[Row], gone: Sequence[str]) -> list[str]:
    """Write the record file, and say what was written; a file that says the same already is left alone.

    Entries that another run wrote since this one began are left as they are: nothing here was compared with them.

    Raises:
        ValueError: the file was damaged since the run began.
        OSError: it cannot be read or written.
    """
    name = str(config.getini("mlspec_record"))
    path, offered = config.rootpath / name, offers(rows)
    if not (offered or gone):
        return [f"{name}: nothing to write"]
    with locked(path):
        now = read_record(path)
        late = {key for key in {*now, *entries} if now.get(key) != entries.get(key)}
        written, gone = [row for row in offered if _key(row) not in late], [key for key in gone if key not in late]
        changed = write_record(path, updated(now, written, gone))
    lines = [f"{name}: wrote {_name(row)} {_bounds(_told(row))}, {row['remark']}" for row in written if changed]
    lines += [f"{name}: removed {key}" for key in gone]
    lines += [
        f"{name}: {_name(row)} NOT WRITTEN: another run wrote it meanwhile; run again to compare with that"
        for row in offered
        if _key(row) in late
    ]
    return lines or [f"{name}: nothing to write"]


def _key(row: Row) -> str:
    return str(_told(row)["key"])


def stale_lines(keys: Sequence[str], config: pytest.Config) -> list[str]:
    """What is said of entries that nothing tracks any more."""
    name = str(config.getini("mlspec_record"))
    return [f"STALE RECORD {key}: nothing tracks it any more ({name}; `{COMMAND}` on the whole suite)" for key in keys]


def updated(entries: Mapping[str, Best], rows: Iterable[Row], gone: Iterable[str]) -> dict[str, Mapping[str, object]]:
    """The entries of the new file: the old ones with those that are written over them, without those that are gone."""
    kept: dict[str, Mapping[str, object]] = {key: as_entry(best) for key, best in entries.items()}
    for row in offers(rows):
        told = _told(row)
        kept[_key(row)] = {name: value for name, value in told.items() if name not in ("key", "write")}
    left_out = set(gone)
    return {key: entry for key, entry in kept.items() if key not in left_out}


def stale(entries: Iterable[str], tracked: set[str], collected: Collected) -> list[str]:
    """Keys whose test this run would have found, and which nothing tracks any more."""
    found = []
    for key in entries:
        if key in tracked:
            continue
        tests = [test for test in collected.tests if key == test or key.startswith(f"{test} ")]
        nodeid = max(tests, key=len, default="")
        if nodeid or collected.gone(key):
            found.append(key)
    return sorted(found)
