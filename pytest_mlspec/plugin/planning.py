"""``--mlspec-plan``: runs the bodies with stand-ins for their models, plans every claim and judges none.

Registered only where a plan was asked for. No cache, ledger, baseline or record is touched, and no ensemble is trained:
it is a stand-in that says the truth, and a fixture that begins to train is ended there and gives one, too. That it
trains is seen where it reads the features of a part to train on; on arrays that never were in a dataset it goes unseen.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from _pytest.runner import runtestprotocol  # what rerunfailures uses, too: it runs a test and reports to nobody

from pytest_mlspec import options
from pytest_mlspec.data.reading import Trains, allowing_training, refusing_training
from pytest_mlspec.fixtures.datasets import MAKES_DATA
from pytest_mlspec.metrics.planning.planner import Noting
from pytest_mlspec.metrics.planning.requirement import PlanOfClaim, PlanOfRun, PlanOfTest, plans_of_test
from pytest_mlspec.plugin import ASKED
from pytest_mlspec.plugin.waiving import standing_of, waivers_of_run
from pytest_mlspec.predictions.stand_in import NotTrained, StandIn
from pytest_mlspec.running import CONTRACTS, RECORDER, Recorder

if TYPE_CHECKING:
    from pytest_mlspec.markers import Asked
    from pytest_mlspec.metrics.estimate import Estimate
    from pytest_mlspec.verdict import Origin

NAME = "mlspec-plan"


class PlanRun:
    """Runs the bodies of a suite for its plans."""

    def __init__(self, config: pytest.Config) -> None:
        option = config.option
        for name, asked in (("--mlspec-save", option.mlspec_save), ("--mlspec-update", option.mlspec_update)):
            if asked:
                raise pytest.UsageError(
                    f"{name} keeps what a run judged, and --mlspec-plan judges nothing: leave one out"
                )
        self.config = config
        self.waivers = waivers_of_run(config)
        self.run = PlanOfRun()
        self._error: BaseException | None = None
        self._replaced: dict[str, str] = {}
        """Why a fixture gave a stand-in, by its name."""

    def __dir__(self) -> list[str]:
        return [name for name in type(self).__dict__ if name.startswith("pytest_")]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run every test with a requirement, and show the plans in place of outcomes."""
        if session.testsfailed and not self.config.option.continue_on_collection_errors:
            return None
        asked = [(item, marks) for item in session.items if (marks := item.stash.get(ASKED, None)) is not None]
        binding = [(item, marks) for item, marks in asked if marks.contracts or marks.labelled or marks.faults]
        self.run.n_requirements = sum(max(1, len(marks.contracts)) for _, marks in binding)
        for position, (item, marks) in enumerate(binding):
            following = binding[position + 1][0] if position + 1 < len(binding) else None
            self.run.tests.append(self._plan(item, marks, following))
            if session.shouldstop or session.shouldfail:
                break
        session.testsfailed += sum(test.n_unmeetable for test in self.run.tests)
        return True

    def _plan(self, item: pytest.Item, marks: Asked, following: pytest.Item | None) -> PlanOfTest:
        """Run one body with stand-ins and plan what it claims."""
        if marks.faults:
            return PlanOfTest(test=item.nodeid, faults=tuple(marks.faults))
        noting = Noting(expect=_expectations(marks), budget=_budgets(self.config))
        recorder = Recorder(lambda: options.configured(self.config))
        recorder.planner = noting
        self._error = None
        with RECORDER.hold(recorder), CONTRACTS.hold(marks.contracts):
            reports = runtestprotocol(item, log=False, nextitem=following)
        skipped = next((report for report in reports if report.skipped and not hasattr(report, "wasxfail")), None)
        planned = plans_of_test(
            item.nodeid,
            marks.contracts,
            list(noting.found.values()),
            why=_why_not(self._error, skipped) + self._about_fixtures(item),
            n_requirements=self.run.n_requirements,
            expected=item.get_closest_marker("xfail") is not None,
        )
        claims = tuple(replace(claim, waived=self._waived(claim, item)) for claim in planned.claims)
        return replace(planned, claims=claims)

    def _waived(self, claim: PlanOfClaim, item: pytest.Item) -> str:
        """The words of the waiver that a run would go by today; empty where there is none."""
        standing = standing_of(self.waivers, item.nodeid, claim.id, claim.kind, self.config)
        return standing.words if standing is not None and standing.live else ""

    def _about_fixtures(self, item: pytest.Item) -> str:
        """Which of its fixtures are stand-ins that nobody would expect to be."""
        if self._error is None or isinstance(self._error, (Trains, NotTrained)):
            return ""
        names = [name for name in getattr(item, "fixturenames", ()) if name in self._replaced]
        return "".join(f"; {self._replaced[name]}" for name in names)

    # ---- one test ------------------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self) -> Generator[None, None, None]:
        """Keep what went wrong in a set-up."""
        return (yield from self._watched())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, None, None]:
        """Run the body where nothing may be trained, and keep what went wrong."""
        with refusing_training():
            return (yield from self._watched())

    def _watched(self) -> Generator[None, None, None]:
        try:
            return (yield)
        except BaseException as error:
            self._error = error
            raise

    # ---- fixtures ------------------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Put a stand-in in the place of what begins to train, or needs a trained model to be made."""
        if getattr(fixturedef.func, MAKES_DATA, False):
            with allowing_training():
                return (yield)
        try:
            with refusing_training():
                return (yield)
        except Trains as training:
            made = StandIn(fixturedef.argname, why=_replaced(fixturedef.argname, str(training)))
        except Exception as error:
            model = _stand_in_among(fixturedef, request)
            if model is None:
                raise
            made = _made_of(model, fixturedef.argname, error)
        self._replaced[fixturedef.argname] = made.why
        fixturedef.cached_result = (made, fixturedef.cache_key(request), None)  # type: ignore[arg-type]
        return made

    # ---- the report ----------------------------------------------------------------------------------------------

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the plans."""
        from pytest_mlspec.report.planning import plan_lines

        terminalreporter.write_sep("=", "mlspec plan")
        for line, colour in plan_lines(self.run):
            terminalreporter.write_line(line, **({colour: True} if colour else {}))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int | pytest.ExitCode) -> None:
        """Write the files that were asked for."""
        from pytest_mlspec.report import planning
        from pytest_mlspec.report.as_json import write

        option = self.config.option
        if option.mlspec_json:
            write(option.mlspec_json, planning.plan_json(self.run, exit_code=int(exitstatus)))
        if option.mlspec_markdown:
            write(option.mlspec_markdown, planning.plan_markdown(self.run))


def _expectations(marks: Asked) -> _Expectations:
    return _Expectations({contract.index: contract.expect for contract in marks.contracts})


class _Expectations:
    """What the contracts of one test expect."""

    __slots__ = ("_by_contract",)

    def __init__(self, by_contract: dict[int, float | None]) -> None:
        self._by_contract = by_contract

    def __call__(self, origin: Origin) -> float | None:
        return self._by_contract.get(origin.contract)


def _budgets(config: pytest.Config) -> _Budgets:
    settings = options.configured(config)
    return _Budgets(settings.budget if settings.ledger is not None else 1, counted=settings.ledger is not None)


class _Budgets:
    """How many models may be judged on the test set of an estimate; 1 where reads are not counted."""

    __slots__ = ("_counted", "_default")

    def __init__(self, default: int, *, counted: bool) -> None:
        self._default = default
        self._counted = counted

    def __call__(self, estimate: Estimate) -> int:
        declared = getattr(estimate.predictions.data, "budget", None)
        return int(declared) if self._counted and declared is not None else self._default


def _replaced(name: str, what: str) -> str:
    return (
        f"a plan stopped the fixture {name!r} as it began to train ({what}) and put a stand-in in its place; if it "
        "makes data, decorate it with @mlspec.dataset"
    )


def _stand_in_among(fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest) -> StandIn | None:
    """The first stand-in that a fixture took."""
    for name in fixturedef.argnames:
        if name != "request" and isinstance(value := request.getfixturevalue(name), StandIn):
            return value
    return None


def _made_of(model: StandIn, name: str, error: Exception) -> StandIn:
    """A stand-in for what a fixture would have made of a trained model."""
    return StandIn(
        name,
        seeds=model.seeds,
        retrained=model.retrained,
        declared=model.declared,
        held_out=model.held_out,
        why=f"the fixture {name!r} needs a trained {model.name!r} ({_first_line(error)})",
    )


def _why_not(error: BaseException | None, skipped: pytest.TestReport | None) -> str:
    """Why the claims that a body did not come to are not planned."""
    if skipped is not None:
        reason = skipped.longrepr[2] if isinstance(skipped.longrepr, tuple) else str(skipped.longrepr)
        return str(reason).replace("Skipped:", "skipped:", 1)
    if error is None:
        return ""
    if isinstance(error, Trains):
        return f"the body would train: {error}"
    return str(error) if isinstance(error, NotTrained) else f"{type(error).__name__}: {_first_line(error)}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]
