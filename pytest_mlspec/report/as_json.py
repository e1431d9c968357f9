"""The JSON file: every verdict of a run under a versioned schema."""

from __future__ import annotations

import json
from pathlib import Path

from pytest_mlspec.report.rows import plain
from pytest_mlspec.report.run import Run
from pytest_mlspec.report.suite import summary

SCHEMA = "pytest-mlspec/1"


def as_json(run: Run, *, version: str, exit_code: int) -> str:
    """The run as JSON text; numbers that JSON cannot say (NaN, infinity) are null.

    Keys: ``schema``, ``version``, ``exit_code``, ``development`` (reasons, empty for a full run), ``tally``,
    ``ensembles`` and ``requirements`` (one object per requirement, worst verdict first).
    """
    document = {
        "schema": SCHEMA,
        "version": version,
        "exit_code": exit_code,
        "development": run.development(),
        "confidence": run.declared_confidence,
        "tally": run.tally(),
        "ensembles": run.ensembles,
        "requirements": run.ordered(),
        "suite": summary(run),
        **run.facts,
    }
    return json.dumps(plain(document), indent=2, allow_nan=False) + "\n"


def write(path: str, text: str) -> None:
    """Write a report, with the folders that it needs."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
