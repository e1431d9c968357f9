"""One test from set-up to tear-down: what it was asked, what it judged, and the outcome that follows from both.

The plugin loads this module in every pytest run; what judging needs is imported when a test asks or judges something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlspec import options
from pytest_mlspec.running import Recorder

if TYPE_CHECKING:
    from pytest_mlspec.markers import Asked
    from pytest_mlspec.requirements.contract import Contract
    from pytest_mlspec.requirements.guard import Conclusion
    from pytest_mlspec.verdict import Verdict

ASKED: pytest.StashKey[Asked] = pytest.StashKey()
NOTES: pytest.StashKey[list[str]] = pytest.StashKey()
"""Notes about ensembles that the next report of this process carries."""
UNDECIDED = "mlspec_undecided"
ROW, ENSEMBLE = "mlspec", "mlspec-ensemble"
"""The names under which a report carries rows and notes."""


class Trial:
    """What one test was asked and what it judged, over all its attempts."""

    __slots__ = ("asked", "begun", "item", "lost", "passed", "raised", "recorder", "running")

    def __init__(self, item: pytest.Item) -> None:
        self.item = item
        self.asked: Asked | None = item.stash.get(ASKED, None)
        self.recorder = Recorder(lambda: options.settings(item.config))
        self.raised: AssertionError | None = None
        self.begun = self.running = self.passed = False
        self.lost: list[Verdict] = []

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """The contracts of the test's markers."""
        return self.asked.contracts if self.asked is not None else ()

    @property
    def idle(self) -> bool:
        """Whether the test has nothing to do with requirements."""
        return self.asked is None and not self.recorder.verdicts

    @property
    def bound(self) -> bool:
        """Whether the test carries a requirement that must be judged, or the marks for one are faulty."""
        asked = self.asked
        if asked is None:
            return False
        return bool(asked.contracts or asked.labelled or asked.faults or (asked.watched and self.recorder.verdicts))

    def conclude(self) -> Conclusion:
        """What stands between this test and its pass."""
        from pytest_mlspec.requirements.guard import conclude

        asked = self.asked
        return conclude(
            self.recorder,
            self.contracts,
            labelled=asked is not None and asked.labelled,
            watched=asked is not None and asked.watched,
            lost=self.lost,
        )

    def check(self) -> None:
        """Raise what keeps a body that went through from passing."""
        __tracebackhide__ = True
        if not self.idle and (error := self.conclude().error()) is not None:
            self.raised = error
            raise error

    def lose(self, error: AssertionError) -> None:
        """Keep the verdict that ended the body, so that a further attempt does not take it back."""
        verdict = self.recorder.last_asked
        if verdict is None or verdict.outcome == "met":
            return
        if not str(error) or verdict.headline() in str(error):
            self.lost.append(verdict)


TRIAL: pytest.StashKey[Trial] = pytest.StashKey()


def attach(call: pytest.CallInfo[None], report: pytest.TestReport, trial: Trial) -> None:
    """Put rows and notes where JUnit and xdist carry them: builtin types in the properties of the report."""
    item = trial.item
    notes = item.config.stash.get(NOTES, [])
    found: list[tuple[str, object]] = []
    if not trial.idle:
        from pytest_mlspec.report.rows import pack, rows_of_test

        skipped = call.excinfo is not None and isinstance(call.excinfo.value, pytest.skip.Exception)
        why = f"skipped: {call.excinfo.value}" if skipped and call.excinfo is not None else ""
        expected = report.wasxfail or "xfail" if report.skipped and hasattr(report, "wasxfail") else ""
        labelled = trial.asked is not None and trial.asked.labelled
        rows = rows_of_test(item.nodeid, trial.recorder, trial.contracts, labelled=labelled, why=why)
        found.extend((ROW, pack({**row, "expected": expected})) for row in rows)
    found.extend((ENSEMBLE, note) for note in notes)
    notes.clear()
    if found:
        kept = [pair for pair in item.user_properties if pair[0] != ROW]  # without those of an earlier attempt
        item.user_properties[:] = [*kept, *found]  # JUnit takes them from the report of the tear-down
        report.user_properties[:] = item.user_properties


def settle(call: pytest.CallInfo[None], report: pytest.TestReport, trial: Trial) -> None:
    """Give the report the outcome that the recorded verdicts ask for."""
    conclusion = trial.conclude()
    xfailed = report.skipped and hasattr(report, "wasxfail")
    went_through = call.excinfo is not None and call.excinfo.value is trial.raised
    held = trial.bound or (went_through and bool(conclusion.forgotten))
    if held and report.skipped and not marked_skip(call, trial) and not (xfailed and excused(call, conclusion)):
        if xfailed:
            del report.wasxfail
        report.outcome = "failed"
        reason = f"{call.excinfo.typename}: {call.excinfo.value}" if call.excinfo is not None else ""
        text = "\n".join([*conclusion.lines(), f"an unjudged requirement is never excused ({reason})"])
        report.longrepr = text if conclusion.incomplete or conclusion.forgotten else report.longrepr
    elif report.failed and went_through:
        path, line, name = report.location  # there is no traceback to show
        report.longrepr = "\n".join([*conclusion.lines(), f"{path}:{(line or 0) + 1}: {name}"])
    undecided = [verdict for verdict in trial.recorder.verdicts if verdict.outcome == "undecided"]
    if undecided and call.excinfo is None and options.settings(trial.item.config).allow_undecided:
        report_undecided(report, undecided)
    elif report.failed or xfailed:
        add_section(report, trial, conclusion)


def report_undecided(report: pytest.TestReport, undecided: list[Verdict]) -> None:
    """Give a finished test that may be undecided the outcome of that name, or what its xfail announced."""
    message = "\n".join(line for verdict in undecided for line in verdict.lines())
    if report.passed and not hasattr(report, "wasxfail"):
        setattr(report, UNDECIDED, message)
    else:
        report.wasxfail = message
    report.outcome = "skipped"
    path, line, _ = report.location
    report.longrepr = (path, (line or 0) + 1, message)


def marked_skip(call: pytest.CallInfo[None], trial: Trial) -> bool:
    """Whether a skip mark stands on the test, a decision that a reviewer can see."""
    if call.excinfo is None or getattr(call.excinfo.value, "_use_item_location", False) is not True:
        return False
    # pytest tells the same of a skip in a fixture and of `self.skipTest()`, which are decisions of the moment.
    places = (getattr(trial.item, "obj", None), getattr(trial.item, "cls", None))
    return not trial.begun or any(getattr(place, "__unittest_skip__", False) for place in places)


def excused(call: pytest.CallInfo[None], conclusion: Conclusion) -> bool:
    """Whether an xfail covers what happened: violated or undecided, never a crash, never not judged."""
    error = call.excinfo.value if call.excinfo is not None else None
    judged_badly = bool(conclusion.violated or conclusion.undecided)
    complete = not (conclusion.incomplete or conclusion.forgotten)
    return complete and judged_badly and (error is None or _is_assertion(error))


def _is_assertion(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_assertion(part) for part in error.exceptions)
    return isinstance(error, AssertionError)


def add_section(report: pytest.TestReport, trial: Trial, conclusion: Conclusion) -> None:
    """Show what was judged where the failure itself does not: helper modules, a user's own message, later contracts."""
    shown = report.longreprtext
    blocks = [verdict.lines() for verdict in trial.recorder.verdicts if verdict.outcome != "met"]
    lines = [line for block in blocks if any(part not in shown for part in block) for line in block]
    lines += [line for line in conclusion.lines() if "NOT JUDGED" in line and line not in shown]
    if lines:
        report.sections.append(("mlspec", "\n".join(dict.fromkeys(lines))))
