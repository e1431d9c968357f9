"""Saving a baseline: the predictions of every test as they come, one folder at the end of a run that finished.

Registered only where ``--mlspec-save`` or ``--mlspec-baseline`` asks for it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_mlspec.fixtures.baselines import baseline_of, folder_of, records_of
from pytest_mlspec.options import configured
from pytest_mlspec.plugin import FIRST, TRIAL

if TYPE_CHECKING:
    from pytest_mlspec.plugin.trials import Trial
    from pytest_mlspec.predictions import Predictions
    from pytest_mlspec.records.baseline_file import Document
    from pytest_mlspec.report.rows import Row
    from pytest_mlspec.requirements.guard import Conclusion

_OUTPUT = "mlspec_baseline"
_ENDS = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


def start(config: pytest.Config) -> None:
    """Check what was asked before anything trains, and save where that was asked.

    Raises:
        pytest.UsageError: a name that is none, or a baseline that is not there or cannot be read.
    """
    asked = configured(config)
    if asked.baseline is not None:
        folder_of(config)
        baseline_of(config)
    if asked.save is None or asked.list or asked.plan or config.option.collectonly:
        return
    from pytest_mlspec.records.baseline_file import check_name

    try:
        folder = records_of(config) / check_name(asked.save)
    except ValueError as error:
        raise pytest.UsageError(f"--mlspec-save: {error}") from error
    config.pluginmanager.register(BaselineSaver(config, folder), "mlspec-baseline")


class BaselineSaver:
    """Hears of all predictions while tests run and makes a baseline of them; under xdist the controller assembles."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        from pytest_mlspec.records.saving import Part

        self.config = config
        self.folder = folder
        self.worker: dict[str, object] | None = getattr(config, "workerinput", None)
        self.part = Part(folder, _part_name(self.worker))
        self.heard: dict[int, Predictions] = {}
        self.parts: list[tuple[Path, list[Document]]] = []
        self.fault = ""
        self.line = ("", "")
        self._listening = ExitStack()

    def __dir__(self) -> list[str]:
        return [name for name in type(self).__dict__ if name.startswith("pytest_")]

    def pytest_sessionstart(self) -> None:
        from pytest_mlspec.predictions.asking import listening

        self._listening.enter_context(listening(self._hear))

    def _hear(self, predictions: Predictions) -> None:
        self.heard[id(predictions)] = predictions

    # ---- one test --------------------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        __tracebackhide__ = True
        try:
            return (yield)
        finally:
            self._ask_models(item)
            searched = bool(getattr(getattr(item, "obj", None), "is_hypothesis_test", False))
            self._write(searched=searched)

    def _ask_models(self, item: pytest.Item) -> None:
        """Let the models of a test that met no baseline say what the comparison will need next time."""
        from pytest_mlspec.data import Dataset
        from pytest_mlspec.predictions import Predictions
        from pytest_mlspec.predictions.asking import predict
        from pytest_mlspec.records.baselines import Baseline
        from pytest_mlspec.training import Ensemble

        trial = item.stash.get(TRIAL, None)
        lacking = [] if trial is None else trial.recorder.lacking
        for data in [one.data for one in lacking if isinstance(one.data, Dataset)]:
            for given in dict(getattr(item, "funcargs", None) or {}).values():
                if isinstance(given, Predictions) and given.base.data.fingerprint == data.fingerprint:
                    self._hear(given.base)
                elif isinstance(given, Ensemble) or (hasattr(given, "predict") and not isinstance(given, Baseline)):
                    try:
                        predict(given, data)
                    except Exception:
                        continue

    def _write(self, *, searched: bool) -> None:
        """Write what was heard; of a search by Hypothesis not the thousands of datasets that it made."""
        heard, self.heard = list(self.heard.values()), {}
        for predictions in heard:
            if self.fault or (searched and predictions.base.data.perturbations):
                continue
            try:
                self.part.add(predictions)
            except (OSError, ValueError) as error:
                self.fault = f"{type(error).__name__}: {error}"

    # ---- the whole run ---------------------------------------------------------------------------------------------

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object, error: object) -> None:
        told = getattr(node, "workeroutput", {}).get(_OUTPUT)
        worker = getattr(node, "workerinput", {})
        if not isinstance(told, str):
            self.parts.append((self.folder / f".part-{_part_name(worker)}", []))
            self.fault = self.fault or f"the worker {worker.get('workerid', '')} did not finish ({error})"
            return
        document = json.loads(told)
        self.parts.append((Path(document["folder"]), document["entries"]))
        self.fault = self.fault or str(document["fault"])

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
        self._listening.close()
        if self.worker is not None:
            output: dict[str, object] = self.config.workeroutput  # type: ignore[attr-defined]
            told = {"folder": str(self.part.folder), "entries": self.part.entries, "fault": self.fault}
            output[_OUTPUT] = json.dumps(told)
            return
        self.parts.append((self.part.folder, self.part.entries))
        stopped = session.shouldfail or session.shouldstop or getattr(session, "testscollected", 1) == 0
        why = self.fault or ("the run did not finish" if exitstatus not in _ENDS or stopped else "")
        if not why and not any(entries for _, entries in self.parts):
            why = "no model was asked anything"
        if not why:
            why = self._assemble()
        if why:
            from pytest_mlspec.records.saving import discard

            discard(part for part, _ in self.parts)
            self.line = (f"baseline {self.folder.name} NOT SAVED: {why}", "red")
            if exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _assemble(self) -> str:
        """Make the baseline; why it could not be made, or nothing."""
        from pytest_mlspec import __version__
        from pytest_mlspec.records.saving import assemble
        from pytest_mlspec.report.rows import plain

        reporter = self.config.pluginmanager.get_plugin("mlspec-run")
        rows: list[Row] = reporter.run.rows if reporter is not None else []
        unseen = self._replaces_unseen(rows)
        try:
            scores = plain([{name: row.get(name) for name in _SCORES} for row in rows])
            assert isinstance(scores, list)
            entries, gone = assemble(self.folder, self.parts, scores, __version__)
        except (OSError, ValueError) as error:
            return f"{type(error).__name__}: {error}"
        counted = " on ".join(_counted(entries, *what) for what in (("model", "model"), ("data", "dataset")))
        bad = sum(row["verdict"] == "violated" and not row.get("standing") for row in rows)
        though = f", though {bad} requirement{'s are' if bad != 1 else ' is'} violated" if bad else ""
        lost = f"; the one before also held {', '.join(gone[:3])}{', ...' if len(gone) > 3 else ''}" if gone else ""
        colour = "yellow" if bad or gone or unseen else ""
        self.line = (f"baseline {self.folder.name} saved: {counted}{though}{lost}{unseen}", colour)
        return ""

    def _replaces_unseen(self, rows: list[Row]) -> str:
        """What is said where models that should have been compared take the place of a baseline that was not read."""
        from pytest_mlspec.records.baseline_file import INDEX
        from pytest_mlspec.report.rows import FIRST_BASELINE

        name = self.folder.name
        waits = any(row.get("standing") == FIRST_BASELINE for row in rows)
        if not waits or not (self.folder / INDEX).is_file():
            return ""
        return (
            "; in the place of the one before, with which nothing was compared "
            f"(--mlspec-baseline={name} --mlspec-save={name} does both)"
        )

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        line, colour = self.line
        if line:
            terminalreporter.write_line(line, **({colour: True} if colour else {}))


def _counted(entries: list[Document], key: str, word: str) -> str:
    number = len({str(entry[key]) for entry in entries})
    return f"{number} {word}" + ("s" if number != 1 else "")


_SCORES = ("test", "id", "kind", "claim", "verdict", "value", "low", "high", "confidence", "n", "model", "dataset")


def _part_name(worker: object) -> str:
    if isinstance(worker, dict):
        return f"{worker.get('testrunuid', '')}-{worker.get('workerid', '')}"
    return f"{os.getpid()}-{os.urandom(4).hex()}"


def settled_as_first(
    call: pytest.CallInfo[None], report: pytest.TestReport, trial: Trial, conclusion: Conclusion
) -> bool:
    """Whether a test only lacks the baseline that this run makes: then it has that outcome, neither met nor failed."""
    lacking = trial.recorder.lacking
    met_none = call.excinfo is not None and any(call.excinfo.value is one.error for one in lacking)
    if not all(one.first for one in lacking) or conclusion.error() is not None:
        if met_none and report.failed:  # a traceback of this package would say nothing more
            path, line, name = report.location
            report.longrepr = "\n".join([str(lacking[0].error), f"{path}:{(line or 0) + 1}: {name}"])
        return False
    if call.excinfo is not None and not met_none:
        return False
    if hasattr(report, "wasxfail"):
        del report.wasxfail
    message = f"first baseline: {lacking[0].why}"
    setattr(report, FIRST, message)
    report.outcome = "skipped"
    path, line, _ = report.location
    report.longrepr = (path, (line or 0) + 1, message)
    return True
