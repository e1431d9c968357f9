"""How often test sets were read: lines for the summary of a run, and the table that ``--mlspec-ledger=show`` prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

Entry: TypeAlias = Mapping[str, object]
"""One first read: the keys of an exported entry of the ledger."""
NOT_COUNTED = "reads not counted"
SHOWN = 3


def summary(rows: Iterable[Mapping[str, object]], entries: Sequence[Entry]) -> list[str]:
    """One line for each test set of a run: ``street.test: 7 models judged for 3 requirements; PED-2 read 7 of 20``.

    Args:
        rows: the rows of the run, whose ``reads`` say what it read.
        entries: what the ledger holds, this run included.
    """
    named: dict[str, str] = {}
    for row in rows:
        reads = row.get("reads")
        for read in reads if isinstance(reads, list) else []:
            named.setdefault(str(read["data"]), str(read["test_set"]))
    return [_line(name, _of(entries, data=key)) for key, name in named.items()]


def _line(name: str, entries: Sequence[Entry]) -> str:
    requirements = _grouped(entries, "requirement")
    most = sorted(requirements.items(), key=lambda pair: -len(pair[1]))[:SHOWN]
    read = ", ".join(f"{requirement} read {_of_budget(found)}" for requirement, found in most)
    more = f", {len(requirements) - SHOWN} more no more often" if len(requirements) > SHOWN else ""
    models = _counted(len(_grouped(entries, "model")), "model")
    return f"{name}: {models} judged for {_counted(len(requirements), 'requirement')}; {read}{more}"


def _of_budget(entries: Sequence[Entry]) -> str:
    """``7 of 20``, or ``7 times`` where no budget limits it."""
    budget = entries[-1]["budget"]
    return f"{len(entries):,} of {budget:,}" if isinstance(budget, int) else _counted(len(entries), "time")


def table(entries: Sequence[Entry]) -> list[str]:
    """A block for each test set, with a line for each requirement: its models and what is left of the budget."""
    if not entries:
        return ["no test set was read yet"]
    lines: list[str] = []
    for key, of_set in _grouped(entries, "data").items():
        name = str(of_set[-1]["name"]) or "a test set"
        lines += ["", f"{name} ({key[:12]}): {_counted(len(_grouped(of_set, 'model')), 'model')}"]
        cells: list[tuple[str, ...]] = [("requirement", "models", "left", "first read", "last read")]
        cells += [_cells(requirement, found) for requirement, found in _grouped(of_set, "requirement").items()]
        widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
        lines += ["  " + "  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]
    return lines[1:]


def _cells(requirement: str, entries: Sequence[Entry]) -> tuple[str, ...]:
    moments = [str(entry["moment"]) for entry in entries]
    return (requirement, f"{len(entries):,}", _left(entries), moments[0], moments[-1])


def _left(entries: Sequence[Entry]) -> str:
    """How many more models the budget allows, with nothing where all of the error level was given away."""
    budget = entries[-1]["budget"]
    if not isinstance(budget, int):
        return "no limit"
    given = sum(float(str(entry["share"] or 0.0)) for entry in entries)
    left = max(0, budget - len(entries)) if given < 1 - 1e-9 else 0
    return f"{left:,} of {budget:,}"


def _grouped(entries: Iterable[Entry], what: str) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(str(entry[what]), []).append(entry)
    return found


def _of(entries: Iterable[Entry], *, data: str) -> list[Entry]:
    return [entry for entry in entries if entry["data"] == data]


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
