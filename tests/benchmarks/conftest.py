"""Prints what the benchmarks measured, as one table: pytest -m benchmark -s tests/benchmarks"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib import metadata

import pytest

from tests.benchmarks import ratio

_PROPERTY = "benchmark_row"


@pytest.fixture
def hold(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Puts rows down, as plain values that cross process borders, and holds each to its bar."""

    def hold(*rows: ratio.Row) -> None:
        for row in rows:
            record_property(_PROPERTY, asdict(row))
        missed = [row for row in rows if not row.holds]
        assert not missed, "\n".join(ratio.render(missed))

    return hold


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = [
        ratio.Row(**value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in getattr(report, "user_properties", ())
        if name == _PROPERTY
    ]
    if not rows:
        return
    terminalreporter.section("benchmarks: ratios of costs measured in turn")
    for line in [*ratio.render(rows), "", _machine()]:
        terminalreporter.write_line(line)


def _machine() -> str:
    busy = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    versions = ", ".join(f"{name} {_version(name)}" for name in ("pytest", "numpy", "scikit-learn", "netcal"))
    return (
        f"Processor time of the process, median of paired runs, unless a row says wall time. {_processor()}, "
        f"{os.cpu_count()} cores, no GPU used{busy}; Python {platform.python_version()} on {sys.platform}, {versions}."
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"
