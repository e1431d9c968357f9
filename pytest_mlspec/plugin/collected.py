"""What a run collected, before any test was left out: whether a name in a file of records is known to the suite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from pytest_mlspec.requirements.contract import Contract

Entry: TypeAlias = tuple[str, str, str]
"""Node id of a test, id and kind of one of its contracts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """Every test that was found with every contract on it, and which files were looked through in full."""

    tests: frozenset[str]
    contracts: frozenset[Entry]
    places: tuple[Path, ...]
    """Files and folders that were asked for as a whole."""
    everything: bool
    root: Path
    unseen: tuple[str, ...] = ()
    """Node ids of files, folders and classes that skipped themselves, so that nothing is known of their tests."""

    def has(self, nodeid: str) -> bool:
        """Whether there is a test of this name; parameters may be left out."""
        return nodeid in self.tests or any(test.partition("[")[0] == nodeid for test in self.tests)

    def gone(self, nodeid: str) -> bool:
        """Whether this run would have found a test of this name, and has not."""
        if self.has(nodeid) or any(
            nodeid == part or nodeid.startswith((f"{part}/", f"{part}::")) for part in self.unseen
        ):
            return False
        file = self.root / nodeid.partition("::")[0]
        return any(file == place or place in file.parents for place in self.places)


def stable_nodeid(item: pytest.Item) -> str:
    """The node id without the group that xdist appends to it under ``--dist loadgroup``."""
    grouped = hasattr(item.config, "workerinput") and item.get_closest_marker("xdist_group") is not None
    return item.nodeid.rpartition("@")[0] or item.nodeid if grouped and "@" in item.nodeid else item.nodeid


def key_of(nodeid: str, contract: Contract) -> str:
    """The name of an entry of the record file: its test, and which of the contracts of that test."""
    which = contract.id or contract.metric or ""
    return f"{nodeid} {which}".rstrip()


def contracts_of(asked: Iterable[tuple[str, Sequence[Contract], bool]]) -> list[Entry]:
    """An entry for every contract, and one of kind satisficing for a test of literals."""
    found: list[Entry] = []
    for nodeid, contracts, labelled in asked:
        found.extend((nodeid, contract.id, contract.kind) for contract in contracts)
        if labelled:
            found.append((nodeid, "", "satisficing"))
    return found


def make(
    config: pytest.Config, tests: Iterable[str], contracts: Iterable[Sequence[str]], unseen: Iterable[str]
) -> Collected:
    """What was collected, seen from the process that was given the command line."""
    places = _places(config)
    option = config.option
    narrowed = any(getattr(option, name, None) for name in ("lf", "ignore", "ignore_glob"))
    return Collected(
        tests=frozenset(tests),
        contracts=frozenset((nodeid, contract_id, kind) for nodeid, contract_id, kind in contracts),
        places=() if narrowed else places,
        everything=not narrowed and _everything(config, places),
        root=config.rootpath,
        unseen=tuple(part.removesuffix("/__init__.py") for part in unseen),
    )


def _places(config: pytest.Config) -> tuple[Path, ...]:
    start = config.invocation_params.dir
    return tuple((start / argument).resolve() for argument in config.args if "::" not in argument)


def _everything(config: pytest.Config, places: tuple[Path, ...]) -> bool:
    """Whether the run is of the whole project: no arguments at its root, or the root itself."""
    root = config.rootpath.resolve()
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        return root in places
    return config.invocation_params.dir.resolve() == root
