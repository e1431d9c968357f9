"""Gates that cannot pass, said before anything trains: by their marks and declared seeds, or by what a run noted.

A run notes how many cases stood behind each requirement, in one small file in the folder of the fit cache. That folder
is made for it only by runs with ensembles, which make it anyway: where nothing trains, the verdict itself comes as
soon. Without an error, n cases prove a rate of ``level ** (1 / n)`` at best: a floor above that is a gate that no
model passes, and to train for it is a waste. A file that is absent, old or broken is no reason to say anything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_mlspec import options
from pytest_mlspec.fixtures.ensembles import ENSEMBLES
from pytest_mlspec.fixtures.members import DEFAULT_SEEDS
from pytest_mlspec.verdict import format_limit, format_value

if TYPE_CHECKING:
    from pytest_mlspec.requirements.contract import Contract

FILE, SCHEMA = "sizes.json", 1
COUNTED = frozenset({"accuracy", "failure_rate", "false_positive_rate", "recall", "selection_rate", "specificity"})
"""Rates over cases that the data name, not the model, so that their number is known before it is trained."""
SAME = {"contract": "index", "kind": "kind", "id": "id", "comparison": "comparison"}
"""What a note and the contract that it is about have in common."""
Note = dict[str, object]


def unmeetable_lines(config: pytest.Config, asked: Iterable[tuple[pytest.Item, Sequence[Contract]]]) -> list[str]:
    """One line for each contract that nothing at hand can meet; nothing where all could be."""
    notes = read_notes(config)
    lines = []
    for item, contracts in asked:
        if any(item.get_closest_marker(mark) is not None for mark in ("skip", "xfail")):
            continue  # somebody has said that it is not met
        for contract in contracts:
            why = _too_few_members(config, item, contract) or _too_few_cases(
                config, contract, notes.get(item.nodeid, [])
            )
            if why:
                name = contract.id or contract.describe()
                lines.append(f"mlspec: {name} cannot be met however good the model: {why} ({item.nodeid})")
    return lines


def _too_few_members(config: pytest.Config, item: pytest.Item, contract: Contract) -> str:
    """Why the declared seeds are too few for the fold over members."""
    used = [name for name in getattr(item, "fixturenames", ()) if name in ENSEMBLES]
    if not used:
        return ""
    asked = options.configured(config)
    terms = contract.terms(asked.terms)
    if contract.kind in ("seed_variance", "underspecification"):
        needed: int | None = 2
        words = contract.kind
    elif terms.members == "every":
        return ""
    else:
        from pytest_mlspec.metrics.planning.seeds import fewest_members

        needed, words = fewest_members(terms), f"members={terms.members!r}"
    most, name = max((_members_of(config, name), name) for name in used)
    if needed is None or max(most, terms.growing_members) >= needed:
        return ""
    return f"{words} needs at least {needed} retrainings, {name} has {most}"


def _members_of(config: pytest.Config, name: str) -> int:
    """How many members of an ensemble this run trains."""
    asked, declared = options.configured(config), ENSEMBLES[name]
    if asked.seeds_asked and asked.seeds is not None:
        return asked.seeds
    return declared if declared is not None else asked.seeds or DEFAULT_SEEDS


def _too_few_cases(config: pytest.Config, contract: Contract, notes: Sequence[Note]) -> str:
    """Why the cases of an earlier run cannot prove the limit."""
    note = _noted(contract, notes)
    if note is None:
        return ""
    terms = contract.terms(options.configured(config).terms)
    n, metric = int(str(note["n"])), str(note["metric"])
    best = terms.level ** (1.0 / n)  # even at the whole level, of which looks or members only leave a part
    if contract.comparison == "<=":
        best = 1.0 - best
    if best >= contract.threshold if contract.comparison == ">=" else best <= contract.threshold:
        return ""
    return (
        f"even without an error, {n:,} {note['unit']} prove only {metric.replace('_', ' ')} {contract.comparison} "
        f"{format_value(best)}, not {format_limit(contract.threshold)}, as of the last run"
    )


def _noted(contract: Contract, notes: Sequence[Note]) -> Note | None:
    """The note about a contract; ``None`` where there is none, or several could be meant."""
    if contract.limit not in ("at_least", "at_most", "max_failure_rate"):
        return None
    found = [
        note
        for note in notes
        if all(note[key] == getattr(contract, name) for key, name in SAME.items())
        and contract.metric in (None, note["metric"])
    ]
    return found[0] if len(found) == 1 else None


# ---- notes ---------------------------------------------------------------------------------------------------------


def notes_of_rows(rows: Iterable[Mapping[str, object]]) -> dict[str, list[Note]]:
    """By test, the number of cases behind each rate that was judged or planned; tests without one have no notes."""
    notes: dict[str, list[Note]] = {}
    for row in rows:
        of_test = notes.setdefault(str(row["test"]), [])
        n, unit = row.get("n"), row.get("unit")
        counted = row.get("metric") in COUNTED and row.get("form") == "level" and unit != "retrainings"
        if counted and isinstance(n, int) and n > 0:
            of_test.append({key: row.get(key) for key in (*SAME, "metric", "n", "unit")})
    return notes


def read_notes(config: pytest.Config) -> dict[str, list[Note]]:
    """What earlier runs noted; nothing where the file is absent or not as it was written."""
    file = _file(config)
    if file is None:
        return {}
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            return {}
        return {str(test): [_checked(note) for note in notes] for test, notes in document["tests"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _checked(note: Note) -> Note:
    n, contract = note["n"], note["contract"]
    if type(n) is not int or n < 1 or type(contract) is not int:
        raise ValueError(f"n is a number of cases, contract a place; got n={n!r}, contract={contract!r}")
    words = {key: str(note[key]) for key in ("kind", "id", "metric", "comparison", "unit")}
    return {**words, "n": n, "contract": contract}


def write_notes(config: pytest.Config, rows: Iterable[Mapping[str, object]], *, makes_folder: bool) -> None:
    """Put down what this run saw in the place of what was known of the same tests, whole or not at all."""
    file = _file(config)
    seen = notes_of_rows(rows)
    if file is None or not seen or not (makes_folder or file.parent.is_dir()):
        return
    known = read_notes(config)
    root = config.rootpath
    kept = {
        test: notes for test, notes in known.items() if test not in seen and (root / test.partition("::")[0]).exists()
    }
    tests = {test: notes for test, notes in (kept | seen).items() if notes}
    if tests == known:
        return
    from pytest_mlspec.training.cache.private import make_private

    try:
        make_private(file.parent)
        ignore = file.parent / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        written = file.with_name(f"{FILE}.{os.getpid()}")
        written.write_text(json.dumps({"schema": SCHEMA, "tests": tests}), encoding="utf-8")
        written.replace(file)
    except OSError:
        return  # a folder that cannot be written to holds no notes


def _file(config: pytest.Config) -> Path | None:
    folder = options.configured(config).cache
    return None if folder is None else Path(config.rootpath, folder, FILE)
