"""The plans of a run: lines for the terminal, Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pytest_mlspec.metrics.judging.advice import round_up
from pytest_mlspec.metrics.planning.plan import POWER, Need, Plan
from pytest_mlspec.metrics.planning.requirement import PlanOfClaim, PlanOfRun, PlanOfTest
from pytest_mlspec.report.as_json import SCHEMA
from pytest_mlspec.report.rows import Row, plain
from pytest_mlspec.verdict import format_value

NONE, RETRAININGS = "no affordable number", "retrainings"


def plan_lines(run: PlanOfRun) -> list[tuple[str, str]]:
    """Lines of the section with a word for their colour, or nothing."""
    lines: list[tuple[str, str]] = []
    for test in run.tests:
        for claim in test.claims:
            lines.extend(_claim_lines(claim, test, run.n_requirements))
        for fault in test.faults:
            lines.append((f"faulty marker: {fault} ({test.test})", "red"))
        for contract, why in test.unplanned:
            lines.extend([(f"{contract} ({test.test})", ""), (f"  cannot be planned: {why}", "yellow")])
    lines.extend((line, "red" if "CANNOT" in line else "") for line in closing_lines(run))
    return lines


def _claim_lines(claim: PlanOfClaim, test: PlanOfTest, n_requirements: int) -> Iterator[tuple[str, str]]:
    plan = claim.plan
    yield f"{claim.id}: {plan.claim} ({test.test})" if claim.id else f"{plan.claim} ({test.test})", ""
    if plan.unmeetable:
        expected = ", as expected (xfail)" if test.expected else f", {claim.waived}" if claim.waived else ""
        words = f"  CANNOT BE MET with what is at hand{expected}: {plan.unmeetable}"
        yield words, "yellow" if expected else "red"
    for line in (at_hand(plan), *plan.notes):
        if line:
            yield f"  {line}", ""
    if plan.no_plan:
        yield f"  no plan: {plan.no_plan}", "yellow"
    for line in table(claim, n_requirements):
        yield f"  {line}", ""


def at_hand(plan: Plan) -> str:
    """``at hand: 368 positives, 5 members; they prove at best 0.992; met with 90% power from 0.963 on``."""
    if not plan.unit:
        return ""
    members = f", {plan.members} members" if plan.members > 1 and plan.unit != RETRAININGS else ""
    if plan.members_needed is not None and plan.unit != RETRAININGS:
        members = f", {plan.members} of at least {plan.members_needed} retrainings"
    words = [f"at hand: {plan.at_hand:,} {plan.unit}{members}"]
    if plan.best is not None and not plan.unmeetable:
        words.append(f"they prove at best {plan.comparison} {show(plan.best)}")
    if plan.from_value is not None:
        side = "on" if plan.comparison == ">=" else "down"
        words.append(f"met with {100 * POWER:g}% power from {show(plan.from_value)} {side}")
    return "; ".join(words)


def table(claim: PlanOfClaim, n_requirements: int) -> list[str]:
    """Aligned columns: expected value, what is needed for it, and for all requirements at once."""
    rows = [(head(n_requirements))]
    rows += [cells(need, joint) for need, joint in _pairs(claim)]
    if len(rows) == 1:
        return []
    if n_requirements < 2:
        rows = [(row[0], row[1], row[3]) for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def head(n_requirements: int) -> tuple[str, ...]:
    """The titles of the columns."""
    return ("expected", f"needed for {100 * POWER:g}% power", f"all {n_requirements} at once", "assuming")


def cells(need: Need, joint: int | None) -> tuple[str, ...]:
    """One row of the table."""
    joint_words = NONE if joint is None else f"{round_up(joint):,}"
    return (show(need.expected), _many(need.needed, need.unit), joint_words, need.assuming)


def show(value: float) -> str:
    """An expected value with the digits that tell it from 1."""
    return f"{value:.6g}" if 0.9995 <= abs(value) < 1.0 else format_value(value)


def _pairs(claim: PlanOfClaim) -> Iterator[tuple[Need, int | None]]:
    joint = claim.together or (None,) * len(claim.plan.needs)
    yield from zip(claim.plan.needs, joint, strict=True)


def _many(number: int | None, unit: str) -> str:
    return f"{NONE} of {unit}" if number is None else f"{round_up(number):,} {unit}"


def closing_lines(run: PlanOfRun) -> list[str]:
    """How many are planned and how many cannot be met, and what all of them together ask for."""
    planned = sum(len(test.claims) for test in run.tests)
    unplanned = sum(len(test.unplanned) + len(test.faults) for test in run.tests)
    unmeetable = sum(test.n_unmeetable for test in run.tests)
    lines = []
    if run.n_requirements > 1:
        power = f"{100 * run.power_of_each:.4g}%"
        lines.append(
            f"for all {run.n_requirements} requirements to be met at once with {100 * POWER:g}% power, each is planned "
            f"at {power} (1 - {1 - POWER:.1g} / {run.n_requirements})"
        )
    missing = f", {_number(unplanned, 'requirement')} that cannot be planned" if unplanned else ""
    lines.append(f"{_number(planned, 'claim')} planned{missing}; no ensemble was trained, nothing judged")
    if unmeetable:
        lines.append(f"{unmeetable} CANNOT BE MET with what is at hand, however good the model")
    return lines


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def plan_rows(run: PlanOfRun) -> list[Row]:
    """One object per claim, and one per contract that is not planned, as builtin types."""
    return [row for test in run.tests for row in _rows(test)]


def _rows(test: PlanOfTest) -> Iterator[Row]:
    for claim in test.claims:
        plan = claim.plan
        yield {
            "test": test.test,
            "id": claim.id,
            "kind": claim.kind,
            "claim": plan.claim,
            "metric": plan.metric,
            "comparison": plan.comparison,
            "threshold": plan.threshold,
            "expect": plan.expect,
            "unit": plan.unit,
            "at_hand": plan.at_hand,
            "members": plan.members,
            "members_needed": plan.members_needed,
            "best": plan.best,
            "from_value": plan.from_value,
            "unmeetable": plan.unmeetable,
            "expected": test.expected,
            "waived": claim.waived,
            "no_plan": plan.no_plan,
            "notes": list(plan.notes),
            "needs": [
                {
                    "expected": need.expected,
                    "needed": need.needed,
                    "all_at_once": joint,
                    "unit": need.unit,
                    "at_hand": need.at_hand,
                    "assuming": need.assuming,
                }
                for need, joint in _pairs(claim)
            ],
        }
    for contract, why in (*test.unplanned, *(("faulty marker", fault) for fault in test.faults)):
        yield {"test": test.test, "claim": contract, "no_plan": why, "needs": []}


def plan_json(run: PlanOfRun, *, exit_code: int) -> str:
    """The plans as JSON text under the key ``plan``; numbers that JSON cannot say are null."""
    from pytest_mlspec import __version__

    document = {
        "schema": SCHEMA,
        "version": __version__,
        "exit_code": exit_code,
        "plan": {
            "power": POWER,
            "requirements": run.n_requirements,
            "power_of_each": run.power_of_each,
            "claims": plan_rows(run),
        },
    }
    return json.dumps(plain(document), indent=2, allow_nan=False) + "\n"


def plan_markdown(run: PlanOfRun) -> str:
    """A table with one row per claim and expected value."""
    several = run.n_requirements > 1
    titles = ["id", "requirement", "at hand", *(head(run.n_requirements) if several else _without_joint(head(1)))]
    lines = ["### Plan of the model requirements", "", f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    for test in run.tests:
        for claim in test.claims:
            lines.extend(_markdown_rows(claim, several=several))
        for contract, why in (*test.unplanned, *(("faulty marker", fault) for fault in test.faults)):
            blank = " |" * (len(titles) - 3)
            lines.append(f"| | {_cell(contract)} | cannot be planned: {_cell(why)} |{blank}")
    return "\n".join([*lines, "", *closing_lines(run), ""])


def _markdown_rows(claim: PlanOfClaim, *, several: bool) -> Iterator[str]:
    plan = claim.plan
    waived = f" ({claim.waived})" if claim.waived else ""
    trouble = f"⛔ **cannot be met**{waived}: {plan.unmeetable}" if plan.unmeetable else ""
    start = [claim.id, plan.claim, "; ".join(part for part in (trouble, at_hand(plan), plan.no_plan) if part)]
    rows = [cells(need, joint) for need, joint in _pairs(claim)] or [("", "", "", "")]
    for row in rows:
        shown = row if several else _without_joint(row)
        yield f"| {' | '.join(_cell(cell) for cell in (*start, *shown))} |"
        start = ["", "", ""]


def _without_joint(row: tuple[str, ...]) -> tuple[str, ...]:
    return (row[0], row[1], row[3])


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
