"""Prints the measured error rates of the bounds when asked, those of the full simulations included:

python -m pytest tests/validity -m "slow_validity or not slow_validity" --validity-table
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest

from tests.validity import table

_PROPERTY = "validity_row"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--validity-table",
        action="store_true",
        default=False,
        help="print the table of measured error rates of all bounds",
    )


@pytest.fixture(autouse=True)
def validity_rows(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Carry the rows of each test in its report, as plain values that cross process borders."""
    table.ROWS.clear()
    yield
    for row in table.ROWS:
        record_property(_PROPERTY, asdict(row))
    table.ROWS.clear()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not _table_wanted(config):
        return
    rows = [
        table.Row(**value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "teardown"
        for name, value in getattr(report, "user_properties", ())
        if name == _PROPERTY
    ]
    terminalreporter.section("validity: measured rates of wrong verdicts")
    for line in [*table.render(rows), "", *table.render_worst(rows)]:
        terminalreporter.write_line(line)


def _table_wanted(config: pytest.Config) -> bool:
    # A conftest of a folder that was not named on the command line is read after the options were parsed.
    return bool(config.getoption("validity_table", default=False))
