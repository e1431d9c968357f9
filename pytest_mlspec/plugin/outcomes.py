"""The outcome of a test that judged something, and the rows that its report carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlspec import options
from pytest_mlspec.fixtures import NOTES
from pytest_mlspec.plugin import UNDECIDED, WAIVED_TEST
from pytest_mlspec.report.rows import ENSEMBLE_PROPERTY, PROPERTY, pack, rows_of_test
from pytest_mlspec.verdict import WAIVED, Outcome

if TYPE_CHECKING:
    from pytest_mlspec.plugin.trials import Trial
    from pytest_mlspec.requirements.guard import Conclusion
    from pytest_mlspec.verdict import Verdict


def attach(call: pytest.CallInfo[None], report: pytest.TestReport, trial: Trial) -> None:
    """Put rows and notes where JUnit and xdist carry them: builtin types in the properties of the report."""
    item = trial.item
    notes = item.config.stash.get(NOTES, [])
    found: list[tuple[str, object]] = []
    if not trial.idle:
        skipped = call.excinfo is not None and isinstance(call.excinfo.value, pytest.skip.Exception)
        why = f"skipped: {call.excinfo.value}" if skipped and call.excinfo is not None else ""
        expected = report.wasxfail or "xfail" if report.skipped and hasattr(report, "wasxfail") else ""
        labelled = trial.asked is not None and trial.asked.labelled
        rows = rows_of_test(
            item.nodeid, trial.recorder, trial.contracts, labelled=labelled, searched=_searched(item), why=why
        )
        shared = family_of(item.config)
        found.extend((PROPERTY, pack({**row, "expected": expected, "family": shared})) for row in rows)
    found.extend((ENSEMBLE_PROPERTY, note) for note in notes)
    notes.clear()
    if found:
        kept = [pair for pair in item.user_properties if pair[0] != PROPERTY]  # without those of an earlier attempt
        item.user_properties[:] = [*kept, *found]  # JUnit takes them from the report of the tear-down
        report.user_properties[:] = item.user_properties


def family_of(config: pytest.Config) -> int:
    """How many contracts share the level of *violated*; 0 where each has its own."""
    if not options.configured(config).family:
        return 0
    from pytest_mlspec.plugin.family import FAMILY

    return config.stash.get(FAMILY, 0)


def _searched(item: pytest.Item) -> bool:
    """Whether Hypothesis chooses the examples of this test."""
    return bool(getattr(getattr(item, "obj", None), "is_hypothesis_test", False))


def settle(call: pytest.CallInfo[None], report: pytest.TestReport, trial: Trial) -> None:
    """Give the report the outcome that the recorded verdicts ask for."""
    if trial.idle:
        return
    conclusion = trial.conclude()
    if trial.recorder.lacking:
        from pytest_mlspec.plugin.baselines import settled_as_first

        if settled_as_first(call, report, trial, conclusion):
            return
    xfailed = report.skipped and hasattr(report, "wasxfail")
    went_through = call.excinfo is not None and call.excinfo.value is trial.raised
    held = trial.bound or (went_through and bool(conclusion.forgotten))
    if held and report.skipped and not marked_skip(call, trial) and not (xfailed and excused(call, conclusion)):
        if xfailed:
            del report.wasxfail
        report.outcome = "failed"
        reason = f"{call.excinfo.typename}: {call.excinfo.value}" if call.excinfo is not None else ""
        text = "\n".join([*conclusion.lines(), f"an unjudged requirement is never excused ({reason})"])
        report.longrepr = text if conclusion.incomplete or conclusion.forgotten or conclusion.stale else report.longrepr
    elif report.failed and went_through:
        path, line, name = report.location  # there is no traceback to show
        report.longrepr = "\n".join([*conclusion.lines(), f"{path}:{(line or 0) + 1}: {name}"])
    waived = [verdict for verdict in trial.recorder.verdicts if verdict.standing == WAIVED]
    undecided = [verdict for verdict in trial.recorder.having(Outcome.UNDECIDED) if not verdict.standing]
    if waived and call.excinfo is None:
        report_mildly(report, waived, WAIVED_TEST)
    elif undecided and call.excinfo is None and options.configured(trial.item.config).allow_undecided:
        report_mildly(report, undecided, UNDECIDED)
    elif report.failed or xfailed:
        add_section(report, trial, conclusion)


def report_mildly(report: pytest.TestReport, verdicts: list[Verdict], outcome: str) -> None:
    """Give a finished test that may be undecided or waived the outcome of that name, or what its xfail announced."""
    message = "\n".join(line for verdict in verdicts for line in verdict.lines())
    if report.passed and not hasattr(report, "wasxfail"):
        setattr(report, outcome, message)
    else:
        report.wasxfail = message
    report.outcome = "skipped"
    path, line, _ = report.location
    report.longrepr = (path, (line or 0) + 1, message)


def marked_skip(call: pytest.CallInfo[None], trial: Trial) -> bool:
    """Whether a skip mark stands on the test, a decision that a reviewer can see."""
    if call.excinfo is None or getattr(call.excinfo.value, "_use_item_location", False) is not True:
        return False
    reasons = (mark.kwargs.get("reason", "") for mark in trial.item.iter_markers("skip"))
    if any(str(reason).startswith("got empty parameter set") for reason in reasons):
        return False  # pytest's own mark where a list of parameters came out empty: nobody decided that
    # pytest tells the same of a skip in a fixture and of `self.skipTest()`, which are decisions of the moment.
    places = (getattr(trial.item, "obj", None), getattr(trial.item, "cls", None))
    return not trial.begun or any(getattr(place, "__unittest_skip__", False) for place in places)


def excused(call: pytest.CallInfo[None], conclusion: Conclusion) -> bool:
    """Whether an xfail covers what happened: violated or undecided, never a crash, never not judged."""
    error = call.excinfo.value if call.excinfo is not None else None
    judged_badly = bool(conclusion.violated or conclusion.undecided)
    complete = not (conclusion.incomplete or conclusion.forgotten or conclusion.stale)
    return complete and judged_badly and (error is None or _is_assertion(error))


def _is_assertion(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_assertion(part) for part in error.exceptions)
    return isinstance(error, AssertionError)


def add_section(report: pytest.TestReport, trial: Trial, conclusion: Conclusion) -> None:
    """Show what was judged where the failure itself does not: helper modules, a user's own message, later contracts."""
    shown = report.longreprtext
    held = [verdict for verdict in trial.recorder.verdicts if verdict.outcome != "met"]
    if _searched(trial.item):  # Hypothesis ends with the example that it shrank; those before it are its way there
        held = list({(verdict.origin.contract, verdict.origin.claim): verdict for verdict in held}.values())
    blocks = [verdict.lines() for verdict in held]
    lines = [line for block in blocks if any(part not in shown for part in block) for line in block]
    told = ("NOT JUDGED", "STALE WAIVER")
    lines += [line for line in conclusion.lines() if any(word in line for word in told) and line not in shown]
    if lines:
        report.sections.append(("mlspec", "\n".join(dict.fromkeys(lines))))
