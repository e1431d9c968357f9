"""Runs the full simulations and prints their table when asked: ``python -m pytest tests/validity --validity-table``."""

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
        help="run the full-size validity simulations too and print the table of measured error rates",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow_validity: full-size simulation, runs only with --validity-table")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the full-size simulations out unless the table, or their marker by name, was asked for."""
    if _table_wanted(config) or "slow_validity" in config.getoption("markexpr", default=""):
        return
    slow = [item for item in items if item.get_closest_marker("slow_validity")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in set(slow)]


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
    for line in table.render(rows):
        terminalreporter.write_line(line)


def _table_wanted(config: pytest.Config) -> bool:
    # A conftest of a folder that was not named on the command line is read after the options were parsed.
    return bool(config.getoption("validity_table", default=False))
