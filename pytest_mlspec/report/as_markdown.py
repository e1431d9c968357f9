"""The Markdown table for a pull request or a job summary."""

from __future__ import annotations

from pytest_mlspec.report.rows import Row, standing
from pytest_mlspec.report.run import Run, is_expected
from pytest_mlspec.report.suite import suite_lines
from pytest_mlspec.report.text import measured, tally_line

SIGNS = {"met": "✅ met", "violated": "❌ violated", "undecided": "❔ undecided", "not judged": "⛔ not judged"}
STANDINGS = {"first baseline": "🆕 first baseline", "tracked": "📌 tracked", "waived": "🕓 waived"}


def as_markdown(run: Run) -> str:
    """A heading with the tally, a table with one row per requirement, and the messages of those not met."""
    lines = [f"### Model requirements: {tally_line(run)}", ""]
    lines.extend(f"> **DEVELOPMENT RUN**: {reason}" for reason in run.development())
    for note in (*(note for note, _ in run.notes), *suite_lines(run)):
        lines += [f"> {_cell(note)}", ""]
    if not run.rows:
        return "\n".join([*lines, "No requirement ran.", ""])
    lines += ["| verdict | id | requirement | measured, bounds | n | because |", "|---|---|---|---|---|---|"]
    lines.extend(_table_row(row) for row in run.ordered())
    for row in run.ordered():
        if row["verdict"] != "met":
            message = row.get("message")
            shown = message if isinstance(message, list) else []
            title = f"{standing(row) or row['verdict']}: {_cell(row['test'])}"
            lines += ["", f"<details><summary>{title}</summary>", "", "```text", *map(str, shown), "```", "</details>"]
    return "\n".join([*lines, ""])


def _table_row(row: Row) -> str:
    judged = row["verdict"] != "not judged"
    cells = [
        _sign(row),
        _cell(row["id"]),
        _cell(row["claim"]),
        measured(row) if judged else _cell(row.get("why", "")),
        f"{row['n']:,} {row['unit']}" if judged else "",
        _cell("; ".join(str(row[part]) for part in ("because", "remark") if row.get(part))),
    ]
    return f"| {' | '.join(cells)} |"


def _sign(row: Row) -> str:
    if apart := standing(row):
        return STANDINGS.get(apart, apart)
    return SIGNS[str(row["verdict"])] + (", as expected" if is_expected(row) else "")


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
