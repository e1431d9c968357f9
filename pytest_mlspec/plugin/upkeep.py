"""Waivers and best values over a whole run: read at its start, compared with what was collected, written at its end.

Registered only in runs that have a file of either, or are asked to write one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlspec.plugin import ASKED, OPTIMIZING
from pytest_mlspec.plugin.collected import Collected, contracts_of, key_of, make, stable_nodeid

if TYPE_CHECKING:
    from pytest_mlspec.metrics.judging.best import Best
    from pytest_mlspec.plugin.reporting import RunReporter
    from pytest_mlspec.plugin.trials import Trial
    from pytest_mlspec.records.waivers import Waiver

NAME = "mlspec-upkeep"
WRITES = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
"""How a run ends that may write: it was neither interrupted nor broken."""
OUTPUT = "mlspec_collected"
"""The key under which an xdist worker tells what it collected."""


class Upkeep:
    """Holds the waivers of a run, and at its end says which of them nothing has asked for."""

    def __init__(self, config: pytest.Config, reporter: RunReporter) -> None:
        from pytest_mlspec.plugin.tracking import record_of_run
        from pytest_mlspec.plugin.waiving import waivers_of_run

        self.config = config
        self.reporter = reporter
        self.waivers: tuple[Waiver, ...] = waivers_of_run(config)
        self.record: dict[str, Best] = record_of_run(config)
        self.items: list[pytest.Item] = []
        self.tests: set[str] = set()
        self.contracts: set[tuple[str, str, str]] = set()
        self.tracked: set[str] = set()
        self.unseen: set[str] = set()
        self.finished = False

    def __dir__(self) -> list[str]:
        return [name for name in type(self).__dict__ if name.startswith("pytest_")]

    def equip(self, trial: Trial) -> None:
        """Give a test the waivers of its contracts."""
        if not self.waivers or self.config.option.mlspec_plan:
            return
        from pytest_mlspec.plugin.waiving import standing_of

        nodeid = stable_nodeid(trial.item)
        asked = [(contract.index, contract.id, contract.kind) for contract in trial.contracts]
        if trial.asked is not None and trial.asked.labelled:
            asked.append((-1, "", "satisficing"))  # its literals
        for index, contract_id, kind in asked:
            standing = standing_of(self.waivers, nodeid, contract_id, kind, self.config)
            if standing is not None:
                trial.recorder.waivers[index] = standing

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that skipped itself: its tests are not gone."""
        if report.skipped:
            self.unseen.add(report.nodeid)

    @pytest.hookimpl(tryfirst=True)  # before -k and -m leave tests out
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self.items = list(items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what was collected, tests left out included."""
        self.finished = not session.testsfailed
        self.tests = {stable_nodeid(item) for item in self.items}
        found = ((stable_nodeid(item), item.stash.get(ASKED, None)) for item in self.items)
        asked = [(nodeid, marks.contracts, marks.labelled) for nodeid, marks in found if marks is not None]
        self.contracts = set(contracts_of(asked))
        self.tracked = {
            key_of(nodeid, contract)
            for nodeid, contracts, _ in asked
            for contract in contracts
            if contract.kind == OPTIMIZING
        }
        self.items = []

    def collected(self) -> Collected | None:
        """What this run collected; ``None`` where it did not get so far."""
        return make(self.config, self.tests, self.contracts, self.unseen) if self.finished else None

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Take what an xdist worker collected."""
        told = getattr(node, "workeroutput", {}).get(OUTPUT)
        if told is not None:
            self.finished = True
            self.tests.update(told["tests"])
            self.contracts.update((nodeid, contract_id, kind) for nodeid, contract_id, kind in told["contracts"])
            self.tracked.update(told["tracked"])
            self.unseen.update(told["unseen"])

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tell the controller, or look after the files."""
        config = self.config
        output: dict[str, object] | None = getattr(config, "workeroutput", None)
        if output is not None:
            if self.finished:
                output[OUTPUT] = {
                    "tests": sorted(self.tests),
                    "contracts": sorted(map(list, self.contracts)),
                    "tracked": sorted(self.tracked),
                    "unseen": sorted(self.unseen),
                }
            return
        option = config.option
        if option.collectonly or option.mlspec_list or option.mlspec_plan:
            return
        collected = self.collected()
        if collected is not None and self.waivers:
            self._refuse_unknown(session, collected)
        self._keep_record(session, collected)

    def _keep_record(self, session: pytest.Session, collected: Collected | None) -> None:
        """Write the record where asked, else say what could be written."""
        from pytest_mlspec.plugin import tracking

        run = self.reporter.run
        gone = tracking.stale(self.record, self.tracked, collected) if collected is not None else []
        if self.config.option.mlspec_update and session.exitstatus in WRITES:
            removed = gone if collected is not None and collected.everything else []
            try:
                run.notes.extend((line, "") for line in tracking.write(self.config, self.record, run.rows, removed))
            except (OSError, ValueError) as error:
                run.notes.append((f"{self.config.getini('mlspec_record')} could not be written: {error}", "red"))
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
            gone = [key for key in gone if key not in removed]
        else:
            run.notes.extend((line, "") for line in tracking.offer_lines(run.rows))
        run.notes.extend((line, "yellow") for line in tracking.stale_lines(gone, self.config))
        if gone:
            run.facts["stale_records"] = gone

    def _refuse_unknown(self, session: pytest.Session, collected: Collected) -> None:
        from pytest_mlspec.plugin.waiving import unknown_lines

        lines = unknown_lines(self.waivers, collected, str(self.config.getini("mlspec_waivers")))
        self.reporter.run.notes.extend((line, "red") for line in lines)
        if lines:
            self.reporter.run.facts["unknown_waivers"] = lines
            if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
