"""Everything that one run found, gathered from its reports and put in order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pytest_mlspec.report.rows import ENSEMBLE_PROPERTY, ORDER, PROPERTY, Row, standing

EXPECTED = "not met as expected (xfail)"


def is_expected(row: Row) -> bool:
    """Whether an xfail mark announced that the requirement is not met."""
    return bool(row.get("expected")) and row["verdict"] != "met" and not standing(row)


def word(row: Row) -> str:
    """The word of the tally that a row counts under."""
    return EXPECTED if is_expected(row) else standing(row) or str(row["verdict"])


def _place(row: Row) -> float:
    """What has a standing of its own comes after what is not met and before what is."""
    return ORDER.index("met") - 0.5 if standing(row) else ORDER.index(str(row["verdict"]))


@dataclass(slots=True)
class Run:
    """Rows of requirements by test and notes about ensembles, as the reports bring them."""

    confidence: float = 0.95
    declared_confidence: float = 0.95
    by_test: dict[str, list[Row]] = field(default_factory=dict)
    ensembles: list[Row] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    """Lines about the run as a whole, each with a word for its colour or nothing."""
    facts: dict[str, object] = field(default_factory=dict)
    """Further keys of the JSON file."""

    def read(self, nodeid: str, properties: Iterable[tuple[str, object]]) -> None:
        """Take what a report carries; a later attempt of a test replaces an earlier one."""
        listed = list(properties)
        rows = [json.loads(str(value)) for name, value in listed if name == PROPERTY]
        if rows:
            self.by_test[nodeid] = rows
        notes = [json.loads(str(value)) for name, value in listed if name == ENSEMBLE_PROPERTY]
        self.ensembles.extend(note for note in notes if note not in self.ensembles)

    @property
    def rows(self) -> list[Row]:
        """Every row in the order of the tests."""
        return [row for rows in self.by_test.values() for row in rows]

    def ordered(self) -> list[Row]:
        """What needs attention first; within a verdict by test."""
        return sorted(self.rows, key=lambda row: (_place(row), str(row["test"]), str(row["id"])))

    def tally(self) -> dict[str, int]:
        """How many requirements got each verdict, zero included; expected ones and standings are counted apart."""
        counted = Counter(word(row) for row in self.rows)
        tally = {verdict: counted.pop(verdict, 0) for verdict in ("met", "violated", "undecided", "not judged")}
        return {**tally, **dict(sorted(counted.items()))}

    def development(self) -> list[str]:
        """Why this is a development run: fewer members than declared, or less confidence than the project's."""
        reasons: dict[str, None] = {}
        for row in self.rows:
            trained, declared = _number(row, "n_members"), _number(row, "declared_members")
            if trained < declared:
                reasons[f"{trained:g} of {declared:g} members"] = None
        if self.confidence < self.declared_confidence:
            reasons[f"confidence {self.confidence:g} instead of {self.declared_confidence:g}"] = None
        return list(reasons)


def _number(row: Row, name: str) -> float:
    value = row.get(name, 0)
    return float(value) if isinstance(value, (int, float)) else 0.0
