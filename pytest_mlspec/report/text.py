"""The terminal section: a tally, one line per requirement not met, all rows when asked."""

from __future__ import annotations

from pytest_mlspec.report.rows import Row, standing
from pytest_mlspec.report.run import Run, is_expected
from pytest_mlspec.report.suite import suite_lines
from pytest_mlspec.verdict import format_value


def summary_lines(run: Run, *, verbose: bool) -> list[tuple[str, str]]:
    """Lines of the section with a word for their colour: ``red``, ``yellow``, ``green`` or nothing."""
    lines: list[tuple[str, str]] = []
    reasons = run.development()
    if reasons:
        lines.append((f"DEVELOPMENT RUN: {'; '.join(reasons)}", "yellow"))
    for row in run.ordered():
        if verbose or row["verdict"] != "met":
            mild = is_expected(row) or standing(row)
            lines.append((row_line(row), "yellow" if mild else COLOURS[str(row["verdict"])]))
    for note in ensemble_lines(run):
        lines.append((note, ""))
    lines.extend(run.notes)
    lines.extend((line, "") for line in suite_lines(run))
    lines.append((tally_line(run), tally_colour(run)))
    return lines


COLOURS = {"met": "green", "violated": "red", "undecided": "yellow", "not judged": "red"}


def row_line(row: Row) -> str:
    """``VIOLATED FAIR-1: gap in recall by sex <= 0.10: 0.264 [0.180, 0.318] (tests/test_fair.py::test_gap)``."""
    name = f" {row['id']}:" if row["id"] else ""
    parts = f"{(standing(row) or str(row['verdict'])).upper()}{name} {row['claim']}"
    if row["verdict"] != "not judged":
        parts += f": {measured(row)}"
    elif row.get("why"):
        parts += f": {row['why']}"
    if row.get("remark"):
        parts += f", {row['remark']}"
    if is_expected(row):
        parts += ", as expected"
    return f"{parts} ({row['test']})"


def measured(row: Row) -> str:
    """``0.264 [0.180, 0.318]``, or the count where cases were counted."""
    if row.get("told"):
        return str(row["told"])
    if row.get("form") == "count":
        return f"{_show(row.get('value'), 0)} of {row.get('n')} {row.get('unit')}"
    return f"{_show(row.get('value'))} [{_show(row.get('low'))}, {_show(row.get('high'))}]"


def _show(value: object, decimals: int | None = None) -> str:
    if not isinstance(value, (int, float)):
        return "none"
    return f"{value:.{decimals}f}" if decimals is not None else format_value(float(value))


def tally_line(run: Run) -> str:
    """``12 met, 1 violated, 2 undecided, 0 not judged``."""
    return ", ".join(f"{count} {verdict}" for verdict, count in run.tally().items())


def tally_colour(run: Run) -> str:
    """Red where the gate is not met, yellow where only undecided, else green."""
    tally = run.tally()
    if tally["violated"] or tally["not judged"]:
        return "red"
    return "yellow" if tally["undecided"] else "green"


def ensemble_lines(run: Run) -> list[str]:
    """How many members were trained and how many reused, what was not kept or shared and why, once each."""
    lines = []
    declared = [note for note in run.ensembles if note["status"] != "grown"]
    for name in dict.fromkeys(str(note["name"]) for note in declared):
        notes = [note for note in declared if note["name"] == name]
        trained = [note for note in notes if note["status"] != "shared"]
        seconds = sum(float(str(note["seconds"])) for note in trained)
        reasons = {str(note["status"]) for note in notes if str(note["status"]).startswith("not shareable")}
        processes = f" in {len(trained)} processes" if len(trained) > 1 else ""
        shared = f", shared with {len(notes) - len(trained)} more" if len(notes) > len(trained) else ""
        kept = next((f", not kept: {note['not_kept']}{_mend(note)}" for note in trained if note.get("not_kept")), "")
        words = _trained_words(trained[0] if trained else notes[0], f"{processes} ({seconds:.1f} s)")
        lines.append(f"{name}: {notes[0]['members']} members: {words}{shared}{kept}")
        for reason in sorted(reasons):
            lines.append(f"{name}: trained in each of {len(notes)} processes, {reason}")
    problems = dict.fromkeys(str(note["cache_problem"]) for note in run.ensembles if note.get("cache_problem"))
    grown = [_grown_words(note) for note in run.ensembles if note["status"] == "grown"]
    return [*lines, *grown, *(f"fit cache: {problem}" for problem in problems)]


def _grown_words(note: Row) -> str:
    """``detector: grown from 10 to 27 members for seed std of accuracy <= 0.01 (41.0 s)``."""
    words = f"grown from {note['declared']} to {note['members']} members for {note['why']}"
    return f"{note['name']}: {words} ({float(str(note['seconds'])):.1f} s)"


def _trained_words(note: Row, effort: str) -> str:
    """``7 reused, 3 trained (41.0 s)``."""
    reused, trained = note.get("reused", 0), note.get("trained")
    if not reused:
        return f"trained{effort}"
    return f"{reused} reused, {trained} trained{effort}" if trained else f"{reused} reused{effort}"


def _mend(note: Row) -> str:
    seen = any(
        word in str(note["not_kept"]) for word in ("process", "connection", "unseen", "code by name", "database")
    )
    return "; name its inputs with depends_on=[...]" if seen else ""
