"""The pytest hooks: they record what a test judged, guard its pass and show what was found. No mathematics here."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_mlspec import markers, options
from pytest_mlspec.fixtures import (  # noqa: F401  (the fixtures of this plugin)
    breast_cancer,
    diabetes,
    diabetes_high,
    digits,
    requirement,
    spurious_regression,
)
from pytest_mlspec.fixtures.ensembles import ENSEMBLES
from pytest_mlspec.fixtures.members import NOTES
from pytest_mlspec.markers import ASKED, Asked
from pytest_mlspec.options import SETTINGS
from pytest_mlspec.report.rows import PROPERTY, pack, rows_of_test
from pytest_mlspec.report.run import ENSEMBLE_PROPERTY, Run
from pytest_mlspec.requirements.guard import Conclusion, conclude
from pytest_mlspec.requirements.requirement import contracts_of_test
from pytest_mlspec.verdict import Outcome, Recorder, Verdict, explanation, recording

UNDECIDED = "mlspec_undecided"


@dataclass(slots=True)
class Trial:
    """One test from set-up to tear-down: what it was asked and what it judged, over all attempts."""

    asked: Asked
    recorder: Recorder
    raised: AssertionError | None = None
    begun: bool = False
    running: bool = False
    passed: bool = False
    lost: list[Verdict] = field(default_factory=list)

    @property
    def bound(self) -> bool:
        """Whether the test carries a requirement that must be judged, or the marks for one are faulty."""
        asked = self.asked
        return bool(asked.contracts or asked.labelled or asked.faults or (asked.watched and self.recorder.verdicts))

    def conclude(self) -> Conclusion:
        """What stands between this test and its pass."""
        asked = self.asked
        return conclude(
            self.recorder, asked.contracts, labelled=asked.labelled, watched=asked.watched, lost=self.lost
        )

    def check(self) -> None:
        """Raise what keeps a body that went through from passing."""
        __tracebackhide__ = True
        if (error := self.conclude().error()) is not None:
            self.raised = error
            raise error

    def lose(self, error: AssertionError) -> None:
        """Keep the verdict that ended the body, so that a further attempt does not take it back."""
        verdict = self.recorder.last_asked
        if verdict is None or verdict.outcome is Outcome.MET:
            return
        if not str(error) or verdict.headline() in str(error):
            self.lost.append(verdict)


TRIAL = pytest.StashKey[Trial]()


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    markers.register(config)
    settings = config.stash[SETTINGS] = options.read_settings(config)
    run = Run(confidence=settings.terms.confidence, declared_confidence=settings.declared_confidence)
    config.pluginmanager.register(RunReporter(config, run), "mlspec-run")


# ---- collection ----------------------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    faulty = False
    for item in items:
        asked = markers.read_marks(item)
        if asked is None:
            continue
        item.stash[ASKED] = asked
        markers.imply_satisficing(item, asked)
        if asked.faults:
            faulty = True
            message = "\n".join(f"{markers.location(item)}: {fault}" for fault in asked.faults)
            report = pytest.CollectReport(nodeid=item.nodeid, outcome="failed", longrepr=message, result=[])
            config.hook.pytest_collectreport(report=report)
    if faulty and hasattr(config, "workerinput") and not config.option.continue_on_collection_errors:
        items.clear()  # a serial run stops here by itself; a worker would go on and train


def pytest_collection_finish(session: pytest.Session) -> None:
    settings = session.config.stash[SETTINGS]
    if settings.seeds_asked and options.in_ci() and not hasattr(session.config, "workerinput"):
        used = {name for item in session.items for name in getattr(item, "fixturenames", ())}
        for name in sorted(used & ENSEMBLES.keys()):
            options.refuse_short_ensemble(name, ENSEMBLES[name], settings)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    if config.option.mlspec_list and hasattr(config.option, "numprocesses"):
        config.option.numprocesses, config.option.dist, config.option.tx = None, "no", []


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    if not session.config.stash[SETTINGS].list:
        return None
    if session.testsfailed and not session.config.option.continue_on_collection_errors:
        return None
    from pytest_mlspec.report.listing import listing

    asked = ((item.nodeid, item.stash.get(ASKED, None) or Asked()) for item in session.items)
    binding = [(nodeid, marks.contracts, marks.labelled) for nodeid, marks in asked if marks.contracts or marks.labelled]
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    for line in listing(binding):
        if reporter is not None:
            reporter.write_line(line)
    return True


# ---- one test ------------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    settings = item.config.stash[SETTINGS]
    asked = item.stash.get(ASKED, None) or Asked()
    trial = Trial(asked=asked, recorder=Recorder(terms=settings.terms, allow_undecided=settings.allow_undecided))
    item.stash[TRIAL] = trial
    with recording(trial.recorder), contracts_of_test(asked.contracts):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
    if fixturedef.scope == "function":
        return (yield)
    why = f"while the {fixturedef.scope} fixture {fixturedef.argname!r} was set up: that fixture outlives the test"
    with recording(None), contracts_of_test(why):
        return (yield)


def pytest_runtest_setup(item: pytest.Item) -> None:
    trial = item.stash.get(TRIAL, None)
    if trial is None:
        return
    trial.begun = True  # skip marks have been looked at, fixtures come next
    if trial.asked.faults:
        pytest.fail("\n".join(trial.asked.faults), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    __tracebackhide__ = True
    trial = item.stash.get(TRIAL, None)
    if trial is None:
        return (yield)
    trial.raised, trial.running, trial.passed = None, True, False
    try:
        yield
        trial.check()
        trial.passed = True
    except AssertionError as error:
        trial.lose(error)
        raise
    finally:
        trial.running = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    __tracebackhide__ = True
    yield
    trial = item.stash.get(TRIAL, None)
    if trial is not None and trial.passed:  # what fixtures judged on their way out
        trial.check()


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    return explanation(op, left, right)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # round pytest's own wrapper, which turns failures into xfails
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    trial = item.stash.get(TRIAL, None)
    last = call.when == "call" or (call.when == "setup" and call.excinfo is not None)
    if trial is None or not last or trial.running:  # running: the report of a subtest; the test itself answers for all
        return (yield)
    report = yield
    settle(item, call, report, trial)
    attach(item, call, report, trial)
    return report


def attach(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport, trial: Trial) -> None:
    """Put rows and notes where JUnit and xdist carry them: builtin types in the properties of the report."""
    skipped = call.excinfo is not None and isinstance(call.excinfo.value, pytest.skip.Exception)
    why = f"skipped: {call.excinfo.value}" if skipped and call.excinfo is not None else ""
    expected = report.wasxfail or "xfail" if report.skipped and hasattr(report, "wasxfail") else ""
    rows = rows_of_test(item.nodeid, trial.recorder, trial.asked.contracts, labelled=trial.asked.labelled, why=why)
    notes = item.config.stash.get(NOTES, [])
    found: list[tuple[str, object]] = [(PROPERTY, pack({**row, "expected": expected})) for row in rows]
    found.extend((ENSEMBLE_PROPERTY, note) for note in notes)
    notes.clear()
    kept = [pair for pair in item.user_properties if pair[0] != PROPERTY]  # without those of an earlier attempt
    item.user_properties[:] = [*kept, *found]  # JUnit takes them from the report of the tear-down
    report.user_properties[:] = item.user_properties


def settle(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport, trial: Trial) -> None:
    """Give the report the outcome that the recorded verdicts ask for."""
    conclusion = trial.conclude()
    xfailed = report.skipped and hasattr(report, "wasxfail")
    went_through = call.excinfo is not None and call.excinfo.value is trial.raised
    held = trial.bound or (went_through and bool(conclusion.forgotten))
    if held and report.skipped and not marked_skip(item, call, trial) and not (xfailed and excused(call, conclusion)):
        if xfailed:
            del report.wasxfail
        report.outcome = "failed"
        reason = f"{call.excinfo.typename}: {call.excinfo.value}" if call.excinfo is not None else ""
        text = "\n".join([*conclusion.lines(), f"an unjudged requirement is never excused ({reason})"])
        report.longrepr = text if conclusion.incomplete or conclusion.forgotten else report.longrepr
    elif report.failed and went_through:
        path, line, name = report.location  # there is no traceback to show
        report.longrepr = "\n".join([*conclusion.lines(), f"{path}:{(line or 0) + 1}: {name}"])
    undecided = trial.recorder.having(Outcome.UNDECIDED) if trial.recorder.allow_undecided else []
    if undecided and call.excinfo is None:
        message = "\n".join(line for verdict in undecided for line in verdict.lines())
        if report.passed and not hasattr(report, "wasxfail"):
            setattr(report, UNDECIDED, message)
        else:
            report.wasxfail = message
        report.outcome = "skipped"
        path, line, _ = report.location
        report.longrepr = (path, (line or 0) + 1, message)
    elif report.failed or xfailed:
        add_section(report, trial, conclusion)


def marked_skip(item: pytest.Item, call: pytest.CallInfo[None], trial: Trial) -> bool:
    """Whether a skip mark stands on the test, a decision that a reviewer can see."""
    if call.excinfo is None or getattr(call.excinfo.value, "_use_item_location", False) is not True:
        return False
    # pytest tells the same of a skip in a fixture and of `self.skipTest()`, which are decisions of the moment.
    marked = (getattr(place, "__unittest_skip__", False) for place in (getattr(item, "obj", None), getattr(item, "cls", None)))
    return not trial.begun or any(marked)


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
    blocks = [verdict.lines() for verdict in trial.recorder.verdicts if verdict.outcome is not Outcome.MET]
    lines = [line for block in blocks if any(part not in shown for part in block) for line in block]
    lines += [line for line in conclusion.lines() if "NOT JUDGED" in line and line not in shown]
    if "ScopeMismatch" in shown and ENSEMBLES:
        lines.append("hint: an ensemble is trained once per session, so what it takes must be of session scope:")
        lines.append("      make the data a @mlspec.dataset, or use @pytest.fixture(scope='session')")
    if lines:
        report.sections.append(("mlspec", "\n".join(dict.fromkeys(lines))))


# ---- the whole run -------------------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    if getattr(report, UNDECIDED, None):
        return "undecided", "u", ("UNDECIDED", {"yellow": True})
    return None


class RunReporter:
    """Gathers the rows of every report, those of xdist workers included, and shows them at the end."""

    def __init__(self, config: pytest.Config, run: Run) -> None:
        self.config = config
        self.run = run

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or (report.when == "setup" and not report.passed):
            self.run.read(report.nodeid, report.user_properties)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.run.rows:
            return
        from pytest_mlspec.report.text import summary_lines

        terminalreporter.section("mlspec", sep="=")
        for line, colour in summary_lines(self.run, verbose=self.config.get_verbosity() > 0):
            terminalreporter.write_line(line, **({colour: True} if colour else {}))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int | pytest.ExitCode) -> None:
        settings = self.config.stash[SETTINGS]
        if hasattr(self.config, "workerinput"):
            return
        if settings.json:
            from pytest_mlspec import __version__
            from pytest_mlspec.report.as_json import as_json

            write(settings.json, as_json(self.run, version=__version__, exit_code=int(exitstatus)))
        if settings.markdown:
            from pytest_mlspec.report.as_markdown import as_markdown

            write(settings.markdown, as_markdown(self.run))


def write(path: str, text: str) -> None:
    """Write a report, with the folders that it needs."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
