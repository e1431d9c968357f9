"""The whole run: rows gathered as reports come in, shown and written once at the end.

Every run loads this module; what gathers and shows is imported with the first row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlspec import options

if TYPE_CHECKING:
    from pytest_mlspec.report.run import Run

NAME = "mlspec-run"
UNMEETABLE = "mlspec_unmeetable"
"""Where an xdist worker, which shows nothing itself, leaves its lines about gates that cannot pass."""


class RunReporter:
    """Gathers the rows of every report, those of xdist workers included, and shows them at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self._run: Run | None = None

    def __dir__(self) -> list[str]:
        return [name for name in type(self).__dict__ if name.startswith("pytest_")]

    @property
    def run(self) -> Run:
        """What was gathered so far."""
        if self._run is None:
            from pytest_mlspec.report.run import Run

            asked = options.configured(self.config)
            self._run = Run(confidence=asked.terms.confidence, declared_confidence=asked.declared_confidence)
        return self._run

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        last = report.when == "call" or (report.when == "setup" and not report.passed)
        if last and any(name.startswith("mlspec") for name, _ in report.user_properties):
            self.run.read(report.nodeid, report.user_properties)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Take the lines of an xdist worker into the summary."""
        lines = getattr(node, "workeroutput", {}).get(UNMEETABLE, ())
        if lines:
            self.run.notes.extend((str(line), "yellow") for line in lines)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._run is None or not (self.run.rows or self.run.notes):
            return
        from pytest_mlspec.report.text import summary_lines

        terminalreporter.write_sep("=", "mlspec")
        for line, colour in summary_lines(self.run, verbose=self.config.get_verbosity() > 0):
            terminalreporter.write_line(line, **({colour: True} if colour else {}))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        option = self.config.option
        if hasattr(self.config, "workerinput"):
            return
        if self._run is not None and self._run.rows:
            from pytest_mlspec.plugin import counting
            from pytest_mlspec.plugin.unmeetable import write_notes

            counting.note(self.config, self._run)
            write_notes(self.config, self._run.rows, makes_folder=bool(self._run.ensembles))
        if option.mlspec_json:
            from pytest_mlspec import __version__
            from pytest_mlspec.report.as_json import as_json, write

            write(option.mlspec_json, as_json(self.run, version=__version__, exit_code=int(session.exitstatus)))
        if option.mlspec_markdown:
            from pytest_mlspec.report.as_json import write
            from pytest_mlspec.report.as_markdown import as_markdown

            write(option.mlspec_markdown, as_markdown(self.run))
