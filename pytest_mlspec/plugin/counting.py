"""The ledger of the run: checked before anything trains, asked by every judgement, shown at the end or by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_mlspec import options

if TYPE_CHECKING:
    from pytest_mlspec.options.settings import Settings
    from pytest_mlspec.records.ledger import Ledger
    from pytest_mlspec.records.reads import Reads
    from pytest_mlspec.report.run import Run

HOW = "name its file in the project's configuration, as in mlspec_ledger = .mlspec/ledger.sqlite"


def ledger_of(config: pytest.Config, settings: Settings) -> Ledger:
    """The ledger of the project; its path is relative to the root of the run."""
    from pytest_mlspec.records.ledger import Ledger

    assert settings.ledger is not None
    return Ledger(Path(config.rootpath, settings.ledger))


def start(config: pytest.Config) -> None:
    """Refuse a run whose reads could not be counted, before anything is trained.

    Raises:
        pytest.UsageError: there is no ledger to be shown or to keep the scores of a ladder; its file is none, is
            damaged or cannot be written.
    """
    settings = options.configured(config)
    if settings.ledger is None:
        if config.option.mlspec_ledger is not None:
            raise pytest.UsageError(f"--mlspec-ledger={config.option.mlspec_ledger} needs a ledger: {HOW}")
        if settings.ladder is not None:
            raise pytest.UsageError(f"mlspec_ladder={settings.ladder:g} needs a ledger to keep what was told: {HOW}")
        return
    try:
        if config.option.mlspec_ledger is None:
            ledger_of(config, settings).check()
    except (ValueError, OSError) as error:
        raise _refused(settings, error) from error


def _refused(settings: Settings, error: Exception) -> pytest.UsageError:
    words = error.strerror if isinstance(error, OSError) and error.strerror else error
    return pytest.UsageError(f"mlspec_ledger={settings.ledger}: {words}")


def reads_of(item: pytest.Item) -> Reads | None:
    """Who counts the reads of a test, if anybody does; a search by Hypothesis claims no error rate: not counted."""
    settings = options.configured(item.config)
    if settings.ledger is None:
        return None
    from pytest_mlspec.records.reads import Reads

    searched = bool(getattr(getattr(item, "obj", None), "is_hypothesis_test", False))
    ledger = ledger_of(item.config, settings)
    return Reads(ledger=ledger, budget=settings.budget, step=settings.ladder, counts=not searched)


def answer(config: pytest.Config) -> list[str]:
    """What ``--mlspec-ledger=show`` or ``=export`` prints; nothing is run or written.

    Raises:
        pytest.UsageError: no ledger is configured, or its file is none or is damaged.
    """
    start(config)
    settings = options.configured(config)
    try:
        entries = ledger_of(config, settings).export()
    except (ValueError, OSError) as error:
        raise _refused(settings, error) from error
    if config.option.mlspec_ledger == "export":
        return [json.dumps(entries, indent=2)]
    from pytest_mlspec.report.ledger import table

    return table(list(entries))


def note(config: pytest.Config, run: Run) -> None:
    """Put down how often the test sets of this run were read, or that nobody counts."""
    from pytest_mlspec.report.ledger import NOT_COUNTED, summary

    settings = options.configured(config)
    if settings.ledger is None:
        lines = [NOT_COUNTED]
    else:
        try:
            lines = summary(run.rows, list(ledger_of(config, settings).export()))
        except (ValueError, OSError) as error:  # it was sound when the tests read it
            lines = [str(_refused(settings, error))]
    run.notes.extend((line, "") for line in lines)
    run.facts["reads"] = lines
