"""The pytest hooks: they record what a test judged, guard its pass and show what was found. No mathematics here.

Unused, the plugin costs a few light imports: what a test needs is imported when the first one runs, and whatever
judges, trains or reports when a test asks for it.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

import pytest

from pytest_mlspec import fixtures, options
from pytest_mlspec.fixtures import NOTES, PROVIDED
from pytest_mlspec.requirements.catalogue import CATALOGUE, may_ask

if TYPE_CHECKING:
    from pytest_mlspec.markers import Asked
    from pytest_mlspec.plugin.trials import Trial

ASKED: pytest.StashKey[Asked] = pytest.StashKey()
READ: pytest.StashKey[list[pytest.Mark]] = pytest.StashKey()
"""The marks of a test when its contracts were read from them."""
TRIAL: pytest.StashKey[Trial] = pytest.StashKey()
UNDECIDED = "mlspec_undecided"
"""The attribute of a report that stands for the outcome *undecided*."""
FIRST = "mlspec_first"
"""The attribute of a report that stands for the outcome *first baseline*."""
OPTIMIZING = "optimizing"
"""The kind whose contracts have entries in the record file."""
WAIVED_TEST = "mlspec_waived"
"""The attribute of a report that stands for the outcome *waived*."""


def __dir__() -> list[str]:
    """Hooks and fixtures only: pytest looks at every name of a plugin in every run, and the others are not for it."""
    return [*(name for name in globals() if name.startswith("pytest_")), *PROVIDED]


def __getattr__(name: str) -> object:
    """The fixtures of this plugin."""
    if name in PROVIDED:
        return getattr(fixtures, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def pytest_addoption(parser: pytest.Parser) -> None:
    fixtures.STARTED[0] = time.time_ns()
    options.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    for name, summary in CATALOGUE.items():
        config.addinivalue_line("markers", f"{name}: {summary} (pytest-mlspec)")
    if options.any_asked(config):
        options.configured(config)
    if config.getini("mlspec_ledger") or config.getini("mlspec_ladder") or config.option.mlspec_ledger:
        from pytest_mlspec.plugin import counting

        counting.start(config)
    if config.option.mlspec_plan:  # trains and judges nothing, and leaves what outlives a run alone
        from pytest_mlspec.plugin import planning

        config.pluginmanager.register(planning.PlanRun(config), planning.NAME)
        return
    if config.option.mlspec_save is not None or config.option.mlspec_baseline is not None:
        from pytest_mlspec.plugin import baselines

        baselines.start(config)
    if str(config.option.mlspec_seeds).startswith("auto"):
        from pytest_mlspec.plugin import growing

        config.pluginmanager.register(growing.Growing(), growing.NAME)
    if config.option.mlspec_list:
        from pytest_mlspec.plugin import listing

        config.pluginmanager.register(listing.Listing(), listing.NAME)
    from pytest_mlspec.plugin.reporting import NAME as RUN
    from pytest_mlspec.plugin.reporting import RunReporter

    reporter = RunReporter(config)
    config.pluginmanager.register(reporter, RUN)
    if options.outliving(config):
        from pytest_mlspec.plugin.upkeep import NAME, Upkeep

        config.pluginmanager.register(Upkeep(config, reporter), NAME)


# ---- collection ----------------------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    faulty = False
    for item in items:
        if not any(may_ask(mark.name, mark.kwargs) for mark in item.iter_markers()):
            continue
        from pytest_mlspec import markers

        asked = _ask(item)
        if asked is not None and asked.faults:
            faulty = True
            message = "\n".join(f"{markers.location(item)}: {fault}" for fault in asked.faults)
            report = pytest.CollectReport(nodeid=item.nodeid, outcome="failed", longrepr=message, result=[])
            config.hook.pytest_collectreport(report=report)
    if faulty and hasattr(config, "workerinput") and not config.option.continue_on_collection_errors:
        items.clear()  # a serial run stops here by itself; a worker would go on and train


def _ask(item: pytest.Item) -> Asked | None:
    from pytest_mlspec import markers

    item.stash[READ] = list(item.iter_markers())
    asked = markers.read_marks(item)
    if asked is not None:
        item.stash[ASKED] = asked
        markers.imply_satisficing(item, asked)
    return asked


def _unread(item: pytest.Item) -> list[pytest.Mark]:
    """Limits that a hook or a fixture put on the test after its marks were read."""
    known = item.stash.get(READ, [])
    limits = [mark for mark in item.iter_markers() if mark.name in CATALOGUE and (mark.args or mark.kwargs)]
    return [mark for mark in limits if not any(mark is other for other in known)]


def pytest_collection_finish(session: pytest.Session) -> None:
    config = session.config
    for item in session.items:
        if _unread(item):  # of a hook that ran after ours; faults fail the test
            _ask(item)
    if str(config.getini("mlspec_family")) != options.INI["mlspec_family"][0] and options.configured(config).family:
        from pytest_mlspec.plugin.family import share_level

        share_level(session)
    if config.option.mlspec_seeds is not None and options.in_ci() and not hasattr(config, "workerinput"):
        from pytest_mlspec.fixtures.ensembles import ENSEMBLES
        from pytest_mlspec.options.settings import refuse_short_ensemble

        used = {name for item in session.items for name in getattr(item, "fixturenames", ())}
        for name in sorted(used & ENSEMBLES.keys()):
            refuse_short_ensemble(name, ENSEMBLES[name], options.configured(config))
    if (
        getattr(config, "workerinput", {}).get("workerid") == "gw0"
    ):  # workers collect the same: one tells the controller
        from pytest_mlspec.plugin.reporting import UNMEETABLE

        if lines := pytest_report_collectionfinish(config, session.items):
            config.workeroutput[UNMEETABLE] = lines  # type: ignore[attr-defined]  # xdist's


def pytest_report_collectionfinish(config: pytest.Config, items: Sequence[pytest.Item]) -> list[str]:
    asked = [(item, marks.contracts) for item in items if (marks := item.stash.get(ASKED, None)) is not None]
    if not asked or config.option.mlspec_plan:
        return []
    from pytest_mlspec.plugin.unmeetable import unmeetable_lines

    return unmeetable_lines(config, asked)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    if config.option.mlspec_ledger is not None:
        from pytest_mlspec.plugin import counting

        print(*counting.answer(config), sep="\n")
        return 0
    if (config.option.mlspec_list or config.option.mlspec_plan) and hasattr(config.option, "numprocesses"):
        config.option.numprocesses, config.option.dist, config.option.tx = None, "no", []
    return None


# ---- one test ------------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    from pytest_mlspec.plugin.trials import Trial
    from pytest_mlspec.running import CONTRACTS, RECORDER

    trial = item.stash[TRIAL] = Trial(item, item.stash.get(ASKED, None))
    with RECORDER.hold(trial.recorder), CONTRACTS.hold(trial.contracts):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
    if fixturedef.scope == "function":
        return (yield)
    from pytest_mlspec.running import CONTRACTS, RECORDER

    why = f"while the {fixturedef.scope} fixture {fixturedef.argname!r} was set up: that fixture outlives the test"
    with RECORDER.hold(None), CONTRACTS.hold(why):
        return (yield)


def pytest_runtest_setup(item: pytest.Item) -> None:
    trial = item.stash.get(TRIAL, None)
    if trial is None:
        return
    trial.begun = True  # skip marks have been looked at, fixtures come next
    if trial.asked is not None and trial.asked.faults:
        pytest.fail("\n".join(trial.asked.faults), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    __tracebackhide__ = True
    trial = item.stash.get(TRIAL, None)
    if trial is None:
        return (yield)
    trial.raised, trial.running, trial.passed = None, True, False
    if late := _unread(item):
        limits = ", ".join(f"{name}={value!r}" for name, value in late[0].kwargs.items())
        words = f"{late[0].name}({limits}) was put on the test while it ran, too late to be judged"
        pytest.fail(f"{words}: mark the test, its class or module, or a pytest.param", pytrace=False)
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
    from pytest_mlspec.running import RECORDER

    recorder = RECORDER.get()
    if recorder is None or recorder.last_asked is None:
        return None
    from pytest_mlspec.verdict import explanation

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
    if call.when == "setup" and report.failed and "ScopeMismatch" in report.longreprtext:
        from pytest_mlspec.fixtures.ensembles import scope_hint

        report.sections.append(("mlspec", scope_hint(report.longreprtext)))
    if not trial.idle or NOTES in item.config.stash:
        from pytest_mlspec.plugin import outcomes

        outcomes.settle(call, report, trial)
        outcomes.attach(call, report, trial)
    return report


# ---- the whole run -------------------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    if getattr(report, UNDECIDED, None):
        return "undecided", "u", ("UNDECIDED", {"yellow": True})
    if getattr(report, FIRST, None):
        return "first baseline", "b", ("FIRST BASELINE", {"yellow": True})
    if getattr(report, WAIVED_TEST, None):
        return "waived", "w", ("WAIVED", {"yellow": True})
    return None
