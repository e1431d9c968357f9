"""Rows: what a run found, one per requirement, as builtin types that cross process borders."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TypeAlias

from pytest_mlspec.requirements.contract import Contract
from pytest_mlspec.requirements.guard import COMPARES, NOTHING_JUDGED, awaits_first, judged_nothing, not_judged_line
from pytest_mlspec.running import Recorder
from pytest_mlspec.verdict import Verdict, format_limit

Row: TypeAlias = dict[str, object]
PROPERTY, ENSEMBLE_PROPERTY = "mlspec", "mlspec-ensemble"
"""The names under which a report of pytest carries rows and notes about ensembles."""
NOT_JUDGED = "not judged"
FIRST_BASELINE = "first baseline"
ENDED = "the body ended where it asked for a baseline: write that comparison last"
ORDER = ("violated", NOT_JUDGED, "undecided", "met")


def rows_of_test(
    nodeid: str,
    recorder: Recorder,
    contracts: Sequence[Contract],
    *,
    labelled: bool = False,
    searched: bool = False,
    why: str = "",
) -> list[Row]:
    """One row per claim of a test's requirements; of several judgements of one claim the worst is shown.

    Args:
        recorder: the verdicts of the test.
        contracts: the contracts of its markers.
        labelled: whether it carries a bare ``satisficing``.
        searched: whether Hypothesis chose the examples, so that every judgement is one try of a search.
        why: why contracts were not judged, where that is known ("skipped: no GPU").
    """
    worst: dict[object, Row] = {}
    for verdict in recorder.verdicts:
        key = _key(verdict, searched=searched)
        row = {"test": nodeid, **verdict.record(), "judgements": 1}
        if id(verdict) not in recorder.asked:
            row.update(verdict=NOT_JUDGED, standing="", why="computed and never asked: is an `assert` missing?")
        if key in worst:
            row["judgements"] = int(str(worst[key]["judgements"])) + 1
            if _rank(row) > _rank(worst[key]):
                row = {**worst[key], "judgements": row["judgements"]}
        worst[key] = row
    judged = {verdict.origin.contract for verdict in recorder.verdicts}
    rows = [_searched(row) for row in worst.values()] if searched else list(worst.values())
    open_ones = [contract for contract in contracts if contract.index not in judged]
    why = why or "; ".join(dict.fromkeys(one.why for one in recorder.lacking))
    first = awaits_first(recorder)
    for contract in open_ones:
        of_first = first and contract.kind == COMPARES
        known = recorder.unjudged.get(contract.index, ENDED if first and not of_first else why)
        row = _not_judged(nodeid, contract, known)
        rows.append({**row, "standing": FIRST_BASELINE} if of_first else row)
    if recorder.lacking and not any(contract.kind == COMPARES for contract in open_ones):
        rows.append(_lacking(nodeid, why, FIRST_BASELINE if first else ""))
    elif labelled and judged_nothing(recorder):
        rows.append(
            {
                "test": nodeid,
                "verdict": NOT_JUDGED,
                "id": "",
                "kind": "satisficing",
                "claim": "judged no estimate",
                "message": [NOTHING_JUDGED],
            }
        )
    return rows


def _searched(row: Row) -> Row:
    """What a row of a property-based test says of its examples; a counterexample speaks for itself."""
    if row["verdict"] != "met":
        return row
    words = f"searched {row['judgements']:,} examples by Hypothesis: a search, not a proof"
    return {**row, "searched": row["judgements"], "message": [*_lines(row), words]}


def _lines(row: Row) -> list[object]:
    message = row["message"]
    return list(message) if isinstance(message, (list, tuple)) else [message]


def standing(row: Row) -> str:
    """The word that a row counts under where it is neither met nor fails its test; else empty."""
    return str(row.get("standing") or "")


def _key(verdict: Verdict, *, searched: bool) -> object:
    """What makes judgements those of one claim; Hypothesis slices the data anew for every example."""
    if verdict.origin.contract >= 0:
        return (verdict.origin.contract, verdict.origin.claim)
    part = "" if searched else verdict.slice
    judged = (verdict.subject, str(verdict.settings), part, verdict.model, verdict.dataset)
    return (*judged, verdict.comparison, verdict.threshold)


def _rank(row: Row) -> int:
    return ORDER.index(str(row["verdict"]))


def _lacking(nodeid: str, why: str, standing: str) -> Row:
    """The row of a comparison with a baseline that no marker asks for, where there is no baseline."""
    return {
        "test": nodeid,
        "verdict": NOT_JUDGED,
        "standing": standing,
        "id": "",
        "kind": "literal",
        "claim": "a comparison with the baseline",
        "why": why,
        "message": [f"{(standing or NOT_JUDGED).upper()}: {why}"],
    }


def _not_judged(nodeid: str, contract: Contract, why: str) -> Row:
    message = [not_judged_line(contract)] + ([f"because it was {why}"] if why else [])
    return {
        "test": nodeid,
        "verdict": NOT_JUDGED,
        "id": contract.id,
        "kind": contract.kind,
        "contract": contract.index,
        "claim": contract.describe() if not contract.id else contract.describe().removeprefix(f"{contract.id}: "),
        "because": contract.because,
        "tier": contract.tier,
        "comparison": contract.comparison,
        "threshold": float(contract.threshold),
        "why": why,
        "message": message,
        "location": contract.location,
    }


def pack(value: object) -> str:
    """JSON in one line; what JSON cannot say (NaN, infinity) becomes null."""
    return json.dumps(plain(value), allow_nan=False, separators=(",", ":"))


def plain(value: object) -> object:
    """The same value of JSON's own types."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def show_limit(row: Row) -> str:
    """The threshold of a row, as its author wrote it."""
    threshold = row.get("threshold")
    return format_limit(threshold) if isinstance(threshold, (int, float)) else ""
